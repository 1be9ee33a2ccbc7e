/* Option structs of callers older and newer than the library. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>

struct newer_opts {
	struct btf_dedup_opts known;
	__u64 later;
};

int main(void)
{
	LIBBPF_OPTS(btf_new_opts, new_opts, .add_layout = true);
	DECLARE_LIBBPF_OPTS(btf_dedup_opts, opts);
	struct newer_opts newer;
	struct btf *btf = btf__new_empty_opts(&new_opts), *split;
	__u32 id_map[] = { 0, 2, 1 }, size;
	const struct btf_header *hdr;
	size_t bare = sizeof(size_t);

	assert(btf);
	hdr = btf__raw_data(btf, &size);
	assert(hdr->hdr_len == 32 && size == 32 + 80 + 1);
	new_opts.base_btf = btf;
	new_opts.add_layout = false;
	split = btf__new_empty_opts(&new_opts);
	assert(split && btf__base_btf(split) == btf);

	assert(btf__add_ptr(btf, 0) == 1);
	assert(btf__add_const(btf, 1) == 2);
	assert(btf__permute(btf, id_map, 3, NULL) == 0);
	assert(btf_is_const(btf__type_by_id(btf, 1)));
	assert(btf__type_by_id(btf, 1)->type == 2);
	assert(btf__permute(btf, id_map, 2, NULL) == -EINVAL);
	id_map[0] = 1;
	assert(btf__permute(btf, id_map, 3, NULL) == -EINVAL);

	assert(btf__dedup(btf, (void *)&bare) == 0);
	bare = 4;
	assert(btf__dedup(btf, (void *)&bare) == -EINVAL);
	opts.force_collisions = true;
	assert(btf__dedup(btf, &opts) == 0);
	memset(&newer, 0, sizeof(newer));
	newer.known.sz = sizeof(newer);
	assert(btf__dedup(btf, &newer.known) == 0);
	newer.later = 1;
	assert(btf__dedup(btf, &newer.known) == -EINVAL);

	btf__free(split);
	btf__free(btf);
	puts("ok");
	return 0;
}
