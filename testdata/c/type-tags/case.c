// Tags of a pointee stand between PTR and the pointee, the last written outermost.
//#compilers: clang
#define TAG(x) __attribute__((btf_type_tag(x)))
//#expect: VAR 'p' type_id={PTR type_id={TYPE_TAG 't2' type_id={TYPE_TAG 't1' type_id={INT 'int'}}}}
int TAG("t1") TAG("t2") *p;
//#expect: VAR 'c' type_id={PTR type_id={TYPE_TAG 'user' type_id={CONST type_id={INT 'char'}}}}
const char TAG("user") *c;
//#expect: VAR 'q' type_id={PTR type_id={TYPE_TAG 'outer' type_id={PTR type_id={TYPE_TAG 'inner' type_id={INT 'int'}}}}}
int TAG("inner") *TAG("outer") *q;
//#expect: VAR 'v' type_id={PTR type_id={TYPE_TAG 'any' type_id={void}}}
void TAG("any") *v;
//#expect: STRUCT 's' ('m' type_id={PTR type_id={TYPE_TAG 'rcu' type_id={STRUCT 's'}}})
struct s { struct s TAG("rcu") *m; } s;
//#expect: FUNC 'f' type_id={FUNC_PROTO ('a' type_id={PTR type_id={TYPE_TAG 'user' type_id={INT 'int'}}})}
int f(int TAG("user") *a) { return *a; }
//#run: --features global_var,default
