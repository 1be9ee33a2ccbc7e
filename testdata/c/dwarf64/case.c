// The 64-bit form of DWARF, with 8-byte lengths and offsets.
//#link: object relocatable executable
//#cflags: -gdwarf64
//#expect: STRUCT 's' size=16 vlen=2 ('a' bits_offset=0) ('next' type_id={PTR type_id={STRUCT 's'}})
//#expect: FUNC 'f' type_id={FUNC_PROTO vlen=2 ('p') ('n')}
struct s { int a; struct s *next; };
int f(struct s *p, int n) { return p->a + n; }
