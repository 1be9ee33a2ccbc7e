// A hundred thousand blocks, each within the one before: depth is data, not a stack.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: INT 'innermost'
	.section .debug_info,"",@progbits
	.long 2f - 1f
1:	.short 5
	.byte 1, 8
	.long 0
	.uleb128 1
	.asciz "unit.c"
	.byte 0x1d
	.fill 100000, 1, 3
	.uleb128 2
	.asciz "innermost"
	.byte 4, 5
	.fill 100000, 1, 0
	.byte 0
2:	.section .debug_abbrev,"",@progbits
	.uleb128 1, 0x11
	.byte 1
	.uleb128 0x03, 0x08, 0x13, 0x0b, 0, 0
	.uleb128 2, 0x24
	.byte 0
	.uleb128 0x03, 0x08, 0x0b, 0x0b, 0x3e, 0x0b, 0, 0
	.uleb128 3, 0x0b
	.byte 1
	.uleb128 0, 0
	.byte 0
	.text
	.globl anchor
anchor:
