// A type that is looked through, of itself: looking through it never ends.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_IMMUTABLE 2f
2:	DIE_IMMUTABLE 1b
	DIE_STRUCT S, 8
	DIE_MEMBER a, 1b, 0
	DIE_END
	UNIT_END 1
	ABBREVIATIONS
