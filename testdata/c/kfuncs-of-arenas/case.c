// The tag under a kfunc's arena pointers is one type, in the base if it is there, and so are
// the pointer to it and the prototype (pahole makes new ones for each of the module's kfuncs).
//#base: vmlinux.c
//#run: --features default,attributes
#include "../../kernel/include/ids.h"
BTF_KFUNCS_START(mine);
BTF_ID_FLAGS(func, also_take, KF_ARENA_ARG1);
BTF_ID_FLAGS(func, one_more, KF_ARENA_ARG1);
BTF_ID_FLAGS(func, make, KF_ARENA_RET | KF_ARENA_ARG2);
BTF_ID_FLAGS(func, numbers, KF_ARENA_ARG1);
BTF_ID_FLAGS(func, same_numbers, KF_ARENA_ARG1);
BTF_SET8_END(mine);

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
