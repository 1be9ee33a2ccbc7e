// DW_FORM_indirect names its form in the DIE; here a hundred times over.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
	.section .debug_info,"",@progbits
	.long 2f - 1f
1:	.short 5
	.byte 1, 8
	.long 0
	.uleb128 1
	.asciz "unit.c"
	.byte 0x1d
	.uleb128 2
	.fill 100, 1, 0x16
2:	.section .debug_abbrev,"",@progbits
	.uleb128 1, 0x11
	.byte 1
	.uleb128 0x03, 0x08, 0x13, 0x0b, 0, 0
	.uleb128 2, 0x24
	.byte 0
	.uleb128 0x03, 0x16, 0, 0
	.byte 0
	.text
	.globl anchor
anchor:
