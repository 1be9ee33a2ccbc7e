// One name, two things: functions, structs, typedefs; and a name of the image with
// another meaning.
#include "core.h"
struct state { int a; };
extern int sequence;
//#count 2: STRUCT 'state'
//#count 2: TYPEDEF 'handle'
typedef int handle;
//#reject: FUNC 'parse'
static noinline int parse(struct state *s)
{
	return s->a + sequence++;
}
//#reject: FUNC 'convert'
int __weak convert(int a)
{
	return a;
}
// The image's page is another struct.
//#expect: STRUCT 'page' @split size=4 vlen=1
struct page { int number; } my_page;
//#expect: FUNC 'first' type_id={FUNC_PROTO ('h' type_id={TYPEDEF 'handle' type_id={INT 'int'}})}
int first(struct state *s, handle h)
{
	return parse(s) + parse(s + 1) + h;
}
//#expect: FUNC 'same_but_const' type_id={FUNC_PROTO vlen=1}
int __weak same_but_const(const char *p)
{
	return *p;
}
