// What modules hang on to: registration, and the strong definition of a weak function.
#include "core.h"

static struct list_head drivers = { &drivers, &drivers };

//#expect: FUNC 'register_driver' type_id={FUNC_PROTO ('driver' type_id={PTR type_id={STRUCT 'driver'}})}
int register_driver(struct driver *driver)
{
	list_add(&driver->list, &drivers);
	return driver->probe ? driver->probe(driver) : 0;
}

//#expect: FUNC 'setup_arch' type_id={FUNC_PROTO vlen=1 ('machine' type_id={INT 'int'})}
int setup_arch(int machine)
{
	return machine + 1;
}

//#expect: FUNC 'restricted_copy' type_id={FUNC_PROTO ('to' type_id={RESTRICT type_id={PTR type_id={void}}})}
void *restricted_copy(void *restrict to, const void *restrict from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

//#expect: FUNC 'by_value' type_id={FUNC_PROTO ret_type_id={STRUCT 'pair' size=16}}
struct pair {
	u64 a, b;
};
struct pair by_value(struct pair p, double scale)
{
	p.a += (u64)scale;
	return p;
}
//#expect: FLOAT 'double' size=8
