//! Searching the strings of a base for a few names.
//!
//! A module has some thousand names, and of a base's hundred thousand strings most are none of them. So the base's
//! strings are not indexed but filtered: one pass asks a small bit map about each, by a key that takes a dozen
//! instructions, and only those that it lets through are hashed and kept. The others are marked, so that whoever then
//! goes through the base's types can pass over what has such a name.

use std::sync::Arc;

use crate::btf::Btf;
use crate::id::StrOff;
use crate::name::{for_each_c_string, name_hash};
use crate::strings::{Hash32, StrIndex};

/// A set of names that holds all that were put in, and a few more by chance: a Bloom filter.
#[derive(Clone, Debug)]
pub struct NameFilter {
    /// A power of two of them.
    bits: Vec<u64>,
}

impl NameFilter {
    /// An empty set with room for `n` names, of which one in 32 others is then taken for one. The empty name is in it.
    pub fn with_capacity(n: usize) -> Self {
        let words = (n / 2).next_power_of_two().max(64);
        let mut filter = Self {
            bits: vec![0; words],
        };
        filter.insert(b"");
        filter
    }

    /// Puts a name in.
    #[inline]
    pub fn insert(&mut self, name: &[u8]) {
        let (word, bit) = self.place(key(name));
        self.bits[word] |= bit;
    }

    /// Whether a name may have been put in. If not, it was not.
    #[inline]
    pub fn may_contain(&self, name: &[u8]) -> bool {
        self.has(key(name))
    }

    #[inline(always)]
    fn has(&self, key: u64) -> bool {
        let (word, bit) = self.place(key);
        self.bits[word] & bit != 0
    }

    #[inline(always)]
    fn place(&self, key: u64) -> (usize, u64) {
        let mask = self.bits.len() - 1;
        ((key >> 6) as usize & mask, 1 << (key & 63))
    }
}

/// What tells most names apart: their first and last eight bytes, and how many they are.
#[inline(always)]
fn key(name: &[u8]) -> u64 {
    let n = name.len();
    match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => {
            long_key(u64::from_le_bytes(*first), u64::from_le_bytes(*last), n)
        }
        _ => {
            let mut padded = [0; 8];
            padded[..n].copy_from_slice(name);
            short_key(u64::from_le_bytes(padded), n)
        }
    }
}

/// Of a name of less than eight bytes, which are the low ones of `bytes`; the others are zero.
#[inline(always)]
fn short_key(bytes: u64, n: usize) -> u64 {
    long_key(bytes, 0, n)
}

#[inline(always)]
fn long_key(first: u64, last: u64, n: usize) -> u64 {
    let mixed = first ^ last.rotate_left(29) ^ (n as u64) << 40;
    // The upper bits of a product depend on all bits of its factor.
    mixed.wrapping_mul(0xa076_1d64_78bd_642f) >> 32
}

/// The key of `section[start..start + n]`, if eight bytes can be read from its start.
#[inline(always)]
fn key_within(section: &[u8], start: usize, n: usize) -> Option<u64> {
    let first = word(section, start)?;
    if n < 8 {
        return Some(short_key(first & ((1 << (8 * n)) - 1), n));
    }
    Some(long_key(first, word(section, start + n - 8)?, n))
}

#[inline(always)]
fn word(section: &[u8], at: usize) -> Option<u64> {
    let bytes = section.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Those strings of a base that a [`NameFilter`] lets through.
#[derive(Debug)]
pub struct FoundStrs {
    filter: NameFilter,
    index: StrIndex,
    /// A bit for each offset at which a string begins that the filter does not let through.
    others: Vec<u64>,
}

impl FoundStrs {
    /// Whether the string at `off` is certainly none of the filter's. Offsets into the middle of a string are not
    /// looked at, nor any that does not exist.
    #[inline]
    pub fn is_other(&self, off: StrOff) -> bool {
        let word = self.others.get(off.0 as usize / 64);
        word.is_some_and(|word| word >> (off.0 % 64) & 1 != 0)
    }

    #[cold]
    fn keep(&mut self, section: &[u8], start: usize, n: usize) {
        let s = &section[start..start + n];
        let hash = Hash32::of(name_hash(s));
        self.index.insert(section, hash, s, start as u32);
    }

    /// Whether this knows all about `name`.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        self.filter.may_contain(name)
    }

    /// The first string of `section`, the one that was filtered, that is `name`.
    pub(crate) fn find(&self, section: &[u8], hash: Hash32, name: &[u8]) -> Option<StrOff> {
        self.index.find(section, hash, name).map(StrOff)
    }
}

impl Btf {
    /// Filters the own strings.
    pub fn find_strs(&self, filter: NameFilter) -> FoundStrs {
        let section = self.strings();
        let mut found = FoundStrs {
            filter,
            index: StrIndex::default(),
            others: Vec::new(),
        };
        let mut others = vec![0_u64; section.len().div_ceil(64)];
        for_each_c_string(section, |start, n| match key_within(section, start, n) {
            Some(key) if !found.filter.has(key) => others[start / 64] |= 1 << (start % 64),
            _ => found.keep(section, start, n),
        });
        found.others = others;
        found
    }

    /// What [`set_base_strs`](Self::set_base_strs) was given.
    pub fn base_strs(&self) -> Option<&Arc<FoundStrs>> {
        self.base_strs.as_ref()
    }

    /// Has strings that `found` knows all about looked up there, where otherwise the first look-up of any string
    /// indexes all those of the base. `found` is of the base's strings; of a base that has a base itself this does
    /// nothing.
    pub fn set_base_strs(&mut self, found: Arc<FoundStrs>) {
        if self.base().is_some_and(|base| !base.is_split()) {
            self.base_strs = Some(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<Vec<u8>> {
        (0..40)
            .flat_map(|n| [b'a', b'b'].map(|first| [&[first][..], &vec![b'x'; n][..]].concat()))
            .collect()
    }

    #[test]
    fn keys_are_the_same_within_a_section() {
        for name in names() {
            for rest in [&b""[..], b"\0", b"\0yyyyyyyyyyyyyyyy\0"] {
                let section = [b"zz\0", &name[..], rest].concat();
                let within = key_within(&section, 3, name.len());
                assert_eq!(within.is_none(), section.len() < 3 + 8);
                assert_eq!(within.unwrap_or(key(&name)), key(&name));
            }
        }
    }

    #[test]
    fn a_filter_finds_what_is_there_and_marks_the_rest() {
        let mut base = Btf::new_empty(crate::Endian::NATIVE);
        let (wanted, rest): (Vec<_>, Vec<_>) = names().into_iter().partition(|n| n[0] == b'a');
        for name in wanted.iter().chain(&rest).skip(5) {
            base.intern_str(name).unwrap();
        }
        let base = Arc::new(base);
        let mut filter = NameFilter::with_capacity(1000);
        wanted.iter().for_each(|name| filter.insert(name));
        let found = Arc::new(base.find_strs(filter));
        let mut marked = 0;
        for name in names() {
            let off = base.find_str(&name);
            if let Some(off) = off {
                let other = found.is_other(off);
                marked += usize::from(other);
                assert!(!(other && wanted.contains(&name)));
            }
            let mut split = Btf::new_split(Arc::clone(&base));
            split.set_base_strs(Arc::clone(&found));
            assert_eq!(split.find_str(&name), off);
        }
        assert!(marked > rest.len() / 2, "{marked}");
        assert!(!found.is_other(StrOff::EMPTY));
        assert!(!found.is_other(StrOff(u32::MAX)));
    }
}
