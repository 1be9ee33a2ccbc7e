// A struct declared here and a union of its name there are two things.
//#expect: PTR type_id={FWD 'thing' fwd_kind=struct}
//#expect: UNION 'thing' vlen=1
struct thing;
struct thing *pointer;
