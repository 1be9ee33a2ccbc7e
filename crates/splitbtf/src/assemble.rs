//! Nodes become BTF records.

use std::collections::BTreeMap;

use btf_builder::{Btf, Kind, make_info};
use dwarf_reader::Str;
use elf_io::Elf;

use crate::base::BaseIndex;
use crate::cu::Worker;
use crate::diag::{Diag, DiagKind};
use crate::encode::Emitted;
use crate::error::ErrorKind;
use crate::features::Features;
use crate::func::{Captured, Functions};
use crate::ident::is_identifier;
use crate::kfunc::Kfuncs;
use crate::settle::Taint;
use crate::store::{Frozen, Key, NodeId, NodeKind, Place, UNROOTED, get_str, put_str};
use crate::text::Text;
use crate::vars::VarRec;

type Result<T> = std::result::Result<T, ErrorKind>;

/// One tainted type of one CU.
#[derive(Debug, Clone, Copy)]
struct CopyRec {
    key: Key,
    kind: NodeKind,
    off: u32,
    len: u32,
}

/// Tainted types, each as its CU has it. Records are laid out as in [`crate::store`]; references to other copies count
/// within the part until [`Copies::append`] moves them.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    recs: Vec<CopyRec>,
    words: Vec<u32>,
    /// Prototypes of functions, by the function's key.
    protos: Vec<(Key, u32)>,
    /// Types of variables, by the variable's key.
    var_types: Vec<(Key, NodeId)>,
    /// By local type.
    of_local: Vec<u32>,
}

const NO_COPY: u32 = u32::MAX;

impl Copies {
    pub(crate) fn len(&self) -> usize {
        self.recs.len()
    }

    /// The tainted types of the worker's unit.
    pub(crate) fn of_unit(w: &mut Worker<'_, '_>, cu: u32, taint: &Taint) -> Self {
        let mut part = Self::default();
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
            part.recs.push(CopyRec {
                key,
                kind,
                off,
                len: part.words.len() as u32 - off,
            });
        }
        if w.features.decl_tag {
            part.decl_tags(w, cu);
        }
        part
    }

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
            self.recs.push(CopyRec {
                key,
                kind: NodeKind::DeclTag,
                off,
                len: 5,
            });
        }
    }

    /// The node of a local reference: a copy if it is tainted.
    fn local_node(&self, w: &Worker<'_, '_>, r: dwarf_reader::TypeRef) -> NodeId {
        match w.unit.type_at(r) {
            None => NodeId::VOID,
            Some(i) => self.local_index_node(w, i, 0),
        }
    }

    fn local_index_node(&self, w: &Worker<'_, '_>, i: usize, depth: u32) -> NodeId {
        match self.of_local[i] {
            NO_COPY => match w.alias_of(i) {
                // Qualifiers that leave no trace, and stubs.
                Some(r) if depth < 64 => match w.unit.type_at(r) {
                    Some(j) if j != i => self.local_index_node(w, j, depth + 1),
                    _ => NodeId::VOID,
                },
                _ => w.locals[i].node,
            },
            c => NodeId::copy(c),
        }
    }

    /// Prototypes of the unit's functions.
    pub(crate) fn functions(&mut self, w: &Worker<'_, '_>, captured: &[Captured]) {
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
            self.recs.push(CopyRec {
                key: UNROOTED,
                kind: NodeKind::FuncProto,
                off,
                len,
            });
        }
    }

    /// Types of the unit's variables.
    pub(crate) fn variables<'v, 'f: 'v>(
        &mut self,
        w: &Worker<'_, '_>,
        vars: impl Iterator<Item = &'v VarRec<'f>>,
    ) {
        for v in vars {
            let node = self.local_node(w, crate::vars::type_of(w, v.var as usize));
            self.var_types.push((v.key, node));
        }
    }

    /// Adds another unit's copies behind these.
    pub(crate) fn append(&mut self, mut part: Self) {
        let shift = self.recs.len() as u32;
        let word_shift = self.words.len() as u32;
        for r in &part.recs {
            let words = &mut part.words[r.off as usize..(r.off + r.len) as usize];
            crate::store::for_each_ref_mut(r.kind, words, |raw| {
                if let Place::Copy(c) = NodeId::from_raw(*raw).place() {
                    *raw = NodeId::copy(c + shift).raw();
                }
            });
        }
        self.recs.extend(part.recs.iter().map(|r| CopyRec {
            off: r.off + word_shift,
            ..*r
        }));
        self.words.append(&mut part.words);
        self.protos
            .extend(part.protos.iter().map(|&(k, c)| (k, c + shift)));
        self.var_types
            .extend(part.var_types.iter().map(|&(k, n)| match n.place() {
                Place::Copy(c) => (k, NodeId::copy(c + shift)),
                _ => (k, n),
            }));
    }

    fn record(&self, c: u32) -> &[u32] {
        let r = &self.recs[c as usize];
        &self.words[r.off as usize..(r.off + r.len) as usize]
    }
}

