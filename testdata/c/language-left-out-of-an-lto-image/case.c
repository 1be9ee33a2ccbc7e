// Units that refer into each other (DW_FORM_ref_addr, as of LTO) keep their own
// languages: leaving out that of the first leaves out no other (QUIRK-7).
//#compilers: gcc
//#link: executable
//#sources: first.S case.c other.c
//#cflags: -flto -fno-toplevel-reorder
//#ldflags: -flto
//#run: --lang-exclude asm
//#reject: FUNC 'first'
//#expect: FUNC 'one'
//#expect: FUNC 'two'
//#run: --lang asm
//#expect: FUNC 'first'
//#reject: FUNC 'one'
struct s { int a; };
int two(struct s *s);
__attribute__((noinline)) int one(struct s *s) { return two(s) + s->a; }
int (*volatile keep)(struct s *) = one;
