//! Types that their hash does not tell apart.
//!
//! A tainted type ([`crate::settle`]) stands for different things in CUs that see different definitions of the names
//! it reaches. CUs that agree on all ambiguous names form a *class*; within a class a type's hash says everything
//! again, so that one copy for each class and node is enough however many CUs repeat it. The copies of all classes
//! are then compared as graphs, against each other and against the base, by [`btf_dedup`]; what they refer to outside
//! of the tainted part is known to differ and stands as an opaque leaf there.
//!
//! Where a CU has two definitions under one name (scopes of C++ and of function bodies, units read as one), nodes do
//! not say which of them a reference means. Such a CU is read once more, and its tainted types are copied with the
//! references that its DIEs have: copies *verbatim*.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use btf_builder::{Btf, Kind, TypeId, make_info, record_shape};
use hashbrown::HashMap;

use crate::assemble::{Names, write_record};
use crate::base::BaseIndex;
use crate::cu::{NameSet, Worker};
use crate::error::ErrorKind;
use crate::func::Captured;
use crate::settle::Taint;
use crate::store::{Frozen, Key, NO_NAME, NodeId, NodeKind, Place, UNROOTED, put_str};
use crate::text::Text;
use crate::vars::VarRec;

type Result<T> = std::result::Result<T, ErrorKind>;

/// What one CU holds, as far as settling asks.
#[derive(Debug)]
pub(crate) struct CuOut {
    pub(crate) cu: u32,
    pub(crate) mentioned: NameSet,
    /// The node of each type DIE, the definition's own for definitions with a name; then those of decl tags.
    pub(crate) nodes: Vec<u32>,
}

/// What a class agrees on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Env {
    /// The definition of each seed that has one, in order of the seeds' numbers.
    defs: Vec<(u32, u32)>,
    /// Every name of the base means what it means in the base, so that the base's types can be used as they are.
    as_base: bool,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Shared { class: u32, node: NodeId },
    Verbatim { kind: NodeKind, off: u32, len: u32 },
}

#[derive(Debug, Clone, Copy)]
struct CopyRec {
    key: Key,
    source: Source,
}

/// What a copy turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A type of the base.
    Base(u32),
    /// The same as this copy, possibly itself.
    Copy(u32),
}

/// All copies of one file.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    classes: Vec<Env>,
    /// The class of each affected CU.
    class_of: BTreeMap<u32, u32>,
    recs: Vec<CopyRec>,
    shared: HashMap<(u32, u32), u32>,
    /// The first copy of the definition of each name that the module completes.
    completed: BTreeMap<u32, u32>,
    /// Words of verbatim copies, laid out as in [`crate::store`].
    words: Vec<u32>,
    /// Prototypes of functions of verbatim CUs, by the function's key.
    protos: BTreeMap<Key, u32>,
    /// Types of variables of verbatim CUs, by the variable's key.
    var_types: BTreeMap<Key, NodeId>,
    pub(crate) fates: Vec<Fate>,
}

/// What the copies are made from.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) store: &'a Frozen,
    pub(crate) base: Option<&'a BaseIndex>,
    pub(crate) taint: &'a Taint,
    pub(crate) defs: &'a [(u32, u32)],
}

impl<'a> Ground<'a> {
    /// The store's first definition under a name.
    pub(crate) fn definition(&self, name_no: u32) -> Option<u32> {
        let at = self.defs.partition_point(|d| d.0 < name_no);
        self.defs.get(at).filter(|d| d.0 == name_no).map(|d| d.1)
    }

    /// The number of the name that a node is, or defines.
    fn name_no(&self, node: NodeId) -> u32 {
        match node.place() {
            Place::Base(id) => self.base.and_then(|b| b.name_of(id)).unwrap_or(NO_NAME),
            Place::BaseName(no) => no,
            Place::Store(i) => self.store.node(i).name_no,
            Place::Copy(_) => NO_NAME,
        }
    }

    fn is_name(&self, node: NodeId) -> bool {
        match node.place() {
            Place::BaseName(_) => true,
            Place::Store(i) => self.store.node(i).kind.is_name(),
            _ => false,
        }
    }