/// Puts the BTF of one file together.
pub(crate) struct Assembly<'a, 'f> {
    pub(crate) btf: Btf,
    pub(crate) text: Text<'f>,
    pub(crate) base: Option<&'f BaseIndex>,
    pub(crate) store: Frozen,
    pub(crate) taint: &'a Taint,
    pub(crate) defs: &'a [(u32, u32)],
    pub(crate) copies: Copies,
    pub(crate) features: Features,
    pub(crate) diags: &'a mut Vec<Diag>,
    pub(crate) ids: Ids,
}

/// BTF ids of nodes.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    store: Vec<u32>,
    copies: Vec<u32>,
}

const NO_ID: u32 = u32::MAX;

impl Assembly<'_, '_> {
    /// All types, in the order in which their DIEs first stand in the file.
    pub(crate) fn types(&mut self) -> Result<()> {
        let mut list: Vec<(Key, u64, NodeId)> = Vec::new();
        self.ids.store = vec![NO_ID; self.store.id_end()];
        self.ids.copies = vec![NO_ID; self.copies.len()];
        let n_base_names = self.base.map_or(0, |b| b.names().len()) as u32;
        for (i, node) in self.store.ids() {
            if node.key == UNROOTED || self.taint.has(NodeId::store(i)) {
                continue;
            }
            let is_name = matches!(
                node.kind,
                NodeKind::StructName | NodeKind::UnionName | NodeKind::EnumName
            );
            if is_name && (node.name_no < n_base_names || self.definition(node.name_no).is_some()) {
                continue;
            }
            list.push((node.key, node.hash.a, NodeId::store(i)));
        }
        for (c, r) in self.copies.recs.iter().enumerate() {
            if r.key != UNROOTED {
                list.push((r.key, c as u64, NodeId::copy(c as u32)));
            }
        }
        list.sort_unstable();
        // Typedefs that BTF cannot name are looked through, so that ids are given in two steps.
        let mut next = self.btf.n_types();
        let mut emitted = Vec::with_capacity(list.len());
        for &(_, _, node) in &list {
            let (kind, record) = self.record(node);
            if kind == NodeKind::Typedef && !is_identifier(self.text.bytes(get_str(record))) {
                continue;
            }
            self.set_id(node, next);
            next += 1;
            emitted.push(node);
        }
        let mut words = Vec::new();
        let n_words = self
            .store
            .shards
            .iter()
            .map(|s| s.words.len())
            .sum::<usize>()
            + self.copies.words.len();
        self.btf.reserve(emitted.len(), n_words);
        for node in emitted {
            self.build(node, &mut words)?;
            self.btf.push_raw(&words)?;
        }
        Ok(())
    }

    fn set_id(&mut self, node: NodeId, id: u32) {
        match node.place() {
            Place::Store(i) => self.ids.store[i as usize] = id,
            Place::Copy(c) => self.ids.copies[c as usize] = id,
            Place::Base(_) | Place::BaseName(_) => {}
        }
    }

    /// The store's one definition under a name.
    fn definition(&self, name_no: u32) -> Option<u32> {
        let at = self.defs.partition_point(|d| d.0 < name_no);
        self.defs.get(at).filter(|d| d.0 == name_no).map(|d| d.1)
    }

