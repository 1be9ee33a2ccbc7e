//! Hashes of names.
//!
//! Names are hashed more often than anything else, and most of them end with a NUL in a string section, where they lie
//! between others: there the end is looked for and the hash computed in one go, eight bytes at a time.

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
    let x = u64::from_le_bytes(*padded.first_chunk().unwrap_or(&[0; 8]));
    let y = u64::from_le_bytes(*padded.last_chunk().unwrap_or(&[0; 8]));
    short_name_hash(x, y, n)
}

#[inline(always)]
fn short_name_hash(x: u64, y: u64, n: usize) -> u64 {
    fold(fold(x ^ K0, y ^ K1 ^ n as u64), K3)
}

fn long_name_hash(s: &[u8]) -> u64 {
    let n = s.len();
    let word = |i: usize| {
        let mut w = [0u8; 8];
        w.copy_from_slice(&s[i..i + 8]);
        u64::from_le_bytes(w)
    };
    let mut seed = K2;
    let mut i = 0;
    while i + 16 < n {
        seed = fold(word(i) ^ seed, word(i + 8) ^ K1);
        i += 16;
    }
    short_name_hash(word(n - 16) ^ seed, word(n - 8) ^ seed.rotate_left(32), n)
}

/// A word with a bit set for each zero byte; bits above the lowest may be false.
#[inline(always)]
fn zeros(w: u64) -> u64 {
    w.wrapping_sub(0x0101_0101_0101_0101) & !w & 0x8080_8080_8080_8080
}

/// Hash and length of the NUL-terminated name at the start of `s`, if that is short and there are 16 bytes to read:
/// finds the end of the name and hashes it in a handful of instructions.
#[inline(always)]
pub fn short_c_name_hash(s: &[u8]) -> Option<(u64, usize)> {
    let head: &[u8; 16] = s.first_chunk()?;
    let x = u64::from_le_bytes(*head.first_chunk()?);
    let y = u64::from_le_bytes(*head.last_chunk()?);
    let (zx, zy) = (zeros(x), zeros(y));
    // Keeps the bytes before the zero.
    let before = |z: u64| (z & z.wrapping_neg()).wrapping_sub(1) >> 7;
    if zx != 0 {
        let n = zx.trailing_zeros() as usize / 8;
        Some((short_name_hash(x & before(zx), 0, n), n))
    } else if zy != 0 {
        let n = 8 + zy.trailing_zeros() as usize / 8;
        Some((short_name_hash(x, y & before(zy), n), n))
    } else {
        None
    }
}

/// Hash and length of the NUL-terminated name at the start of `s`; `None` if there is no NUL.
#[inline]
pub fn c_name_hash(s: &[u8]) -> Option<(u64, usize)> {
    if let Some(found) = short_c_name_hash(s) {
        return Some(found);
    }
    let mut n = 0;
    // Names are too short for a call into a vectorised search to pay.
    for chunk in s.as_chunks::<8>().0 {
        let z = zeros(u64::from_le_bytes(*chunk));
        if z != 0 {
            n += z.trailing_zeros() as usize / 8;
            return Some((name_hash(&s[..n]), n));
        }
        n += 8;
    }
    n += memchr::memchr(0, &s[n..])?;
    Some((name_hash(&s[..n]), n))
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
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let mut start = 0;
    let mut at = 0;
    for chunk in section.as_chunks::<8>().0 {
        let w = u64::from_le_bytes(*chunk);
        // One bit for each zero byte, with none that is false.
        let mut zeros = !(((w & LOW) + LOW) | w | LOW);
        while zeros != 0 {
            let end = at + zeros.trailing_zeros() as usize / 8;
            f(start, end - start);
            start = end + 1;
            zeros &= zeros - 1;
        }
        at += 8;
    }
    while let Some(n) = section
        .get(start..)
        .and_then(|rest| memchr::memchr(0, rest))
    {
        f(start, n);
        start += n + 1;
    }
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
            let x = u64::from_le_bytes(*head.first_chunk().unwrap_or(&[0; 8]));
            let y = u64::from_le_bytes(*head.last_chunk().unwrap_or(&[0; 8]));
            short_name_hash(x & keep(n), y & keep(n.saturating_sub(8)), n)
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
}
