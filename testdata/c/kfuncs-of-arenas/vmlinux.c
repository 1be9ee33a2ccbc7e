#include "../../kernel/include/ids.h"
BTF_KFUNCS_START(base_set);
BTF_ID_FLAGS(func, take, KF_ARENA_ARG1);
BTF_SET8_END(base_set);
int take(void *p) { return p != 0; }
