// An integer that is no power of two bytes wide cannot be an INT: its name and size
// are replaced, as pahole does for clang's helper types.
//#targets: x86_64
//#compilers: gcc
//#dwarf: 5
//#debug: none
//#expect: TYPEDEF 'odd' type_id={INT '__SANITIZED_FAKE_INT__' size=4 nr_bits=32}
//#expect: TYPEDEF 'helper' type_id={INT 'DW_ATE_unsigned_64' size=8 nr_bits=64 encoding=(none)}
#include "../dwarf.inc"
	UNIT_BEGIN 1
1:	DIE_BASE DW_ATE_unsigned_24, 3, 7
2:	DIE_BASE DW_ATE_unsigned_64, 8, 7
	DIE_TYPEDEF odd, 1b
	DIE_TYPEDEF helper, 2b
	UNIT_END 1
	ABBREVIATIONS
