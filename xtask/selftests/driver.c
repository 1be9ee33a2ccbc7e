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

/* One subtest is not about data alone: it reads a module that only a kernel
 * built for the selftests has loaded.
 */
bool test__start_subtest(const char *name)
{
	return strcmp(name, "split_module") != 0 ||
	       access("/sys/kernel/btf/bpf_testmod", R_OK) == 0;
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
