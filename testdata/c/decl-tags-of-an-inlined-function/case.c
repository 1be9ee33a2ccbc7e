// A function that is both inlined and emitted has its tags on the abstract instance
// only; they belong to its FUNC all the same (QUIRK-16).
//#compilers: clang
//#link: object executable
#define TAG(x) __attribute__((btf_decl_tag(x)))
int sink;
//#expect: FUNC 'both' #$f type_id={FUNC_PROTO vlen=2}
//#expect: DECL_TAG 'of_function' type_id=$f component_idx=-1
//#expect: DECL_TAG 'of_second' type_id=$f component_idx=1
//#count 2: DECL_TAG type_id=$f
TAG("of_function") int both(int a, TAG("of_second") int b)
{
	sink += a * b;
	return sink;
}
//#expect: FUNC 'caller'
int caller(int a) { return both(a, 1) + both(a, 2); }
