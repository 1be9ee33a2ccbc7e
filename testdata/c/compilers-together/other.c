//#compilers: clang
unsigned long by_clang = 1;
struct s { unsigned long a; } *t;
