// The base only declares a struct that the module defines: the base stays as it is,
// the module has the definition, and what embeds the pointer is there twice.
//#base: vmlinux.c
//#count 1: STRUCT 'secret' vlen=1
//#expect: STRUCT 'uses' ('s' type_id={@split PTR type_id={@split STRUCT 'secret'}})
#include "types.h"
struct secret { int x; } mine;
struct uses uses;
