//! Why two types are not the same: the nearest difference and the way there.

use std::collections::VecDeque;
use std::fmt;

use btf_builder::{Btf, Kind, StrOff, Type, TypeId};

use crate::union::Union;

/// A step from a type to one that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// From a PTR to what it points to.
    Pointee,
    /// From a TYPEDEF, modifier, TYPE_TAG, VAR, FUNC or DECL_TAG to its type.
    Target,
    /// To the type of a member.
    Member {
        /// Index of the member.
        index: u32,
        /// Its name, empty if it is anonymous.
        name: Vec<u8>,
    },
    /// From an ARRAY to its element type.
    Element,
    /// From an ARRAY to its index type.
    Index,
    /// From a FUNC_PROTO to its return type.
    Return,
    /// From a FUNC_PROTO to the type of a parameter.
    Param {
        /// Index of the parameter.
        index: u32,
        /// Its name, often empty.
        name: Vec<u8>,
    },
    /// From a DATASEC to a variable.
    Var {
        /// Index of the variable.
        index: u32,
    },
}

/// As in C, as far as C has a notation: `.member`, `[]`, `->` for a pointee.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_or_index = |f: &mut fmt::Formatter<'_>, name: &[u8], index| match name {
            b"" => write!(f, "#{index}"),
            name => f.write_str(&String::from_utf8_lossy(name)),
        };
        match self {
            Self::Pointee => f.write_str("->"),
            Self::Target => f.write_str("~"),
            Self::Member { index, name } => {
                f.write_str(".")?;
                name_or_index(f, name, index)
            }
            Self::Element => f.write_str("[]"),
            Self::Index => f.write_str("[index]"),
            Self::Return => f.write_str("(return)"),
            Self::Param { index, name } => {
                f.write_str("(")?;
                name_or_index(f, name, index)?;
                f.write_str(")")
            }
            Self::Var { index } => write!(f, "{{#{index}}}"),
        }
    }
}

/// What two records disagree about. Pairs of values are those of the first and
/// the second type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The kinds differ.
    Kind(Kind, Kind),
    /// One declares what the other defines: a FWD and a STRUCT or UNION of its
    /// name, or an enum without values and one with. The flag says that the
    /// first one is the declaration. A base that only declares what the split
    /// BTF defines is the usual cause of structs that stay in a split BTF.
    Declaration(bool),
    /// The names differ.
    Name(Vec<u8>, Vec<u8>),
    /// The sizes in bytes differ.
    Size(u32, u32),
    /// The numbers of members, values or parameters differ.
    Count(u32, u32),
    /// The flags (`kind_flag`) differ: signedness of an enum, struct or union
    /// of a FWD, bitfields in a struct.
    Flag(bool, bool),
    /// Encoding, width or bit offset of an INT, as in its data word.
    Encoding(u32, u32),
    /// The names of the members, values or parameters with this index differ.
    ElementName {
        /// The index.
        index: u32,
        /// Both names.
        names: (Vec<u8>, Vec<u8>),
    },
    /// The positions of the members with this index differ.
    MemberOffset {
        /// The index.
        index: u32,
        /// Both bit offsets.
        bit_offsets: (u32, u32),
        /// Both bitfield widths in bits, 0 for ordinary members.
        bit_sizes: (u32, u32),
    },
    /// The values of the enumerators with this index differ.
    EnumValue {
        /// The index.
        index: u32,
        /// Both values.
        values: (i128, i128),
    },
    /// The lengths of two arrays differ.
    ArrayLen(u32, u32),
    /// The linkages of two functions differ.
    Linkage(u32, u32),
    /// The components that two DECL_TAGs apply to differ.
    Component(i32, i32),
    /// One is void, the other is not; the flag says that the first one is.
    Void(bool),
    /// VAR, DATASEC and unknown kinds are never merged, equal or not.
    NeverMerged(Kind),
    /// There is no type of this id.
    Missing(TypeId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy;
        match self {
            Self::Kind(a, b) => write!(f, "{a} here, {b} there"),
            Self::Declaration(true) => f.write_str("declared here, defined there"),
            Self::Declaration(false) => f.write_str("defined here, declared there"),
            Self::Name(a, b) => write!(f, "named '{}' here, '{}' there", text(a), text(b)),
            Self::Size(a, b) => write!(f, "{a} bytes here, {b} bytes there"),
            Self::Count(a, b) => write!(f, "{a} elements here, {b} there"),
            Self::Flag(a, b) => {
                write!(f, "kind_flag {} here, {} there", u8::from(*a), u8::from(*b))
            }
            Self::Encoding(a, b) => write!(f, "encoding {a:#x} here, {b:#x} there"),
            Self::ElementName { index, names } => write!(
                f,
                "element {index} is '{}' here, '{}' there",
                text(&names.0),
                text(&names.1)
            ),
            Self::MemberOffset {
                index,
                bit_offsets: (a, b),
                bit_sizes: (0, 0),
            } => write!(f, "member {index} is at bit {a} here, {b} there"),
            Self::MemberOffset {
                index,
                bit_offsets: (a, b),
                bit_sizes: (wa, wb),
            } => write!(
                f,
                "member {index} is at bit {a}, {wa} bits wide, here, at {b}, {wb} wide, there"
            ),
            Self::EnumValue {
                index,
                values: (a, b),
            } => write!(f, "value {index} is {a} here, {b} there"),
            Self::ArrayLen(a, b) => write!(f, "{a} array elements here, {b} there"),
            Self::Linkage(a, b) => write!(f, "linkage {a} here, {b} there"),
            Self::Component(a, b) => write!(f, "component {a} here, {b} there"),
            Self::Void(true) => f.write_str("void here, a type there"),
            Self::Void(false) => f.write_str("a type here, void there"),
            Self::NeverMerged(kind) => write!(f, "a {kind} is never merged"),
            Self::Missing(id) => write!(f, "type {id} does not exist"),
        }
    }
}

