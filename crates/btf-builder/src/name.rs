//! Hashes of names.
//!
//! Names are hashed more often than anything else, and most of them end with a NUL in a string section, where they lie
//! between others: there the end is looked for and the hash computed in one go, eight bytes at a time.

use wide::u8x16;

const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;
const K2: u64 = 0x8ebc_6af0_9c88_c6e3;
const K3: u64 = 0x5899_65cc_7537_4cc3;

#[inline(always)]
fn fold(x: u64, y: u64) -> u64 {
    let p = u128::from(x).wrapping_mul(u128::from(y));
    (p as u64) ^ ((p >> 64) as u64)
}

/// Hash of a name, the same in every run and on every machine.
#[inline]
pub fn name_hash(s: &[u8]) -> u64 {
    let n = s.len();
    if n > 16 {
        return long_name_hash(s);
    }
    let mut padded = [0; 16];
    padded[..n].copy_from_slice(s);
    let (x, y) = words(&padded);
    short_name_hash(x, y)
}

/// Half a name's hash, kept beside each entry of a table to tell most unequal names apart without looking at them, and to
/// place the entry again on growth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hash32(pub(crate) u32);

impl Hash32 {
    /// Of a [`name_hash`].
    pub fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32)
    }

    /// The 64 bits `hashbrown` wants, of which it uses both ends.
    pub fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Of a name of up to 16 bytes, padded with zeros; its length is known by its having none of its own.
#[inline(always)]
fn short_name_hash(x: u64, y: u64) -> u64 {
    fold(x ^ K0, y ^ K1)
}

fn long_name_hash(s: &[u8]) -> u64 {
    let mut seed = K2;
    // The last block, whole or not, is that of `long_name_end`.
    for block in s[..s.len() - 1].as_chunks().0 {
        seed = long_name_block(seed, words(block));
    }
    long_name_end(seed, s)
}

/// Takes in 16 bytes of a long name that are not its last.
#[inline(always)]
fn long_name_block(seed: u64, (x, y): (u64, u64)) -> u64 {
    fold(x ^ seed, y ^ K1)
}

/// Takes in the last 16 bytes of a long name, of which some may be known already.
#[inline(always)]
fn long_name_end(seed: u64, s: &[u8]) -> u64 {
    let (x, y) = words(s.last_chunk().unwrap_or(&[0; 16]));
    let end = short_name_hash(x ^ seed, y ^ seed.rotate_left(32));
    fold(end ^ s.len() as u64, K3)
}

/// The halves of a block, first bytes lowest.
#[inline(always)]
fn words(block: &[u8; 16]) -> (u64, u64) {
    let n = u128::from_le_bytes(*block);
    (n as u64, (n >> 64) as u64)
}

/// A word with a bit set for each zero byte; bits above the lowest may be false.
#[inline(always)]
fn zeros(w: u64) -> u64 {
    w.wrapping_sub(0x0101_0101_0101_0101) & !w & 0x8080_8080_8080_8080
}

/// Keeps the bytes before the zero that `zeros` found first, all if it found none.
#[inline(always)]
fn before(z: u64) -> u64 {
    // The zero itself may stay.
    z.wrapping_sub(1) & !z
}

/// Where the first of the zeros is that [`zeros`] found in the halves of a block, in bits; 128 if there are none.
#[inline(always)]
fn name_end((zx, zy): (u64, u64)) -> u32 {
    (u128::from(zy) << 64 | u128::from(zx)).trailing_zeros()
}

/// Hash and length of the NUL-terminated name at the start of `s`, if that is short and there are 16 bytes to read:
/// finds the end of the name and hashes it in a handful of instructions.
#[inline(always)]
pub fn short_c_name_hash(s: &[u8]) -> Option<(u64, usize)> {
    let (x, y) = words(s.first_chunk()?);
    let (zx, zy) = (zeros(x), zeros(y));
    if zx | zy == 0 {
        return None;
    }
    // Whether a name is shorter than a word is as good as random: no branch on that.
    let reaches_y = u64::from(zx != 0).wrapping_sub(1);
    let hash = short_name_hash(x & before(zx), y & before(zy) & reaches_y);
    Some((hash, name_end((zx, zy)) as usize / 8))
}

/// Hash and length of the NUL-terminated name at the start of `s`; `None` if there is no NUL.
#[inline]
pub fn c_name_hash(s: &[u8]) -> Option<(u64, usize)> {
    short_c_name_hash(s).or_else(|| long_c_name_hash(s))
}

