//! From a unit's DWARF to nodes: each type is hashed, looked up, and written down only if nobody has seen it before.
//!
//! Within its unit a type has a *mark*, by which others take it in. In files whose types are remembered by what their
//! DIEs say ([`crate::recall`]) that is for their keys: the place of its name if the type is a struct, union or enum that
//! has one, else its content hash. In others there are no keys, and the mark is what content hashes take in.

mod composite;
mod copy;
mod cycle;
mod enumeration;
mod names;
mod proto;
mod resolve;
mod scalar;
mod tags;

use std::cell::{Cell, RefCell};

use dwarf_reader::{Str, TypeDie, TypeTag, Unit};

use crate::arrays::{Arrays, Form};
use crate::base::BaseIndex;
use crate::diag::{Diag, DiagKind};
use crate::features::Features;
use crate::recall::{Recall, Seen};
use crate::shape::{self, Hash, Tag};
use crate::store::{Key, NO_NAME, NodeId, NodeKind, Store, put_str};
use crate::text::Text;
use composite::PlainMember;
pub(crate) use cycle::Cycle;
pub(crate) use names::NameSet;
use resolve::Open;

/// How one local type is known outside of its unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local {
    /// How others take it in: by name for structs, unions and enums that have one. [`Hash::NONE`] until somebody asks.
    pub(crate) hash: Hash,
    /// The node that others refer to.
    pub(crate) node: NodeId,
    /// What the name, if it has one, is numbered.
    pub(crate) name_no: u32,
    /// The type's own node: the definition's if it is a definition with a name, else the same as `node`.
    pub(crate) own: NodeId,
}

const UNKNOWN: Local = Local {
    hash: Hash::NONE,
    node: LAZY,
    name_no: UNKNOWN_NO,
    own: NodeId::VOID,
};
/// Not hashed yet.
const UNKNOWN_NO: u32 = u32::MAX - 1;
/// Being hashed: on the stack.
const OPEN_NO: u32 = u32::MAX - 2;
/// The node of a name that nobody has asked for yet.
const LAZY: NodeId = NodeId::NONE;

const VOID: Local = Local {
    hash: Hash::VOID,
    node: NodeId::VOID,
    name_no: NO_NAME,
    own: NodeId::VOID,
};

/// The memory of a worker, kept for the next file that its thread reads.
#[derive(Debug, Default)]
struct Spare {
    unit: Unit,
    locals: Vec<Local>,
    marks: Vec<Hash>,
    recall: Recall,
    stack: Vec<Open>,
    scratch: Vec<PlainMember>,
    words: Vec<u32>,
    near: Recall,
    /// Of which base `near` speaks.
    base: u64,
}

thread_local! {
    static SPARE: RefCell<Option<Spare>> = const { RefCell::new(None) };
}

impl Spare {
    /// The largest memory of types worth keeping, in entries: a module's, not a vmlinux's.
    const MAX_RECALL: usize = 1 << 16;

    fn take(base: u64) -> Self {
        let mut spare = SPARE.take().unwrap_or_default();
        spare.unit.forget_file();
        if spare.base != base {
            spare.near.clear();
            spare.base = base;
        }
        spare
    }
}

impl Drop for Worker<'_, '_> {
    fn drop(&mut self) {
        let mut recall = std::mem::take(&mut self.recall);
        recall.clear();
        if recall.capacity() > Spare::MAX_RECALL {
            return;
        }
        SPARE.set(Some(Spare {
            unit: std::mem::take(&mut self.unit),
            locals: std::mem::take(&mut self.locals),
            marks: std::mem::take(&mut self.marks),
            recall,
            stack: std::mem::take(&mut self.stack),
            scratch: std::mem::take(&mut self.scratch),
            words: std::mem::take(&mut self.words),
            near: std::mem::take(&mut self.near),
            base: self.base.map_or(0, BaseIndex::serial),
        }));
    }
}

