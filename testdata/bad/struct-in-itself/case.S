// A struct that contains itself: every offset is as DWARF says, nothing recurses.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT 'S' #$s size=8 vlen=2 ('a' type_id=$s) ('b' type_id=$s)
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_STRUCT S, 8
	DIE_MEMBER a, 1b, 0
	DIE_MEMBER b, 1b, 0
	DIE_END
	UNIT_END 1
	ABBREVIATIONS
