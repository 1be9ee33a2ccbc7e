//! From the graph back to a BTF: canonical types keep their order and are
//! numbered densely, and references follow.
//!
//! Source: libbpf `btf_dedup_compact_types`, `btf_dedup_remap_types`.

use btf_builder::{Btf, Kind, TypeId};

use crate::error::Result;
use crate::graph::Graph;

/// Where each type of a BTF went when it was deduplicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupMap {
    start: u32,
    /// Final id of each old own type, in id order.
    own: Vec<TypeId>,
    n_after: u32,
}

impl DedupMap {
    /// The final id of the type that had this id before. Base types keep
    /// theirs, and so does void; an id that did not exist is given back as is.
    pub fn get(&self, old: TypeId) -> TypeId {
        let own = old.0.checked_sub(self.start);
        own.and_then(|i| self.own.get(i as usize))
            .copied()
            .unwrap_or(old)
    }

    /// The final ids of all old own types: one entry per type, in order of the
    /// old ids, without void.
    ///
    /// [`BtfExt::remap_type_ids`](btf_builder::BtfExt::remap_type_ids) takes
    /// this together with [`Btf::start_id`].
    pub fn own_ids(&self) -> &[TypeId] {
        &self.own
    }

    /// Number of own types before.
    pub fn n_before(&self) -> u32 {
        self.own.len() as u32
    }

    /// Number of own types after.
    pub fn n_after(&self) -> u32 {
        self.n_after
    }
}

/// Reduces `btf` to the canonical types of `graph`.
pub(crate) fn compact(btf: &mut Btf, graph: &mut Graph<'_>) -> Result<DedupMap> {
    let start = graph.start;
    // The hypothetical map is done with: in canonical types its place holds
    // the final id, beside the word that says where the others lead.
    let mut next = start;
    for (id, own) in (start..).zip(&mut graph.own) {
        if own.canon == id {
            own.hypot = next;
            next += 1;
        }
    }
    let graph = &*graph;
    let final_id = |id: u32| {
        let canon = graph.resolve(id);
        if graph.is_own(canon) {
            TypeId(graph.own(canon).hypot)
        } else {
            TypeId(canon)
        }
    };
    let map = DedupMap {
        start,
        own: (start..graph.n_types()).map(final_id).collect(),
        n_after: next - start,
    };
    for (id, own) in (start..).zip(&graph.own) {
        if own.canon != id {
            continue;
        }
        let id = TypeId(id);
        // Where a comparison began with the second reference of the record.
        let swapped = btf.ty(id).is_some_and(|ty| ty.kind() == Kind::Array);
        let refs = graph.refs(id.0);
        let mut place = 0;
        btf.visit_type_ids_mut(id, |target| {
            let from = if swapped {
                refs.len() - 1 - place
            } else {
                place
            };
            *target = map.get(TypeId(refs[from])).0;
            place += 1;
        })?;
    }
    if map.n_after < map.n_before() {
        btf.retain_types(|TypeId(id)| graph.own(id).canon == id);
    }
    Ok(map)
}
