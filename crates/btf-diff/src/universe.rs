//! The joint type graph of any number of BTFs.
//!
//! Two types can only be compared if the strings and the types they refer to
//! are numbered alike. A [`Universe`] gives every type of every BTF one *node*
//! and every distinct string one number. A node is split into its *content*,
//! the record's words with strings as their numbers and type ids as zero, and
//! its *edges*, the type ids as nodes in the order of the record.
//!
//! A base shared by several split BTFs is added once, so that comparing a
//! thousand modules costs their own types and not a thousand bases.

use std::hash::BuildHasher;
use std::ops::Range;

use btf_builder::{Btf, Kind, StrOff, TypeId, record_shape};
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use crate::Hasher;
use crate::partition::Partition;

/// Index of a type in a [`Universe`]; 0 is void for all BTFs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Node(pub(crate) u32);

impl Node {
    pub(crate) const VOID: Self = Self(0);
    /// What ids that no type has refer to, so that damaged BTF compares too.
    const MISSING: Self = Self(1);

    pub(crate) fn idx(self) -> usize {
        self.0 as usize
    }
}

/// A BTF that was added to a [`Universe`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BtfIdx(pub(crate) u32);

/// Number of a distinct string; 0 is the empty one.
pub(crate) type StrNo = u32;

/// A string offset that no string section holds.
const BAD_STR: StrNo = u32::MAX;

/// One BTF of the universe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) btf: &'a Btf,
    pub(crate) base: Option<BtfIdx>,
    /// Node of the first own type.
    first: u32,
    n: u32,
}

impl Part<'_> {
    /// Nodes of the own types in id order.
    pub(crate) fn nodes(&self) -> Range<u32> {
        self.first..self.first + self.n
    }
}

/// Types of any number of BTFs as one graph; see [`Universe::partition`].
#[derive(Debug)]
pub struct Universe<'a> {
    parts: Vec<Part<'a>>,
    by_address: HashMap<usize, BtfIdx, Hasher>,
    strings: Vec<&'a [u8]>,
    string_table: HashTable<StrNo>,
    hasher: Hasher,
    /// Which BTF a node is of, and its id there.
    owners: Vec<(u32, TypeId)>,
    content: Vec<u32>,
    /// Start of each node's content; one more entry than nodes.
    content_at: Vec<usize>,
    edges: Vec<Node>,
    /// Start of each node's edges; one more entry than nodes.
    edges_at: Vec<usize>,
}

