// A bound that is only known at run time counts as 0.
//#opt: -O0
//#expect: ARRAY type_id={STRUCT 'element'} nr_elems=0
struct element { int a; };
int f(int n)
{
	struct element list[n];
	list[0].a = n;
	return list[n - 1].a;
}
