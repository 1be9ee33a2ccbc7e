//! The type graph of one run: a node per type, and what is known so far about
//! which type stands for which.

use std::ops::Range;

use btf_builder::{Btf, TypeId};

use crate::base_index::BaseIndex;
use crate::cands::Cands;
use crate::error::{Error, Result};
use crate::refs::RefTable;
use crate::shape::{Content, Shape, ShapeInfo, ShapeTable, push_refs, same_record};

/// A type as a graph node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) shape: Shape,
    /// The referenced id where there is exactly one
    /// ([`Shape::has_one_ref`]), else the place in [`Level::edges`] of the
    /// number of references, which follow it.
    pub(crate) link: u32,
}

impl Node {
    pub(crate) const VOID: Self = Self {
        shape: Shape::VOID,
        link: 0,
    };
}

/// Own types keep all that a comparison reads in 16 bytes, so that visiting a
/// type costs one cache line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) node: Node,
    /// The type that stands for this one: 0 while that is not known, itself
    /// if it is canonical.
    pub(crate) canon: u32,
    /// The candidate that the comparison under way has paired with this type,
    /// 0 for none.
    pub(crate) hypot: u32,
}

/// Nodes and references of a range of types, and the shapes first seen there.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) edges: Vec<u32>,
    pub(crate) shapes: ShapeTable,
}

/// The graph that deduplication works on: the base's nodes, which never
/// change, and the own ones.
#[derive(Debug)]
pub(crate) struct Graph<'b> {
    pub(crate) base: &'b BaseIndex,
    /// Id of the first own type.
    pub(crate) start: u32,
    pub(crate) own: Vec<Own>,
    pub(crate) level: Level,
    /// For base types: the own type that a forward declaration stands for, or
    /// the base type that a duplicate repeats; 0 for none. Allocated zeroed,
    /// so that only the pages in use cost anything.
    base_canon: Vec<u32>,
    /// Whether `base_canon` has an entry at all,
    redirected: bool,
    /// and whether it has one other than for duplicates in the base.
    has_redirects: bool,
    pub(crate) base_hypot: Vec<u32>,
    /// Ids whose `hypot` is set, in order.
    pub(crate) hypot_list: Vec<u32>,
    /// Own types that this round has to map, in id order: those without
    /// references,
    pub(crate) prims: Vec<u32>,
    /// composites and typedefs,
    pub(crate) named: Vec<u32>,
    /// and the kinds that are equal once their references are.
    pub(crate) ref_types: Vec<u32>,
    /// Own types that are never merged: VAR, DATASEC, unknown kinds.
    pub(crate) opaque: Vec<u32>,
    /// Own canonical types of the first two groups, by shape.
    pub(crate) cands: Cands,
    /// Own canonical types of the third, by shape and references.
    pub(crate) ref_table: RefTable,
}

/// Words of own type `id`.
pub(crate) fn own_words(btf: &Btf, id: u32) -> &[u32] {
    let index = btf.type_index();
    let words = btf.type_words();
    let i = (id - btf.start_id().0) as usize;
    let end = index.get(i + 1).map_or(words.len(), |&end| end as usize);
    &words[index[i] as usize..end]
}

