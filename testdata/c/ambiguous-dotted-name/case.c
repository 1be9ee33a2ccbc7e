// Two clones of one dotted name at two addresses are no more one function than
// their sources are, with the feature true_signature, too (QUIRK-17).
//#compilers: gcc
//#link: relocatable executable
//#reject: FUNC 'aaa'
//#reject: FUNC 'aaa.constprop.0'
//#expect: FUNC 'one'
//#expect: FUNC 'two'
extern int sink;
static __attribute__((noinline)) int aaa(int a, int same) { return a * (sink += same); }
int one(int a) { return aaa(a, 7) + aaa(a + 1, 7); }
//#run: --features true_signature,default
