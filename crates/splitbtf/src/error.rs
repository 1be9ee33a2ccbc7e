//! Why a file could not be encoded.

use std::path::{Path, PathBuf};

/// What went wrong; see [`Error`] for the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be opened, or is not an ELF that can be read.
    #[error(transparent)]
    Elf(#[from] elf_io::Error),
    /// DWARF that cannot be understood.
    #[error(transparent)]
    Dwarf(#[from] dwarf_reader::Error),
    /// BTF that cannot be read or made.
    #[error(transparent)]
    Btf(#[from] btf_builder::Error),
    /// Deduplication met types that refer to nothing.
    #[error("deduplication: {0}")]
    Dedup(#[from] btf_dedup::Error),
    /// Neither DWARF nor BTF.
    #[error("has neither DWARF nor a .BTF section")]
    NoDebugInfo,
    /// The base's byte order is not the file's.
    #[error("the base BTF has the other byte order")]
    BaseEndian,
    /// DWARF without a symbol table beside it.
    #[error(
        "has no .symtab, without which functions cannot be told apart; strip with --strip-debug at most"
    )]
    NoSymbols,
    /// A base that is itself split.
    #[error("is split BTF, which needs its own base before it can be one")]
    SplitBase,
    /// Things BTF cannot express, without leave to go on.
    #[error("{n} things BTF cannot express (encode_force leaves them out), the first: {first}")]
    CannotExpress {
        /// How many.
        n: usize,
        /// The first of them.
        first: String,
    },
    /// All types are in other files.
    #[error(
        "split DWARF: its types are in .dwo files, which are not read; build without -gsplit-dwarf"
    )]
    SplitDwarf,
    /// Units cannot be sorted out: types refer to each other in a way C does not allow, or something of that kind.
    #[error("{0}")]
    Other(String),
}

/// An error with the file it is about.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {kind}", path = path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it. Part of the text, so that it is not this error's `source()` as well.
    pub kind: Box<ErrorKind>,
}

impl Error {
    /// An error about a file.
    pub fn new(path: &Path, kind: impl Into<ErrorKind>) -> Self {
        Self {
            path: path.to_owned(),
            kind: Box::new(kind.into()),
        }
    }
}

/// Result of encoding.
pub type Result<T, E = Error> = std::result::Result<T, E>;
