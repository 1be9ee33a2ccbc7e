/* What may change, and go, while something else refers to it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>

int main(void)
{
	struct btf *base = btf__new_empty(), *split;
	const void *little, *big, *again;
	struct btf_field_iter it;
	__u32 size, big_size, *field;
	int n;

	assert(btf__add_int(base, "int", 4, 0) == 1);
	split = btf__new_empty_split(base);
	assert(btf__add_typedef(split, "mine", 1) == 2);

	/* Raw data stays where it is while nothing changes. */
	assert(btf__set_endianness(split, BTF_LITTLE_ENDIAN) == 0);
	little = btf__raw_data(split, &size);
	assert(btf__raw_data(split, &size) == little);
	assert(btf__set_endianness(split, BTF_BIG_ENDIAN) == 0);
	big = btf__raw_data(split, &big_size);
	assert(big != little && big_size == size && memcmp(big, little, size));
	assert(btf__endianness(split) == BTF_BIG_ENDIAN);
	assert(btf__set_endianness(split, 2) == -EINVAL);
	assert(btf__set_endianness(split, BTF_LITTLE_ENDIAN) == 0);

	/* A change through the type's pointer shows in the raw data. */
	btf_type_by_id(split, 2)->type = 0;
	again = btf__raw_data(split, &size);
	assert(again == little);
	assert(((const __u32 *)again)[6 + 2] == 0);

	/* Fields of a record can be visited, and so changed. */
	assert(btf_field_iter_init(&it, btf_type_by_id(split, 2),
				   BTF_FIELD_ITER_IDS) == 0);
	for (n = 0; (field = btf_field_iter_next(&it)); n++)
		*field = 1;
	assert(n == 1 && btf__type_by_id(split, 2)->type == 1);

	/* A changed base leaves its split as it was, and so does a freed one. */
	assert(btf__add_ptr(base, 1) == 2);
	assert(btf__type_cnt(split) == 3);
	assert(btf_is_typedef(btf__type_by_id(split, 2)));
	btf__free(base);
	assert(btf_is_int(btf__type_by_id(split, 1)));
	assert(!strcmp(btf__str_by_offset(split,
		       btf__type_by_id(split, 1)->name_off), "int"));
	assert(!strcmp(btf__str_by_offset(split, 0), ""));
	assert(!btf__str_by_offset(split, 1 << 20) && errno == EINVAL);
	btf__free(split);

	assert(!btf__parse("/nonexistent/file", NULL) && errno == ENOENT);
	assert(libbpf_get_error(NULL) == -ENOENT);
	assert(!btf__parse_raw("/proc/self/exe") && errno == EPROTO);
	assert(!btf__parse_elf("/dev/null", NULL));
	puts("ok");
	return 0;
}
