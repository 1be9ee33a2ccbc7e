// The feature true_signature describes a clone under its own name, with the
// parameters it kept.
//#compilers: gcc
//#link: object executable
//#reject: FUNC 'foo'
struct t { int a; };
int sink;
static __attribute__((noinline)) int foo(struct t *a, int b, struct t *d)
{
	sink += b;
	return a->a - d->a + sink;
}
int caller(struct t *x, struct t *y) { return foo(x, 5, y) + foo(y, 5, x); }
//#run: --features true_signature,default
