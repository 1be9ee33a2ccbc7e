//! The order in which a unit's types are hashed: each behind what it refers to.
//!
//! Compilers write a type's DIE before those of the types that it refers to about as often as behind them. A type that
//! needs another one waits on a stack, with its own hash as far as that has come, so that no member is looked at twice.
//! Structs, unions and enums that have a name come when all else is done: nobody waits for them, and they wait for nobody.

use dwarf_reader::{Member, Str, TypeDie, TypeRef, TypeTag};

use super::{Cycle, OPEN_NO, Worker};
use crate::diag::DiagKind;
use crate::recall::Seen;
use crate::shape::{self, Hash, Mix, Tag};
use crate::store::{NO_NAME, NodeId, NodeKind, put_str};

/// A struct's or union's members on their way into its content hash, as long as BTF can hold them as they are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layout {
    m: Mix,
    /// No member is further than that, in bits.
    most: u64,
    last: u64,
    /// The upper bit is set if a member stands before the one before it, or further than `most`.
    outside: u64,
    widths: u32,
    plain: bool,
}

impl Layout {
    /// `head` has taken in what [`shape::composite`] does.
    pub(super) fn new(t: &TypeDie, head: Mix) -> Self {
        let most = if t.tag == TypeTag::Union {
            0
        } else {
            t.size.saturating_mul(8).min(u64::from(u32::MAX))
        };
        Self {
            m: head,
            most,
            last: 0,
            outside: 0,
            widths: 0,
            plain: t.size <= u64::from(u32::MAX) && t.n <= 0xffff,
        }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, x: &Member, name: u64, ty: Hash) {
        self.widths |= x.width;
        // A difference below zero, or an offset that is none, sets the upper bit of one of the two.
        let outside = x.bit_off.wrapping_sub(self.last) | self.most.wrapping_sub(x.bit_off);
        self.outside |= outside;
        self.plain &= !ty.is_void();
        self.last = x.bit_off;
        shape::member(&mut self.m, name, x.bit_off as u32, x.width, ty);
    }

    /// Takes a member into a key.
    #[inline(always)]
    fn add_to_key(&mut self, x: &Member, mark: Hash) {
        self.last |= x.bit_off;
        let place = x.bit_off | u64::from(x.width) << 32;
        self.m.item(x.name.to_bits(), place, mark);
    }

    /// The key; `None` if a member is so far from the start that there is no room for its width in one word.
    pub(super) fn key(&self) -> Option<Hash> {
        (self.last >> 32 == 0).then(|| self.m.done())
    }

    /// The content hash, and whether there are bitfields; `None` if BTF cannot hold the members as they are.
    pub(super) fn done(self, n: usize) -> Option<(Hash, bool)> {
        let most = if self.widths == 0 {
            u64::MAX
        } else {
            0xff_ffff
        };
        let inside = self.outside >> 63 == 0;
        let plain = self.plain && inside && self.widths <= 255 && self.last <= most;
        let bitfields = self.widths != 0;
        plain.then(|| (shape::composite_end(self.m, n, bitfields), bitfields))
    }
}

/// A type that waits for one that it refers to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Open {
    pub(super) i: u32,
    /// The reference to go on with: what the type itself refers to, then its items.
    next: u32,
    /// Of a struct or union, its content so far, or its key in files whose types are remembered by those; of a
    /// subroutine only the hash under way counts.
    layout: Layout,
}

impl Open {
    fn new(i: u32) -> Self {
        Self {
            i,
            ..Self::default()
        }
    }

    /// The hash that was under way.
    pub(super) fn mix(&self) -> Mix {
        self.layout.m
    }
}

impl Worker<'_, '_> {
    /// Hashes a type and, first, all that it needs hashed.
    #[inline]
    pub(super) fn resolve(&mut self, i: u32) -> Result<(), Cycle> {
        let mut open = Open::new(i);
        match self.step(&mut open) {
            None => Ok(()),
            Some(child) => self.resolve_from(open, child),
        }
    }

    /// Hashes a struct, union or enum that has a name, or a typedef where those are known by their names, once
    /// everything else is hashed.
    pub(super) fn resolve_named(&mut self, i: u32) {
        let t = &{ self.unit.types[i as usize] };
        match t.tag {
            TypeTag::Struct | TypeTag::Union if !t.declaration => {
                let mut layout = Layout::new(t, self.head(i, t));
                let members = &self.unit.members[t.first as usize..][..t.n as usize];
                if self.repeats {
                    for x in members {
                        layout.add_to_key(x, self.mark(x.ty));
                    }
                } else {
                    for x in members {
                        layout.add(x, self.text.hash(x.name), self.mark(x.ty));
                    }
                }
                self.composite(i, t, &layout);
            }
            TypeTag::Struct | TypeTag::Union => self.declaration(i, t),
            TypeTag::Enum => self.enumeration(i, t),
            _ => {
                self.refer(i, t, Tag::Typedef, NodeKind::Typedef);
            }
        }
    }

