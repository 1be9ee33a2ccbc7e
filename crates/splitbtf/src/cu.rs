//! From a unit's DWARF to nodes: each type is hashed, looked up, and written down only if nobody has seen it before.
//!
//! Within its unit a type has a *mark*, by which others take it in. In files whose types are remembered by what their
//! DIEs say ([`crate::recall`]) that is for their keys: the place of its name if the type is a struct, union or enum that
//! has one, else its content hash. In others there are no keys, and the mark is what content hashes take in.

mod resolve;

use std::cell::{Cell, RefCell};

use dwarf_reader::{Str, TypeDie, TypeTag, Unit};
use gimli::constants as c;

use crate::arrays::{Arrays, Form};
use crate::base::BaseIndex;
use crate::diag::{Diag, DiagKind};
use crate::features::Features;
use crate::recall::{Recall, Seen};
use crate::shape::{self, Hash, Mix, Tag, name_hash};
use crate::store::{Key, NO_NAME, NodeId, NodeKind, Store, UNROOTED, put_str};
use crate::text::{Text, synthetic};
use resolve::{Layout, Open, put_member};

/// A set of names, by number.
#[derive(Debug, Default, Clone)]
pub(crate) struct NameSet(Vec<u64>);

impl NameSet {
    #[inline]
    pub(crate) fn insert(&mut self, no: u32) {
        let word = (no / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (no % 64);
    }

    #[inline]
    pub(crate) fn contains(&self, no: u32) -> bool {
        self.0
            .get((no / 64) as usize)
            .is_some_and(|w| w & (1 << (no % 64)) != 0)
    }

    pub(crate) fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a |= b;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }
}

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

/// A cycle of types that C cannot write.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// Offset of a DIE in it from the start of the group of units.
    pub(crate) off: u32,
    pub(crate) what: &'static str,
}

impl Cycle {
    const NAMELESS: &'static str = "types refer to each other in a cycle without a name";
    const ENDLESS: &'static str =
        "a typedef leads back to itself through nothing but typedefs, qualifiers and arrays";

    pub(crate) fn into_error(self, unit: &Unit) -> dwarf_reader::Error {
        dwarf_reader::Error {
            kind: dwarf_reader::ErrorKind::Cycle(self.what),
            at: unit.at(self.off),
        }
    }
}

