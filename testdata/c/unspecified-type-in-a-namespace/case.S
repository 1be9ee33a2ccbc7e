// An unspecified type has no BTF type wherever it stands, and the types after it keep
// their references (QUIRK-9).
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT 'S' size=8 vlen=2 ('a' type_id=$int bits_offset=0) ('b' type_id=$word bits_offset=32)
//#expect: INT 'int' #$int
//#expect: TYPEDEF 'word' #$word type_id=$int
//#expect: TYPEDEF 'null_t' type_id={void}
//#types: 4
#include "../dwarf.inc"
	UNIT_BEGIN 1
	DIE_NAMESPACE n
1:	DIE_UNSPECIFIED decltype_nullptr
	DIE_END
2:	DIE_BASE int, 4, 5
3:	DIE_TYPEDEF word, 2b
	DIE_STRUCT S, 8
	DIE_MEMBER a, 2b, 0
	DIE_MEMBER b, 3b, 4
	DIE_END
	DIE_TYPEDEF null_t, 1b
	UNIT_END 1
	ABBREVIATIONS
