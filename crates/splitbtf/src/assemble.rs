//! Nodes become BTF records.
//!
//! Which types there are, in what order, and so the id of each, is found out before any record is written: that is
//! quick, and from then on no record depends on another one. A large file's are written in pieces, by all threads, which
//! are then put together so that the bytes are those that one thread would have written ([`crate::pieces`]).

use std::collections::BTreeMap;

use btf_builder::{Btf, CName, Kind, make_info};
use dwarf_reader::{At, Str};
use elf_io::Elf;
use rayon::prelude::*;

use crate::copies::{Copies, Fate, Ground, base_name_id};
use crate::diag::{Diag, DiagKind};
use crate::encode::Emitted;
use crate::error::ErrorKind;
use crate::features::Features;
use crate::ident::{is_c_identifier, is_identifier, is_section_name};
use crate::kfunc::{Arena, ArenaTypes, Kfunc, mark_arena};
use crate::pieces::{self, Piece};
use crate::store::{Key, Node, NodeId, NodeKind, Place, UNROOTED, get_str};
use crate::text::Text;
use crate::vars::VarRec;

type Result<T> = std::result::Result<T, ErrorKind>;

/// Puts the BTF of one file together.
pub(crate) struct Assembly<'a, 'f> {
    pub(crate) btf: Btf,
    pub(crate) names: Names,
    features: Features,
    records: Records<'a, 'f>,
    /// Types that have an id and no record yet, in order.
    planned: Vec<Planned<'f>>,
    /// How many threads may write records.
    threads: usize,
}

/// A section with variables.
#[derive(Debug)]
struct VarSection<'f> {
    name: &'f [u8],
    /// Where the last variable ends, in bytes.
    end: u32,
    /// Offset, size and id of each, in order.
    vars: Vec<(u32, u32, u32)>,
}

/// A type that has an id, before its record is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Planned<'f> {
    Node(NodeId),
    Func {
        name: &'f [u8],
        proto: u32,
    },
    DeclTag {
        value: &'f [u8],
        target: u32,
        component: i32,
    },
    Var {
        name: &'f [u8],
        ty: u32,
        external: bool,
    },
    /// Of the variables' sections, by index.
    Datasec(u32),
}

/// All that records are written from.
struct Records<'a, 'f> {
    text: Text<'f>,
    ground: Ground<'a>,
    copies: &'a Copies,
    ids: Ids,
    sections: Vec<VarSection<'f>>,
}

impl Records<'_, '_> {
    #[inline(always)]
    fn id(&self, node: NodeId) -> u32 {
        self.ids.get(self.ground, self.copies, node)
    }

    /// Appends a type's record, whose strings go into `btf`.
    fn write(&self, planned: Planned<'_>, btf: &mut Btf, names: &mut Names, out: &mut Vec<u32>) {
        match planned {
            Planned::Node(node) => self.node(node, btf, names, out),
            Planned::Func { name, proto } => {
                let name = names.made_up(btf, name);
                out.extend([name, make_info(Kind::Func, 0, false), proto]);
            }
            Planned::DeclTag {
                value,
                target,
                component,
            } => {
                let value = names.made_up(btf, value);
                let info = make_info(Kind::DeclTag, 0, false);
                out.extend([value, info, target, component.cast_unsigned()]);
            }
            Planned::Var { name, ty, external } => {
                let name = names.made_up(btf, name);
                out.extend([name, make_info(Kind::Var, 0, false), ty, external.into()]);
            }
            Planned::Datasec(i) => {
                let section = &self.sections[i as usize];
                let name = names.made_up(btf, section.name);
                let n = section.vars.len() as u32;
                out.extend([name, make_info(Kind::Datasec, n, false), section.end]);
                let vars = section.vars.iter();
                out.extend(vars.flat_map(|&(offset, size, id)| [id, offset, size]));
            }
        }
    }

