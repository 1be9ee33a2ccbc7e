// Per-CPU variables of a module, whose section begins at 0 like every other.
#include "core.h"
#include "percpu.h"
struct statistics { u64 packets, bytes; };
//#expect: VAR 'statistics' #$statistics type_id={STRUCT 'statistics' size=16} linkage=global
DEFINE_PER_CPU(struct statistics, statistics) = { 1, 1 };
//#expect: VAR 'busy' #$busy type_id={@base INT 'int'} linkage=static
static DEFINE_PER_CPU(int, busy) = 1;
//#expect: DATASEC '.data..percpu' vlen=2 (type_id=$statistics size=16)
//#expect: DATASEC '.data..percpu' vlen=2 (type_id=$busy size=4)
//#count 2: VAR
int not_per_cpu = 1;
// An extern declaration is no variable of this module.
DECLARE_PER_CPU(struct task *, current);
//#expect: FUNC 'account' type_id={FUNC_PROTO ('bytes')}
int account(u64 bytes)
{
	statistics.bytes += bytes;
	return busy++ + not_per_cpu + (current != NULL);
}
