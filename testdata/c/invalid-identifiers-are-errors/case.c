// See invalid-identifiers; without encode_force.
int f$x(int a) { return a; }
//#run: --features var
//#exit: 1
//#warn: f$x
