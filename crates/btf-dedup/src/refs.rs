//! Pass over the kinds that are equal as soon as their shapes and the types
//! they refer to are: PTR, modifiers, TYPE_TAG, FUNC, DECL_TAG, ARRAY,
//! FUNC_PROTO.
//!
//! Types are visited with those they refer to first, so that a type's key, its
//! shape and its canonical references, is final when it is looked up.
//! Composites and typedefs are settled by then. In a cycle without any of
//! those, which no compiler emits, there is no such order: its types keep to
//! themselves here and are left to the last pass.
//!
//! Source: libbpf `btf_dedup_ref_type`, which fails on such cycles.

use hashbrown::HashTable;

use crate::graph::Graph;
use crate::shape::{Hashing, Shape};

/// Canonical types by shape and references.
#[derive(Clone, Debug, Default)]
pub(crate) struct RefTable {
    table: HashTable<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    id: u32,
}

fn widen(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Hash of a type's key, as [`RefTable`] stores it.
pub(crate) fn key_hash(hashing: Hashing, shape: Shape, refs: &[u32]) -> u32 {
    (hashing.node(shape, refs) >> 32) as u32
}

impl RefTable {
    fn reserve(&mut self, n: usize) {
        self.table.reserve(n, |slot| widen(slot.hash));
    }

    pub(crate) fn find(&self, hash: u32, eq: impl Fn(u32) -> bool) -> Option<u32> {
        self.table
            .find(widen(hash), |slot| slot.hash == hash && eq(slot.id))
            .map(|slot| slot.id)
    }

    pub(crate) fn insert(&mut self, hash: u32, id: u32) {
        self.table
            .insert_unique(widen(hash), Slot { hash, id }, |slot| widen(slot.hash));
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
    }
}

impl Graph<'_> {
    /// Maps each type of `refs` that is not mapped yet, and replaces its
    /// references with canonical ones. Tells whether there was a cycle.
    pub(crate) fn dedup_refs(&mut self) -> bool {
        let refs = std::mem::take(&mut self.ref_types);
        let mut table = std::mem::take(&mut self.ref_table);
        table.clear();
        table.reserve(refs.len().min(1 << 16));
        let mut stack: Vec<(u32, u32)> = Vec::new();
        let mut cycle = false;
        for &root in &refs {
            if self.is_mapped(root) {
                continue;
            }
            stack.push((root, 0));
            // The hypothetical map is idle in this pass: here it marks the
            // types on the stack.
            self.own_mut(root).hypot = root;
            'types: while let Some((id, mut next)) = stack.pop() {
                while let Some(&target) = self.refs(id).get(next as usize) {
                    let canon = self.resolve(target);
                    if self.is_mapped(canon) {
                        if canon != target {
                            self.own_refs_mut(id)[next as usize] = canon;
                        }
                    } else if self.own(canon).hypot != 0 {
                        cycle = true;
                    } else {
                        stack.push((id, next));
                        stack.push((canon, 0));
                        self.own_mut(canon).hypot = canon;
                        continue 'types;
                    }
                    next += 1;
                }
                let canon = self.lookup_ref(&mut table, id);
                let own = self.own_mut(id);
                own.canon = canon;
                own.hypot = 0;
            }
        }
        self.ref_types = refs;
        self.ref_table = table;
        cycle
    }

    /// The canonical type with the key of own type `id`, which becomes
    /// canonical itself if there is none.
    fn lookup_ref(&self, table: &mut RefTable, id: u32) -> u32 {
        let shape = self.shape(id);
        let refs = self.refs(id);
        let hash = key_hash(self.base.hashing(), shape, refs);
        if shape.serial() < self.base.shapes().end() as usize
            && refs.iter().all(|&target| !self.is_own(target))
            && let Some(canon) = self.base.find_ref(hash, shape, refs)
        {
            return canon;
        }
        let same = |other: u32| self.shape(other) == shape && self.refs(other) == refs;
        match table.find(hash, same) {
            Some(canon) => canon,
            None => {
                table.insert(hash, id);
                id
            }
        }
    }
}
