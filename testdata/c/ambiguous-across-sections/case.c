// In a module a symbol's value is an offset in its section: equal values in two
// sections are two addresses (QUIRK-12).
//#link: relocatable executable
//#reject: FUNC 'aaaa'
//#expect: FUNC 'caller'
//#expect: FUNC 'other'
extern int sink;
static __attribute__((noinline, section(".text.one"))) int aaaa(int a) { return a * sink++; }
int caller(int a) { return aaaa(a) + aaaa(a + 1); }
//#expect: FUNC 'zzzz'
int zzzz(int a) { return a; }
