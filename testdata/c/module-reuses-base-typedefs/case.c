// What the base has, the module refers to: typedefs and everything built on them
// (QUIRK-26).
//#base: vmlinux.c
//#count 0: TYPEDEF 'size_t'
//#count 0: STRUCT 'file'
//#count 0: PTR type_id={@base STRUCT 'file'}
//#expect: STRUCT 'mine' ('len' type_id={@base TYPEDEF 'size_t'}) ('f' type_id={@base PTR type_id={@base STRUCT 'file'}})
#include "kernel.h"
struct mine { size_t len; struct file *f; } mine;
//#expect: FUNC 'use' type_id={@split FUNC_PROTO ret_type_id={@base TYPEDEF 'size_t'} ('m' type_id={@split PTR type_id={@split STRUCT 'mine'}})}
size_t use(struct mine *m) { return m->len + m->f->pos; }
