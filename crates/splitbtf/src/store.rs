//! The types of one file, each content once, shared by the threads that read its CUs.
//!
//! A node is a BTF-like record under construction: names are places in the file's string sections, references are
//! [`NodeId`]s. Workers look a type's hash up in a table of their own first; only the first time a worker meets a type
//! does it come here. Ids depend on which thread came first and never reach the output: a node's *key*, the earliest
//! place at which its DIE stands in the file, does.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dwarf_reader::Str;
use hashbrown::HashTable;

use crate::shape::Hash;

/// A type, wherever it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// Where a node lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A type of the base, by its id; 0 is void.
    Base(u32),
    /// A struct, union or enum of the base, by name: index into the base's names.
    BaseName(u32),
    /// A node of the store.
    Store(u32),
    /// A type told apart from others of equal content by what it reaches.
    Copy(u32),
}

impl NodeId {
    pub(crate) const VOID: Self = Self(0);
    /// No node.
    pub(crate) const NONE: Self = Self(u32::MAX);
    const TAG: u32 = 30;
    pub(crate) const MAX: u32 = (1 << Self::TAG) - 1;

    #[inline(always)]
    pub(crate) fn base(id: u32) -> Self {
        Self(id)
    }

    #[inline(always)]
    pub(crate) fn base_name(i: u32) -> Self {
        Self(1 << Self::TAG | i)
    }

    #[inline(always)]
    pub(crate) fn store(i: u32) -> Self {
        Self(2 << Self::TAG | i)
    }

    #[inline(always)]
    pub(crate) fn copy(i: u32) -> Self {
        Self(3 << Self::TAG | i)
    }

    #[inline(always)]
    pub(crate) fn place(self) -> Place {
        let i = self.0 & Self::MAX;
        match self.0 >> Self::TAG {
            0 => Place::Base(i),
            1 => Place::BaseName(i),
            2 => Place::Store(i),
            _ => Place::Copy(i),
        }
    }

    pub(crate) fn raw(self) -> u32 {
        self.0
    }

    pub(crate) fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum NodeKind {
    Int,
    Float,
    Ptr,
    Const,
    Volatile,
    Restrict,
    TypeTag,
    Typedef,
    Array,
    Struct,
    Union,
    Enum,
    FuncProto,
    DeclTag,
    /// A name of a struct, union or enum; stands for its definition, or for a forward declaration.
    StructName,
    UnionName,
    EnumName,
}

impl NodeKind {
    /// Whether a node is the name of a struct, union or enum.
    #[inline(always)]
    pub(crate) fn is_name(self) -> bool {
        matches!(self, Self::StructName | Self::UnionName | Self::EnumName)
    }
}

/// Where a node's DIE first stands: CU in the upper half, order within in the lower.
pub(crate) type Key = u64;

/// Not the type of any DIE: emitted only if a function needs it.
pub(crate) const UNROOTED: Key = u64::MAX;

/// Not a named struct, union or enum, nor a name.
pub(crate) const NO_NAME: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) hash: Hash,
    pub(crate) key: Key,
    /// For names and for definitions with a name: the name's number.
    pub(crate) name_no: u32,
    pub(crate) off: u32,
    pub(crate) kind: NodeKind,
}

/// Record layouts, in words. A name takes two, low half first.
///
/// | kind | words |
/// |---|---|
/// | Int | name, size, data |
/// | Float | name, size |
/// | Ptr, Const, Volatile, Restrict | target |
/// | TypeTag | name, kind flag, target |
/// | Typedef | name, target |
/// | Array | elem, index, nelems |
/// | Struct, Union | name, size, n, flags, then n × (name, offset, width, type) |
/// | Enum | name, size, n, flags, then n × (name, low, high) |
/// | FuncProto | return, n, then n × (name, type) |
/// | DeclTag | name, kind flag, component, target |
/// | names | name |
#[derive(Debug, Default)]
pub(crate) struct Shard {
    table: HashTable<u32>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) words: Vec<u32>,
}

/// Writes a record's name.
pub(crate) fn put_str(words: &mut Vec<u32>, s: Str) {
    let bits = s.to_bits();
    words.push(bits as u32);
    words.push((bits >> 32) as u32);
}

/// Reads a record's name.
pub(crate) fn get_str(words: &[u32]) -> Str {
    Str::from_bits(u64::from(words[0]) | u64::from(words[1]) << 32)
}

