struct s { int a; struct s *next; };
extern int sink;
static __attribute__((noinline)) int helper(struct s *s) { sink++; return s ? s->a : sink; }
