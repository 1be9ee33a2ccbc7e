//! The string section: lookup, interning, and the hash table behind both.
//!
//! The table maps a string to its offset. It is built on first use and kept
//! up to date by interning. A base is never changed once it is shared, so all
//! split BTFs on it, in any thread, use the one table in it.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::ext::BtfExt;
use crate::id::StrOff;
use crate::name::{CName, Hash32, c_name_hash, for_each_c_name, name_hash};
use crate::visit::strs_of_mut;

/// Offsets of one section's strings, by content: a table with linear probing, from which nothing is ever removed. A
/// kernel's base has 100,000 strings and every run on it makes this table anew, so that it is kept as small and as
/// simple as can be.
#[derive(Clone, Debug, Default)]
pub(crate) struct StrIndex {
    /// Half a hash, which tells most unequal strings apart and places the entry again on growth, above the offset
    /// within the section plus one; 0 is free. A power of two of them, or none.
    slots: Vec<u64>,
    used: usize,
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
        // Names of kernel types and functions average 19 bytes.
        let mut index = Self {
            slots: vec![0; (section.len() / 16).next_power_of_two()],
            used: 0,
        };
        for_each_c_name(section, |start, n, hash| {
            let s = &section[start..start + n];
            index.insert(section, Hash32::of(hash), s, start as u32);
        });
        index
    }

    /// Indexes a section into `index`, which is empty.
    #[cold]
    fn built_into<'a>(index: &'a mut OnceLock<Self>, section: &[u8]) -> &'a mut Self {
        *index = Self::build(section).into();
        // What was set just now is there.
        index.get_mut().expect("set")
    }

    /// The slot of a string that is there, else the free one where it would be. There must be a free one.
    #[inline]
    fn slot(&self, section: &[u8], hash: Hash32, s: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash.0 as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return at;
            }
            if (slot >> 32) as u32 == hash.0 && str_eq(section, slot as u32 - 1, s) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    pub(crate) fn find(&self, section: &[u8], hash: Hash32, s: &[u8]) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.local(self.slot(section, hash, s))
    }

    /// Where the string of a slot is; `None` if the slot is free.
    #[inline]
    fn local(&self, at: usize) -> Option<u32> {
        (self.slots[at] as u32).checked_sub(1)
    }

    /// Adds the string at `local`, which is `s`, unless an equal one is there.
    #[inline]
    pub(crate) fn insert(&mut self, section: &[u8], hash: Hash32, s: &[u8], local: u32) {
        let at = self.slot_with_room(section, hash, s);
        if self.slots[at] == 0 {
            self.fill(at, hash, local);
        }
    }

    /// [`Self::slot`], after making room.
    #[inline]
    fn slot_with_room(&mut self, section: &[u8], hash: Hash32, s: &[u8]) -> usize {
        if self.used >= self.slots.len() / 8 * 7 {
            self.grow((self.slots.len() * 2).max(16));
        }
        self.slot(section, hash, s)
    }

    /// Puts the string at `local` into a free slot that [`Self::slot`] gave for it.
    #[inline]
    fn fill(&mut self, at: usize, hash: Hash32, local: u32) {
        self.slots[at] = u64::from(hash.0) << 32 | u64::from(local + 1);
        self.used += 1;
    }

    /// Makes room for so many more strings.
    pub(crate) fn reserve(&mut self, n: usize) {
        let slots = ((self.used + n) / 7 * 8 + 8).next_power_of_two();
        if slots > self.slots.len() {
            self.grow(slots);
        }
    }

    #[cold]
    fn grow(&mut self, n_slots: usize) {
        let mut slots = vec![0; n_slots];
        let mask = slots.len() - 1;
        for &slot in self.slots.iter().filter(|&&slot| slot != 0) {
            let mut at = (slot >> 32) as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = slot;
        }
        self.slots = slots;
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

    /// Compares the string at `off`, an empty one if there is none, with `s`,
    /// which has no NUL, and looks no further than it must: the end of a
    /// string is found only where `s` ends.
    #[inline]
    pub(crate) fn cmp_str(&self, off: StrOff, s: &[u8]) -> Ordering {
        let mut btf = self;
        while off.0 < btf.start_str_off {
            match btf.base.as_deref() {
                Some(base) => btf = base,
                None => return <[u8]>::cmp(&[], s),
            }
        }
        let local = (off.0 - btf.start_str_off) as usize;
        let rest = btf.strings.get(local..).unwrap_or_default();
        let len = s.len().min(rest.len());
        // A NUL is less than any byte of `s`, so what follows one in `rest`
        // does not count.
        rest[..len].cmp(s).then_with(|| match rest.get(len) {
            None | Some(0) => Ordering::Equal,
            Some(_) => Ordering::Greater,
        })
    }

    /// Whether the string at `off` is empty or outside all sections.
    #[inline]
    pub(crate) fn is_str_empty(&self, off: StrOff) -> bool {
        let mut btf = self;
        while off.0 < btf.start_str_off {
            match btf.base.as_deref() {
                Some(base) => btf = base,
                None => return true,
            }
        }
        let first = btf.strings.get((off.0 - btf.start_str_off) as usize);
        matches!(first, None | Some(0))
    }

    /// [`name_hash`] of the string at `off`, that of the empty string if `off` is outside all sections.
    #[inline]
    pub fn str_hash(&self, off: StrOff) -> u64 {
        let mut btf = self;
        while off.0 < btf.start_str_off {
            match btf.base.as_deref() {
                Some(base) => btf = base,
                None => return name_hash(b""),
            }
        }
        let rest = btf.strings.get((off.0 - btf.start_str_off) as usize..);
        match rest.and_then(c_name_hash) {
            Some((hash, _)) => hash,
            None => name_hash(b""),
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
        self.find_hashed(Hash32::of(name_hash(s)), s)
    }

    fn find_hashed(&self, hash: Hash32, s: &[u8]) -> Option<StrOff> {
        if let Some(found) = self.find_in_base(hash, s) {
            return Some(found);
        }
        let index = self
            .str_index
            .get_or_init(|| StrIndex::build(&self.strings));
        let local = index.find(&self.strings, hash, s)?;
        Some(StrOff(self.start_str_off + local))
    }

    #[inline]
    fn find_in_base(&self, hash: Hash32, s: &[u8]) -> Option<StrOff> {
        let base = self.base.as_ref()?;
        match &self.base_strs {
            Some(strs) if strs.covers(s) => strs.find(&base.strings, hash, s),
            _ => base.find_hashed(hash, s),
        }
    }

    /// The offset of `s`, which is appended to the own section unless it is
    /// there or in a base already.
    ///
    /// # Errors
    /// [`Error::NulInString`]; [`Error::StringsTooBig`] if the string would
    /// start past [`Limits::max_str_off`](crate::Limits::max_str_off).
    pub fn intern_str(&mut self, s: &[u8]) -> Result<StrOff> {
        if memchr::memchr(0, s).is_some() {
            return Err(Error::NulInString);
        }
        self.intern(Hash32::of(name_hash(s)), s, |strings| {
            strings.extend_from_slice(s);
            strings.push(0);
        })
    }

    /// [`intern_str`](Self::intern_str) of a name whose end and hash are known.
    ///
    /// # Errors
    /// [`Error::StringsTooBig`] as there.
    #[inline]
    pub fn intern_name(&mut self, name: CName<'_>) -> Result<StrOff> {
        self.intern(Hash32::of(name.hash()), name.bytes(), |strings| {
            name.append_to(strings);
        })
    }

    /// The offset of `s`, which is not there yet if `append` is called.
    #[inline(always)]
    fn intern(
        &mut self,
        hash: Hash32,
        s: &[u8],
        append: impl FnOnce(&mut Vec<u8>),
    ) -> Result<StrOff> {
        if s.is_empty() {
            return Ok(StrOff::EMPTY);
        }
        if let Some(off) = self.find_in_base(hash, s) {
            return Ok(off);
        }
        let index = match self.str_index.get_mut() {
            Some(index) => index,
            None => StrIndex::built_into(&mut self.str_index, &self.strings),
        };
        let at = index.slot_with_room(&self.strings, hash, s);
        if let Some(local) = index.local(at) {
            return Ok(StrOff(self.start_str_off + local));
        }
        let local = self.strings.len();
        // The end must be addressable too: a split BTF continues there.
        let end = self.start_str_off as u64 + local as u64 + s.len() as u64 + 1;
        let start = self.start_str_off as u64 + local as u64;
        if start > u64::from(self.limits.max_str_off) || end > u64::from(u32::MAX) {
            return Err(Error::StringsTooBig(start));
        }
        append(self.strings.to_mut());
        index.fill(at, hash, local as u32);
        Ok(StrOff(start as u32))
    }

    /// Reserves room for `n` more own strings of `bytes` bytes in all, NULs included.
    pub fn reserve_strs(&mut self, n: usize, bytes: usize) {
        self.strings.to_mut().reserve(bytes);
        self.str_index
            .get_or_init(|| StrIndex::build(&self.strings));
        if let Some(index) = self.str_index.get_mut() {
            index.reserve(n);
        }
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

    /// Takes the bytes of own strings that are the end of another own one out
    /// of the section: their offsets then lead into the middle of that one.
    /// Unused strings go as well; the others are in order of first use.
    ///
    /// Meant for split BTF. Readers take such strings like any other, but
    /// where a BTF is the base of others, libbpf's deduplication finds its
    /// strings by where they begin, and takes types with such names for
    /// different ones.
    ///
    /// # Errors
    /// As [`rebuild_strings`](Self::rebuild_strings).
    pub fn share_string_ends(&mut self) -> Result<()> {
        self.rebuild_strings()?;
        // Sorted from their ends, a string that ends another is right before
        // one that it ends.
        let mut by_end: Vec<(u32, &[u8])> = Vec::new();
        let mut local = 0;
        for s in self.strings.split_inclusive(|&b| b == 0) {
            by_end.push((local, s));
            local += s.len() as u32;
        }
        by_end.sort_by(|a, b| a.1.iter().rev().cmp(b.1.iter().rev()));
        // Where each string is found: in itself, or at the end of that one.
        let mut hosts: Vec<(u32, u32, u32)> = Vec::new();
        let mut after: Option<(u32, &[u8])> = None;
        for &(local, s) in by_end.iter().rev() {
            match after {
                // The empty string that a base begins with stays.
                Some((host, long)) if s.len() > 1 && long.ends_with(s) => {
                    hosts.push((local, host, (long.len() - s.len()) as u32));
                }
                _ => {
                    hosts.push((local, local, 0));
                    after = Some((local, s));
                }
            }
        }
        hosts.sort_unstable();
        let mut strings = Vec::new();
        let mut new = vec![0; hosts.len()];
        for (new, &(local, host, _)) in new.iter_mut().zip(&hosts) {
            if local == host {
                *new = strings.len() as u32;
                let rest = &self.strings[local as usize..];
                let end = memchr::memchr(0, rest).map_or(rest.len(), |n| n + 1);
                strings.extend_from_slice(&rest[..end]);
            }
        }
        let at = |local: u32| hosts.binary_search_by_key(&local, |h| h.0).ok();
        let start = self.start_str_off;
        let ranges: Vec<_> = self.own_ranges().collect();
        for range in ranges {
            strs_of_mut(&mut self.types[range], |off| {
                let Some(i) = off.checked_sub(start).and_then(at) else {
                    return;
                };
                let (_, host, skip) = hosts[i];
                if let Some(host) = at(host) {
                    *off = start + new[host] + skip;
                }
            });
        }
        self.strings = strings.into();
        self.str_index.take();
        self.forget_names();
        Ok(())
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
