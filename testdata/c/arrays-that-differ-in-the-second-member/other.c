#ifdef SWAP
struct S { int a[4]; int b[4]; } *t;
#else
struct S { int a[4]; float b[4]; } *t;
#endif
