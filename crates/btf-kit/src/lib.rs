//! BTF, the type information that BPF runs on: read it, build it, split it,
//! deduplicate it, print it, check it. No C, and no kernel.
//!
//! # A split BTF on vmlinux
//!
//! A module's BTF continues that of `vmlinux` and holds only what that lacks.
//! This makes one with a struct of its own, of which the pointer is one that
//! vmlinux has already:
//!
//! ```
//! use btf_kit::dedup::{DedupOpts, dedup};
//! use btf_kit::dump::{Select, write_raw};
//! use btf_kit::{Btf, Kind, file};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #   let dir = example::build_tree()?;
//! #   std::env::set_current_dir(&dir)?;
//!     // Raw BTF or ELF; "/sys/kernel/btf/vmlinux" is the running kernel's.
//!     let vmlinux = file::open_base("vmlinux")?;
//!     let mut sample = Btf::new_split(vmlinux);
//!     let u64 = sample.find_by_name_kind("u64", Kind::Typedef).ok_or("no u64")?;
//!     let task = sample.find_by_name_kind("task_struct", Kind::Struct).ok_or("no task_struct")?;
//!
//!     let task_ptr = sample.add_ptr(task)?;
//!     sample.add_struct("sample", 16)?;
//!     sample.add_field("when", u64, 0, 0)?;
//!     sample.add_field("task", task_ptr, 64, 0)?;
//!     dedup(&mut sample, &DedupOpts::default())?;
//!
//!     write_raw(&sample, Select::Own, std::io::stdout())?;
//!     std::fs::write("sample.btf", sample.to_bytes())?;
//! #   assert_eq!(sample.n_own_types(), 1);
//! #   assert_eq!(file::open("sample.btf")?.type_words(), sample.type_words());
//!     Ok(())
//! }
//! # mod example {
//! #     pub fn build_tree() -> Result<tempfile::TempDir, Box<dyn std::error::Error>> {
//! #         use btf_kit::{Btf, Endian, IntEncoding};
//! #         let mut vmlinux = Btf::new_empty(Endian::NATIVE);
//! #         let int = vmlinux.add_int("unsigned long long", 8, IntEncoding::NONE)?;
//! #         vmlinux.add_typedef("u64", int)?;
//! #         let task = vmlinux.add_struct("task_struct", 8)?;
//! #         vmlinux.add_field("pid", int, 0, 0)?;
//! #         vmlinux.add_ptr(task)?;
//! #         let dir = tempfile::tempdir()?;
//! #         std::fs::write(dir.path().join("vmlinux"), vmlinux.to_bytes())?;
//! #         Ok(dir)
//! #     }
//! # }
//! ```
//!
//! It prints what `bpftool btf dump` would, here for a vmlinux of four types:
//!
//! ```text
//! [5] STRUCT 'sample' size=16 vlen=2
//!         'when' type_id=2 bits_offset=0
//!         'task' type_id=4 bits_offset=64
//! ```
//!
//! # Where things are
//!
//! | to | there is |
//! |---|---|
//! | open raw files, ELF files, `/sys/kernel/btf` | [`file::open`], [`file::open_base`], [`file::open_split`], [`file::find_base`] |
//! | parse and write bytes | [`Btf::parse`], [`Btf::parse_split`], [`Btf::to_bytes`], [`Btf::to_bytes_with`] |
//! | start from nothing | [`Btf::new_empty`], [`Btf::new_split`] |
//! | look at types | [`Btf::ty`], [`Btf::own_types`], [`Btf::all_types`], and what [`Type`] has: [`members`](Type::members), [`params`](Type::params), [`enum_values`](Type::enum_values), [`refs`](Type::refs) … |
//! | find them by name | [`Btf::find_by_name`], [`Btf::find_by_name_kind`], [`Btf::ids_named`] |
//! | know sizes | [`Btf::resolve_size`], [`Btf::align_of`], [`Btf::resolve_type`] |
//! | add types | [`Btf::add_int`] and its like, one for each kind; [`Importer`] and [`Btf::add_btf`] from another BTF |
//! | leave one of each | [`dedup::dedup`], [`dedup::dedup_split`]; [`dedup::explain`] says why one stayed |
//! | give a module a base that outlives the kernel's | [`Btf::distill_base`], [`Btf::relocate`] |
//! | reorder | [`Btf::permute`], [`Btf::sort_by_name`] |
//! | change byte order | [`Btf::set_endian`] |
//! | carry `.BTF.ext` along | [`BtfExt`], [`file::BtfFile::parse_ext`], [`dedup::dedup_with_ext`], [`BtfExt::remap_type_ids`] |
//! | read kinds of the future | [`KindLayout`], [`Btf::set_layout`] |
//! | print | [`dump::write_raw`], [`dump::write_json`], [`dump::write_c`] |
//! | ask what the kernel will say | [`verify::check_module`], [`verify::check_vmlinux`], [`verify::lint()`](fn@verify::lint) |
//! | compare two | [`diff::diff`](fn@diff::diff), [`diff::files`] |
//!
//! The types at the root are those of the crate `btf-builder`; each module is a
//! crate of its own, for those who need no more than that.
//!
//! # Errors
//!
//! Malformed input is an error that says what is wrong, never a panic. Each
//! module has its own error type; all are `std::error::Error`.

pub use btf_builder::*;

#[doc(inline)]
pub use btf_dedup as dedup;
#[doc(inline)]
pub use btf_diff as diff;
#[doc(inline)]
pub use btf_dump as dump;
#[doc(inline)]
pub use btf_file as file;
#[doc(inline)]
pub use btf_verify as verify;
