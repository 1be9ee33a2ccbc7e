/* Raw data has the header that its reader knows. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <bpf/btf.h>

/* struct btf_header of 2026, which <linux/btf.h> here may lack. */
struct long_header {
	struct {
		__u16 magic;
		__u8 version;
		__u8 flags;
		__u32 hdr_len;
		__u32 type_off, type_len;
		__u32 str_off, str_len;
	} known;
	__u32 layout_off, layout_len;
};

int main(void)
{
	LIBBPF_OPTS(btf_new_opts, opts);
	const struct long_header *hdr;
	struct btf *btf, *again;
	enum btf_endianness swapped;
	const char *strs;
	__u32 size;

	/* Who asks for nothing gets what everybody takes. */
	btf = btf__new_empty();
	hdr = btf__raw_data(btf, &size);
	assert(hdr->known.hdr_len == 24 && size == 24 + 1);
	again = btf__new(hdr, size);
	hdr = btf__raw_data(again, &size);
	assert(hdr->known.hdr_len == 24 && size == 24 + 1);
	btf__free(again);
	btf__free(btf);

	/* Who knows btf_new_opts may read layout_len without looking. */
	btf = btf__new_empty_opts(&opts);
	assert(btf__add_int(btf, "int", 4, BTF_INT_SIGNED) == 1);
	hdr = btf__raw_data(btf, &size);
	assert(hdr->known.hdr_len == 32 && size == 32 + 16 + 5);
	assert(!hdr->layout_off && !hdr->layout_len);
	assert(hdr->known.str_off == hdr->known.type_off + hdr->known.type_len);
	strs = (const char *)hdr + 32 + hdr->known.str_off;
	assert(!strcmp(strs + 1, "int"));

	/* Who reads such a header gets one back, in either byte order. */
	again = btf__new(hdr, size);
	assert(again && btf__find_by_name(again, "int") == 1);
	swapped = btf__endianness(again) == BTF_BIG_ENDIAN ? BTF_LITTLE_ENDIAN
							   : BTF_BIG_ENDIAN;
	assert(btf__set_endianness(again, swapped) == 0);
	hdr = btf__raw_data(again, &size);
	assert(hdr->known.hdr_len == __builtin_bswap32(32) && size == 32 + 16 + 5);
	btf__free(btf);
	btf = btf__new(hdr, size);
	assert(btf && btf__endianness(btf) == swapped);
	assert(btf__find_by_name(btf, "int") == 1);
	btf__free(again);
	btf__free(btf);
	puts("ok");
	return 0;
}