/// A member as BTF will have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainMember {
    pub(crate) name: Str,
    pub(crate) bit_off: u32,
    pub(crate) width: u32,
    /// Index in [`Unit::types`]; `u32::MAX` for void, which no member is.
    pub(crate) ty: u32,
}

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

    /// The offset of a typedef that leads back to itself through nothing that could end it.
    fn endless(&self) -> Option<u32> {
        let types = &self.unit.types;
        // In which round a type was met.
        let mut met = vec![0u32; types.len()];
        for (start, round) in (0..types.len()).zip(1u32..) {
            let mut i = start;
            while met[i] == 0 {
                met[i] = round;
                let goes_on = matches!(
                    types[i].tag,
                    TypeTag::Typedef
                        | TypeTag::Const
                        | TypeTag::Volatile
                        | TypeTag::Restrict
                        | TypeTag::Transparent
                        | TypeTag::TypeTag
                        | TypeTag::Array
                );
                match self.unit.type_at(types[i].ty) {
                    Some(next) if goes_on && met[next] == round => return Some(types[next].off),
                    Some(next) if goes_on => i = next,
                    _ => break,
                }
            }
        }
        None
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

    /// Whether a type tag is left out: nobody wants any, or it says nothing, which the kernel refuses.
    fn is_no_tag(&self, t: &TypeDie) -> bool {
        !self.features.type_tag || self.text.bytes(t.name).is_empty()
    }

    /// The tag of a type, whose target is ready.
    fn type_tag(&mut self, i: u32, t: &TypeDie) {
        if self.is_no_tag(t) {
            return self.alias(i, t.ty);
        }
        let key_of = |w: &Self| shape::type_tag(t.name.to_bits(), false, w.mark(t.ty));
        let seen = self.recall(key_of, |w| {
            let hash = shape::type_tag(w.text.hash(t.name), false, w.child(t.ty));
            if let Some(seen) = w.find(hash) {
                return seen;
            }
            let target = w.child_node(t.ty);
            let key = w.key(t.order);
            w.intern(hash, key, NodeKind::TypeTag, NO_NAME, |words| {
                put_str(words, t.name);
                words.extend([0, target.raw()]);
            })
        });
        self.set(i, seen);
    }

    /// Whether a number is encoded as an array of bytes.
    fn is_complex(&self, t: &TypeDie) -> bool {
        let encoding = gimli::DwAte(t.encoding);
        t.tag == TypeTag::Base
            && self.features.float
            && matches!(
                encoding,
                c::DW_ATE_complex_float | c::DW_ATE_imaginary_float
            )
    }

    fn base_type(&mut self, i: u32, t: &TypeDie) {
        let encoding = gimli::DwAte(t.encoding);
        let mut name = t.name;
        let mut size = u32::try_from(t.size).unwrap_or(0);
        if self.is_complex(t) || (encoding == c::DW_ATE_float && self.features.float) {
            if encoding != c::DW_ATE_float {
                // BTF has no word for it: an opaque run of bytes keeps the layout.
                self.warn(DiagKind::ComplexFloat, t.off, t.name);
                let elem = self.char_type();
                let bytes = self.array_of(elem, None, size, self.key(t.order));
                return self.set_local(i, bytes);
            }
            if matches!(size, 2 | 4 | 8 | 12 | 16) {
                let key = self.key(t.order);
                let seen = self.recall(
                    |_| shape::float(name.to_bits(), size),
                    |w| {
                        let hash = shape::float(w.text.hash(name), size);
                        if let Some(seen) = w.find(hash) {
                            return seen;
                        }
                        w.intern(hash, key, NodeKind::Float, NO_NAME, |words| {
                            put_str(words, name);
                            words.push(size);
                        })
                    },
                );
                return self.set(i, seen);
            }
            self.warn(DiagKind::FloatSize, t.off, t.name);
        }
        let data_encoding = match encoding {
            c::DW_ATE_signed | c::DW_ATE_signed_char => 1u32,
            c::DW_ATE_boolean => 4,
            _ => 0,
        };
        if size == 0 || !size.is_power_of_two() || size > 16 {
            name = synthetic::FAKE_INT;
            size = 4;
        }
        if name.is_none() {
            name = synthetic::FAKE_INT;
        }
        let local = self.int_type(name, size, data_encoding, self.key(t.order));
        self.set_local(i, local);
    }

    fn int_type(&mut self, name: Str, size: u32, encoding: u32, key: Key) -> Local {
        let data = (encoding << 24) | (size * 8);
        let seen = self.recall(
            |_| shape::int(name.to_bits(), size, data),
            |w| {
                let hash = shape::int(w.text.hash(name), size, data);
                if let Some(seen) = w.find(hash) {
                    return seen;
                }
                w.intern(hash, key, NodeKind::Int, NO_NAME, |words| {
                    put_str(words, name);
                    words.extend([size, data]);
                })
            },
        );
        Local {
            hash: seen.hash,
            node: seen.node,
            name_no: NO_NAME,
            own: seen.node,
        }
    }

    /// What arrays are indexed by: the unit's own `int`, or one made up.
    fn index_type(&mut self) -> Local {
        if let Some(int) = self.int {
            return int;
        }
        let own =
            self.unit.types.iter().find(|t| {
                t.tag == TypeTag::Base && t.size != 0 && self.text.bytes(t.name) == b"int"
            });
        let (size, encoding, order) = match own {
            Some(t) => {
                let signed = matches!(
                    gimli::DwAte(t.encoding),
                    c::DW_ATE_signed | c::DW_ATE_signed_char
                );
                (
                    u32::try_from(t.size).unwrap_or(4),
                    u32::from(signed),
                    t.order,
                )
            }
            None => (4, 1, u32::MAX),
        };
        let size = if size.is_power_of_two() && size <= 16 {
            size
        } else {
            4
        };
        let int = self.int_type(synthetic::INT, size, encoding, self.key(order));
        self.int = Some(int);
        int
    }

    /// A byte, for what BTF can only keep as a run of bytes.
    fn char_type(&mut self) -> Local {
        if let Some(char) = self.char {
            return char;
        }
        let char = self.int_type(synthetic::UNSIGNED_CHAR, 1, 0, self.key(u32::MAX));
        self.char = Some(char);
        char
    }

    /// An array of `elem`, or of local type `j`.
    fn array_of(&mut self, elem: Local, j: Option<u32>, nelems: u32, key: Key) -> Local {
        let index = self.index_type();
        let key_of = |w: &Self| {
            let elem = j.map_or(elem.hash, |j| w.marks[j as usize]);
            shape::array(elem, index.hash, nelems)
        };
        let seen = self.recall(key_of, |w| {
            let elem_hash = j.map_or(elem.hash, |j| w.content(j));
            let hash = shape::array(elem_hash, index.hash, nelems);
            if let Some(seen) = w.find(hash) {
                return seen;
            }
            let node = j.map_or(elem.node, |j| w.node_of(j));
            w.intern(hash, key, NodeKind::Array, NO_NAME, |words| {
                words.extend([node.raw(), index.node.raw(), nelems]);
            })
        });
        Local {
            hash: seen.hash,
            node: seen.node,
            name_no: NO_NAME,
            own: seen.node,
        }
    }

    fn array(&mut self, i: u32, t: &TypeDie) {
        let target = self.target(t.ty);
        let (elem, target) = match target.filter(|&j| self.marks[j as usize] != Hash::VOID) {
            Some(j) => (VOID, Some(j)),
            None => {
                self.warn(DiagKind::VoidArray, t.off, t.name);
                (self.char_type(), None)
            }
        };
        let local = self.array_of(elem, target, t.size as u32, self.key(t.order));
        self.set_local(i, local);
    }

    /// The members of a struct or union as BTF can express them, and whether they need the kind flag; the latter is
    /// `None` if BTF cannot hold them. Also what was left out.
    fn plain_members(
        &self,
        t: &TypeDie,
        out: &mut Vec<PlainMember>,
    ) -> (Option<bool>, Option<DiagKind>) {
        out.clear();
        let first = t.first as usize;
        let members = &self.unit.members[first..first + t.n as usize];
        let is_union = t.tag == TypeTag::Union;
        let mut kind_flag = false;
        let mut dropped: Option<DiagKind> = None;
        let mut too_far = members.len() > 0xffff;
        let mut last = 0;
        let mut sorted = true;
        for m in members {
            if m.is_inheritance() {
                continue;
            }
            // A type that aliases void is void too.
            let target = self
                .target(m.ty)
                .filter(|&j| self.marks[j as usize] != Hash::VOID);
            let Some(ty) = target else {
                dropped = Some(DiagKind::VoidMember);
                continue;
            };
            if m.bit_off == u64::MAX || (is_union && m.bit_off != 0) {
                dropped = Some(DiagKind::MemberOffset);
                continue;
            }
            if m.bit_off.div_ceil(8) > t.size {
                dropped = Some(DiagKind::MemberPastEnd);
                continue;
            }
            let width = m.width;
            kind_flag |= width != 0;
            too_far |= width > 255 || m.bit_off > u64::from(u32::MAX);
            sorted &= last <= m.bit_off;
            last = m.bit_off;
            out.push(PlainMember {
                name: m.name,
                bit_off: m.bit_off as u32,
                width,
                ty,
            });
        }
        if kind_flag {
            too_far |= out.iter().any(|m| m.bit_off > 0xff_ffff);
        }
        if !sorted {
            // The kernel wants ascending offsets; Rust and hand-packed layouts do not give them.
            out.sort_by_key(|m| m.bit_off);
        }
        if too_far || t.size > u64::from(u32::MAX) {
            out.clear();
            return (None, dropped);
        }
        (Some(kind_flag), dropped)
    }

    /// A struct or union that is only declared, or a stub that stands for a type elsewhere.
    fn declaration(&mut self, i: u32, t: &TypeDie) {
        let name = self.name_of(t);
        if name.is_none() {
            let target = t.origin;
            return if self.unit.type_at(target) == Some(i as usize) {
                self.set_local(i, VOID);
            } else {
                self.alias(i, target);
            };
        }
        let tag = if t.tag == TypeTag::Union {
            Tag::UnionName
        } else {
            Tag::StructName
        };
        let seen = self.name_node(i, tag, name, self.key(t.order));
        self.mentioned.insert(seen.name_no);
        self.set(i, seen);
    }

    /// The definition of a struct or union. `layout` has taken in its members.
    fn composite(&mut self, i: u32, t: &TypeDie, layout: &Layout) {
        let seen = if self.repeats {
            self.recalled_composite(i, t, layout.key())
        } else {
            self.composite_content(i, t, *layout).0
        };
        let name = self.name_of(t);
        self.define(i, name, seen);
    }

    /// What became of a struct or union, by what its DIE says.
    fn recalled_composite(&mut self, i: u32, t: &TypeDie, key: Option<Hash>) -> Seen {
        if let Some(key) = key
            && let Some(seen) = self.recall.find(key)
        {
            return seen;
        }
        let mut layout = Layout::new(t, self.composite_head(i, t));
        for n in t.first..t.first + t.n {
            let x = self.unit.members[n as usize];
            let ty = self.child(x.ty);
            layout.add(&x, self.text.hash(x.name), ty);
        }
        let (seen, clean) = self.composite_content(i, t, layout);
        // What there is to complain about is said of each DIE.
        if let Some(key) = key
            && clean
        {
            self.recall.add(key, seen);
        }
        seen
    }

    /// The hash of a struct or union before its members.
    fn composite_head(&mut self, i: u32, t: &TypeDie) -> Mix {
        let name = if self.name_of(t).is_none() {
            shape::anonymous()
        } else {
            self.content(i).a
        };
        let tag = if t.tag == TypeTag::Union {
            Tag::Union
        } else {
            Tag::Struct
        };
        shape::composite(tag, name, u32::try_from(t.size).unwrap_or(u32::MAX))
    }

    /// Finds or makes the node of a struct or union of this content; also says whether BTF can hold all of it.
    fn composite_content(&mut self, i: u32, t: &TypeDie, layout: Layout) -> (Seen, bool) {
        let plain = layout.done(t.n as usize);
        if let Some((hash, bitfields)) = plain {
            let seen = self.find(hash).unwrap_or_else(|| {
                self.new_composite(i, t, hash, t.n, bitfields, |w, words| {
                    w.put_members(t, words);
                })
            });
            return (seen, true);
        }
        let name = self.name_of(t);
        let mut members = std::mem::take(&mut self.scratch);
        let (kind_flag, dropped) = self.plain_members(t, &mut members);
        if let Some(kind) = dropped {
            self.warn(kind, t.off, name);
        }
        if kind_flag.is_none() {
            self.warn(DiagKind::CannotExpress, t.off, name);
        }
        let clean = kind_flag.is_some() && dropped.is_none();
        let kind_flag = kind_flag.unwrap_or(false);
        let mut m = self.composite_head(i, t);
        for p in &members {
            let ty = self.content(p.ty);
            shape::member(&mut m, self.text.hash(p.name), p.bit_off, p.width, ty);
        }
        let hash = shape::composite_end(m, members.len(), kind_flag);
        let seen = self.find(hash).unwrap_or_else(|| {
            let n = members.len() as u32;
            self.new_composite(i, t, hash, n, kind_flag, |w, words| {
                for p in &members {
                    let node = w.node_of(p.ty);
                    put_member(words, p.name, p.bit_off, p.width, node);
                }
            })
        });
        self.scratch = members;
        (seen, clean)
    }

    /// The node of a struct or union that nobody has seen yet.
    fn new_composite(
        &mut self,
        i: u32,
        t: &TypeDie,
        hash: Hash,
        n: u32,
        kind_flag: bool,
        put_members: impl FnOnce(&mut Self, &mut Vec<u32>),
    ) -> Seen {
        let key = self.key(t.order);
        let name = self.name_of(t);
        let (name_tag, kind) = if t.tag == TypeTag::Union {
            (Tag::UnionName, NodeKind::Union)
        } else {
            (Tag::StructName, NodeKind::Struct)
        };
        let name_no = if name.is_none() {
            NO_NAME
        } else {
            self.name_node(i, name_tag, name, key).name_no
        };
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        put_str(&mut words, name);
        let size = u32::try_from(t.size).unwrap_or(u32::MAX);
        words.extend([size, n, u32::from(kind_flag)]);
        put_members(self, &mut words);
        let seen = self.intern(hash, key, kind, name_no, |w| w.extend_from_slice(&words));
        self.words = words;
        seen
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

    fn enumeration(&mut self, i: u32, t: &TypeDie) {
        let key = self.key(t.order);
        let name = self.name_of(t);
        if t.declaration {
            if name.is_none() {
                return self.set_local(i, VOID);
            }
            let seen = self.name_node(i, Tag::EnumName, name, key);
            self.mentioned.insert(seen.name_no);
            return self.set(i, seen);
        }
        let (n, size, wide, signed) = self.enum_form(t);
        if n < t.n as usize {
            self.warn(DiagKind::CannotExpress, t.off, name);
        }
        if t.flag && !matches!(t.size, 1 | 2 | 4 | 8) {
            self.warn(DiagKind::EnumSize, t.off, name);
        }
        let values = t.first as usize..t.first as usize + n;
        let key_of = |w: &Self| {
            let mut m = shape::enumeration(0, size, wide, signed);
            m.child(w.marks[i as usize]);
            for e in &w.unit.enumerators[values.clone()] {
                m.words(e.name.to_bits(), e.value);
            }
            m.done()
        };
        let seen = self.recall(key_of, |w| {
            let name_word = if name.is_none() {
                shape::anonymous()
            } else {
                w.content(i).a
            };
            let mut m = shape::enumeration(name_word, size, wide, signed);
            for e in &w.unit.enumerators[values.clone()] {
                let value = if wide {
                    e.value
                } else {
                    u64::from(e.value as u32)
                };
                m.words(w.text.hash(e.name), value);
            }
            let hash = m.done();
            if let Some(seen) = w.find(hash) {
                return seen;
            }
            let name_no = if name.is_none() {
                NO_NAME
            } else {
                w.name_node(i, Tag::EnumName, name, key).name_no
            };
            let mut words = std::mem::take(&mut w.words);
            words.clear();
            w.write_enum(t, &mut words);
            let seen = w.intern(hash, key, NodeKind::Enum, name_no, |record| {
                record.extend_from_slice(&words);
            });
            w.words = words;
            seen
        });
        self.define(i, name, seen);
    }

    /// Number of values, size in bytes, whether 64-bit values are needed, whether signed.
    fn enum_form(&self, t: &TypeDie) -> (usize, u32, bool, bool) {
        let first = t.first as usize;
        let n = (t.n as usize).min(0xffff);
        let size = match if t.flag { t.size } else { 4 } {
            s @ (1 | 2 | 4 | 8) => s as u32,
            _ => 8,
        };
        let values = &self.unit.enumerators[first..first + n];
        let fits = |v: u64| (v as i64) >= i64::from(i32::MIN) && (v as i64) <= i64::from(u32::MAX);
        let beyond = size <= 4 && !values.iter().all(|e| fits(e.value));
        let wide = self.features.enum64 && (size > 4 || beyond);
        let signed = if !self.features.enum64 {
            false
        } else if size > 4 {
            self.target(t.ty).is_some_and(|j| {
                let u = &self.unit.types[j as usize];
                u.tag == TypeTag::Base
                    && matches!(
                        gimli::DwAte(u.encoding),
                        c::DW_ATE_signed | c::DW_ATE_signed_char
                    )
            })
        } else {
            values.iter().any(|e| (e.value as i64) < 0)
        };
        (n, size, wide, signed)
    }

    fn write_enum(&self, t: &TypeDie, words: &mut Vec<u32>) {
        let (n, size, wide, signed) = self.enum_form(t);
        put_str(words, self.name_of(t));
        words.extend([size, n as u32, u32::from(wide) | u32::from(signed) << 1]);
        for e in &self.unit.enumerators[t.first as usize..t.first as usize + n] {
            put_str(words, e.name);
            words.extend([e.value as u32, (e.value >> 32) as u32]);
        }
    }

    /// A subroutine type.
    fn subroutine(&mut self, open: &Open, t: &TypeDie) {
        let params = t.first as usize..(t.first + t.n) as usize;
        let key_of = |_: &Self| {
            let mut m = open.mix();
            m.words(u64::from(t.flag), u64::from(t.n));
            m.done()
        };
        let seen = self.recall(key_of, |w| {
            let mut m = open.mix();
            if w.repeats {
                m = shape::func_proto(w.child(t.ty));
                for n in params.clone() {
                    let p = w.unit.params[n];
                    let ty = w.child(p.ty);
                    shape::param(&mut m, w.text.hash(p.name), ty);
                }
            }
            if t.flag {
                shape::param(&mut m, name_hash(b""), Hash::VOID);
            }
            let hash = m.done();
            if let Some(seen) = w.find(hash) {
                return seen;
            }
            let mut words = std::mem::take(&mut w.words);
            words.clear();
            let ret = w.child_node(t.ty);
            words.extend([ret.raw(), t.n + u32::from(t.flag)]);
            for n in params {
                let p = w.unit.params[n];
                put_str(&mut words, p.name);
                let node = w.child_node(p.ty);
                words.push(node.raw());
            }
            if t.flag {
                put_str(&mut words, Str::NONE);
                words.push(0);
            }
            let key = w.key(t.order);
            let seen = w.intern(hash, key, NodeKind::FuncProto, NO_NAME, |record| {
                record.extend_from_slice(&words);
            });
            w.words = words;
            seen
        });
        self.set(open.i, seen);
    }

    /// The node of a function's prototype, which is emitted only if the function is. A variable list ends in a
    /// parameter without name and type.
    pub(crate) fn proto(
        &mut self,
        ret: dwarf_reader::TypeRef,
        params: &[(Str, dwarf_reader::TypeRef)],
    ) -> NodeId {
        // A key of its own: the prototype of a function makes no type of a DIE known.
        let key_of = |w: &Self| {
            let mut m = Mix::new(Tag::Func);
            m.child(w.mark(ret));
            for &(name, ty) in params {
                shape::param(&mut m, name.to_bits(), w.mark(ty));
            }
            m.done()
        };
        let seen = self.recall(key_of, |w| {
            let ret_hash = w.child(ret);
            let mut m = shape::func_proto(ret_hash);
            for &(name, ty) in params {
                let ty = w.child(ty);
                shape::param(&mut m, w.text.hash(name), ty);
            }
            let hash = m.done();
            if let Some(seen) = w.find_in_base(hash) {
                return seen;
            }
            let own = shape::func(0, 0, hash);
            let known = if w.repeats { None } else { w.recall.find(own) };
            if let Some(seen) = known {
                return seen;
            }
            let mut words = std::mem::take(&mut w.words);
            words.clear();
            words.extend([w.child_node(ret).raw(), params.len() as u32]);
            for &(name, ty) in params {
                put_str(&mut words, name);
                let node = w.child_node(ty);
                words.push(node.raw());
            }
            let build = |record: &mut Vec<u32>| record.extend_from_slice(&words);
            let (node, name_no) =
                w.store
                    .intern(hash, UNROOTED, NodeKind::FuncProto, NO_NAME, build);
            let seen = Seen {
                hash,
                node,
                name_no,
            };
            if !w.repeats {
                w.recall.add(own, seen);
            }
            w.words = words;
            seen
        });
        seen.node
    }

    /// The node of a decl tag.
    pub(crate) fn decl_tag(
        &mut self,
        value: Str,
        component: i32,
        target: Local,
        order: u32,
    ) -> NodeId {
        let hash = shape::decl_tag(self.text.hash(value), component, false, target.hash);
        if let Some(seen) = self.find(hash) {
            return seen.node;
        }
        let key = self.key(order);
        let seen = self.intern(hash, key, NodeKind::DeclTag, NO_NAME, |w| {
            put_str(w, value);
            w.extend([0, component as u32, target.node.raw()]);
        });
        seen.node
    }

    /// What a type stands for that leaves no record of its own: the type it leads to.
    pub(crate) fn alias_of(&self, i: usize) -> Option<dwarf_reader::TypeRef> {
        let t = &self.unit.types[i];
        match t.tag {
            TypeTag::Transparent => Some(t.ty),
            TypeTag::TypeTag if self.is_no_tag(t) => Some(t.ty),
            TypeTag::Typedef if t.name.is_none() => Some(t.ty),
            TypeTag::Struct | TypeTag::Union if t.declaration && self.name_of(t).is_none() => {
                Some(t.origin)
            }
            _ => None,
        }
    }

    /// Whether a local type has to be told apart from others of equal content.
    pub(crate) fn is_tainted(&mut self, i: usize, taint: &crate::settle::Taint) -> bool {
        let local = self.local_at(i);
        // Numbers reach nothing, but for those that are arrays.
        let t = &self.unit.types[i];
        if (t.tag == TypeTag::Base && !self.is_complex(t))
            || self.alias_of(i).is_some()
            || local.hash == Hash::VOID
        {
            return false;
        }
        taint.has(local.node)
    }

    /// Writes the record of a local type that [`Self::types`] has been through, with its references as `node` gives
    /// them for indices in [`Unit::types`].
    pub(crate) fn copy_record(
        &mut self,
        i: usize,
        words: &mut Vec<u32>,
        node: &dyn Fn(&mut Self, Option<usize>) -> NodeId,
    ) -> NodeKind {
        let t = self.unit.types[i];
        let target = |w: &mut Self| {
            let at = w.unit.type_at(t.ty);
            node(w, at).raw()
        };
        let name = self.name_of(&t);
        match t.tag {
            TypeTag::Pointer | TypeTag::Reference => {
                words.push(target(self));
                NodeKind::Ptr
            }
            TypeTag::Const => {
                words.push(target(self));
                NodeKind::Const
            }
            TypeTag::Volatile => {
                words.push(target(self));
                NodeKind::Volatile
            }
            TypeTag::Restrict => {
                words.push(target(self));
                NodeKind::Restrict
            }
            TypeTag::TypeTag => {
                put_str(words, t.name);
                words.extend([0, target(self)]);
                NodeKind::TypeTag
            }
            TypeTag::Typedef => {
                put_str(words, t.name);
                words.push(target(self));
                NodeKind::Typedef
            }
            TypeTag::Array => {
                let elem = match target(self) {
                    0 => self.char_type().node.raw(),
                    elem => elem,
                };
                let index = self.index_type().node.raw();
                words.extend([elem, index, t.size as u32]);
                NodeKind::Array
            }
            TypeTag::Struct | TypeTag::Union if t.declaration => {
                put_str(words, name);
                if t.tag == TypeTag::Struct {
                    NodeKind::StructName
                } else {
                    NodeKind::UnionName
                }
            }
            TypeTag::Struct | TypeTag::Union => {
                let mut members = Vec::new();
                let kind_flag = self.plain_members(&t, &mut members).0.unwrap_or(false);
                put_str(words, name);
                let size = u32::try_from(t.size).unwrap_or(u32::MAX);
                words.extend([size, members.len() as u32, u32::from(kind_flag)]);
                for p in &members {
                    put_str(words, p.name);
                    words.extend([p.bit_off, p.width, node(self, Some(p.ty as usize)).raw()]);
                }
                if t.tag == TypeTag::Struct {
                    NodeKind::Struct
                } else {
                    NodeKind::Union
                }
            }
            TypeTag::Enum if t.declaration => {
                put_str(words, name);
                NodeKind::EnumName
            }
            TypeTag::Enum => {
                self.write_enum(&t, words);
                NodeKind::Enum
            }
            TypeTag::Subroutine => {
                words.extend([target(self), t.n + u32::from(t.flag)]);
                for p in t.first..t.first + t.n {
                    let p = self.unit.params[p as usize];
                    put_str(words, p.name);
                    let at = self.unit.type_at(p.ty);
                    words.push(node(self, at).raw());
                }
                if t.flag {
                    put_str(words, Str::NONE);
                    words.push(0);
                }
                NodeKind::FuncProto
            }
            TypeTag::Base if self.is_complex(&t) => {
                let (elem, index) = (self.char_type().node, self.index_type().node);
                let size = u32::try_from(t.size).unwrap_or(0);
                words.extend([elem.raw(), index.raw(), size]);
                NodeKind::Array
            }
            // None of these is ever tainted.
            TypeTag::Base | TypeTag::Transparent | TypeTag::Unsupported => {
                words.push(target(self));
                NodeKind::Const
            }
        }
    }
}
