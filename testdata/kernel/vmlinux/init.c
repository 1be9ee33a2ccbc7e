// The first CU: functions with every kind of prototype, per-CPU variables, and types
// that other CUs only declare.
#include "core.h"
#include "percpu.h"

struct credentials {
	u32 uid, gid;
	u32 groups[]; /* flexible */
};

//#expect: STRUCT 'task' #$task vlen=12
//#expect:   'state' type_id={VOLATILE type_id={ENUM 'task_state' size=4 vlen=3}} bits_offset=0
//#expect:   'on_cpu' bits_offset=32 bitfield_size=1
//#expect:   'exiting' bits_offset=33 bitfield_size=1
//#expect:   'priority' bits_offset=34 bitfield_size=7
//#expect:   'comm' type_id={ARRAY type_id={INT 'char'} nr_elems=16}
//#expect:   'cred' type_id={PTR type_id={CONST type_id={STRUCT 'credentials' size=8 vlen=3}}}
//#expect:   '(anon)' type_id={UNION '(anon)' ('raw') ('(anon)' type_id={STRUCT '(anon)' ('low') ('high')})}
//#expect:   'security' type_id={PTR type_id={FWD 'secret' fwd_kind=struct}}
//#count 1: STRUCT 'task'
//#count 1: STRUCT 'list_head'
//#count 1: STRUCT 'waiter'
//#count 1: TYPEDEF 'waiter_t'
//#expect(clang): STRUCT 'task' ('parent' type_id={PTR type_id={TYPE_TAG 'rcu' type_id=$task}})
struct task init_task = { .comm = "init" };

//#expect: VAR 'current' #$current type_id={PTR type_id=$task} linkage=global
//#expect: DATASEC '.data..percpu' vlen=4 (type_id=$current size=8)
DEFINE_PER_CPU(struct task *, current) = &init_task;
//#expect: VAR 'ticks' type_id={TYPEDEF 'u64'} linkage=static
static DEFINE_PER_CPU(u64, ticks) = 1;
// A discarded section's variables have the address of the first per-CPU one.
//#reject: VAR 'discarded'
__attribute__((section(".discard"))) int discarded = 1;

//#expect: FUNC 'print' type_id={FUNC_PROTO vlen=2 ('format') ('(anon)' type_id={void})} linkage=static
int print(const char *format, ...)
{
	return format[0];
}

//#expect: FUNC 'current_task' type_id={FUNC_PROTO ret_type_id={PTR type_id=$task} vlen=0}
struct task *current_task(void)
{
	ticks++;
	return current;
}

int boot_flags;

//#expect: FUNC 'start_kernel' type_id={FUNC_PROTO ret_type_id={void} vlen=0}
void start_kernel(void)
{
	struct boot_info { // A type of one function only.
		u32 magic;
		u8 order[3][4];
	} info = { .magic = 7 };
	struct boot_info *volatile p = &info;

	boot_flags = p->magic;
	print("booting %d\n", boot_flags);
}
//#expect: STRUCT 'boot_info' size=16 vlen=2 ('order' type_id={ARRAY nr_elems=12})

// driver.c has the strong definition.
int __weak setup_arch(int generic)
{
	return generic;
}
