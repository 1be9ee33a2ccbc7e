//! Reordering and dropping own types.

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::TypeId;
use crate::visit::ids_of_mut;

impl Btf {
    /// Reorders the own types and adjusts the references among them (libbpf
    /// `btf__permute`).
    ///
    /// `new_ids` has one entry per own type, in id order without void: the id
    /// the type gets. It must be a permutation of the own ids. A `.BTF.ext`
    /// takes the same map through
    /// [`BtfExt::remap_type_ids`](crate::BtfExt::remap_type_ids), as does that
    /// of [`sort_by_name`](Self::sort_by_name).
    ///
    /// # Errors
    /// [`Error::BadPermutationLen`], [`Error::BadPermutation`]. The BTF is
    /// unchanged then.
    pub fn permute(&mut self, new_ids: &[TypeId]) -> Result<()> {
        let n = self.index.len();
        if new_ids.len() != n {
            return Err(Error::BadPermutationLen {
                len: new_ids.len(),
                need: n,
            });
        }
        // Own index of the type that comes at each place, plus 1.
        let mut order = vec![0_u32; n];
        for (own, &new) in new_ids.iter().enumerate() {
            let id = TypeId(self.start_id + own as u32);
            let place = new.0.checked_sub(self.start_id);
            match place.and_then(|place| order.get_mut(place as usize)) {
                Some(slot @ 0) => *slot = own as u32 + 1,
                _ => return Err(Error::BadPermutation { id, new }),
            }
        }
        let mut types = Vec::with_capacity(self.types.len());
        let mut index = Vec::with_capacity(n);
        for own in order {
            let id = TypeId(self.start_id + own - 1);
            let range = self.own_record_range(id).ok_or(Error::NoSuchType(id))?;
            let at = types.len();
            index.push(at as u32);
            types.extend_from_slice(&self.types[range]);
            ids_of_mut(&mut types[at..], |to| {
                if let Some(own) = to.checked_sub(self.start_id)
                    && let Some(new) = new_ids.get(own as usize)
                {
                    *to = new.0;
                }
            });
        }
        self.types = types.into();
        self.index = index;
        self.forget_names();
        Ok(())
    }

    /// Sorts the own types by name, bytewise and stably, anonymous ones first,
    /// and returns the new id of each own type in the old order. This is the
    /// order in which kernels since 7.0 search by bisection (`resolve_btfids`,
    /// `sort_btf_by_name`).
    pub fn sort_by_name(&mut self) -> Vec<TypeId> {
        let names: Vec<&[u8]> = self.own_types().map(|ty| ty.name()).collect();
        let mut order: Vec<u32> = (0..self.n_own_types()).collect();
        order.sort_by(|&a, &b| names[a as usize].cmp(names[b as usize]));
        let mut new_ids = vec![TypeId::VOID; order.len()];
        for (place, own) in order.into_iter().enumerate() {
            new_ids[own as usize] = TypeId(self.start_id + place as u32);
        }
        // Cannot fail: each own index occurs once in `order`.
        let permuted = self.permute(&new_ids);
        debug_assert_eq!(permuted, Ok(()));
        new_ids
    }

    /// Drops the own types for which `keep` is false and closes the gaps.
    /// References are left as they are: map them first, while the old ids
    /// still mean something, or last, with the numbering this results in (the
    /// kept types in order, from [`start_id`](Self::start_id)).
    pub fn retain_types(&mut self, mut keep: impl FnMut(TypeId) -> bool) {
        let mut words = 0;
        let mut kept = 0;
        for own in 0..self.index.len() {
            let id = TypeId(self.start_id + own as u32);
            let Some(range) = self.own_record_range(id) else {
                break;
            };
            if !keep(id) {
                continue;
            }
            let len = range.len();
            // Entries from `own` on are still the old ones: `kept <= own`.
            self.index[kept] = words as u32;
            self.types.copy_within(range, words);
            words += len;
            kept += 1;
        }
        self.types.to_mut().truncate(words);
        self.index.truncate(kept);
        self.forget_names();
    }
}
