// Typedefs in a circle without a pointer: no such type can exist.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_TYPEDEF A, 2f
2:	DIE_TYPEDEF B, 1b
	DIE_STRUCT S, 8
	DIE_MEMBER a, 1b, 0
	DIE_END
	UNIT_END 1
	ABBREVIATIONS
