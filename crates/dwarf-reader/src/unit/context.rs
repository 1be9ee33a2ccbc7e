//! What reading a unit's attributes depends on beside the attributes: its header, its root, and the sections.

use crate::abbrev::Abbrevs;
use crate::abbrev::form::Encoding;
use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::header::UnitHeader;
use crate::short::ShortStrings;
use crate::{Relocate, Sections, Str, StrSection, Target};

/// Parameters of the unit being read.
pub(super) struct Context<'d> {
    pub(super) sections: Sections<'d>,
    pub(super) encoding: Encoding,
    /// Section offset of the unit's header; references in the unit count from here.
    pub(super) unit_off: u64,
    pub(super) unit_len: u64,
    /// Section offset that local offsets count from.
    pub(super) base: u64,
    pub(super) in_types: bool,
    /// The unit is read with others, which it may refer to.
    pub(super) merged: bool,
    pub(super) str_offsets_base: u64,
    pub(super) addr_base: u64,
    pub(super) loclists_base: u64,
    pub(super) rnglists_base: u64,
    /// The bases above are the unit's own, not the ones of a unit that names none.
    pub(super) bases_known: bool,
    /// Strings of `.debug_str` and `.debug_line_str` begin before these offsets: no NUL follows later ones.
    str_end: u64,
    pub(super) line_str_end: u64,
    /// The root's `DW_AT_low_pc`.
    pub(super) unit_base: Target,
    pub(super) clang: bool,
    pub(super) asm: bool,
    /// Index of the unit among those that are read.
    pub(super) header: u32,
}

/// What reading one DIE after the other goes on with.
pub(super) struct Reader<'r, 'd, const BE: bool, R> {
    pub(super) cx: Context<'d>,
    pub(super) cur: Cursor<'d, BE>,
    pub(super) abbrevs: &'r Abbrevs,
    pub(super) relocate: &'r mut R,
    /// Section offset of the DIE at hand, for errors.
    pub(super) die: u64,
}

/// Where the last NUL of a string section ends.
fn strings_end(section: &[u8]) -> u64 {
    memchr::memrchr(0, section).map_or(0, |last| last as u64 + 1)
}

impl<'d> Context<'d> {
    /// The parameters of a unit read alone, as far as its header tells them, and its DIEs.
    pub(super) fn of<const BE: bool>(
        sections: &Sections<'d>,
        h: &UnitHeader,
    ) -> (Self, Cursor<'d, BE>) {
        let (data, name) = if h.in_types {
            (sections.types, ".debug_types")
        } else {
            (sections.info, ".debug_info")
        };
        let cur = Cursor::<BE>::new(&data[..h.end as usize], h.root as usize, name);
        let v5 = h.encoding.version >= 5;
        let header_len = |n32: u64, n64: u64| match (v5, h.encoding.dwarf64) {
            (false, _) => 0,
            (true, false) => n32,
            (true, true) => n64,
        };
        let cx = Self {
            sections: *sections,
            encoding: h.encoding,
            unit_off: h.off,
            unit_len: h.end - h.off,
            base: h.off,
            in_types: h.in_types,
            merged: false,
            str_offsets_base: header_len(8, 16),
            addr_base: header_len(8, 16),
            loclists_base: header_len(12, 20),
            rnglists_base: header_len(12, 20),
            bases_known: false,
            str_end: strings_end(sections.str),
            line_str_end: strings_end(sections.line_str),
            unit_base: Target::default(),
            clang: false,
            asm: false,
            header: 0,
        };
        (cx, cur)
    }

    /// The string at this offset of the section, which is in the unit.
    #[inline]
    pub(super) fn short_name(&self, at: usize, short: &mut ShortStrings) -> Str {
        if self.in_types {
            short.place(StrSection::Types, self.sections.types, at)
        } else {
            short.place(StrSection::Info, self.sections.info, at)
        }
    }

    /// A field at `at` of the unit's section that reads `raw`, with what its relocation makes of it.
    // What offsets become is told at a glance, nearly always: loops over DIEs go without the registers that this takes.
    #[inline(never)]
    pub(super) fn relocated<R: Relocate>(
        &self,
        relocate: &mut R,
        at: u64,
        size: u8,
        raw: u64,
    ) -> Result<Target, ErrorKind> {
        relocate
            .next(self.in_types, at, size, raw)
            .map_err(ErrorKind::Relocation)
    }

    /// As [`Self::relocated`], of an offset in another section.
    #[inline(always)]
    pub(super) fn relocated_offset<R: Relocate>(
        &self,
        relocate: &mut R,
        at: u64,
        size: u8,
        raw: u64,
    ) -> Result<u64, ErrorKind> {
        match relocate.next_usual(self.in_types, at, size, raw) {
            Some(value) => Ok(value),
            None => Ok(self.relocated(relocate, at, size, raw)?.value),
        }
    }

    /// A reference within the unit, as an offset from the start of the group.
    #[inline(always)]
    pub(super) fn local_ref(&self, off: u64) -> Result<u64, ErrorKind> {
        if off >= self.unit_len {
            return Err(ErrorKind::BadReference(self.unit_off.saturating_add(off)));
        }
        Ok(self.unit_off.wrapping_add(off).wrapping_sub(self.base))
    }

    /// A string of `.debug_str`.
    #[inline(always)]
    pub(super) fn debug_str(&self, off: u64) -> Result<u64, ErrorKind> {
        if off >= self.str_end {
            return Err(ErrorKind::BadString {
                section: ".debug_str",
                offset: off,
            });
        }
        // Below the length of a section in memory.
        Ok((StrSection::Str as u64) << Str::SHIFT | off)
    }

    /// Where the entry of an index is in a table of entries of `size` bytes that begins at `base` of a section. `None` past
    /// the end, as long as it is not known where the table begins.
    pub(super) fn table_entry(
        &self,
        (section, name): (&[u8], &'static str),
        base: u64,
        index: u64,
        size: u8,
    ) -> Result<Option<u64>, ErrorKind> {
        let size = u64::from(size);
        let off = index.checked_mul(size).and_then(|n| n.checked_add(base));
        let end = off.and_then(|off| off.checked_add(size));
        if end.is_some_and(|end| end <= section.len() as u64) {
            return Ok(off);
        }
        if self.bases_known {
            return Err(ErrorKind::BadIndex {
                section: name,
                index,
            });
        }
        Ok(None)
    }
}
