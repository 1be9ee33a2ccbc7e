//! The base BTF, indexed by content hash.
//!
//! A kernel's base has a hundred thousand types, and hashing the names of all their members and parameters is most of
//! what an index costs. A batch of modules asks for so many of them that this is done at once ([`BaseIndex::new`]). One
//! small module asks for a few hundred, and there the index is *lazy* ([`BaseIndex::lazy`]): it hashes what others refer
//! to (names, references, types without a name) and leaves the contents of definitions with a name and of prototypes
//! until somebody looks for one. Definitions are then found by their name, prototypes by a *key* of what their hash
//! takes in apart from names, and only these candidates are hashed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use btf_builder::{Btf, Kind, Type, TypeId};
use hashbrown::HashTable;

use crate::shape::{self, Hash, Tag, name_hash};
use crate::store::{NO_NAME, NodeId};

/// What the base knows under the name of a struct, union or enum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BaseName {
    /// The first definition's id, 0 if there is none.
    pub(crate) def: u32,
    pub(crate) n_defs: u32,
    /// The forward declaration's id, 0 if there is none.
    pub(crate) fwd: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: Hash,
    node: NodeId,
    name_no: u32,
}

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// A base BTF and an index over its types, built once and shared by all modules of a run.
#[derive(Debug)]
pub struct BaseIndex {
    btf: Arc<Btf>,
    table: HashTable<Entry>,
    names: Vec<BaseName>,
    /// Names with several meanings.
    ambiguous: Vec<u32>,
    /// By type id: the name's number, [`NO_NAME`] for types that others take in whole.
    name_of: Vec<u32>,
    users: OnceLock<BaseUsers>,
    /// Tells indices of one process apart.
    serial: u64,
    /// How others take in each type, by id. [`UNSET`] for functions, and in a lazy index for prototypes.
    hashes: Hashes,
    /// What a lazy index needs to find the types that it has not hashed.
    unhashed: Option<Unhashed>,
    /// Functions by name and prototype: hash and id. Not in a lazy index.
    funcs: OnceLock<HashTable<(u64, u32)>>,
    dedup: OnceLock<btf_dedup::BaseIndex>,
}

/// The types whose contents a lazy index has not hashed.
#[derive(Debug, Default)]
struct Unhashed {
    /// Definitions but the first of each name: the name's number and the id, in ascending order.
    more_defs: Vec<(u32, u32)>,
    /// Prototypes: [`shape::proto_key`] and id.
    protos: HashTable<(u64, u32)>,
    funcs: FuncChains,
}

/// Functions by prototype. Making this costs a few instructions for each function, since no name is looked at.
#[derive(Debug, Default)]
struct FuncChains {
    /// By id of the prototype: one more than the index in `funcs` of the last function with it, 0 if there is none.
    last: Vec<u32>,
    /// Id, and as in `last` the function before with the same prototype.
    funcs: Vec<(u32, u32)>,
}

impl FuncChains {
    fn push(&mut self, proto: u32, id: u32) {
        if let Some(last) = self.last.get_mut(proto as usize) {
            self.funcs.push((id, *last));
            *last = self.funcs.len() as u32;
        }
    }

    /// The functions of a prototype, the last one first.
    fn of(&self, proto: u32) -> impl Iterator<Item = u32> {
        let last = self.last.get(proto as usize).copied().unwrap_or(0);
        let at = |i: u32| self.funcs.get(i.checked_sub(1)? as usize);
        std::iter::successors(at(last), move |f| at(f.1)).map(|f| f.0)
    }
}

/// Who refers to whom in the base, reversed: by type id, and by name.
#[derive(Debug)]
struct BaseUsers {
    starts: Vec<u32>,
    users: Vec<u32>,
}

/// How to find a type that a lazy index has not hashed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hint {
    /// Nothing to go by: all such types are hashed.
    None,
    /// A definition with a name: the hash of the name.
    Definition(Hash),
    /// A prototype: [`shape::proto_key`].
    Proto(u64),
}

impl BaseIndex {
    /// Indexes all types of `btf` (and of its own base, if it has one). Linear in their number and names: some 30 ms
    /// for a distribution's kernel. For encoding many files.
    pub fn new(btf: Arc<Btf>) -> Self {
        Self::build(btf, false)
    }

    /// Indexes only what costs little and hashes the rest when it is asked for: some 2 ms for a distribution's kernel.
    /// Results are those of an index made by [`new`](Self::new). For encoding one file, or a few small ones.
    pub fn lazy(btf: Arc<Btf>) -> Self {
        Self::build(btf, true)
    }

