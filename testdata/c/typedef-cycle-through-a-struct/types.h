typedef struct node node_t;
typedef int (*visit_t)(node_t *);
struct node { node_t *next; visit_t visit; };
