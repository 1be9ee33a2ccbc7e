// Without the feature decl_tag there are none.
//#compilers: clang
//#reject: DECL_TAG
struct s { int a __attribute__((btf_decl_tag("x"))); } s;
//#run: --features global_var,type_tag
