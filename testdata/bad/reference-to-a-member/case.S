// A reference to a DIE that is no type.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: CU 0
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
	DIE_STRUCT S, 4
2:	DIE_MEMBER a, 1b, 0
	DIE_END
	DIE_POINTER 2b
	UNIT_END 1
	ABBREVIATIONS