impl Shard {
    #[inline]
    pub(crate) fn record(&self, i: usize) -> &[u32] {
        let start = self.nodes[i].off as usize;
        let end = self
            .nodes
            .get(i + 1)
            .map_or(self.words.len(), |n| n.off as usize);
        &self.words[start..end]
    }
}

thread_local! {
    /// The memory of a store that had one worker, empty, for the next file that its thread reads: growing it anew
    /// would copy all types of a module about once.
    static SPARE: RefCell<Option<Shard>> = const { RefCell::new(None) };
}

/// All types of one file.
#[derive(Debug)]
pub(crate) struct Store {
    shards: Vec<Mutex<Shard>>,
    /// log2 of the number of shards.
    bits: u32,
    names: AtomicU32,
}

fn lock(m: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A worker that panicked leaves at worst a record that nobody refers to.
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// `threads`: how many workers will share it. `names`: the first number for a new name.
    pub(crate) fn new(threads: usize, names: u32) -> Self {
        let bits = if threads > 1 { 6 } else { 0 };
        let shards = match bits {
            0 => vec![SPARE.take().unwrap_or_default().into()],
            _ => (0..1 << bits).map(|_| Mutex::default()).collect(),
        };
        Self {
            shards,
            bits,
            names: AtomicU32::new(names),
        }
    }

    /// Finds the node of this hash or makes it; its key becomes the lesser of its own and `key`.
    ///
    /// `build` writes the record and gives the name's number, where the node has one.
    pub(crate) fn intern(
        &self,
        hash: Hash,
        key: Key,
        kind: NodeKind,
        name_no: u32,
        build: impl FnOnce(&mut Vec<u32>),
    ) -> (NodeId, u32) {
        let s = self.shard_of(hash);
        let mut guard = lock(&self.shards[s]);
        let shard = &mut *guard;
        let found = shard
            .table
            .find(hash.a, |&i| shard.nodes[i as usize].hash == hash)
            .copied();
        let i = match found {
            Some(i) => {
                let node = &mut shard.nodes[i as usize];
                node.key = node.key.min(key);
                i
            }
            None => {
                let i = self.push(shard, hash, key, kind, name_no, build);
                let nodes = &shard.nodes;
                shard
                    .table
                    .insert_unique(hash.a, i, |&i| nodes[i as usize].hash.a);
                i
            }
        };
        self.id_and_name(shard, s, i)
    }

    /// Makes a node of a hash that has none, as the only worker there is knows. No node is found by [`Self::intern`] in
    /// the same phase that came this way.
    pub(crate) fn add(
        &self,
        hash: Hash,
        key: Key,
        kind: NodeKind,
        name_no: u32,
        build: impl FnOnce(&mut Vec<u32>),
    ) -> (NodeId, u32) {
        let s = self.shard_of(hash);
        let mut shard = lock(&self.shards[s]);
        let i = self.push(&mut shard, hash, key, kind, name_no, build);
        self.id_and_name(&shard, s, i)
    }

    /// Of the `i`th node of shard `s`.
    #[inline]
    fn id_and_name(&self, shard: &Shard, s: usize, i: u32) -> (NodeId, u32) {
        let name_no = shard.nodes[i as usize].name_no;
        (NodeId::store(i << self.bits | s as u32), name_no)
    }

    fn shard_of(&self, hash: Hash) -> usize {
        (hash.b as usize) & ((1 << self.bits) - 1)
    }

    fn push(
        &self,
        shard: &mut Shard,
        hash: Hash,
        key: Key,
        kind: NodeKind,
        name_no: u32,
        build: impl FnOnce(&mut Vec<u32>),
    ) -> u32 {
        let i = shard.nodes.len() as u32;
        let off = shard.words.len() as u32;
        build(&mut shard.words);
        let name_no = if kind.is_name() {
            self.names.fetch_add(1, Ordering::Relaxed)
        } else {
            name_no
        };
        shard.nodes.push(Node {
            hash,
            key,
            name_no,
            off,
            kind,
        });
        i
    }

    /// Ends the shared phase.
    pub(crate) fn freeze(self) -> Frozen {
        let shards = self.shards.into_iter();
        Frozen {
            shards: shards
                .map(|m| m.into_inner().unwrap_or_else(PoisonError::into_inner))
                .collect(),
            bits: self.bits,
            n_names: self.names.into_inner(),
        }
    }
}

/// The store once all CUs are read.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) shards: Vec<Shard>,
    bits: u32,
    /// Names in all, the base's included.
    pub(crate) n_names: u32,
}