/// The nearest difference between two types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The way to it, the same from both types; empty if the two themselves
    /// differ.
    pub path: Vec<Step>,
    /// The types that the way leads to.
    pub ids: (TypeId, TypeId),
    /// What these disagree about.
    pub reason: Reason,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.path {
            step.fmt(f)?;
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        self.reason.fmt(f)
    }
}

/// An own type that a type of the base with its name and kind does not stand
/// for, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The own type.
    pub id: TypeId,
    /// The base type of the same name and kind; of several, the one that
    /// agrees with the own type the furthest.
    pub base_id: TypeId,
    /// What keeps them apart.
    pub difference: Difference,
}

/// The difference between `a` and `b`, types of `btf` or its bases, that takes
/// the fewest steps to get to; `None` if they are equal all the way down.
///
/// This compares as the last pass of deduplication does and as
/// [`duplicates`](crate::duplicates) does: a declaration is not its definition.
///
/// Takes time linear in the types that `a` and `b` reach within that distance.
pub fn explain(btf: &Btf, a: TypeId, b: TypeId) -> Option<Difference> {
    let mut equal = Union::default();
    // Pairs met, each with its predecessor in this list and the step from it.
    let mut pairs: Vec<(TypeId, TypeId, usize, Option<Step>)> = vec![(a, b, 0, None)];
    let mut queue = VecDeque::from([0]);
    while let Some(at) = queue.pop_front() {
        let (a, b) = (pairs[at].0, pairs[at].1);
        let (root_a, root_b) = (equal.find(a.0), equal.find(b.0));
        if root_a == root_b {
            continue;
        }
        if let Some(reason) = first_difference(btf, a, b) {
            let mut path = Vec::new();
            let mut from = at;
            while let (_, _, before, Some(step)) = &pairs[from] {
                path.push(step.clone());
                from = *before;
            }
            path.reverse();
            return Some(Difference {
                path,
                ids: (a, b),
                reason,
            });
        }
        equal.unite(root_a, root_b);
        let (Some(ty_a), Some(ty_b)) = (btf.ty(a), btf.ty(b)) else {
            continue;
        };
        for ((step, a), (_, b)) in steps(ty_a).into_iter().zip(steps(ty_b)) {
            if a != b {
                queue.push_back(pairs.len());
                pairs.push((a, b, at, Some(step)));
            }
        }
    }
    None
}

/// For each named own type that is left of a deduplicated split BTF, why the
/// type of the same name and kind in its base does not stand for it. Own types
/// without a namesake in the base are not listed, nor are VARs and DATASECs. In
/// id order; empty for a BTF without a base.
pub fn explain_kept(btf: &Btf) -> Vec<Kept> {
    let Some(base) = btf.base() else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    for ty in btf.own_types() {
        if ty.name_off().is_empty() || matches!(ty.kind(), Kind::Var | Kind::Datasec) {
            continue;
        }
        let namesakes = base
            .ids_named(ty.name())
            .filter(|&id| base.ty(id).is_some_and(|other| other.kind() == ty.kind()));
        let mut best: Option<Kept> = None;
        for base_id in namesakes {
            let Some(difference) = explain(btf, ty.id(), base_id) else {
                continue;
            };
            let further = match &best {
                Some(best) => difference.path.len() > best.difference.path.len(),
                None => true,
            };
            if further {
                best = Some(Kept {
                    id: ty.id(),
                    base_id,
                    difference,
                });
            }
        }
        kept.extend(best);
    }
    kept
}

fn name(ty: Type<'_>, off: StrOff) -> Vec<u8> {
    ty.btf().str_at(off).unwrap_or_default().to_vec()
}

/// The references of a type with the steps to them.
fn steps(ty: Type<'_>) -> Vec<(Step, TypeId)> {
    let target = || ty.type_id();
    match ty.kind() {
        Kind::Ptr => target().map(|id| (Step::Pointee, id)).into_iter().collect(),
        Kind::Struct | Kind::Union => (0..)
            .zip(ty.members())
            .map(|(index, member)| {
                let name = name(ty, member.name_off);
                (Step::Member { index, name }, member.type_id)
            })
            .collect(),
        Kind::Array => ty
            .array()
            .map(|array| vec![(Step::Element, array.elem), (Step::Index, array.index)])
            .unwrap_or_default(),
        Kind::FuncProto => target()
            .map(|id| (Step::Return, id))
            .into_iter()
            .chain((0..).zip(ty.params()).map(|(index, param)| {
                let name = name(ty, param.name_off);
                (Step::Param { index, name }, param.type_id)
            }))
            .collect(),
        Kind::Datasec => (0..)
            .zip(ty.sec_vars())
            .map(|(index, var)| (Step::Var { index }, var.type_id))
            .collect(),
        _ => target().map(|id| (Step::Target, id)).into_iter().collect(),
    }
}

