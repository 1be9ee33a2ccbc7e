//! BTF as text, JSON and C.
//!
//! ```
//! use btf_builder::{Btf, Endian, IntEncoding};
//! use btf_dump::{Select, write_raw};
//!
//! let mut btf = Btf::new_empty(Endian::Little);
//! let int = btf.add_int("int", 4, IntEncoding::SIGNED)?;
//! btf.add_struct("point", 8)?;
//! btf.add_field("x", int, 0, 0)?;
//! btf.add_field("y", int, 32, 0)?;
//!
//! let mut text = Vec::new();
//! write_raw(&btf, Select::Own, &mut text)?;
//! assert_eq!(
//!     String::from_utf8(text)?,
//!     "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n\
//!      [2] STRUCT 'point' size=8 vlen=2\n\
//!      \t'x' type_id=1 bits_offset=0\n\
//!      \t'y' type_id=1 bits_offset=32\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`write_raw`] and [`write_json`] print what `bpftool btf dump` prints, byte
//! for byte. [`write_c`] writes a header that compiles, with the layout of
//! each type as the BTF has it.

mod c;
mod error;
mod json;
mod raw;
mod select;
mod sink;

pub use crate::c::{CDumper, COptions, write_c};
pub use crate::error::{Error, Result};
pub use crate::json::{JsonStyle, write_json};
pub use crate::raw::write_raw;
pub use crate::select::Select;
