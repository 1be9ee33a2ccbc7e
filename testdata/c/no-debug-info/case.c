// Nothing to encode.
//#debug: none
//#dwarf: 5
//#exit: 1
int f(int a) { return a; }
