// dwz moves what CUs share into partial units (DW_TAG_imported_unit, references by
// DW_FORM_ref_addr); the result is the same as without (QUIRK-5).
// dwz 0.15 does not know clang's .debug_addr.
//#compilers: gcc
//#needs: dwz
//#link: executable
//#sources: case.c other.c
//#variant plain:
//#variant dwz: dwz @
//#count 1: STRUCT 'list'
//#count 1: STRUCT 'node'
//#count 1: TYPEDEF 'word'
//#reject: FWD
//#expect: FUNC 'one' type_id={FUNC_PROTO vlen=1 ('l' type_id={PTR type_id={STRUCT 'list' vlen=2 ('head' type_id={PTR type_id={STRUCT 'node'}})}})}
#include "types.h"
struct big *bigs;
word one(struct list *l) { return l->n; }
