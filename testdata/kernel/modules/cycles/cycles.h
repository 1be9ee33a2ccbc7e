typedef struct node node_t;
union edge;
typedef int (*visit_t)(node_t *node, union edge *edge);
struct node { visit_t visit; node_t *child[2]; union edge *edges; };
union edge { node_t *to; union edge *next[4]; visit_t visit; };
struct odd;
struct even { struct odd *odd; int (*next)(struct even *, struct odd *); };
struct odd { struct even *even; struct odd **table[3]; };
