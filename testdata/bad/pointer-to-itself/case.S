// A pointer to itself, without any name: C cannot write it. The encoder finds cycles
// by the names in them, so this is an error, and not an endless search.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: cycle without a name
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_POINTER 1b
	DIE_STRUCT S, 8
	DIE_MEMBER a, 1b, 0
	DIE_END
	UNIT_END 1
	UNIT_BEGIN 2
	DIE_STRUCT S, 8
	DIE_MEMBER a, 1f, 0
	DIE_END
1:	DIE_POINTER 2f
2:	DIE_POINTER 1b
	UNIT_END 2
	ABBREVIATIONS