/// What two records disagree about, references aside.
fn first_difference(btf: &Btf, a: TypeId, b: TypeId) -> Option<Reason> {
    let Some(ty_a) = btf.ty(a) else {
        return Some(Reason::Missing(a));
    };
    let Some(ty_b) = btf.ty(b) else {
        return Some(Reason::Missing(b));
    };
    if a.is_void() != b.is_void() {
        return Some(Reason::Void(a.is_void()));
    }
    let (kind_a, kind_b) = (ty_a.kind(), ty_b.kind());
    let (name_a, name_b) = (ty_a.name(), ty_b.name());
    let declares = |fwd: Type<'_>, full: Type<'_>| {
        if fwd.kind() == Kind::Fwd {
            let union = full.kind() == Kind::Union;
            full.kind().is_composite() && fwd.kind_flag() == union
        } else {
            fwd.kind().is_any_enum()
                && fwd.vlen() == 0
                && full.kind().is_any_enum()
                && full.vlen() > 0
        }
    };
    if name_a == name_b && !name_a.is_empty() {
        if declares(ty_a, ty_b) {
            return Some(Reason::Declaration(true));
        }
        if declares(ty_b, ty_a) {
            return Some(Reason::Declaration(false));
        }
    }
    if kind_a != kind_b {
        return Some(Reason::Kind(kind_a, kind_b));
    }
    if name_a != name_b {
        return Some(Reason::Name(name_a.to_vec(), name_b.to_vec()));
    }
    if matches!(kind_a, Kind::Var | Kind::Datasec | Kind::Unknown) {
        return Some(Reason::NeverMerged(kind_a));
    }
    if let (Some(size_a), Some(size_b)) = (ty_a.size(), ty_b.size())
        && size_a != size_b
    {
        return Some(Reason::Size(size_a, size_b));
    }
    if ty_a.vlen() != ty_b.vlen() {
        return Some(if kind_a == Kind::Func {
            Reason::Linkage(ty_a.vlen(), ty_b.vlen())
        } else {
            Reason::Count(ty_a.vlen(), ty_b.vlen())
        });
    }
    let element = element_difference(ty_a, ty_b);
    if element.is_none() && ty_a.kind_flag() != ty_b.kind_flag() {
        return Some(Reason::Flag(ty_a.kind_flag(), ty_b.kind_flag()));
    }
    element
}

/// What the data or the elements of two records of one kind and `vlen` disagree
/// about.
fn element_difference(ty_a: Type<'_>, ty_b: Type<'_>) -> Option<Reason> {
    let names = |index, off_a, off_b| {
        let names = (name(ty_a, off_a), name(ty_b, off_b));
        (names.0 != names.1).then_some(Reason::ElementName { index, names })
    };
    match ty_a.kind() {
        Kind::Int => {
            let (a, b) = (ty_a.words()[3], ty_b.words()[3]);
            (a != b).then_some(Reason::Encoding(a, b))
        }
        Kind::Array => {
            let (a, b) = (ty_a.array()?.nelems, ty_b.array()?.nelems);
            (a != b).then_some(Reason::ArrayLen(a, b))
        }
        Kind::DeclTag => {
            let (a, b) = (ty_a.component_idx()?, ty_b.component_idx()?);
            (a != b).then_some(Reason::Component(a, b))
        }
        Kind::Struct | Kind::Union => {
            let pairs = ty_a.members().zip(ty_b.members());
            (0..).zip(pairs).find_map(|(index, (a, b))| {
                let bit_offsets = (a.bit_offset, b.bit_offset);
                let bit_sizes = (a.bitfield_size, b.bitfield_size);
                let moved = bit_offsets.0 != bit_offsets.1 || bit_sizes.0 != bit_sizes.1;
                names(index, a.name_off, b.name_off).or(moved.then_some(Reason::MemberOffset {
                    index,
                    bit_offsets,
                    bit_sizes,
                }))
            })
        }
        Kind::Enum | Kind::Enum64 => {
            let pairs = ty_a.enum_values().zip(ty_b.enum_values());
            (0..).zip(pairs).find_map(|(index, (a, b))| {
                let values = (a.value(), b.value());
                names(index, a.name_off, b.name_off)
                    .or((a.bits != b.bits).then_some(Reason::EnumValue { index, values }))
            })
        }
        Kind::FuncProto => {
            let pairs = ty_a.params().zip(ty_b.params());
            (0..)
                .zip(pairs)
                .find_map(|(index, (a, b))| names(index, a.name_off, b.name_off))
        }
        _ => None,
    }
}