impl Default for Universe<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Universe<'a> {
    /// A universe with void only.
    pub fn new() -> Self {
        let mut new = Self {
            parts: Vec::new(),
            by_address: HashMap::default(),
            strings: Vec::new(),
            string_table: HashTable::new(),
            hasher: Hasher::default(),
            owners: Vec::new(),
            content: Vec::new(),
            content_at: vec![0],
            edges: Vec::new(),
            edges_at: vec![0],
        };
        new.string_no(b"");
        // No record has fewer than three words, so these two equal no type.
        for mark in 0..2 {
            new.content.push(mark);
            new.finish_node(u32::MAX, TypeId(0));
        }
        new
    }

    /// Adds a BTF and its bases, each only once: a BTF at the same address is
    /// the same BTF.
    pub fn add(&mut self, btf: &'a Btf) -> BtfIdx {
        let address = std::ptr::from_ref(btf) as usize;
        if let Some(&idx) = self.by_address.get(&address) {
            return idx;
        }
        let base = btf.base().map(|base| self.add(base));
        let idx = BtfIdx(u32::try_from(self.parts.len()).expect("fewer BTFs than ids"));
        self.by_address.insert(address, idx);
        self.parts.push(Part {
            btf,
            base,
            first: u32::try_from(self.owners.len()).expect("types fit memory as u32 nodes"),
            n: btf.n_own_types(),
        });

        let mut numbers = vec![None; btf.strings().len()];
        for ty in btf.own_types() {
            self.add_type(idx, ty, &mut numbers);
        }
        idx
    }

    fn add_type(&mut self, idx: BtfIdx, ty: btf_builder::Type<'a>, numbers: &mut [Option<StrNo>]) {
        let words = ty.words();
        let shape = record_shape(ty.kind());
        let start = self.content.len();
        self.content.extend_from_slice(words);
        let name = self.string_at(ty.btf(), idx, words[0], numbers);
        self.content[start] = name;
        for &at in shape.ids {
            self.edges.push(self.node_of(idx, TypeId(words[at])));
            self.content[start + at] = 0;
        }
        if shape.stride > 0 {
            for at in (shape.elems..words.len()).step_by(shape.stride) {
                if let Some(id) = shape.elem_id {
                    self.edges.push(self.node_of(idx, TypeId(words[at + id])));
                    self.content[start + at + id] = 0;
                }
                if let Some(name) = shape.elem_str {
                    let no = self.string_at(ty.btf(), idx, words[at + name], numbers);
                    self.content[start + at + name] = no;
                }
            }
        }
        self.finish_node(idx.0, ty.id());
    }

    fn finish_node(&mut self, part: u32, id: TypeId) {
        self.owners.push((part, id));
        self.content_at.push(self.content.len());
        self.edges_at.push(self.edges.len());
    }

    /// Number of the string at `off`, remembered in `numbers` for the strings
    /// of the BTF's own section.
    fn string_at(
        &mut self,
        owner: &'a Btf,
        idx: BtfIdx,
        off: u32,
        numbers: &mut [Option<StrNo>],
    ) -> StrNo {
        if off == 0 {
            return 0;
        }
        // `owner` is where the type was looked up; own types are iterated, so
        // it is the BTF being added.
        debug_assert!(std::ptr::eq(owner, self.parts[idx.0 as usize].btf));
        let local = off.checked_sub(owner.start_str_off().0).map(|i| i as usize);
        if let Some(&Some(no)) = local.and_then(|i| numbers.get(i)) {
            return no;
        }
        let no = match owner.str_at(StrOff(off)) {
            Some(s) => self.string_no(s),
            None => BAD_STR,
        };
        if let Some(slot) = local.and_then(|i| numbers.get_mut(i)) {
            *slot = Some(no);
        }
        no
    }

    fn string_no(&mut self, s: &'a [u8]) -> StrNo {
        let Self {
            strings,
            string_table,
            hasher,
            ..
        } = self;
        let entry = string_table.entry(
            hasher.hash_one(s),
            |&no| strings[no as usize] == s,
            |&no| hasher.hash_one(strings[no as usize]),
        );
        match entry {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let no = u32::try_from(strings.len()).expect("strings fit memory as u32 numbers");
                strings.push(s);
                entry.insert(no);
                no
            }
        }
    }

    /// The node of a type as `idx` numbers it, in its own section or a base.
    fn node_of(&self, idx: BtfIdx, id: TypeId) -> Node {
        if id.is_void() {
            return Node::VOID;
        }
        let mut part = &self.parts[idx.0 as usize];
        while id < part.btf.start_id() {
            match part.base {
                Some(base) => part = &self.parts[base.0 as usize],
                None => return Node::MISSING,
            }
        }
        let local = id.0 - part.btf.start_id().0;
        if local < part.n {
            Node(part.first + local)
        } else {
            Node::MISSING
        }
    }

    /// Sorts all types into classes of equal ones; see [`Partition`].
    pub fn partition(self) -> Partition<'a> {
        Partition::new(self)
    }

    pub(crate) fn n_nodes(&self) -> usize {
        self.owners.len()
    }

    pub(crate) fn part(&self, idx: BtfIdx) -> &Part<'a> {
        &self.parts[idx.0 as usize]
    }

    pub(crate) fn n_parts(&self) -> usize {
        self.parts.len()
    }

    /// The BTF that owns the node; `None` for void.
    pub(crate) fn owner(&self, node: Node) -> Option<BtfIdx> {
        let part = self.owners[node.idx()].0;
        (part != u32::MAX).then_some(BtfIdx(part))
    }

    /// The type of a node; `None` for void and for ids that no type has.
    pub(crate) fn ty(&self, node: Node) -> Option<btf_builder::Type<'a>> {
        let (part, id) = self.owners[node.idx()];
        self.parts.get(part as usize)?.btf.ty(id)
    }

    pub(crate) fn kind(&self, node: Node) -> Kind {
        self.ty(node).map_or(Kind::Void, |ty| ty.kind())
    }

    /// Number of the node's name; 0 for anonymous types and void.
    pub(crate) fn name_no(&self, node: Node) -> StrNo {
        if self.owner(node).is_some() {
            self.content(node)[0]
        } else {
            0
        }
    }

    pub(crate) fn content(&self, node: Node) -> &[u32] {
        &self.content[self.content_at[node.idx()]..self.content_at[node.idx() + 1]]
    }

    pub(crate) fn edges(&self, node: Node) -> &[Node] {
        &self.edges[self.edges_at[node.idx()]..self.edges_at[node.idx() + 1]]
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    /// For each node the nodes that refer to it, as starts and a flat list.
    pub(crate) fn referrers(&self) -> Referrers {
        let mut at = vec![0_u32; self.n_nodes() + 1];
        for edge in &self.edges {
            at[edge.idx() + 1] += 1;
        }
        for i in 1..at.len() {
            at[i] += at[i - 1];
        }
        let mut next = at.clone();
        let mut list = vec![Node::VOID; self.edges.len()];
        for i in 0..self.n_nodes() {
            for edge in &self.edges[self.edges_at[i]..self.edges_at[i + 1]] {
                list[next[edge.idx()] as usize] = Node(i as u32);
                next[edge.idx()] += 1;
            }
        }
        Referrers { at, list }
    }
}

/// Reversed edges of a [`Universe`].
#[derive(Debug)]
pub(crate) struct Referrers {
    at: Vec<u32>,
    list: Vec<Node>,
}

impl Referrers {
    /// Nodes that refer to `node`, in node order, once per reference.
    pub(crate) fn of(&self, node: Node) -> &[Node] {
        &self.list[self.at[node.idx()] as usize..self.at[node.idx() + 1] as usize]
    }
}