    fn record(&self, node: NodeId) -> (NodeKind, &[u32]) {
        match node.place() {
            Place::Copy(c) => (self.copies.recs[c as usize].kind, self.copies.record(c)),
            Place::Store(i) => (self.store.node(i).kind, self.store.record(i)),
            Place::Base(_) | Place::BaseName(_) => (NodeKind::Int, &[]),
        }
    }

    /// The BTF id that a reference to `node` becomes.
    fn id(&self, node: NodeId) -> u32 {
        let mut node = node;
        // Typedefs that are looked through; a chain longer than this is no compiler's.
        for _ in 0..64 {
            match node.place() {
                Place::Base(id) => return id,
                Place::BaseName(no) => {
                    let Some(base) = self.base else { return 0 };
                    let name = base.names()[no as usize];
                    return if name.def != 0 { name.def } else { name.fwd };
                }
                Place::Store(i) => {
                    let n = self.store.node(i);
                    let is_name = matches!(
                        n.kind,
                        NodeKind::StructName | NodeKind::UnionName | NodeKind::EnumName
                    );
                    if is_name && let Some(def) = self.definition(n.name_no) {
                        return self.ids.store[def as usize];
                    }
                    match self.ids.store[i as usize] {
                        NO_ID if n.kind == NodeKind::Typedef => {
                            node = NodeId::from_raw(self.store.record(i)[2]);
                        }
                        NO_ID => return 0,
                        id => return id,
                    }
                }
                Place::Copy(c) => match self.ids.copies[c as usize] {
                    NO_ID if self.copies.recs[c as usize].kind == NodeKind::Typedef => {
                        node = NodeId::from_raw(self.copies.record(c)[2]);
                    }
                    NO_ID => return 0,
                    id => return id,
                },
            }
        }
        0
    }

    fn string(&mut self, s: Str) -> Result<u32> {
        if s.is_none() {
            return Ok(0);
        }
        Ok(self.btf.intern_str(self.text.bytes(s))?.0)
    }

    /// A name that the kernel takes; anything else is left out with a note.
    fn identifier(&mut self, s: Str) -> Result<u32> {
        if s.is_none() {
            return Ok(0);
        }
        let name = self.text.bytes(s);
        if name.is_empty() {
            return Ok(0);
        }
        if !is_identifier(name) {
            self.note(DiagKind::InvalidName, name);
            return Ok(0);
        }
        Ok(self.btf.intern_str(name)?.0)
    }

    fn note(&mut self, kind: DiagKind, name: &[u8]) {
        self.diags.push(Diag {
            kind,
            at: None,
            name: String::from_utf8_lossy(name).into_owned(),
        });
    }

