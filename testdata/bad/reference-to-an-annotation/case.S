// A type tag that a const leads to: the kernel refuses a BTF where tags do not precede modifiers, and no compiler
// refers to the annotation of a pointer.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#exit: 1
//#warn: DIE 0x36: refers to offset 0x22
#include "../../c/dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE int, 4, 5
	DIE_TAGGED_POINTER 1b
2:	DIE_TYPE_TAG user
	DIE_END
	DIE_CONST 2b
	UNIT_END 1
	ABBREVIATIONS
