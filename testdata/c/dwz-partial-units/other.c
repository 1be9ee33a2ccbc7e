#include "types.h"
struct big big;
//#expect: FUNC 'two' type_id={FUNC_PROTO vlen=2}
word two(struct list *l, struct big *b) { return l->n + b->s; }
