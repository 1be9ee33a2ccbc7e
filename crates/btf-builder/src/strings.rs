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
use crate::ext::BtfExt;
use crate::id::StrOff;
use crate::visit::strs_of_mut;

/// Offsets of one section's strings, by content. Each entry carries its hash,
/// so growing does not touch the strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct StrIndex {
    table: HashTable<Slot>,
}

/// Half a hash, kept beside each entry of a table to tell most unequal keys
/// apart without looking at them, and to place the entry again on growth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hash32(u32);

impl Hash32 {
    pub(crate) fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32)
    }

    /// The 64 bits `hashbrown` wants, of which it uses both ends.
    pub(crate) fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: Hash32,
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
            let hash = Hash32::of(hash_bytes(s));
            let local = start as u32;
            if let Entry::Vacant(slot) = table.entry(
                hash.spread(),
                |slot: &Slot| slot.hash == hash && str_eq(section, slot.local, s),
                |slot| slot.hash.spread(),
            ) {
                slot.insert(Slot { hash, local });
            }
            start = end + 1;
        }
        Self { table }
    }

    fn find(&self, section: &[u8], hash: Hash32, s: &[u8]) -> Option<u32> {
        self.table
            .find(hash.spread(), |slot| {
                slot.hash == hash && str_eq(section, slot.local, s)
            })
            .map(|slot| slot.local)
    }

    fn insert(&mut self, hash: Hash32, local: u32) {
        self.table
            .insert_unique(hash.spread(), Slot { hash, local }, |slot| {
                slot.hash.spread()
            });
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
        self.find_hashed(Hash32::of(hash_bytes(s)), s)
    }

    fn find_hashed(&self, hash: Hash32, s: &[u8]) -> Option<StrOff> {
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
        let hash = Hash32::of(hash_bytes(s));
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
        self.rebuild(None)
    }

    /// As [`rebuild_strings`](Self::rebuild_strings), keeping the strings of
    /// `ext` too, after those of the records, and adjusting it.
    ///
    /// # Errors
    /// As [`rebuild_strings`](Self::rebuild_strings); `ext` is unchanged then
    /// as well.
    pub fn rebuild_strings_with(&mut self, ext: &mut BtfExt) -> Result<()> {
        self.rebuild(Some(ext))
    }

    fn rebuild(&mut self, ext: Option<&mut BtfExt>) -> Result<()> {
        let mut fresh = match &self.base {
            Some(base) => Self::new_split(Arc::clone(base)),
            None => Self::new_empty(self.endian),
        };
        fresh.limits = self.limits;
        // New offset of each old own one; 0 is "not seen yet", to which only
        // the empty string maps.
        let mut map = vec![0_u32; self.strings.len()];
        let mut fault = None;
        let mut remap = |off: &mut u32| {
            let Some(local) = off.checked_sub(self.start_str_off).filter(|_| *off != 0) else {
                return;
            };
            if let Some(&new) = map.get(local as usize).filter(|&&new| new != 0) {
                *off = new;
                return;
            }
            let old = StrOff(*off);
            match (self.str_at(old).ok_or(Error::NoSuchString(old)))
                .and_then(|s| fresh.intern_str(s))
            {
                Ok(new) => {
                    if let Some(slot) = map.get_mut(local as usize) {
                        *slot = new.0;
                    }
                    *off = new.0;
                }
                Err(err) => {
                    fault.get_or_insert(err);
                }
            }
        };
        let mut types = self.types.clone();
        for range in self.own_ranges() {
            strs_of_mut(&mut types[range], &mut remap);
        }
        let new_ext = ext.as_deref().map(|ext| {
            let mut ext = ext.clone();
            ext.for_each_str_off_mut(&mut remap);
            ext
        });
        if let Some(err) = fault {
            return Err(err);
        }
        if let (Some(ext), Some(new)) = (ext, new_ext) {
            *ext = new;
        }
        self.types = types;
        self.strings = fresh.strings;
        self.str_index = fresh.str_index;
        self.forget_names();
        Ok(())
    }
}
