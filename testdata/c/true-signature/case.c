// The feature true_signature describes a clone under its own name, with the
// parameters it kept: also where the one it lost stood in the middle (QUIRK-18).
//#compilers: gcc
//#link: object executable
//#reject: FUNC 'foo'
//#expect: FUNC 'foo.constprop.0' type_id={FUNC_PROTO vlen=2 ('a' type_id=$t) ('d' type_id=$t)}
struct t { int a; };
int sink;
static __attribute__((noinline)) int foo(struct t *a, int b, struct t *d)
{
	sink += b;
	return a->a - d->a + sink;
}
int caller(struct t *x, struct t *y) { return foo(x, 5, y) + foo(y, 5, x); }
//#run: --features true_signature,default
