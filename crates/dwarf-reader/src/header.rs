//! Unit headers of `.debug_info` and `.debug_types` (DWARF 5 §7.5.1).

use gimli::constants as c;

use crate::abbrev::form::Encoding;
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

/// Length in bytes of the longest header: of a type unit in 64-bit DWARF 5.
pub const MAX_HEADER: usize = 40;

/// Reads all unit headers of a file. Cheap: touches a few bytes of each unit, and none of those for which `peek` gives
/// the bytes at an offset of `.debug_info` in another way.
///
/// # Errors
/// On a header that cannot be read or whose length runs past its section.
pub fn unit_headers<R: Relocate>(
    sections: &Sections<'_>,
    relocate: &R,
    peek: &dyn Fn(u64) -> Option<[u8; MAX_HEADER]>,
) -> Result<Vec<UnitHeader>> {
    if sections.big_endian {
        headers::<true, R>(sections, relocate, peek)
    } else {
        headers::<false, R>(sections, relocate, peek)
    }
}

fn headers<const BE: bool, R: Relocate>(
    s: &Sections<'_>,
    relocate: &R,
    peek: &dyn Fn(u64) -> Option<[u8; MAX_HEADER]>,
) -> Result<Vec<UnitHeader>> {
    let mut units = Vec::new();
    for (in_types, data, name) in [
        (false, s.info, ".debug_info"),
        (true, s.types, ".debug_types"),
    ] {
        let mut off = 0;
        while let Some(rest @ [_, ..]) = data.get(off..) {
            let index = u32::try_from(units.len()).unwrap_or(u32::MAX);
            let peeked = if in_types { None } else { peek(off as u64) };
            let bytes = match &peeked {
                Some(bytes) if bytes.len() <= rest.len() => &bytes[..],
                _ => rest,
            };
            let mut header = HeaderCursor {
                cur: Cursor::<BE>::new(bytes, 0, name),
                off: off as u64,
                rest: rest.len() as u64,
                in_types,
                index,
            };
            let read = header.read(relocate).map_err(|kind| Error {
                kind,
                at: Some(At {
                    unit: index,
                    in_types,
                    unit_off: off as u64,
                    die_off: None,
                }),
            })?;
            match read {
                Some(header) => {
                    off = header.end as usize;
                    units.push(header);
                }
                None => off += header.cur.pos,
            }
        }
    }
    Ok(units)
}

/// A header that is being read.
struct HeaderCursor<'b, const BE: bool> {
    /// From the header on, as far as it may reach.
    cur: Cursor<'b, BE>,
    /// Where it is in its section, in bytes, and how much of that is left.
    off: u64,
    rest: u64,
    in_types: bool,
    index: u32,
}

impl<const BE: bool> HeaderCursor<'_, BE> {
    /// The offset that stands next.
    fn offset<R: Relocate>(&mut self, dwarf64: bool, relocate: &R) -> Result<u64, ErrorKind> {
        let section = if self.in_types {
            Section::Types
        } else {
            Section::Info
        };
        let at = self.off + self.cur.pos as u64;
        let raw = self.cur.offset(dwarf64)?;
        let relocated = relocate.at(section, at, if dwarf64 { 8 } else { 4 }, raw);
        Ok(relocated.map_err(ErrorKind::Relocation)?.value)
    }

    /// `None` for padding between units (a length of 0, as some linkers leave behind).
    fn read<R: Relocate>(&mut self, relocate: &R) -> Result<Option<UnitHeader>, ErrorKind> {
        let (dwarf64, len) = match self.cur.u32()? {
            0xffff_ffff => (true, self.cur.u64()?),
            n if n >= 0xffff_fff0 => return Err(ErrorKind::UnitLength(u64::from(n))),
            n => (false, u64::from(n)),
        };
        if len == 0 {
            return Ok(None);
        }
        let size = (self.cur.pos as u64)
            .checked_add(len)
            .filter(|&size| size <= self.rest);
        let size = size.ok_or(ErrorKind::UnitLength(len))?;
        // Nothing of this unit is read past its own end.
        let within = self.cur.data.len().min(size as usize);
        self.cur.data = &self.cur.data[..within];
        let version = self.cur.u16()?;
        if !(2..=5).contains(&version) {
            return Err(ErrorKind::Version(version));
        }
        let mut kind = UnitKind::Compile;
        let (address_size, abbrev_off);
        if version >= 5 {
            let unit_type = self.cur.u8()?;
            address_size = self.cur.u8()?;
            abbrev_off = self.offset(dwarf64, relocate)?;
            match c::DwUt(unit_type) {
                c::DW_UT_compile => {}
                c::DW_UT_partial => kind = UnitKind::Partial,
                c::DW_UT_type => {
                    kind = UnitKind::Type {
                        signature: self.cur.u64()?,
                        type_off: self.cur.offset(dwarf64)?,
                    };
                }
                c::DW_UT_skeleton | c::DW_UT_split_compile => {
                    self.cur.u64()?;
                    kind = UnitKind::Skeleton;
                }
                c::DW_UT_split_type => {
                    self.cur.u64()?;
                    self.cur.offset(dwarf64)?;
                    kind = UnitKind::Skeleton;
                }
                _ => return Err(ErrorKind::UnitType(unit_type)),
            }
        } else {
            abbrev_off = self.offset(dwarf64, relocate)?;
            address_size = self.cur.u8()?;
            if self.in_types {
                kind = UnitKind::Type {
                    signature: self.cur.u64()?,
                    type_off: self.cur.offset(dwarf64)?,
                };
            }
        }
        if !matches!(address_size, 2 | 4 | 8) {
            return Err(ErrorKind::AddressSize(address_size));
        }
        if let UnitKind::Type { type_off, .. } = kind
            && type_off >= size
        {
            return Err(ErrorKind::BadReference(self.off.saturating_add(type_off)));
        }
        Ok(Some(UnitHeader {
            index: self.index,
            off: self.off,
            end: self.off + size,
            root: self.off + self.cur.pos as u64,
            abbrev_off,
            kind,
            in_types: self.in_types,
            encoding: Encoding {
                version,
                address_size,
                dwarf64,
            },
        }))
    }
}
