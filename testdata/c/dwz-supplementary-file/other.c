#include "../dwz-partial-units/types.h"
struct big two;
word f(struct list *l) { return l->n; }
