// pahole 1.32 nests arrays of several dimensions, older ones do not. A module does as its
// base does, so that it need not repeat what holds such arrays.
//#base: vmlinux.c
#include "kernel.h"
struct mine { struct grid *grid; int own[4][5]; } mine;
int use(struct grid *g) { return g->cells[0][1]->n; }

//#run:
//#base-args: --arrays flat
//#count 0: STRUCT 'grid'
//#expect: STRUCT 'mine' ('grid' type_id={@base PTR type_id={@base STRUCT 'grid' ('cells' type_id={ARRAY nr_elems=6})}}) ('own' type_id={@split ARRAY type_id={@base INT 'int'} nr_elems=20})
//#reject: ARRAY type_id={ARRAY}

//#run:
//#base-args: --arrays nested
//#count 0: STRUCT 'grid'
//#expect: STRUCT 'mine' ('grid' type_id={@base PTR type_id={@base STRUCT 'grid' ('cells' type_id={ARRAY type_id={ARRAY nr_elems=3} nr_elems=2})}}) ('own' type_id={@split ARRAY type_id={@split ARRAY type_id={@base INT 'int'} nr_elems=5} nr_elems=4})

// It can be told otherwise, at a price.
//#run: --arrays flat
//#base-args: --arrays nested
//#count 1: STRUCT 'grid' ('cells' type_id={@split ARRAY nr_elems=6})
//#expect: STRUCT 'mine' ('own' type_id={@split ARRAY type_id={@base INT 'int'} nr_elems=20})