/// [`c_name_hash`] of that for which [`short_c_name_hash`] has none.
pub fn long_c_name_hash(s: &[u8]) -> Option<(u64, usize)> {
    let mut seed = K2;
    let mut start = 0;
    // Two blocks at a time: a name that does not end in the first mostly ends in the second.
    while let Some(blocks) = s[start..].first_chunk::<32>() {
        let [first, second] =
            [0, 16].map(|at| words(blocks[at..].first_chunk().unwrap_or(&[0; 16])));
        let ends = |(x, y)| name_end((zeros(x), zeros(y)));
        let end = ends(second);
        if end < 128 {
            let n = start + 16 + end as usize / 8;
            let name = &s[..n];
            if n == 16 {
                return Some((short_name_hash(first.0, first.1), n));
            }
            // A last block that is whole is only that.
            if end / 8 > 0 {
                seed = long_name_block(seed, first);
            }
            return Some((long_name_end(seed, name), n));
        }
        seed = long_name_block(seed, first);
        start += 16;
    }
    // Close to the end of the section.
    let n = memchr::memchr(0, s)?;
    Some((name_hash(&s[..n]), n))
}

/// A name that stands in a string section, ended by a NUL, with its hash: what [`Btf::intern_name`] takes.
///
/// [`Btf::intern_name`]: crate::Btf::intern_name
#[derive(Clone, Copy, Debug)]
pub struct CName<'a> {
    /// The section from the start of the name on.
    section: &'a [u8],
    len: usize,
    hash: u64,
}

impl<'a> CName<'a> {
    /// The name at the start of `section`; `None` if no NUL follows.
    #[inline(always)]
    pub fn first_of(section: &'a [u8]) -> Option<Self> {
        let (hash, len) = c_name_hash(section)?;
        Some(Self { section, len, hash })
    }

    /// The name without its NUL.
    #[inline(always)]
    pub fn bytes(&self) -> &'a [u8] {
        &self.section[..self.len]
    }

    /// [`name_hash`] of the name.
    #[inline(always)]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The first 16 bytes of the name and of what follows, unless it stands too close to the section's end: always the
    /// same number, which can be looked at all at once.
    #[inline(always)]
    pub fn block(&self) -> Option<&'a [u8; 16]> {
        self.section.first_chunk()
    }

    /// Appends the name with its NUL.
    #[inline(always)]
    pub(crate) fn append_to(&self, strings: &mut Vec<u8>) {
        let end = strings.len() + self.len + 1;
        match self.section.first_chunk::<32>() {
            // A copy of fixed size beats a call, and what is too much of it is soon written over.
            Some(block) if self.len < block.len() => {
                strings.extend_from_slice(block);
                strings.truncate(end);
            }
            _ => strings.extend_from_slice(&self.section[..=self.len]),
        }
    }
}

/// Calls `f` with the start, the length and the hash of each NUL-terminated name of a section.
#[inline]
pub(crate) fn for_each_c_name(section: &[u8], mut f: impl FnMut(usize, usize, u64)) {
    for_each_c_string(section, |start, n| {
        f(start, n, hash_within(section, start, n));
    });
}

/// Calls `f` with the start and the length of each NUL-terminated string of a section.
#[inline(always)]
pub(crate) fn for_each_c_string(section: &[u8], mut f: impl FnMut(usize, usize)) {
    let mut start = 0;
    let mut nuls = Nuls::new(section);
    while let Some(found) = nuls.next_ends() {
        for &end in found.ends {
            f(start, end as usize - start);
            start = end as usize + 1;
        }
    }
}

/// Blocks in which NULs are looked for at a time.
const BLOCKS: usize = 32;

/// NULs that are looked for in a block before it is asked whether there are more. Few blocks have more, and to look for
/// nothing costs less than a branch that nobody can predict.
const STEP: usize = 4;

/// The places of all NULs of a section, in order, some hundred at a time: where strings end is hard to predict, and so
/// it is found without branches and before anything is done about it.
pub(crate) struct Nuls<'s> {
    blocks: &'s [[u8; 64]],
    /// What is left behind the blocks.
    rest: &'s [u8],
    /// The offset of the next block.
    at: u32,
    bits: [u64; BLOCKS],
    ends: [u32; BLOCKS * 64 + STEP],
}

/// Some places of NULs.
pub(crate) struct NulsFound<'n> {
    /// For each 64 bytes a bit for each of them, the first one's the lowest, that is set if it is a NUL.
    pub(crate) bits: &'n [u64],
    pub(crate) ends: &'n [u32],
}

impl<'s> Nuls<'s> {
    pub(crate) fn new(section: &'s [u8]) -> Self {
        let (blocks, rest) = section.as_chunks();
        Self {
            blocks,
            rest,
            at: 0,
            bits: [0; BLOCKS],
            ends: [0; BLOCKS * 64 + STEP],
        }
    }

