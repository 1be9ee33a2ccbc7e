//! Type tags and decl tags.

use dwarf_reader::{Str, TypeDie};

use super::{Local, Worker};
use crate::shape;
use crate::store::{NO_NAME, NodeId, NodeKind, put_str};

impl Worker<'_, '_> {
    /// Whether a type tag is left out: nobody wants any, or it says nothing, which the kernel refuses.
    pub(super) fn is_no_tag(&self, t: &TypeDie) -> bool {
        !self.features.type_tag || self.text.bytes(t.name).is_empty()
    }

    /// The tag of a type, whose target is ready.
    pub(super) fn type_tag(&mut self, i: u32, t: &TypeDie) {
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
}
