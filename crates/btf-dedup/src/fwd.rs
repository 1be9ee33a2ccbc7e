//! Pass over forward declarations that no comparison resolved: those that only
//! pointers outside any struct refer to.
//!
//! Such a FWD is mapped to the one STRUCT or UNION of its name, if there is
//! exactly one among the canonical types of base and split and its kind fits.
//! A struct and a union of one name, or two structs, leave it alone.
//!
//! Source: libbpf `btf_dedup_resolve_fwds`, which looks at FWDs of the split
//! only. One that the base has too was merged with that before, and would stay
//! a declaration although the split defines it: unless a comparison happens to
//! pass it, and then all references that come later mean the definition. Here
//! what a name means does not depend on that: such a FWD of the base is
//! redirected as well, for references of own types, if they mention it.

use hashbrown::HashMap;

use crate::graph::Graph;

/// The canonical composite of a name; [`AMBIGUOUS`] if there are several.
pub(crate) type CompositeNames = HashMap<u32, u32, foldhash::fast::FixedState>;

/// Stands for several types of one name.
pub(crate) const AMBIGUOUS: u32 = u32::MAX;

impl Graph<'_> {
    /// Maps own canonical FWDs, and FWDs of the base that own types mention, to
    /// definitions where the name tells which.
    pub(crate) fn resolve_fwds(&mut self) {
        let mut lone = self
            .prims
            .iter()
            .map(|&id| self.resolve(id))
            .filter(|&id| self.shape(id).is_fwd())
            .collect::<Vec<_>>();
        if self.base.has_fwds() {
            let lists = [&self.named, &self.ref_types, &self.opaque];
            for &id in lists.into_iter().flatten() {
                let targets = self.refs(id).iter().map(|&target| self.resolve(target));
                lone.extend(targets.filter(|&id| !self.is_own(id) && self.shape(id).is_fwd()));
            }
        }
        lone.sort_unstable();
        lone.dedup();
        if lone.is_empty() {
            return;
        }
        let mut names = CompositeNames::default();
        for &id in &lone {
            let name = self.info(self.shape(id)).name;
            let in_base = self.base.composite_names().get(&name);
            names.insert(name, in_base.copied().unwrap_or(0));
        }
        for &id in &self.named {
            let shape = self.shape(id);
            if !shape.is_composite() || self.own(id).canon != id {
                continue;
            }
            if let Some(found) = names.get_mut(&self.info(shape).name) {
                *found = if *found == 0 { id } else { AMBIGUOUS };
            }
        }
        for &fwd in &lone {
            let shape = self.shape(fwd);
            let name = self.info(shape).name;
            let found = names.get(&name).copied().unwrap_or(0);
            if name != 0
                && found != 0
                && found != AMBIGUOUS
                && self.declares_union(shape) == self.declares_union(self.shape(found))
            {
                self.set_canon(fwd, found);
            }
        }
    }
}
