// The tag under a kfunc's arena pointers is one type, in the base if it is there, and so are
// the pointer to it and the prototype (pahole makes new ones for each of the module's kfuncs).
//#base: vmlinux.c
//#run: --features default,attributes
#include "kfuncs.h"
SET(mine, 1);
ID(also_take, 1, ARENA_ARG1);
ID(one_more, 2, ARENA_ARG1);
ID(make, 3, ARENA_RET | ARENA_ARG2);
ID(numbers, 4, ARENA_ARG1);
ID(same_numbers, 5, ARENA_ARG1);
END(mine);

//#reject: TYPE_TAG 'address_space(1)' type_id=0
//#expect: FUNC 'also_take' type_id={@base FUNC_PROTO ('p' type_id={@base PTR type_id={@base TYPE_TAG 'address_space(1)'}})}
int also_take(void *p) { return p != 0; }
//#expect: FUNC 'one_more' type_id={@base FUNC_PROTO}
int one_more(void *p) { return p == 0; }
//#expect: FUNC 'make' type_id={@split FUNC_PROTO ret_type_id={@base PTR type_id={@base TYPE_TAG}}}
void *make(long n, void *hint) { return n ? hint : 0; }
//#count 1: @split TYPE_TAG 'address_space(1)' type_id={INT}
//#count 1: @split FUNC_PROTO ('n' type_id={PTR type_id={TYPE_TAG}})
//#expect: FUNC 'numbers'
int numbers(short *n) { return *n; }
//#expect: FUNC 'same_numbers'
int same_numbers(short *n) { return *n + 1; }
