// Arrays: the same one twice in a CU, of another element type in another CU, of arrays,
// flexible, of length zero.
#include "core.h"
#include "arrays.h"
//#count 2: STRUCT 'sample' size=32 vlen=2
//#expect: STRUCT 'sample' ('raw' type_id={ARRAY type_id={@base INT 'int'} nr_elems=4}) ('scaled' type_id={ARRAY type_id={@base INT 'int'} nr_elems=4})
struct sample {
	int raw[4];
	int scaled[4];
} *samples;
//#count 1: STRUCT 'shared'
//#count 1: STRUCT 'thread'
struct shared shared_one;
//#expect: STRUCT 'ring' size=8 vlen=4 ('none' type_id={ARRAY nr_elems=0}) ('grid' type_id={ARRAY type_id={STRUCT 'cell'} nr_elems=0}) ('tail' type_id={ARRAY type_id={PTR type_id={STRUCT 'ring'}} nr_elems=0})
struct cell { u8 a; };
struct ring {
	u64 head;
	u32 none[0];
	struct cell grid[0][5];
	struct ring *tail[];
} *rings;
