// Debug sections compressed with zlib or zstd (SHF_COMPRESSED).
//#link: object executable
//#needs: objcopy>=2.40
//#variant zlib: objcopy --compress-debug-sections=zlib @
//#variant zstd: objcopy --compress-debug-sections=zstd @
//#expect: STRUCT 's' size=16 vlen=2 ('a' bits_offset=0) ('next' type_id={PTR type_id={STRUCT 's'}})
//#expect: FUNC 'a_function_with_a_rather_long_name' type_id={FUNC_PROTO vlen=2}
struct s { int a; struct s *next; };
int a_function_with_a_rather_long_name(struct s *first_parameter, int second_parameter)
{
	return first_parameter->a + second_parameter;
}
// Something worth compressing.
enum { AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB,
       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC, AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD } e;
