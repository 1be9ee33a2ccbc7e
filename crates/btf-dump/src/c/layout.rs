//! What a compiler makes of the members of a struct, and what has to be said
//! to make it agree with the BTF.
//!
//! The model is that of the System V ABIs as GCC and Clang implement them: a
//! plain member is aligned to its type; a bitfield may not straddle a boundary
//! of its type; unnamed bitfields do not raise the alignment of the struct;
//! `packed` drops all of that. Alignments above that of a pointer differ
//! between machines (`__int128`, `long double`), so gaps are never left to
//! them.

use btf_builder::{Btf, Kind, Member, Type, TypeId};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Deepest nesting of structs by value that is followed.
const MAX_DEPTH: u32 = 256;

/// How a struct or union has to be declared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// Alignment in bytes that the declaration then has.
    pub(crate) align: u32,
    /// `__attribute__((packed))`.
    pub(crate) packed: bool,
    /// `__attribute__((aligned(n)))` in bytes, 0 if not needed.
    pub(crate) aligned: u32,
}

impl Layout {
    const PACKED: Self = Self {
        align: 1,
        packed: true,
        aligned: 0,
    };
}

/// A member as a declarator sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Bits from the start of the struct.
    pub(crate) offset: u64,
    /// Width in bits: of the bitfield, or of the member's type.
    pub(crate) width: u64,
    /// The member is a bitfield.
    pub(crate) is_bitfield: bool,
    /// Alignment of the member's type in bytes.
    pub(crate) align: u32,
    /// Size of the member's type in bits.
    type_bits: u64,
}

#[derive(Debug)]
pub(crate) struct Layouts<'a> {
    btf: &'a Btf,
    pub(crate) pointer_size: u32,
    known: HashMap<TypeId, Layout, FixedState>,
}

impl<'a> Layouts<'a> {
    pub(crate) fn new(btf: &'a Btf) -> Self {
        Self {
            btf,
            pointer_size: u32::from(btf.pointer_size().unwrap_or(8)),
            known: HashMap::default(),
        }
    }

    pub(crate) fn of(&mut self, ty: &Type<'_>) -> Layout {
        self.of_within(ty, 0)
    }

    fn of_within(&mut self, ty: &Type<'_>, depth: u32) -> Layout {
        if let Some(&known) = self.known.get(&ty.id()) {
            return known;
        }
        if depth == MAX_DEPTH {
            return Layout::PACKED;
        }
        // Stands in while a struct that contains itself is worked out.
        self.known.insert(ty.id(), Layout::PACKED);
        let layout = self.work_out(ty, depth);
        self.known.insert(ty.id(), layout);
        layout
    }

    fn work_out(&mut self, ty: &Type<'_>, depth: u32) -> Layout {
        let size = ty.size_or_type();
        let mut align = 1;
        let mut end = 0;
        let mut is_natural = true;
        for member in ty.members() {
            let place = self.place_within(ty, &member, depth + 1);
            if place.is_bitfield {
                is_natural &= !place.straddles(place.offset);
                // Unnamed ones do not count.
                if !member.name_off.is_empty() {
                    align = align.max(place.align);
                }
            } else {
                is_natural &= place.offset.is_multiple_of(u64::from(place.align) * 8);
                align = align.max(place.align);
            }
            end = end.max(place.offset + place.width);
        }
        if !is_natural || !size.is_multiple_of(align) {
            return Layout::PACKED;
        }
        let mut layout = Layout {
            align,
            packed: false,
            aligned: 0,
        };
        if ty.kind() == Kind::Union {
            let size_bits = u64::from(size) * 8;
            // The lowest bit set is the largest power of two that divides.
            let widest = size & size.wrapping_neg();
            if round_up(end, align) < size_bits
                && end > 0
                && widest > align
                && round_up(end, widest) == size_bits
            {
                layout.aligned = widest;
                layout.align = widest;
            }
        }
        layout
    }

    /// Where a member of `ty` lies.
    pub(crate) fn place(&mut self, ty: &Type<'_>, member: &Member) -> Place {
        self.place_within(ty, member, 0)
    }

    fn place_within(&mut self, ty: &Type<'_>, member: &Member, depth: u32) -> Place {
        let type_bits = u64::from(self.btf.resolve_size(member.type_id).unwrap_or(0)) * 8;
        let align = self.align_of(member.type_id, depth);
        let mut offset = u64::from(member.bit_offset);
        let mut width = u64::from(member.bitfield_size);
        if width == 0 && !ty.kind_flag() {
            // The old style keeps the width in an INT of its own.
            let int = self.btf.resolve_type(member.type_id).ok();
            let int = int.and_then(|id| self.btf.ty(id)).and_then(|ty| ty.int());
            if let Some(int) = int
                && int.bits != 0
                && (u64::from(int.bits) != type_bits || int.offset != 0)
            {
                width = int.bits.into();
                offset += u64::from(int.offset);
            }
        }
        Place {
            offset,
            width: if width == 0 { type_bits } else { width },
            is_bitfield: width != 0,
            align,
            type_bits,
        }
    }

