extern int sink;
static inline int shared(int a) { sink += a; return sink; }
