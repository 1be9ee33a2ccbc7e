//! DWARF types, functions and variables of a kernel image, per compilation unit.
//!
//! The reader goes through a unit's DIEs once, keeps what describes types, functions and static variables in
//! flat arrays ([`Unit`]) and gets past everything else as cheaply as it can. It speaks DWARF's own terms and
//! knows nothing of BTF; it reads `&[u8]` and opens no files. DWARF 2 to 5, 32- and 64-bit, both byte orders;
//! in a relocatable file the values that relocations supply come through [`Relocate`].
//!
//! ```no_run
//! # fn main() -> Result<(), dwarf_reader::Error> {
//! # let sections = dwarf_reader::Sections::default();
//! let units = dwarf_reader::unit_headers(&sections, &dwarf_reader::NoRelocations, &|_| None)?;
//! let mut unit = dwarf_reader::Unit::default();
//! for header in &units {
//!     unit.read(&sections, std::slice::from_ref(header), &mut dwarf_reader::NoRelocations, &|_| true)?;
//!     println!("{} types", unit.types.len());
//! }
//! # Ok(()) }
//! ```

mod abbrev;
mod cursor;
mod error;
mod header;
mod location;
mod record;
mod short;
mod unit;

pub use error::{At, Error, ErrorKind, Result};
pub use header::{MAX_HEADER, UnitHeader, UnitKind, unit_headers};
pub use location::{Fact, Ranges, locations};
pub use record::{
    DeclTag, Enumerator, Func, FuncParam, Loc, Member, ProtoParam, Root, Stray, TagTarget, TypeDie,
    TypeRef, Var,
};
pub use unit::Unit;

/// The debug sections of one file, decompressed. Empty where absent.
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs, reason = "each field is the section of its name")]
pub struct Sections<'d> {
    pub info: &'d [u8],
    pub types: &'d [u8],
    pub abbrev: &'d [u8],
    pub str: &'d [u8],
    pub line_str: &'d [u8],
    pub str_offsets: &'d [u8],
    pub addr: &'d [u8],
    pub loc: &'d [u8],
    pub loclists: &'d [u8],
    pub ranges: &'d [u8],
    pub rnglists: &'d [u8],
    /// Byte order of the file.
    pub big_endian: bool,
}

/// A debug section that relocations apply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each variant is the section of its name")]
pub enum Section {
    Info,
    Types,
    StrOffsets,
    Addr,
    Loc,
    Loclists,
    Ranges,
    Rnglists,
}

/// An address or section offset: a value, and the ELF section it is relative to in a relocatable file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Target {
    /// Index of the ELF section, 0 where the value is absolute (linked images).
    pub section: u32,
    /// Bytes from the start of that section, or an absolute value.
    pub value: u64,
}

/// Supplies the values that relocations put into debug sections.
pub trait Relocate {
    /// The value at `off` of `section`, where a field of `size` bytes reads `raw`. Any order of calls.
    ///
    /// # Errors
    /// A sentence, if the relocation at this place cannot be applied.
    fn at(&self, section: Section, off: u64, size: u8, raw: u64) -> Result<Target, String>;

    /// The same for `.debug_info` (or `.debug_types`, where `in_types`), asked in mostly ascending order.
    ///
    /// # Errors
    /// A sentence, if the relocation at this place cannot be applied.
    #[inline]
    fn next(&mut self, in_types: bool, off: u64, size: u8, raw: u64) -> Result<Target, String> {
        self.at(
            if in_types {
                Section::Types
            } else {
                Section::Info
            },
            off,
            size,
            raw,
        )
    }

    /// The value that [`Self::next`] would give, if it takes no more than a glance at the next relocation to tell, as
    /// it does for nearly all fields. `None` says nothing.
    #[inline(always)]
    fn next_usual(&mut self, in_types: bool, off: u64, size: u8, raw: u64) -> Option<u64> {
        let _ = (in_types, off, size, raw);
        None
    }
}

/// For linked images: what stands there is the value.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRelocations;

impl Relocate for NoRelocations {
    #[inline(always)]
    fn at(&self, _: Section, _: u64, _: u8, raw: u64) -> Result<Target, String> {
        Ok(Target {
            section: 0,
            value: raw,
        })
    }

    #[inline(always)]
    fn next(&mut self, _: bool, _: u64, _: u8, raw: u64) -> Result<Target, String> {
        Ok(Target {
            section: 0,
            value: raw,
        })
    }

