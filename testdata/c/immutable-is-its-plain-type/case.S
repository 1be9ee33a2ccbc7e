// Qualifiers that BTF has no kind for are looked through.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT 'S' size=8 vlen=2 ('a' type_id=$int) ('b' type_id={CONST type_id=$int})
//#expect: INT 'int' #$int
#include "../dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
2:	DIE_IMMUTABLE 1b
3:	DIE_CONST 2b
	DIE_STRUCT S, 8
	DIE_MEMBER a, 2b, 0
	DIE_MEMBER b, 3b, 4
	DIE_END
	UNIT_END 1
	ABBREVIATIONS
