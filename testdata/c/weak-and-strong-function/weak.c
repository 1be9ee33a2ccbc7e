int __attribute__((weak)) f(int weak) { return weak + 1; }
