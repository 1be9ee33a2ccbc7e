int sink;
static __attribute__((noinline)) int helper(int a) { return a - sink++; }
int two(int a) { return helper(a) + helper(a + 1); }
//#expect: FUNC 'zz'
int zz(void) { return 0; }
