// A member that begins behind the end of its struct, which the kernel refuses: it is left out.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT 'S' size=4 vlen=1 ('a')
//#warn: CU 0
//#warn: behind the end of its struct
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
	DIE_STRUCT S, 4
	DIE_MEMBER a, 1b, 0
	DIE_MEMBER b, 1b, 8
	DIE_END
	UNIT_END 1
	ABBREVIATIONS
