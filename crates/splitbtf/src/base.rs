//! The base BTF, indexed by content hash.

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
    /// How others take in each type, by id.
    hashes: Vec<Hash>,
    dedup: OnceLock<btf_dedup::BaseIndex>,
}

/// Who refers to whom in the base, reversed: by type id, and by name.
#[derive(Debug)]
struct BaseUsers {
    starts: Vec<u32>,
    users: Vec<u32>,
}

impl BaseIndex {
    /// Indexes all types of `btf` (and of its own base, if it has one). Linear in their number.
    pub fn new(btf: Arc<Btf>) -> Self {
        let n = btf.n_types();
        let indexed = Arc::clone(&btf);
        let mut hasher = Hasher::new(&indexed);
        let mut table: HashTable<Entry> = HashTable::with_capacity(n as usize + n as usize / 4);
        let mut names: Vec<BaseName> = Vec::new();
        let mut name_of = vec![NO_NAME; n as usize];
        for id in 1..n {
            let Some(t) = btf.ty(TypeId(id)) else {
                continue;
            };
            hasher.resolve(id);
            if matches!(t.kind(), Kind::Var | Kind::Datasec) {
                continue;
            }
            let mut name_no = NO_NAME;
            let named = by_name_tag(t);
            if named.is_some() {
                let hash = hasher.of(TypeId(id));
                let found = table.find(hash.a, |e| e.hash == hash).map(|e| e.name_no);
                name_no = found.unwrap_or_else(|| {
                    let no = names.len() as u32;
                    names.push(BaseName::default());
                    let entry = Entry {
                        hash,
                        node: NodeId::base_name(no),
                        name_no: no,
                    };
                    table.insert_unique(hash.a, entry, |e| e.hash.a);
                    no
                });
                name_of[id as usize] = name_no;
                let name = &mut names[name_no as usize];
                if is_forward(t) {
                    if name.fwd == 0 {
                        name.fwd = id;
                    }
                    continue;
                }
                if name.def == 0 {
                    name.def = id;
                }
                name.n_defs += 1;
            }
            let h = if named.is_some() {
                t.for_each_ref(|r| hasher.resolve(r.0));
                hasher.content(t)
            } else {
                hasher.of(TypeId(id))
            };
            // Of equal types the first stands for all.
            if table.find(h.a, |e| e.hash == h).is_none() {
                let entry = Entry {
                    hash: h,
                    node: NodeId::base(id),
                    name_no,
                };
                table.insert_unique(h.a, entry, |e| e.hash.a);
            }
        }
        let several = |n: &BaseName| n.n_defs > 1 || (n.n_defs > 0 && n.fwd != 0);
        let mut ambiguous: Vec<u32> = names
            .iter()
            .zip(0..)
            .filter(|(n, _)| several(n))
            .map(|(_, no)| no)
            .collect();
        // A struct and a union of one name.
        for (id, &no) in (0u32..).zip(&name_of) {
            let Some(t) = btf.ty(TypeId(id)) else {
                continue;
            };
            if no != NO_NAME && t.kind() == Kind::Union {
                let hash = shape::by_name(Tag::StructName, name_hash(t.name()));
                if let Some(other) = table.find(hash.a, |e| e.hash == hash) {
                    ambiguous.extend([no, other.name_no]);
                }
            }
        }
        ambiguous.sort_unstable();
        ambiguous.dedup();
        let hashes = hasher.hashes;
        Self {
            btf,
            table,
            names,
            ambiguous,
            name_of,
            users: OnceLock::new(),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            hashes,
            dedup: OnceLock::new(),
        }
    }

    /// The hash by which others take in a type.
    pub(crate) fn hash_of(&self, id: u32) -> Option<Hash> {
        self.hashes.get(id as usize).copied()
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

    #[inline]
    pub(crate) fn find(&self, hash: Hash) -> Option<(NodeId, u32)> {
        self.table
            .find(hash.a, |e| e.hash == hash)
            .map(|e| (e.node, e.name_no))
    }

    pub(crate) fn names(&self) -> &[BaseName] {
        &self.names
    }
}

/// The tag under which others refer to this type by name, if they do.
pub(crate) fn by_name_tag(t: Type<'_>) -> Option<Tag> {
    if t.name().is_empty() {
        return None;
    }
    Some(match t.kind() {
        Kind::Struct => Tag::StructName,
        Kind::Union => Tag::UnionName,
        Kind::Fwd if t.kind_flag() => Tag::UnionName,
        Kind::Fwd => Tag::StructName,
        Kind::Enum | Kind::Enum64 => Tag::EnumName,
        _ => return None,
    })
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
    /// not known yet.
    hashes: Vec<Hash>,
    stack: Vec<u32>,
}

const UNSET: Hash = Hash { a: 0, b: 0 };

impl<'b> Hasher<'b> {
    fn new(btf: &'b Btf) -> Self {
        let by_name = |id| match btf.ty(TypeId(id)) {
            Some(t) => by_name_tag(t).map_or(UNSET, |tag| shape::by_name(tag, name_hash(t.name()))),
            None => Hash::VOID,
        };
        let mut hashes: Vec<Hash> = (0..btf.n_types()).map(by_name).collect();
        hashes[0] = Hash::VOID;
        Self {
            btf,
            hashes,
            stack: Vec::new(),
        }
    }

    fn of(&self, id: TypeId) -> Hash {
        self.hashes
            .get(id.0 as usize)
            .copied()
            .unwrap_or(Hash::VOID)
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
                if hashes.get(r.0 as usize) == Some(&UNSET) {
                    stack.push(r.0);
                }
            });
            let hash = if depth > self.hashes.len() {
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
            self.hashes[top as usize] = hash;
            self.stack.pop();
        }
    }

    fn content(&self, t: Type<'_>) -> Hash {
        let name = match by_name_tag(t) {
            // What has a name is known by it; see `shape::composite`.
            Some(_) => self.of(t.id()).a,
            None => name_hash(t.name()),
        };
        let child = |id: TypeId| self.of(id);
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
                    let name = name_hash(self.btf.str_at(f.name_off).unwrap_or_default());
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
                    let name = name_hash(self.btf.str_at(v.name_off).unwrap_or_default());
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
                    let name = name_hash(self.btf.str_at(p.name_off).unwrap_or_default());
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
}
