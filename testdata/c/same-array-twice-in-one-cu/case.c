// A compiler can describe one array type twice in a CU. Its users are still equal to
// those of a CU that has it once.
//#sources: case.c other.c
//#count 1: STRUCT 'task'
//#count 1: STRUCT 'user'
#include "types.h"
struct user mine;
