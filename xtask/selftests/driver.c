/* What test_progs.c does for the tests of a kernel tree, for one test: TEST is
 * the name of its function. The checks themselves are those of the tree's
 * test_progs.h, which print a line each.
 */
#include "test_progs.h"

struct test_env env = { .verbosity = VERBOSE_NONE };

static int failures;

void test__fail(void)
{
	failures++;
}

void test__skip(void)
{
	printf("%s\n", "SKIP");
}

void test__force_log(void)
{
}

bool test__start_subtest(const char *name)
{
	(void)name;
	return true;
}

void test__end_subtest(void)
{
}

void TEST(void);

int main(void)
{
	TEST();
	return failures != 0;
}
