#include "types.h"
struct list second;
struct node *lone;
//#expect: STRUCT 'yours' ('l' type_id={STRUCT 'list'})
struct yours { struct list l; } yours;
