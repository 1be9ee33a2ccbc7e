//! Abbreviation tables, compiled to straight-line programs.
//!
//! A declaration in `.debug_abbrev` (DWARF 5 §7.5.3) lists a DIE's attributes and forms. Reading a DIE by
//! that list looks at every attribute. We want a handful of them and only need to get past the others, so
//! each declaration becomes a short program: runs of attributes whose size is fixed and whose value nobody
//! wants are one [`Action::Skip`], and a DIE without any wanted attribute is often a single addition.

pub(crate) mod class;
pub(crate) mod form;
pub(crate) mod plain;

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;
use gimli::constants as c;
use hashbrown::HashTable;

use crate::cursor::Cursor;
use crate::error::ErrorKind;
use class::{Class, Slot, class_of, slot_of};
use form::{Action, Encoding, action, fixed_size, skip_action};
use plain::Plain;

/// One step of a program: an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    pub(crate) action: Action,
    pub(crate) slot: Slot,
    pub(crate) n: u16,
}

/// A declaration, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Abbrev {
    pub(crate) class: Class,
    pub(crate) tag: u16,
    pub(crate) has_children: bool,
    /// Length of the DIE after its code if every form has a fixed size, else `u32::MAX`.
    pub(crate) fixed_len: u32,
    pub(crate) plain: Option<Plain>,
    pub(crate) ops: Range<u32>,
}

/// One abbreviation table, for units of one address size, offset size and version.
#[derive(Debug, Default)]
pub(crate) struct Abbrevs {
    /// By code, as long as codes are dense (all compilers count from 1).
    dense: Vec<Option<Abbrev>>,
    /// Of other codes, in ascending order.
    sparse: Vec<(u64, Abbrev)>,
    /// By code, of those of one byte.
    plain: Vec<Plain>,
    /// Of the declarations that `known` has.
    pub(crate) ops: Vec<Op>,
    pub(crate) consts: Vec<i64>,
    known: Known,
}

/// Declarations met so far. Each unit has a table of its own, with codes by its own count, but declares little that the
/// units before it did not.
#[derive(Debug, Default)]
struct Known {
    /// What the forms of the declarations were read by.
    encoding: Option<Encoding>,
    table: HashTable<(Range<usize>, Abbrev)>,
    /// The declarations' bytes, from the tag to the two zeros.
    bytes: Vec<u8>,
}

impl Known {
    /// All is forgotten between two tables once there are more operations than that; a kernel has some thousand.
    const MOST_OPS: usize = 1 << 14;

    fn find(&self, hash: u64, declaration: &[u8]) -> Option<&Abbrev> {
        let same = |(range, _): &(Range<usize>, Abbrev)| self.bytes[range.clone()] == *declaration;
        self.table.find(hash, same).map(|(_, abbrev)| abbrev)
    }

    fn add(&mut self, hash: u64, declaration: &[u8], abbrev: Abbrev) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(declaration);
        let bytes = &self.bytes;
        let entry = (start..bytes.len(), abbrev);
        self.table
            .insert_unique(hash, entry, |(range, _)| hash_of(&bytes[range.clone()]));
    }
}

fn hash_of(declaration: &[u8]) -> u64 {
    FixedState::default().hash_one(declaration)
}

const MAX_DENSE: u64 = 1 << 16;

impl Abbrevs {
    #[inline(always)]
    pub(crate) fn get(&self, code: u64) -> Option<&Abbrev> {
        match self.dense.get(code as usize) {
            Some(a) => a.as_ref(),
            None => self.get_sparse(code),
        }
    }

    #[cold]
    fn get_sparse(&self, code: u64) -> Option<&Abbrev> {
        let at = self.sparse.partition_point(|(c, _)| *c < code);
        let (found, abbrev) = self.sparse.get(at)?;
        (*found == code).then_some(abbrev)
    }

    /// What is read in one go of the DIE whose code is this byte, if that is all of its code; of [`Sort::Other`] else.
    #[inline(always)]
    pub(crate) fn plain(&self, code: u8) -> &Plain {
        self.plain.get(usize::from(code)).unwrap_or(&Plain::OTHER)
    }

    /// Reads the table at `off` of `.debug_abbrev`, reusing this one's memory and what it knows.
    pub(crate) fn read<const BE: bool>(
        &mut self,
        section: &[u8],
        off: u64,
        encoding: Encoding,
    ) -> Result<(), ErrorKind> {
        self.dense.clear();
        self.sparse.clear();
        self.plain.clear();
        if self.known.encoding != Some(encoding) || self.ops.len() > Known::MOST_OPS {
            self.known.encoding = Some(encoding);
            self.known.table.clear();
            self.known.bytes.clear();
            self.ops.clear();
            self.consts.clear();
        }
        let bad = || ErrorKind::BadAbbrev(off);
        let start = usize::try_from(off).map_err(|_| bad())?;
        let mut cur = Cursor::<BE>::new(section, start, ".debug_abbrev");
        loop {
            let code = cur.uleb().map_err(|_| bad())?;
            if code == 0 {
                self.sparse.sort_by_key(|&(code, _)| code);
                return Ok(());
            }
            let start = cur.pos;
            skip_declaration(&mut cur).map_err(|_| bad())?;
            let declaration = &section[start..cur.pos];
            let hash = hash_of(declaration);
            let abbrev = match self.known.find(hash, declaration) {
                Some(abbrev) => abbrev.clone(),
                None => {
                    let mut cur = Cursor::<BE>::new(section, start, ".debug_abbrev");
                    let abbrev = self.read_one(&mut cur, encoding)?;
                    self.known.add(hash, declaration, abbrev.clone());
                    abbrev
                }
            };
            if code <= MAX_DENSE {
                let i = code as usize;
                if self.dense.len() <= i {
                    self.dense.resize(i + 1, None);
                }
                if code < 0x80 {
                    if self.plain.len() <= i {
                        self.plain.resize(i + 1, Plain::OTHER);
                    }
                    self.plain[i] = abbrev.plain.unwrap_or(Plain::OTHER);
                }
                self.dense[i] = Some(abbrev);
            } else {
                self.sparse.push((code, abbrev));
            }
        }
    }

