// Objects of machines that tests rarely run on: relocations, pointer sizes and byte
// orders of their own. (riscv64 computes even lengths in debug info by pairs of
// relocations.)
//#compilers: clang
//#targets: i686 mips powerpc64le riscv64
//#link: object

//#expect: STRUCT 's' #$s vlen=4
//#expect:   'a' type_id={INT 'int' size=4} bits_offset=0
//#expect:   'next' type_id={PTR type_id=$s}
//#expect:   'bits' bitfield_size=5
//#expect:   'callback' type_id={PTR type_id={FUNC_PROTO ret_type_id={INT 'int'} vlen=2 ('(anon)' type_id={PTR type_id=$s}) ('(anon)' type_id={void})}}
//#expect(i686): STRUCT 's' size=16 ('next' bits_offset=32) ('bits' bits_offset=64) ('callback' bits_offset=96)
//#expect(mips): STRUCT 's' size=16 ('next' bits_offset=32) ('bits' bits_offset=64) ('callback' bits_offset=96)
//#expect(riscv64): STRUCT 's' size=32 ('next' bits_offset=64) ('bits' bits_offset=128) ('callback' bits_offset=192)
//#expect(powerpc64le): STRUCT 's' size=32 ('next' bits_offset=64) ('bits' bits_offset=128) ('callback' bits_offset=192)
//#expect(loongarch64): STRUCT 's' size=32 ('next' bits_offset=64) ('bits' bits_offset=128) ('callback' bits_offset=192)
//#expect(aarch64): STRUCT 's' size=32 ('next' bits_offset=64) ('bits' bits_offset=128) ('callback' bits_offset=192)
//#expect(arm): STRUCT 's' size=16 ('next' bits_offset=32) ('bits' bits_offset=64) ('callback' bits_offset=96)
struct s {
	int a;
	struct s *next;
	unsigned bits : 5;
	int (*callback)(struct s *, ...);
} s;

//#expect: VAR 's' type_id={STRUCT 's'} linkage=global
//#expect: VAR 'counter' #$counter type_id={INT 'int'} linkage=static
//#expect: DATASEC '.data..percpu' vlen=1 (type_id=$counter offset=0 size=4)
__attribute__((section(".data..percpu"))) static int counter = 1;

//#expect: FUNC 'first' type_id={FUNC_PROTO ret_type_id={INT 'int'} vlen=2 ('p' type_id={PTR type_id={STRUCT 's'}}) ('n' type_id={INT 'long'})}
int first(struct s *p, long n)
{
	return p->a + n + counter++;
}
//#expect: FUNC 'second' type_id={FUNC_PROTO ret_type_id={void} vlen=1}
void second(struct s *p)
{
	if (p->next)
		p->callback(p->next, first(p, 2));
}
//#run: --features global_var,default
