//! The index over a base BTF: what deduplicating a split BTF looks up there.
//!
//! It is built once, never changes and can be shared by any number of threads,
//! each of which deduplicates another module.

use std::sync::{Arc, OnceLock};

use btf_builder::{Btf, TypeId};

use crate::cands::Cands;
use crate::error::Result;
use crate::fwd::{AMBIGUOUS, CompositeNames};
use crate::graph::{Graph, Level, Node, refs_of};
use crate::prim::EnumNames;
use crate::refs::RefTable;
use crate::shape::{Content, Hashing, Shape, ShapeTable};

/// Hash index over all types of a base BTF, and of the bases below it.
///
/// Building it takes time and memory linear in the base, some 10 ms and 10 MB
/// for the 107,000 types of a distribution kernel.
///
/// Types that occur twice in the base are indexed once, and own types that
/// would match the second are mapped to the first.
#[derive(Debug)]
pub struct BaseIndex {
    btf: Option<Arc<Btf>>,
    hashing: Hashing,
    /// By type id, void included.
    nodes: Vec<Node>,
    level: Level,
    /// Types other than references, by shape.
    cands: Cands,
    /// Reference types by shape and references.
    refs: RefTable,
    /// Types that repeat an older one, with that one.
    duplicates: Vec<(u32, u32)>,
    has_enum_fwds: bool,
    has_fwds: bool,
    enum_names: OnceLock<EnumNames>,
    composite_names: OnceLock<CompositeNames>,
}

impl BaseIndex {
    /// Indexes `base`.
    ///
    /// # Errors
    /// [`Error::BadReference`](crate::Error::BadReference) if one of its types
    /// refers to a type that does not exist.
    pub fn new(base: Arc<Btf>) -> Result<Self> {
        Self::with_hashing(base, Hashing { collide: false })
    }

    /// As [`new`](Self::new), with all hash values equal: every look-up goes
    /// through every entry. For tests.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_forced_collisions(base: Arc<Btf>) -> Result<Self> {
        Self::with_hashing(base, Hashing { collide: true })
    }

    pub(crate) fn with_hashing(base: Arc<Btf>, hashing: Hashing) -> Result<Self> {
        let void = Self::void(hashing);
        let n_own = base.n_types() - 1;
        let mut graph = Graph::load(&void, 1, n_own, |id| {
            // The ids below `n_types` all have a record.
            base.ty(TypeId(id)).map_or(&[0; 3], |ty| ty.words())
        })?;
        graph.merge_exact();
        let duplicates = graph.duplicates();
        if !duplicates.is_empty() {
            graph.resolve_all_refs();
        }
        let mut prims = graph.prims.iter();
        let has_enum_fwds = prims.any(|&id| graph.is_enum_fwd(graph.shape(id)));
        let has_fwds = graph.prims.iter().any(|&id| graph.shape(id).is_fwd());
        let nodes = std::iter::once(void.nodes[0])
            .chain(graph.own.iter().map(|own| own.node))
            .collect();
        let Graph {
            mut level,
            cands,
            ref_table,
            ..
        } = graph;
        level.shapes.include_void();
        Ok(Self {
            btf: Some(base),
            hashing,
            nodes,
            level,
            cands,
            refs: ref_table,
            duplicates,
            has_enum_fwds,
            has_fwds,
            enum_names: OnceLock::new(),
            composite_names: OnceLock::new(),
        })
    }

    /// The index of nothing but void: what a BTF without a base continues.
    pub(crate) fn void(hashing: Hashing) -> Self {
        Self {
            btf: None,
            hashing,
            nodes: vec![Node::VOID],
            level: Level {
                edges: vec![0],
                shapes: ShapeTable::new(0, 0),
            },
            cands: Cands::default(),
            refs: RefTable::default(),
            duplicates: Vec::new(),
            has_enum_fwds: false,
            has_fwds: false,
            enum_names: OnceLock::new(),
            composite_names: OnceLock::new(),
        }
    }

    /// The base that was indexed.
    pub fn base(&self) -> Option<&Arc<Btf>> {
        self.btf.as_ref()
    }

    pub(crate) fn hashing(&self) -> Hashing {
        self.hashing
    }

    pub(crate) fn shapes(&self) -> &ShapeTable {
        &self.level.shapes
    }

    pub(crate) fn cands(&self) -> &Cands {
        &self.cands
    }

    pub(crate) fn duplicates(&self) -> &[(u32, u32)] {
        &self.duplicates
    }

    pub(crate) fn node(&self, id: u32) -> Node {
        self.nodes[id as usize]
    }

    pub(crate) fn edges(&self) -> &[u32] {
        &self.level.edges
    }

    pub(crate) fn refs(&self, id: u32) -> &[u32] {
        refs_of(&self.nodes[id as usize], &self.level.edges)
    }

    /// The shape of a record, if a base type has it.
    pub(crate) fn find_shape(&self, content: &Content<'_>) -> Option<Shape> {
        let btf = self.btf.as_deref()?;
        self.level.shapes.find(content, |id| {
            btf.ty(TypeId(id)).map_or(&[0; 3], |ty| ty.words())
        })
    }

    /// The reference type with this shape and these references.
    pub(crate) fn find_ref(&self, hash: u32, shape: Shape, refs: &[u32]) -> Option<u32> {
        self.refs.find(hash, |id| {
            self.node(id).shape == shape && self.refs(id) == refs
        })
    }

    pub(crate) fn has_enum_fwds(&self) -> bool {
        self.has_enum_fwds
    }

    pub(crate) fn has_fwds(&self) -> bool {
        self.has_fwds
    }

    /// Named enums of the base.
    pub(crate) fn enum_names(&self) -> &EnumNames {
        self.enum_names.get_or_init(|| {
            let mut names = EnumNames::default();
            for (id, node) in self.nodes.iter().enumerate() {
                if !node.shape.is_enum() {
                    continue;
                }
                let id = id as u32;
                let info = self.level.shapes.info(node.shape);
                let name = names.entry(info.name).or_default();
                name.newest = id;
                if info.is_enum_fwd() {
                    name.fwds.push(id);
                }
            }
            names
        })
    }

    /// Structs and unions of the base by name.
    pub(crate) fn composite_names(&self) -> &CompositeNames {
        self.composite_names.get_or_init(|| {
            let mut names = CompositeNames::default();
            let mut duplicates = self.duplicates.iter().map(|&(dup, _)| dup).peekable();
            for (id, node) in self.nodes.iter().enumerate() {
                let id = id as u32;
                if duplicates.next_if_eq(&id).is_some() || !node.shape.is_composite() {
                    continue;
                }
                let name = self.level.shapes.info(node.shape).name;
                names
                    .entry(name)
                    .and_modify(|found| *found = AMBIGUOUS)
                    .or_insert(id);
            }
            names
        })
    }
}