    fn node(&self, node: NodeId, btf: &mut Btf, names: &mut Names, out: &mut Vec<u32>) {
        let (ground, text) = (self.ground, &self.text);
        let mut id = |n: NodeId| self.id(n);
        match node.place() {
            Place::Store(i) => {
                let (kind, record) = (ground.store.node(i).kind, ground.store.record(i));
                write_record(btf, text, names, kind, record, id, out);
            }
            Place::Copy(c) => self.copies.write(ground, c, btf, text, names, &mut id, out),
            Place::Base(id) => {
                let base = ground.base.map(|b| b.btf());
                let t = base.and_then(|b| b.ty(btf_builder::TypeId(id)));
                out.extend_from_slice(t.map_or(&[][..], |t| t.words()));
            }
            Place::BaseName(_) => {}
        }
    }
}

/// The store's first definition under each name of its own, by number.
struct Definitions {
    /// The first name that the base has not.
    own: u32,
    /// `u32::MAX` of a name without one.
    of_own: Vec<u32>,
}

impl Definitions {
    fn new(g: Ground<'_>) -> Self {
        let own = g.base.map_or(0, |b| b.names().len()) as u32;
        let mut of_own = vec![u32::MAX; g.store.n_names.saturating_sub(own) as usize];
        for &(no, def) in g.defs.iter().rev() {
            if let Some(i) = no.checked_sub(own) {
                of_own[i as usize] = def;
            }
        }
        Self { own, of_own }
    }

    #[inline]
    fn of(&self, g: Ground<'_>, no: u32) -> Option<u32> {
        match no.checked_sub(self.own) {
            Some(i) => Some(self.of_own[i as usize]).filter(|&def| def != u32::MAX),
            None => g.definition(no),
        }
    }
}

/// BTF ids of nodes, 0 where a node has none.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    store: Vec<u32>,
    copies: Vec<u32>,
}

impl Ids {
    fn new(n_store: usize, n_copies: usize) -> Self {
        Self {
            store: vec![0; n_store],
            copies: vec![0; n_copies],
        }
    }

    fn set(&mut self, node: NodeId, id: u32) {
        match node.place() {
            Place::Store(i) => self.store[i as usize] = id,
            Place::Copy(c) => self.copies[c as usize] = id,
            Place::Base(_) | Place::BaseName(_) => {}
        }
    }

    /// The BTF id that a reference to `node` becomes, 0 if it has none.
    #[inline(always)]
    fn get(&self, g: Ground<'_>, copies: &Copies, node: NodeId) -> u32 {
        match node.place() {
            Place::Base(id) => id,
            Place::BaseName(no) => base_name_id(g, no),
            Place::Store(i) => self.store[i as usize],
            Place::Copy(c) => match copies.fates[c as usize] {
                Fate::Base(id) => id,
                Fate::Copy(c) => self.copies[c as usize],
            },
        }
    }

    /// Gives nodes without a record of their own the ids of what they stand for: names those of definitions, and
    /// typedefs that BTF cannot name those of what they lead to.
    fn resolve(&mut self, g: Ground<'_>, defs: &Definitions, copies: &Copies) {
        let mut typedefs = Vec::new();
        g.store.ids().for_each(|(i, node)| {
            if node.kind.is_name() {
                if let Some(def) = defs.of(g, node.name_no) {
                    self.store[i as usize] = self.store[def as usize];
                }
            } else if node.kind == NodeKind::Typedef && self.store[i as usize] == 0 {
                typedefs.push(NodeId::store(i));
            }
        });
        let unnumbered = (0..).zip(&self.copies).filter(|(_, id)| **id == 0);
        typedefs.extend(unnumbered.map(|(c, _)| NodeId::copy(c)));
        for node in typedefs {
            self.set(node, self.behind_typedefs(g, copies, node));
        }
    }

