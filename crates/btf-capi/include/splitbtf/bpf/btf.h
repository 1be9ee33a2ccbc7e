/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libbpf's functions on BTF data, as libsplitbtf implements them.
 *
 * Names, signatures and results are libbpf 1.x's, so a program written for
 * <bpf/btf.h> compiles with this directory's parent in the include path and
 * links with -lsplitbtf. Missing is what talks to the kernel
 * (btf__load_into_kernel, btf__load_from_kernel_by_id and relatives), and
 * btf_dump__dump_type_data and btf_dump__emit_type_decl.
 *
 * Errors: integers are negative errno values, pointers are NULL; errno is set
 * in both cases.
 *
 * Pointers into a BTF (types, strings, raw data) are good until it is changed
 * or freed. A base must outlive the split BTFs on it only if they are asked
 * for it with btf__base_btf().
 */
#ifndef __LIBBPF_BTF_H
#define __LIBBPF_BTF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/btf.h>
#include <linux/types.h>

#include "libbpf_common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ELF sections. */
#define BTF_ELF_SEC ".BTF"
#define BTF_EXT_ELF_SEC ".BTF.ext"
#define BTF_BASE_ELF_SEC ".BTF.base"

struct btf;
struct btf_ext;
struct btf_type;

enum btf_endianness {
	BTF_LITTLE_ENDIAN = 0,
	BTF_BIG_ENDIAN = 1,
};

/* Negative errno if ptr is NULL and came from a failed call, else 0. */
LIBBPF_API long libbpf_get_error(const void *ptr);

/*
 * Making and freeing.
 */

/* From the bytes of a .BTF section, which are copied; either byte order. */
LIBBPF_API struct btf *btf__new(const void *data, __u32 size);
LIBBPF_API struct btf *btf__new_split(const void *data, __u32 size,
				      struct btf *base_btf);

/* Empty, in native byte order or that of the base. */
LIBBPF_API struct btf *btf__new_empty(void);
LIBBPF_API struct btf *btf__new_empty_split(struct btf *base_btf);

struct btf_new_opts {
	size_t sz;
	struct btf *base_btf;	/* NULL for none */
	bool add_layout;	/* write a layout section */
	size_t :0;
};
#define btf_new_opts__last_field add_layout

LIBBPF_API struct btf *btf__new_empty_opts(struct btf_new_opts *opts);

/* From a file: raw BTF, or an ELF file with .BTF (and .BTF.base, which is
 * relocated to base_btf where that is given). -EPROTO if a raw file is asked
 * for and it is something else, -ENODATA for ELF without .BTF.
 */
LIBBPF_API struct btf *btf__parse(const char *path, struct btf_ext **btf_ext);
LIBBPF_API struct btf *btf__parse_split(const char *path, struct btf *base_btf);
LIBBPF_API struct btf *btf__parse_elf(const char *path, struct btf_ext **btf_ext);
LIBBPF_API struct btf *btf__parse_elf_split(const char *path,
					    struct btf *base_btf);
LIBBPF_API struct btf *btf__parse_raw(const char *path);
LIBBPF_API struct btf *btf__parse_raw_split(const char *path,
					    struct btf *base_btf);

/* Of the running kernel and its loaded modules, from sysfs. */
LIBBPF_API struct btf *btf__load_vmlinux_btf(void);
LIBBPF_API struct btf *btf__load_module_btf(const char *module_name,
					    struct btf *vmlinux_btf);

LIBBPF_API void btf__free(struct btf *btf);

/*
 * Looking.
 */

/* One more than the highest type id, base included. */
LIBBPF_API __u32 btf__type_cnt(const struct btf *btf);
LIBBPF_API const struct btf *btf__base_btf(const struct btf *btf);
/* In native byte order. Id 0 gives a type of kind 0. */
LIBBPF_API const struct btf_type *btf__type_by_id(const struct btf *btf,
						  __u32 id);
