// A CU with two structs of one name has its types compared as graphs, each DIE on its own: of those there may be more
// than the 1,048,575 types that a kernel takes, as in an LTO image, whose units are read as one.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT 'S' #$one size=4 vlen=1 ('a' type_id={INT 'int'})
//#expect: STRUCT 'S' #$two size=8 vlen=1 ('b' type_id={PTR type_id=$one})
//#expect: PTR type_id=$two
//#types: 5
#include "../dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
2:	DIE_STRUCT S, 4
	DIE_MEMBER a, 1b, 0
	DIE_END
	.rept 1050000
3:	DIE_POINTER 2b
	.endr
4:	DIE_STRUCT S, 8
	DIE_MEMBER b, 3b, 0
	DIE_END
	DIE_POINTER 4b
	UNIT_END 1
	ABBREVIATIONS
