// Compilers name base types differently; BTF keeps the names, so there are two.
//#compilers: gcc
//#needs: clang
//#expect: VAR 'by_gcc' type_id={INT 'long unsigned int' size=8}
unsigned long by_gcc = 1;
//#expect: VAR 'by_clang' type_id={INT 'unsigned long' size=8}
//#count 2: STRUCT 's'
struct s { unsigned long a; } *s;
//#run: --features global_var
