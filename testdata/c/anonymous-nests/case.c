// Structs and unions without a name inside others keep their place.
//#expect: STRUCT 'outer' size=24 vlen=3
//#expect:   'tag' type_id={INT 'int'} bits_offset=0
//#expect:   '(anon)' type_id={UNION '(anon)' size=8 vlen=2 ('whole') ('(anon)' type_id={STRUCT '(anon)' size=8 vlen=2 ('low') ('high' bits_offset=32)})} bits_offset=64
//#expect:   'named' type_id={STRUCT '(anon)' size=8 vlen=1 ('self' type_id={PTR type_id={STRUCT 'outer'}})} bits_offset=128
struct outer {
	int tag;
	union {
		long long whole;
		struct { int low, high; };
	};
	struct { struct outer *self; } named;
} outer;
//#expect: TYPEDEF 'unnamed_t' type_id={STRUCT '(anon)' size=4 vlen=1 ('x')}
typedef struct { int x; } unnamed_t;
unnamed_t unnamed;
//#expect: STRUCT 'empty' size=0 vlen=0
struct empty {} empty;
//#expect: STRUCT 'aligned' size=64 vlen=1
struct aligned { int a; } __attribute__((aligned(64))) aligned;