/* Lowest id of that name, -ENOENT if there is none. */
LIBBPF_API __s32 btf__find_by_name(const struct btf *btf,
				   const char *type_name);
LIBBPF_API __s32 btf__find_by_name_kind(const struct btf *btf,
					const char *type_name, __u32 kind);
LIBBPF_API const char *btf__name_by_offset(const struct btf *btf, __u32 offset);
LIBBPF_API const char *btf__str_by_offset(const struct btf *btf, __u32 offset);
LIBBPF_API int btf__find_str(struct btf *btf, const char *s);

/* Bytes of a pointer, 0 if nothing tells. */
LIBBPF_API size_t btf__pointer_size(const struct btf *btf);
LIBBPF_API int btf__set_pointer_size(struct btf *btf, size_t ptr_sz);
LIBBPF_API enum btf_endianness btf__endianness(const struct btf *btf);
/* Changes what btf__raw_data() writes; types in memory stay native. */
LIBBPF_API int btf__set_endianness(struct btf *btf, enum btf_endianness endian);
/* Bytes, through typedefs, modifiers and arrays. */
LIBBPF_API __s64 btf__resolve_size(const struct btf *btf, __u32 type_id);
/* Id behind typedefs and modifiers. */
LIBBPF_API int btf__resolve_type(const struct btf *btf, __u32 type_id);
/* Bytes; 1 for packed structs, 0 for kinds without alignment. */
LIBBPF_API int btf__align_of(const struct btf *btf, __u32 id);
/* A descriptor to be closed with the BTF, -1 if there is none. */
LIBBPF_API int btf__fd(const struct btf *btf);
LIBBPF_API void btf__set_fd(struct btf *btf, int fd);

/* The bytes of a .BTF section, owned by btf. */
LIBBPF_API const void *btf__raw_data(const struct btf *btf, __u32 *size);
LIBBPF_API const void *btf__get_raw_data(const struct btf *btf, __u32 *size);

/*
 * .BTF.ext.
 */

LIBBPF_API struct btf_ext *btf_ext__new(const __u8 *data, __u32 size);
LIBBPF_API void btf_ext__free(struct btf_ext *btf_ext);
LIBBPF_API const void *btf_ext__raw_data(const struct btf_ext *btf_ext,
					 __u32 *size);
LIBBPF_API const void *btf_ext__get_raw_data(const struct btf_ext *btf_ext,
					     __u32 *size);
LIBBPF_API enum btf_endianness
btf_ext__endianness(const struct btf_ext *btf_ext);
LIBBPF_API int btf_ext__set_endianness(struct btf_ext *btf_ext,
				       enum btf_endianness endian);

/*
 * Adding. Each btf__add_* returns the id of the type it appends; those for
 * elements (fields, values, parameters, section variables) return 0 and extend
 * the type appended last. Ids may refer to types that are still to come.
 */

LIBBPF_API int btf__add_str(struct btf *btf, const char *s);

/* One type of another BTF, with its strings; ids are taken over as they are. */
LIBBPF_API int btf__add_type(struct btf *btf, const struct btf *src_btf,
			     const struct btf_type *src_type);
/* All own types of another BTF, which has no base or the same one. Returns the
 * id of the first.
 */
LIBBPF_API int btf__add_btf(struct btf *btf, const struct btf *src_btf);

LIBBPF_API int btf__add_int(struct btf *btf, const char *name, size_t byte_sz,
			    int encoding);
LIBBPF_API int btf__add_float(struct btf *btf, const char *name, size_t byte_sz);
LIBBPF_API int btf__add_ptr(struct btf *btf, int ref_type_id);
LIBBPF_API int btf__add_array(struct btf *btf, int index_type_id,
			      int elem_type_id, __u32 nr_elems);
