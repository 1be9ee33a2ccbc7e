#include "types.h"
struct s list;
int first(struct s *s) { return s->a; }
