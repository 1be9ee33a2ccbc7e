// Two partial units that import one another, and a unit that imports one.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#count 1: INT 'int'
	.section .debug_info,"",@progbits
	.long 2f - 1f
1:	.short 5
	.byte 1, 8
	.long 0
	.uleb128 1
	.asciz "unit.c"
	.byte 0x1d
	.uleb128 4
	.long .Lone
	.byte 0
2:	.long 2f - 1f
1:	.short 5
	.byte 3, 8
	.long 0
.Lone:	.uleb128 3		# DW_TAG_partial_unit
	.uleb128 4		# DW_TAG_imported_unit
	.long .Ltwo
	.byte 0
2:	.long 2f - 1f
1:	.short 5
	.byte 3, 8
	.long 0
.Ltwo:	.uleb128 3
	.uleb128 4
	.long .Lone
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
	.uleb128 3, 0x3c
	.byte 1
	.uleb128 0, 0
	.uleb128 4, 0x3d
	.byte 0
	.uleb128 0x18, 0x10, 0, 0	# DW_AT_import, DW_FORM_ref_addr
	.byte 0
	.text
	.globl anchor
anchor:
