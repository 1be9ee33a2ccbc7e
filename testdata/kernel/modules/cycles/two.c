#include "core.h"
#include "cycles.h"
struct odd odd;
visit_t visit;
union edge edges[2];
//#expect: FUNC 'walk' type_id={FUNC_PROTO ('node' type_id={PTR type_id={TYPEDEF 'node_t'}}) ('visit' type_id={TYPEDEF 'visit_t'})}
int walk(node_t *node, visit_t visit)
{
	return node ? visit(node, node->edges) + walk(node->child[0], visit) : 0;
}
