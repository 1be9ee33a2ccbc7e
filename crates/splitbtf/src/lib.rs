//! DWARF to split BTF: the encoder as a library.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use splitbtf::{Options, encode};
//! let options = Options::default();
//! let vmlinux = encode("vmlinux".as_ref(), None, &options)?;
//! let base = splitbtf::Base::indexed(std::sync::Arc::new(vmlinux.btf));
//! let module = encode("fs/btrfs/btrfs.ko".as_ref(), Some(&base), &options)?;
//! std::fs::write("btrfs.btf", module.btf.to_bytes())?;
//! # Ok(()) }
//! ```

mod arrays;
mod assemble;
mod base;
mod copies;
mod cu;
mod diag;
mod encode;
mod error;
pub mod features;
mod func;
mod ident;
mod input;
mod kfunc;
mod output;
mod pages;
mod pieces;
mod recall;
mod settle;
mod shape;
mod sieve;
mod store;
mod text;
mod vars;

pub use arrays::Arrays;
pub use base::Base;
pub use diag::{Diag, DiagKind, Mismatch, SkipReason, Skipped};
pub use encode::{Encoded, Options, Stats, encode, encode_bytes};
pub use error::{Error, ErrorKind, Result};
pub use features::Features;
pub use output::{Output, Written};