    fn build(btf: Arc<Btf>, lazy: bool) -> Self {
        let n = btf.n_types() as usize;
        let indexed = Arc::clone(&btf);
        let mut hasher = Hasher::new(&indexed);
        let mut named: Vec<(u32, bool)> = Vec::new();
        let mut nameless: Vec<u32> = Vec::new();
        let mut protos: Vec<u32> = Vec::new();
        let mut funcs = FuncChains {
            last: vec![0; if lazy { n } else { 0 }],
            funcs: Vec::new(),
        };
        for t in indexed.all_types() {
            let id = t.id().0;
            match t.kind() {
                Kind::Func if lazy => funcs.push(t.size_or_type(), id),
                // Nothing refers to these but decl tags, which see to it themselves.
                Kind::Func | Kind::Var | Kind::Datasec => {}
                Kind::FuncProto if lazy => protos.push(id),
                _ => match by_name_tag(t) {
                    Some(tag) => {
                        let hash = shape::by_name(tag, t.name_hash());
                        hasher.hashes.set(id, hash);
                        named.push((id, is_forward(t)));
                    }
                    None => nameless.push(id),
                },
            }
        }

        let expected = named.len() + nameless.len() + if lazy { 0 } else { named.len() };
        let mut table = Table(HashTable::with_capacity(expected));
        let mut names: Vec<BaseName> = Vec::new();
        let mut name_of = vec![NO_NAME; n];
        let mut more_defs = Vec::new();
        for &(id, is_forward) in &named {
            let hash = hasher.of(TypeId(id));
            let next = names.len() as u32;
            let no = table.insert(hash, NodeId::base_name(next), next).name_no;
            if no == next {
                names.push(BaseName::default());
            }
            name_of[id as usize] = no;
            let name = &mut names[no as usize];
            if is_forward {
                if name.fwd == 0 {
                    name.fwd = id;
                }
                continue;
            }
            name.n_defs += 1;
            if name.def == 0 {
                name.def = id;
            } else {
                more_defs.push((no, id));
            }
        }
        // Of equal types the first stands for all.
        for id in nameless {
            hasher.resolve(id);
            table.insert(hasher.of(TypeId(id)), NodeId::base(id), NO_NAME);
        }
        let ambiguous = ambiguous(&indexed, &table, &names, &named, &name_of);
        let unhashed = if lazy {
            more_defs.sort_unstable();
            let mut by_key = HashTable::with_capacity(protos.len());
            for t in protos.into_iter().filter_map(|id| indexed.ty(TypeId(id))) {
                let key = hasher.proto_key(t);
                by_key.insert_unique(key, (key, t.id().0), |p: &(u64, u32)| p.0);
            }
            Some(Unhashed {
                more_defs,
                protos: by_key,
                funcs,
            })
        } else {
            for (id, _) in named.into_iter().filter(|(_, is_forward)| !is_forward) {
                if let Some(t) = indexed.ty(TypeId(id)) {
                    let (hash, no) = (hasher.content(t), name_of[id as usize]);
                    table.insert(hash, NodeId::base(id), no);
                }
            }
            None
        };
        Self {
            btf,
            table: table.0,
            names,
            ambiguous,
            name_of,
            users: OnceLock::new(),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            hashes: hasher.hashes,
            unhashed,
            funcs: OnceLock::new(),
            dedup: OnceLock::new(),
        }
    }

    /// The base's first function of this name, linkage 0 and prototype.
    pub(crate) fn func(&self, name: &[u8], proto: u32) -> Option<u32> {
        let is_it = |&id: &u32| {
            let t = self.btf.ty(TypeId(id));
            t.is_some_and(|t| t.size_or_type() == proto && t.vlen() == 0 && t.name() == name)
        };
        if let Some(unhashed) = &self.unhashed {
            return unhashed.funcs.of(proto).filter(is_it).min();
        }
        let key = |name: u64, proto: u32| shape::fold(name, u64::from(proto) | 1 << 32);
        let funcs = self.funcs.get_or_init(|| {
            let mut funcs = HashTable::new();
            let is_func = |t: &Type<'_>| t.kind() == Kind::Func;
            for t in self.btf.all_types().filter(is_func) {
                let key = key(t.name_hash(), t.size_or_type());
                funcs.insert_unique(key, (key, t.id().0), |f: &(u64, u32)| f.0);
            }
            funcs
        });
        let key = key(name_hash(name), proto);
        let same = funcs.iter_hash(key).filter(|f| f.0 == key);
        same.map(|f| f.1).filter(is_it).min()
    }

