//! Types by name.
//!
//! Two ways, chosen per section on the first lookup: binary search where the
//! own types are sorted by name, as `resolve_btfids` leaves kernel BTF since
//! Linux 7.0; otherwise a hash index, built once. Both give ids in ascending
//! order, the base's first, so "the" type of a name is the one libbpf's and
//! the kernel's linear scans find.

use std::cmp::Ordering;
use std::sync::OnceLock;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::btf::Btf;
use crate::id::{StrOff, TypeId};
use crate::kind::Kind;
use crate::name::{Hash32, name_hash};

/// What is worked out on demand from the records and dropped when they change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caches {
    names: OnceLock<Names>,
    pub(crate) ptr_size: OnceLock<Option<u8>>,
}

/// How to look up a name among the own types.
#[derive(Clone, Debug)]
enum Names {
    /// The own types are sorted by name; the first named one has this index.
    Sorted(u32),
    /// They are not.
    Hashed(NameIndex),
}

/// Own types by name. Types of one name form a chain in id order.
#[derive(Clone, Debug)]
struct NameIndex {
    heads: HashTable<Head>,
    /// By own index: own index of the next type of that name plus 1, or 0.
    next: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    hash: Hash32,
    /// Own index of the first type of the name.
    first: u32,
}

/// Ids of types that share a name, ascending, the base's first.
#[derive(Clone, Debug)]
pub struct NamedIds<'a> {
    btf: &'a Btf,
    name: &'a [u8],
    /// Sections still to be searched after the current one, lowest first;
    /// walked down from `btf` by counting, as chains are short.
    levels_left: usize,
    cur: Option<Cursor<'a>>,
}

#[derive(Clone, Debug)]
struct Cursor<'a> {
    owner: &'a Btf,
    /// Own index of the next match.
    at: Option<u32>,
}

impl Btf {
    fn name_at(&self, own: u32) -> &[u8] {
        let off = self.types[self.index[own as usize] as usize];
        self.str_at(StrOff(off)).unwrap_or(b"")
    }

    /// [`name_at`](Self::name_at) compared with `name`.
    fn cmp_name_at(&self, own: u32, name: &[u8]) -> Ordering {
        let off = self.types[self.index[own as usize] as usize];
        self.cmp_str(StrOff(off), name)
    }

    fn names(&self) -> &Names {
        self.caches.names.get_or_init(|| match self.sorted_from() {
            Some(first) => Names::Sorted(first),
            None => Names::Hashed(self.build_name_index()),
        })
    }

    /// Whether the own types are sorted by name, bytewise, anonymous ones
    /// first: the order that lets kernels since 7.0 search by bisection.
    pub fn is_sorted_by_name(&self) -> bool {
        matches!(self.names(), Names::Sorted(_))
    }

    /// Own index of the first named type if the own types are sorted.
    fn sorted_from(&self) -> Option<u32> {
        let n = self.n_own_types();
        let mut first = n;
        for own in 0..n {
            let name = self.name_at(own);
            if own > 0 && self.name_at(own - 1) > name {
                return None;
            }
            if first == n && !name.is_empty() {
                first = own;
            }
        }
        Some(first)
    }

    fn build_name_index(&self) -> NameIndex {
        let n = self.n_own_types();
        let named = self
            .index
            .iter()
            .filter(|&&at| self.types[at as usize] != 0)
            .count();
        let mut heads = HashTable::with_capacity(named);
        let mut next = vec![0; n as usize];
        // From the back, so that putting a type before the head of its chain
        // leaves the chain in ascending order.
        for own in (0..n).rev() {
            let name = self.name_at(own);
            if name.is_empty() {
                continue;
            }
            let hash = Hash32::of(name_hash(name));
            match heads.entry(
                hash.spread(),
                |head: &Head| head.hash == hash && self.name_at(head.first) == name,
                |head| head.hash.spread(),
            ) {
                Entry::Occupied(mut entry) => {
                    let head = entry.get_mut();
                    next[own as usize] = head.first + 1;
                    head.first = own;
                }
                Entry::Vacant(entry) => {
                    entry.insert(Head { hash, first: own });
                }
            }
        }
        NameIndex { heads, next }
    }

