//! Relocating: moving a split BTF from its distilled base to a real one.
//!
//! Source: libbpf and kernel `btf_relocate.c`, from which this departs in two
//! ways. A distilled FWD is compared with a definition by the FWD's own
//! `kind_flag`, not by the definition's, which says "has bitfields" there. And
//! a distilled STRUCT or UNION matches types of its own kind only, or, behind
//! a pointer, a FWD of that kind; the original takes any type of that name.
//! What [`Btf::distill_base`] writes does not depend on either.

use std::sync::Arc;

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::{StrOff, TypeId};
use crate::kind::Kind;
use crate::view::Type;
use crate::visit::{ids_of, ids_of_mut, strs_of_mut};

impl Btf {
    /// Moves this split BTF from its distilled base to `base`: distilled types
    /// are found there by name, and by size where that tells more. Returns the
    /// new id of each type by its old id, void and the distilled ones
    /// included.
    ///
    /// A STRUCT or UNION may have another size in `base`, unless an own struct
    /// embeds it or `base` has several of that name and kind.
    ///
    /// # Errors
    /// [`Error::NotSplit`]; [`Error::BadDistilledType`]; [`Error::NoMatch`];
    /// [`Error::AmbiguousMatch`]; limits. The BTF is unchanged then.
    pub fn relocate(&mut self, base: Arc<Self>) -> Result<Vec<TypeId>> {
        let distilled = self.base.clone().ok_or(Error::NotSplit)?;
        for ty in distilled.all_types() {
            let fits = matches!(
                ty.kind(),
                Kind::Int | Kind::Float | Kind::Enum | Kind::Struct | Kind::Union | Kind::Fwd
            );
            if !fits || ty.name_off().is_empty() {
                return Err(Error::BadDistilledType {
                    id: ty.id(),
                    kind: ty.kind(),
                });
            }
        }
        let embedded = self.embedded_in_own();
        let mut map = vec![TypeId::VOID; self.n_types() as usize];
        for ty in distilled.all_types() {
            let id = ty.id().0 as usize;
            map[id] = find_match(&base, ty, embedded[id])?;
        }
        let mut moved = Self::new_split(base);
        moved.limits = self.limits;
        moved.endian = self.endian;
        let last = u64::from(moved.start_id) + self.index.len() as u64;
        if last > u64::from(self.limits.max_type_id) + 1 {
            return Err(Error::TooManyTypes(last - 1));
        }
        for (new, slot) in (moved.start_id..).zip(&mut map[self.start_id as usize..]) {
            *slot = TypeId(new);
        }

        // Own strings keep their order and stay first, so that their offsets
        // only shift; names taken from the distilled base are looked up.
        let str_end = u64::from(moved.start_str_off) + self.strings.len() as u64;
        if str_end > u64::from(u32::MAX) {
            return Err(Error::StringsTooBig(str_end));
        }
        moved.strings.clone_from(&self.strings);
        let mut types = self.types.clone();
        let mut fault = None;
        for range in self.own_ranges() {
            let words = &mut types[range];
            ids_of_mut(words, |id| {
                if let Some(new) = map.get(*id as usize) {
                    *id = new.0;
                }
            });
            strs_of_mut(words, |off| {
                let old = StrOff(*off);
                if old.is_empty() {
                    return;
                }
                if let Some(local) = off.checked_sub(self.start_str_off) {
                    *off = moved.start_str_off + local;
                    return;
                }
                match (self.str_at(old).ok_or(Error::NoSuchString(old)))
                    .and_then(|s| moved.intern_str(s))
                {
                    Ok(new) => *off = new.0,
                    Err(err) => {
                        fault.get_or_insert(err);
                    }
                }
            });
        }
        if let Some(err) = fault {
            return Err(err);
        }
        moved.types = types;
        moved.index = std::mem::take(&mut self.index);
        moved.layout = self.layout.take();
        moved.ptr_size = moved.ptr_size.or(self.ptr_size);
        *self = moved;
        Ok(map)
    }

    /// By id, whether an own STRUCT or UNION has a member of that base STRUCT
    /// or UNION by value, through typedefs, modifiers and arrays.
    fn embedded_in_own(&self) -> Vec<bool> {
        let mut embedded = vec![false; self.start_id as usize];
        let n_types = self.n_types();
        for ty in self.own_types().filter(|ty| ty.kind().is_composite()) {
            ids_of(ty.words(), |id| {
                let mut at = TypeId(id);
                // A chain longer than there are types is a cycle.
                for _ in 0..n_types {
                    let Some(ty) = self.ty(at) else { return };
                    at = match ty.kind() {
                        Kind::Const
                        | Kind::Volatile
                        | Kind::Restrict
                        | Kind::Typedef
                        | Kind::TypeTag => TypeId(ty.size_or_type()),
                        Kind::Array => ty.array().map_or(TypeId::VOID, |a| a.elem),
                        Kind::Struct | Kind::Union => {
                            if let Some(slot) = embedded.get_mut(at.0 as usize) {
                                *slot = true;
                            }
                            return;
                        }
                        _ => return,
                    };
                }
            });
        }
        embedded
    }
}

/// The one type of `base` that a distilled type stands for.
fn find_match(base: &Btf, distilled: Type<'_>, embedded: bool) -> Result<TypeId> {
    let kind = distilled.kind();
    let size = distilled.size_or_type();
    let name = distilled.name();
    let named = || base.ids_named(name).filter_map(|id| base.ty(id));
    // Candidates of the first choice, and those that count if it has none.
    let mut first: Vec<TypeId> = Vec::new();
    let mut second: Vec<TypeId> = Vec::new();
    let of_kind = |want: Kind| named().filter(move |ty| ty.kind() == want);
    match kind {
        Kind::Int => {
            let encoding = distilled.int().map(|int| int.encoding);
            first.extend(
                of_kind(kind)
                    .filter(|ty| ty.size() == Some(size))
                    .filter(|ty| ty.int().map(|int| int.encoding) == encoding)
                    .map(|ty| ty.id()),
            );
        }
        Kind::Float => first.extend(
            of_kind(kind)
                .filter(|ty| ty.size() == Some(size))
                .map(|ty| ty.id()),
        ),
        Kind::Enum => first.extend(
            named()
                .filter(|ty| ty.kind().is_any_enum() && ty.size() == Some(size))
                .map(|ty| ty.id()),
        ),
        Kind::Struct | Kind::Union => {
            let by_size = embedded || of_kind(kind).nth(1).is_some();
            first.extend(
                of_kind(kind)
                    .filter(|ty| !by_size || ty.size() == Some(size))
                    .map(|ty| ty.id()),
            );
            if !embedded {
                let union = kind == Kind::Union;
                second.extend(
                    of_kind(Kind::Fwd)
                        .filter(|ty| ty.kind_flag() == union)
                        .map(|ty| ty.id()),
                );
            }
        }
        _ => {
            let union = distilled.kind_flag();
            first.extend(
                of_kind(Kind::Fwd)
                    .filter(|ty| ty.kind_flag() == union)
                    .map(|ty| ty.id()),
            );
            let definition = if union { Kind::Union } else { Kind::Struct };
            second.extend(of_kind(definition).map(|ty| ty.id()));
        }
    }
    let matches = if first.is_empty() { second } else { first };
    let name = || distilled.name_str().into_owned();
    let id = distilled.id();
    match matches[..] {
        [only] => Ok(only),
        [] => Err(Error::NoMatch {
            id,
            kind,
            name: name(),
        }),
        [first, second, ..] => Err(Error::AmbiguousMatch {
            id,
            kind,
            name: name(),
            first,
            second,
        }),
    }
}
