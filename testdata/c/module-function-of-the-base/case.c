// The same static helper in base and module: the base's FUNC serves both.
//#base: vmlinux.c
//#reject: FUNC 'helper'
//#reject: STRUCT 's'
//#expect: FUNC 'module_entry' type_id={@split FUNC_PROTO ('first_argument' type_id={@base PTR type_id={@base STRUCT 's'}})}
#include "types.h"
int module_entry(struct s *first_argument) { return helper(first_argument) + helper(0); }
