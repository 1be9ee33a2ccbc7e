// With -gsplit-dwarf the object only has skeleton units; the types are in a .dwo.
//#cflags: -gsplit-dwarf
//#exit: 1
struct s { int a; } s;
int f(struct s *p) { return p->a; }
