//! When types of two CUs are the same as far as the consistency of a function asks.

use dwarf_reader::{Str, TypeRef, TypeTag, Unit};

use super::Judge;
use crate::text::Text;

impl Judge {
    /// A number for a type such that two types of any CUs have the same one iff they match as upstream's
    /// `types__match` says: const is ignored, structs, unions, enums and typedefs match by name.
    pub(super) fn type_match(
        &mut self,
        unit: &Unit,
        text: &Text<'_>,
        r: TypeRef,
        depth: u32,
    ) -> u64 {
        const VOID: u64 = 0x1234_5678_9abc_def1;
        let Some(i) = unit.type_at(r) else {
            return VOID;
        };
        if self.matches[i] != 0 {
            return self.matches[i];
        }
        // Deeper than any compiler nests: types that far down count as the same.
        if depth > 256 {
            return VOID;
        }
        let t = unit.types[i];
        let name = |s: Str| text.hash(s);
        let tag = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let m = match t.tag {
            TypeTag::Base => {
                let signs = u64::from(t.encoding) << 32 | (t.size & 0xffff_ffff);
                mix(mix(tag(1), signs), name(t.name))
            }
            TypeTag::Struct => mix(tag(2), name(t.name)),
            TypeTag::Union => mix(tag(3), name(t.name)),
            TypeTag::Enum => mix(tag(4), name(t.name) ^ u64::from(t.size > 4)),
            TypeTag::Typedef => mix(tag(5), name(t.name)),
            TypeTag::Pointer | TypeTag::Reference => {
                mix(tag(6), self.type_match(unit, text, t.ty, depth + 1))
            }
            TypeTag::Volatile => mix(tag(7), self.type_match(unit, text, t.ty, depth + 1)),
            TypeTag::Restrict => mix(tag(8), self.type_match(unit, text, t.ty, depth + 1)),
            TypeTag::TypeTag => mix(tag(9), self.type_match(unit, text, t.ty, depth + 1)),
            // `const void` and `void` do not match, nor does any number of consts the other.
            TypeTag::Const => match self.type_match(unit, text, t.ty, depth + 1) {
                VOID => mix(tag(10), VOID),
                m if unit.type_at(t.ty).is_some_and(|j| {
                    unit.types[j].tag == TypeTag::Const && ends_in_void(unit, t.ty)
                }) =>
                {
                    mix(tag(10), m)
                }
                m => m,
            },
            TypeTag::Transparent => self.type_match(unit, text, t.ty, depth + 1),
            TypeTag::Array => mix(
                mix(tag(11), t.size),
                self.type_match(unit, text, t.ty, depth + 1),
            ),
            TypeTag::Subroutine => {
                let mut m = mix(tag(12), self.type_match(unit, text, t.ty, depth + 1));
                for p in t.first..t.first + t.n {
                    let ty = unit.params[p as usize].ty;
                    m = mix(m, self.type_match(unit, text, ty, depth + 1));
                }
                mix(m, u64::from(t.flag))
            }
            TypeTag::Unsupported => VOID,
        };
        let m = if m == 0 { 1 } else { m };
        self.matches[i] = m;
        m
    }
}

/// Whether nothing but consts lead to void.
fn ends_in_void(unit: &Unit, mut r: TypeRef) -> bool {
    for _ in 0..64 {
        match unit.type_at(r) {
            None => return true,
            Some(i) if unit.types[i].tag == TypeTag::Const => r = unit.types[i].ty,
            Some(_) => return false,
        }
    }
    false
}

/// Takes `b` into `a`; the order matters.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let p =
        u128::from(a ^ 0x8ebc_6af0_9c88_c6e3).wrapping_mul(u128::from(b ^ 0x5899_65cc_7537_4cc3));
    (p as u64) ^ ((p >> 64) as u64)
}