/// Reads types of one unit after the other.
pub(crate) struct Worker<'f, 's> {
    pub(crate) text: Text<'f>,
    pub(crate) features: Features,
    pub(crate) base: Option<&'f BaseIndex>,
    pub(crate) store: &'s Store,
    pub(crate) unit: Unit,
    pub(crate) locals: Vec<Local>,
    /// Names that the unit at hand mentions.
    pub(crate) mentioned: NameSet,
    pub(crate) diags: Vec<Diag>,
    /// The mark of each type of the unit, [`Hash::NONE`] where it is not known yet.
    marks: Vec<Hash>,
    recall: Recall,
    stack: Vec<Open>,
    scratch: Vec<PlainMember>,
    words: Vec<u32>,
    /// Types of the base that were found so far, in this file and those before: they follow one another as in the module
    /// before, and the base's own table is too large to stay in a core's cache. Empty where that is small.
    near: Recall,
    /// How arrays of several dimensions are encoded.
    pub(crate) arrays: Form<'f>,
    /// Typedefs are known by their names, as structs are.
    pub(crate) typedefs_by_name: bool,
    /// A reference of the unit at hand leads to no type.
    stray: Cell<bool>,
    /// Types come again so often that they are remembered by what their DIEs say instead of by their content.
    pub(crate) repeats: bool,
    /// No other worker shares the store, and it was empty: what this one does not remember is not there.
    pub(crate) alone: bool,
    cu: u64,
    int: Option<Local>,
    char: Option<Local>,
}

impl<'f, 's> Worker<'f, 's> {
    pub(crate) fn new(
        text: Text<'f>,
        features: Features,
        base: Option<&'f BaseIndex>,
        store: &'s Store,
    ) -> Self {
        let spare = Spare::take(base.map_or(0, BaseIndex::serial));
        Self {
            text,
            features,
            base,
            store,
            unit: spare.unit,
            locals: spare.locals,
            mentioned: NameSet::default(),
            diags: Vec::new(),
            marks: spare.marks,
            recall: spare.recall,
            stack: spare.stack,
            scratch: spare.scratch,
            words: spare.words,
            near: spare.near,
            arrays: Form::Fixed(Arrays::Flat),
            typedefs_by_name: false,
            stray: Cell::new(false),
            repeats: false,
            alone: false,
            cu: 0,
            int: None,
            char: None,
        }
    }

    /// Maps all types of [`Self::unit`], the `cu`th of the file, to nodes.
    pub(crate) fn types(&mut self, cu: u32) -> Result<(), Cycle> {
        self.cu = u64::from(cu) << 32;
        if self.unit.has_dimensions() && self.arrays.is_nested() {
            self.unit.nest_arrays();
        }
        self.locals.clear();
        self.locals.resize(self.unit.types.len(), UNKNOWN);
        self.mentioned.clear();
        self.stray.set(false);
        self.int = None;
        self.char = None;
        if self.typedefs_by_name
            && let Some(off) = self.endless()
        {
            let what = Cycle::ENDLESS;
            return Err(Cycle { off, what });
        }
        self.mark_names();
        // Nobody waits for what is known by its name: it comes last, when it has nobody to wait for either.
        for i in 0..self.unit.types.len() {
            if self.marks[i].is_none() {
                self.resolve(i as u32)?;
            }
        }
        for n in 0..self.unit.tagged().len() {
            let i = self.unit.tagged()[n];
            if self.locals[i as usize].name_no == UNKNOWN_NO {
                self.resolve_named(i);
            }
        }
        if self.typedefs_by_name {
            for i in 0..self.unit.types.len() {
                if self.locals[i].name_no == UNKNOWN_NO {
                    self.resolve_named(i as u32);
                }
            }
        }
        Ok(())
    }

    /// Marks the types of the unit that are known by their names from the start.
    fn mark_names(&mut self) {
        let mut marks = std::mem::take(&mut self.marks);
        marks.clear();
        marks.resize(self.unit.types.len(), Hash::NONE);
        let mut mark = |i: usize| {
            if let Some((tag, name)) = self.by_name(&self.unit.types[i]) {
                marks[i] = if self.repeats {
                    shape::by_place(tag, name.to_bits())
                } else {
                    shape::by_name(tag, self.text.hash(name))
                };
            }
        };
        if self.typedefs_by_name {
            (0..self.unit.types.len()).for_each(mark);
        } else {
            self.unit.tagged().iter().for_each(|&i| mark(i as usize));
        }
        self.marks = marks;
    }

    /// The node of each type, the definition's own for definitions with a name.
    pub(crate) fn nodes(&self) -> Vec<u32> {
        self.locals.iter().map(|l| l.own.raw()).collect()
    }

    pub(crate) fn key(&self, order: u32) -> Key {
        self.cu | u64::from(order)
    }

    /// The local type that a reference leads to, as an index, and whether it is void.
    #[inline(always)]
    fn target(&self, r: dwarf_reader::TypeRef) -> Option<u32> {
        match self.unit.type_at(r) {
            Some(i) => Some(i as u32),
            None => {
                if r != dwarf_reader::TypeRef::NONE {
                    self.stray.set(true);
                }
                None
            }
        }
    }

