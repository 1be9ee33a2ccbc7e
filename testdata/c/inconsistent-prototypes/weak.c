#define WEAK __attribute__((weak))
struct s { int a; };
struct t { int a; };
WEAK long returns(int a) { return a; }
WEAK int parameter(struct t *p) { return p->a; }
WEAK int count(int a) { return a; }
WEAK int const_differs(char *p) { return *p; }
WEAK int const_void_differs(void *p) { return *(char *)p; }
WEAK int same(struct s *q, int m) { return q->a + m; }
