//! Sets of names.

/// A set of names, by number.
#[derive(Debug, Default, Clone)]
pub(crate) struct NameSet(Vec<u64>);

impl NameSet {
    #[inline]
    pub(crate) fn insert(&mut self, no: u32) {
        let word = (no / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (no % 64);
    }

    #[inline]
    pub(crate) fn contains(&self, no: u32) -> bool {
        self.0
            .get((no / 64) as usize)
            .is_some_and(|w| w & (1 << (no % 64)) != 0)
    }

    pub(crate) fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }
}