    /// As [`Self::target`], with its mark.
    #[inline(always)]
    fn target_and_mark(&self, r: dwarf_reader::TypeRef) -> (Option<u32>, Hash) {
        if let Some(i) = self.unit.index_at(r)
            && let Some(&mark) = self.marks.get(i)
        {
            return (Some(i as u32), mark);
        }
        if r != dwarf_reader::TypeRef::NONE {
            self.stray.set(true);
        }
        (None, Hash::VOID)
    }

    pub(crate) fn local(&mut self, r: dwarf_reader::TypeRef) -> Local {
        match self.target(r) {
            Some(i) => self.local_at(i as usize),
            None => VOID,
        }
    }

    /// Deals with references that turned out to lead to no type: an error, or a warning where it may be a type of a
    /// kind that is not known here. `headers` are the units that were read.
    pub(crate) fn check_strays(
        &mut self,
        headers: &[dwarf_reader::UnitHeader],
    ) -> Result<(), dwarf_reader::Error> {
        if !self.stray.get() {
            return Ok(());
        }
        for stray in self.unit.strays(self.text.sections, headers) {
            if !stray.may_be_type {
                return Err(dwarf_reader::Error {
                    kind: dwarf_reader::ErrorKind::BadReference(stray.target),
                    at: self.unit.at(stray.off),
                });
            }
            self.warn(DiagKind::UnsupportedType, stray.off, stray.name);
        }
        Ok(())
    }

    /// A local type with its node.
    pub(crate) fn local_at(&mut self, i: usize) -> Local {
        let hash = self.content(i as u32);
        let node = self.node_of(i as u32);
        Local {
            hash,
            node,
            ..self.locals[i]
        }
    }

    /// What is known of a hash: by the base or, unless types are remembered by what their DIEs say, by the memory.
    #[inline]
    fn find(&mut self, hash: Hash) -> Option<Seen> {
        match self.find_in_base(hash) {
            None if !self.repeats => self.recall.find(hash),
            found => found,
        }
    }

    /// What the base has for a hash.
    #[inline(always)]
    fn find_in_base(&mut self, hash: Hash) -> Option<Seen> {
        self.find_in(self.base?, hash)
    }

    #[inline(never)]
    fn find_in(&mut self, base: &BaseIndex, hash: Hash) -> Option<Seen> {
        let is_large = base.serial() != 0;
        if is_large && let Some(seen) = self.near.find(hash) {
            return Some(seen);
        }
        let (node, name_no) = base.find(hash)?;
        let seen = Seen {
            hash,
            node,
            name_no,
        };
        if is_large {
            self.near.add(hash, seen);
        }
        Some(seen)
    }

    /// The node of a hash; `build` writes the record if this is the first time that anybody sees it.
    #[inline]
    fn intern(
        &mut self,
        hash: Hash,
        key: Key,
        kind: NodeKind,
        name_no: u32,
        build: impl FnOnce(&mut Vec<u32>),
    ) -> Seen {
        // Prototypes come from functions too, and those are not remembered by their hashes.
        let alone = self.alone && kind != NodeKind::FuncProto;
        let (node, name_no) = if alone {
            self.store.add(hash, key, kind, name_no, build)
        } else {
            self.store.intern(hash, key, kind, name_no, build)
        };
        let seen = Seen {
            hash,
            node,
            name_no,
        };
        if !self.repeats {
            self.recall.add(hash, seen);
        }
        seen
    }

    /// What became of the type of this key, from memory or by `make`.
    #[inline]
    fn recall(
        &mut self,
        key: impl FnOnce(&Self) -> Hash,
        make: impl FnOnce(&mut Self) -> Seen,
    ) -> Seen {
        if !self.repeats {
            return make(self);
        }
        let key = key(self);
        if let Some(seen) = self.recall.find(key) {
            return seen;
        }
        let seen = make(self);
        self.recall.add(key, seen);
        seen
    }

    /// The node that stands for local struct, union or enum `i` by name.
    fn name_node(&mut self, i: u32, tag: Tag, name: Str, key: Key) -> Seen {
        self.recall(
            |w| w.marks[i as usize],
            |w| {
                let hash = w.content(i);
                if let Some(seen) = w.find(hash) {
                    return seen;
                }
                let kind = match tag {
                    Tag::StructName => NodeKind::StructName,
                    Tag::UnionName => NodeKind::UnionName,
                    _ => NodeKind::EnumName,
                };
                w.intern(hash, key, kind, NO_NAME, |words| put_str(words, name))
            },
        )
    }

