// A DIE with an abbreviation code that the table does not have.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: CU 0
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
	DIE_BASE int, 4, 5
	.uleb128 99
	UNIT_END 1
	ABBREVIATIONS
