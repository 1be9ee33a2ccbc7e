// BTF is in the byte order of its target, with the 24-byte header that old readers
// of foreign-endian BTF insist on (every run of every case checks the header).
// Bit offsets of bitfields keep the target's numbering: from the most significant
// bit on big-endian machines.
//#targets: s390x aarch64 arm
//#dwarf: 3 4 5
//#count 1: STRUCT 'flags'

//#expect(!arm): STRUCT 'flags' size=24 vlen=5
//#expect(arm): STRUCT 'flags' size=12 vlen=5
//#expect: 'a' bits_offset=0 bitfield_size=3
//#expect: 'b' bits_offset=3 bitfield_size=7
//#expect: 'next' type_id={PTR type_id={STRUCT 'flags'}}
struct flags {
	unsigned a : 3;
	unsigned b : 7;
	unsigned short c;
	struct flags *next;
	char last;
} *flags;

// Plain char is unsigned on these three.
//#expect: VAR 'plain' type_id={INT 'char' size=1 encoding=(none)}
char plain;
//#run: --features global_var
