int out(int a) { return a; }
int __attribute__((weak)) split(int weak) { return out(weak) + 1; }