    /// The hash by which others take in a type.
    pub(crate) fn hash_of(&self, id: u32) -> Option<Hash> {
        let hash = self.hashes.get(id)?;
        if hash != UNSET {
            return Some(hash);
        }
        let t = self.btf.ty(TypeId(id))?;
        Some(content(t, &self.hashes))
    }

    /// The index for comparing graphs, made when it is first needed.
    pub(crate) fn dedup_index(&self) -> Result<&btf_dedup::BaseIndex, btf_dedup::Error> {
        if let Some(index) = self.dedup.get() {
            return Ok(index);
        }
        let index = btf_dedup::BaseIndex::new(Arc::clone(&self.btf))?;
        Ok(self.dedup.get_or_init(|| index))
    }

    /// Names that stand for several types, or for a definition and a declaration left beside it.
    pub(crate) fn ambiguous(&self) -> &[u32] {
        &self.ambiguous
    }

    /// The name under which others refer to a type.
    pub(crate) fn name_of(&self, id: u32) -> Option<u32> {
        self.name_of
            .get(id as usize)
            .copied()
            .filter(|&no| no != NO_NAME)
    }

    /// Calls `f` with the name's number and the id of each definition and declaration.
    pub(crate) fn definitions(&self, mut f: impl FnMut(u32, u32)) {
        for (id, &no) in (0u32..).zip(&self.name_of) {
            if no != NO_NAME {
                f(no, id);
            }
        }
    }

    fn users(&self) -> &BaseUsers {
        self.users.get_or_init(|| {
            // Users of a name stand behind those of the types.
            let n = self.name_of.len();
            let slot = |r: TypeId| match self.name_of.get(r.0 as usize) {
                Some(&NO_NAME) => Some(r.0 as usize),
                Some(&no) => Some(n + no as usize),
                None => None,
            };
            let mut starts = vec![0u32; n + self.names.len() + 2];
            for t in self.btf.all_types() {
                t.for_each_ref(|r| {
                    if let Some(s) = slot(r) {
                        starts[s + 2] += 1;
                    }
                });
            }
            for i in 2..starts.len() {
                starts[i] += starts[i - 1];
            }
            let mut users = vec![0; starts.last().copied().unwrap_or(0) as usize];
            for t in self.btf.all_types() {
                t.for_each_ref(|r| {
                    if let Some(s) = slot(r) {
                        users[starts[s + 1] as usize] = t.id().0;
                        starts[s + 1] += 1;
                    }
                });
            }
            BaseUsers { starts, users }
        })
    }

    /// Types that refer to the type of this id.
    pub(crate) fn users_of(&self, id: u32, f: impl FnMut(u32)) {
        let u = self.users();
        let range = u.starts[id as usize] as usize..u.starts[id as usize + 1] as usize;
        u.users[range].iter().copied().for_each(f);
    }

    /// Types that refer to a struct, union or enum of this name.
    pub(crate) fn users_of_name(&self, no: u32, f: impl FnMut(u32)) {
        let u = self.users();
        let s = self.name_of.len() + no as usize;
        let range = u.starts[s] as usize..u.starts[s + 1] as usize;
        u.users[range].iter().copied().for_each(f);
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// The BTF that is indexed.
    pub fn btf(&self) -> &Arc<Btf> {
        &self.btf
    }

    /// The node of this hash, and the number of its name.
    #[inline]
    pub(crate) fn find(&self, hash: Hash, hint: Hint) -> Option<(NodeId, u32)> {
        let found = self.table.find(hash.a, |e| e.hash == hash);
        match (found, &self.unhashed) {
            (Some(e), _) => Some((e.node, e.name_no)),
            (None, None) => None,
            (None, Some(unhashed)) => self.find_unhashed(unhashed, hash, hint),
        }
    }

    fn find_unhashed(&self, unhashed: &Unhashed, hash: Hash, hint: Hint) -> Option<(NodeId, u32)> {
        let is_it = |&id: &u32| {
            let t = self.btf.ty(TypeId(id));
            t.is_some_and(|t| content(t, &self.hashes) == hash)
        };
        match hint {
            Hint::None => None,
            Hint::Definition(name) => {
                let no = self.table.find(name.a, |e| e.hash == name)?.name_no;
                let first = self.names.get(no as usize)?.def;
                let from = unhashed.more_defs.partition_point(|d| d.0 < no);
                let more = unhashed.more_defs[from..].iter();
                let more = more.take_while(|d| d.0 == no).map(|d| d.1);
                let mut defs = std::iter::once(first).filter(|&id| id != 0).chain(more);
                Some((NodeId::base(defs.find(is_it)?), no))
            }
            Hint::Proto(key) => {
                let protos = unhashed.protos.iter_hash(key);
                let protos = protos.filter(|p| p.0 == key).map(|p| p.1);
                Some((NodeId::base(protos.filter(is_it).min()?), NO_NAME))
            }
        }
    }

    pub(crate) fn names(&self) -> &[BaseName] {
        &self.names
    }
}

/// Nodes by hash.
struct Table(HashTable<Entry>);

impl Table {
    fn find(&self, hash: Hash) -> Option<&Entry> {
        self.0.find(hash.a, |e| e.hash == hash)
    }

