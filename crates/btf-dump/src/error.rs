//! Why a dump stopped.

use std::io;

use btf_builder::TypeId;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A dump that could not be finished. What was written until then stays
/// written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The writer failed.
    #[error("cannot write the dump")]
    Io(#[from] io::Error),
    /// A type that was asked for, or that another refers to, does not exist.
    #[error("no type with id {0}")]
    NoSuchType(TypeId),
    /// A struct contains itself, or a typedef is its own target: no C can say
    /// so.
    #[error("type {0} contains itself")]
    TypeLoop(TypeId),
    /// Types nested deeper than any compiler takes.
    #[error("type {0} is nested too deep")]
    TooDeep(TypeId),
    /// Anonymous types that refer to each other so often that spelling them
    /// out would not end in reasonable time.
    #[error("type {0} takes too much text to spell out")]
    TooLong(TypeId),
}
