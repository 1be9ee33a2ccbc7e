// A module all of whose types the base has is a header and nothing else.
//#base: vmlinux.c
//#types: 0
#include "types.h"
struct s *s;
//#run: --features default
