//! The error of this crate.

use std::fmt;
use std::path::PathBuf;

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, one pointer wide so that hot paths can return it by value.
///
/// Errors name sections and offsets, not files: the caller knows which file it opened. The exceptions are I/O errors,
/// which carry the path of the operation that failed.
pub struct Error(Box<ErrorKind>);

const _: () = assert!(size_of::<Error>() == size_of::<usize>());

impl Error {
    /// The kind of fault, with the offending values.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<ErrorKind> for Error {
    #[cold]
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

/// The faults that this crate reports.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file cannot be read; the message of the source names the path.
    #[error(transparent)]
    Io(std::io::Error),
    /// The target cannot be written. It is as it was before.
    #[error("{}: cannot {action}: {error}", .path.display())]
    Write {
        /// The target, symbolic links resolved.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system says to that. It is part of this error's text.
        error: std::io::Error,
    },
    /// A compressed file could not be decompressed.
    #[error("cannot decompress as {format}: {error}")]
    Decompress {
        /// `gzip`, `xz` or `zstd`.
        format: &'static str,
        /// What the codec says to that. It is part of this error's text.
        error: std::io::Error,
    },
    /// A compressed file grows beyond [`crate::MAX_DECOMPRESSED_BYTES`].
    #[error("decompresses to more than {limit} bytes")]
    DecompressedTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The file does not start with the ELF magic.
    #[error("not an ELF file")]
    NotElf,
    /// The ELF identification or a header field has a value that no ELF file may have.
    #[error("bad ELF header: {field} is {value:#x}")]
    BadHeader {
        /// Name of the field in `elf.h`.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A table or header reaches beyond the end of the file.
    #[error(
        "truncated ELF file: {what} at {offset:#x}, size {size:#x}, ends after the file's {file_size:#x} bytes"
    )]
    Truncated {
        /// Which table.
        what: &'static str,
        /// File offset in bytes.
        offset: u64,
        /// Size in bytes.
        size: u64,
        /// Size of the file in bytes.
        file_size: u64,
    },
    /// The contents of a section reach beyond the end of the file.
    #[error(
        "section [{index}] {name}: contents at {offset:#x}, size {size:#x}, end after the file's {file_size:#x} bytes"
    )]
    SectionOutOfFile {
        /// Section header index.
        index: u32,
        /// Section name.
        name: String,
        /// `sh_offset`.
        offset: u64,
        /// `sh_size`.
        size: u64,
        /// Size of the file in bytes.
        file_size: u64,
    },
    /// A section header index that the file does not have.
    #[error("{what}: section index {index} is out of range, the file has {count} sections")]
    BadSectionIndex {
        /// Who holds the index.
        what: &'static str,
        /// The index.
        index: u64,
        /// Number of section headers.
        count: usize,
    },
    /// A section name offset outside the section header string table.
    #[error(
        "section [{index}]: name offset {offset:#x} is outside the section header string table"
    )]
    BadSectionName {
        /// Section header index.
        index: u32,
        /// `sh_name`.
        offset: u32,
    },
    /// A table section has a size that is no multiple of its entry size, or an entry size other than the format's.
    #[error(
        "section [{index}] {name}: size {size:#x} and entry size {entsize:#x} do not fit a {what}"
    )]
    BadTable {
        /// Section header index.
        index: u32,
        /// Section name.
        name: String,
        /// What the table should be.
        what: &'static str,
        /// `sh_size`.
        size: u64,
        /// `sh_entsize`.
        entsize: u64,
    },
    /// A compressed section could not be decompressed.
    #[error("section [{index}] {name}: cannot decompress: {reason}")]
    BadCompression {
        /// Section header index.
        index: u32,
        /// Section name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A symbol's name offset is outside its string table.
    #[error("symbol {index}: name offset {offset:#x} is outside the string table")]
    BadSymbolName {
        /// Index in the symbol table.
        index: u32,
        /// `st_name`.
        offset: u32,
    },
    /// A relocation of a type that debug sections are not expected to have.
    #[error(
        "section {section}: relocation type {r_type} at offset {offset:#x} is not known for machine {machine}"
    )]
    UnknownRelocation {
        /// The section that would be relocated.
        section: String,
        /// `r_offset`: bytes from the start of the section.
        offset: u64,
        /// The type of the relocation, as `elf.h` numbers them for the machine.
        r_type: u32,
        /// `e_machine`.
        machine: u16,
    },
    /// Debug sections of a relocatable file of a machine whose relocation types are not known here.
    #[error("relocations of machine {machine} are not supported (section {section})")]
    UnsupportedMachine {
        /// The section that would be relocated.
        section: String,
        /// `e_machine`.
        machine: u16,
    },
    /// A relocation refers to a symbol that the symbol table does not have.
    #[error(
        "section {section}: relocation at offset {offset:#x} names symbol {symbol}, the table has {count}"
    )]
    BadRelocationSymbol {
        /// The section that would be relocated.
        section: String,
        /// `r_offset`.
        offset: u64,
        /// Index of the symbol.
        symbol: u32,
        /// Number of symbols.
        count: usize,
    },
    /// A relocation reaches beyond the end of its section.
    #[error(
        "section {section}: relocation at offset {offset:#x} of {width} bytes ends after the section"
    )]
    RelocationOutOfSection {
        /// The section that would be relocated.
        section: String,
        /// `r_offset`.
        offset: u64,
        /// Number of bytes that the relocation covers.
        width: u8,
    },
    /// A field was read with a width other than that of the relocation at its place.
    #[error(
        "section {section}: {size}-byte field at offset {offset:#x} has a relocation of {width} bytes"
    )]
    RelocationWidth {
        /// The section that would be relocated.
        section: String,
        /// `r_offset`.
        offset: u64,
        /// Width of the field in bytes.
        size: u8,
        /// Width of the relocation in bytes.
        width: u8,
    },
    /// The file has no section header string table, so its sections have no names.
    #[error("the file has no section names")]
    NoSectionNames,
    /// More than one section has the name of an edited section.
    #[error("more than one section {name}")]
    AmbiguousSection {
        /// The name.
        name: String,
    },
    /// An edited section has relocations, which new contents would make wrong.
    #[error("section {name} cannot be replaced: {by} has relocations for it")]
    RelocatedSection {
        /// The edited section.
        name: String,
        /// The relocation section.
        by: String,
    },
    /// A section of a linked image would grow beyond its place.
    #[error(
        "section {name} is part of the linked image and has room for {room} bytes, {needed} are needed"
    )]
    NoRoom {
        /// The section.
        name: String,
        /// Bytes that it may have.
        room: u64,
        /// Bytes that it should have.
        needed: u64,
    },
    /// A patch is outside its section, or the section cannot be patched.
    #[error("section {name}: cannot patch {size} bytes at offset {offset:#x}")]
    PatchOutOfSection {
        /// The section.
        name: String,
        /// Offset in it.
        offset: u64,
        /// Number of bytes.
        size: u64,
    },
    /// A file or table would be larger than its format allows.
    #[error("the result of {size} bytes is too large for the file's format")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
    },
    /// A symbol of `.BTF_ids` that does not fit the section.
    #[error("bad .BTF_ids symbol {symbol}: {reason}")]
    BadBtfId {
        /// The symbol.
        symbol: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A resolved set of `.BTF_ids` whose flags cannot be told apart.
    #[error(
        "set {set} of .BTF_ids was resolved against another BTF: the flags of {function} are not known any more"
    )]
    AmbiguousFlags {
        /// The set.
        set: String,
        /// One of its functions that has an id now.
        function: String,
    },
    /// The file to be rewritten is compressed.
    #[error("{}: cannot write sections into a compressed file, decompress it first", .path.display())]
    CompressedTarget {
        /// The file.
        path: PathBuf,
    },
    /// The target exists and is no regular file.
    #[error("{}: not a regular file", .path.display())]
    NotRegularFile {
        /// The file.
        path: PathBuf,
    },
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        ErrorKind::Io(source).into()
    }
}
