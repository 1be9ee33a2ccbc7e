// A module whose units cannot be read one by one, as of link-time optimisation, has the types of its base all the same,
// also those that only such a unit speaks of.
//#base: vmlinux.c
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#link: object
//#debug: none
//#count 0: STRUCT 'shared'
//#expect: STRUCT 'mine' size=8 vlen=1 ('s' type_id={@base PTR type_id={@base STRUCT 'shared'}})
#include "../dwarf.inc"
	UNIT_BEGIN 1
.Lint:	DIE_BASE int, 4, 5
	UNIT_END 1
	UNIT_BEGIN 2
1:	DIE_STRUCT shared, 4
	DIE_MEMBER_ELSEWHERE a, .Lint, 0
	DIE_END
2:	DIE_POINTER 1b
	DIE_STRUCT mine, 8
	DIE_MEMBER s, 2b, 0
	DIE_END
	UNIT_END 2
	ABBREVIATIONS