    /// How a base type is taken in by others.
    fn base_node(&self, id: u32) -> NodeId {
        match self.base.and_then(|b| b.name_of(id)) {
            Some(no) => NodeId::base_name(no),
            None => NodeId::base(id),
        }
    }

    /// Whether a seed that a CU mentions means there what it means in the base.
    fn is_as_base(&self, no: u32, def: Option<NodeId>) -> bool {
        let Some(name) = self.base.and_then(|b| b.names().get(no as usize)) else {
            return true;
        };
        let plain = name.n_defs == 1 && name.fwd == 0;
        match def {
            Some(def) => plain && def == NodeId::base(name.def),
            // Where the module has a definition of its own, it is up to the types that meet whose is declared.
            None => name.n_defs == 0 || (plain && self.definition(no).is_none()),
        }
    }
}

impl Copies {
    pub(crate) fn len(&self) -> usize {
        self.recs.len()
    }

    /// Copies the tainted types of all CUs that mention a tainted name. Returns the CUs that have to be copied
    /// verbatim.
    pub(crate) fn shared(g: Ground<'_>, cus: &[CuOut], everything: bool) -> (Self, Vec<u32>) {
        let mut copies = Self::default();
        let mut verbatim = Vec::new();
        if everything {
            return (copies, cus.iter().map(|c| c.cu).collect());
        }
        let mut classes: BTreeMap<Env, u32> = BTreeMap::new();
        let mut tainted: Vec<(u32, NodeId)> = Vec::new();
        for cu in cus {
            if !cu.mentioned.intersects(&g.taint.names) {
                continue;
            }
            tainted.clear();
            let mut defs: BTreeMap<u32, u32> = BTreeMap::new();
            let mut ambiguous = false;
            for (order, &raw) in (0u32..).zip(&cu.nodes) {
                let node = NodeId::from_raw(raw);
                if !g.taint.has(node) {
                    continue;
                }
                tainted.push((order, node));
                let no = g.name_no(node);
                if no != NO_NAME && g.taint.is_seed(no) && !g.is_name(node) {
                    ambiguous |= *defs.entry(no).or_insert(raw) != raw;
                }
            }
            if ambiguous {
                verbatim.push(cu.cu);
                continue;
            }
            let as_base = g.taint.seeds().iter().all(|&no| {
                !cu.mentioned.contains(no)
                    || g.is_as_base(no, defs.get(&no).map(|&raw| NodeId::from_raw(raw)))
            });
            let env = Env {
                defs: defs.into_iter().collect(),
                as_base: as_base && g.base.is_some(),
            };
            let class = match classes.get(&env) {
                Some(&class) => class,
                None => {
                    let class = copies.classes.len() as u32;
                    copies.classes.push(env.clone());
                    classes.insert(env, class);
                    class
                }
            };
            copies.class_of.insert(cu.cu, class);
            for &(order, node) in &tainted {
                let key = u64::from(cu.cu) << 32 | u64::from(order);
                copies.add(g, class, node, key);
            }
        }
        copies.unroot_declarations(g);
        (copies, verbatim)
    }

    /// A declaration of what its own class defines is there for nobody: all who say the name mean the definition.
    fn unroot_declarations(&mut self, g: Ground<'_>) {
        for c in 0..self.recs.len() {
            let Source::Shared { class, node } = self.recs[c].source else {
                continue;
            };
            if g.is_name(node) && self.named(g, class, node) != NodeId::copy(c as u32) {
                self.recs[c].key = UNROOTED;
            }
        }
    }

    fn add(&mut self, g: Ground<'_>, class: u32, node: NodeId, key: Key) -> Option<u32> {
        let of_base = match node.place() {
            Place::Base(id) => !g.taint.is_loose(id),
            Place::BaseName(_) => true,
            Place::Store(_) | Place::Copy(_) => false,
        };
        if of_base && self.classes[class as usize].as_base {
            return None;
        }
        let next = self.recs.len() as u32;
        let at = *self.shared.entry((class, node.raw())).or_insert(next);
        if at == next {
            self.recs.push(CopyRec {
                key,
                source: Source::Shared { class, node },
            });
            let no = g.name_no(node);
            if no != NO_NAME && !g.is_name(node) && g.taint.is_completed(no) {
                self.completed.entry(no).or_insert(at);
            }
        } else {
            let rec = &mut self.recs[at as usize];
            rec.key = rec.key.min(key);
        }
        Some(at)
    }

