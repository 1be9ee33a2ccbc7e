struct list;
typedef unsigned long word;
struct node { struct list *owner; struct node *next, **prev; word values[16]; };
struct list { struct node *head; word n; };
enum state { IDLE, BUSY, WAITING, GONE, A_LONG_NAME_THAT_IS_WORTH_SHARING };
struct big { struct list l[3]; enum state s; struct node n; };
