int out(int a) { return a; }
int __attribute__((weak)) split(int weak) { return weak > 5 ? out(weak) + 1 : out(3); }
