//! ELF input (mapping, decompression, relocations) and in-place write-back of `.BTF`.
//!
//! This is the only crate of the workspace that opens, maps, decompresses or replaces files. Everything above it works
//! on byte slices:
//!
//! 1. [`FileMap`] maps a file or decompresses it (`.ko.gz`, `.ko.xz`, `.ko.zst`).
//! 2. [`Elf`] is a checked view over those bytes: section headers, section contents (decompressed where needed),
//!    symbols and notes, for 32- and 64-bit files of either byte order.
//! 3. [`DebugSections`] collects the DWARF sections, and [`RelocTable`] resolves the relocations that a relocatable
//!    file (`ET_REL`, a kernel module) still has on them.
//!
//! Nothing here knows what DWARF contents mean, nor BTF contents, but for the names that `.BTF_ids` asks about.

mod btf_ids;
mod compress;
mod debug;
mod elf;
mod encoding;
mod error;
mod note;
mod old_split;
mod open;
mod relocate;
mod rewrite;
mod symbols;
mod write;

pub use btf_ids::{BtfIdKind, BtfIds, Kfunc, ResolvedIds, UnresolvedId};
pub use debug::{DebugSection, DebugSections};
pub use elf::{Elf, Section, SectionIdx};
pub use encoding::Encoding;
pub use error::{Error, ErrorKind, Result};
pub use open::{FileMap, MAX_DECOMPRESSED_BYTES};
pub use relocate::{RelocCursor, RelocTable, RelocValue};
pub use rewrite::{ImageOverflow, Patch, Rewrite, SectionEdit};
pub use symbols::{CodePlaces, Sym, Symbols};
pub use write::{WriteOptions, WriteReport, write_file, write_sections};

/// Constants of `elf.h`, as the `object` crate names them.
pub use object::elf as consts;
