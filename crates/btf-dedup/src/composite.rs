//! Pass over STRUCT, UNION and TYPEDEF, the kinds through which C and Go form
//! cycles.
//!
//! A type is compared as a graph with the canonical types of its shape, newest
//! first, and mapped to the first that is equivalent. A comparison settles
//! most of the types that its graph contains on the way, so each CU costs a
//! few long walks rather than one per type.
//!
//! Source: libbpf `btf_dedup_struct_type`.

use crate::equiv::{Equiv, Verdict};
use crate::graph::Graph;

impl Graph<'_> {
    /// Maps each type of `named` that is not mapped yet.
    pub(crate) fn dedup_composites(&mut self) {
        let mut named = std::mem::take(&mut self.named);
        let mut equiv = Equiv::default();
        for &id in &named {
            if self.is_mapped(id) {
                continue;
            }
            let canon = self.find_equivalent(&mut equiv, id);
            if canon == 0 {
                self.add_candidate(id);
            }
            self.own_mut(id).canon = if canon == 0 { id } else { canon };
        }
        named.retain(|&id| self.own(id).canon == id);
        self.named = named;
    }

    /// Makes a canonical type a candidate for those to come.
    pub(crate) fn add_candidate(&mut self, id: u32) {
        let mut cands = std::mem::take(&mut self.cands);
        cands.add(self, id);
        self.cands = cands;
    }

    /// The type that is to stand for `id`, which has none yet; 0 for none.
    ///
    /// Own types are tried before the base's. An own type of the same shape is
    /// only there if no base type would do for it, and what it knows beyond
    /// the base, the type at hand knows too.
    fn find_equivalent(&mut self, equiv: &mut Equiv, id: u32) -> u32 {
        let shape = self.shape(id);
        let mut cand = self.cands.first(self, shape, id);
        while cand != 0 {
            if equiv.compare(self, id, cand) == Verdict::Equivalent {
                return cand;
            }
            cand = self.cands.next(cand);
        }
        let base = self.base;
        let mut cand = base.cands().first(self, shape, id);
        while cand != 0 {
            if equiv.compare(self, id, cand) == Verdict::Equivalent {
                return cand;
            }
            cand = base.cands().next(cand);
        }
        0
    }
}
