//! The passes in order, repeated until nothing changes.
//!
//! One round is libbpf's deduplication plus the last pass. A round may end with
//! fewer distinctions than it worked with: a name has become unique, or two
//! graphs that differed have become equivalent because parts of them were
//! merged in a later pass. Then the types that are left go through another
//! round, until one would change nothing; that makes deduplication idempotent.
//! Whether there is need for another round is found out by repeating the
//! comparisons on the types that are left, of which few have anything to be
//! compared with.

use crate::equiv::{Equiv, Verdict};
use crate::graph::Graph;

impl Graph<'_> {
    /// Deduplicates own types with regard to forward declarations.
    pub(crate) fn dedup(&mut self) {
        loop {
            self.dedup_prims();
            self.dedup_composites();
            self.resolve_fwds();
            if !self.finish_round() && !self.would_change() {
                return;
            }
            self.reset();
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
            self.reset();
        }
    }

    /// The passes after composites. Tells whether the last one merged types.
    fn finish_round(&mut self) -> bool {
        let ref_cycle = self.dedup_refs();
        self.settle();
        if !self.merge_residue(ref_cycle) {
            return false;
        }
        self.settle();
        true
    }

    /// Whether another round would find anything. The comparisons are those it
    /// would begin with, in the same state and order.
    fn would_change(&mut self) -> bool {
        self.forget_redirects();
        let mut equiv = Equiv::default();
        let n_fwds = self.n_canonical_fwds();
        for i in 0..self.named.len() {
            let id = self.named[i];
            let shape = self.shape(id);
            let mut cand = self.cands.first(self, shape, id);
            while cand != id && cand != 0 {
                if equiv.compare(self, id, cand) == Verdict::Equivalent {
                    return true;
                }
                cand = self.cands.next(cand);
            }
            let base = self.base;
            let mut cand = base.cands().first(self, shape, id);
            while cand != 0 {
                if equiv.compare(self, id, cand) == Verdict::Equivalent {
                    return true;
                }
                cand = base.cands().next(cand);
            }
        }
        // Comparisons that fail for the base's sake map declarations too.
        let changes = self.n_canonical_fwds() != n_fwds || self.has_redirected_refs();
        self.forget_redirects();
        changes
    }

    fn n_canonical_fwds(&self) -> usize {
        let is_left = |&&id: &&u32| self.shape(id).is_fwd() && self.own(id).canon == id;
        self.prims.iter().filter(is_left).count()
    }

    /// Whether a canonical own type refers to a type that something else stands
    /// for.
    fn has_redirected_refs(&self) -> bool {
        let lists = [&self.named, &self.ref_types, &self.opaque];
        self.has_redirects()
            && lists.into_iter().flatten().any(|&id| {
                let mut refs = self.refs(id).iter();
                refs.any(|&target| self.resolve(target) != target)
            })
    }

    /// Forgets what base types were redirected to, once all that depends on it
    /// points there itself.
    fn forget_redirects(&mut self) {
        if self.has_redirects() {
            self.point_straight();
            self.reset_base();
        }
    }

    /// Lets every own type point straight to what stands for it.
    fn point_straight(&mut self) {
        for id in self.start..self.n_types() {
            let canon = self.resolve(id);
            self.own_mut(id).canon = canon;
        }
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
        self.point_straight();
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
