// Two static functions of one name, even with one prototype, are none.
//#link: relocatable executable
//#reject: FUNC 'helper'
//#expect: FUNC 'one'
//#expect: FUNC 'two'
extern int sink;
static __attribute__((noinline)) int helper(int a) { return a * sink++; }
int one(int a) { return helper(a) + helper(a + 1); }