    /// The next places, of which there may be none; `None` at the end.
    #[inline(always)]
    pub(crate) fn next_ends(&mut self) -> Option<NulsFound<'_>> {
        let mut last = [[1; 64]];
        let blocks = if self.blocks.is_empty() {
            if self.rest.is_empty() {
                return None;
            }
            last[0][..self.rest.len()].copy_from_slice(self.rest);
            self.rest = &[];
            &last[..]
        } else {
            let n = self.blocks.len().min(BLOCKS);
            let (next, later) = self.blocks.split_at(n);
            self.blocks = later;
            next
        };
        let mut n = 0;
        for (block, bits) in blocks.iter().zip(&mut self.bits) {
            let mut nuls = nuls(block);
            *bits = nuls;
            while nuls != 0 {
                for end in &mut self.ends[n..n + STEP] {
                    // Of zero, which then does not count, anything will do.
                    *end = self.at + (nuls | 1 << 63).trailing_zeros();
                    n += usize::from(nuls != 0);
                    nuls &= nuls.wrapping_sub(1);
                }
            }
            self.at += 64;
        }
        Some(NulsFound {
            bits: self.bits.get(..blocks.len())?,
            ends: self.ends.get(..n)?,
        })
    }
}

/// A bit for each byte, the first one's the lowest, that is set if it is zero.
#[inline(always)]
fn nuls(block: &[u8; 64]) -> u64 {
    let mut nuls = 0;
    for (i, chunk) in block.as_chunks().0.iter().enumerate() {
        let are_nuls = u8x16::new(*chunk).simd_eq(u8x16::ZERO);
        nuls |= u64::from(are_nuls.to_bitmask() as u16) << (16 * i);
    }
    nuls
}

/// [`name_hash`] of `section[start..start + n]`.
#[inline(always)]
fn hash_within(section: &[u8], start: usize, n: usize) -> u64 {
    let head: Option<&[u8; 16]> = section[start..].first_chunk();
    match head {
        Some(head) if n <= 16 => {
            let keep = |n: usize| {
                if n >= 8 { u64::MAX } else { (1 << (8 * n)) - 1 }
            };
            let (x, y) = words(head);
            short_name_hash(x & keep(n), y & keep(n.saturating_sub(8)))
        }
        _ => name_hash(&section[start..start + n]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_lengths_hash_apart() {
        let mut seen = Vec::new();
        let text = b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
        for n in 0..text.len() {
            seen.push(name_hash(&text[..n]));
            let mut changed = text[..n].to_vec();
            for i in 0..n {
                changed[i] ^= 1;
                seen.push(name_hash(&changed));
                changed[i] ^= 1;
            }
        }
        let n = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), n);
    }

    #[test]
    fn names_hash_alike_with_and_without_their_end() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for n in 0..text.len() {
            let mut c_string = text[..n].to_vec();
            c_string.extend(*b"\0\x01\xff\x80garbage behind the end");
            let short = short_c_name_hash(&c_string).map(|found| found.0);
            assert_eq!(c_name_hash(&c_string), Some((name_hash(&text[..n]), n)));
            // At the very end of a section.
            assert_eq!(
                c_name_hash(&c_string[..=n]),
                Some((name_hash(&text[..n]), n))
            );
            assert_eq!(c_name_hash(&c_string[..n]), None);
            assert_eq!(short.is_some(), n < 16, "{n}");
            assert_eq!(
                short.unwrap_or(name_hash(&text[..n])),
                name_hash(&text[..n]),
                "{n}"
            );
        }
    }

    #[test]
    fn a_section_is_taken_apart_at_each_nul() {
        let names: Vec<Vec<u8>> = (0..40).map(|n| vec![b'a' + n as u8 % 26; n % 23]).collect();
        for n in 0..names.len() {
            let mut section = names[..n].join(&0);
            if n > 0 {
                section.push(0);
            }
            let mut found = Vec::new();
            for_each_c_name(&section, |start, len, hash| {
                let name = &section[start..start + len];
                assert_eq!(hash, name_hash(name));
                found.push(name.to_vec());
            });
            assert_eq!(found, names[..n]);
        }
    }

    #[test]
    fn all_nuls_are_found_however_dense_they_are() {
        // More than is looked at in one go, with all there is from no NUL in a block to nothing else.
        for every in [1, 2, 3, 7, 64, 100, 3000] {
            for len in [0, 1, 63, 64, 65, 2047, 2048, 2049, 10_000] {
                let section: Vec<u8> = (1..=len).map(|n| u8::from(n % every != 0)).collect();
                let (mut found, mut bits) = (Vec::new(), Vec::new());
                let mut nuls = Nuls::new(&section);
                while let Some(nuls) = nuls.next_ends() {
                    found.extend_from_slice(nuls.ends);
                    bits.extend_from_slice(nuls.bits);
                }
                let expected: Vec<u32> = (0..len).filter(|n| (n + 1) % every == 0).collect();
                assert_eq!(found, expected, "{every} {len}");
                let is_set = |n: &u32| bits[*n as usize / 64] >> (n % 64) & 1 != 0;
                let set: Vec<u32> = (0..64 * bits.len() as u32).filter(is_set).collect();
                assert_eq!(set, expected, "{every} {len}");
            }
        }
    }
}
