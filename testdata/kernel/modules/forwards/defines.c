#include "core.h"
struct defined_here { int a; struct page *page; } here;
struct secret { u64 key[4]; } secret;
struct two_things { int not_a_union; } things;
// The image's task points to its own declaration of secret, which stays one.
//#expect: FUNC 'secret_of' type_id={FUNC_PROTO ret_type_id={PTR type_id={STRUCT 'secret' vlen=1}} ('task' type_id={PTR type_id={STRUCT 'task'}})}
struct secret *secret_of(struct task *task)
{
	return task->security;
}
