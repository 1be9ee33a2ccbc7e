//! Numbers that must not be mixed up: type ids and string offsets.
//!
//! Both live in the combined space of a split BTF and its bases: the base
//! owns the low numbers and the split BTF continues them.

use std::fmt;

/// A BTF type id: a position in the type section, counted from 1 and
/// continued from the base in a split BTF. 0 is `void` and has no record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TypeId(pub u32);

impl TypeId {
    /// The id that means `void`, or "no type" where a kind takes none.
    pub const VOID: Self = Self(0);

    /// Whether this is [`TypeId::VOID`].
    pub const fn is_void(self) -> bool {
        self.0 == 0
    }
}

/// Prints as bpftool does: `[42]`.
impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0)
    }
}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeId({})", self.0)
    }
}

impl From<TypeId> for u32 {
    fn from(id: TypeId) -> Self {
        id.0
    }
}

/// A byte offset into the string sections of a BTF and its bases, laid end to
/// end with the base first. 0 is the empty string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StrOff(pub u32);

impl StrOff {
    /// The empty string: an anonymous type, member or parameter.
    pub const EMPTY: Self = Self(0);

    /// Whether this is [`StrOff::EMPTY`].
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for StrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StrOff({:#x})", self.0)
    }
}

impl From<StrOff> for u32 {
    fn from(off: StrOff) -> Self {
        off.0
    }
}