    /// The name under which others refer to this type, if they do.
    #[inline]
    fn by_name(&self, t: &TypeDie) -> Option<(Tag, Str)> {
        let tag = match t.tag {
            TypeTag::Struct => Tag::StructName,
            TypeTag::Union => Tag::UnionName,
            TypeTag::Enum => Tag::EnumName,
            TypeTag::Typedef if self.typedefs_by_name => Tag::TypedefName,
            _ => return None,
        };
        let name = self.name_of(t);
        if name.is_none() {
            None
        } else {
            Some((tag, name))
        }
    }

    /// A type's name, or that of the declaration it completes.
    #[inline]
    fn name_of(&self, t: &TypeDie) -> Str {
        if t.name.is_none()
            && let Some(origin) = self.unit.type_at(t.origin)
        {
            return self.unit.types[origin].name;
        }
        t.name
    }

    /// The mark of what a reference leads to; [`Hash::NONE`] if that has to be hashed first.
    #[inline(always)]
    fn mark(&self, r: dwarf_reader::TypeRef) -> Hash {
        self.target_and_mark(r).1
    }

    /// How other types take in local type `j`, which is ready.
    #[inline(always)]
    fn content(&mut self, j: u32) -> Hash {
        if self.repeats {
            self.content_by_name(j)
        } else {
            self.marks[j as usize]
        }
    }

    /// As [`Self::content`], where marks are of places.
    fn content_by_name(&mut self, j: u32) -> Hash {
        let local = &self.locals[j as usize];
        if !local.hash.is_none() {
            return local.hash;
        }
        match self.by_name(&self.unit.types[j as usize]) {
            Some((tag, name)) => {
                let hash = shape::by_name(tag, self.text.hash(name));
                self.locals[j as usize].hash = hash;
                hash
            }
            None => Hash::VOID,
        }
    }

    /// How others take in the target of a reference that is known to be ready.
    fn child(&mut self, r: dwarf_reader::TypeRef) -> Hash {
        match self.target(r) {
            Some(j) => self.content(j),
            None => Hash::VOID,
        }
    }

    /// The node of a reference's target. Names without a node yet get one.
    fn child_node(&mut self, r: dwarf_reader::TypeRef) -> NodeId {
        match self.target(r) {
            Some(j) => self.node_of(j),
            None => NodeId::VOID,
        }
    }

    pub(crate) fn node_of(&mut self, j: u32) -> NodeId {
        let local = self.locals[j as usize];
        if local.node != LAZY {
            return local.node;
        }
        let t = self.unit.types[j as usize];
        let Some((tag, name)) = self.by_name(&t) else {
            return NodeId::VOID;
        };
        let key = self.key(t.order);
        let node = self.name_node(j, tag, name, key).node;
        self.locals[j as usize].node = node;
        node
    }

    fn set(&mut self, i: u32, seen: Seen) {
        let local = Local {
            hash: seen.hash,
            node: seen.node,
            name_no: seen.name_no,
            own: seen.node,
        };
        self.set_local(i, local);
    }

    fn set_local(&mut self, i: u32, local: Local) {
        self.locals[i as usize] = local;
        // The mark of a type with a name stays as it is.
        let mark = &mut self.marks[i as usize];
        if mark.is_none() {
            *mark = local.hash;
        }
    }

    fn alias(&mut self, i: u32, r: dwarf_reader::TypeRef) {
        let local = match self.target(r) {
            Some(j) => {
                let mark = self.marks[j as usize];
                if !mark.is_none() {
                    self.marks[i as usize] = mark;
                }
                let node = self.node_of(j);
                Local {
                    hash: self.content(j),
                    node,
                    name_no: NO_NAME,
                    own: node,
                }
            }
            None => VOID,
        };
        self.set_local(i, local);
    }

    pub(crate) fn warn(&mut self, kind: DiagKind, off: u32, name: Str) {
        let at = self.unit.at(off);
        self.diags.push(Diag {
            kind,
            at,
            name: String::from_utf8_lossy(self.text.bytes(name)).into_owned(),
        });
    }

    /// Notes what a definition is, under its name if it has one.
    fn define(&mut self, i: u32, name: Str, seen: Seen) {
        if name.is_none() {
            return self.set(i, seen);
        }
        self.mentioned.insert(seen.name_no);
        // The name's node is looked up when somebody needs it.
        let local = &mut self.locals[i as usize];
        local.name_no = seen.name_no;
        local.own = seen.node;
    }
}