    /// Alignment in bytes of a member of this type.
    fn align_of(&mut self, id: TypeId, depth: u32) -> u32 {
        let mut at = id;
        for _ in 0..MAX_DEPTH {
            let Some(ty) = self.btf.ty(at) else { return 1 };
            match ty.kind() {
                Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    at = TypeId(ty.size_or_type())
                }
                Kind::Array => match ty.array() {
                    Some(array) => at = array.elem,
                    None => return 1,
                },
                Kind::Ptr => return self.pointer_size,
                Kind::Int | Kind::Float | Kind::Enum | Kind::Enum64 => {
                    return self.scalar_align(ty.size_or_type());
                }
                Kind::Struct | Kind::Union => return self.of_within(&ty, depth).align,
                _ => return 1,
            }
        }
        1
    }

    fn scalar_align(&self, size: u32) -> u32 {
        // A size that is no power of two (the 12 bytes of i386's `long
        // double`) aligns to the largest that divides it.
        let natural = size & size.wrapping_neg();
        let widest = match self.pointer_size {
            8 => 16,
            narrow => narrow,
        };
        natural.clamp(1, widest)
    }

    /// Where the compiler puts a member that comes after `end` bits.
    pub(crate) fn natural_offset(&self, place: &Place, end: u64, packed: bool) -> Option<u64> {
        if place.is_bitfield {
            return Some(match !packed && place.straddles(end) {
                true => round_up(end, place.align),
                false => end,
            });
        }
        let align = if packed { 1 } else { place.align };
        let natural = round_up(end, align);
        // Not to be relied upon for alignments that differ by machine.
        (natural == end || align <= self.pointer_size).then_some(natural)
    }

    /// The unnamed bitfields that fill `from..to`: type and width in bits.
    /// None of them straddles a boundary of its type, so each stays where it
    /// is put.
    pub(crate) fn padding(&self, from: u64, to: u64) -> impl Iterator<Item = (&'static str, u64)> {
        let types = [
            ("char", 8),
            ("short", 16),
            ("int", 32),
            ("long", u64::from(self.pointer_size) * 8),
        ];
        let widest = types[3].1;
        let mut at = from;
        std::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let width = (widest - at % widest).min(to - at);
            let fits = |&&(_, bits): &&(_, u64)| at % bits + width <= bits;
            let &(name, _) = types.iter().find(fits).unwrap_or(&types[3]);
            at += width;
            Some((name, width))
        })
    }
}

impl Place {
    /// Whether a bitfield put at this offset would touch more units of its
    /// type's alignment than the type itself does.
    fn straddles(&self, offset: u64) -> bool {
        let unit = u64::from(self.align) * 8;
        let first = offset / unit;
        let last = (offset + self.width).div_ceil(unit);
        last - first > self.type_bits.div_ceil(unit)
    }
}

/// `bits` rounded up to a multiple of `align` bytes.
pub(crate) fn round_up(bits: u64, align: u32) -> u64 {
    bits.next_multiple_of(u64::from(align.max(1)) * 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use btf_builder::{Endian, IntEncoding};

    fn base() -> (Btf, TypeId, TypeId) {
        let mut btf = Btf::new_empty(Endian::Little);
        let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let long = btf.add_int("long", 8, IntEncoding::SIGNED).unwrap();
        (btf, int, long)
    }

    fn layout_of(btf: &Btf, id: TypeId) -> Layout {
        Layouts::new(btf).of(&btf.ty(id).unwrap())
    }

    #[test]
    fn a_misaligned_member_packs_the_struct() {
        let (mut btf, int, long) = base();
        let packed = btf.add_struct("packed", 12).unwrap();
        btf.add_field("a", int, 0, 0).unwrap();
        btf.add_field("b", long, 32, 0).unwrap();
        // Aligned to 1 byte, it may lie anywhere.
        let outer = btf.add_struct("outer", 16).unwrap();
        btf.add_field("a", int, 0, 0).unwrap();
        btf.add_field("p", packed, 32, 0).unwrap();
        assert_eq!(layout_of(&btf, packed), Layout::PACKED);
        let outer = layout_of(&btf, outer);
        assert!(!outer.packed);
        assert_eq!(outer.align, 4);
    }

    #[test]
    fn a_size_that_is_no_multiple_of_the_alignment_packs() {
        let (mut btf, int, long) = base();
        let id = btf.add_struct("s", 12).unwrap();
        btf.add_field("a", long, 0, 0).unwrap();
        btf.add_field("b", int, 64, 0).unwrap();
        assert!(layout_of(&btf, id).packed);
    }

    #[test]
    fn a_union_larger_than_its_members_is_aligned() {
        let (mut btf, int, _) = base();
        let id = btf.add_union("u", 64).unwrap();
        btf.add_field("a", int, 0, 0).unwrap();
        assert_eq!(layout_of(&btf, id).aligned, 64);
    }

    #[test]
    fn padding_never_straddles_its_type() {
        let (btf, ..) = base();
        let layouts = Layouts::new(&btf);
        let pads: Vec<_> = layouts.padding(8, 128).collect();
        assert_eq!(pads, [("long", 56), ("long", 64)]);
        assert_eq!(layouts.padding(8, 16).collect::<Vec<_>>(), [("char", 8)]);
        assert_eq!(layouts.padding(35, 61).collect::<Vec<_>>(), [("int", 26)]);
        assert_eq!(layouts.padding(35, 35).count(), 0);
    }

    #[test]
    fn a_struct_of_itself_ends() {
        let (mut btf, ..) = base();
        let id = btf.add_struct("s", 8).unwrap();
        btf.add_field("s", id, 0, 0).unwrap();
        layout_of(&btf, id);
    }
}
