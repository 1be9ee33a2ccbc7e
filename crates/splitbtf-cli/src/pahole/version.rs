//! The version of pahole whose encoder this is.
//!
//! The kernel's build reads it to choose its flags and to decide what it may configure
//! (`scripts/pahole-version.sh`, `scripts/Makefile.btf`), so it is the newest version whose
//! every feature we have, and has nothing of our own version in it: the script turns a line
//! of exactly the form `v1.31` into the number 131.

/// The answer to `--version`.
pub(crate) const TEXT: &str = "v1.31";

/// The answer to `--numeric_version`.
pub(crate) const NUMERIC: u32 = 131;
