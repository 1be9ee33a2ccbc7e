//! The base BTF, indexed by content hash.
//!
//! A kernel's base has a hundred thousand types, and hashing the names of all their members and parameters is most of
//! what an index costs. A batch of modules asks for so many of them that this is done once and for all
//! ([`Base::indexed`]). One small module asks for a few hundred, and there each file gets an index of its own
//! ([`Base::per_file`]): its DWARF is read first, the base's strings are searched for the names in it, and whatever in
//! the base has another name, or refers to something that does, is no type of the file's and is passed over: most of it
//! by [`crate::sieve`], the rest here.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use btf_builder::{Btf, FoundStrs, Kind, MAX_KIND, StrOff, Type, TypeId};
use hashbrown::HashTable;

use crate::arrays::Arrays;
use crate::shape::{self, Hash, Tag, name_hash};
use crate::sieve::{Candidates, FileNames, KnownNames};
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

/// A base BTF, prepared for encoding on it.
#[derive(Debug)]
pub struct Base {
    btf: Arc<Btf>,
    /// The index of all types; without one each file makes its own.
    index: Option<BaseIndex>,
    /// For indices of single files.
    dedup: DedupIndex,
    /// How it has arrays of several dimensions, once somebody has asked.
    arrays: OnceLock<Arrays>,
}

/// The index for comparing graphs, made when it is first needed.
type DedupIndex = Arc<OnceLock<btf_dedup::BaseIndex>>;

impl Base {
    /// Indexes all types of `btf` (and of its own base, if it has one) at once. Linear in their number and names: some
    /// 30 ms for a distribution's kernel. For encoding many files.
    pub fn indexed(btf: Arc<Btf>) -> Self {
        let dedup = DedupIndex::default();
        let index = BaseIndex::new(Arc::clone(&btf), None, Arc::clone(&dedup));
        Self {
            btf,
            index: Some(index),
            dedup,
            arrays: OnceLock::new(),
        }
    }

    /// Indexes for each file what the file can ask for: 2 to 3 ms for a small module and a distribution's kernel, but
    /// for each anew. Results are those of [`indexed`](Self::indexed). For encoding one file, or a few small ones.
    pub fn per_file(btf: Arc<Btf>) -> Self {
        // Only one section of strings is searched.
        if btf.is_split() {
            return Self::indexed(btf);
        }
        Self {
            btf,
            index: None,
            dedup: DedupIndex::default(),
            arrays: OnceLock::new(),
        }
    }

    /// The BTF.
    pub fn btf(&self) -> &Arc<Btf> {
        &self.btf
    }

    /// How the base has arrays of several dimensions.
    pub(crate) fn arrays(&self) -> Arrays {
        *self.arrays.get_or_init(|| Arrays::of(&self.btf))
    }

    /// The index that serves all files.
    pub(crate) fn index(&self) -> Option<&BaseIndex> {
        self.index.as_ref()
    }

    /// An index for a file that has no names but these, or for any file.
    pub(crate) fn index_for(&self, names: Option<FileNames>) -> BaseIndex {
        let known = names.map(|names| KnownNames::new(&self.btf, names));
        BaseIndex::new(Arc::clone(&self.btf), known, Arc::clone(&self.dedup))
    }
}

/// An index over the types of a base, or over those that one file can ask for.
#[derive(Debug)]
pub(crate) struct BaseIndex {
    btf: Arc<Btf>,
    /// Where the file's names are among the base's strings; `None` if all types are indexed.
    strs: Option<Arc<FoundStrs>>,
    table: HashTable<Entry>,
    names: Vec<BaseName>,
    /// Names with several meanings.
    ambiguous: Vec<u32>,
    /// The ids of types that others do not take in whole, in ascending order, and the numbers of their names. Those with
    /// a name that the file does not have are left out.
    name_of: Vec<(u32, u32)>,
    users: OnceLock<BaseUsers>,
    /// Tells indices of one process apart.
    serial: u64,
    /// How others take in each type, by id. Unset for functions and variables.
    hashes: Hashes,
    /// The functions.
    funcs: Vec<u32>,
    /// Functions by name and prototype: hash and id.
    funcs_by_hash: OnceLock<HashTable<(u64, u32)>>,
    dedup: DedupIndex,
}

