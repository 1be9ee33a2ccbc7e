// clang gives each basic block a section, so every function with a branch has
// ranges only (QUIRK-14). Blocks are symbols, too: NAME.__part.N is no function.
//#compilers: clang
//#cflags: -fbasic-block-sections=all
//#sources: weak.c case.c
//#link: executable relocatable
//#expect: FUNC 'split' type_id={FUNC_PROTO ('strong' type_id={INT 'int'})}
//#count 1: FUNC 'split'
int out(int);
int split(int strong) { return strong > 10 ? out(strong) : out(1) + out(2); }
