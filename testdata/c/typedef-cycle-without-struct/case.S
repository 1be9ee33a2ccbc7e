// A typedef of a pointer to itself, which C cannot write but Go and hand-made DWARF
// can. One CU has the cycle once and a struct that uses it twice, the other two
// cycles, so that the structs are only equal if the cycles are (QUIRK-23). What
// matters is an end, and that equal things are found equal.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#count 1: STRUCT 'S' size=16 vlen=2
//#expect: STRUCT 'S' ('a' type_id=$t) ('b' type_id=$t)
//#expect: TYPEDEF 'T' #$t type_id={PTR type_id=$t}
//#count 1: TYPEDEF 'T'
#include "../dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_TYPEDEF T, 2f
2:	DIE_POINTER 1b
	DIE_STRUCT S, 16
	DIE_MEMBER a, 1b, 0
	DIE_MEMBER b, 1b, 8
	DIE_END
	UNIT_END 1

	UNIT_BEGIN 2
	DIE_STRUCT S, 16
	DIE_MEMBER a, 1f, 0
	DIE_MEMBER b, 2f, 8
	DIE_END
1:	DIE_TYPEDEF T, 3f
2:	DIE_TYPEDEF T, 4f
3:	DIE_POINTER 1b
4:	DIE_POINTER 2b
	UNIT_END 2
	ABBREVIATIONS
