//! Forms of DIEs that are read in one go.

use gimli::constants as c;

use crate::TypeTag;
use crate::abbrev::class::{Class, Slot};
use crate::abbrev::form::Action;

/// A DIE that is like nearly all of its class: whatever is wanted of it stands at fixed places, so that it is read
/// without going through its attributes. Its name is an offset of 4 bytes or, before anything else, a string; its type
/// is in the same unit; and one number is a constant of the abbreviation or stands in up to 8 bytes.
///
/// Places count from behind the DIE's code, or the string if there is one, and are below [`Plain::MAX_LEN`].
// What a DIE has not is read all the same, from any place, and masked: a branch on it would be taken as the kinds of
// types come, which is hard to predict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) sort: Sort,
    /// Of a type.
    pub(crate) tag: TypeTag,
    pub(crate) has_children: bool,
    /// Length in bytes, without the string.
    pub(crate) len: u8,
    pub(crate) name: PlainName,
    pub(crate) declaration: bool,
    /// Has the number: a size, an offset, a bound or a value, by class.
    pub(crate) numbered: bool,
    /// The number is an array's count rather than its upper bound.
    pub(crate) count: bool,
    /// How far a member's offset has to be shifted to be in bits.
    pub(crate) shift: u8,
    /// Where the type is, and `u32::MAX` if there is one.
    pub(crate) ty: u8,
    pub(crate) ty_mask: u32,
    /// Where a member's width in bits is, in one byte, and `u8::MAX` if there is one.
    pub(crate) width: u8,
    pub(crate) width_mask: u8,
    /// Where the number is, and its bits that stand there.
    pub(crate) number: u8,
    pub(crate) mask: u64,
    /// The number if it is a constant of the abbreviation, else 0.
    pub(crate) implicit: u64,
}

/// Of which class a [`Plain`] DIE is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sort {
    Type,
    Member,
    Enumerator,
    Subrange,
    Param,
    /// Of none that is read this way.
    Other,
}

/// Where the name of a [`Plain`] DIE is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainName {
    None,
    /// At the place of this offset in `.debug_str`.
    Offset(u8),
    /// Before everything else.
    String,
}

impl Plain {
    /// Places are below this, and so is the length.
    pub(crate) const MAX_LEN: usize = 32;
    /// What has to be readable at the first place, so that each read is within.
    pub(crate) const WINDOW: usize = Self::MAX_LEN + 8;

    /// A DIE that is not read this way.
    pub(super) const OTHER: Self = Self {
        sort: Sort::Other,
        tag: TypeTag::Unsupported,
        has_children: false,
        len: 0,
        name: PlainName::None,
        declaration: false,
        numbered: false,
        count: false,
        shift: 3,
        ty: 0,
        ty_mask: 0,
        width: 0,
        width_mask: 0,
        number: 0,
        mask: 0,
        implicit: 0,
    };

    /// Of no attributes yet; `None` for classes of which no DIE is read this way.
    pub(super) fn of(class: Class, tag: u16, has_children: bool) -> Option<Self> {
        use crate::TypeTag as T;
        let (sort, usual) = match class {
            Class::Member => (Sort::Member, tag == c::DW_TAG_member.0 && !has_children),
            Class::Enumerator => (Sort::Enumerator, !has_children),
            Class::Subrange => (Sort::Subrange, !has_children),
            Class::Param => (Sort::Param, !has_children),
            Class::Type(T::Struct | T::Union | T::Enum | T::Array | T::Subroutine) => {
                (Sort::Type, true)
            }
            Class::Type(T::Pointer | T::Const | T::Volatile | T::Restrict | T::Typedef) => {
                (Sort::Type, !has_children)
            }
            _ => (Sort::Other, false),
        };
        let tag = match class {
            Class::Type(tag) => tag,
            _ => T::Unsupported,
        };
        usual.then_some(Self {
            sort,
            tag,
            has_children,
            ..Self::OTHER
        })
    }

    /// Takes in one more attribute, `size` bytes long if that is known, with the constant of its abbreviation if it has
    /// one; `None` if no DIE of this form has it.
    pub(super) fn with(
        mut self,
        slot: Slot,
        action: Action,
        size: Option<u16>,
        implicit: Option<i64>,
    ) -> Option<Self> {
        let at = self.len;
        let Some(size) = size else {
            let first = at == 0 && self.name == PlainName::None;
            self.name = PlainName::String;
            return (slot == Slot::Name && action == Action::Str && first).then_some(self);
        };
        match (slot, action) {
            (Slot::None, _) => {}
            (Slot::Name, Action::Strp) if size == 4 && self.name == PlainName::None => {
                self.name = PlainName::Offset(at);
            }
            (Slot::Type, Action::Ref) if size == 4 && self.ty_mask == 0 => {
                self.ty = at;
                self.ty_mask = u32::MAX;
            }
            (Slot::Declaration, Action::Present) => self.declaration = true,
            (Slot::BitSize, Action::Data1) if self.width_mask == 0 => {
                self.width = at;
                self.width_mask = u8::MAX;
            }
            (
                Slot::MemberLocation
                | Slot::DataBitOffset
                | Slot::ByteSize
                | Slot::ConstValue
                | Slot::UpperBound
                | Slot::Count,
                Action::Data1 | Action::Data2 | Action::Data4 | Action::Data8 | Action::Implicit,
            ) if !self.numbered => {
                // Section offsets once came in the wider forms, and a constant may be anything.
                let short = size <= 2 && implicit.is_none_or(|n| u16::try_from(n).is_ok());
                if matches!(slot, Slot::MemberLocation | Slot::DataBitOffset) && !short {
                    return None;
                }
                if slot == Slot::DataBitOffset {
                    self.shift = 0;
                }
                self.numbered = true;
                self.count = slot == Slot::Count;
                self.number = at;
                self.mask = u64::MAX.checked_shr(64 - 8 * u32::from(size)).unwrap_or(0);
                self.implicit = implicit.unwrap_or(0) as u64;
            }
            _ => return None,
        }
        let len = u16::from(at) + size;
        self.len = u8::try_from(len).ok()?;
        (usize::from(len) < Self::MAX_LEN).then_some(self)
    }

    /// Of all its attributes.
    pub(super) fn done(mut self) -> Self {
        match self.tag {
            // What an array has elements, its dimensions say.
            TypeTag::Array => {
                self.numbered = false;
                self.mask = 0;
                self.implicit = 1;
            }
            TypeTag::Subroutine => self.numbered = false,
            _ => {}
        }
        self
    }
}
