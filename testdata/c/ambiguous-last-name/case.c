// Two static functions of one name have no common prototype to speak of, even if
// their name is the last of all (QUIRK-12).
//#link: relocatable executable
//#reject: FUNC 'zzzz'
//#reject: FUNC 'aaaa'
//#expect: FUNC 'caller'
//#expect: FUNC 'other'
extern int sink;
static __attribute__((noinline)) int aaaa(int a) { return a * sink++; }
static __attribute__((noinline)) int zzzz(int a) { return a + sink++; }
int caller(int a) { return aaaa(a) + aaaa(a + 1) + zzzz(a) + zzzz(a + 1); }