impl Frozen {
    /// Back to the shared phase; ids stay, and all nodes are found by their hashes.
    pub(crate) fn thaw(mut self) -> Store {
        let mut shards = std::mem::take(&mut self.shards);
        // Where there was more than one worker, all nodes are in their tables.
        let partly = |shard: &&mut Shard| shard.table.len() < shard.nodes.len();
        for Shard { table, nodes, .. } in shards.iter_mut().filter(partly) {
            table.clear();
            let hash = |&i: &u32| nodes[i as usize].hash.a;
            for i in 0..nodes.len() as u32 {
                table.insert_unique(hash(&i), i, hash);
            }
        }
        Store {
            shards: shards.into_iter().map(Mutex::new).collect(),
            bits: self.bits,
            names: AtomicU32::new(self.n_names),
        }
    }

    #[inline]
    pub(crate) fn node(&self, i: u32) -> &Node {
        let (s, n) = self.split(i);
        &self.shards[s].nodes[n]
    }

    #[inline]
    pub(crate) fn record(&self, i: u32) -> &[u32] {
        let (s, n) = self.split(i);
        self.shards[s].record(n)
    }

    fn split(&self, i: u32) -> (usize, usize) {
        (
            (i & ((1 << self.bits) - 1)) as usize,
            (i >> self.bits) as usize,
        )
    }

    /// One more than the highest store id.
    pub(crate) fn id_end(&self) -> usize {
        let longest = self.shards.iter().map(|s| s.nodes.len()).max().unwrap_or(0);
        longest << self.bits
    }

    /// All store ids with their nodes, shard by shard.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (u32, &Node)> {
        self.shards.iter().enumerate().flat_map(move |(s, shard)| {
            shard
                .nodes
                .iter()
                .enumerate()
                .map(move |(n, node)| ((n as u32) << self.bits | s as u32, node))
        })
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        /// The most memory of records worth keeping, in words: a module's, not a vmlinux's.
        const MAX_WORDS: usize = 1 << 20;
        if let [shard] = &mut self.shards[..]
            && shard.words.capacity() <= MAX_WORDS
        {
            let mut shard = std::mem::take(shard);
            shard.table.clear();
            shard.nodes.clear();
            shard.words.clear();
            SPARE.set(Some(shard));
        }
    }
}

/// Calls `f` with each reference of a record, in order.
pub(crate) fn for_each_ref(kind: NodeKind, r: &[u32], mut f: impl FnMut(NodeId)) {
    match kind {
        NodeKind::Ptr | NodeKind::Const | NodeKind::Volatile | NodeKind::Restrict => {
            f(NodeId(r[0]))
        }
        NodeKind::TypeTag => f(NodeId(r[3])),
        NodeKind::Typedef => f(NodeId(r[2])),
        NodeKind::DeclTag => f(NodeId(r[4])),
        NodeKind::Array => {
            f(NodeId(r[0]));
            f(NodeId(r[1]));
        }
        NodeKind::Struct | NodeKind::Union => {
            for m in r[5..].chunks_exact(5) {
                f(NodeId(m[4]));
            }
        }
        NodeKind::FuncProto => {
            f(NodeId(r[0]));
            for p in r[2..].chunks_exact(3) {
                f(NodeId(p[2]));
            }
        }
        NodeKind::Int
        | NodeKind::Float
        | NodeKind::Enum
        | NodeKind::StructName
        | NodeKind::UnionName
        | NodeKind::EnumName => {}
    }
}

/// Calls `f` with each reference of a record, as the word that holds it.
pub(crate) fn for_each_ref_mut(kind: NodeKind, r: &mut [u32], mut f: impl FnMut(&mut u32)) {
    match kind {
        NodeKind::Ptr | NodeKind::Const | NodeKind::Volatile | NodeKind::Restrict => f(&mut r[0]),
        NodeKind::TypeTag => f(&mut r[3]),
        NodeKind::Typedef => f(&mut r[2]),
        NodeKind::DeclTag => f(&mut r[4]),
        NodeKind::Array => {
            f(&mut r[0]);
            f(&mut r[1]);
        }
        NodeKind::Struct | NodeKind::Union => {
            for m in r[5..].chunks_exact_mut(5) {
                f(&mut m[4]);
            }
        }
        NodeKind::FuncProto => {
            f(&mut r[0]);
            for p in r[2..].chunks_exact_mut(3) {
                f(&mut p[2]);
            }
        }
        NodeKind::Int
        | NodeKind::Float
        | NodeKind::Enum
        | NodeKind::StructName
        | NodeKind::UnionName
        | NodeKind::EnumName => {}
    }
}
