//! Sets of types taken to be equal, with a way back.

use hashbrown::HashMap;

/// A union-find forest over type ids. The root of a set is its oldest type.
/// Only types that were united take space.
#[derive(Debug, Default)]
pub(crate) struct Union {
    parent: HashMap<u32, u32, foldhash::fast::FixedState>,
    /// Entries changed since the last [`commit`](Self::commit), with what they
    /// held before.
    log: Vec<(u32, Option<u32>)>,
}

impl Union {
    pub(crate) fn clear(&mut self) {
        self.parent.clear();
        self.log.clear();
    }

    fn set(&mut self, id: u32, parent: u32) {
        let old = self.parent.insert(id, parent);
        self.log.push((id, old));
    }

    /// The root of the set of `id`.
    pub(crate) fn find(&mut self, mut id: u32) -> u32 {
        let mut root = id;
        while let Some(&up) = self.parent.get(&root) {
            root = up;
        }
        // Point all on the way at the root, so that chains stay short.
        while let Some(&up) = self.parent.get(&id)
            && up != root
        {
            self.set(id, root);
            id = up;
        }
        root
    }

    /// Unites the sets of two different roots.
    pub(crate) fn unite(&mut self, x: u32, y: u32) {
        self.set(x.max(y), x.min(y));
    }

    /// Makes the unions since the last commit permanent.
    pub(crate) fn commit(&mut self) {
        self.log.clear();
    }

    /// Takes back the unions since the last commit.
    pub(crate) fn rollback(&mut self) {
        while let Some((id, old)) = self.log.pop() {
            match old {
                Some(up) => self.parent.insert(id, up),
                None => self.parent.remove(&id),
            };
        }
    }

    /// All types that are not the root of their set, in id order.
    pub(crate) fn members(&self) -> Vec<u32> {
        let mut ids = self.parent.keys().copied().collect::<Vec<_>>();
        ids.sort_unstable();
        ids
    }
}