    /// What a node that a function of CU `cu` needs is there: a copy if it is tainted.
    pub(crate) fn in_cu(&mut self, g: Ground<'_>, cu: u32, node: NodeId) -> NodeId {
        if !g.taint.has(node) {
            return node;
        }
        let Some(&class) = self.class_of.get(&cu) else {
            return node;
        };
        if g.is_name(node) {
            return self.named(g, class, node);
        }
        match self.add(g, class, node, UNROOTED) {
            Some(c) => NodeId::copy(c),
            None => node,
        }
    }

    /// What a type refers to, seen from a class.
    fn seen_from(&self, g: Ground<'_>, class: u32, node: NodeId) -> NodeId {
        if !g.taint.has(node) {
            return node;
        }
        if g.is_name(node) {
            return self.named(g, class, node);
        }
        match self.shared.get(&(class, node.raw())) {
            Some(&c) => NodeId::copy(c),
            None => node,
        }
    }

    /// What a tainted name stands for in a class.
    fn named(&self, g: Ground<'_>, class: u32, node: NodeId) -> NodeId {
        let no = g.name_no(node);
        let env = &self.classes[class as usize];
        let copy = |n: NodeId| self.shared.get(&(class, n.raw())).map(|&c| NodeId::copy(c));
        // The base's declaration is of what the module defines, even for a CU that has not seen the definition
        // (libbpf redirects the base's FWD in `btf_dedup_merge_hypot_map`).
        if env.defs.binary_search_by_key(&no, |d| d.0).is_err()
            && let Some(&c) = self.completed.get(&no)
        {
            return NodeId::copy(c);
        }
        let of_seed = env
            .defs
            .binary_search_by_key(&no, |d| d.0)
            .ok()
            .map(|i| env.defs[i].1);
        let def = match of_seed {
            Some(raw) => Some(NodeId::from_raw(raw)),
            None if g.taint.is_seed(no) => None,
            None => {
                let of_base = g
                    .base
                    .and_then(|b| b.names().get(no as usize))
                    .filter(|n| n.def != 0);
                g.definition(no)
                    .map(NodeId::store)
                    .or(of_base.map(|n| NodeId::base(n.def)))
            }
        };
        // In a class that sees names as the base does, what is not copied is the base's own.
        def.and_then(copy).or_else(|| copy(node)).unwrap_or(node)
    }

    /// The tainted types of the worker's unit, each with the references its DIE has.
    pub(crate) fn verbatim(w: &mut Worker<'_, '_>, cu: u32, taint: &Taint) -> Verbatim {
        let mut part = Verbatim::default();
        let n = w.unit.types.len();
        part.of_local.resize(n, NO_COPY);
        let mut order: Vec<u32> = (0..n as u32)
            .filter(|&i| w.is_tainted(i as usize, taint))
            .collect();
        order.sort_by_key(|&i| w.unit.types[i as usize].order);
        for (c, &i) in order.iter().enumerate() {
            part.of_local[i as usize] = c as u32;
        }
        for &i in &order {
            let off = part.words.len() as u32;
            let mut words = std::mem::take(&mut part.words);
            let kind = w.copy_record(i as usize, &mut words, &|w, i| match i {
                None => NodeId::VOID,
                Some(i) => part.local_index_node(w, i, 0),
            });
            part.words = words;
            let key = u64::from(cu) << 32 | u64::from(w.unit.types[i as usize].order);
            let len = part.words.len() as u32 - off;
            part.recs.push(CopyRec {
                key,
                source: Source::Verbatim { kind, off, len },
            });
        }
        if w.features.decl_tag {
            part.decl_tags(w, cu);
        }
        part
    }

