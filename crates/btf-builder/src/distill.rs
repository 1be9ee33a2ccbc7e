//! Distilling: a split BTF that brings along just enough of its base to find
//! its place on a base that has changed since.
//!
//! A module built against one vmlinux and loaded on another would otherwise
//! carry dangling ids. The *distilled base* goes to `.BTF.base` and holds one
//! memberless stand-in per named base type that the split BTF refers to; the
//! rest of what it reached in the base (pointers, typedefs, anonymous structs)
//! moves into the split BTF itself. [`Btf::relocate`] is the way back.
//!
//! ```text
//!   split: STRUCT mine { PTR -> STRUCT task_struct; }
//!   base:  PTR [70] -> STRUCT task_struct [71] { 200 members }
//!
//!   .BTF.base: STRUCT task_struct [1], same size, no members
//!   .BTF:      STRUCT mine [2], PTR [3] -> [1]
//! ```
//!
//! Source: libbpf `btf__distill_base`; the reader's side in the kernel is
//! `tools/lib/bpf/btf_relocate.c`.

use std::sync::Arc;

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::TypeId;
use crate::kind::Kind;
use crate::visit::ids_of;

/// What [`Btf::distill_base`] makes.
#[derive(Clone, Debug)]
pub struct Distilled {
    /// The distilled base, for `.BTF.base`.
    pub base: Arc<Btf>,
    /// The split BTF on it, for `.BTF`. Its first types are those of the
    /// original, in order.
    pub split: Btf,
}

/// Where a base type goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// To the distilled base as it is.
    Base,
    /// To the distilled base as a sized type without elements.
    Sized(Kind),
    /// To the split BTF in full.
    Split,
}

fn place_of(kind: Kind, named: bool) -> Option<Place> {
    Some(match kind {
        Kind::Int | Kind::Float | Kind::Fwd => Place::Base,
        Kind::Struct | Kind::Union if named => Place::Sized(kind),
        // Relocation matches an ENUM64 by the size of a distilled ENUM; an
        // ENUM64 there is refused.
        Kind::Enum | Kind::Enum64 if named => Place::Sized(Kind::Enum),
        Kind::Struct
        | Kind::Union
        | Kind::Enum
        | Kind::Enum64
        | Kind::Array
        | Kind::Typedef
        | Kind::Ptr
        | Kind::Const
        | Kind::Volatile
        | Kind::Restrict
        | Kind::FuncProto
        | Kind::TypeTag => Place::Split,
        Kind::Void | Kind::Unknown | Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => {
            return None;
        }
    })
}

impl Btf {
    /// Makes a distilled base for this split BTF, and a split BTF on that.
    /// This BTF stays as it is.
    ///
    /// # Errors
    /// [`Error::NotSplit`]; [`Error::NotDistillable`] where a type refers to a
    /// FUNC, VAR, DATASEC or DECL_TAG of the base; limits.
    pub fn distill_base(&self) -> Result<Distilled> {
        if !self.is_split() {
            return Err(Error::NotSplit);
        }
        let needed = self.needed_of_base()?;
        // New id of each needed base type.
        let mut map = vec![TypeId::VOID; self.start_id as usize];
        let in_order = || {
            (0..)
                .zip(&needed)
                .filter_map(|(id, place)| Some((TypeId(id), (*place)?)))
        };

        let mut base = Self::new_empty(self.endian);
        base.limits = self.limits;
        base.ptr_size = self.pointer_size();
        for (id, place) in in_order() {
            let ty = self.ty(id).ok_or(Error::NoSuchType(id))?;
            map[id.0 as usize] = match place {
                Place::Base => base.add_type(ty)?,
                Place::Sized(Kind::Struct) => base.add_struct(ty.name(), ty.size_or_type())?,
                Place::Sized(Kind::Union) => base.add_union(ty.name(), ty.size_or_type())?,
                Place::Sized(_) => base.add_enum(ty.name(), ty.size_or_type())?,
                Place::Split => continue,
            };
        }

        let base = Arc::new(base);
        let mut split = Self::new_split(Arc::clone(&base));
        for ty in self.own_types() {
            split.add_type(ty)?;
        }
        for (id, place) in in_order() {
            if place == Place::Split {
                let ty = self.ty(id).ok_or(Error::NoSuchType(id))?;
                map[id.0 as usize] = split.add_type(ty)?;
            }
        }
        let (old_start, new_start) = (self.start_id, split.start_id);
        split.for_each_type_id_mut(|id| {
            *id = match map.get(*id as usize) {
                Some(new) => new.0,
                None => *id - old_start + new_start,
            };
        });
        Ok(Distilled { base, split })
    }

    /// By base id, where each base type goes that own types need: all they
    /// reach, except what is inside named composites.
    fn needed_of_base(&self) -> Result<Vec<Option<Place>>> {
        let mut needed = vec![None; self.start_id as usize];
        let mut todo = Vec::new();
        let mut fault = None;
        let mut visit = |ty: crate::Type<'_>, todo: &mut Vec<TypeId>| {
            ids_of(ty.words(), |target| {
                let target = TypeId(target);
                let Some(slot) = needed.get_mut(target.0 as usize) else {
                    return;
                };
                if target.is_void() || slot.is_some() {
                    return;
                }
                let Some(base_ty) = self.ty(target) else {
                    fault.get_or_insert(Error::NoSuchType(target));
                    return;
                };
                let kind = base_ty.kind();
                let place = place_of(kind, !base_ty.name_off().is_empty());
                if place.is_none() {
                    let id = ty.id();
                    fault.get_or_insert(Error::NotDistillable { id, target, kind });
                }
                *slot = place;
                if place == Some(Place::Split) {
                    todo.push(target);
                }
            });
        };
        for ty in self.own_types() {
            visit(ty, &mut todo);
            while let Some(id) = todo.pop() {
                if let Some(ty) = self.ty(id) {
                    visit(ty, &mut todo);
                }
            }
        }
        match fault {
            Some(err) => Err(err),
            None => Ok(needed),
        }
    }
}