LIBBPF_API int btf__add_struct(struct btf *btf, const char *name, __u32 byte_sz);
LIBBPF_API int btf__add_union(struct btf *btf, const char *name, __u32 byte_sz);
LIBBPF_API int btf__add_field(struct btf *btf, const char *name,
			      int field_type_id, __u32 bit_offset,
			      __u32 bit_size);
LIBBPF_API int btf__add_enum(struct btf *btf, const char *name, __u32 byte_sz);
LIBBPF_API int btf__add_enum_value(struct btf *btf, const char *name,
				   __s64 value);
LIBBPF_API int btf__add_enum64(struct btf *btf, const char *name, __u32 byte_sz,
			       bool is_signed);
LIBBPF_API int btf__add_enum64_value(struct btf *btf, const char *name,
				     __u64 value);

enum btf_fwd_kind {
	BTF_FWD_STRUCT = 0,
	BTF_FWD_UNION = 1,
	BTF_FWD_ENUM = 2,
};

LIBBPF_API int btf__add_fwd(struct btf *btf, const char *name,
			    enum btf_fwd_kind fwd_kind);
LIBBPF_API int btf__add_typedef(struct btf *btf, const char *name,
				int ref_type_id);
LIBBPF_API int btf__add_volatile(struct btf *btf, int ref_type_id);
LIBBPF_API int btf__add_const(struct btf *btf, int ref_type_id);
LIBBPF_API int btf__add_restrict(struct btf *btf, int ref_type_id);
LIBBPF_API int btf__add_type_tag(struct btf *btf, const char *value,
				 int ref_type_id);
LIBBPF_API int btf__add_type_attr(struct btf *btf, const char *value,
				  int ref_type_id);
LIBBPF_API int btf__add_func(struct btf *btf, const char *name,
			     enum btf_func_linkage linkage, int proto_type_id);
LIBBPF_API int btf__add_func_proto(struct btf *btf, int ret_type_id);
LIBBPF_API int btf__add_func_param(struct btf *btf, const char *name,
				   int type_id);
LIBBPF_API int btf__add_var(struct btf *btf, const char *name, int linkage,
			    int type_id);
LIBBPF_API int btf__add_datasec(struct btf *btf, const char *name,
				__u32 byte_sz);
LIBBPF_API int btf__add_datasec_var_info(struct btf *btf, int var_type_id,
					 __u32 offset, __u32 byte_sz);
LIBBPF_API int btf__add_decl_tag(struct btf *btf, const char *value,
				 int ref_type_id, int component_idx);
LIBBPF_API int btf__add_decl_attr(struct btf *btf, const char *value,
				  int ref_type_id, int component_idx);

/*
 * Changing as a whole.
 */

struct btf_dedup_opts {
	size_t sz;
	struct btf_ext *btf_ext;	/* to be adjusted; NULL for none */
	bool force_collisions;		/* for tests: make all hashes equal */
	size_t :0;
};
#define btf_dedup_opts__last_field force_collisions

LIBBPF_API int btf__dedup(struct btf *btf, const struct btf_dedup_opts *opts);

/* A base of only what src_btf needs of its base, and src_btf on that. */
LIBBPF_API int btf__distill_base(const struct btf *src_btf,
				 struct btf **new_base_btf,
				 struct btf **new_split_btf);
/* Moves btf from a distilled base to base_btf. */
LIBBPF_API int btf__relocate(struct btf *btf, const struct btf *base_btf);

struct btf_permute_opts {
	size_t sz;
	struct btf_ext *btf_ext;	/* to be adjusted; NULL for none */
	size_t :0;
};
#define btf_permute_opts__last_field btf_ext

/* Gives own types new ids: id_map[i] is that of own type i, where a BTF
 * without base counts void as the first.
 */
LIBBPF_API int btf__permute(struct btf *btf, __u32 *id_map, __u32 id_map_cnt,
			    const struct btf_permute_opts *opts);

/*
 * The type ids or string offsets of one record, in record order. libbpf has
 * these in its internal header.
 */