impl<'b> Graph<'b> {
    /// Interns the shapes of the `n_own` types from `start` on and collects
    /// their references. `words_of` gives the record of each.
    ///
    /// # Errors
    /// [`Error::BadReference`] if a type refers past the last one,
    /// [`Error::TooManyTypes`].
    pub(crate) fn load<'w>(
        base: &'b BaseIndex,
        start: u32,
        n_own: u32,
        words_of: impl Fn(u32) -> &'w [u32],
    ) -> Result<Self> {
        let hashing = base.hashing();
        let too_many = Error::TooManyTypes(u64::from(start) + u64::from(n_own));
        // Ids above the highest that libbpf handles serve as marks.
        let n_types = match start.checked_add(n_own) {
            Some(n) if n <= 0x7fff_ffff => n,
            _ => return Err(too_many),
        };
        let mut shapes = ShapeTable::new(base.shapes().end(), n_own as usize);
        let mut own: Vec<Own> = Vec::with_capacity(n_own as usize);
        // Kernel types average less than one reference beside those that nodes
        // hold in place.
        let mut edges = Vec::with_capacity(n_own as usize);
        // The types without references share an empty list.
        edges.push(0);
        let (mut prims, mut named) = (Vec::new(), Vec::new());
        let (mut ref_types, mut opaque) = (Vec::new(), Vec::new());
        // CUs repeat each other's types, mostly in the same order. So the best
        // guess at the content of a type is that of the type that follows the
        // one its predecessor turned out to repeat, which costs a comparison of
        // adjacent memory where a look-up jumps about.
        let mut guess = u32::MAX;
        let mut max_ref = 0;
        for id in start..n_types {
            let words = words_of(id);
            let shape = if guess < id
                && let candidate = own[(guess - start) as usize].node.shape
                && candidate.is_shared()
                && same_record(words_of(guess), words)
            {
                guess += 1;
                candidate
            } else {
                let content = Content::of(words, hashing);
                if let Some(shape) = base.find_shape(&content) {
                    shape
                } else if let Some((shape, first)) = shapes.intern(id, &content, &words_of) {
                    guess = first + 1;
                    shape
                } else {
                    return Err(too_many);
                }
            };
            let link = if shape.has_one_ref() {
                max_ref = max_ref.max(words[2]);
                words[2]
            } else if shape.is_prim() {
                0
            } else {
                let at = edges.len();
                edges.push(0);
                push_refs(words, &mut edges);
                let refs = &edges[at + 1..];
                max_ref = refs.iter().fold(max_ref, |max, &target| max.max(target));
                edges[at] = refs.len() as u32;
                match u32::try_from(at) {
                    Ok(at) => at,
                    Err(_) => return Err(too_many),
                }
            };
            let mut canon = 0;
            if shape.is_ref() {
                ref_types.push(id);
            } else if shape.is_named_node() {
                named.push(id);
            } else if shape.is_prim() {
                prims.push(id);
            } else {
                opaque.push(id);
                canon = id;
            }
            own.push(Own {
                node: Node { shape, link },
                canon,
                hypot: 0,
            });
        }
        if max_ref >= n_types {
            return Err(dangling(start..n_types, words_of));
        }
        let n_base = start as usize;
        let cands = Cands::new(shapes.end() as usize, start, n_own as usize);
        let mut graph = Self {
            base,
            start,
            own,
            level: Level { edges, shapes },
            base_canon: vec![0; n_base],
            redirected: false,
            has_redirects: false,
            base_hypot: vec![0; n_base],
            hypot_list: Vec::new(),
            prims,
            named,
            ref_types,
            opaque,
            cands,
            ref_table: RefTable::default(),
        };
        graph.reset_base();
        Ok(graph)
    }

    /// Forgets what base types were redirected to, duplicates in the base
    /// aside.
    pub(crate) fn reset_base(&mut self) {
        if self.redirected {
            self.base_canon.fill(0);
        }
        for &(dup, canon) in self.base.duplicates() {
            self.base_canon[dup as usize] = canon;
        }
        self.redirected = !self.base.duplicates().is_empty();
        self.has_redirects = false;
    }

    /// Whether a base type stands for something other than itself, duplicates
    /// in the base aside.
    pub(crate) fn has_redirects(&self) -> bool {
        self.has_redirects
    }

    /// Number of types, void and the base's included.
    pub(crate) fn n_types(&self) -> u32 {
        self.start + self.own.len() as u32
    }

    pub(crate) fn is_own(&self, id: u32) -> bool {
        id >= self.start
    }

    pub(crate) fn own(&self, id: u32) -> &Own {
        &self.own[(id - self.start) as usize]
    }

    pub(crate) fn own_mut(&mut self, id: u32) -> &mut Own {
        &mut self.own[(id - self.start) as usize]
    }

    pub(crate) fn node(&self, id: u32) -> Node {
        if id >= self.start {
            self.own[(id - self.start) as usize].node
        } else {
            self.base.node(id)
        }
    }

    pub(crate) fn shape(&self, id: u32) -> Shape {
        self.node(id).shape
    }

    pub(crate) fn info(&self, shape: Shape) -> ShapeInfo {
        if shape.serial() < self.base.shapes().end() as usize {
            self.base.shapes().info(shape)
        } else {
            self.level.shapes.info(shape)
        }
    }

    /// References of a type in comparison order.
    pub(crate) fn refs(&self, id: u32) -> &[u32] {
        if id >= self.start {
            let node = &self.own[(id - self.start) as usize].node;
            refs_of(node, &self.level.edges)
        } else {
            self.base.refs(id)
        }
    }

    /// References of an own type, to be changed in place.
    pub(crate) fn own_refs_mut(&mut self, id: u32) -> &mut [u32] {
        let i = (id - self.start) as usize;
        let shape = self.own[i].node.shape;
        if shape.has_one_ref() {
            return std::slice::from_mut(&mut self.own[i].node.link);
        }
        let at = self.own[i].node.link as usize;
        let n = self.level.edges[at] as usize;
        &mut self.level.edges[at + 1..][..n]
    }

    /// Whether it is decided what stands for this type.
    pub(crate) fn is_mapped(&self, id: u32) -> bool {
        id < self.start || self.own(id).canon != 0
    }

    /// The type that stands for this one as far as is known, itself if
    /// nothing is.
    pub(crate) fn resolve(&self, mut id: u32) -> u32 {
        loop {
            let next = if id >= self.start {
                self.own[(id - self.start) as usize].canon
            } else if self.redirected {
                self.base_canon[id as usize]
            } else {
                return id;
            };
            if next == 0 || next == id {
                return id;
            }
            id = next;
        }
    }

    /// What stands for this type without following further, itself if nothing
    /// does.
    pub(crate) fn stand_in(&self, id: u32) -> u32 {
        let canon = if id >= self.start {
            self.own[(id - self.start) as usize].canon
        } else if self.redirected {
            self.base_canon[id as usize]
        } else {
            0
        };
        if canon == 0 { id } else { canon }
    }

    /// Lets `canon` stand for `id`. For a base type this counts for references
    /// of own types only.
    pub(crate) fn set_canon(&mut self, id: u32, canon: u32) {
        if id >= self.start {
            self.own_mut(id).canon = canon;
        } else {
            self.base_canon[id as usize] = canon;
            self.redirected = true;
            self.has_redirects = true;
        }
    }

    /// The candidate paired with `id`, 0 for none.
    pub(crate) fn hypot(&self, id: u32) -> u32 {
        if id >= self.start {
            self.own(id).hypot
        } else {
            self.base_hypot[id as usize]
        }
    }

    /// Pairs canonical type `id` with a candidate.
    pub(crate) fn set_hypot(&mut self, id: u32, cand: u32) {
        if id >= self.start {
            self.own_mut(id).hypot = cand;
        } else {
            self.base_hypot[id as usize] = cand;
        }
        self.hypot_list.push(id);
    }

    /// Undoes the pairing of `id` and gives the candidate.
    pub(crate) fn take_hypot(&mut self, id: u32) -> u32 {
        let slot = if id >= self.start {
            &mut self.own_mut(id).hypot
        } else {
            &mut self.base_hypot[id as usize]
        };
        std::mem::take(slot)
    }

    /// Counts and references of own types, or of the base's.
    pub(crate) fn edges(&self, own: bool) -> &[u32] {
        if own {
            &self.level.edges
        } else {
            self.base.edges()
        }
    }

    /// Whether types of this shape only declare an enum.
    pub(crate) fn is_enum_fwd(&self, shape: Shape) -> bool {
        // What is no enum need not be looked up.
        shape.is_enum() && self.info(shape).is_enum_fwd()
    }

    /// `STRUCT` or `UNION`, as the kind that a forward declaration declares or
    /// a definition defines.
    pub(crate) fn declares_union(&self, shape: Shape) -> bool {
        let info = self.info(shape);
        if shape.is_fwd() {
            info.kind_flag()
        } else {
            info.kind() == btf_builder::Kind::Union
        }
    }
}

/// References of a node whose edges are in `edges`.
pub(crate) fn refs_of<'a>(node: &'a Node, edges: &'a [u32]) -> &'a [u32] {
    if node.shape.has_one_ref() {
        return std::slice::from_ref(&node.link);
    }
    let at = node.link as usize;
    let n = edges[at] as usize;
    &edges[at + 1..][..n]
}

/// The error for the first reference to a type past the last one.
fn dangling<'w>(ids: Range<u32>, words_of: impl Fn(u32) -> &'w [u32]) -> Error {
    let mut refs = Vec::new();
    for id in ids.clone() {
        refs.clear();
        push_refs(words_of(id), &mut refs);
        if let Some(&target) = refs.iter().find(|&&target| target >= ids.end) {
            return Error::BadReference {
                id: TypeId(id),
                target: TypeId(target),
            };
        }
    }
    // Not reached: the caller has met one.
    Error::TooManyTypes(u64::from(ids.end))
}