/// In an index for one file, the number of all names that the file does not have. Nothing ever asks for it.
const OTHER_NAME: u32 = 0;

/// Who refers to whom in the base, reversed: by type id, and by name.
#[derive(Debug)]
struct BaseUsers {
    /// By type id, whose users are its own: the type itself, or behind all types its name.
    slots: Vec<u32>,
    starts: Vec<u32>,
    users: Vec<u32>,
}

impl BaseIndex {
    fn new(btf: Arc<Btf>, known: Option<KnownNames<'_>>, dedup: DedupIndex) -> Self {
        let indexed = Arc::clone(&btf);
        let mut hasher = Hasher::new(&indexed, known.as_ref());
        let Sorted {
            named,
            nameless,
            funcs,
        } = match hasher.hashes.candidates.clone() {
            Some(candidates) => hasher.hash_candidates(&candidates.ids()),
            None => hasher.hash_all(),
        };

        let mut table = Table(HashTable::with_capacity(named.len() * 2 + nameless.len()));
        let mut names: Vec<BaseName> = Vec::new();
        if known.is_some() {
            names.push(BaseName::default());
        }
        let mut name_of = Vec::with_capacity(named.len());
        for &(id, is_forward) in &named {
            let hash = hasher.hashes.get(TypeId(id));
            let next = names.len() as u32;
            let no = table.insert(hash, NodeId::base_name(next), next).name_no;
            if no == next {
                names.push(BaseName::default());
            }
            name_of.push((id, no));
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
            }
        }
        // Of equal types the first stands for all.
        for id in nameless {
            table.insert(hasher.hashes.get(TypeId(id)), NodeId::base(id), NO_NAME);
        }
        let ambiguous = ambiguous(&indexed, &table, &names, &name_of);
        for (&(id, no), (_, is_forward)) in name_of.iter().zip(named) {
            if let Some(t) = indexed.ty(TypeId(id))
                && !is_forward
                && !hasher.is_foreign(t)
            {
                table.insert(hasher.hashes.content(t), NodeId::base(id), no);
            }
        }
        let hashes = hasher.hashes;
        Self {
            btf,
            strs: known.map(|known| known.strs),
            table: table.0,
            names,
            ambiguous,
            name_of,
            users: OnceLock::new(),
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            hashes,
            funcs,
            funcs_by_hash: OnceLock::new(),
            dedup,
        }
    }

    /// The base's first function of this name, linkage 0 and prototype.
    pub(crate) fn func(&self, name: &[u8], proto: u32) -> Option<u32> {
        let is_it = |&id: &u32| {
            let t = self.btf.ty(TypeId(id));
            t.is_some_and(|t| t.size_or_type() == proto && t.vlen() == 0 && t.name() == name)
        };
        let key = |name: u64, proto: u32| shape::fold(name, u64::from(proto) | 1 << 32);
        let funcs = self.funcs_by_hash.get_or_init(|| {
            let mut funcs = HashTable::with_capacity(self.funcs.len());
            let ids = self.funcs.iter().map(|&id| TypeId(id));
            for t in ids.filter_map(|id| self.btf.ty(id)) {
                let key = key(t.name_hash(), t.size_or_type());
                funcs.insert_unique(key, (key, t.id().0), |f: &(u64, u32)| f.0);
            }
            funcs
        });
        let key = key(name_hash(name), proto);
        let same = funcs.iter_hash(key).filter(|f| f.0 == key);
        same.map(|f| f.1).filter(is_it).min()
    }

    /// The hash by which others take in a type; `None` if the file has no such type.
    pub(crate) fn hash_of(&self, id: u32) -> Option<Hash> {
        match self.hashes.slot(id)? {
            OTHER => None,
            UNSET => Some(self.hashes.content(self.btf.ty(TypeId(id))?)),
            slot => Some(self.hashes.in_slot(Some(slot))),
        }
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
        if let Some(users) = self.users.get() {
            return users
                .slots
                .get(id as usize)?
                .checked_sub(self.btf.n_types());
        }
        if let Ok(at) = self.name_of.binary_search_by_key(&id, |named| named.0) {
            return Some(self.name_of[at].1);
        }
        self.is_other_name(id).then_some(OTHER_NAME)
    }

    /// Whether a type is known by a name that the file does not have.
    fn is_other_name(&self, id: u32) -> bool {
        let t = || self.btf.ty(TypeId(id));
        self.hashes.slot(id) == Some(OTHER) && t().and_then(by_name_tag).is_some()
    }

    /// Calls `f` with the number of the name, if the file has it, and the id of each definition and declaration.
    pub(crate) fn definitions(&self, mut f: impl FnMut(u32, u32)) {
        self.name_of.iter().for_each(|&(id, no)| f(no, id));
    }

    fn users(&self) -> &BaseUsers {
        self.users.get_or_init(|| {
            // Users of a name stand behind those of the types.
            let n = self.btf.n_types() as usize;
            let mut slots: Vec<u32> = (0..n as u32).collect();
            for (id, slot) in (0..).zip(&mut slots) {
                if self.is_other_name(id) {
                    *slot = n as u32 + OTHER_NAME;
                }
            }
            for &(id, no) in &self.name_of {
                slots[id as usize] = n as u32 + no;
            }
            let slot = |r: TypeId| slots.get(r.0 as usize).map(|&slot| slot as usize);
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
            BaseUsers {
                slots,
                starts,
                users,
            }
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
        let s = self.btf.n_types() as usize + no as usize;
        let range = u.starts[s] as usize..u.starts[s + 1] as usize;
        u.users[range].iter().copied().for_each(f);
    }

    /// The number by which a worker knows whether what it remembers of an index is of this one; 0 if the index is so
    /// small that there is nothing to be gained.
    pub(crate) fn serial(&self) -> u64 {
        if self.strs.is_some() { 0 } else { self.serial }
    }

    /// The BTF that is indexed.
    pub(crate) fn btf(&self) -> &Arc<Btf> {
        &self.btf
    }

    /// Where the file's names are among the base's strings, if that was looked for.
    pub(crate) fn strs(&self) -> Option<&Arc<FoundStrs>> {
        self.strs.as_ref()
    }

    /// The node of this hash, and the number of its name.
    #[inline]
    pub(crate) fn find(&self, hash: Hash) -> Option<(NodeId, u32)> {
        let found = self.table.find(hash.a, |e| e.hash == hash)?;
        Some((found.node, found.name_no))
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

/// Names that stand for several types.
fn ambiguous(btf: &Btf, table: &Table, names: &[BaseName], name_of: &[(u32, u32)]) -> Vec<u32> {
    let several = |n: &BaseName| n.n_defs > 1 || (n.n_defs > 0 && n.fwd != 0);
    let mut ambiguous: Vec<u32> = names
        .iter()
        .zip(0..)
        .filter(|(n, _)| several(n))
        .map(|(_, no)| no)
        .collect();
    // A struct and a union of one name.
    for &(id, no) in name_of {
        if let Some(t) = btf.ty(TypeId(id))
            && t.kind() == Kind::Union
        {
            let hash = shape::by_name(Tag::StructName, t.name_hash());
            if let Some(other) = table.find(hash) {
                ambiguous.extend([no, other.name_no]);
            }
        }
    }
    ambiguous.sort_unstable();
    ambiguous.dedup();
    ambiguous
}

/// The tag under which others refer to this type by name, if they do.
fn by_name_tag(t: Type<'_>) -> Option<Tag> {
    name_tag(t.kind(), t).filter(|_| t.is_named())
}

/// As [`by_name_tag`], whether or not the type has a name.
#[inline]
fn name_tag(kind: Kind, t: Type<'_>) -> Option<Tag> {
    match kind {
        Kind::Struct => Some(Tag::StructName),
        Kind::Union => Some(Tag::UnionName),
        Kind::Fwd if t.kind_flag() => Some(Tag::UnionName),
        Kind::Fwd => Some(Tag::StructName),
        Kind::Enum | Kind::Enum64 => Some(Tag::EnumName),
        _ => None,
    }
}

/// The tag of kinds that are known by what they refer to alone.
#[inline]
fn reference_tag(kind: Kind) -> Option<Tag> {
    match kind {
        Kind::Ptr => Some(Tag::Ptr),
        Kind::Const => Some(Tag::Const),
        Kind::Volatile => Some(Tag::Volatile),
        Kind::Restrict => Some(Tag::Restrict),
        _ => None,
    }
}

fn is_forward(t: Type<'_>) -> bool {
    match t.kind() {
        Kind::Fwd => true,
        Kind::Enum | Kind::Enum64 => t.vlen() == 0,
        _ => false,
    }
}

/// Types that are hashed, in ascending order of their ids.
#[derive(Default)]
struct Sorted {
    /// Those that others know by name, and whether they are declarations.
    named: Vec<(u32, bool)>,
    nameless: Vec<u32>,
    /// Functions, hashed or not.
    funcs: Vec<u32>,
}

/// Hashes types of a BTF, each once.
struct Hasher<'b> {
    btf: &'b Btf,
    /// The names that matter; all if `None`.
    known: Option<&'b KnownNames<'b>>,
    hashes: Hashes,
    stack: Vec<u32>,
}

/// The slot of a type that is not hashed.
const UNSET: u32 = 0;

/// The slot of a type that the file does not have.
const OTHER: u32 = 1;

/// The slot of a type that waits for what it refers to.
const OPEN: u32 = u32::MAX;

/// How others take in each type: by name where it has one that counts, else by content.
#[derive(Debug)]
struct Hashes {
    /// The types that the file may have; all if `None`.
    candidates: Option<Arc<Candidates>>,
    /// By type id, or by rank among the candidates: [`UNSET`], [`OTHER`], [`OPEN`], or two more than the index in `list`.
    slots: Vec<u32>,
    list: Vec<Hash>,
}

impl Hashes {
    fn new(n_types: usize, candidates: Option<Candidates>) -> Self {
        let n = candidates.as_ref().map_or(n_types, Candidates::len);
        Self {
            candidates: candidates.map(Arc::new),
            slots: vec![UNSET; n],
            // Memory that is not used costs nothing, growing does.
            list: Vec::with_capacity(n),
        }
    }

    /// Where in `slots` a type is; `None` if it is none of the candidates.
    #[inline]
    fn place(&self, id: u32) -> Option<usize> {
        match &self.candidates {
            Some(candidates) => candidates.rank(id),
            None => Some(id as usize),
        }
    }

    #[inline]
    fn slot(&self, id: u32) -> Option<u32> {
        match self.place(id) {
            Some(at) => self.slots.get(at).copied(),
            None => Some(OTHER),
        }
    }

    #[inline]
    fn set_slot(&mut self, id: u32, to: u32) {
        if let Some(slot) = self.place(id).and_then(|at| self.slots.get_mut(at)) {
            *slot = to;
        }
    }

    /// The hash that a slot stands for, [`Hash::VOID`] if it is of a type that is not hashed.
    #[inline]
    fn in_slot(&self, slot: Option<u32>) -> Hash {
        let at = slot.and_then(|slot| slot.checked_sub(2));
        let hash = at.and_then(|at| self.list.get(at as usize));
        hash.copied().unwrap_or(Hash::VOID)
    }

    #[inline]
    fn get(&self, id: TypeId) -> Hash {
        self.in_slot(self.slot(id.0))
    }

    /// The hash of a type's content, given how others take in each type that is hashed.
    fn content(&self, t: Type<'_>) -> Hash {
        let Ok(hash) = content(t, self);
        hash
    }

    #[inline]
    fn set(&mut self, id: u32, hash: Hash) {
        if let Some(place) = self.place(id) {
            self.set_at(place, hash);
        }
    }

    #[inline]
    fn set_at(&mut self, place: usize, hash: Hash) {
        self.list.push(hash);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = self.list.len() as u32 + 1;
        }
    }
}

impl<'b> Hasher<'b> {
    fn new(btf: &'b Btf, known: Option<&'b KnownNames<'b>>) -> Self {
        let candidates = known.map(|known| Candidates::new(btf, known));
        let mut hashes = Hashes::new(btf.n_types() as usize, candidates);
        hashes.set(0, Hash::VOID);
        Self {
            btf,
            known,
            hashes,
            stack: Vec::new(),
        }
    }

    #[inline(always)]
    fn is_other(&self, off: u32) -> bool {
        self.known.is_some_and(|known| known.is_other(off))
    }

    #[inline(always)]
    fn is_other_param(&self, off: u32) -> bool {
        self.known.is_some_and(|known| known.is_other_param(off))
    }

    /// Whether the file certainly does not have a type, because of a name in it or of a type that it refers to.
    fn is_foreign(&self, t: Type<'_>) -> bool {
        let &[name, _, third, ref tail @ ..] = t.words() else {
            return false;
        };
        if self.known.is_none() {
            return false;
        }
        let other = |off: u32| self.is_other(off);
        let out = |id: u32| self.hashes.slot(id) == Some(OTHER);
        match t.kind() {
            // Not all values of tags come from the file's names.
            Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::DeclTag => out(third),
            Kind::Typedef | Kind::TypeTag | Kind::Func | Kind::Var => other(name) || out(third),
            Kind::Array => tail.iter().take(2).any(|&id| out(id)),
            Kind::FuncProto => {
                let mut params = tail.as_chunks::<2>().0.iter();
                out(third) || params.any(|&[name, ty]| self.is_other_param(name) || out(ty))
            }
            _ if other(name) => true,
            Kind::Struct | Kind::Union => {
                let mut members = tail.as_chunks::<3>().0.iter();
                members.any(|&[name, ty, _]| other(name) || out(ty))
            }
            Kind::Enum => tail.as_chunks::<2>().0.iter().any(|&[name, _]| other(name)),
            Kind::Enum64 => tail
                .as_chunks::<3>()
                .0
                .iter()
                .any(|&[name, ..]| other(name)),
            _ => false,
        }
    }

    /// The hash by which others take in a type, if there is one yet.
    #[inline]
    fn hash(&self, t: Type<'_>) -> Result<Hash, Stop> {
        match by_name_tag(t) {
            Some(tag) => Ok(shape::by_name(tag, self.own_name(t)?)),
            None => content(t, self),
        }
    }

    /// Hashes a type or rules it out. If that takes types that are neither yet, puts it on the stack and these above it
    /// instead.
    #[inline]
    fn try_hash(&mut self, t: Type<'_>) {
        match self.hash(t) {
            Ok(hash) => self.hashes.set(t.id().0, hash),
            Err(Stop::Foreign) => self.hashes.set_slot(t.id().0, OTHER),
            Err(Stop::Waits) => self.wait(t),
        }
    }

    #[cold]
    fn wait(&mut self, t: Type<'_>) {
        let id = t.id().0;
        if self.is_foreign(t) {
            self.hashes.set_slot(id, OTHER);
            return;
        }
        let (hashes, stack) = (&self.hashes, &mut self.stack);
        let mut open = false;
        t.for_each_ref(|r| open |= hashes.slot(r.0) == Some(OPEN));
        if open {
            // A cycle without a name in it: no DWARF type hashes like that, so anything unique will do.
            let hash = Hash {
                a: u64::from(id) << 1 | 1,
                b: !u64::from(id),
            };
            self.hashes.set(id, hash);
            return;
        }
        stack.push(id);
        t.for_each_ref(|r| {
            if hashes.slot(r.0) == Some(UNSET) {
                stack.push(r.0);
            }
        });
        self.hashes.set_slot(id, OPEN);
    }

    /// Hashes all types.
    fn hash_all(&mut self) -> Sorted {
        let mut sorted = Sorted::default();
        self.btf.for_each_type(|t| match t.kind() {
            // Nothing refers to these but decl tags, which see to it themselves.
            Kind::Func => sorted.funcs.push(t.id().0),
            Kind::Var | Kind::Datasec => {}
            kind => {
                self.resolve(t);
                match name_tag(kind, t).filter(|_| t.is_named()) {
                    Some(_) => sorted.named.push((t.id().0, is_forward(t))),
                    None => sorted.nameless.push(t.id().0),
                }
            }
        });
        sorted
    }

    /// Hashes the candidates, of which these are the ids, and rules out some of them.
    fn hash_candidates(&mut self, ids: &[u32]) -> Sorted {
        let btf = self.btf;
        let (records, index) = (btf.type_words(), btf.type_index());
        let mut sorted = Sorted::default();
        // Void is the first.
        let heads = ids.iter().zip(0..).skip(1).filter_map(|(&id, rank)| {
            let at = *index.get(id as usize - 1)?;
            let &[_, info, third] = records.get(at as usize..)?.first_chunk()?;
            let kind = Kind::from_u32(info >> 24 & MAX_KIND).unwrap_or(Kind::Unknown);
            Some((rank, id, kind, third))
        });
        // What is known by name waits for nothing. With that hashed, little else has to wait.
        let may_have_name = |kind: Kind| kind.is_composite() || kind.is_any_enum();
        for (_, id, kind, _) in heads.clone() {
            if (may_have_name(kind) || kind == Kind::Fwd)
                && let Some(t) = btf.ty(TypeId(id))
                && let Some(tag) = name_tag(kind, t).filter(|_| t.is_named())
                && let Ok(name) = self.own_name(t)
            {
                self.hashes.set(id, shape::by_name(tag, name));
                sorted.named.push((id, is_forward(t)));
            }
        }
        let mut named = sorted.named.iter().peekable();
        for (rank, id, kind, third) in heads {
            if named.next_if(|named| named.0 == id).is_some() {
                continue;
            }
            match kind {
                // As in `hash_all`.
                Kind::Func => {
                    sorted.funcs.push(id);
                    continue;
                }
                Kind::Var | Kind::Datasec => continue,
                _ if self.hashes.slots[rank] != UNSET => {}
                _ => match (reference_tag(kind), self.hashes.slot(third)) {
                    (Some(_), Some(OTHER)) => self.hashes.slots[rank] = OTHER,
                    (Some(tag), target @ Some(slot)) if slot != UNSET && slot != OPEN => {
                        let target = self.hashes.in_slot(target);
                        self.hashes.set_at(rank, shape::reference(tag, target));
                    }
                    _ => btf.ty(TypeId(id)).into_iter().for_each(|t| self.resolve(t)),
                },
            }
            if self.hashes.slots[rank] != OTHER {
                sorted.nameless.push(id);
            }
        }
        sorted
    }

    /// Makes sure that a type is hashed or ruled out.
    #[inline]
    fn resolve(&mut self, t: Type<'_>) {
        if self.hashes.slot(t.id().0) == Some(UNSET) {
            self.try_hash(t);
            if !self.stack.is_empty() {
                self.resolve_stack();
            }
        }
    }

    #[cold]
    fn resolve_stack(&mut self) {
        while let Some(top) = self.stack.pop() {
            if let (Some(UNSET | OPEN), Some(t)) = (self.hashes.slot(top), self.btf.ty(TypeId(top)))
            {
                self.try_hash(t);
            }
        }
    }
}

/// What a hash of content is made of.
trait Parts {
    /// Why there is no such part.
    type Stop;

    /// What a type's own name puts in.
    fn own_name(&self, t: Type<'_>) -> Result<u64, Self::Stop>;

    /// What the name at `off` of one of its members or values puts in.
    fn name(&self, t: Type<'_>, off: StrOff) -> Result<u64, Self::Stop>;

    /// What the name at `off` of one of its parameters puts in.
    fn param_name(&self, t: Type<'_>, off: StrOff) -> Result<u64, Self::Stop>;

    /// What a type puts in that others refer to.
    fn ty(&self, id: TypeId) -> Result<Hash, Self::Stop>;
}

/// Why there is no hash of a type yet.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// The file does not have it.
    Foreign,
    /// It refers to types that have no hash yet.
    Waits,
}

/// Where all parts are known, or do not matter.
impl Parts for Hashes {
    type Stop = Infallible;

    fn own_name(&self, t: Type<'_>) -> Result<u64, Infallible> {
        Ok(match by_name_tag(t) {
            // What has a name is known by it; see `shape::composite`.
            Some(_) => self.get(t.id()).a,
            None => t.name_hash(),
        })
    }

    fn name(&self, t: Type<'_>, off: StrOff) -> Result<u64, Infallible> {
        Ok(t.btf().str_hash(off))
    }

    fn param_name(&self, t: Type<'_>, off: StrOff) -> Result<u64, Infallible> {
        self.name(t, off)
    }

    fn ty(&self, id: TypeId) -> Result<Hash, Infallible> {
        Ok(self.get(id))
    }
}

impl Parts for Hasher<'_> {
    type Stop = Stop;

    #[inline]
    fn own_name(&self, t: Type<'_>) -> Result<u64, Stop> {
        // Not all values of tags come from the file's names.
        match t.kind() {
            Kind::DeclTag => Ok(t.name_hash()),
            _ => self.name(t, t.name_off()),
        }
    }

    #[inline]
    fn name(&self, t: Type<'_>, off: StrOff) -> Result<u64, Stop> {
        match self.is_other(off.0) {
            true => Err(Stop::Foreign),
            false => Ok(t.btf().str_hash(off)),
        }
    }

    #[inline]
    fn param_name(&self, t: Type<'_>, off: StrOff) -> Result<u64, Stop> {
        match self.is_other_param(off.0) {
            true => Err(Stop::Foreign),
            false => Ok(t.btf().str_hash(off)),
        }
    }

    #[inline]
    fn ty(&self, id: TypeId) -> Result<Hash, Stop> {
        match self.hashes.slot(id.0) {
            Some(OTHER) => Err(Stop::Foreign),
            Some(UNSET | OPEN) => Err(Stop::Waits),
            slot => Ok(self.hashes.in_slot(slot)),
        }
    }
}

/// The hash of a type's content.
#[inline]
fn content<P: Parts>(t: Type<'_>, parts: &P) -> Result<Hash, P::Stop> {
    let own_name = || parts.own_name(t);
    let target = || parts.ty(t.type_id().unwrap_or(TypeId::VOID));
    match t.kind() {
        Kind::Int => {
            let data = t.words().get(3).copied().unwrap_or(0);
            Ok(shape::int(own_name()?, t.size_or_type(), data))
        }
        Kind::Float => Ok(shape::float(own_name()?, t.size_or_type())),
        kind if let Some(tag) = reference_tag(kind) => Ok(shape::reference(tag, target()?)),
        Kind::TypeTag => Ok(shape::type_tag(own_name()?, t.kind_flag(), target()?)),
        Kind::Typedef => Ok(shape::typedef(own_name()?, target()?)),
        Kind::Array => match t.array() {
            Some(a) => Ok(shape::array(
                parts.ty(a.elem)?,
                parts.ty(a.index)?,
                a.nelems,
            )),
            None => Ok(Hash::VOID),
        },
        Kind::Struct | Kind::Union => {
            let tag = if t.kind() == Kind::Struct {
                Tag::Struct
            } else {
                Tag::Union
            };
            let mut m = shape::composite(tag, own_name()?, t.size_or_type());
            for f in t.members() {
                let (name, ty) = (parts.name(t, f.name_off)?, parts.ty(f.type_id)?);
                shape::member(&mut m, name, f.bit_offset, f.bitfield_size, ty);
            }
            Ok(shape::composite_end(m, t.vlen() as usize, t.kind_flag()))
        }
        Kind::Enum | Kind::Enum64 => {
            let wide = t.kind() == Kind::Enum64;
            let mut m = shape::enumeration(own_name()?, t.size_or_type(), wide, t.kind_flag());
            for v in t.enum_values() {
                let value = if wide {
                    v.as_u64()
                } else {
                    u64::from(v.as_u64() as u32)
                };
                m.words(parts.name(t, v.name_off)?, value);
            }
            Ok(m.done())
        }
        Kind::FuncProto => {
            let mut m = shape::func_proto(target()?);
            for p in t.params() {
                shape::param(
                    &mut m,
                    parts.param_name(t, p.name_off)?,
                    parts.ty(p.type_id)?,
                );
            }
            Ok(m.done())
        }
        Kind::Func => Ok(shape::func(own_name()?, t.vlen(), target()?)),
        Kind::DeclTag => {
            let component = t.component_idx().unwrap_or(-1);
            Ok(shape::decl_tag(
                own_name()?,
                component,
                t.kind_flag(),
                target()?,
            ))
        }
        _ => Ok(Hash::VOID),
    }
}
