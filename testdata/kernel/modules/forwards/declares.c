// Structs that one CU declares and the next defines, or the image; one that the image
// only declares and this module defines; one that is nowhere.
#include "core.h"
struct defined_here;
struct nowhere;
union two_things;
//#reject: FWD 'defined_here'
//#reject: STRUCT 'inode'
//#expect: STRUCT 'holder'
//#expect:   'here' type_id={@split PTR type_id={@split STRUCT 'defined_here' vlen=2}}
//#expect:   'base' type_id={@base PTR type_id={@base STRUCT 'inode'}}
//#expect:   'secret' type_id={@split PTR type_id={@split STRUCT 'secret'}}
//#expect:   'nowhere' type_id={@split PTR type_id={@split FWD 'nowhere' fwd_kind=struct}}
//#expect:   'things' type_id={@split PTR type_id={@split FWD 'two_things' fwd_kind=union}}
struct holder {
	struct defined_here *here;
	struct inode *base;
	struct secret *secret;
	struct nowhere *nowhere;
	union two_things *things;
} holder;