    /// The id of what a typedef without one leads to.
    fn behind_typedefs(&self, g: Ground<'_>, copies: &Copies, typedef: NodeId) -> u32 {
        let mut node = typedef;
        // A chain longer than this is no compiler's.
        for _ in 0..64 {
            node = match typedef_of(g, copies, node) {
                Some((_, target)) => target,
                None => return 0,
            };
            let id = self.get(g, copies, node);
            if id != 0 {
                return id;
            }
        }
        0
    }
}

/// The name of a typedef, and what it leads to; `None` of other nodes.
#[inline(always)]
fn typedef_of(g: Ground<'_>, copies: &Copies, node: NodeId) -> Option<(Str, NodeId)> {
    match node.place() {
        Place::Store(i) if g.store.node(i).kind == NodeKind::Typedef => {
            let record = g.store.record(i);
            Some((get_str(record), NodeId::from_raw(record[2])))
        }
        Place::Copy(c) => match copies.fates[c as usize] {
            Fate::Base(_) => None,
            Fate::Copy(c) => copies.typedef(g, c),
        },
        _ => None,
    }
}

/// The names of types, members, parameters and enumerators on their way into a BTF.
///
/// Some come again and again, and mostly from the same place: the offset that a place got is kept until another one
/// wants its slot, and neither bytes nor hash are looked at again. In a module two of three are new, so that all there
/// is to know of a name is found out in one pass over it ([`CName`]).
#[derive(Debug)]
pub(crate) struct Names {
    /// Names that are no identifiers.
    pub(crate) bad: Vec<Vec<u8>>,
    /// Why the BTF did not take a string, the first time.
    fault: Option<btf_builder::Error>,
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
            fault: None,
            slots: vec![(Str::NONE.to_bits(), 0); n],
        }
    }

    /// Fails if the BTF had no room for a string since the last time; its offset was then given as 0.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.fault.take() {
            Some(fault) => Err(fault.into()),
            None => Ok(()),
        }
    }

    /// The offset of a name that the kernel takes; anything else is left out and noted.
    #[inline]
    fn identifier(&mut self, btf: &mut Btf, text: &Text<'_>, s: Str) -> u32 {
        if s.is_none() {
            return 0;
        }
        let place = s.to_bits();
        let spread = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let at = spread as usize & (self.slots.len() - 1);
        let slot = self.slots[at];
        if slot.0 == place {
            return slot.1;
        }
        let off = self.new_string(btf, text, s, true);
        // Bad ones are noted each time.
        if off != 0 {
            self.slots[at] = (place, off);
        }
        off
    }

    /// The offset of a string that may be anything.
    fn string(&mut self, btf: &mut Btf, text: &Text<'_>, s: Str) -> u32 {
        self.new_string(btf, text, s, false)
    }

    /// The offset of a string that does not stand in the DWARF, and may be anything.
    fn made_up(&mut self, btf: &mut Btf, s: &[u8]) -> u32 {
        let interned = btf.intern_str(s);
        self.offset(interned)
    }

    #[inline(never)]
    fn new_string(&mut self, btf: &mut Btf, text: &Text<'_>, s: Str, strict: bool) -> u32 {
        let interned = match c_name(text, s) {
            Some(name) if !strict || is_c_identifier(&name) => btf.intern_name(name),
            Some(name) => return self.note_bad(name.bytes()),
            None => {
                let made_up = text.bytes(s);
                if strict && !is_identifier(made_up) {
                    return self.note_bad(made_up);
                }
                btf.intern_str(made_up)
            }
        };
        self.offset(interned)
    }

    #[inline(always)]
    fn offset(&mut self, interned: btf_builder::Result<btf_builder::StrOff>) -> u32 {
        match interned {
            Ok(off) => off.0,
            Err(fault) => {
                self.fault.get_or_insert(fault);
                0
            }
        }
    }

    /// Notes a name that is left out.
    #[cold]
    fn note_bad(&mut self, name: &[u8]) -> u32 {
        // Having none is no fault.
        if !name.is_empty() {
            self.bad.push(name.to_vec());
        }
        0
    }
}

