// Types declared in functions, blocks and inlined functions are encoded like any.
//#expect: STRUCT 'in_function' vlen=1
//#expect: ENUM 'in_block' vlen=2
//#expect: STRUCT 'in_inline' vlen=1 ('y')
int sink;
static inline int inlined(int a)
{
	struct in_inline { int y; } i = { a };
	sink += i.y;
	return sink;
}
int f(int a)
{
	struct in_function { int x; } s = { a };
	struct in_function *volatile p = &s;
	{
		enum in_block { ONE, TWO } volatile e = a ? ONE : TWO;
		sink += e;
	}
	return p->x + inlined(a);
}
