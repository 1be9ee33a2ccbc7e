//! Deduplication of base and split BTF.
//!
//! An encoder emits the types of each compilation unit (CU), so that most types
//! of a kernel are there a thousand times. [`dedup`] leaves one of each,
//! resolves forward declarations to definitions seen in other CUs, and renumbers
//! what is left. In a split BTF, types that the base has go too.
//!
//! ```
//! use std::sync::Arc;
//! use btf_builder::{Btf, Endian, FwdKind, IntEncoding, TypeId};
//! use btf_dedup::{BaseIndex, DedupOpts, dedup, dedup_split};
//!
//! let mut base = Btf::new_empty(Endian::Little);
//! // Two CUs: one declares `struct list` and points at it, the other defines it.
//! let list = base.add_fwd("list", FwdKind::Struct)?;
//! base.add_ptr(list)?;
//! let int = base.add_int("int", 4, IntEncoding::SIGNED)?;
//! let list = base.add_struct("list", 4)?;
//! base.add_field("len", int, 0, 0)?;
//! base.add_ptr(list)?;
//! let map = dedup(&mut base, &DedupOpts::default())?;
//! assert_eq!(base.n_own_types(), 3);
//! // Both the declaration and the definition are now type 3.
//! assert_eq!(map.get(TypeId(1)), map.get(TypeId(4)));
//!
//! // Any number of modules on one base share its index.
//! let base = Arc::new(base);
//! let index = BaseIndex::new(Arc::clone(&base))?;
//! let mut module = Btf::new_split(base);
//! module.add_int("int", 4, IntEncoding::SIGNED)?;
//! dedup_split(&mut module, &index, &DedupOpts::default())?;
//! assert_eq!(module.n_own_types(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! Every record is reduced to a [shape], a number for all it says apart
//! from references, which leaves a graph of numbers. The passes over it are
//! those of libbpf's `btf__dedup`: types without references; structs, unions
//! and typedefs, compared [as graphs](equiv) with candidates of the same shape;
//! lone forward declarations; reference types. A [last pass](residue) merges
//! what libbpf leaves behind: its result has no two equal types and none that
//! the base has, whatever cycles they form ([`duplicates`] is an independent
//! check of that).
//!
//! The result does not depend on hash values: candidates are tried newest
//! first, the oldest of several equal types stays, and types keep their order.
//! Deduplicating a result again changes nothing.
//!
//! Any graph will do, cyclic in whatever way, and no depth of it exhausts the
//! stack. Time grows linearly with the types of usual input.

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the overview leads into the modules that explain each pass"
)]

mod audit;
mod base_index;
mod cands;
mod compact;
mod composite;
mod equiv;
mod error;
mod explain;
mod fwd;
mod graph;
mod prim;
mod refine;
mod refs;
mod residue;
mod rounds;
mod shape;
mod strings;
mod union;

use std::sync::Arc;

use btf_builder::{Btf, BtfExt, StrOff, TypeId};

pub use crate::audit::duplicates;
pub use crate::base_index::BaseIndex;
pub use crate::compact::DedupMap;
pub use crate::error::{Error, Result};
pub use crate::explain::{Difference, Kept, Reason, Step, explain, explain_kept};
use crate::graph::{Graph, own_words};
use crate::shape::Hashing;

/// How to deduplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DedupOpts {
    /// Makes all hash values equal, so that every look-up meets every entry;
    /// for tests (libbpf `force_collisions`). [`dedup_split`] does as its index
    /// was built to do.
    pub force_collisions: bool,
    /// Drops own strings that no own type uses. To be switched off for a BTF
    /// whose `.BTF.ext` uses strings too; then
    /// [`Btf::rebuild_strings_with`](btf_builder::Btf::rebuild_strings_with)
    /// drops the rest.
    pub drop_unused_strings: bool,
    /// Vouches that all strings were added through
    /// [`Btf::intern_str`](btf_builder::Btf::intern_str), as the builder calls
    /// do, so that no string is there twice or in the base as well. Saves
    /// looking each of them up; if it is not true, types whose names are
    /// different copies of a string stay apart.
    pub strings_interned: bool,
}

