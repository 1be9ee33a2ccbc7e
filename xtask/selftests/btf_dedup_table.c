/* Of btf.c, which is about loading BTF into the kernel, the part that is about
 * data: its table of inputs and results of deduplication.
 */
#include "prog_tests/btf.c"

void test_btf_dedup_table(void)
{
	for (unsigned int i = 1; i <= ARRAY_SIZE(dedup_tests); i++)
		do_test_dedup(i);
}
