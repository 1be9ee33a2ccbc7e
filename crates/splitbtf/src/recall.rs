//! What a worker remembers of the types of its file.
//!
//! A type's content hash ([`crate::shape`]) takes in names by their bytes, so that types of different files hash alike.
//! Within one file that is more than is needed: where two DIEs give the same places in the string sections, the same
//! numbers and the same types referred to, they are the same type, and a *key* of these takes no look at any string.
//! Each worker keeps the keys it has met with what became of them. A key it does not know says nothing (one name may
//! stand at two places); the type is then hashed by its content. In files of few units, where little comes again, the
//! content hash itself is the key: two hashes of each new type would cost more than they save.
//!
//! CUs include the same headers in the same order, so what follows one type mostly follows it in the next CU too. Each
//! entry remembers what came after it last time, and that entry is tried first: entries stand in the order in which
//! they were first met, so that a run of known types is a walk through memory instead of as many random accesses. So it
//! is with the types of a large base, which a worker remembers by their content hashes from one module to the next.

use hashbrown::HashTable;

use crate::shape::Hash;
use crate::store::NodeId;

/// What became of a type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Its content hash.
    pub(crate) hash: Hash,
    pub(crate) node: NodeId,
    pub(crate) name_no: u32,
}

#[derive(Debug)]
struct Known {
    key: Hash,
    seen: Seen,
    /// Index of the entry that was asked for after this one.
    next: u32,
}

const NOTHING: u32 = u32::MAX;

/// What became of the types met so far, by key.
#[derive(Debug)]
pub(crate) struct Recall {
    /// In the order in which they were added.
    known: Vec<Known>,
    table: HashTable<u32>,
    /// The entry found or added last.
    last: u32,
    /// The entry that followed it last time.
    guess: u32,
}

impl Default for Recall {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            table: HashTable::new(),
            last: NOTHING,
            guess: NOTHING,
        }
    }
}

impl Recall {
    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.table.clear();
        self.last = NOTHING;
        self.guess = NOTHING;
    }

    /// For how many types there is room.
    pub(crate) fn capacity(&self) -> usize {
        self.known.capacity()
    }

    /// What became of the type of this key.
    #[inline]
    pub(crate) fn find(&mut self, key: Hash) -> Option<Seen> {
        match self.known.get(self.guess as usize) {
            Some(known) if known.key == key => {
                self.last = self.guess;
                self.guess = known.next;
                Some(known.seen)
            }
            _ => self.search(key),
        }
    }

    fn search(&mut self, key: Hash) -> Option<Seen> {
        let known = &self.known;
        let at = *self.table.find(key.a, |&i| known[i as usize].key == key)?;
        self.follow(at);
        let known = &self.known[at as usize];
        self.guess = known.next;
        Some(known.seen)
    }

    /// Adds a type whose key is not known.
    pub(crate) fn add(&mut self, key: Hash, seen: Seen) {
        let at = self.known.len() as u32;
        self.known.push(Known {
            key,
            seen,
            next: NOTHING,
        });
        let known = &self.known;
        self.table
            .insert_unique(key.a, at, |&i| known[i as usize].key.a);
        self.follow(at);
        self.guess = NOTHING;
    }

    fn follow(&mut self, at: u32) {
        if let Some(last) = self.known.get_mut(self.last as usize) {
            last.next = at;
        }
        self.last = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Hash {
        Hash {
            a: n << 32 | n,
            b: n,
        }
    }

    fn seen(n: u32) -> Seen {
        Seen {
            hash: Hash::VOID,
            node: NodeId::store(n),
            name_no: n,
        }
    }

    #[test]
    fn finds_what_was_added_in_any_order() {
        let mut recall = Recall::default();
        assert!(recall.find(key(1)).is_none());
        for n in 0..100 {
            recall.add(key(u64::from(n)), seen(n));
        }
        for step in [1, 3, 7, 99] {
            for n in (0..100).map(|n| n * step % 100) {
                let found = recall.find(key(u64::from(n))).map(|s| s.name_no);
                assert_eq!(found, Some(n));
            }
        }
        assert!(recall.find(key(100)).is_none());
        recall.clear();
        assert!(recall.find(key(5)).is_none());
    }
}
