// An attribute of a form that does not exist: its size is anyone's guess.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
	UNIT_END 1
	.section .debug_abbrev,"",@progbits
	ABBREV 1, 0x11, 1
	ATTR 0x03, 0x7777
	ATTR 0x13, 0x0b
	ATTR 0, 0
	.byte 0
	.text
	.globl anchor
anchor:
