// Static functions that cannot be described: clones with other parameters, names with
// two meanings; and a callback typedef that its own struct holds.
#include "core.h"
#include "percpu.h"

struct run_queue {
	unsigned int nr_running;
	struct list_head queue;
	struct task *curr, *idle;
	ulong load[3];
	ulong average[3]; /* the same array type once more */
	const ulong limits[3];
};

//#expect: STRUCT 'run_queue' ('load' type_id={ARRAY nr_elems=3}) ('average' type_id={ARRAY nr_elems=3})
//#expect: VAR 'queues' type_id={STRUCT 'run_queue'}
DEFINE_PER_CPU(struct run_queue, queues) = { .nr_running = 1 };

struct balance {
	int cpu, from, to;
};
int imbalance;

//#reject(gcc): FUNC 'pick_first'
static noinline int pick_first(struct balance *b)
{
	imbalance++;
	return b->from; /* of the struct only one field: .isra */
}

//#reject(gcc): FUNC 'scale'
static noinline int scale(int load, int weight)
{
	imbalance ^= weight; /* always 1024: .constprop */
	return load - imbalance;
}

//#reject: FUNC 'helper'
static noinline int helper(int a)
{
	return a * imbalance++;
}

//#expect: FUNC 'balance_load' type_id={FUNC_PROTO vlen=2 ('b' type_id={PTR type_id={STRUCT 'balance' size=12}}) ('load')}
int balance_load(struct balance *b, int load)
{
	int first = pick_first(b) + pick_first(b + 1);

	return scale(load, 1024) + scale(load + first, 1024) + helper(first) + helper(load);
}

//#expect: TYPEDEF 'wake_fn' type_id={PTR type_id={FUNC_PROTO ret_type_id={INT 'int'} vlen=2 ('(anon)' type_id={PTR type_id={TYPEDEF 'waiter_t' type_id=$waiter}})}}
//#expect: STRUCT 'waiter' #$waiter ('wake' type_id={TYPEDEF 'wake_fn'})
//#expect: FUNC 'wake_up' type_id={FUNC_PROTO ('queue' type_id={PTR type_id={STRUCT 'wait_queue'}}) ('how')}
int wake_up(struct wait_queue *queue, int how)
{
	struct list_head *at;
	int woken = 0;

	for (at = queue->head.next; at != &queue->head; at = at->next) {
		waiter_t *waiter = container_of(at, waiter_t, entry);
		woken += waiter->wake(waiter, how);
	}
	return woken;
}

// One prototype here, another in net.c.
//#reject: FUNC 'policy'
int __weak policy(struct task *task)
{
	return task->priority;
}
