struct list;
struct node;
typedef int (*callback)(struct node *, int);
typedef unsigned long word;
enum state { IDLE, BUSY };
union value { word w; struct node *n; };
struct node { struct list *owner; struct node *next, **prev; callback call; union value v; enum state s; };
struct list { struct node *head; word n; struct { int depth; union value v[4]; } nested; };
