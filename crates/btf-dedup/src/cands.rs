//! Canonical types by shape, newest first: the candidates that a type of the
//! same shape is compared with.
//!
//! The order matters where several would do, because the type at hand only
//! declares what they define in different ways. libbpf finds the newest first,
//! as long as its hash table does not grow.
//!
//! Mostly there are one or two, but some shapes are shared by hundreds of types
//! that differ in what they refer to (the kernel has 800 of a struct of one
//! pointer). From [`LONG`] candidates on, types of one shape are kept apart by
//! a *signature* of their references, which equivalent types have in common.

use hashbrown::HashTable;

use crate::graph::Graph;
use crate::shape::{Hashing, Shape, mix};

/// How many types of one shape are kept in one chain.
const LONG: u32 = 8;

/// A chain of types with the same shape or, if there are many, with the same
/// shape and signature.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    /// The newest; 0 for an empty chain.
    first: u32,
    /// Number of types, up to [`LONG`]: then the chain is given up for those
    /// by signature.
    len: u32,
}

#[derive(Clone, Copy, Debug)]
struct Signed {
    shape: Shape,
    signature: u32,
    chain: Chain,
}

/// Chains of candidates, each in the reverse of the order they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cands {
    /// By serial number of the shape.
    chains: Vec<Chain>,
    /// Chains of the shapes that got too long.
    signed: HashTable<Signed>,
    /// The next type of the same chain, by type id less `start`; 0 for none.
    next: Vec<u32>,
    start: u32,
}

fn hash(shape: Shape, signature: u32) -> u64 {
    Hashing { collide: false }.node(shape, &[signature])
}

impl Cands {
    /// No candidates yet, for shapes with serial numbers below `n_shapes` and
    /// `n_types` types from `start` on.
    pub(crate) fn new(n_shapes: usize, start: u32, n_types: usize) -> Self {
        Self {
            chains: vec![Chain::default(); n_shapes],
            signed: HashTable::new(),
            next: vec![0; n_types],
            start,
        }
    }

    /// Puts `id` before the candidates of its shape.
    pub(crate) fn add(&mut self, g: &Graph<'_>, id: u32) {
        let shape = g.shape(id);
        let chain = &mut self.chains[shape.serial()];
        if chain.len < LONG {
            prepend(&mut self.next, self.start, chain, id);
            chain.len += 1;
            if chain.len == LONG {
                let mut member = chain.first;
                let mut members = Vec::new();
                while member != 0 {
                    members.push(member);
                    member = self.next(member);
                }
                for &member in members.iter().rev() {
                    self.add_signed(g, shape, member);
                }
            }
        } else {
            self.add_signed(g, shape, id);
        }
    }

    fn add_signed(&mut self, g: &Graph<'_>, shape: Shape, id: u32) {
        let signature = signature(g, id);
        let signed = self
            .signed
            .entry(
                hash(shape, signature),
                |s| s.shape == shape && s.signature == signature,
                |s| hash(s.shape, s.signature),
            )
            .or_insert(Signed {
                shape,
                signature,
                chain: Chain::default(),
            });
        prepend(&mut self.next, self.start, &mut signed.into_mut().chain, id);
    }

    /// The newest candidate for `id`, a type of `g` with this shape; 0 if there
    /// is none.
    pub(crate) fn first(&self, g: &Graph<'_>, shape: Shape, id: u32) -> u32 {
        match self.chains.get(shape.serial()) {
            Some(chain) if chain.len < LONG => chain.first,
            Some(_) => {
                let signature = signature(g, id);
                let same = |s: &Signed| s.shape == shape && s.signature == signature;
                let signed = self.signed.find(hash(shape, signature), same);
                signed.map_or(0, |signed| signed.chain.first)
            }
            None => 0,
        }
    }

    /// The type of a shape whose types are all equal.
    pub(crate) fn only(&self, shape: Shape) -> u32 {
        self.chains
            .get(shape.serial())
            .map_or(0, |chain| chain.first)
    }

    /// The candidate that follows `id`; 0 if there is none.
    pub(crate) fn next(&self, id: u32) -> u32 {
        self.next[(id - self.start) as usize]
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.chains.fill(Chain::default());
        self.signed.clear();
    }
}

fn prepend(next: &mut [u32], start: u32, chain: &mut Chain, id: u32) {
    next[(id - start) as usize] = chain.first;
    chain.first = id;
}

/// How many references in a row a signature follows.
const SIGNATURE_DEPTH: u32 = 8;

/// A hash of what a type's references lead to: the chain of pointers, modifiers
/// and typedefs, and at its end the name of a composite or enum, as declaration
/// and definition have that in common, or the shape of anything else.
fn signature(g: &Graph<'_>, id: u32) -> u32 {
    let mut h = 0;
    for &target in g.refs(id) {
        let mut id = target;
        for _ in 0..SIGNATURE_DEPTH {
            let node = g.node(id);
            if node.shape.has_one_ref() {
                h = mix(h, node.shape.bits(), 0);
                id = node.link;
                continue;
            }
            let info = g.info(node.shape);
            let declarable =
                node.shape.is_composite() || node.shape.is_fwd() || node.shape.is_enum();
            h = if !declarable || info.name == 0 {
                mix(h, node.shape.bits(), 1)
            } else if node.shape.is_enum() {
                mix(h, info.name, 2)
            } else {
                mix(h, info.name, 3 + u32::from(g.declares_union(node.shape)))
            };
            break;
        }
    }
    (h >> 32) as u32 ^ h as u32
}
