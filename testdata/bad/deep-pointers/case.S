// A pointer to a pointer to a pointer ... a hundred thousand times: depth is data.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#count 100000: PTR
//#expect: STRUCT 'S' ('a' type_id={PTR type_id={PTR}})
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
	DIE_STRUCT S, 8
	DIE_MEMBER a, 1f, 0
	DIE_END
1:	.rept 100000
	.uleb128 3
	.long . + 4 - .Lunit1
	.endr
	DIE_BASE int, 4, 5
	UNIT_END 1
	ABBREVIATIONS
