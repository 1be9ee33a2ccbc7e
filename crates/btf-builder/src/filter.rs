//! Searching the strings of a base for a few names.
//!
//! A module has some thousand names, and of a base's hundred thousand strings most are none of them. So the base's
//! strings are not indexed but filtered: one pass asks a small bit map about each, by a key that takes a dozen
//! instructions, and only those that it lets through are hashed and kept. The others are marked, so that whoever then
//! goes through the base's types can pass over what has such a name.

use std::sync::Arc;

use crate::btf::Btf;
use crate::id::StrOff;
use crate::name::{Hash32, Nuls, name_hash};
use crate::strings::StrIndex;

/// A set of names that holds all that were put in, and a few more by chance: a Bloom filter.
#[derive(Clone, Debug)]
pub struct NameFilter {
    /// A power of two of them.
    bits: Vec<u64>,
}

impl NameFilter {
    /// An empty set with room for `n` names, of which one in a hundred others is then taken for one. The empty name is
    /// in it.
    pub fn with_capacity(n: usize) -> Self {
        let words = (n / 4).next_power_of_two().max(64);
        let mut filter = Self {
            bits: vec![0; words],
        };
        filter.insert(b"");
        filter
    }

    /// Puts a name in.
    #[inline]
    pub fn insert(&mut self, name: &[u8]) {
        let (word, bits) = self.place(name);
        bits.iter().for_each(|bit| self.bits[word] |= 1 << bit);
    }

    /// Whether a name may have been put in. If not, it was not.
    #[inline(always)]
    pub fn may_contain(&self, name: &[u8]) -> bool {
        let (word, [first, second]) = self.place(name);
        let word = self.bits[word];
        // The second is rarely asked for.
        word >> first & 1 != 0 && word >> second & 1 != 0
    }

    /// Adds to `passed` where those strings of `section` begin and end that may have been put in. The first one begins
    /// at `start`, and they end at `ends`; returns where the next one begins.
    // The loop is tight enough to stay in registers as long as it stands alone.
    #[inline(never)]
    fn pass(
        &self,
        section: &[u8],
        mut start: u32,
        ends: &[u32],
        passed: &mut Vec<(u32, u32)>,
    ) -> u32 {
        for &end in ends {
            let name = section.get(start as usize..end as usize);
            if name.is_some_and(|name| self.may_contain(name)) {
                passed.push((start, end));
            }
            start = end + 1;
        }
        start
    }

    /// The word of a name, and which two bits of it.
    #[inline(always)]
    fn place(&self, name: &[u8]) -> (usize, [u64; 2]) {
        let key = key(name);
        let word = (key >> 12) as usize & (self.bits.len() - 1);
        (word, [key & 63, key >> 6 & 63])
    }
}

/// What tells most names apart: their first and last four bytes, and how many they are.
#[inline(always)]
fn key(name: &[u8]) -> u64 {
    let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else {
        return short_key(name);
    };
    let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
    mix(u64::from(first) | u64::from(last) << 32, name.len())
}

/// Of less than four bytes, which are few names.
#[cold]
#[inline(never)]
fn short_key(name: &[u8]) -> u64 {
    let bytes = name.iter().fold(0, |bytes, &b| bytes << 8 | u64::from(b));
    mix(bytes, name.len())
}

#[inline(always)]
fn mix(bytes: u64, n: usize) -> u64 {
    let mixed = bytes ^ (n as u64) << 27;
    // The upper bits of a product depend on all bits of its factor.
    mixed.wrapping_mul(0xa076_1d64_78bd_642f) >> 24
}

/// Those strings of a base that a [`NameFilter`] lets through.
#[derive(Debug)]
pub struct FoundStrs {
    filter: NameFilter,
    index: StrIndex,
    /// A bit for each offset at which a string begins that the filter does not let through.
    others: Vec<u64>,
    /// Where those begin and end that it lets through.
    passed: Vec<(u32, u32)>,
}

impl FoundStrs {
    /// Whether the string at `off` is certainly none of the filter's. Offsets into the middle of a string are not
    /// looked at, nor any that does not exist.
    #[inline(always)]
    pub fn is_other(&self, off: StrOff) -> bool {
        self.others_at(off) != 0
    }

    /// 1 if the string at `off` [`is_other`](Self::is_other), else 0: for those who would not branch.
    #[inline(always)]
    pub fn others_at(&self, off: StrOff) -> u64 {
        let word = self.others.get(off.0 as usize / 64);
        word.map_or(0, |word| word >> (off.0 % 64) & 1)
    }

    /// Those that the filter let through, of `btf`, whose own strings were filtered: where they begin, and what they are.
    pub fn iter<'b>(&self, btf: &'b Btf) -> impl Iterator<Item = (StrOff, &'b [u8])> {
        let section = btf.strings();
        let passed = self.passed.iter();
        passed.filter_map(|&(start, end)| {
            let s = section.get(start as usize..end as usize)?;
            Some((StrOff(start), s))
        })
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
        // At first all that begin.
        let mut others = Vec::with_capacity(section.len().div_ceil(64));
        let mut passed = Vec::new();
        let mut start = 0;
        let mut begins = 1;
        let mut nuls = Nuls::new(section);
        while let Some(found) = nuls.next_ends() {
            others.extend(found.bits.iter().map(|nuls| {
                let starts = nuls << 1 | begins;
                begins = nuls >> 63;
                starts
            }));
            start = filter.pass(section, start, found.ends, &mut passed);
        }
        let mut index = StrIndex::default();
        index.reserve(passed.len());
        for &(start, end) in &passed {
            others[start as usize / 64] &= !(1 << (start % 64));
            let s = &section[start as usize..end as usize];
            index.insert(section, Hash32::of(name_hash(s)), s, start);
        }
        FoundStrs {
            filter,
            index,
            others,
            passed,
        }
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
        let passed: Vec<_> = found.iter(&base).collect();
        let mut marked = 0;
        for name in names() {
            let off = base.find_str(&name);
            if let Some(off) = off {
                let other = found.is_other(off);
                marked += usize::from(other);
                assert!(!(other && wanted.contains(&name)));
                assert_eq!(!other, passed.contains(&(off, &name)));
            }
            let mut split = Btf::new_split(Arc::clone(&base));
            split.set_base_strs(Arc::clone(&found));
            assert_eq!(split.find_str(&name), off);
        }
        assert!(marked > rest.len() / 2, "{marked}");
        assert_eq!(passed[0], (StrOff::EMPTY, &b""[..]));
        assert!(!found.is_other(StrOff::EMPTY));
        assert!(!found.is_other(StrOff(u32::MAX)));
    }
}
