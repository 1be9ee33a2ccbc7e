//! One ELF file as the encoder reads it.

use dwarf_reader::{NoRelocations, Relocate, Section, Sections, Target};
use elf_io::{DebugSections, Elf, RelocCursor, RelocTable};
use std::borrow::Cow;

use crate::error::{ErrorKind, Result};

/// The relocations of a relocatable file's debug sections.
#[derive(Debug, Default)]
pub(crate) struct Tables<'d> {
    info: Option<RelocTable<'d>>,
    addr: Option<RelocTable<'d>>,
    loc: Option<RelocTable<'d>>,
    ranges: Option<RelocTable<'d>>,
    rnglists: Option<RelocTable<'d>>,
}

/// The debug sections of a file with what belongs to them.
#[derive(Debug)]
pub(crate) struct Debug<'d> {
    sections: DebugSections<'d>,
    /// Relocated, since it is read at random.
    str_offsets: Cow<'d, [u8]>,
    /// `.debug_types`, and in relocatable files all type units, which have a section each. Relocated.
    types: Cow<'d, [u8]>,
    pub(crate) tables: Option<Tables<'d>>,
    big_endian: bool,
}

impl<'d> Debug<'d> {
    pub(crate) fn read(elf: &Elf<'d>) -> Result<Self, ErrorKind> {
        let sections = elf.debug_sections()?;
        let mut str_offsets = sections.str_offsets.data.clone();
        let mut tables = None;
        let mut types = sections.types.data.clone();
        if elf.is_relocatable() {
            let table = |s: &elf_io::DebugSection<'d>| match s.idx {
                Some(idx) => elf.relocs(idx),
                None => Ok(None),
            };
            if let Some(t) = table(&sections.str_offsets)? {
                str_offsets = t.apply(str_offsets)?;
            }
            let mut all = Vec::new();
            for s in std::iter::once(&sections.types).chain(&sections.comdat) {
                match table(s)? {
                    Some(t) => all.extend_from_slice(&t.apply(s.data.clone())?),
                    None => all.extend_from_slice(&s.data),
                }
            }
            types = all.into();
            tables = Some(Tables {
                info: table(&sections.info)?,
                addr: table(&sections.addr)?,
                loc: table(&sections.loc)?,
                ranges: table(&sections.ranges)?,
                rnglists: table(&sections.rnglists)?,
            });
        }
        Ok(Self {
            sections,
            str_offsets,
            types,
            tables,
            big_endian: elf.encoding().big_endian,
        })
    }

    pub(crate) fn sections(&self) -> Sections<'_> {
        let s = &self.sections;
        Sections {
            info: &s.info.data,
            types: &self.types,
            abbrev: &s.abbrev.data,
            str: &s.str.data,
            line_str: &s.line_str.data,
            str_offsets: &self.str_offsets,
            addr: &s.addr.data,
            loc: &s.loc.data,
            loclists: &s.loclists.data,
            ranges: &s.ranges.data,
            rnglists: &s.rnglists.data,
            big_endian: self.big_endian,
        }
    }
}

/// Relocations as one worker reads them.
#[derive(Debug, Clone)]
pub(crate) struct Relocator<'t> {
    tables: &'t Tables<'t>,
    info: Option<RelocCursor<'t, 't>>,
}

impl<'t> Relocator<'t> {
    pub(crate) fn new(tables: &'t Tables<'t>) -> Self {
        Self {
            tables,
            info: tables.info.as_ref().map(RelocTable::cursor),
        }
    }
}

fn value(
    cursor: Option<&mut RelocCursor<'_, '_>>,
    off: u64,
    size: u8,
    raw: u64,
) -> Result<Target, String> {
    let Some(cursor) = cursor else {
        return Ok(Target {
            section: 0,
            value: raw,
        });
    };
    match cursor.value_at(off, size, raw) {
        Ok(v) => Ok(Target {
            section: v.section.map_or(0, |s| s.0),
            value: v.value,
        }),
        Err(e) => Err(e.to_string()),
    }
}

impl Relocate for Relocator<'_> {
    fn at(&self, section: Section, off: u64, size: u8, raw: u64) -> Result<Target, String> {
        let table = match section {
            Section::Info => &self.tables.info,
            Section::Addr => &self.tables.addr,
            Section::Loc => &self.tables.loc,
            Section::Ranges => &self.tables.ranges,
            Section::Rnglists => &self.tables.rnglists,
            // Relocated in one go, or without addresses that anybody asks for.
            Section::Types | Section::StrOffsets | Section::Loclists => {
                return NoRelocations.at(section, off, size, raw);
            }
        };
        value(
            table.as_ref().map(RelocTable::cursor).as_mut(),
            off,
            size,
            raw,
        )
    }

    #[inline]
    fn next(&mut self, in_types: bool, off: u64, size: u8, raw: u64) -> Result<Target, String> {
        if in_types {
            return Ok(Target {
                section: 0,
                value: raw,
            });
        }
        value(self.info.as_mut(), off, size, raw)
    }

    #[inline(always)]
    fn next_usual(&mut self, in_types: bool, off: u64, size: u8, raw: u64) -> Option<u64> {
        match &mut self.info {
            Some(cursor) if !in_types => cursor.usual_value_at(off, size),
            _ => Some(raw),
        }
    }
}
