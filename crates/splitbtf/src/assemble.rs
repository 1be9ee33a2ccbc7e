//! Nodes become BTF records.

use std::collections::BTreeMap;

use btf_builder::{Btf, Kind, make_info};
use dwarf_reader::{At, Str};
use elf_io::Elf;

use crate::copies::{Copies, Fate, Ground, base_name_id};
use crate::diag::{Diag, DiagKind};
use crate::encode::Emitted;
use crate::error::ErrorKind;
use crate::features::Features;
use crate::func::Functions;
use crate::ident::{is_identifier, is_section_name};
use crate::kfunc::{ArenaTypes, Kfuncs, mark_arena};
use crate::store::{Key, NodeId, NodeKind, Place, UNROOTED, get_str};
use crate::text::Text;
use crate::vars::VarRec;

type Result<T> = std::result::Result<T, ErrorKind>;

/// Puts the BTF of one file together.
pub(crate) struct Assembly<'a, 'f> {
    pub(crate) btf: Btf,
    pub(crate) text: Text<'f>,
    pub(crate) ground: Ground<'a>,
    pub(crate) copies: &'a Copies,
    pub(crate) features: Features,
    pub(crate) names: Names,
    pub(crate) ids: Ids,
}

/// BTF ids of nodes.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    store: Vec<u32>,
    copies: Vec<u32>,
}

const NO_ID: u32 = u32::MAX;

impl Ids {
    fn set(&mut self, node: NodeId, id: u32) {
        match node.place() {
            Place::Store(i) => self.store[i as usize] = id,
            Place::Copy(c) => self.copies[c as usize] = id,
            Place::Base(_) | Place::BaseName(_) => {}
        }
    }

    /// The BTF id that a reference to `node` becomes, 0 if it has none.
    fn get(&self, g: Ground<'_>, copies: &Copies, node: NodeId) -> u32 {
        let mut node = node;
        // Typedefs that are looked through; a chain longer than this is no compiler's.
        for _ in 0..64 {
            match node.place() {
                Place::Base(id) => return id,
                Place::BaseName(no) => return base_name_id(g, no),
                Place::Store(i) => {
                    let n = g.store.node(i);
                    let is_name = matches!(
                        n.kind,
                        NodeKind::StructName | NodeKind::UnionName | NodeKind::EnumName
                    );
                    if is_name && let Some(def) = g.definition(n.name_no) {
                        return self.store[def as usize];
                    }
                    match self.store[i as usize] {
                        NO_ID if n.kind == NodeKind::Typedef => {
                            node = NodeId::from_raw(g.store.record(i)[2]);
                        }
                        NO_ID => return 0,
                        id => return id,
                    }
                }
                Place::Copy(c) => match copies.fates[c as usize] {
                    Fate::Base(id) => return id,
                    Fate::Copy(c) => match (self.copies[c as usize], copies.typedef(g, c)) {
                        (NO_ID, Some((_, target))) => node = target,
                        (NO_ID, None) => return 0,
                        (id, _) => return id,
                    },
                },
            }
        }
        0
    }
}

/// The offset of a string.
fn string(btf: &mut Btf, text: &Text<'_>, s: Str) -> Result<u32> {
    if s.is_none() {
        return Ok(0);
    }
    Ok(btf.intern_str(text.bytes(s))?.0)
}

/// The names of members, parameters, enumerators and types on their way into a BTF.
///
/// The same few come again and again, and mostly from the same place: the offset that a place got is kept until
/// another one wants its slot, and neither bytes nor hash are looked at again.
#[derive(Debug)]
pub(crate) struct Names {
    /// Names that are no identifiers.
    pub(crate) bad: Vec<Vec<u8>>,
    /// A place and the offset of the string that stands there.
    slots: Vec<(u64, u32)>,
}

impl Names {
    /// For a file of so many nodes.
    pub(crate) fn new(n_nodes: usize) -> Self {
        /// 1 MiB of slots is enough for any kernel.
        const MOST: usize = 1 << 16;
        let n = n_nodes.next_power_of_two().clamp(64, MOST);
        Self {
            bad: Vec::new(),
            slots: vec![(Str::NONE.to_bits(), 0); n],
        }
    }

