// Types that two CUs repeat are there once, however they hang together.
//#sources: case.c other.c
//#count 1: STRUCT 'list'
//#count 1: STRUCT 'node'
//#count 1: UNION 'value'
//#count 1: ENUM 'state'
//#count 1: TYPEDEF 'callback'
//#count 1: TYPEDEF 'word'
//#count 1: INT 'int'
//#count 1: PTR type_id={STRUCT 'node'}
//#count 1: FUNC_PROTO ret_type_id={INT 'int'} vlen=2 ('(anon)')
#include "types.h"
struct list first;
//#expect: STRUCT 'mine' ('l' type_id={STRUCT 'list'})
struct mine { struct list l; } mine;
