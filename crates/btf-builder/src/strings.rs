//! The string section: lookup, interning, and the hash table behind both.
//!
//! The table maps a string to its offset. It is built on first use and kept
//! up to date by interning. A base is never changed once it is shared, so all
//! split BTFs on it, in any thread, use the one table in it.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::StrOff;
use crate::visit::strs_of_mut;

/// Offsets of one section's strings, by content. Each entry carries its hash,
/// so growing does not touch the strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct StrIndex {
    table: HashTable<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    /// Offset within the section, not yet raised by the base's length.
    local: u32,
}

/// The hash of `s`, the same in every run.
pub(crate) fn hash_bytes(s: &[u8]) -> u64 {
    FixedState::default().hash_one(s)
}

/// Whether the string at `local` is `s`.
fn str_eq(section: &[u8], local: u32, s: &[u8]) -> bool {
    let at = local as usize;
    section
        .get(at..)
        .and_then(|rest| rest.split_at_checked(s.len()))
        .is_some_and(|(head, tail)| head == s && tail.first() == Some(&0))
}

impl StrIndex {
    /// Indexes a section. Of equal strings the first one counts.
    fn build(section: &[u8]) -> Self {
        // Names of kernel types and functions average 17 bytes.
        let mut table = HashTable::with_capacity(section.len() / 16);
        let mut start = 0;
        for end in memchr::memchr_iter(0, section) {
            let s = &section[start..end];
            let hash = hash_bytes(s);
            let local = start as u32;
            if let Entry::Vacant(slot) = table.entry(
                hash,
                |slot: &Slot| slot.hash == hash && str_eq(section, slot.local, s),
                |slot| slot.hash,
            ) {
                slot.insert(Slot { hash, local });
            }
            start = end + 1;
        }
        Self { table }
    }

    fn find(&self, section: &[u8], hash: u64, s: &[u8]) -> Option<u32> {
        self.table
            .find(hash, |slot| {
                slot.hash == hash && str_eq(section, slot.local, s)
            })
            .map(|slot| slot.local)
    }

    fn insert(&mut self, hash: u64, local: u32) {
        self.table
            .insert_unique(hash, Slot { hash, local }, |slot| slot.hash);
    }
}

impl Btf {
    /// The string at `off`, from the own section or a base, without its NUL.
    /// `None` if `off` is outside all of them. An offset into the middle of a
    /// string gives the rest of it.
    pub fn str_at(&self, off: StrOff) -> Option<&[u8]> {
        let mut btf = self;
        while off.0 < btf.start_str_off {
            btf = btf.base.as_deref()?;
        }
        let local = (off.0 - btf.start_str_off) as usize;
        match btf.strings.get(local..) {
            Some(rest) if !rest.is_empty() => Some(&rest[..memchr::memchr(0, rest)?]),
            // A split BTF on an empty base still has the empty string.
            _ if off.0 == 0 => Some(b""),
            _ => None,
        }
    }

    /// The offset of `s` in the own section or a base, if it is there.
    pub fn find_str(&self, s: &[u8]) -> Option<StrOff> {
        if s.is_empty() {
            return Some(StrOff::EMPTY);
        }
        if s.contains(&0) {
            return None;
        }
        self.find_hashed(hash_bytes(s), s)
    }

    fn find_hashed(&self, hash: u64, s: &[u8]) -> Option<StrOff> {
        if let Some(base) = &self.base
            && let Some(off) = base.find_hashed(hash, s)
        {
            return Some(off);
        }
        let index = self
            .str_index
            .get_or_init(|| StrIndex::build(&self.strings));
        let local = index.find(&self.strings, hash, s)?;
        Some(StrOff(self.start_str_off + local))
    }

    /// The offset of `s`, which is appended to the own section unless it is
    /// there or in a base already.
    ///
    /// # Errors
    /// [`Error::NulInString`]; [`Error::StringsTooBig`] if the string would
    /// start past [`Limits::max_str_off`](crate::Limits::max_str_off).
    pub fn intern_str(&mut self, s: &[u8]) -> Result<StrOff> {
        if s.is_empty() {
            return Ok(StrOff::EMPTY);
        }
        if memchr::memchr(0, s).is_some() {
            return Err(Error::NulInString);
        }
        let hash = hash_bytes(s);
        if let Some(off) = self.find_hashed(hash, s) {
            return Ok(off);
        }
        let local = self.strings.len();
        // The end must be addressable too: a split BTF continues there.
        let end = self.start_str_off as u64 + local as u64 + s.len() as u64 + 1;
        let start = self.start_str_off as u64 + local as u64;
        if start > u64::from(self.limits.max_str_off) || end > u64::from(u32::MAX) {
            return Err(Error::StringsTooBig(start));
        }
        self.strings.extend_from_slice(s);
        self.strings.push(0);
        if let Some(index) = self.str_index.get_mut() {
            index.insert(hash, local as u32);
        }
        Ok(StrOff(start as u32))
    }

    /// The own string section: NUL-terminated strings back to back.
    pub fn strings(&self) -> &[u8] {
        &self.strings
    }

    /// Drops own strings that no own record uses, and own copies of base
    /// strings, and renumbers the rest in order of first use.
    ///
    /// # Errors
    /// [`Error::NoSuchString`] if a record has an offset outside the sections;
    /// [`Error::StringsTooBig`]. The BTF is unchanged then.
    pub fn rebuild_strings(&mut self) -> Result<()> {
        let mut fresh = match &self.base {
            Some(base) => Self::new_split(Arc::clone(base)),
            None => Self::new_empty(self.endian),
        };
        fresh.limits = self.limits;
        // New offset of each old own one; 0 is "not seen yet", to which only
        // the empty string maps.
        let mut map = vec![0_u32; self.strings.len()];
        let mut types = self.types.clone();
        let mut fault = None;
        for range in self.own_ranges() {
            strs_of_mut(&mut types[range], |off| {
                let Some(local) = off.checked_sub(self.start_str_off).filter(|_| *off != 0) else {
                    return;
                };
                match map.get_mut(local as usize) {
                    Some(&mut new) if new != 0 => *off = new,
                    slot => {
                        let old = StrOff(*off);
                        let new = (self.str_at(old).ok_or(Error::NoSuchString(old)))
                            .and_then(|s| fresh.intern_str(s));
                        match (new, slot) {
                            (Ok(new), Some(slot)) => {
                                *slot = new.0;
                                *off = new.0;
                            }
                            (Ok(_), None) => {
                                fault.get_or_insert(Error::NoSuchString(old));
                            }
                            (Err(err), _) => {
                                fault.get_or_insert(err);
                            }
                        }
                    }
                }
            });
        }
        if let Some(err) = fault {
            return Err(err);
        }
        self.types = types;
        self.strings = fresh.strings;
        self.str_index = fresh.str_index;
        self.forget_names();
        Ok(())
    }
}