    /// The offset of a name that the kernel takes; anything else is left out and noted.
    #[inline]
    fn identifier(&mut self, btf: &mut Btf, text: &Text<'_>, s: Str) -> Result<u32> {
        let place = s.to_bits();
        let spread = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let at = spread as usize & (self.slots.len() - 1);
        let slot = self.slots[at];
        if slot.0 == place {
            return Ok(slot.1);
        }
        let off = self.new_identifier(btf, text.bytes(s))?;
        // Bad ones are noted each time.
        if off != 0 {
            self.slots[at] = (place, off);
        }
        Ok(off)
    }

    fn new_identifier(&mut self, btf: &mut Btf, name: &[u8]) -> Result<u32> {
        if name.is_empty() {
            return Ok(0);
        }
        if !is_identifier(name) {
            self.bad.push(name.to_vec());
            return Ok(0);
        }
        Ok(btf.intern_str(name)?.0)
    }
}

/// Writes the BTF record of a node's record ([`crate::store::Shard`] has the layouts).
pub(crate) fn write_record(
    btf: &mut Btf,
    text: &Text<'_>,
    names: &mut Names,
    kind: NodeKind,
    r: &[u32],
    id: &mut dyn FnMut(NodeId) -> u32,
    out: &mut Vec<u32>,
) -> Result<()> {
    out.clear();
    let info = make_info;
    let mut target = |at: usize| id(NodeId::from_raw(r[at]));
    match kind {
        NodeKind::Ptr => out.extend([0, info(Kind::Ptr, 0, false), target(0)]),
        NodeKind::Const => out.extend([0, info(Kind::Const, 0, false), target(0)]),
        NodeKind::Volatile => out.extend([0, info(Kind::Volatile, 0, false), target(0)]),
        NodeKind::Restrict => out.extend([0, info(Kind::Restrict, 0, false), target(0)]),
        NodeKind::Int => {
            let name = string(btf, text, get_str(r))?;
            out.extend([name, info(Kind::Int, 0, false), r[2], r[3]]);
        }
        NodeKind::Float => {
            let name = string(btf, text, get_str(r))?;
            out.extend([name, info(Kind::Float, 0, false), r[2]]);
        }
        NodeKind::TypeTag => {
            let name = string(btf, text, get_str(r))?;
            out.extend([name, info(Kind::TypeTag, 0, r[2] != 0), target(3)]);
        }
        NodeKind::Typedef => {
            let name = string(btf, text, get_str(r))?;
            out.extend([name, info(Kind::Typedef, 0, false), target(2)]);
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
            let name = names.identifier(btf, text, get_str(r))?;
            out.extend([name, info(kind, r[3], flag), r[2]]);
            for m in r[5..].chunks_exact(5) {
                let name = names.identifier(btf, text, get_str(m))?;
                let off = if flag { m[3] << 24 | m[2] } else { m[2] };
                out.extend([name, id(NodeId::from_raw(m[4])), off]);
            }
        }
        NodeKind::Enum => {
            let name = names.identifier(btf, text, get_str(r))?;
            let wide = r[4] & 1 != 0;
            let signed = r[4] & 2 != 0;
            out.extend([name, 0, r[2]]);
            let mut n = 0;
            for v in r[5..].chunks_exact(4) {
                let name = names.identifier(btf, text, get_str(v))?;
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
            out.extend([0, info(Kind::FuncProto, r[1], false), target(0)]);
            for p in r[2..].chunks_exact(3) {
                let name = names.identifier(btf, text, get_str(p))?;
                out.extend([name, id(NodeId::from_raw(p[2]))]);
            }
        }
        NodeKind::DeclTag => {
            let name = string(btf, text, get_str(r))?;
            out.extend([name, info(Kind::DeclTag, 0, r[2] != 0), target(4), r[3]]);
        }
        NodeKind::StructName | NodeKind::UnionName => {
            let is_union = kind == NodeKind::UnionName;
            let name = names.identifier(btf, text, get_str(r))?;
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
            let name = names.identifier(btf, text, get_str(r))?;
            out.extend([name, info(Kind::Enum, 0, false), 4]);
        }
    }
    Ok(())
}

impl Assembly<'_, '_> {
    /// All types, in the order in which their DIEs first stand in the file.
    pub(crate) fn types(&mut self) -> Result<()> {
        let g = self.ground;
        let mut list: Vec<(Key, u64, NodeId)> = Vec::new();
        self.ids.store = vec![NO_ID; g.store.id_end()];
        self.ids.copies = vec![NO_ID; self.copies.len()];
        let n_base_names = g.base.map_or(0, |b| b.names().len()) as u32;
        for (i, node) in g.store.ids() {
            // Numbers refer to nothing, and so are never copied, even where everything else is.
            let number = matches!(node.kind, NodeKind::Int | NodeKind::Float);
            if node.key == UNROOTED || (g.taint.has(NodeId::store(i)) && !number) {
                continue;
            }
            let is_name = matches!(
                node.kind,
                NodeKind::StructName | NodeKind::UnionName | NodeKind::EnumName
            );
            if is_name && (node.name_no < n_base_names || g.definition(node.name_no).is_some()) {
                continue;
            }
            list.push((node.key, node.hash.a, NodeId::store(i)));
        }
        list.extend(
            self.copies
                .emitted()
                .map(|(key, c)| (key, u64::from(c), NodeId::copy(c))),
        );
        list.sort_unstable();
        // Typedefs that BTF cannot name are looked through, so that ids are given in two steps.
        let mut next = self.btf.n_types();
        let mut emitted = Vec::with_capacity(list.len());
        for &(_, _, node) in &list {
            let name = match node.place() {
                Place::Copy(c) => self.copies.typedef(g, c).map(|t| t.0),
                Place::Store(i) if g.store.node(i).kind == NodeKind::Typedef => {
                    Some(get_str(g.store.record(i)))
                }
                _ => None,
            };
            if let Some(name) = name
                && !is_identifier(self.text.bytes(name))
            {
                self.names.bad.push(self.text.bytes(name).to_vec());
                continue;
            }
            self.ids.set(node, next);
            next += 1;
            emitted.push(node);
        }
        let mut words = Vec::new();
        self.btf.reserve(
            emitted.len(),
            g.store.shards.iter().map(|s| s.words.len()).sum(),
        );
        for node in emitted {
            self.build(node, &mut words)?;
            self.btf.push_raw(&words)?;
        }
        Ok(())
    }

    fn id(&self, node: NodeId) -> u32 {
        self.ids.get(self.ground, self.copies, node)
    }

    /// Writes a node's BTF record.
    fn build(&mut self, node: NodeId, out: &mut Vec<u32>) -> Result<()> {
        let g = self.ground;
        let (ids, copies) = (&self.ids, self.copies);
        let mut id = |n: NodeId| ids.get(g, copies, n);
        match node.place() {
            Place::Store(i) => {
                let (kind, record) = (g.store.node(i).kind, g.store.record(i));
                write_record(
                    &mut self.btf,
                    &self.text,
                    &mut self.names,
                    kind,
                    record,
                    &mut id,
                    out,
                )
            }
            Place::Copy(c) => copies.write(
                g,
                c,
                &mut self.btf,
                &self.text,
                &mut self.names,
                &mut id,
                out,
            ),
            Place::Base(id) => {
                out.clear();
                let t = g.base.and_then(|b| b.btf().ty(btf_builder::TypeId(id)));
                out.extend_from_slice(t.map_or(&[][..], |t| t.words()));
                Ok(())
            }
            Place::BaseName(_) => Ok(()),
        }
    }

    /// Functions by name, each behind its prototype unless an equal one is there already.
    pub(crate) fn functions(
        &mut self,
        functions: &Functions<'_>,
        emit: &[Emitted],
        kfuncs: &Kfuncs,
    ) -> Result<()> {
        let mut words = Vec::new();
        let mut arena = ArenaTypes::default();
        for e in emit {
            let mut name = functions.groups[e.group as usize].name;
            if let Some(dotted) = e.dotted {
                name = functions.syms_of(e.group)[dotted as usize].name;
            }
            if !is_identifier(name) {
                self.names.bad.push(name.to_vec());
                continue;
            }
            // A copy that is like another one, or like a type of the base, is that.
            let proto = match e.proto.place() {
                Place::Copy(c) => match self.copies.fates[c as usize] {
                    Fate::Base(id) => NodeId::base(id),
                    Fate::Copy(c) => NodeId::copy(c),
                },
                _ => e.proto,
            };
            let attributes = kfuncs.attributes(name, self.features);
            let mut proto_id = self.id(proto);
            if !attributes.is_empty() {
                self.build(proto, &mut words)?;
                mark_arena(&mut self.btf, &mut arena, name, &mut words, attributes)?;
                proto_id = arena.add(&mut self.btf, &words)?;
            }
            // The same function may be in the base already.
            let base_func = match self.ground.base {
                Some(base) if proto_id != 0 && proto_id < self.btf.start_id().0 => {
                    base.func(name, proto_id)
                }
                _ => None,
            };
            let func_id = match base_func {
                Some(id) => id,
                None => {
                    if proto_id == 0 {
                        self.build(proto, &mut words)?;
                        proto_id = self.btf.push_raw(&words)?.0;
                        self.ids.set(proto, proto_id);
                    }
                    let name_off = self.btf.intern_str(name)?.0;
                    self.btf
                        .push_raw(&[name_off, make_info(Kind::Func, 0, false), proto_id])?
                        .0
                }
            };
            if self.features.decl_tag {
                for &(component, value) in &e.tags {
                    self.decl_tag(self.text.bytes(value), func_id, component)?;
                }
                for (component, value) in kfuncs.tags(name, self.features) {
                    self.decl_tag(value, func_id, component)?;
                }
            }
        }
        Ok(())
    }

    fn decl_tag(&mut self, value: &[u8], target: u32, component: i32) -> Result<()> {
        if value.is_empty() || self.base_has_tag(target, component, value) {
            return Ok(());
        }
        let value = self.btf.intern_str(value)?.0;
        self.btf.push_raw(&[
            value,
            make_info(Kind::DeclTag, 0, false),
            target,
            component as u32,
        ])?;
        Ok(())
    }

    fn base_has_tag(&self, target: u32, component: i32, value: &[u8]) -> bool {
        let Some(base) = self.ground.base else {
            return false;
        };
        if target >= self.btf.start_id().0 {
            return false;
        }
        let Some(hash) = base.hash_of(target) else {
            return false;
        };
        let hash = crate::shape::decl_tag(crate::shape::name_hash(value), component, false, hash);
        match base.find(hash).map(|f| f.0.place()) {
            Some(Place::Base(id)) => base
                .btf()
                .ty(btf_builder::TypeId(id))
                .is_some_and(|t| t.size_or_type() == target),
            _ => false,
        }
    }

    /// Variables and their sections.
    pub(crate) fn variables(&mut self, vars: &[VarRec<'_>], elf: &Elf<'_>) -> Result<()> {
        let mut sections: BTreeMap<u32, Vec<(u32, u32, u32)>> = BTreeMap::new();
        for v in vars {
            let name = self.btf.intern_str(v.name)?.0;
            let info = make_info(Kind::Var, 0, false);
            let id = self
                .btf
                .push_raw(&[name, info, self.id(v.ty), u32::from(v.external)])?
                .0;
            for &tag in &v.tags {
                self.decl_tag(tag, id, -1)?;
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
            if !is_section_name(name) {
                self.names.bad.push(name.to_vec());
                continue;
            }
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

/// Findings for names that BTF cannot hold, each with the DIE that has it, as far as `places` knows one.
pub(crate) fn bad_names(
    bad: Vec<Vec<u8>>,
    places: &BTreeMap<Vec<u8>, At>,
) -> impl Iterator<Item = Diag> {
    bad.into_iter().map(|name| Diag {
        kind: DiagKind::InvalidName,
        at: places.get(&name).copied(),
        name: String::from_utf8_lossy(&name).into_owned(),
    })
}