    /// Adds a CU's verbatim copies behind the others.
    pub(crate) fn append(&mut self, mut part: Verbatim) {
        let shift = self.recs.len() as u32;
        let word_shift = self.words.len() as u32;
        for r in &mut part.recs {
            let Source::Verbatim { kind, off, len } = &mut r.source else {
                continue;
            };
            let words = &mut part.words[*off as usize..(*off + *len) as usize];
            crate::store::for_each_ref_mut(*kind, words, |raw| {
                if let Place::Copy(c) = NodeId::from_raw(*raw).place() {
                    *raw = NodeId::copy(c + shift).raw();
                }
            });
            *off += word_shift;
        }
        self.recs.append(&mut part.recs);
        self.words.append(&mut part.words);
        self.protos
            .extend(part.protos.iter().map(|&(k, c)| (k, c + shift)));
        self.var_types
            .extend(part.var_types.iter().map(|&(k, n)| match n.place() {
                Place::Copy(c) => (k, NodeId::copy(c + shift)),
                _ => (k, n),
            }));
    }

    /// The prototype of a function of a verbatim CU.
    pub(crate) fn verbatim_proto(&self, key: Key) -> Option<NodeId> {
        self.protos.get(&key).map(|&c| NodeId::copy(c))
    }

    /// The type of a variable of a verbatim CU.
    pub(crate) fn verbatim_var(&self, key: Key) -> Option<NodeId> {
        self.var_types.get(&key).copied()
    }

    /// Appends the BTF record of a copy; `id` gives the ids of what it refers to.
    pub(crate) fn write(
        &self,
        g: Ground<'_>,
        c: u32,
        btf: &mut Btf,
        text: &Text<'_>,
        names: &mut Names,
        id: &mut dyn FnMut(NodeId) -> u32,
        out: &mut Vec<u32>,
    ) {
        match self.recs[c as usize].source {
            Source::Verbatim { kind, off, len } => {
                let record = &self.words[off as usize..(off + len) as usize];
                write_record(btf, text, names, kind, record, id, out);
            }
            Source::Shared { class, node } => {
                let mut id = |n: NodeId| id(self.seen_from(g, class, n));
                match node.place() {
                    Place::Store(i) => {
                        let (kind, record) = (g.store.node(i).kind, g.store.record(i));
                        write_record(btf, text, names, kind, record, id, out);
                    }
                    Place::Base(n) => write_base_record(g, n, &mut id, out),
                    Place::BaseName(no) => write_base_name(g, no, out),
                    Place::Copy(_) => {}
                }
            }
        }
    }

    /// Compares all copies and fills in [`Self::fates`].
    pub(crate) fn dedup(&mut self, g: Ground<'_>, text: &Text<'_>, new_btf: Btf) -> Result<()> {
        let mut btf = new_btf;
        let start = btf.n_types();
        let n = self.recs.len() as u32;
        // Copies first, in order of their keys, so that the earliest of equal ones is kept; then the leaves.
        let mut order: Vec<u32> = (0..n).collect();
        order.sort_by_key(|&c| (self.recs[c as usize].key, c));
        let mut id_of = vec![0u32; n as usize];
        for (at, &c) in order.iter().enumerate() {
            id_of[c as usize] = start + at as u32;
        }
        let mut leaves: HashMap<u32, u32> = HashMap::new();
        let mut leaf_order = Vec::new();
        let mut words = Vec::new();
        let mut names = Names::new(order.len());
        for &c in &order {
            let mut id = |node: NodeId| match node.place() {
                Place::Copy(c) => id_of[c as usize],
                Place::Base(id) => id,
                Place::BaseName(no) => base_name_id(g, no),
                Place::Store(i) => *leaves.entry(i).or_insert_with(|| {
                    leaf_order.push(i);
                    start + n + leaf_order.len() as u32 - 1
                }),
            };
            self.write(g, c, &mut btf, text, &mut names, &mut id, &mut words);
        }
        names.check()?;
        btf.push_records(words)?;
        for i in leaf_order {
            // No identifier starts like this, so that a leaf is like no type but itself.
            let name = btf.intern_str(format!("\u{1}{i}").as_bytes())?.0;
            btf.push_raw(&[name, make_info(Kind::Int, 0, false), 4, 32])?;
        }
        let mut opts = btf_dedup::DedupOpts::default();
        opts.drop_unused_strings = false;
        let map = match g.base {
            Some(base) => btf_dedup::dedup_split(&mut btf, base.dedup_index()?, &opts)?,
            None => btf_dedup::dedup(&mut btf, &opts)?,
        };
        // The copy that stands for each type that is left: the first of its kind.
        let mut stands: Vec<Option<u32>> = vec![None; map.n_after() as usize];
        let kept = |id: TypeId| id.0.checked_sub(start).map(|i| i as usize);
        for pass in 0..2 {
            for &c in &order {
                let Some(i) = kept(map.get(TypeId(id_of[c as usize]))) else {
                    continue;
                };
                let same = pass == 1 || self.is_like(g, c, &btf, start + i as u32);
                if stands[i].is_none() && same {
                    stands[i] = Some(c);
                }
            }
        }
        self.fates = (0..n)
            .map(|c| {
                let id = map.get(TypeId(id_of[c as usize]));
                match kept(id) {
                    None => Fate::Base(id.0),
                    Some(i) => Fate::Copy(stands[i].unwrap_or(c)),
                }
            })
            .collect();
        Ok(())
    }

