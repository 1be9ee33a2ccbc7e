//! Unit headers of `.debug_info` and `.debug_types` (DWARF 5 §7.5.1).

use gimli::constants as c;

use crate::abbrev::Encoding;
use crate::cursor::Cursor;
use crate::error::{At, Error, ErrorKind, Result};
use crate::{Relocate, Section, Sections};

/// What a unit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitKind {
    /// `DW_UT_compile`, and every unit of `.debug_info` before DWARF 5.
    Compile,
    /// `DW_UT_partial`: imported by others (dwz).
    Partial,
    /// `DW_UT_type`, or a unit of `.debug_types`.
    Type {
        /// The type's signature, which `DW_FORM_ref_sig8` names.
        signature: u64,
        /// Offset of the type's DIE from the unit's header, in bytes.
        type_off: u64,
    },
    /// `DW_UT_skeleton` and `DW_UT_split_*`: the types are in another file.
    Skeleton,
}

/// One unit's header.
#[derive(Debug, Clone, Copy)]
pub struct UnitHeader {
    /// Index among the file's units: those of `.debug_info` in order, then those of `.debug_types`.
    pub index: u32,
    /// Offset of the header in its section, in bytes.
    pub off: u64,
    /// Offset of the first byte after the unit, in bytes.
    pub end: u64,
    /// Offset of the root DIE, in bytes.
    pub root: u64,
    /// Offset of the abbreviation table in `.debug_abbrev`, in bytes.
    pub abbrev_off: u64,
    /// What the unit holds.
    pub kind: UnitKind,
    /// In `.debug_types` rather than `.debug_info`.
    pub in_types: bool,
    pub(crate) encoding: Encoding,
}

impl UnitHeader {
    /// DWARF version, 2 to 5.
    pub fn version(&self) -> u16 {
        self.encoding.version
    }

    /// Size of an address in bytes.
    pub fn address_size(&self) -> u8 {
        self.encoding.address_size
    }

    /// The position of this unit's header, for messages.
    pub fn at(&self) -> At {
        At {
            unit: self.index,
            in_types: self.in_types,
            unit_off: self.off,
            die_off: None,
        }
    }
}

/// Reads all unit headers of a file and calls `passed` with each. Cheap: touches a few bytes of each unit.
///
/// # Errors
/// On a header that cannot be read or whose length runs past its section.
pub fn unit_headers<R: Relocate>(
    sections: &Sections<'_>,
    relocate: &R,
    passed: &mut dyn FnMut(&UnitHeader),
) -> Result<Vec<UnitHeader>> {
    if sections.big_endian {
        headers::<true, R>(sections, relocate, passed)
    } else {
        headers::<false, R>(sections, relocate, passed)
    }
}

fn headers<const BE: bool, R: Relocate>(
    s: &Sections<'_>,
    relocate: &R,
    passed: &mut dyn FnMut(&UnitHeader),
) -> Result<Vec<UnitHeader>> {
    let mut units = Vec::new();
    for (in_types, data, name) in [
        (false, s.info, ".debug_info"),
        (true, s.types, ".debug_types"),
    ] {
        let mut cur = Cursor::<BE>::new(data, 0, name);
        while cur.pos < data.len() {
            let off = cur.pos as u64;
            let index = u32::try_from(units.len()).unwrap_or(u32::MAX);
            let header = header(&mut cur, in_types, index, relocate).map_err(|kind| Error {
                kind,
                at: Some(At {
                    unit: index,
                    in_types,
                    unit_off: off,
                    die_off: None,
                }),
            })?;
            let Some(header) = header else { continue };
            cur.pos = header.end as usize;
            passed(&header);
            units.push(header);
        }
    }
    Ok(units)
}

/// `None` for padding between units (a length of 0, as some linkers leave behind).
fn header<const BE: bool, R: Relocate>(
    cur: &mut Cursor<'_, BE>,
    in_types: bool,
    index: u32,
    relocate: &R,
) -> std::result::Result<Option<UnitHeader>, ErrorKind> {
    let off = cur.pos as u64;
    let section = if in_types {
        Section::Types
    } else {
        Section::Info
    };
    let (dwarf64, len) = match cur.u32()? {
        0xffff_ffff => (true, cur.u64()?),
        n if n >= 0xffff_fff0 => return Err(ErrorKind::UnitLength(u64::from(n))),
        n => (false, u64::from(n)),
    };
    if len == 0 {
        return Ok(None);
    }
    let end = (cur.pos as u64)
        .checked_add(len)
        .filter(|&e| e <= cur.data.len() as u64);
    let end = end.ok_or(ErrorKind::UnitLength(len))?;
    // Nothing of this unit is read past its own end.
    let whole = cur.data;
    cur.data = &whole[..end as usize];
    let version = cur.u16()?;
    if !(2..=5).contains(&version) {
        return Err(ErrorKind::Version(version));
    }
    let offset_at = |cur: &mut Cursor<'_, BE>| -> std::result::Result<u64, ErrorKind> {
        let at = cur.pos as u64;
        let raw = cur.offset(dwarf64)?;
        Ok(relocate
            .at(section, at, if dwarf64 { 8 } else { 4 }, raw)
            .map_err(ErrorKind::Relocation)?
            .value)
    };
    let mut kind = UnitKind::Compile;
    let (address_size, abbrev_off);
    if version >= 5 {
        let unit_type = cur.u8()?;
        address_size = cur.u8()?;
        abbrev_off = offset_at(cur)?;
        match c::DwUt(unit_type) {
            c::DW_UT_compile => {}
            c::DW_UT_partial => kind = UnitKind::Partial,
            c::DW_UT_type => {
                kind = UnitKind::Type {
                    signature: cur.u64()?,
                    type_off: cur.offset(dwarf64)?,
                };
            }
            c::DW_UT_skeleton | c::DW_UT_split_compile => {
                cur.u64()?;
                kind = UnitKind::Skeleton;
            }
            c::DW_UT_split_type => {
                cur.u64()?;
                cur.offset(dwarf64)?;
                kind = UnitKind::Skeleton;
            }
            _ => return Err(ErrorKind::UnitType(unit_type)),
        }
    } else {
        abbrev_off = offset_at(cur)?;
        address_size = cur.u8()?;
        if in_types {
            kind = UnitKind::Type {
                signature: cur.u64()?,
                type_off: cur.offset(dwarf64)?,
            };
        }
    }
    if !matches!(address_size, 2 | 4 | 8) {
        return Err(ErrorKind::AddressSize(address_size));
    }
    if let UnitKind::Type { type_off, .. } = kind
        && type_off >= end - off
    {
        return Err(ErrorKind::BadReference(off.saturating_add(type_off)));
    }
    let root = cur.pos as u64;
    cur.data = whole;
    Ok(Some(UnitHeader {
        index,
        off,
        end,
        root,
        abbrev_off,
        kind,
        in_types,
        encoding: Encoding {
            version,
            address_size,
            dwarf64,
        },
    }))
}
