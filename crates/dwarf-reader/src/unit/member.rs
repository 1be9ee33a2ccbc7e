//! Members of structs and unions, and where their bitfields are.
//!
//! DWARF 2 to 4 counted a bitfield's offset from the most significant bit of its storage (DWARF 4 §5.5.6), whose size is
//! the member's own or else its type's. The type may come later, so that those wait until all DIEs are known.

use gimli::constants as c;

use crate::TypeTag;
use crate::abbrev::class::Slot;
use crate::record::{INHERITANCE, Member, TagTarget, TypeRef};
use crate::unit::Unit;
use crate::unit::annotation::GnuUser;
use crate::unit::attrs::Attrs;
use crate::unit::frame::{Frame, FrameKind};

/// A member in the DWARF 2 to 4 form of bitfields whose storage size is its type's.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegacyBits {
    /// Index in [`Unit::members`], or among the open members while its type is open.
    member: u32,
    /// In bits.
    location: u64,
    bit_offset: i64,
}

impl Unit {
    /// Adds a member with the attributes `a`, or a base class if that is what `tag` says, to the type at `top`.
    pub(super) fn member(&mut self, a: &Attrs, tag: u16, top: Frame, big_endian: bool) -> Frame {
        let bit_size = a.get(Slot::BitSize);
        let location = match a.get(Slot::MemberLocation) {
            Some(u64::MAX) => None,
            Some(n) => n.checked_mul(8),
            None => Some(0),
        };
        let mut bit_off = location;
        if let Some(n) = a.get(Slot::DataBitOffset) {
            bit_off = Some(
                location
                    .filter(|_| a.has(Slot::MemberLocation))
                    .unwrap_or(0)
                    .wrapping_add(n),
            );
        } else if let (Some(_), Some(bit_offset)) = (bit_size, a.get(Slot::BitOffset)) {
            let bit_offset = bit_offset as i64;
            if big_endian {
                bit_off = location.and_then(|l| l.checked_add_signed(bit_offset));
            } else if let Some(storage) = a.get(Slot::ByteSize) {
                bit_off = location
                    .and_then(|l| legacy_bits(l, storage, bit_offset, bit_size.unwrap_or(0)));
            } else if let Some(location) = location {
                self.open_legacy.push(LegacyBits {
                    member: self.open_members.len() as u32,
                    location,
                    bit_offset,
                });
            }
        }
        // A base class takes a member's index in decl tags but is no member (DWARF 5 §5.7.3).
        let inheritance = tag == c::DW_TAG_inheritance.0;
        self.open_members.push(Member {
            name: a.str(Slot::Name),
            bit_off: if inheritance {
                INHERITANCE
            } else {
                bit_off.unwrap_or(u64::MAX)
            },
            ty: a.ty(),
            width: bit_size.map_or(0, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        });
        let index = self.open_members.len() as u32 - top.items - 1;
        self.note_annotation(GnuUser::Decl(TagTarget::Type(top.idx), index as i32), a);
        Frame::new(FrameKind::Member, top.idx, index)
    }

    /// Keeps the bitfields of the type at `f`, whose members will be those from `first` on.
    #[inline]
    pub(super) fn close_legacy_bits(&mut self, f: Frame, first: usize) {
        for l in self.open_legacy.drain(f.legacy as usize..) {
            self.legacy.push(LegacyBits {
                member: l.member - f.items + first as u32,
                ..l
            });
        }
    }

    /// Places the bitfields whose storage size had to wait for their types.
    pub(super) fn place_legacy_bits(&mut self) {
        let legacy = std::mem::take(&mut self.legacy);
        for l in &legacy {
            let m = self.members[l.member as usize];
            let storage = self.storage_size(m.ty);
            self.members[l.member as usize].bit_off = storage
                .and_then(|s| legacy_bits(l.location, s, l.bit_offset, u64::from(m.width)))
                .unwrap_or(u64::MAX);
        }
        self.legacy = legacy;
    }

    /// The size of a type after its typedefs and qualifiers.
    fn storage_size(&self, mut r: TypeRef) -> Option<u64> {
        // No chain is longer than the number of types; a longer one is a cycle.
        for _ in 0..=self.types.len() {
            let t = &self.types[self.type_at(r)?];
            match t.tag {
                TypeTag::Typedef
                | TypeTag::Const
                | TypeTag::Volatile
                | TypeTag::Restrict
                | TypeTag::Transparent => r = t.ty,
                _ => return Some(t.size),
            }
        }
        None
    }
}

/// Bit offset of a bitfield in the DWARF 2 to 4 form, little endian.
fn legacy_bits(location: u64, storage_bytes: u64, bit_offset: i64, bit_size: u64) -> Option<u64> {
    let end = storage_bytes.checked_mul(8)?.checked_add(location)?;
    end.checked_sub(bit_size)?.checked_sub_signed(bit_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_count_from_the_most_significant_one_of_their_storage() {
        // unsigned a : 5, b : 27 of a little-endian struct, its storage at byte 4.
        assert_eq!(legacy_bits(32, 4, 27, 5), Some(32));
        assert_eq!(legacy_bits(32, 4, 0, 27), Some(37));
        // Past the storage, as gcc has it where a bitfield straddles the end of a packed one.
        assert_eq!(legacy_bits(32, 4, -3, 10), Some(57));
        assert_eq!(legacy_bits(0, 1, 4, 5), None, "before the struct");
        assert_eq!(legacy_bits(u64::MAX, 4, 0, 1), None);
        assert_eq!(legacy_bits(0, 4, i64::MIN, 1), Some(31 + (1 << 63)));
    }
}
