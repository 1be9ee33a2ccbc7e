//! libbpf's functions on BTF data with C linkage: `btf__*` and `btf_ext__*`,
//! with libbpf's signatures, results and error codes, on top of `btf-builder`
//! and `btf-dedup`. `include/splitbtf/bpf/btf.h` declares them; with
//! `-Iinclude/splitbtf` it is what `#include <bpf/btf.h>` finds.
//!
//! Of libbpf's `btf.h`, these are left out:
//!
//! | functions | because they |
//! |---|---|
//! | `btf__load_into_kernel`, `btf__load_from_kernel_by_id`, `…_split` | talk to the kernel |
//! | `btf_dump__dump_type_data`, `btf_dump__emit_type_decl` | print values and single declarations in libbpf's own layout of text |
//!
//! `btf__raw_data` has the 24-byte header that all consumers take, or the
//! 32-byte one of 2026 where the BTF was read with one or made by
//! `btf__new_empty_opts`, whose callers know of it.
//!
//! # Errors
//! As in libbpf 1.x: functions that return an integer return a negative errno,
//! those that return a pointer return null, and all set `errno`.
//!
//! # Safety
//! One contract holds for all functions, which is why none repeats it:
//!
//! * A `struct btf *` or `struct btf_ext *` comes from a function of this
//!   library and has not been freed. Null is allowed where libbpf allows it.
//! * A base outlives the split BTFs on it, as far as
//!   `btf__base_btf` is called; everything else works without.
//! * Strings are NUL-terminated; a null string counts as empty.
//! * Pointers to memory with a length cover that length; pointers for results
//!   are writable.
//! * A BTF is not changed by one thread while another uses it.
//!
//! Pointers into a BTF (types, strings, raw data) are good until the BTF is
//! changed or freed. Writing through a `struct btf_type *` is possible, as in
//! libbpf, for a program that keeps kind and `vlen`; it must not count on
//! `btf__find_by_name` to notice a changed name.

#![allow(unsafe_code, reason = "a C interface is made of raw pointers")]

mod add;
mod dump;
mod ext;
mod field_iter;
mod files;
mod handle;
mod ops;
mod opts;
mod query;
mod result;
mod va_list;
