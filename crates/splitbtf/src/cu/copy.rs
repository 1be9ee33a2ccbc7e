//! Records of types that have to be told apart although their hashes are equal: see [`crate::copies`].

use dwarf_reader::{Str, TypeRef, TypeTag};

use super::Worker;
use crate::settle::Taint;
use crate::shape::Hash;
use crate::store::{NodeId, NodeKind, put_str};

impl Worker<'_, '_> {
    /// What a type stands for that leaves no record of its own: the type it leads to.
    pub(crate) fn alias_of(&self, i: usize) -> Option<TypeRef> {
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
    pub(crate) fn is_tainted(&mut self, i: usize, taint: &Taint) -> bool {
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

    /// Writes the record of a local type that [`Worker::types`] has been through, with its references as `node` gives
    /// them for indices in [`Unit::types`](dwarf_reader::Unit::types).
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
