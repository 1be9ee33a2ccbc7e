// Clones with fewer parameters than the source has, in a file whose addresses are
// offsets in sections; and functions that only look like that.
#include "core.h"
struct request { int kind, size, flags; };
int total;
//#reject(gcc): FUNC 'request_size'
static noinline int request_size(struct request *r)
{
	total++;
	return r->size;
}
//#reject(gcc): FUNC 'add'
static noinline int add(int value, int step)
{
	total ^= step;
	return value - total;
}
// A parameter that is passed and ignored is no reason.
//#expect: FUNC 'ignores' type_id={FUNC_PROTO vlen=2 ('used') ('ignored')}
int ignores(int used, int ignored)
{
	return used;
}
//#expect: FUNC 'submit' type_id={FUNC_PROTO vlen=2}
int submit(struct request *r, int n)
{
	return request_size(r) + request_size(r + n) + add(n, 3) + add(n + 1, 3) + ignores(n, 1);
}
