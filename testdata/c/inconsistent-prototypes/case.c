// One name with two prototypes (here a weak and a strong definition, as with two
// inlines of a header that changes with configuration): no FUNC, unless the
// feature consistent_func is off. const makes no difference, except in void *.
//#sources: case.c weak.c
//#link: relocatable executable
struct s { int a; };
int returns(int a) { return a; }
int parameter(struct s *p) { return p->a; }
int count(int a, int b) { return a + b; }
int const_differs(const char *p) { return *p; }
int const_void_differs(const void *p) { return *(const char *)p; }
int same(struct s *p, int n) { return p->a + n; }
//#expect: FUNC 'const_differs'
//#expect: FUNC 'same' type_id={FUNC_PROTO ('p') ('n')}
//#run: --features default
//#reject: FUNC 'returns'
//#reject: FUNC 'parameter'
//#reject: FUNC 'count'
//#reject: FUNC 'const_void_differs'
//#run: --features encode_force
//#expect: FUNC 'returns' type_id={FUNC_PROTO ret_type_id={INT 'int'}}
//#expect: FUNC 'count' type_id={FUNC_PROTO vlen=2}
//#expect: FUNC 'parameter'
//#expect: FUNC 'const_void_differs'
