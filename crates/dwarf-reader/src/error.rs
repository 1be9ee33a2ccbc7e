//! What can be wrong with a file's DWARF, and where.

use std::fmt;

/// A position in the DWARF of one file.
///
/// Offsets are section offsets, as `llvm-dwarfdump --debug-info=` (or `--debug-types=`) takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Index of the unit in `.debug_info`, counted from 0; those of `.debug_types` follow.
    pub unit: u32,
    /// Whether the unit is in `.debug_types`. In a relocatable file these are all such sections, one after the other.
    pub in_types: bool,
    /// Offset of the unit's header in its section, in bytes.
    pub unit_off: u64,
    /// Offset of the DIE in its section, in bytes; `None` in a unit's header.
    pub die_off: Option<u64>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let section = if self.in_types { "types" } else { "info" };
        write!(
            f,
            "CU {} (.debug_{section}+{:#x})",
            self.unit, self.unit_off
        )?;
        if let Some(die) = self.die_off {
            write!(f, ": DIE {die:#x}")?;
        }
        Ok(())
    }
}

/// What went wrong; see [`Error`] for the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A section ended inside a value.
    #[error("{0} ends in the middle of a value")]
    UnexpectedEnd(&'static str),
    /// DWARF 1, or a version newer than 5.
    #[error("DWARF version {0} is not supported (2 to 5 are)")]
    Version(u16),
    /// A unit type that DWARF 5 §7.5.1 does not define.
    #[error("unknown unit type {0:#x}")]
    UnitType(u8),
    /// A unit whose length runs past the section.
    #[error("unit length {0:#x} runs past the end of the section")]
    UnitLength(u64),
    /// Addresses of neither 2, 4 nor 8 bytes.
    #[error("address size {0} is not supported")]
    AddressSize(u8),
    /// An abbreviation code without a declaration.
    #[error("abbreviation code {0} is not declared in .debug_abbrev")]
    UnknownAbbrev(u64),
    /// An abbreviation table that cannot be read.
    #[error("the abbreviation table at .debug_abbrev+{0:#x} is malformed")]
    BadAbbrev(u64),
    /// A form that DWARF 5 §7.5.6 does not define.
    #[error("unknown attribute form {0:#x}")]
    UnknownForm(u64),
    /// A LEB128 number of more than 64 bits.
    #[error("LEB128 number of more than 64 bits")]
    BadLeb128,
    /// A string offset outside of its section.
    #[error("string offset {offset:#x} lies outside of {section}")]
    BadString {
        /// Section name.
        section: &'static str,
        /// The offending offset, in bytes.
        offset: u64,
    },
    /// An index past the end of a table of strings, addresses or lists.
    #[error("index {index} lies outside of {section}")]
    BadIndex {
        /// Section name.
        section: &'static str,
        /// The offending index, counted from the unit's own part of the table.
        index: u64,
    },
    /// A reference to an offset at which there is no DIE, or none of the kind that belongs there.
    #[error("refers to offset {0:#x}, where there is no such DIE")]
    BadReference(u64),
    /// A reference to the signature of a type unit that the file does not have.
    #[error("refers to the type unit of signature {0:#018x}, which the file does not have")]
    UnknownSignature(u64),
    /// Types that refer to each other without a struct, union, enum or typedef among them, or through nothing but
    /// typedefs, qualifiers and arrays: C can write neither.
    #[error("{0}")]
    Cycle(&'static str),
    /// A reference into another unit, which needs all units read as one.
    #[error("a reference leaves its unit")]
    NeedsMerge,
    /// Units read as one that exceed what a local offset can address.
    #[error("units read as one exceed 2 GiB of .debug_info")]
    MergedTooLarge,
    /// A relocation that could not be applied.
    #[error("{0}")]
    Relocation(String),
    /// DIEs nested deeper than any compiler nests them.
    #[error("DIEs are nested more than {0} deep")]
    TooDeep(usize),
    /// Dwarf that refers to a `dwz` supplementary file.
    #[error("refers to a supplementary (dwz -m) file; undo with `dwz`-less debug files")]
    Supplementary,
}

/// A fault in the DWARF of a file: kind and place. The file's name is the caller's to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Where.
    pub at: Option<At>,
}

impl Error {
    /// Whether a unit was read without those that it refers to; see [`ErrorKind::NeedsMerge`].
    pub fn needs_merge(&self) -> bool {
        self.kind == ErrorKind::NeedsMerge
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        self.kind.fmt(f)
    }
}

impl std::error::Error for Error {}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind, at: None }
    }
}

/// Result of reading DWARF.
pub type Result<T, E = Error> = std::result::Result<T, E>;
