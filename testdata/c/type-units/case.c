// With -fdebug-types-section each named struct has a unit of its own, and is
// referred to by signature (DWARF 5 §3.1.4, DWARF 4 .debug_types; QUIRK-6).
//#cflags: -fdebug-types-section
//#sources: case.c other.c
//#link: relocatable executable
//#expect: STRUCT 'inner' #$inner size=8 vlen=2 ('a') ('b')
//#expect: STRUCT 'outer' #$outer size=16 vlen=2
//#expect: 'in' type_id=$inner bits_offset=0
//#expect: 'self' type_id={PTR type_id=$outer} bits_offset=64
//#count 1: STRUCT 'inner'
//#count 1: STRUCT 'outer'
//#count 1: UNION 'both'
//#count 1: ENUM 'colour' vlen=2
//#reject: FWD
#include "types.h"
//#expect: VAR 'v' type_id=$outer
struct outer v;
//#expect: VAR 'w' type_id={INT 'int'}
int w;
//#expect: FUNC 'f' type_id={FUNC_PROTO ret_type_id={PTR type_id=$outer} ('i' type_id={PTR type_id=$inner})}
struct outer *f(struct inner *i) { return (struct outer *)i; }
//#run: --features global_var,default
