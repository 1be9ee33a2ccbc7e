//! BTF, base and split: reading, building, serialising.
//!
//! [`Btf`] owns one BTF: its type records as native-order words, an index of
//! where each record starts, its string section and, for split BTF, a shared
//! reference to the base whose ids and string offsets it continues.
//!
//! ```
//! use std::sync::Arc;
//! use btf_builder::{Btf, Endian, IntEncoding, TypeId};
//!
//! let mut base = Btf::new_empty(Endian::Little);
//! let int = base.add_int("int", 4, IntEncoding::SIGNED)?;
//! let base = Arc::new(base);
//!
//! let mut split = Btf::new_split(Arc::clone(&base));
//! let point = split.add_struct("point", 8)?;
//! split.add_field("x", int, 0, 0)?;
//! split.add_field("y", int, 32, 0)?;
//! assert_eq!(point, TypeId(2));
//!
//! let bytes = split.to_bytes();
//! let again = Btf::parse_split(&bytes, base)?;
//! assert_eq!(again.ty(point).unwrap().name(), b"point");
//! # Ok::<(), btf_builder::Error>(())
//! ```
//!
//! Nothing here opens files or prints; malformed input is an [`Error`].

mod blob;
mod btf;
mod build;
mod copy;
mod distill;
mod emit;
mod error;
mod ext;
mod filter;
mod find;
mod id;
mod kind;
mod layout;
mod merge;
mod name;
mod parse;
mod permute;
mod ranges;
mod records;
mod relocate;
mod size;
mod strings;
mod view;
mod visit;

pub use crate::btf::{Btf, Endian, Limits};
pub use crate::build::{FuncLinkage, FwdKind, VarLinkage};
pub use crate::copy::Importer;
pub use crate::distill::Distilled;
pub use crate::emit::EmitOpts;
pub use crate::error::{Error, Result};
pub use crate::ext::{BtfExt, CoreRelo, FuncInfo, LineInfo};
pub use crate::filter::{FoundStrs, NameFilter};
pub use crate::find::NamedIds;
pub use crate::id::{StrOff, TypeId};
pub use crate::kind::{
    HDR_LEN, HDR_LEN_LAYOUT, IntEncoding, Kind, MAGIC, MAX_BITFIELD_OFFSET, MAX_BITFIELD_SIZE,
    MAX_KIND, MAX_NAME_OFFSET, MAX_RESOLVE_DEPTH, MAX_TYPE_ID, MAX_VLEN, MAX_VLEN_24, VERSION,
    make_info,
};
pub use crate::layout::KindLayout;
pub use crate::merge::map_strs;
pub use crate::name::{CName, Hash32, c_name_hash, long_c_name_hash, name_hash, short_c_name_hash};
pub use crate::view::{ArrayInfo, EnumValue, IntInfo, Member, Param, SecVar, Type};
pub use crate::visit::{RecordShape, record_shape};
