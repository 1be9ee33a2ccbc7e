// Functions that programs may call, in sets; and lists of type ids.
#include "core.h"
#include "ids.h"

struct console {
	const char *name;
	long port;
	u32 flags;
} *printers;

//#expect: FUNC 'toy_task_acquire' #$acquire type_id={FUNC_PROTO ret_type_id={PTR type_id={STRUCT 'task'}} ('task')}
//#expect: DECL_TAG 'bpf_kfunc' type_id=$acquire component_idx=-1
__used struct task *toy_task_acquire(struct task *task)
{
	task->usage.counter++;
	return task;
}

//#expect: FUNC 'toy_task_release' #$release
//#expect: DECL_TAG 'bpf_kfunc' type_id=$release
__used void toy_task_release(struct task *task)
{
	task->usage.counter--;
}

//#expect: FUNC 'toy_now' #$now
//#expect: DECL_TAG 'bpf_kfunc' type_id=$now
//#expect: DECL_TAG 'bpf_fastcall' type_id=$now
__used u64 toy_now(void)
{
	return (u64)(ulong)printers;
}

//#expect: FUNC 'toy_not_listed' #$not_listed
//#count 0: DECL_TAG type_id=$not_listed
__used int toy_not_listed(int a)
{
	return a;
}

//#expect: FUNC 'toy_in_plain_set' #$plain
//#count 0: DECL_TAG type_id=$plain
__used int toy_in_plain_set(int a)
{
	return a + 1;
}

//#count 4: DECL_TAG

BTF_KFUNCS_START(toy_kfuncs);
BTF_ID_FLAGS(func, toy_task_release, KF_RELEASE);
BTF_ID_FLAGS(func, toy_task_acquire, KF_ACQUIRE);
BTF_ID_FLAGS(func, toy_now, KF_FASTCALL);
BTF_SET8_END(toy_kfuncs);

BTF_SET8_START(toy_others);
BTF_ID_FLAGS(func, toy_in_plain_set, 0);
BTF_SET8_END(toy_others);

BTF_SET_START(toy_blocked);
BTF_ID(func, toy_not_listed);
BTF_ID(func, deliver);
BTF_SET_END(toy_blocked);

BTF_ID_LIST(toy_types)
BTF_ID(struct, task);
BTF_ID(struct, secret); /* only declared: stays 0 */
BTF_ID(typedef, waiter_t);
