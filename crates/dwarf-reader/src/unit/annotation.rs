//! `btf_decl_tag`s and `btf_type_tag`s.
//!
//! clang nests a `DW_TAG_LLVM_annotation` below what it stands on. gcc 16 has chains of `DW_TAG_GNU_annotation`s that
//! several DIEs may refer to, each by the first of its own, and which may come after them.

use crate::abbrev::class::Slot;
use crate::record::{DeclTag, TagTarget, TypeDie, TypeRef};
use crate::unit::Unit;
use crate::unit::attrs::{Attrs, NO_OFF};
use crate::unit::frame::{Frame, FrameKind};
use crate::{Sections, Str, TypeTag};

/// A `DW_TAG_GNU_annotation` (gcc 16): reached by attribute, not by nesting.
#[derive(Debug, Clone, Copy)]
pub(super) struct GnuAnnotation {
    off: u32,
    type_tag: bool,
    value: Str,
    next: u32,
}

/// Who refers to a `DW_TAG_GNU_annotation`.
#[derive(Debug, Clone, Copy)]
pub(super) enum GnuUser {
    /// Index in [`Unit::types`].
    Pointer(u32),
    /// What a decl tag stands on, and its component.
    Decl(TagTarget, i32),
}

impl Unit {
    /// Takes in an annotation of clang below the DIE `top`.
    pub(super) fn llvm_annotation(
        &mut self,
        sections: &Sections<'_>,
        top: Frame,
        off: u32,
        a: &Attrs,
    ) {
        let kind = sections.string(a.str(Slot::Name)).unwrap_or_default();
        let value = a.str(Slot::ConstValue);
        if kind == b"btf_type_tag" {
            let pointer =
                top.kind == FrameKind::Type && self.types[top.idx as usize].tag == TypeTag::Pointer;
            if !pointer {
                return;
            }
            let tag = tag_die(value, off, self.ended, TypeRef::NONE);
            self.ended += 1;
            self.llvm_tags.push((top.idx, tag));
        } else if kind == b"btf_decl_tag" {
            let (target, component) = match top.kind {
                FrameKind::Type => match self.types[top.idx as usize].tag {
                    TypeTag::Struct | TypeTag::Union | TypeTag::Typedef => {
                        (TagTarget::Type(top.idx), -1)
                    }
                    _ => return,
                },
                FrameKind::Member => (TagTarget::Type(top.idx), top.items as i32),
                FrameKind::Func => (TagTarget::Func(top.idx), -1),
                FrameKind::Param => (TagTarget::Func(top.idx), top.items as i32),
                FrameKind::Var => (TagTarget::Var(top.idx), -1),
                FrameKind::Unit | FrameKind::Namespace | FrameKind::Body => return,
            };
            self.decl_tags.push(DeclTag {
                value,
                target,
                component,
            });
        }
    }

    /// Takes in an annotation of gcc.
    #[inline]
    pub(super) fn gnu_annotation(&mut self, sections: &Sections<'_>, off: u32, a: &Attrs) {
        let kind = sections.string(a.str(Slot::Name)).unwrap_or_default();
        self.annotations.push(GnuAnnotation {
            off,
            type_tag: kind == b"btf_type_tag",
            value: a.str(Slot::ConstValue),
            next: a.off(Slot::Annotation),
        });
    }

    /// Keeps that a DIE with the attributes `a` refers to an annotation of gcc, if it does.
    #[inline(always)]
    pub(super) fn note_annotation(&mut self, user: GnuUser, a: &Attrs) {
        if a.has(Slot::Annotation) {
            self.gnu_users.push((user, a.off(Slot::Annotation)));
        }
    }

    /// Puts clang's type tags behind their pointers, by index: only a pointer leads to a tag, and an annotation is
    /// nothing that another DIE may refer to.
    pub(super) fn insert_llvm_tags(&mut self) {
        for (pointer, mut tag) in self.llvm_tags.drain(..) {
            // Children come in source order and the last one stands next to the pointer: each new tag goes
            // between the pointer and what it led to.
            let behind = TypeRef::index(self.types.len());
            tag.ty = std::mem::replace(&mut self.types[pointer as usize].ty, behind);
            self.types.push(tag);
        }
    }

    /// Gives what refers to annotations of gcc its tags.
    pub(super) fn resolve_gnu_annotations(&mut self) {
        if self.gnu_users.is_empty() {
            return;
        }
        let annotations = std::mem::take(&mut self.annotations);
        let users = std::mem::take(&mut self.gnu_users);
        let find = |off: u32| {
            let found = annotations.binary_search_by_key(&off, |g| g.off);
            found.ok().map(|i| annotations[i])
        };
        for &(user, first) in &users {
            // Steps are bounded: a chain longer than all annotations is a cycle.
            let mut chain = Vec::new();
            let mut next = first;
            while next != NO_OFF && chain.len() <= annotations.len() {
                let Some(g) = find(next) else {
                    break;
                };
                chain.push(g);
                next = g.next;
            }
            match user {
                GnuUser::Decl(target, component) => {
                    for g in chain.iter().filter(|g| !g.type_tag) {
                        self.decl_tags.push(DeclTag {
                            value: g.value,
                            target,
                            component,
                        });
                    }
                }
                GnuUser::Pointer(p) => {
                    let p = p as usize;
                    let target = self.type_at(self.types[p].ty);
                    if target.is_some_and(|t| self.types[t].tag == TypeTag::TypeTag) {
                        continue;
                    }
                    let tags = chain.iter().take_while(|g| g.type_tag).count();
                    // The chain is in BTF order already: its first stands next to the pointer.
                    for g in chain[..tags].iter().rev() {
                        let target = self.types[p].ty;
                        let order = self.types[p].order;
                        self.types[p].ty = TypeRef::index(self.types.len());
                        self.types
                            .push(tag_die(g.value, self.types[p].off, order, target));
                    }
                }
            }
        }
        self.annotations = annotations;
        self.gnu_users = users;
    }
}

/// A type tag.
pub(super) fn tag_die(value: Str, off: u32, order: u32, ty: TypeRef) -> TypeDie {
    TypeDie {
        name: value,
        size: 0,
        off,
        order,
        ty,
        first: 0,
        n: 0,
        origin: TypeRef::NONE,
        tag: TypeTag::TypeTag,
        encoding: 0,
        declaration: false,
        flag: false,
    }
}
