//! Damaging files, reproducibly.

/// A small generator of pseudo-random numbers (SplitMix64): the same seed gives
/// the same damage on every machine.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end as u64) as usize
    }
}

/// Words that parsers get wrong: extremes, signs, and lengths near them.
const WORDS: [u64; 10] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_fff0,
    0xffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// Damages `bytes` in one to four places; half of the time within `focus`, the
/// ranges that matter most.
pub fn mutate(bytes: &mut Vec<u8>, focus: &[std::ops::Range<usize>], random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = match focus.get(random.below(2 * focus.len().max(1))) {
            Some(range) if !range.is_empty() && range.end <= bytes.len() => {
                range.start + random.below(range.len())
            }
            _ => random.below(bytes.len()),
        };
        match random.below(8) {
            0 | 1 => bytes[at] ^= 1 << random.below(8),
            2 | 3 => bytes[at] = random.next_u64() as u8,
            4 | 5 => {
                let word = WORDS[random.below(WORDS.len())];
                let size = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                let word = if random.below(2) == 0 {
                    word.to_le_bytes()
                } else {
                    word.to_be_bytes()
                };
                // Big-endian numbers have their low bytes at the end.
                let word = if word[0] == 0 {
                    &word[8 - size..]
                } else {
                    &word[..size]
                };
                bytes[at..at + size].copy_from_slice(word);
            }
            6 => {
                // A run copied from elsewhere keeps its local structure.
                let from = random.below(bytes.len());
                let size = random.below(32).min(bytes.len() - at.max(from));
                bytes.copy_within(from..from + size, at);
            }
            _ => {
                if random.below(8) == 0 {
                    bytes.truncate(at);
                } else {
                    let size = random.below(16).min(bytes.len() - at);
                    bytes[at..at + size].fill(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_does_the_same_damage() {
        let damage = |seed| {
            let mut bytes = vec![7; 100];
            mutate(&mut bytes, &[10..20, 90..95], &mut Random::new(seed));
            bytes
        };
        assert_eq!(damage(1), damage(1));
        assert!((0..20).any(|seed| damage(seed) != damage(1)));
    }

    #[test]
    fn no_input_is_too_small() {
        for length in 0..4 {
            for seed in 0..1000 {
                mutate(
                    &mut vec![0; length],
                    &[0..length, 0..1],
                    &mut Random::new(seed),
                );
            }
        }
    }
}
