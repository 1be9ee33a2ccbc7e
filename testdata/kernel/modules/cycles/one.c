// Types that contain themselves by way of pointers, typedefs, prototypes and arrays,
// in two CUs that meet them in different order.
#include "core.h"
#include "cycles.h"
//#count 1: TYPEDEF 'node_t'
//#count 1: TYPEDEF 'visit_t'
//#count 1: STRUCT 'node'
//#count 1: STRUCT 'even'
//#count 1: STRUCT 'odd'
//#count 1: UNION 'edge'
//#expect: STRUCT 'node' ('visit' type_id={TYPEDEF 'visit_t' type_id={PTR type_id={FUNC_PROTO ('(anon)' type_id={PTR type_id={TYPEDEF 'node_t'}}) ('(anon)' type_id={PTR type_id={UNION 'edge'}})}}})
node_t root;
struct even even;
