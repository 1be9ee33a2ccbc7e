int sink;
static __attribute__((noinline)) int aaa(int a, int same) { return a - (sink ^= same); }
int two(int a) { return aaa(a, 9) + aaa(a + 1, 9); }
