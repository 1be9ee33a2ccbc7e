#include "core.h"
#include "arrays.h"
//#expect: STRUCT 'sample' ('raw' type_id={ARRAY type_id={@base INT 'int'} nr_elems=4}) ('scaled' type_id={ARRAY type_id={FLOAT 'float'} nr_elems=4})
struct sample {
	int raw[4];
	float scaled[4];
} *samples_too;
struct shared shared_two;
struct thread *threads;