enum btf_field_iter_kind {
	BTF_FIELD_ITER_IDS,
	BTF_FIELD_ITER_STRS,
};

struct btf_field_iter {
	void *record;
	__u32 strs;
	__u32 n_done;
};

LIBBPF_API int btf_field_iter_init(struct btf_field_iter *it,
				   struct btf_type *t,
				   enum btf_field_iter_kind iter_kind);
/* NULL at the end. */
LIBBPF_API __u32 *btf_field_iter_next(struct btf_field_iter *it);

/* A type to be changed; its kind and vlen must stay. */
static inline struct btf_type *btf_type_by_id(const struct btf *btf, __u32 id)
{
	return (struct btf_type *)btf__type_by_id(btf, id);
}

/*
 * C definitions, a type at a time, each once and with what it needs.
 */

struct btf_dump;

struct btf_dump_opts {
	size_t sz;
};
#define btf_dump_opts__last_field sz

typedef void (*btf_dump_printf_fn_t)(void *ctx, const char *fmt, va_list args);

LIBBPF_API struct btf_dump *btf_dump__new(const struct btf *btf,
					  btf_dump_printf_fn_t printf_fn,
					  void *ctx,
					  const struct btf_dump_opts *opts);
LIBBPF_API void btf_dump__free(struct btf_dump *d);
LIBBPF_API int btf_dump__dump_type(struct btf_dump *d, __u32 id);

/*
 * What <linux/btf.h> of older systems lacks. Where it has the kinds they are
 * enumerators, of these values.
 */
#ifndef BTF_KIND_FUNC
#define BTF_KIND_FUNC		12
#define BTF_KIND_FUNC_PROTO	13
#endif
#ifndef BTF_KIND_VAR
#define BTF_KIND_VAR		14
#define BTF_KIND_DATASEC	15
#endif
#ifndef BTF_KIND_FLOAT
#define BTF_KIND_FLOAT		16
#endif
#define BTF_KIND_DECL_TAG	17
#define BTF_KIND_TYPE_TAG	18
#define BTF_KIND_ENUM64		19

struct btf_enum64;
struct btf_decl_tag;

/*
 * Reading a struct btf_type. The info word is taken apart here rather than by
 * the macros of <linux/btf.h>, which are narrower before 2026.
 */

static inline __u16 btf_kind(const struct btf_type *t)
{
	return (t->info >> 24) & 0x7f;
}

static inline __u32 btf_vlen(const struct btf_type *t)
{
	return t->info & 0xffffff;
}

static inline bool btf_kflag(const struct btf_type *t)
{
	return t->info >> 31;
}

#define SPLITBTF_IS_KIND(suffix, kind)					\
	static inline bool btf_is_##suffix(const struct btf_type *t)	\
	{								\
		return btf_kind(t) == (kind);				\
	}

SPLITBTF_IS_KIND(void, 0)
SPLITBTF_IS_KIND(int, BTF_KIND_INT)
SPLITBTF_IS_KIND(ptr, BTF_KIND_PTR)
SPLITBTF_IS_KIND(array, BTF_KIND_ARRAY)
SPLITBTF_IS_KIND(struct, BTF_KIND_STRUCT)
SPLITBTF_IS_KIND(union, BTF_KIND_UNION)
SPLITBTF_IS_KIND(enum, BTF_KIND_ENUM)
SPLITBTF_IS_KIND(fwd, BTF_KIND_FWD)
SPLITBTF_IS_KIND(typedef, BTF_KIND_TYPEDEF)
SPLITBTF_IS_KIND(volatile, BTF_KIND_VOLATILE)
SPLITBTF_IS_KIND(const, BTF_KIND_CONST)
SPLITBTF_IS_KIND(restrict, BTF_KIND_RESTRICT)
SPLITBTF_IS_KIND(func, BTF_KIND_FUNC)
SPLITBTF_IS_KIND(func_proto, BTF_KIND_FUNC_PROTO)
SPLITBTF_IS_KIND(var, BTF_KIND_VAR)
SPLITBTF_IS_KIND(datasec, BTF_KIND_DATASEC)
SPLITBTF_IS_KIND(float, BTF_KIND_FLOAT)
SPLITBTF_IS_KIND(decl_tag, BTF_KIND_DECL_TAG)
SPLITBTF_IS_KIND(type_tag, BTF_KIND_TYPE_TAG)
SPLITBTF_IS_KIND(enum64, BTF_KIND_ENUM64)

