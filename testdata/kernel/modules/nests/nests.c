// Structs without names in unions without names, types of functions, statics.
#include "core.h"
//#expect: STRUCT 'request_block' size=40 vlen=4
//#expect:   '(anon)' type_id={UNION '(anon)' size=16 vlen=2 ('(anon)' type_id={STRUCT '(anon)' size=16 vlen=2 ('a') ('(anon)' type_id={UNION '(anon)' vlen=2 ('b') ('c')})}) ('d' type_id={STRUCT '(anon)' vlen=1 ('e')})} bits_offset=64
//#expect:   'list' bits_offset=192
struct request_block {
	int kind;
	union {
		struct {
			u64 a;
			union { u32 b; u8 c; };
		};
		struct { u32 e; } d;
	};
	struct {} empty;
	struct list_head list;
} block;
//#expect: TYPEDEF 'anonymous_t' type_id={STRUCT '(anon)' size=2 vlen=1}
typedef struct { u16 only; } anonymous_t;
//#expect: FUNC 'count_calls' type_id={FUNC_PROTO ('a' type_id={TYPEDEF 'anonymous_t'})}
//#expect: STRUCT 'of_this_function' size=8
//#expect: UNION 'of_this_block' size=4
//#reject: VAR 'calls'
int count_calls(anonymous_t a)
{
	struct of_this_function { int x, y; } *p = (void *)&block;
	static int calls;

	{
		union of_this_block { int i; char c; } *volatile u = (void *)p;
		calls += u->i;
	}
	return calls + a.only + p->y;
}
