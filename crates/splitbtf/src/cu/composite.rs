//! Structs and unions.
//!
//! Nearly all are hashed and written as their DIEs have them ([`Layout`]). What BTF cannot hold of the others is left out
//! first, and said ([`Worker::plain_members`]).

use dwarf_reader::{Str, TypeDie, TypeTag};

use super::resolve::{Layout, put_member};
use super::{VOID, Worker};
use crate::diag::DiagKind;
use crate::recall::Seen;
use crate::shape::{self, Hash, Mix, Tag};
use crate::store::{NO_NAME, NodeKind, put_str};

/// A member as BTF will have it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlainMember {
    pub(super) name: Str,
    pub(super) bit_off: u32,
    pub(super) width: u32,
    /// Index in [`Unit::types`](dwarf_reader::Unit::types); `u32::MAX` for void, which no member is.
    pub(super) ty: u32,
}

impl Worker<'_, '_> {
    /// The members of a struct or union as BTF can express them, and whether they need the kind flag; the latter is
    /// `None` if BTF cannot hold them. Also what was left out.
    pub(super) fn plain_members(
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
    pub(super) fn declaration(&mut self, i: u32, t: &TypeDie) {
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
    pub(super) fn composite(&mut self, i: u32, t: &TypeDie, layout: &Layout) {
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
    pub(super) fn composite_head(&mut self, i: u32, t: &TypeDie) -> Mix {
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
}
