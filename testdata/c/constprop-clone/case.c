// A clone that lost or changed parameters is no longer called as the source says:
// no FUNC. In a module, too, where addresses are offsets in sections (QUIRK-2).
//#compilers: gcc
//#link: object executable
int sink;

//#reject: FUNC 'lost_parameter'
static __attribute__((noinline)) int lost_parameter(int a, int same)
{
	sink ^= same;
	return a - sink;
}

struct pair { int a, b; };

//#reject: FUNC 'reads_one_field'
static __attribute__((noinline)) int reads_one_field(struct pair *p)
{
	sink++;
	return p->b;
}

//#expect: FUNC 'unchanged' type_id={FUNC_PROTO vlen=2 ('a' type_id={INT 'int'}) ('b' type_id={INT 'int'})}
static __attribute__((noinline)) int unchanged(int a, int b)
{
	return a * sink + b;
}

//#expect: FUNC 'caller' type_id={FUNC_PROTO ret_type_id={INT 'int'} vlen=2}
int caller(int a, struct pair *p)
{
	return lost_parameter(a, 7) + lost_parameter(a + 1, 7) + reads_one_field(p) +
	       reads_one_field(p + 1) + unchanged(a, 1) + unchanged(1, a);
}