    /// The entry of this hash, which is made if there is none.
    #[inline]
    fn insert(&mut self, hash: Hash, node: NodeId, name_no: u32) -> Entry {
        let entry = Entry {
            hash,
            node,
            name_no,
        };
        let slot = self.0.entry(hash.a, |e| e.hash == hash, |e| e.hash.a);
        *slot.or_insert(entry).get()
    }
}

/// Names that stand for several types. `named`: the types that have a name.
fn ambiguous(
    btf: &Btf,
    table: &Table,
    names: &[BaseName],
    named: &[(u32, bool)],
    name_of: &[u32],
) -> Vec<u32> {
    let several = |n: &BaseName| n.n_defs > 1 || (n.n_defs > 0 && n.fwd != 0);
    let mut ambiguous: Vec<u32> = names
        .iter()
        .zip(0..)
        .filter(|(n, _)| several(n))
        .map(|(_, no)| no)
        .collect();
    // A struct and a union of one name.
    let named = named.iter().filter_map(|n| btf.ty(TypeId(n.0)));
    for t in named.filter(|t| t.kind() == Kind::Union) {
        let hash = shape::by_name(Tag::StructName, t.name_hash());
        if let Some(other) = table.find(hash) {
            ambiguous.extend([name_of[t.id().0 as usize], other.name_no]);
        }
    }
    ambiguous.sort_unstable();
    ambiguous.dedup();
    ambiguous
}

/// The tag under which others refer to this type by name, if they do.
pub(crate) fn by_name_tag(t: Type<'_>) -> Option<Tag> {
    let tag = match t.kind() {
        Kind::Struct => Tag::StructName,
        Kind::Union => Tag::UnionName,
        Kind::Fwd if t.kind_flag() => Tag::UnionName,
        Kind::Fwd => Tag::StructName,
        Kind::Enum | Kind::Enum64 => Tag::EnumName,
        _ => return None,
    };
    t.is_named().then_some(tag)
}

fn is_forward(t: Type<'_>) -> bool {
    match t.kind() {
        Kind::Fwd => true,
        Kind::Enum | Kind::Enum64 => t.vlen() == 0,
        _ => false,
    }
}

/// Hashes types of a BTF, each once.
struct Hasher<'b> {
    btf: &'b Btf,
    /// How others take in a type, by id: by name where it has one that counts, else by content. Unset where that is
    /// not known yet. Names come first.
    hashes: Hashes,
    stack: Vec<u32>,
}

const UNSET: Hash = Hash { a: 0, b: 0 };

/// A hash for each type. Fresh memory of the system is zero, and so is [`UNSET`]: where nothing is hashed, no memory is
/// touched.
#[derive(Debug)]
struct Hashes(Vec<[u64; 2]>);

impl Hashes {
    fn new(n: usize) -> Self {
        Self(vec![[0; 2]; n])
    }

    #[inline]
    fn get(&self, id: u32) -> Option<Hash> {
        self.0.get(id as usize).map(|&[a, b]| Hash { a, b })
    }

    #[inline]
    fn set(&mut self, id: u32, hash: Hash) {
        self.0[id as usize] = [hash.a, hash.b];
    }
}

impl<'b> Hasher<'b> {
    fn new(btf: &'b Btf) -> Self {
        let mut hashes = Hashes::new(btf.n_types() as usize);
        hashes.set(0, Hash::VOID);
        Self {
            btf,
            hashes,
            stack: Vec::new(),
        }
    }

    fn of(&self, id: TypeId) -> Hash {
        self.hashes.get(id.0).unwrap_or(Hash::VOID)
    }

