struct s { int a; };
__attribute__((noinline)) int two(struct s *s) { return s->a * 3; }
int (*volatile keep_two)(struct s *) = two;
