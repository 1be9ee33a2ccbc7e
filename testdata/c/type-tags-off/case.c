// Without the feature type_tag a tagged pointer is a pointer.
//#compilers: clang
//#reject: TYPE_TAG
//#expect: VAR 'p' type_id={PTR type_id={INT 'int'}}
int __attribute__((btf_type_tag("t1"))) *p;
//#run: --features global_var,decl_tag
