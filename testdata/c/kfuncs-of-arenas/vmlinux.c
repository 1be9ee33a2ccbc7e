#include "kfuncs.h"
SET(base_set, 1);
ID(take, 1, ARENA_ARG1);
END(base_set);
int take(void *p) { return p != 0; }
