// A reference to the middle of a DIE.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: CU 0
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
	DIE_POINTER 1b+2
	UNIT_END 1
	ABBREVIATIONS