    /// Compiles the declaration at the cursor.
    fn read_one<const BE: bool>(
        &mut self,
        cur: &mut Cursor<'_, BE>,
        encoding: Encoding,
    ) -> Result<Abbrev, ErrorKind> {
        let tag = cur.uleb()?;
        let has_children = cur.u8()? != 0;
        let tag = u16::try_from(tag).unwrap_or(u16::MAX);
        let class = class_of(c::DwTag(tag));
        let start = self.ops.len() as u32;
        let mut fixed_len = 0u32;
        let mut all_fixed = true;
        let mut plain = Plain::of(class, tag, has_children);
        // Bytes of unwanted attributes not yet covered by an op.
        let mut pending = 0u32;
        loop {
            let attr = cur.uleb()?;
            let form = cur.uleb()?;
            if attr == 0 && form == 0 {
                break;
            }
            let implicit = if form == u64::from(c::DW_FORM_implicit_const.0) {
                Some(cur.sleb()?)
            } else {
                None
            };
            let slot = slot_of(class, c::DwAt(u16::try_from(attr).unwrap_or(0)));
            let size = fixed_size(form, encoding);
            match size {
                Some(n) => fixed_len = fixed_len.saturating_add(u32::from(n)),
                None => all_fixed = false,
            }
            if slot == Slot::None
                && let Some(n) = size
            {
                plain = plain.and_then(|p| p.with(slot, Action::Skip, size, None));
                pending += u32::from(n);
                continue;
            }
            self.flush(&mut pending);
            let (action, n) = if slot == Slot::None {
                (skip_action(form)?, 0)
            } else {
                action(form, encoding)?
            };
            plain = plain.and_then(|p| p.with(slot, action, size, implicit));
            let bound = matches!(slot, Slot::Count | Slot::UpperBound);
            let action = if bound && action == Action::Ref {
                Action::BoundRef
            } else {
                action
            };
            let n = match implicit {
                Some(value) => {
                    self.consts.push(value);
                    // A table of more constants than this is no compiler's.
                    u16::try_from(self.consts.len() - 1)
                        .map_err(|_| ErrorKind::UnknownForm(form))?
                }
                None => n,
            };
            self.ops.push(Op { action, slot, n });
        }
        self.flush(&mut pending);
        Ok(Abbrev {
            class,
            tag,
            has_children,
            fixed_len: if all_fixed { fixed_len } else { u32::MAX },
            plain: plain.map(Plain::done),
            ops: start..self.ops.len() as u32,
        })
    }

    /// Adds what gets past `pending` bytes.
    fn flush(&mut self, pending: &mut u32) {
        while *pending > 0 {
            let n = (*pending).min(u32::from(u16::MAX));
            self.ops.push(Op {
                action: Action::Skip,
                slot: Slot::None,
                n: n as u16,
            });
            *pending -= n;
        }
    }
}

/// Moves from a declaration's tag to behind the zeros that end it.
fn skip_declaration<const BE: bool>(cur: &mut Cursor<'_, BE>) -> Result<(), ErrorKind> {
    cur.uleb()?;
    cur.u8()?;
    loop {
        let attr = cur.uleb()?;
        let form = cur.uleb()?;
        if attr == 0 && form == 0 {
            return Ok(());
        }
        if form == u64::from(c::DW_FORM_implicit_const.0) {
            cur.sleb()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_far_apart_are_found() {
        let mut section = Vec::new();
        let codes = [1 << 40, 3, MAX_DENSE, 1 << 17, MAX_DENSE + 1, 1, 1 << 33];
        for (code, tag) in codes.into_iter().zip(1..) {
            gimli::leb128::write::unsigned(&mut section, code).unwrap();
            section.extend([tag, 0, 0, 0]);
        }
        section.push(0);
        let encoding = Encoding {
            version: 5,
            address_size: 8,
            dwarf64: false,
        };
        let mut abbrevs = Abbrevs::default();
        abbrevs.read::<false>(&section, 0, encoding).unwrap();
        for (code, tag) in codes.into_iter().zip(1..) {
            assert_eq!(abbrevs.get(code).map(|ab| ab.tag), Some(tag), "{code}");
        }
        for code in [0, 2, 4, MAX_DENSE + 2, 1 << 18, u64::MAX] {
            assert!(abbrevs.get(code).is_none(), "{code}");
        }
    }
}