    /// As [`Self::resolve`], for a type that `child` is missing of.
    fn resolve_from(&mut self, mut top: Open, mut child: u32) -> Result<(), Cycle> {
        self.stack.clear();
        loop {
            self.locals[top.i as usize].name_no = OPEN_NO;
            if self.locals[child as usize].name_no == OPEN_NO {
                return Err(Cycle {
                    off: self.unit.types[child as usize].off,
                    what: Cycle::NAMELESS,
                });
            }
            self.stack.push(top);
            top = Open::new(child);
            child = loop {
                if let Some(child) = self.step(&mut top) {
                    break child;
                }
                match self.stack.pop() {
                    Some(parent) => top = parent,
                    None => return Ok(()),
                }
            };
        }
    }

    /// Goes on with a type: takes what it refers to into its hash until there is one that has to be hashed first, which
    /// it returns, or finds or makes its node. All that depends on the kind of type is decided here, at once: which kind
    /// comes next is hard to predict.
    fn step(&mut self, open: &mut Open) -> Option<u32> {
        let i = open.i;
        let t = &{ self.unit.types[i as usize] };
        match t.tag {
            TypeTag::Pointer => return self.refer(i, t, Tag::Ptr, NodeKind::Ptr),
            TypeTag::Const => return self.refer(i, t, Tag::Const, NodeKind::Const),
            TypeTag::Volatile => return self.refer(i, t, Tag::Volatile, NodeKind::Volatile),
            TypeTag::Restrict => return self.refer(i, t, Tag::Restrict, NodeKind::Restrict),
            TypeTag::Typedef if !t.name.is_none() => {
                return self.refer(i, t, Tag::Typedef, NodeKind::Typedef);
            }
            TypeTag::Struct | TypeTag::Union if !t.declaration => {
                if open.next == 0 {
                    open.layout = Layout::new(t, self.head(i, t));
                }
                let missing = self.missing_member(t, open);
                if missing.is_some() {
                    return missing;
                }
                self.composite(i, t, &open.layout);
            }
            TypeTag::Subroutine => {
                let missing = self.missing_param(t, open);
                if missing.is_some() {
                    return missing;
                }
                self.subroutine(open, t);
            }
            // Numbers and enums refer to nothing that has to be hashed.
            TypeTag::Base => self.base_type(i, t),
            TypeTag::Enum => self.enumeration(i, t),
            TypeTag::Array => {
                let missing = self.missing_target(t.ty);
                if missing.is_some() {
                    return missing;
                }
                self.array(i, t);
            }
            TypeTag::Reference => {
                let missing = self.refer(i, t, Tag::Ptr, NodeKind::Ptr);
                if missing.is_none() {
                    self.warn(DiagKind::ReferenceAsPointer, t.off, t.name);
                }
                return missing;
            }
            TypeTag::Struct | TypeTag::Union => {
                // A stub of a type unit leads to the type by its origin, if that is not itself.
                let stub = self.marks[i as usize].is_none();
                let origin = if stub { t.origin } else { TypeRef::NONE };
                let missing = self.missing_target(t.ty);
                let missing = missing.or_else(|| self.missing_target(origin).filter(|&j| j != i));
                if missing.is_some() {
                    return missing;
                }
                self.declaration(i, t);
            }
            TypeTag::Transparent | TypeTag::Typedef | TypeTag::TypeTag => {
                let missing = self.missing_target(t.ty);
                if missing.is_some() {
                    return missing;
                }
                if t.tag == TypeTag::TypeTag {
                    self.type_tag(i, t);
                } else {
                    self.alias(i, t.ty);
                }
            }
            TypeTag::Unsupported => {
                self.warn(DiagKind::UnsupportedType, t.off, t.name);
                self.set_local(i, super::VOID);
            }
        }
        None
    }

    /// The hash of a struct or union before its members; its key, where types are remembered by those.
    #[inline(always)]
    fn head(&self, i: u32, t: &TypeDie) -> Mix {
        let mark = self.marks[i as usize];
        let tag = if t.tag == TypeTag::Union {
            Tag::Union
        } else {
            Tag::Struct
        };
        if self.repeats {
            let mut m = Mix::new(tag);
            m.item(t.size, u64::from(t.n), mark);
            return m;
        }
        let name = if mark.is_none() {
            shape::anonymous()
        } else {
            mark.a
        };
        shape::composite(tag, name, u32::try_from(t.size).unwrap_or(u32::MAX))
    }

    /// What a reference leads to, if that has to be hashed first.
    #[inline(always)]
    fn missing_target(&self, r: TypeRef) -> Option<u32> {
        let (target, mark) = self.target_and_mark(r);
        target.filter(|_| mark.is_none())
    }