    /// Whether a copy can stand for a type: a declaration cannot for a definition.
    fn is_like(&self, g: Ground<'_>, c: u32, btf: &Btf, id: u32) -> bool {
        let is_fwd = match self.recs[c as usize].source {
            Source::Verbatim { kind, .. } => kind.is_name(),
            Source::Shared { node, .. } => g.is_name(node),
        };
        let Some(t) = btf.ty(TypeId(id)) else {
            return false;
        };
        let wants_fwd = t.kind() == Kind::Fwd
            || (matches!(t.kind(), Kind::Enum | Kind::Enum64) && t.vlen() == 0);
        is_fwd == wants_fwd
    }

    /// Copies to be emitted among the types, with their keys.
    pub(crate) fn emitted(&self) -> impl Iterator<Item = (Key, u32)> + '_ {
        (0u32..).zip(&self.recs).filter_map(|(c, r)| {
            let own = self.fates[c as usize] == Fate::Copy(c);
            if own && r.key != UNROOTED {
                Some((r.key, c))
            } else {
                None
            }
        })
    }

    /// Whether a copy is a typedef, and what it leads to.
    pub(crate) fn typedef(&self, g: Ground<'_>, c: u32) -> Option<(dwarf_reader::Str, NodeId)> {
        let (kind, record, class) = match self.recs[c as usize].source {
            Source::Verbatim { kind, off, len } => {
                (kind, &self.words[off as usize..(off + len) as usize], None)
            }
            Source::Shared { class, node } => match node.place() {
                Place::Store(i) => (g.store.node(i).kind, g.store.record(i), Some(class)),
                _ => return None,
            },
        };
        if kind != NodeKind::Typedef {
            return None;
        }
        let target = NodeId::from_raw(record[2]);
        let target = class.map_or(target, |class| self.seen_from(g, class, target));
        Some((crate::store::get_str(record), target))
    }
}

const NO_COPY: u32 = u32::MAX;

/// The copies of one CU, before they join the others.
#[derive(Debug, Default)]
pub(crate) struct Verbatim {
    recs: Vec<CopyRec>,
    words: Vec<u32>,
    protos: Vec<(Key, u32)>,
    var_types: Vec<(Key, NodeId)>,
    of_local: Vec<u32>,
}

impl Verbatim {
    fn decl_tags(&mut self, w: &Worker<'_, '_>, cu: u32) {
        for (n, t) in w.unit.decl_tags.iter().enumerate() {
            let dwarf_reader::TagTarget::Type(i) = t.target else {
                continue;
            };
            let c = self.of_local[i as usize];
            if c == NO_COPY {
                continue;
            }
            let off = self.words.len() as u32;
            put_str(&mut self.words, t.value);
            self.words
                .extend([0, t.component as u32, NodeId::copy(c).raw()]);
            let key = u64::from(cu) << 32 | (0x8000_0000 + n as u64);
            let source = Source::Verbatim {
                kind: NodeKind::DeclTag,
                off,
                len: 5,
            };
            self.recs.push(CopyRec { key, source });
        }
    }

    fn local_node(&self, w: &mut Worker<'_, '_>, r: dwarf_reader::TypeRef) -> NodeId {
        match w.unit.type_at(r) {
            None => NodeId::VOID,
            Some(i) => self.local_index_node(w, i, 0),
        }
    }

