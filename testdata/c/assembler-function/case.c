// The assembler describes its functions without parameters, and so does BTF: calling
// convention and prototype are not in the debug info (QUIRK-8 is about an option).
//#compilers: gcc
//#dwarf: 5
//#sources: case.c memset.S
//#expect: FUNC 'my_memset' type_id={FUNC_PROTO ret_type_id={void} vlen=0}
//#expect: FUNC 'f' type_id={FUNC_PROTO ret_type_id={void} vlen=1}
void *my_memset(void *p, int c, unsigned long n);
void f(char *p) { my_memset(p, 0, 4); }
