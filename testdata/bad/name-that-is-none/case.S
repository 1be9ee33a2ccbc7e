// A struct with a name that C cannot write is left out, and the DIE that has it is told.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: STRUCT '(anon)' size=4 vlen=1 ('a')
//#warn: DIE 0x1d: name is not
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
	DIE_STRUCT 9S, 4
	DIE_MEMBER a, 1b, 0
	DIE_END
	UNIT_END 1
	ABBREVIATIONS
