#include "kernel.h"
struct grid *grids;
int grid(struct grid *g) { return g->cells[1][2]->n; }
