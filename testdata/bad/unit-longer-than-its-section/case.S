// A unit that says it is longer than its section.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
	.section .debug_info,"",@progbits
	.long 0x10000
	.short 5
	.byte 1, 8
	.long 0
	.uleb128 1
	.asciz "unit.c"
	.byte 0x1d, 0
#include "../../c/dwarf.inc"
	ABBREVIATIONS
