//! The DWARF sections of a file.

use std::borrow::Cow;

use object::elf;

use crate::elf::{Elf, SectionIdx};
use crate::error::Result;

/// The contents of one debug section, decompressed but not relocated.
#[derive(Debug, Clone, Default)]
pub struct DebugSection<'d> {
    /// Which section it is, `None` if the file has none of that name. [`Elf::relocs`] takes it.
    pub idx: Option<SectionIdx>,
    /// The contents; empty if the section is absent or `SHT_NOBITS`.
    pub data: Cow<'d, [u8]>,
}

/// The DWARF sections that describe types, functions and variables (line tables and frame data are left out).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DebugSections<'d> {
    /// `.debug_info`.
    pub info: DebugSection<'d>,
    /// `.debug_abbrev`.
    pub abbrev: DebugSection<'d>,
    /// `.debug_str`.
    pub str: DebugSection<'d>,
    /// `.debug_line_str`.
    pub line_str: DebugSection<'d>,
    /// `.debug_str_offsets`.
    pub str_offsets: DebugSection<'d>,
    /// `.debug_addr`.
    pub addr: DebugSection<'d>,
    /// `.debug_loc` (DWARF 4).
    pub loc: DebugSection<'d>,
    /// `.debug_loclists`.
    pub loclists: DebugSection<'d>,
    /// `.debug_ranges` (DWARF 4).
    pub ranges: DebugSection<'d>,
    /// `.debug_rnglists`.
    pub rnglists: DebugSection<'d>,
    /// The first `.debug_types` (DWARF 4).
    pub types: DebugSection<'d>,
    /// Further `.debug_info` and `.debug_types` sections in file order. Only `-fdebug-types-section` makes them, in
    /// relocatable files: one COMDAT group for each type.
    pub comdat: Vec<DebugSection<'d>>,
}

impl<'d> Elf<'d> {
    /// Collects the DWARF sections, under the names `.debug_*` or (compressed by old GNU tools) `.zdebug_*`.
    ///
    /// # Errors
    ///
    /// If one of them is not inside the file or cannot be decompressed.
    pub fn debug_sections(&self) -> Result<DebugSections<'d>> {
        let mut found = DebugSections::default();
        for (index, section) in (0u32..).zip(self.sections()) {
            if section.sh_type == elf::SHT_NOBITS.0 {
                continue;
            }
            let name = section.name;
            let Some(name) = name
                .strip_prefix(b".debug_")
                .or_else(|| name.strip_prefix(b".zdebug_"))
            else {
                continue;
            };
            let mut may_repeat = false;
            let slot = match name {
                b"info" => {
                    may_repeat = true;
                    &mut found.info
                }
                b"types" => {
                    may_repeat = true;
                    &mut found.types
                }
                b"abbrev" => &mut found.abbrev,
                b"str" => &mut found.str,
                b"line_str" => &mut found.line_str,
                b"str_offsets" => &mut found.str_offsets,
                b"addr" => &mut found.addr,
                b"loc" => &mut found.loc,
                b"loclists" => &mut found.loclists,
                b"ranges" => &mut found.ranges,
                b"rnglists" => &mut found.rnglists,
                _ => continue,
            };
            let idx = SectionIdx(index);
            // Sections of type units come before the main one in the files that have them, so the main one is told by
            // not being in a group.
            let in_group = section.flags & elf::SHF_GROUP.0 != 0;
            if may_repeat && (in_group || slot.idx.is_some()) {
                found.comdat.push(DebugSection {
                    idx: Some(idx),
                    data: self.section_data(idx)?,
                });
            } else if slot.idx.is_none() {
                *slot = DebugSection {
                    idx: Some(idx),
                    data: self.section_data(idx)?,
                };
            }
        }
        Ok(found)
    }
}
