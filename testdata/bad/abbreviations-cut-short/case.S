// An abbreviation table that ends within a declaration.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
	DIE_BASE int, 4, 5
	UNIT_END 1
	.section .debug_abbrev,"",@progbits
	ABBREV 1, 0x11, 1
	ATTR 0x03, 0x08
	.uleb128 0x13
	.text
	.globl anchor
anchor:
