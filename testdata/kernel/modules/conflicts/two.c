#include "core.h"
struct state { long b; };
int sequence;
typedef void *handle;
static noinline long parse(struct state *s)
{
	return s->b - sequence++;
}
long convert(int a)
{
	return a;
}
//#expect: FUNC 'second' type_id={FUNC_PROTO ('h' type_id={TYPEDEF 'handle' type_id={PTR type_id={void}}})}
long second(struct state *s, handle h)
{
	return parse(s) + parse(s + 1) + (long)h;
}
int same_but_const(char *p)
{
	return *p;
}
// Parameters without a name make a prototype the kernel would not take.
//#reject: FUNC 'unnamed'
int unnamed(int a, int)
{
	return a;
}