    #[inline(always)]
    fn next_usual(&mut self, _: bool, _: u64, _: u8, raw: u64) -> Option<u64> {
        Some(raw)
    }
}

/// The kinds of type that the reader tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeTag {
    /// `DW_TAG_base_type`.
    Base,
    /// `DW_TAG_pointer_type`.
    Pointer,
    /// `DW_TAG_const_type`.
    Const,
    /// `DW_TAG_volatile_type`.
    Volatile,
    /// `DW_TAG_restrict_type`.
    Restrict,
    /// `DW_TAG_atomic_type` and other qualifiers that say nothing about layout.
    Transparent,
    /// `DW_TAG_typedef`.
    Typedef,
    /// `DW_TAG_structure_type`, `DW_TAG_class_type`, `DW_TAG_interface_type`.
    Struct,
    /// `DW_TAG_union_type`.
    Union,
    /// `DW_TAG_enumeration_type`.
    Enum,
    /// `DW_TAG_array_type`.
    Array,
    /// `DW_TAG_subroutine_type`.
    Subroutine,
    /// C++ references.
    Reference,
    /// A `btf_type_tag` annotation of a pointer.
    TypeTag,
    /// A type that C has no word for.
    Unsupported,
}

/// A string in one of the sections, by place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Str(u64);

impl Str {
    /// No string at all.
    pub const NONE: Self = Self(u64::MAX);
    const SHIFT: u32 = 61;

    pub(crate) fn new(section: StrSection, off: u64) -> Self {
        if off >> Self::SHIFT != 0 {
            Self::NONE
        } else {
            Self((section as u64) << Self::SHIFT | off)
        }
    }

    /// The place as a number, for records of one's own.
    #[inline(always)]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// What [`Self::to_bits`] gave.
    #[inline(always)]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whether there is no string.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum StrSection {
    Str,
    LineStr,
    Info,
    Types,
}

/// The lowest set bit marks the first zero byte of a word, the first being the lowest; 0 if there is none.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}

/// The length of the string that `rest` begins with; `None` if no NUL follows.
#[inline]
fn c_len(rest: &[u8]) -> Option<usize> {
    // Names are short: words of eight bytes beat the set-up of a vectorised search.
    let mut n = 0;
    for chunk in rest.as_chunks::<8>().0.iter().take(8) {
        let word = u64::from_le_bytes(*chunk);
        let zeros = zeros(word);
        if zeros != 0 {
            return Some(n + zeros.trailing_zeros() as usize / 8);
        }
        n += 8;
    }
    memchr::memchr(0, &rest[n..]).map(|more| n + more)
}

impl<'d> Sections<'d> {
    /// As [`Self::rest`], for strings of `.debug_str` only.
    #[inline(always)]
    pub fn rest_of_debug_str(&self, s: Str) -> Option<&'d [u8]> {
        // Strings of other sections have high bits that no offset has.
        self.str.get(usize::try_from(s.0).ok()?..)
    }

    /// The section's bytes from the start of a string on.
    #[inline]
    pub fn rest(&self, s: Str) -> Option<&'d [u8]> {
        let section = match s.0 >> Str::SHIFT {
            0 => self.str,
            1 => self.line_str,
            2 => self.info,
            3 => self.types,
            _ => return None,
        };
        section.get(usize::try_from(s.0 & ((1 << Str::SHIFT) - 1)).ok()?..)
    }

    /// The bytes of a string, without its NUL; empty for [`Str::NONE`].
    ///
    /// # Errors
    /// When the offset lies outside of its section or no NUL follows.
    #[inline]
    pub fn string(&self, s: Str) -> Result<&'d [u8], ErrorKind> {
        if s.is_none() {
            return Ok(b"");
        }
        let (section, name) = match s.0 >> Str::SHIFT {
            0 => (self.str, ".debug_str"),
            1 => (self.line_str, ".debug_line_str"),
            2 => (self.info, ".debug_info"),
            _ => (self.types, ".debug_types"),
        };
        let off = s.0 & ((1 << Str::SHIFT) - 1);
        let rest = usize::try_from(off).ok().and_then(|o| section.get(o..));
        let rest = rest.ok_or(ErrorKind::BadString {
            section: name,
            offset: off,
        })?;
        let len = c_len(rest).ok_or(ErrorKind::BadString {
            section: name,
            offset: off,
        })?;
        Ok(&rest[..len])
    }
}
