struct shared { int a; };
int use(struct shared *s) { return s->a; }