#undef SPLITBTF_IS_KIND

static inline bool btf_is_composite(const struct btf_type *t)
{
	return btf_is_struct(t) || btf_is_union(t);
}

static inline bool btf_is_any_enum(const struct btf_type *t)
{
	return btf_is_enum(t) || btf_is_enum64(t);
}

static inline bool btf_is_mod(const struct btf_type *t)
{
	return btf_is_volatile(t) || btf_is_const(t) || btf_is_restrict(t) ||
	       btf_is_type_tag(t);
}

static inline bool btf_kind_core_compat(const struct btf_type *t1,
					const struct btf_type *t2)
{
	return btf_kind(t1) == btf_kind(t2) ||
	       (btf_is_any_enum(t1) && btf_is_any_enum(t2));
}

/* The words that follow the 12-byte head of every record. */
static inline const __u32 *splitbtf_tail(const struct btf_type *t)
{
	return (const __u32 *)(t + 1);
}

static inline __u8 btf_int_encoding(const struct btf_type *t)
{
	return (*splitbtf_tail(t) >> 24) & 0x0f;
}

static inline __u8 btf_int_offset(const struct btf_type *t)
{
	return (*splitbtf_tail(t) >> 16) & 0xff;
}

static inline __u8 btf_int_bits(const struct btf_type *t)
{
	return *splitbtf_tail(t) & 0xff;
}

static inline struct btf_array *btf_array(const struct btf_type *t)
{
	return (struct btf_array *)(t + 1);
}

static inline struct btf_enum *btf_enum(const struct btf_type *t)
{
	return (struct btf_enum *)(t + 1);
}

static inline struct btf_enum64 *btf_enum64(const struct btf_type *t)
{
	return (struct btf_enum64 *)(t + 1);
}

/* Works without the definition of the struct, which came with Linux 6.0. */
static inline __u64 btf_enum64_value(const struct btf_enum64 *e)
{
	const __u32 *words = (const __u32 *)e;

	return (__u64)words[2] << 32 | words[1];
}

static inline struct btf_member *btf_members(const struct btf_type *t)
{
	return (struct btf_member *)(t + 1);
}

/* Bits from the start of the struct. */
static inline __u32 btf_member_bit_offset(const struct btf_type *t,
					  __u32 member_idx)
{
	__u32 offset = btf_members(t)[member_idx].offset;

	return btf_kflag(t) ? offset & 0xffffff : offset;
}

/* Width in bits, 0 unless the member is a bitfield. */
static inline __u32 btf_member_bitfield_size(const struct btf_type *t,
					     __u32 member_idx)
{
	return btf_kflag(t) ? btf_members(t)[member_idx].offset >> 24 : 0;
}

static inline struct btf_param *btf_params(const struct btf_type *t)
{
	return (struct btf_param *)(t + 1);
}

static inline struct btf_var *btf_var(const struct btf_type *t)
{
	return (struct btf_var *)(t + 1);
}

static inline struct btf_var_secinfo *btf_var_secinfos(const struct btf_type *t)
{
	return (struct btf_var_secinfo *)(t + 1);
}

static inline struct btf_decl_tag *btf_decl_tag(const struct btf_type *t)
{
	return (struct btf_decl_tag *)(t + 1);
}

#ifdef __cplusplus
}
#endif

#endif
