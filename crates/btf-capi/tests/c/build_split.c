/* A split BTF with one struct on a base, from nothing to bytes and back. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>

int main(void)
{
	struct btf *base, *split, *again, *dist_base, *dist_split;
	const struct btf_type *t;
	const void *raw;
	__u32 size, again_size;
	int id;

	base = btf__new_empty();
	assert(base && btf__type_cnt(base) == 1);
	assert(btf__add_int(base, "int", 4, BTF_INT_SIGNED) == 1);
	assert(btf__add_int(base, "int", 3, 0) == -EINVAL && errno == EINVAL);
	assert(btf__add_field(base, "x", 1, 0, 0) == -EINVAL);

	split = btf__new_empty_split(base);
	assert(split && btf__base_btf(split) == base);
	id = btf__add_struct(split, "point", 8);
	assert(id == 2);
	assert(btf__add_field(split, "x", 1, 0, 0) == 0);
	assert(btf__add_field(split, "flags", 1, 32, 5) == 0);
	assert(btf__add_struct(split, "point", 8) == 3);
	assert(btf__add_field(split, "x", 1, 0, 0) == 0);
	assert(btf__add_field(split, "flags", 1, 32, 5) == 0);
	assert(btf__dedup(split, NULL) == 0);
	assert(btf__type_cnt(split) == 3);

	t = btf__type_by_id(split, id);
	assert(btf_is_struct(t) && btf_vlen(t) == 2 && btf_kflag(t));
	assert(btf_member_bit_offset(t, 1) == 32);
	assert(btf_member_bitfield_size(t, 1) == 5);
	assert(!strcmp(btf__name_by_offset(split, t->name_off), "point"));
	assert(!strcmp(btf__str_by_offset(split, btf_members(t)[1].name_off), "flags"));
	assert(!btf__type_by_id(split, 3) && errno == EINVAL);
	assert(btf__find_by_name_kind(split, "point", BTF_KIND_STRUCT) == 2);
	assert(btf__find_by_name(split, "int") == 1);
	assert(btf__find_by_name(split, "nothing") == -ENOENT);
	assert(btf__find_by_name(split, "void") == 0);
	assert(btf__resolve_size(split, id) == 8);
	assert(btf__align_of(split, id) == 4);

	raw = btf__raw_data(split, &size);
	again = btf__new_split(raw, size, base);
	assert(again);
	assert(btf__raw_data(again, &again_size) != raw && again_size == size);
	assert(!memcmp(btf__raw_data(again, &again_size), raw, size));
	assert(!btf__new(raw, size) && errno == EINVAL);

	assert(btf__distill_base(split, &dist_base, &dist_split) == 0);
	assert(btf__base_btf(dist_split) == dist_base);
	assert(btf__relocate(dist_split, base) == 0);
	assert(btf__base_btf(dist_split) == base);

	btf__free(dist_split);
	btf__free(dist_base);
	btf__free(again);
	btf__free(split);
	btf__free(base);
	btf__free(NULL);
	puts("ok");
	return 0;
}
