// A definition with an unnamed parameter, as C23 allows, has no FUNC: the kernel
// wants every parameter of one named.
//#reject: FUNC 'unnamed'
int unnamed(int a, int) { return a; }
//#expect: FUNC 'named'
int named(int a, int b) { return a; }
