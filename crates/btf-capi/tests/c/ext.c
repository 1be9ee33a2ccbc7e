/* .BTF.ext goes along with dedup and permutation. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>

int main(void)
{
	struct btf *btf = btf__new_empty();
	__u32 section, words[11], id_map[] = { 0, 2, 1, 3 }, size;
	LIBBPF_OPTS(btf_dedup_opts, dedup);
	LIBBPF_OPTS(btf_permute_opts, permute);
	struct btf_ext *ext;
	const __u32 *raw;
	const __u8 *bytes = (const __u8 *)words;

	assert(btf__add_str(btf, "nobody uses this") > 0);
	section = btf__add_str(btf, "xdp");
	assert(btf__add_int(btf, "int", 4, 0) == 1);
	assert(btf__add_int(btf, "int", 4, 0) == 2);
	assert(btf__add_func_proto(btf, 2) == 3);
	assert(btf__add_func(btf, "f", BTF_FUNC_GLOBAL, 3) == 4);

	memset(words, 0, sizeof(words));
	((__u16 *)words)[0] = 0xeb9f;
	((__u8 *)words)[2] = 1;
	words[1] = 24;
	words[3] = words[4] = 20;	/* func_info_len, line_info_off */
	words[6] = 8;			/* record size */
	words[7] = section;
	words[8] = 1;
	words[9] = 16;			/* insn_off */
	words[10] = 4;			/* type_id */
	ext = btf_ext__new(bytes, sizeof(words));
	assert(ext);
	assert(!btf_ext__new(bytes, 24) && errno == EINVAL);

	dedup.btf_ext = ext;
	assert(btf__dedup(btf, &dedup) == 0);
	assert(btf__type_cnt(btf) == 4);
	raw = btf_ext__raw_data(ext, &size);
	assert(size == sizeof(words) && raw[9] == 16 && raw[10] == 3);
	assert(!strcmp(btf__str_by_offset(btf, raw[7]), "xdp"));
	assert(btf__find_str(btf, "nobody uses this") == -ENOENT);

	permute.btf_ext = ext;
	id_map[1] = 3;
	id_map[2] = 1;
	id_map[3] = 2;
	assert(btf__permute(btf, id_map, 4, &permute) == 0);
	raw = btf_ext__raw_data(ext, &size);
	assert(raw[10] == 2 && btf_is_func(btf__type_by_id(btf, 2)));

	assert(btf_ext__set_endianness(ext, 1 - btf_ext__endianness(ext)) == 0);
	raw = btf_ext__raw_data(ext, &size);
	assert(raw[10] == 2u << 24);

	btf_ext__free(ext);
	btf_ext__free(NULL);
	btf__free(btf);
	puts("ok");
	return 0;
}
