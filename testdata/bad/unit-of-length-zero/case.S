// Units of length 0 have no header: reading on from their end makes no progress.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
	.section .debug_info,"",@progbits
	.long 0, 0, 0, 0
#include "../../c/dwarf.inc"
	ABBREVIATIONS
