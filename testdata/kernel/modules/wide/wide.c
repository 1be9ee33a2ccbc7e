// Wide integers, floats, varargs, structs by value, a function with many parameters.
#include "core.h"
//#expect: FUNC 'multiply' type_id={FUNC_PROTO ret_type_id={INT size=16 encoding=SIGNED} ('a' type_id={TYPEDEF 's64'})}
__int128 multiply(s64 a, s64 b)
{
	return (__int128)a * b;
}
//#expect: FUNC 'sum' type_id={FUNC_PROTO vlen=2 ('n' type_id={INT 'int'}) ('(anon)' type_id={void})}
int sum(int n, ...)
{
	__builtin_va_list list;
	int total = 0;

	__builtin_va_start(list, n);
	while (n--)
		total += __builtin_va_arg(list, int);
	__builtin_va_end(list);
	return total;
}
struct triple { u64 a, b, c; };
struct packed { u8 tag; u64 value; } __packed;
typedef struct packed packed_t;
//#expect: FUNC 'on_the_stack' type_id={FUNC_PROTO vlen=7 ('t' type_id={STRUCT 'triple'})}
u64 on_the_stack(int a, int b, int c, int d, int e, int f, struct triple t)
{
	return a + b + c + d + e + f + t.a;
}
//#reject(x86_64): FUNC 'packed_on_the_stack'
u64 packed_on_the_stack(int a, int b, int c, int d, int e, int f, packed_t p)
{
	return a + b + c + d + e + f + p.value;
}
// Floating point registers are not those the rules know.
//#reject: FUNC 'average'
//#expect: FUNC 'halve' type_id={FUNC_PROTO ret_type_id={FLOAT 'float' size=4} vlen=1}
float halve(int a)
{
	return a / 2.0f;
}
float average(float a, double b)
{
	return (a + b) / 2;
}
//#expect: FUNC 'complement' type_id={FUNC_PROTO vlen=2 ('v' type_id={VOLATILE type_id={INT 'int'}}) ('c' type_id={PTR})}
int complement(volatile int v, const volatile int *c)
{
	return ~v & *c;
}