    /// Writes a node's BTF record.
    fn build(&mut self, node: NodeId, out: &mut Vec<u32>) -> Result<()> {
        out.clear();
        let (kind, record) = self.record(node);
        // Records are short; a copy of one frees `self` for the string table.
        let r: Vec<u32> = record.to_vec();
        let info = |k: Kind, vlen: u32, flag: bool| make_info(k, vlen, flag);
        let target = |at: usize| self.id(NodeId::from_raw(r[at]));
        match kind {
            NodeKind::Ptr => out.extend([0, info(Kind::Ptr, 0, false), target(0)]),
            NodeKind::Const => out.extend([0, info(Kind::Const, 0, false), target(0)]),
            NodeKind::Volatile => out.extend([0, info(Kind::Volatile, 0, false), target(0)]),
            NodeKind::Restrict => out.extend([0, info(Kind::Restrict, 0, false), target(0)]),
            NodeKind::Int => {
                let name = self.string(get_str(&r))?;
                out.extend([name, info(Kind::Int, 0, false), r[2], r[3]]);
            }
            NodeKind::Float => {
                let name = self.string(get_str(&r))?;
                out.extend([name, info(Kind::Float, 0, false), r[2]]);
            }
            NodeKind::TypeTag => {
                let target = target(3);
                let name = self.string(get_str(&r))?;
                out.extend([name, info(Kind::TypeTag, 0, r[2] != 0), target]);
            }
            NodeKind::Typedef => {
                let target = target(2);
                let name = self.string(get_str(&r))?;
                out.extend([name, info(Kind::Typedef, 0, false), target]);
            }
            NodeKind::Array => {
                out.extend([
                    0,
                    info(Kind::Array, 0, false),
                    0,
                    target(0),
                    target(1),
                    r[2],
                ]);
            }
            NodeKind::Struct | NodeKind::Union => {
                let kind = if kind == NodeKind::Struct {
                    Kind::Struct
                } else {
                    Kind::Union
                };
                let flag = r[4] != 0;
                let name = self.identifier(get_str(&r))?;
                out.extend([name, info(kind, r[3], flag), r[2]]);
                for m in r[5..].chunks_exact(5) {
                    let name = self.identifier(get_str(m))?;
                    let off = if flag { m[3] << 24 | m[2] } else { m[2] };
                    out.extend([name, self.id(NodeId::from_raw(m[4])), off]);
                }
            }
            NodeKind::Enum => {
                let name = self.identifier(get_str(&r))?;
                let wide = r[4] & 1 != 0;
                let signed = r[4] & 2 != 0;
                out.extend([name, 0, r[2]]);
                let mut n = 0;
                for v in r[5..].chunks_exact(4) {
                    let name = self.identifier(get_str(v))?;
                    // The kernel wants every enumerator named.
                    if name == 0 {
                        continue;
                    }
                    n += 1;
                    out.extend([name, v[2]]);
                    if wide {
                        out.push(v[3]);
                    }
                }
                out[1] = info(if wide { Kind::Enum64 } else { Kind::Enum }, n, signed);
            }
            NodeKind::FuncProto => {
                let ret = target(0);
                out.extend([0, info(Kind::FuncProto, r[1], false), ret]);
                for p in r[2..].chunks_exact(3) {
                    let name = self.identifier(get_str(p))?;
                    out.extend([name, self.id(NodeId::from_raw(p[2]))]);
                }
            }
            NodeKind::Func => {
                let target = target(3);
                let name = self.string(get_str(&r))?;
                out.extend([name, info(Kind::Func, r[2], false), target]);
            }
            NodeKind::DeclTag => {
                let target = target(4);
                let name = self.string(get_str(&r))?;
                out.extend([name, info(Kind::DeclTag, 0, r[2] != 0), target, r[3]]);
            }
            NodeKind::StructName | NodeKind::UnionName => {
                let is_union = kind == NodeKind::UnionName;
                let name = self.identifier(get_str(&r))?;
                if name == 0 {
                    // A declaration must have a name; an empty type stands in for one whose name BTF cannot hold.
                    out.extend([
                        0,
                        info(if is_union { Kind::Union } else { Kind::Struct }, 0, false),
                        0,
                    ]);
                } else {
                    out.extend([name, info(Kind::Fwd, 0, is_union), 0]);
                }
            }
            NodeKind::EnumName => {
                let name = self.identifier(get_str(&r))?;
                out.extend([name, info(Kind::Enum, 0, false), 4]);
            }
        }
        Ok(())
    }

