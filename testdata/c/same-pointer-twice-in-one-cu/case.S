// A type that stands twice in a CU takes the place of the first of its DIEs, whichever of
// them is referred to first.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT 'S' size=8 vlen=1 ('a' type_id=2 bits_offset=0)
//#expect: PTR type_id=3
//#expect: INT 'int'
//#types: 3
#include "../dwarf.inc"
	UNIT_BEGIN 1
	DIE_STRUCT S, 8
	DIE_MEMBER a, 3f, 0
	DIE_END
	DIE_POINTER 2f
2:	DIE_BASE int, 4, 5
3:	DIE_POINTER 2b
	UNIT_END 1
	ABBREVIATIONS
