//! What the tests of this workspace share: finding tools, compiling cases, and
//! matching BTF dumps against expectations.
//!
//! A *case* is a directory of sources whose `//#` comments say how to build it
//! and what the encoder must make of it; [`directive`] has the grammar and
//! `testdata/c/README.md` the guide to writing one. The way from directory to
//! verdict:
//!
//! 1. [`case::Case::load`] reads the sources and their directives;
//! 2. [`case::Case::legs`] expands compilers × DWARF versions × targets × link forms;
//! 3. [`build::build`] makes the file of one leg with the machine's compilers;
//! 4. the caller runs the encoder and dumps its output;
//! 5. [`expect::Checks`] compares the [`dump`] with the directives.
//!
//! Nothing that ships depends on this crate.

pub mod build;
pub mod case;
pub mod directive;
pub mod dump;
pub mod expect;
pub mod kernel;
#[cfg_attr(not(feature = "libbpf"), path = "libbpf_absent.rs")]
pub mod libbpf;
pub mod matrix;
pub mod mutate;
pub mod prebuilt;
pub mod real_kernel;
pub mod run;
pub mod scratch;
pub mod tool;

use std::path::PathBuf;

/// The workspace's `testdata` directory, without `..` in its path: compilers put the
/// directory of a source into its debug info.
pub fn testdata() -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata"));
    path.canonicalize().unwrap_or(path)
}
