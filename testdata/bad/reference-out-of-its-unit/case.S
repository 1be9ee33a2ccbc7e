// A reference to an offset beyond the unit.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: CU 0
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
	.uleb128 3		# DW_TAG_pointer_type
	.long 0x1000
	UNIT_END 1
	ABBREVIATIONS
