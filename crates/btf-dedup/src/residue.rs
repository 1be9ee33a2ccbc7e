//! The last pass: whatever is still there twice.
//!
//! The passes before follow libbpf, and may leave types that are equal by the
//! time all others are settled. The usual way in a split BTF: the first
//! struct whose graph reaches a declaration in the base that the module
//! defines is held to need a change of the base and stays; the comparisons
//! after it know the definition and map what lies between to the base; and in
//! the end the struct that stayed refers to nothing but base types, as its
//! twin in the base does. (In Linux 6.12 `rcuwait` stays so, for the sake of
//! some forward declaration far behind `task_struct`.)
//!
//! Equal is meant in the strict sense here: a FWD is not its definition. Two
//! types are equal if they have the same shape and equal references all the
//! way down, cycles included, which is to say that no walk tells them apart:
//! the greatest bisimulation of the graph.
//!
//! Reference types are unique by construction, so two different ones can only
//! be equal if somewhere below two different composites or typedefs are. It is
//! therefore enough to compare each of these with those of its shape, usually
//! a handful, and a comparison usually ends within a few steps of where it
//! began: it goes breadth first, as differences are mostly near. Where it
//! succeeds, all pairs it met are equal. If that gets long nevertheless, or
//! reference types form a cycle of their own, [`refine`](crate::refine)
//! settles it in O(E log V).

use std::collections::VecDeque;

use crate::graph::Graph;
use crate::refine;
use crate::union::Union;

/// Comparison of types, which remembers those found equal.
#[derive(Debug, Default)]
struct Equal {
    union: Union,
    queue: VecDeque<(u32, u32)>,
}

impl Equal {
    /// Whether `x` and `y` are equal. `None` if that took more than `budget`
    /// pairs.
    fn check(&mut self, g: &Graph<'_>, x: u32, y: u32, budget: &mut u64) -> Option<bool> {
        self.queue.clear();
        self.queue.push_back((x, y));
        while let Some((x, y)) = self.queue.pop_front() {
            let (x, y) = (self.union.find(x), self.union.find(y));
            if x == y {
                continue;
            }
            let Some(left) = budget.checked_sub(1) else {
                self.union.rollback();
                return None;
            };
            *budget = left;
            // Canonical types of the base are all different.
            if g.shape(x) != g.shape(y) || !g.is_own(x.max(y)) {
                self.union.rollback();
                return Some(false);
            }
            self.union.unite(x, y);
            let (refs_x, refs_y) = (g.refs(x), g.refs(y));
            let pairs = refs_x.iter().copied().zip(refs_y.iter().copied());
            self.queue.extend(pairs.filter(|(a, b)| a != b));
        }
        self.union.commit();
        Some(true)
    }
}

impl Graph<'_> {
    /// Merges canonical own types that are equal to another canonical type.
    /// References of all canonical types must be canonical. `ref_cycle` says
    /// that [`dedup_refs`](Self::dedup_refs) met a cycle. Tells whether
    /// anything was merged.
    pub(crate) fn merge_residue(&mut self, ref_cycle: bool) -> bool {
        let equal = if ref_cycle {
            None
        } else {
            self.compare_all(8 * u64::from(self.n_types()) + 1024)
        };
        let merged = equal.unwrap_or_else(|| refine::equal_types(self));
        for &(id, canon) in &merged {
            self.set_canon(id, canon);
        }
        !merged.is_empty()
    }

    /// Own types that equal an older type, with the oldest such, if the
    /// comparisons keep within `budget` pairs.
    fn compare_all(&self, mut budget: u64) -> Option<Vec<(u32, u32)>> {
        let mut equal = Equal::default();
        for &id in &self.named {
            if self.own(id).canon != id {
                continue;
            }
            let shape = self.shape(id);
            let mut cand = self.base.cands().first(self, shape, id);
            while cand != 0 && !equal.check(self, id, cand, &mut budget)? {
                cand = self.base.cands().next(cand);
            }
            if cand != 0 {
                continue;
            }
            let mut cand = self.cands.first(self, shape, id);
            while cand != id && cand != 0 && !equal.check(self, id, cand, &mut budget)? {
                cand = self.cands.next(cand);
            }
        }
        let members = equal.union.members();
        let pairs = members.into_iter().map(|id| (id, equal.union.find(id)));
        Some(pairs.collect())
    }
}
