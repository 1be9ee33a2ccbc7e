#include "types.h"
visit_t first;
node_t yours;
