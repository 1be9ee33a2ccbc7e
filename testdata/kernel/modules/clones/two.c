#include "core.h"
// Cold and hot parts: one function with an address range in two sections.
int log_failure(int code);
//#expect: FUNC 'complete' type_id={FUNC_PROTO vlen=1 ('code')}
int complete(int code)
{
	if (__builtin_expect(code < -1000, 0))
		return log_failure(code) + log_failure(code + 1) * 2;
	return code;
}
//#expect: FUNC 'log_failure'
__attribute__((cold)) int log_failure(int code)
{
	return print("failed: %d\n", code);
}