    fn local_index_node(&self, w: &mut Worker<'_, '_>, i: usize, depth: u32) -> NodeId {
        match self.of_local[i] {
            NO_COPY => match w.alias_of(i) {
                // Qualifiers that leave no trace, and stubs.
                Some(r) if depth < 64 => match w.unit.type_at(r) {
                    Some(j) if j != i => self.local_index_node(w, j, depth + 1),
                    _ => NodeId::VOID,
                },
                _ => w.node_of(i as u32),
            },
            c => NodeId::copy(c),
        }
    }

    /// Prototypes of the unit's functions.
    pub(crate) fn functions(&mut self, w: &mut Worker<'_, '_>, captured: &[Captured]) {
        for c in captured {
            let off = self.words.len() as u32;
            let ret = self.local_node(w, c.ret);
            self.words.extend([ret.raw(), c.params.len() as u32]);
            for &(name, ty) in &c.params {
                let node = self.local_node(w, ty);
                put_str(&mut self.words, name);
                self.words.push(node.raw());
            }
            self.protos.push((w.key(c.func), self.recs.len() as u32));
            let len = self.words.len() as u32 - off;
            let source = Source::Verbatim {
                kind: NodeKind::FuncProto,
                off,
                len,
            };
            self.recs.push(CopyRec {
                key: UNROOTED,
                source,
            });
        }
    }

    /// Types of the unit's variables.
    pub(crate) fn variables<'v, 'f: 'v>(
        &mut self,
        w: &mut Worker<'_, '_>,
        vars: impl Iterator<Item = &'v VarRec<'f>>,
    ) {
        for v in vars {
            let r = crate::vars::type_of(w, v.var as usize);
            let node = self.local_node(w, r);
            self.var_types.push((v.key, node));
        }
    }
}

/// The id of a name of the base: its definition, else its declaration.
pub(crate) fn base_name_id(g: Ground<'_>, no: u32) -> u32 {
    match g.base.and_then(|b| b.names().get(no as usize)) {
        Some(name) if name.def != 0 => name.def,
        Some(name) => name.fwd,
        None => 0,
    }
}

/// Appends a base type's record, with its references given anew.
fn write_base_record(
    g: Ground<'_>,
    id: u32,
    to: &mut dyn FnMut(NodeId) -> u32,
    out: &mut Vec<u32>,
) {
    let Some(t) = g.base.and_then(|b| b.btf().ty(TypeId(id))) else {
        return;
    };
    let start = out.len();
    out.extend_from_slice(t.words());
    let shape = record_shape(t.kind());
    let mut at: BTreeSet<usize> = shape.ids.iter().copied().collect();
    if let (Some(field), 1..) = (shape.elem_id, shape.stride) {
        at.extend((0..t.vlen() as usize).map(|n| shape.elems + n * shape.stride + field));
    }
    for at in at {
        if let Some(word) = out.get_mut(start + at)
            && *word != 0
        {
            *word = to(g.base_node(*word));
        }
    }
}

/// Appends a declaration of a name that the base knows.
fn write_base_name(g: Ground<'_>, no: u32, out: &mut Vec<u32>) {
    let Some(base) = g.base else { return };
    let Some(t) = base.btf().ty(TypeId(base_name_id(g, no))) else {
        return;
    };
    let name = t.name_off().0;
    match t.kind() {
        Kind::Enum | Kind::Enum64 => out.extend([name, make_info(Kind::Enum, 0, false), 4]),
        kind => {
            let is_union = kind == Kind::Union || (kind == Kind::Fwd && t.kind_flag());
            out.extend([name, make_info(Kind::Fwd, 0, is_union), 0]);
        }
    }
}

/// An empty BTF like the one that a file's result goes into.
pub(crate) fn like(btf: &Btf) -> Btf {
    let mut new = match btf.base() {
        Some(base) => Btf::new_split(Arc::clone(base)),
        None => Btf::new_empty(btf.endian()),
    };
    new.set_endian(btf.endian());
    if let Some(strs) = btf.base_strs() {
        new.set_base_strs(Arc::clone(strs));
    }
    new
}