impl Default for DedupOpts {
    fn default() -> Self {
        Self {
            force_collisions: false,
            drop_unused_strings: true,
            strings_interned: false,
        }
    }
}

/// Deduplicates the own types of `btf`. If it is split, types of the base stand
/// for equal own ones, and the base is indexed first: for several BTFs on one
/// base, [`dedup_split`] does that once.
///
/// Source: libbpf `btf__dedup`.
///
/// # Errors
/// [`Error::BadReference`] if a type refers to one that does not exist,
/// [`Error::Btf`] if it uses a string that does not. The BTF then means what it
/// meant before.
pub fn dedup(btf: &mut Btf, opts: &DedupOpts) -> Result<DedupMap> {
    let hashing = Hashing {
        collide: opts.force_collisions,
    };
    let index = match btf.base() {
        Some(base) => BaseIndex::with_hashing(Arc::clone(base), hashing)?,
        None => BaseIndex::void(hashing),
    };
    run(btf, &index, opts)
}

/// Deduplicates the own types of `btf`, a split BTF on the base that `index` was
/// built over.
///
/// # Errors
/// As [`dedup`]; [`Error::NotSplit`] or [`Error::BaseMismatch`] if the base of
/// `btf` is not the very BTF that was indexed.
pub fn dedup_split(btf: &mut Btf, index: &BaseIndex, opts: &DedupOpts) -> Result<DedupMap> {
    match (btf.base(), index.base()) {
        (None, _) => Err(Error::NotSplit),
        (Some(base), Some(indexed)) if Arc::ptr_eq(base, indexed) => run(btf, index, opts),
        _ => Err(Error::BaseMismatch),
    }
}

/// As [`dedup`], and carries the `.BTF.ext` that belongs to `btf` along: its
/// type ids and string offsets lead to what they led to before.
///
/// ```
/// # use btf_builder::{Btf, BtfExt, Endian, IntEncoding};
/// # use btf_dedup::{DedupOpts, dedup_with_ext};
/// # fn carry(btf: &mut Btf, section: &[u8]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
/// let mut ext = BtfExt::parse(section)?;
/// dedup_with_ext(btf, &mut ext, &DedupOpts::default())?;
/// let section = ext.to_bytes();
/// # Ok(section) }
/// ```
///
/// # Errors
/// As [`dedup`]; [`Error::BadExtString`] if `ext` uses a string that `btf` does
/// not have. Both then mean what they meant before.
///
/// Source: libbpf `btf__dedup` with `btf_ext` in its options.
pub fn dedup_with_ext(btf: &mut Btf, ext: &mut BtfExt, opts: &DedupOpts) -> Result<DedupMap> {
    let mut bad = None;
    ext.clone().for_each_str_off_mut(|off| {
        if btf.str_at(StrOff(*off)).is_none() {
            bad.get_or_insert(*off);
        }
    });
    if let Some(off) = bad {
        return Err(Error::BadExtString(StrOff(off)));
    }
    let keeping_strings = DedupOpts {
        drop_unused_strings: false,
        ..opts.clone()
    };
    let map = dedup(btf, &keeping_strings)?;
    ext.for_each_type_id_mut(|id| *id = map.get(TypeId(*id)).0);
    if opts.drop_unused_strings {
        btf.rebuild_strings_with(ext)?;
    }
    Ok(map)
}

fn run(btf: &mut Btf, index: &BaseIndex, opts: &DedupOpts) -> Result<DedupMap> {
    let load = |btf: &Btf| {
        let (start, n_own) = (btf.start_id().0, btf.n_own_types());
        Graph::load(index, start, n_own, |id| own_words(btf, id))
    };
    let mut graph = load(btf)?;
    if !opts.strings_interned && !strings::are_canonical(btf, &graph)? {
        strings::make_canonical(btf)?;
        graph = load(btf)?;
    }
    graph.dedup();
    let map = compact::compact(btf, &mut graph)?;
    // It is large, and rebuilding strings needs memory of its own.
    drop(graph);
    if opts.drop_unused_strings {
        strings::drop_unused(btf)?;
    }
    Ok(map)
}
