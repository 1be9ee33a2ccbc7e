//! The passes in order, repeated until nothing changes.
//!
//! One round is libbpf's deduplication plus the last pass. If that last pass
//! merged anything, the round before it worked with distinctions that are gone
//! now: a name may have become unique, two graphs may have become equivalent.
//! So the canonical types go through another round, until one leaves nothing
//! behind; that makes deduplication idempotent. Later rounds see only what is
//! left and cost little.

use crate::graph::Graph;

impl Graph<'_> {
    /// Deduplicates own types with regard to forward declarations.
    pub(crate) fn dedup(&mut self) {
        loop {
            self.dedup_prims();
            self.dedup_composites();
            self.resolve_fwds();
            if !self.finish_round() {
                return;
            }
        }
    }

    /// Merges own types that are equal in the strict sense only.
    pub(crate) fn merge_exact(&mut self) {
        loop {
            for i in 0..self.prims.len() {
                let id = self.prims[i];
                let shape = self.shape(id);
                match self.oldest(shape) {
                    0 => {
                        self.own_mut(id).canon = id;
                        self.add_candidate(id);
                    }
                    canon => self.own_mut(id).canon = canon,
                }
            }
            for i in 0..self.named.len() {
                let id = self.named[i];
                self.own_mut(id).canon = id;
                self.add_candidate(id);
            }
            if !self.finish_round() {
                return;
            }
        }
    }

    /// The passes after composites. Tells whether another round is needed, and
    /// prepares it.
    fn finish_round(&mut self) -> bool {
        let ref_cycle = self.dedup_refs();
        self.settle();
        if !self.merge_residue(ref_cycle) {
            return false;
        }
        self.settle();
        self.reset();
        true
    }

    /// Drops from the round what something else stands for, and makes all
    /// references of canonical types canonical.
    fn settle(&mut self) {
        let mut lists = [
            std::mem::take(&mut self.named),
            std::mem::take(&mut self.ref_types),
            std::mem::take(&mut self.opaque),
        ];
        for list in &mut lists {
            list.retain(|&id| self.own(id).canon == id);
        }
        for &id in lists.iter().flatten() {
            for i in 0..self.refs(id).len() {
                let target = self.refs(id)[i];
                let canon = self.resolve(target);
                if canon != target {
                    self.own_refs_mut(id)[i] = canon;
                }
            }
        }
        [self.named, self.ref_types, self.opaque] = lists;
    }

    /// Prepares the next round: nothing stands for the types that are left any
    /// more, and the others point straight to one of them.
    fn reset(&mut self) {
        for id in self.start..self.n_types() {
            let canon = self.resolve(id);
            self.own_mut(id).canon = canon;
        }
        let mut prims = std::mem::take(&mut self.prims);
        prims.retain(|&id| self.own(id).canon == id);
        self.prims = prims;
        let lists = [&self.prims, &self.named, &self.ref_types];
        for &id in lists.into_iter().flatten() {
            self.own[(id - self.start) as usize].canon = 0;
        }
        self.cands.clear();
        self.reset_base();
    }

    /// All references of all own types become canonical.
    pub(crate) fn resolve_all_refs(&mut self) {
        for id in self.start..self.n_types() {
            for i in 0..self.refs(id).len() {
                let canon = self.resolve(self.refs(id)[i]);
                self.own_refs_mut(id)[i] = canon;
            }
        }
    }

    /// Own types that something else stands for, with what does, in id order.
    pub(crate) fn duplicates(&self) -> Vec<(u32, u32)> {
        (self.start..self.n_types())
            .map(|id| (id, self.resolve(id)))
            .filter(|(id, canon)| id != canon)
            .collect()
    }
}
