//! Prototypes, of subroutine types and of functions.

use dwarf_reader::{Str, TypeDie, TypeRef};

use super::Worker;
use super::resolve::Open;
use crate::recall::Seen;
use crate::shape::{self, Hash, Mix, Tag, name_hash};
use crate::store::{NO_NAME, NodeId, NodeKind, UNROOTED, put_str};

impl Worker<'_, '_> {
    /// A subroutine type.
    pub(super) fn subroutine(&mut self, open: &Open, t: &TypeDie) {
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
    pub(crate) fn proto(&mut self, ret: TypeRef, params: &[(Str, TypeRef)]) -> NodeId {
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
}
