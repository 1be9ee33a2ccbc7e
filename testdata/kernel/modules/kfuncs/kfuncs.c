// A module with kfuncs of its own, a list with types of the image, and a name that the
// image has, too.
#include "core.h"
#include "ids.h"
//#expect: FUNC 'toy_ring_push' #$push
//#expect: DECL_TAG 'bpf_kfunc' type_id=$push component_idx=-1
__used int toy_ring_push(struct task *task, u64 value)
{
	return task->on_cpu + value;
}
//#expect: FUNC 'toy_ring_drain' #$drain
//#expect: DECL_TAG 'bpf_kfunc' type_id=$drain component_idx=-1
//#count 2: DECL_TAG
__used void toy_ring_drain(struct task *task)
{
	task->on_cpu = 0;
}
// Unlisted, and last in the order of names.
//#expect: FUNC 'toy_ring_unlisted'
__used int toy_ring_unlisted(int a)
{
	return a;
}

BTF_KFUNCS_START(ring_kfuncs);
BTF_ID_FLAGS(func, toy_ring_push, KF_SLEEPABLE);
BTF_ID_FLAGS(func, toy_ring_drain, KF_RELEASE);
BTF_SET8_END(ring_kfuncs);

BTF_ID_LIST(ring_types);
BTF_ID(struct, task);
BTF_ID(func, toy_ring_push);
BTF_ID(func, register_driver);
