int sink;
static __attribute__((noinline)) int aaaa(int a) { return a - sink++; }
int other(int a) { return aaaa(a) + aaaa(a + 1); }