    /// Functions by name, each behind its prototype unless an equal one is there already.
    pub(crate) fn functions(
        &mut self,
        functions: &Functions<'_>,
        emit: &[Emitted],
        kfuncs: &Kfuncs,
    ) -> Result<()> {
        let mut copies: BTreeMap<Key, u32> = BTreeMap::new();
        copies.extend(self.copies.protos.iter().copied());
        let mut words = Vec::new();
        for e in emit {
            let mut name = functions.groups[e.group as usize].name;
            if let Some(dotted) = e.dotted {
                name = functions.syms_of(e.group)[dotted as usize].name;
            }
            if !is_identifier(name) {
                self.note(DiagKind::InvalidName, name);
                continue;
            }
            let proto = match copies.get(&e.state.key) {
                Some(&c) => NodeId::copy(c),
                None => e.state.proto,
            };
            let tags: Vec<(i32, &[u8])> = kfuncs.tags(name, self.features);
            let attributes = kfuncs.attributes(name, self.features);
            let mut proto_id = self.id(proto);
            let base_func = match proto.place() {
                // The same function may be in the base already.
                Place::Base(_) if attributes.is_empty() => self.base_func(name, proto),
                _ => None,
            };
            let func_id = match base_func {
                Some(id) => id,
                None => {
                    if proto_id == 0 || !attributes.is_empty() {
                        self.build(proto, &mut words)?;
                        if !attributes.is_empty() {
                            crate::kfunc::mark_arena(&mut self.btf, &mut words, attributes)?;
                        }
                        proto_id = self.btf.push_raw(&words)?.0;
                        if attributes.is_empty() {
                            self.set_id(proto, proto_id);
                        }
                    }
                    let name_off = self.btf.intern_str(name)?.0;
                    self.btf
                        .push_raw(&[name_off, make_info(Kind::Func, 0, false), proto_id])?
                        .0
                }
            };
            if self.features.decl_tag {
                for &(component, value) in &e.state.tags {
                    self.decl_tag(value, func_id, component)?;
                }
                for &(component, value) in &tags {
                    if !self.base_has_tag(func_id, component, value) {
                        let value = self.btf.intern_str(value)?.0;
                        let info = make_info(Kind::DeclTag, 0, false);
                        self.btf
                            .push_raw(&[value, info, func_id, component as u32])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn decl_tag(&mut self, value: Str, target: u32, component: i32) -> Result<()> {
        let bytes = self.text.bytes(value);
        if bytes.is_empty() || self.base_has_tag(target, component, bytes) {
            return Ok(());
        }
        let value = self.btf.intern_str(bytes)?.0;
        self.btf.push_raw(&[
            value,
            make_info(Kind::DeclTag, 0, false),
            target,
            component as u32,
        ])?;
        Ok(())
    }

    /// The base's function of this name and prototype.
    fn base_func(&self, name: &[u8], proto: NodeId) -> Option<u32> {
        let base = self.base?;
        let Place::Base(proto) = proto.place() else {
            return None;
        };
        let hash = crate::shape::func(crate::shape::name_hash(name), 0, base.hash_of(proto)?);
        match base.find(hash)?.0.place() {
            Place::Base(id) => Some(id),
            _ => None,
        }
    }

    fn base_has_tag(&self, target: u32, component: i32, value: &[u8]) -> bool {
        let Some(base) = self.base else { return false };
        if target >= self.btf.start_id().0 {
            return false;
        }
        let Some(target) = base.hash_of(target) else {
            return false;
        };
        let hash = crate::shape::decl_tag(crate::shape::name_hash(value), component, false, target);
        base.find(hash).is_some()
    }

    /// Variables and their sections.
    pub(crate) fn variables(&mut self, vars: &[VarRec<'_>], elf: &Elf<'_>) -> Result<()> {
        let mut types: BTreeMap<Key, NodeId> = BTreeMap::new();
        types.extend(self.copies.var_types.iter().copied());
        let mut sections: BTreeMap<u32, Vec<(u32, u32, u32)>> = BTreeMap::new();
        for v in vars {
            let node = types.get(&v.key).copied().unwrap_or(v.ty);
            let name = self.btf.intern_str(v.name)?.0;
            let info = make_info(Kind::Var, 0, false);
            let id = self
                .btf
                .push_raw(&[name, info, self.id(node), u32::from(v.external)])?
                .0;
            for &tag in &v.tags {
                if tag.is_empty() {
                    continue;
                }
                let value = self.btf.intern_str(tag)?.0;
                self.btf
                    .push_raw(&[value, make_info(Kind::DeclTag, 0, false), id, u32::MAX])?;
            }
            sections
                .entry(v.section)
                .or_default()
                .push((v.offset, v.size, id));
        }
        for (section, mut entries) in sections {
            entries.sort_unstable();
            let end = entries.last().map_or(0, |e| e.0.saturating_add(e.1));
            let name = elf
                .sections()
                .get(section as usize)
                .map_or(&b""[..], |s| s.name);
            let name = self.btf.intern_str(name)?.0;
            let n = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            if n > 0xffff {
                return Err(ErrorKind::Other(format!(
                    "{n} variables in one section, BTF takes 65535"
                )));
            }
            let mut words = vec![name, make_info(Kind::Datasec, n, false), end];
            for (offset, size, id) in entries {
                words.extend([id, offset, size]);
            }
            self.btf.push_raw(&words)?;
        }
        Ok(())
    }
}
