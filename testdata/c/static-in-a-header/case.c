// A static function of a header, emitted in one CU and inlined in another: one FUNC.
//#link: relocatable executable
//#count 1: FUNC 'shared'
//#expect: FUNC 'shared' type_id={FUNC_PROTO vlen=1 ('a')}
#include "header.h"
int (*pointer)(int) = shared;
//#expect: FUNC 'user'