    /// Makes sure that a type is hashed.
    fn resolve(&mut self, id: u32) {
        self.stack.push(id);
        while let Some(&top) = self.stack.last() {
            if self.of(TypeId(top)) != UNSET {
                self.stack.pop();
                continue;
            }
            let depth = self.stack.len();
            let Some(t) = self.btf.ty(TypeId(top)) else {
                return;
            };
            let (hashes, stack) = (&self.hashes, &mut self.stack);
            t.for_each_ref(|r| {
                if hashes.get(r.0) == Some(UNSET) {
                    stack.push(r.0);
                }
            });
            let hash = if depth > self.hashes.0.len() {
                // A cycle without a name in it: no DWARF type hashes like that, so anything unique will do.
                self.stack.truncate(depth);
                Hash {
                    a: u64::from(top) << 1 | 1,
                    b: !u64::from(top),
                }
            } else if self.stack.len() == depth {
                self.content(t)
            } else {
                continue;
            };
            self.hashes.set(top, hash);
            self.stack.pop();
        }
    }

    fn content(&self, t: Type<'_>) -> Hash {
        content(t, &self.hashes)
    }

    /// The key of a prototype whose references are hashed.
    fn proto_key(&self, t: Type<'_>) -> u64 {
        let params = t.params();
        let ends = (params.clone().next(), params.clone().last());
        let [first, last] = [ends.0, ends.1].map(|p| p.map_or(Hash::VOID, |p| self.of(p.type_id)));
        let ret = self.of(TypeId(t.size_or_type()));
        shape::proto_key(params.len(), ret, first, last)
    }
}

/// The hash of a type's content, given how others take in each type that is hashed.
fn content(t: Type<'_>, hashes: &Hashes) -> Hash {
    let of = |id: TypeId| hashes.get(id.0).unwrap_or(Hash::VOID);
    let child = |id: TypeId| match of(id) {
        // Only a prototype can be left, behind a function.
        UNSET if t.kind() == Kind::Func => match t.btf().ty(id) {
            Some(u) if u.kind() == Kind::FuncProto => content(u, hashes),
            _ => UNSET,
        },
        hash => hash,
    };
    let name = match by_name_tag(t) {
        // What has a name is known by it; see `shape::composite`.
        Some(_) => of(t.id()).a,
        None => t.name_hash(),
    };
    let target = child(t.type_id().unwrap_or(TypeId::VOID));
    match t.kind() {
        Kind::Int => {
            let data = t.words().get(3).copied().unwrap_or(0);
            shape::int(name, t.size_or_type(), data)
        }
        Kind::Float => shape::float(name, t.size_or_type()),
        Kind::Ptr => shape::reference(Tag::Ptr, target),
        Kind::Const => shape::reference(Tag::Const, target),
        Kind::Volatile => shape::reference(Tag::Volatile, target),
        Kind::Restrict => shape::reference(Tag::Restrict, target),
        Kind::TypeTag => shape::type_tag(name, t.kind_flag(), target),
        Kind::Typedef => shape::typedef(name, target),
        Kind::Array => match t.array() {
            Some(a) => shape::array(child(a.elem), child(a.index), a.nelems),
            None => Hash::VOID,
        },
        Kind::Struct | Kind::Union => {
            let tag = if t.kind() == Kind::Struct {
                Tag::Struct
            } else {
                Tag::Union
            };
            let mut m = shape::composite(tag, name, t.size_or_type());
            for f in t.members() {
                let name = t.btf().str_hash(f.name_off);
                shape::member(
                    &mut m,
                    name,
                    f.bit_offset,
                    f.bitfield_size,
                    child(f.type_id),
                );
            }
            shape::composite_end(m, t.vlen() as usize, t.kind_flag())
        }
        Kind::Enum | Kind::Enum64 => {
            let wide = t.kind() == Kind::Enum64;
            let mut m = shape::enumeration(name, t.size_or_type(), wide, t.kind_flag());
            for v in t.enum_values() {
                let name = t.btf().str_hash(v.name_off);
                let value = if wide {
                    v.as_u64()
                } else {
                    u64::from(v.as_u64() as u32)
                };
                m.words(name, value);
            }
            m.done()
        }
        Kind::FuncProto => {
            let mut m = shape::func_proto(target);
            for p in t.params() {
                let name = t.btf().str_hash(p.name_off);
                shape::param(&mut m, name, child(p.type_id));
            }
            m.done()
        }
        Kind::Func => shape::func(name, t.vlen(), target),
        Kind::DeclTag => {
            shape::decl_tag(name, t.component_idx().unwrap_or(-1), t.kind_flag(), target)
        }
        _ => Hash::VOID,
    }
}
