// A function cut into hot and cold parts has DW_AT_ranges in place of DW_AT_low_pc;
// it still has an entry, and its symbol is found by it (QUIRK-14): the strong
// definition's parameter names win over the weak one's.
//#compilers: gcc
//#sources: weak.c case.c
//#link: executable relocatable
//#expect: FUNC 'split' type_id={FUNC_PROTO ('strong' type_id={INT 'int'})}
int out(int);
int __attribute__((cold, noinline)) bad(int a) { return out(a) + 1; }
int split(int strong)
{
	if (__builtin_expect(strong > 1000, 0)) {
		bad(strong);
		bad(strong + 1);
		return bad(strong * 2);
	}
	return out(strong);
}
