// Units that refer to others are read together with those, and with what stands between them, but not with the rest: so
// does each part of an image that was optimised as a whole (ThinLTO).
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#run:
//#run: --jobs 1
//#expect: INT 'int' #$int
//#expect: STRUCT 'back' ('a' type_id=$int)
//#expect: STRUCT 'alone' ('a' type_id=$int)
//#expect: STRUCT 'ahead' ('a' type_id=$short)
//#expect: STRUCT 'between' ('a' type_id=$int)
//#expect: STRUCT 'both' ('a' type_id=$int) ('b' type_id=$short)
//#expect: INT 'short' #$short
//#types: 7
#include "../dwarf.inc"
	UNIT_BEGIN 1
.Lint:	DIE_BASE int, 4, 5
	UNIT_END 1
	UNIT_BEGIN 2
	DIE_STRUCT back, 4
	DIE_MEMBER_ELSEWHERE a, .Lint, 0
	DIE_END
	UNIT_END 2
	UNIT_BEGIN 3
1:	DIE_BASE int, 4, 5
	DIE_STRUCT alone, 4
	DIE_MEMBER a, 1b, 0
	DIE_END
	UNIT_END 3
	UNIT_BEGIN 4
	DIE_STRUCT ahead, 2
	DIE_MEMBER_ELSEWHERE a, .Lshort, 0
	DIE_END
	UNIT_END 4
	UNIT_BEGIN 5
.Lnear:	DIE_BASE int, 4, 5
	DIE_STRUCT between, 4
	DIE_MEMBER a, .Lnear, 0
	DIE_END
	UNIT_END 5
	UNIT_BEGIN 6
.Lshort:
	DIE_BASE short, 2, 5
	DIE_STRUCT both, 8
	DIE_MEMBER_ELSEWHERE a, .Lnear, 0
	DIE_MEMBER_ELSEWHERE b, .Lshort, 4
	DIE_END
	UNIT_END 6
	ABBREVIATIONS