/// Whether there is a name that the kernel takes.
fn is_identifier_at(text: &Text<'_>, s: Str) -> bool {
    match c_name(text, s) {
        Some(name) => is_c_identifier(&name),
        None => is_identifier(text.bytes(s)),
    }
}

/// A name that stands in the file; `None` of one that the encoder made up, and of no name.
#[inline]
fn c_name<'f>(text: &Text<'f>, s: Str) -> Option<CName<'f>> {
    text.sections.rest(s).and_then(CName::first_of)
}

/// Appends the BTF record of a node's record ([`crate::store::Shard`] has the layouts).
pub(crate) fn write_record(
    btf: &mut Btf,
    text: &Text<'_>,
    names: &mut Names,
    kind: NodeKind,
    r: &[u32],
    mut id: impl FnMut(NodeId) -> u32,
    out: &mut Vec<u32>,
) {
    let info = make_info;
    let mut target = |at: usize| id(NodeId::from_raw(r[at]));
    match kind {
        NodeKind::Ptr => out.extend([0, info(Kind::Ptr, 0, false), target(0)]),
        NodeKind::Const => out.extend([0, info(Kind::Const, 0, false), target(0)]),
        NodeKind::Volatile => out.extend([0, info(Kind::Volatile, 0, false), target(0)]),
        NodeKind::Restrict => out.extend([0, info(Kind::Restrict, 0, false), target(0)]),
        NodeKind::Int => {
            let name = names.string(btf, text, get_str(r));
            out.extend([name, info(Kind::Int, 0, false), r[2], r[3]]);
        }
        NodeKind::Float => {
            let name = names.string(btf, text, get_str(r));
            out.extend([name, info(Kind::Float, 0, false), r[2]]);
        }
        NodeKind::TypeTag => {
            let name = names.string(btf, text, get_str(r));
            out.extend([name, info(Kind::TypeTag, 0, r[2] != 0), target(3)]);
        }
        NodeKind::Typedef => {
            let name = names.string(btf, text, get_str(r));
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
            let name = names.identifier(btf, text, get_str(r));
            out.extend([name, info(kind, r[3], flag), r[2]]);
            let (members, _) = r[5..].as_chunks::<5>();
            let start = out.len();
            out.resize(start + 3 * members.len(), 0);
            let (new, _) = out[start..].as_chunks_mut::<3>();
            for (m, new) in members.iter().zip(new) {
                let name = names.identifier(btf, text, get_str(m));
                let off = if flag { m[3] << 24 | m[2] } else { m[2] };
                *new = [name, id(NodeId::from_raw(m[4])), off];
            }
        }
        NodeKind::Enum => {
            let name = names.identifier(btf, text, get_str(r));
            let wide = r[4] & 1 != 0;
            let signed = r[4] & 2 != 0;
            let start = out.len();
            out.extend([name, 0, r[2]]);
            let mut n = 0;
            for v in r[5..].chunks_exact(4) {
                let name = names.identifier(btf, text, get_str(v));
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
            out[start + 1] = info(if wide { Kind::Enum64 } else { Kind::Enum }, n, signed);
        }
        NodeKind::FuncProto => {
            out.extend([0, info(Kind::FuncProto, r[1], false), target(0)]);
            let (params, _) = r[2..].as_chunks::<3>();
            let start = out.len();
            out.resize(start + 2 * params.len(), 0);
            let (new, _) = out[start..].as_chunks_mut::<2>();
            for (p, new) in params.iter().zip(new) {
                let name = names.identifier(btf, text, get_str(p));
                *new = [name, id(NodeId::from_raw(p[2]))];
            }
        }
        NodeKind::DeclTag => {
            let name = names.string(btf, text, get_str(r));
            out.extend([name, info(Kind::DeclTag, 0, r[2] != 0), target(4), r[3]]);
        }
        NodeKind::StructName | NodeKind::UnionName => {
            let is_union = kind == NodeKind::UnionName;
            let name = names.identifier(btf, text, get_str(r));
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
            let name = names.identifier(btf, text, get_str(r));
            out.extend([name, info(Kind::Enum, 0, false), 4]);
        }
    }
}

/// Sorts a list by key, keeping the order of what has the same one.
///
/// Of 64 bits of a key, which are a CU and a place in it, a module's differ in about 12 and a kernel's in 30, so that
/// going through the list once for each byte with such bits takes fewer steps than comparing.
fn sort_by_key<T: Copy>(list: &mut Vec<(Key, T)>) {
    let Some(&(first, _)) = list.first() else {
        return;
    };
    let differing = list.iter().fold(0, |bits, &(key, _)| bits | (key ^ first));
    let mut sorted = list.clone();
    for byte in 0..8 {
        let digit = |key: Key| (key >> (8 * byte)) as usize & 0xff;
        if digit(differing) == 0 {
            continue;
        }
        let mut places = [0; 256];
        for &(key, _) in &*list {
            places[digit(key)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            (*place, next) = (next, next + *place);
        }
        for &entry in &*list {
            let place = &mut places[digit(entry.0)];
            sorted[*place] = entry;
            *place += 1;
        }
        std::mem::swap(list, &mut sorted);
    }
}

impl<'a, 'f> Assembly<'a, 'f> {
    /// Into `btf`, on so many threads.
    pub(crate) fn new(
        btf: Btf,
        text: Text<'f>,
        ground: Ground<'a>,
        copies: &'a Copies,
        features: Features,
        threads: usize,
    ) -> Self {
        let n_nodes = ground.store.id_end();
        Self {
            btf,
            names: Names::new(n_nodes),
            features,
            records: Records {
                text,
                ground,
                copies,
                ids: Ids::new(n_nodes, copies.len()),
                sections: Vec::new(),
            },
            planned: Vec::new(),
            threads,
        }
    }

    /// All types, in the order in which their DIEs first stand in the file.
    pub(crate) fn types(&mut self) {
        let defs = Definitions::new(self.records.ground);
        let list = self.in_file_order(&defs);
        self.number(&list);
        let Records {
            ground,
            copies,
            ids,
            ..
        } = &mut self.records;
        ids.resolve(*ground, &defs, copies);
    }

    /// Writes the records of all types that have none yet.
    fn write_planned(&mut self) -> Result<()> {
        /// Types that are worth a piece of their own; in debug builds, and so in tests, nearly any.
        const MIN_PIECE: usize = if cfg!(debug_assertions) { 8 } else { 2048 };
        let planned = std::mem::take(&mut self.planned);
        let (records, names) = (&self.records, &mut self.names);
        let mut n_words = planned.len() * 4;
        let is_first = self.btf.n_own_types() == 0;
        if is_first {
            // A member takes five words of the store and three of BTF, and mostly has a name of its own.
            let shards = &records.ground.store.shards;
            let stored: usize = shards.iter().map(|s| s.words.len()).sum();
            self.btf.reserve_strs(stored / 4, stored * 2);
            self.btf.reserve(planned.len(), 0);
            n_words = stored / 5 * 3 + planned.len() * 3;
        }
        // More than there are threads, since records differ in length.
        let n_pieces = (4 * self.threads).min(planned.len() / MIN_PIECE);
        if self.threads == 1 || n_pieces <= 1 || !is_first {
            let mut words = Vec::with_capacity(n_words);
            for planned in planned {
                records.write(planned, &mut self.btf, names, &mut words);
            }
            names.check()?;
            return Ok(self.btf.push_records(words)?);
        }
        let pieces = planned.par_chunks(planned.len().div_ceil(n_pieces));
        let pieces = pieces.map(|planned| {
            let mut piece = Piece::new(&self.btf, planned.len());
            let mut names = Names::new(planned.len());
            for &planned in planned {
                let Piece { strings, words } = &mut piece;
                records.write(planned, strings, &mut names, words);
            }
            names.check()?;
            Ok((piece, names.bad))
        });
        let pieces: Result<Vec<_>> = pieces.collect();
        let (pieces, bad): (Vec<Piece>, Vec<_>) = pieces?.into_iter().unzip();
        names.bad.extend(bad.into_iter().flatten());
        Ok(pieces::join(&mut self.btf, &pieces)?)
    }

    /// The id of the next type to be planned.
    fn next_id(&self) -> u32 {
        self.btf.n_types() + self.planned.len() as u32
    }

    /// Gives a type its id.
    fn plan(&mut self, planned: Planned<'f>) -> u32 {
        let id = self.next_id();
        self.planned.push(planned);
        id
    }

    /// The nodes that become types.
    fn in_file_order(&self, defs: &Definitions) -> Vec<NodeId> {
        let g = self.records.ground;
        let mut list: Vec<(Key, NodeId)> = Vec::with_capacity(g.store.id_end());
        let is_emitted = |i: u32, node: &Node| match node.kind {
            _ if node.key == UNROOTED => false,
            // Numbers refer to nothing, and so are never copied, even where everything else is.
            NodeKind::Int | NodeKind::Float => true,
            _ if g.taint.has(NodeId::store(i)) => false,
            kind if kind.is_name() => {
                node.name_no >= defs.own && defs.of(g, node.name_no).is_none()
            }
            _ => true,
        };
        let nodes = g.store.ids().filter(|&(i, node)| is_emitted(i, node));
        nodes.for_each(|(i, node)| list.push((node.key, NodeId::store(i))));
        let copies = self.records.copies.emitted();
        list.extend(copies.map(|(key, c)| (key, NodeId::copy(c))));
        sort_by_key(&mut list);
        // Several types of one DIE.
        for same in list.chunk_by_mut(|a, b| a.0 == b.0) {
            if same.len() > 1 {
                same.sort_unstable_by_key(|&(_, node)| match node.place() {
                    Place::Store(i) => (g.store.node(i).hash.a, node),
                    Place::Copy(c) => (u64::from(c), node),
                    Place::Base(_) | Place::BaseName(_) => (0, node),
                });
            }
        }
        list.into_iter().map(|(_, node)| node).collect()
    }

    /// Gives nodes their ids, in order, but for typedefs that BTF cannot name, which are looked through.
    fn number(&mut self, list: &[NodeId]) {
        let first = self.next_id();
        let Records {
            text,
            ground,
            copies,
            ids,
            ..
        } = &mut self.records;
        self.planned.reserve(list.len());
        for &node in list {
            if let Some((name, _)) = typedef_of(*ground, copies, node)
                && !is_identifier_at(text, name)
            {
                self.names.bad.push(text.bytes(name).to_vec());
                continue;
            }
            ids.set(node, first + self.planned.len() as u32);
            self.planned.push(Planned::Node(node));
        }
    }

    /// Functions by name, each behind its prototype unless an equal one is there already.
    pub(crate) fn functions(&mut self, emit: &[Emitted<'f>]) -> Result<()> {
        let mut arena = ArenaTypes::default();
        self.planned.reserve(emit.len() * 2);
        for e in emit {
            let name = e.name;
            if !e.is_identifier {
                self.names.bad.push(name.to_vec());
                continue;
            }
            // A copy that is like another one, or like a type of the base, is that.
            let proto = match e.proto.place() {
                Place::Copy(c) => match self.records.copies.fates[c as usize] {
                    Fate::Base(id) => NodeId::base(id),
                    Fate::Copy(c) => NodeId::copy(c),
                },
                _ => e.proto,
            };
            let mut proto_id = self.records.id(proto);
            let in_arena = e.kfunc.map(|kfunc| kfunc.arena(self.features));
            if let Some(attributes) = in_arena.filter(|arena| !arena.is_empty()) {
                proto_id = self.arena_proto(name, proto, attributes, &mut arena)?;
            }
            // The same function may be in the base already.
            let base_func = match self.records.ground.base {
                Some(base) if proto_id != 0 && proto_id < self.btf.start_id().0 => {
                    base.func(name, proto_id)
                }
                _ => None,
            };
            let func_id = match base_func {
                Some(id) => id,
                None => {
                    if proto_id == 0 {
                        proto_id = self.plan(Planned::Node(proto));
                        self.records.ids.set(proto, proto_id);
                    }
                    let proto = proto_id;
                    self.plan(Planned::Func { name, proto })
                }
            };
            if self.features.decl_tag {
                for &(component, value) in &e.tags {
                    self.decl_tag(self.records.text.bytes(value), func_id, component);
                }
                for value in e.kfunc.into_iter().flat_map(Kfunc::tags) {
                    self.decl_tag(value, func_id, -1);
                }
            }
        }
        Ok(())
    }

    /// The id of a kfunc's prototype with what of it points into an arena marked.
    fn arena_proto(
        &mut self,
        name: &[u8],
        proto: NodeId,
        attributes: Arena,
        arena: &mut ArenaTypes,
    ) -> Result<u32> {
        // Pointers are looked at, and types added at once.
        self.write_planned()?;
        let mut words = Vec::new();
        self.records
            .node(proto, &mut self.btf, &mut self.names, &mut words);
        self.names.check()?;
        mark_arena(&mut self.btf, arena, name, &mut words, attributes)?;
        arena.add(&mut self.btf, &words)
    }

    fn decl_tag(&mut self, value: &'f [u8], target: u32, component: i32) {
        if value.is_empty() || self.base_has_tag(target, component, value) {
            return;
        }
        self.plan(Planned::DeclTag {
            value,
            target,
            component,
        });
    }

    fn base_has_tag(&self, target: u32, component: i32, value: &[u8]) -> bool {
        let Some(base) = self.records.ground.base else {
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
    pub(crate) fn variables(&mut self, vars: &[VarRec<'f>], elf: &Elf<'f>) -> Result<()> {
        let mut sections: BTreeMap<u32, Vec<(u32, u32, u32)>> = BTreeMap::new();
        for v in vars {
            let id = self.plan(Planned::Var {
                name: v.name,
                ty: self.records.id(v.ty),
                external: v.external,
            });
            for &tag in &v.tags {
                self.decl_tag(tag, id, -1);
            }
            sections
                .entry(v.section)
                .or_default()
                .push((v.offset, v.size, id));
        }
        for (section, mut vars) in sections {
            vars.sort_unstable();
            let name = elf
                .sections()
                .get(section as usize)
                .map_or(&b""[..], |s| s.name);
            if !is_section_name(name) {
                self.names.bad.push(name.to_vec());
                continue;
            }
            if vars.len() > 0xffff {
                return Err(ErrorKind::Other(format!(
                    "{} variables in one section, BTF takes 65535",
                    vars.len()
                )));
            }
            let i = self.records.sections.len() as u32;
            let end = vars.last().map_or(0, |v| v.0.saturating_add(v.1));
            self.records.sections.push(VarSection { name, end, vars });
            self.plan(Planned::Datasec(i));
        }
        Ok(())
    }

    /// Ends the BTF.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.write_planned()
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

#[cfg(test)]
mod tests {
    use super::sort_by_key;

    #[test]
    fn sorting_by_key_is_stable_and_heeds_all_bits() {
        let mut seed = 1_u64;
        for n in [0, 1, 2, 100, 3000] {
            // From keys that differ in one byte to those that differ in all.
            for shift in [0, 8, 20, 56] {
                let mut list: Vec<(u64, usize)> = (0..n)
                    .map(|i| {
                        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                        (seed >> shift & !0xff00, i)
                    })
                    .collect();
                let mut expected = list.clone();
                expected.sort();
                sort_by_key(&mut list);
                assert_eq!(list, expected);
            }
        }
    }
}
