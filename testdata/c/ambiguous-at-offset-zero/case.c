// Offset 0 is an address like any other: a function there and one of the same name
// elsewhere are two (QUIRK-12).
//#opt: -O1
//#link: relocatable executable
//#reject: FUNC 'aaaa'
//#expect: FUNC 'zzzz'
//#expect: FUNC 'other'
extern int sink;
static __attribute__((noinline)) int aaaa(int a) { return a * sink++; }
int zzzz(int a) { return aaaa(a) + aaaa(a + 1); }