    #[inline]
    fn missing_member(&self, t: &TypeDie, open: &mut Open) -> Option<u32> {
        if self.repeats {
            self.missing_of(t, open, Layout::add_to_key)
        } else {
            self.missing_of(t, open, |layout, x, mark| {
                layout.add(x, self.text.hash(x.name), mark);
            })
        }
    }

    #[inline(always)]
    fn missing_of(
        &self,
        t: &TypeDie,
        open: &mut Open,
        add: impl Fn(&mut Layout, &Member, Hash),
    ) -> Option<u32> {
        // Kept at hand while the members pass by.
        let mut layout = open.layout;
        let mut next = open.next as usize;
        let members = &self.unit.members[t.first as usize..][..t.n as usize];
        let mut missing = None;
        while let Some(x) = members.get(next) {
            let mark = match self.target_and_mark(x.ty) {
                (missed, mark) if mark.is_none() => {
                    missing = missed;
                    break;
                }
                (_, mark) => mark,
            };
            add(&mut layout, x, mark);
            next += 1;
        }
        open.layout = layout;
        open.next = next as u32;
        missing
    }

    #[inline]
    fn missing_param(&self, t: &TypeDie, open: &mut Open) -> Option<u32> {
        let m = &mut open.layout.m;
        if open.next == 0 {
            *m = Mix::new(Tag::FuncProto);
            let (target, ret) = self.target_and_mark(t.ty);
            if ret.is_none() {
                return target;
            }
            m.child(ret);
            open.next = 1;
        }
        let params = &self.unit.params[t.first as usize..][..t.n as usize];
        for p in params.get(open.next as usize - 1..).unwrap_or_default() {
            let (target, mark) = self.target_and_mark(p.ty);
            if mark.is_none() {
                return target;
            }
            open.next += 1;
            let name = if self.repeats {
                p.name.to_bits()
            } else {
                self.text.hash(p.name)
            };
            shape::param(m, name, mark);
        }
        None
    }

    /// Finishes a pointer, a qualifier or a typedef with a name, or says what has to be hashed first.
    #[inline]
    fn refer(&mut self, i: u32, t: &TypeDie, tag: Tag, kind: NodeKind) -> Option<u32> {
        let &TypeDie { name, order, .. } = t;
        let (target, mark) = self.target_and_mark(t.ty);
        if mark.is_none() {
            return target;
        }
        let seen = if self.repeats {
            let key = reference_hash(tag, || name.to_bits(), mark);
            match self.recall.find(key) {
                Some(seen) => seen,
                None => {
                    let content = target.map_or(Hash::VOID, |j| self.content(j));
                    let hash = reference_hash(tag, || self.text.hash(name), content);
                    let found = self.find(hash);
                    let seen = found
                        .unwrap_or_else(|| self.new_reference(hash, kind, name, target, order));
                    self.recall.add(key, seen);
                    seen
                }
            }
        } else {
            let hash = reference_hash(tag, || self.text.hash(name), mark);
            match self.find(hash) {
                Some(seen) => seen,
                None => self.new_reference(hash, kind, name, target, order),
            }
        };
        if kind == NodeKind::Typedef && self.typedefs_by_name {
            self.locals[i as usize].name_no = NO_NAME;
            self.locals[i as usize].own = seen.node;
        } else {
            self.set(i, seen);
        }
        None
    }

    /// The node of a pointer, a qualifier or a typedef that nobody has seen yet.
    #[inline(never)]
    fn new_reference(
        &mut self,
        hash: Hash,
        kind: NodeKind,
        name: Str,
        target: Option<u32>,
        order: u32,
    ) -> Seen {
        let node = target.map_or(NodeId::VOID, |j| self.node_of(j));
        let key = self.key(order);
        self.intern(hash, key, kind, NO_NAME, |words| {
            if kind == NodeKind::Typedef {
                put_str(words, name);
            }
            words.push(node.raw());
        })
    }

    /// The members of a struct or union that BTF can hold as they are, as places of names, offsets in bits, widths and
    /// nodes.
    pub(super) fn put_members(&mut self, t: &TypeDie, words: &mut Vec<u32>) {
        for n in t.first..t.first + t.n {
            let x = self.unit.members[n as usize];
            let node = self.child_node(x.ty);
            put_member(words, x.name, x.bit_off as u32, x.width, node);
        }
    }
}

/// The hash of a pointer, a qualifier or a typedef; only the last takes in a name.
#[inline(always)]
fn reference_hash(tag: Tag, name: impl FnOnce() -> u64, target: Hash) -> Hash {
    match tag {
        Tag::Typedef => shape::typedef(name(), target),
        _ => shape::reference(tag, target),
    }
}

/// One member of a record.
pub(super) fn put_member(words: &mut Vec<u32>, name: Str, bit_off: u32, width: u32, node: NodeId) {
    put_str(words, name);
    words.extend([bit_off, width, node.raw()]);
}
