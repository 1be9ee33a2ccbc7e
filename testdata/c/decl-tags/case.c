// btf_decl_tag on whatever can have one; the index counts members and parameters.
//#compilers: clang
#define TAG(x) __attribute__((btf_decl_tag(x)))
//#expect: STRUCT 's' #$s
//#expect: DECL_TAG 'of_struct' type_id=$s component_idx=-1
//#expect: DECL_TAG 'of_a' type_id=$s component_idx=0
//#expect: DECL_TAG 'of_b' type_id=$s component_idx=1
//#expect: DECL_TAG 'also_b' type_id=$s component_idx=1
struct s { int a TAG("of_a"); int b TAG("of_b") TAG("also_b"); } TAG("of_struct");
//#expect: UNION 'u' #$u
//#expect: DECL_TAG 'of_union' type_id=$u component_idx=-1
//#expect: DECL_TAG 'of_second' type_id=$u component_idx=1
union u { int a; struct s *s TAG("of_second"); } TAG("of_union") u;
//#expect: TYPEDEF 't' #$t
//#expect: DECL_TAG 'of_typedef' type_id=$t component_idx=-1
typedef struct s *t TAG("of_typedef");
//#expect: FUNC 'f' #$f
//#expect: DECL_TAG 'of_function' type_id=$f component_idx=-1
//#expect: DECL_TAG 'of_parameter' type_id=$f component_idx=0
int TAG("of_function") f(t p TAG("of_parameter")) { return p->a; }
//#expect: VAR 'v' #$v
//#expect: DECL_TAG 'of_variable' type_id=$v component_idx=-1
int v TAG("of_variable");
//#run: --features global_var,default
//#count 10: DECL_TAG

