// SPDX-License-Identifier: MIT OR Apache-2.0
// A module outside of the kernel's tree: types of its own, which hold and point to types of the kernel, so that a
// distilled base has something of each sort, and a function that BPF programs may call.
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

/* Before Linux 6.3 and 6.9. */
#ifndef __bpf_kfunc
#define __bpf_kfunc __used noinline
#endif
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START BTF_SET8_START
#define BTF_KFUNCS_END BTF_SET8_END
#endif

enum external_state { EXTERNAL_IDLE, EXTERNAL_BUSY = 1 << 20 };

struct external_item {
	struct list_head list;		/* embedded: its size counts */
	spinlock_t lock;
	struct net_device *dev;		/* pointed to: its name does */
	enum external_state state;
	unsigned int flags : 3;
	unsigned long long stamp;
};

static struct external_item external_item;

int external_count(const struct external_item *item, const struct net_device *dev);

noinline int external_count(const struct external_item *item, const struct net_device *dev)
{
	return item->dev == dev ? item->flags : 0;
}

int external_pid(struct task_struct *task);

__bpf_kfunc int external_pid(struct task_struct *task)
{
	return task->pid;
}

BTF_KFUNCS_START(external_kfuncs)
BTF_ID_FLAGS(func, external_pid)
BTF_KFUNCS_END(external_kfuncs)

static const struct btf_kfunc_id_set external_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &external_kfuncs,
};

static int __init external_init(void)
{
	INIT_LIST_HEAD(&external_item.list);
	spin_lock_init(&external_item.lock);
	return external_count(&external_item, NULL) ?:
	       register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &external_kfunc_set);
}

static void __exit external_exit(void)
{
}

module_init(external_init);
module_exit(external_exit);
MODULE_DESCRIPTION("BTF with a distilled base");
MODULE_LICENSE("GPL");