    /// Own index of the first own type called `name`.
    fn first_own_named(&self, name: &[u8]) -> Option<u32> {
        if memchr::memchr(0, name).is_some() {
            return None;
        }
        match self.names() {
            Names::Sorted(start) => {
                let (mut low, mut high) = (*start, self.n_own_types());
                while low < high {
                    let mid = low + (high - low) / 2;
                    match self.cmp_name_at(mid, name) {
                        Ordering::Less => low = mid + 1,
                        Ordering::Equal | Ordering::Greater => high = mid,
                    }
                }
                (low < self.n_own_types() && self.cmp_name_at(low, name).is_eq()).then_some(low)
            }
            Names::Hashed(index) => {
                let hash = Hash32::of(name_hash(name));
                index
                    .heads
                    .find(hash.spread(), |head| {
                        head.hash == hash && self.cmp_name_at(head.first, name).is_eq()
                    })
                    .map(|head| head.first)
            }
        }
    }

    /// Own index of the next own type with the name of own type `own`.
    fn next_own_named(&self, own: u32, name: &[u8]) -> Option<u32> {
        match self.names() {
            Names::Sorted(_) => {
                let next = own + 1;
                (next < self.n_own_types() && self.cmp_name_at(next, name).is_eq()).then_some(next)
            }
            Names::Hashed(index) => index.next[own as usize].checked_sub(1),
        }
    }

    /// Nesting of bases: 0 without one.
    fn n_bases(&self) -> usize {
        std::iter::successors(self.base.as_deref(), |btf| btf.base.as_deref()).count()
    }

    /// All types called `name`, of any kind, in id order, the base's first.
    /// Anonymous types and void are not found.
    pub fn ids_named<'a>(&'a self, name: &'a [u8]) -> NamedIds<'a> {
        NamedIds {
            btf: self,
            name,
            levels_left: if name.is_empty() {
                0
            } else {
                self.n_bases() + 1
            },
            cur: None,
        }
    }

    /// The type called `name` with the lowest id.
    ///
    /// The first lookup builds an index in time linear in the number of types,
    /// in the base and here; adding a type or changing a record drops the own
    /// one. See [`is_sorted_by_name`](Self::is_sorted_by_name) for when none
    /// is needed.
    pub fn find_by_name(&self, name: impl AsRef<[u8]>) -> Option<TypeId> {
        self.ids_named(name.as_ref()).next()
    }

    /// The type of `kind` called `name` with the lowest id; see
    /// [`find_by_name`](Self::find_by_name) (libbpf
    /// `btf__find_by_name_kind`).
    pub fn find_by_name_kind(&self, name: impl AsRef<[u8]>, kind: Kind) -> Option<TypeId> {
        self.ids_named(name.as_ref())
            .find(|&id| self.ty(id).is_some_and(|ty| ty.kind() == kind))
    }

    /// As [`find_by_name_kind`](Self::find_by_name_kind), but never a type of
    /// the base (libbpf `btf__find_by_name_kind_own`).
    pub fn find_own_by_name_kind(&self, name: impl AsRef<[u8]>, kind: Kind) -> Option<TypeId> {
        let name = name.as_ref();
        if name.is_empty() {
            return None;
        }
        let mut at = self.first_own_named(name);
        while let Some(own) = at {
            let id = TypeId(self.start_id + own);
            if self.ty(id).is_some_and(|ty| ty.kind() == kind) {
                return Some(id);
            }
            at = self.next_own_named(own, name);
        }
        None
    }
}

impl Iterator for NamedIds<'_> {
    type Item = TypeId;

    fn next(&mut self) -> Option<TypeId> {
        loop {
            if let Some(cur) = &mut self.cur
                && let Some(own) = cur.at
            {
                cur.at = cur.owner.next_own_named(own, self.name);
                return Some(TypeId(cur.owner.start_id + own));
            }
            self.levels_left = self.levels_left.checked_sub(1)?;
            let mut owner = self.btf;
            for _ in 0..self.levels_left {
                owner = owner.base.as_deref()?;
            }
            self.cur = Some(Cursor {
                owner,
                at: owner.first_own_named(self.name),
            });
        }
    }
}

impl std::iter::FusedIterator for NamedIds<'_> {}
