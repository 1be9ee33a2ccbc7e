#include "types.h"
union both u;
enum colour c;
struct outer *g(struct outer *o) { return o->self; }
