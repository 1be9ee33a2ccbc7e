// Names that begin with the prefix of `--kabi_prefix` are cut to it, whatever they name: what is held in reserve has a
// name with a number in it that each build counts anew. What then has the same name is the same type, and a function or
// variable has no symbol of that name any more, unless it is named so in full.
//#run: --kabi-prefix held_
//#expect: STRUCT 's' size=24 vlen=3
//#expect:   'x' type_id={INT 'int'} bits_offset=0
//#expect:   'held_' type_id={INT 'int'} bits_offset=32
//#expect:   '(anon)' type_id={UNION '(anon)'} bits_offset=64
struct s { int x; int held_1; union { long y; struct { short z[4]; long more; } held_17; }; } s;
//#expect: UNION '(anon)' size=16 vlen=2
//#expect:   'y' type_id={INT} bits_offset=0
//#expect:   'held_' type_id={STRUCT '(anon)'} bits_offset=0
//#expect: STRUCT 'held_' size=4 vlen=1
struct held_2 { int q; } held_a;
struct held_3 { int q; } held_b;
//#expect: ENUM 'e' size=4 vlen=2
//#expect:   'E' val=0
//#expect:   'held_' val=1
enum e { E, held_E } e;
//#expect: TYPEDEF 'held_' type_id={INT 'unsigned int'}
typedef unsigned held_t;
held_t *p;
//#expect: FUNC 'f' type_id={FUNC_PROTO '(anon)' vlen=2}
int f(int held_x, int y) { return held_x + y; }
//#expect: FUNC 'held_'
int held_(int x) { return x; }
//#reject: FUNC 'held_f'
int held_f(int x) { return x; }
//#reject: STRUCT 'held_2'
//#reject: TYPEDEF 'held_t'
