// A struct that one CU only declares is that of the CU that defines it, if the name
// is unique; among two the declaration stays a FWD.
//#count 0: FWD 'unique'
//#expect: STRUCT 'holder' vlen=3
//#expect:   'u' type_id={PTR type_id={STRUCT 'unique' vlen=1}}
//#expect:   'a' type_id={PTR type_id={FWD 'ambiguous' fwd_kind=struct}}
//#expect:   'n' type_id={PTR type_id={FWD 'nowhere' fwd_kind=union}}
struct unique;
struct ambiguous;
union nowhere;
struct holder { struct unique *u; struct ambiguous *a; union nowhere *n; } holder;
