// i386 aligns members of eight bytes to four, so that a struct of twelve bytes with one of
// them is not packed (pahole takes it to be, and leaves out `by_value`, but not `by_const`).
// No argument registers are known there: even an only argument may be on the stack.
//#compilers: clang
//#targets: i686
struct time { long long sec; long nsec; };
struct packed { char c; long long l; } __attribute__((packed));

//#expect: FUNC 'by_value' type_id={FUNC_PROTO vlen=1}
long by_value(struct time t) { return t.nsec; }
//#expect: FUNC 'by_const' type_id={FUNC_PROTO vlen=2}
long by_const(int n, const struct time t) { return n + t.nsec; }
//#reject: FUNC 'only_argument'
long only_argument(struct packed p) { return p.c; }
//#reject: FUNC 'second_argument'
long second_argument(int n, const struct packed p) { return n + p.c; }
