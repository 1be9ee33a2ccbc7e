// A unit of DWARF 9.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: 9
	.section .debug_info,"",@progbits
	.long 2f - 1f
1:	.short 9
	.byte 1, 8
	.long 0
	.uleb128 1
	.asciz "unit.c"
	.byte 0x1d, 0
2:
#include "../../c/dwarf.inc"
	ABBREVIATIONS
