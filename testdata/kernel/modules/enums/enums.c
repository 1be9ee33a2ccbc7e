// Enumerations: forward, packed, signed, unsigned, of 64 bits, anonymous.
#include "core.h"
//#expect: ENUM 'later' size=4 vlen=0
enum later;
struct enum_user { enum later *later; } enum_user;
//#expect: ENUM 'tiny' size=1 encoding=SIGNED ('TINY_MINUS' val=-3)
enum tiny { TINY_MINUS = -3, TINY_PLUS = 100 } __packed tiny;
//#expect: ENUM 'middle' size=2 encoding=UNSIGNED ('MIDDLE_TOP' val=65535)
enum middle { MIDDLE_TOP = 0xffff } __packed middle;
//#expect: ENUM64 'big' size=8 encoding=SIGNED vlen=2 ('BIG_MINUS' val=-4294967296)
enum big { BIG_MINUS = -(1LL << 32), BIG_PLUS = 1LL << 33 } big;
//#expect: ENUM64 'bigger' size=8 encoding=UNSIGNED ('BIGGER_TOP' val=18446744073709551615)
enum bigger { BIGGER_TOP = ~0ULL } bigger;
//#expect: ENUM '(anon)' size=4 ('UNNAMED' val=2147483648)
enum { UNNAMED = 0x80000000 } unnamed;
// clang does not call a field of the width of its type a bitfield.
//#expect(gcc): STRUCT 'enum_fields' ('tiny' type_id={ENUM 'tiny'} bits_offset=0 bitfield_size=8)
//#expect: STRUCT 'enum_fields' size=4 ('tiny' type_id={ENUM 'tiny'} bits_offset=0) ('state' type_id={@base ENUM 'task_state'} bits_offset=8 bitfield_size=8)
struct enum_fields { enum tiny tiny : 8; enum task_state state : 8; } enum_fields;
