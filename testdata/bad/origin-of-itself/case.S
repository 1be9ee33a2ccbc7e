// Functions and parameters that are instances of each other, and so of nothing.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: INT 'int'
//#reject: FUNC
	.section .debug_info,"",@progbits
.Lunit:	.long 2f - 1f
1:	.short 5
	.byte 1, 8
	.long 0
	.uleb128 1
	.asciz "unit.c"
	.byte 0x1d
3:	.uleb128 3		# DW_TAG_subprogram
	.long 4f - .Lunit
5:	.uleb128 4		# DW_TAG_formal_parameter
	.long 5b - .Lunit
	.byte 0
4:	.uleb128 3
	.long 3b - .Lunit
	.byte 0
	.uleb128 2
	.asciz "int"
	.byte 4, 5
	.byte 0
2:	.section .debug_abbrev,"",@progbits
	.uleb128 1, 0x11
	.byte 1
	.uleb128 0x03, 0x08, 0x13, 0x0b, 0, 0
	.uleb128 2, 0x24
	.byte 0
	.uleb128 0x03, 0x08, 0x0b, 0x0b, 0x3e, 0x0b, 0, 0
	.uleb128 3, 0x2e
	.byte 1
	.uleb128 0x31, 0x13, 0, 0
	.uleb128 4, 0x05
	.byte 0
	.uleb128 0x31, 0x13, 0, 0
	.byte 0
	.text
	.globl anchor
	.type anchor, @function
anchor:
