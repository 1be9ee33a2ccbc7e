//! Kinds, header constants and limits of `include/uapi/linux/btf.h`.

use std::fmt;

/// `BTF_MAGIC`; its byte order in the blob gives the blob's byte order.
pub const MAGIC: u16 = 0xeb9f;
/// `BTF_VERSION`.
pub const VERSION: u8 = 1;
/// Header length in bytes without the layout fields; every consumer takes it.
pub const HDR_LEN: u32 = 24;
/// Header length in bytes with `layout_off` and `layout_len` (2026).
pub const HDR_LEN_LAYOUT: u32 = 32;

/// `BTF_MAX_TYPE`: the highest type id the kernel takes, base included.
pub const MAX_TYPE_ID: u32 = 0x000f_ffff;
/// Highest type id and string offset libbpf handles at all; ids pass through
/// `int` there (`BTF_MAX_NR_TYPES`, `BTF_MAX_STR_OFFSET`).
pub(crate) const MAX_FORMAT_ID: u32 = 0x7fff_ffff;
/// `BTF_MAX_NAME_OFFSET`: the highest string offset the kernel takes, base
/// included.
pub const MAX_NAME_OFFSET: u32 = 0x00ff_ffff;
/// The highest `vlen` a kernel before 2026 takes.
pub const MAX_VLEN: u32 = 0xffff;
/// The highest `vlen` the 24-bit field of 2026 holds.
pub const MAX_VLEN_24: u32 = 0x00ff_ffff;
/// The highest kind number the seven-bit field holds.
pub const MAX_KIND: u32 = 0x7f;
/// How many modifiers, typedefs and arrays are followed before a chain counts
/// as too deep; the kernel's and libbpf's `MAX_RESOLVE_DEPTH`.
pub const MAX_RESOLVE_DEPTH: u32 = 32;
/// Widest bitfield, in bits, that a member with `kind_flag` can express.
pub const MAX_BITFIELD_SIZE: u32 = 0xff;
/// Highest bit offset of any member of a struct with `kind_flag`.
pub const MAX_BITFIELD_OFFSET: u32 = 0x00ff_ffff;

/// The kind of a type record (`BTF_KIND_*`). New ones come with new kernels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// `void`, the type of id 0. No record has this kind.
    Void = 0,
    /// Integer, bool or char.
    Int = 1,
    /// Pointer.
    Ptr = 2,
    /// Array; all dimensions flattened into one by convention.
    Array = 3,
    /// Struct.
    Struct = 4,
    /// Union.
    Union = 5,
    /// Enumeration whose values fit 32 bits.
    Enum = 6,
    /// Forward declaration of a struct, or of a union if `kind_flag` is set.
    Fwd = 7,
    /// Typedef.
    Typedef = 8,
    /// `volatile`.
    Volatile = 9,
    /// `const`.
    Const = 10,
    /// `restrict`.
    Restrict = 11,
    /// Function; `vlen` holds the linkage.
    Func = 12,
    /// Function prototype.
    FuncProto = 13,
    /// Variable.
    Var = 14,
    /// ELF section with its variables.
    Datasec = 15,
    /// Floating point number.
    Float = 16,
    /// `btf_decl_tag` on a struct, union, member, function, parameter,
    /// variable or typedef.
    DeclTag = 17,
    /// `btf_type_tag` on a pointee.
    TypeTag = 18,
    /// Enumeration with 64-bit values.
    Enum64 = 19,
    /// A kind this library does not know, skipped by means of the layout
    /// section; [`Type::raw_kind`](crate::Type::raw_kind) has its number.
    Unknown = 0xff,
}

impl Kind {
    /// The kinds a record can have, in numerical order.
    pub const ALL: [Self; 19] = [
        Self::Int,
        Self::Ptr,
        Self::Array,
        Self::Struct,
        Self::Union,
        Self::Enum,
        Self::Fwd,
        Self::Typedef,
        Self::Volatile,
        Self::Const,
        Self::Restrict,
        Self::Func,
        Self::FuncProto,
        Self::Var,
        Self::Datasec,
        Self::Float,
        Self::DeclTag,
        Self::TypeTag,
        Self::Enum64,
    ];

    /// The kind with this number; `None` for 0 and for numbers above 19.
    pub fn from_u32(n: u32) -> Option<Self> {
        let idx = usize::try_from(n.checked_sub(1)?).ok()?;
        Self::ALL.get(idx).copied()
    }

    /// As [`Kind::from_u32`], with 0 as [`Kind::Void`] and the rest as
    /// [`Kind::Unknown`].
    pub(crate) fn of_raw(n: u32) -> Self {
        if n == 0 {
            Self::Void
        } else {
            Self::from_u32(n).unwrap_or(Self::Unknown)
        }
    }

    /// The number of this kind; 0 for void, 255 for [`Kind::Unknown`].
    pub const fn as_u32(self) -> u32 {
        self as u32
    }

    /// The name bpftool prints in a raw dump, such as `FUNC_PROTO`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Void | Self::Unknown => "UNKN",
            Self::Int => "INT",
            Self::Ptr => "PTR",
            Self::Array => "ARRAY",
            Self::Struct => "STRUCT",
            Self::Union => "UNION",
            Self::Enum => "ENUM",
            Self::Fwd => "FWD",
            Self::Typedef => "TYPEDEF",
            Self::Volatile => "VOLATILE",
            Self::Const => "CONST",
            Self::Restrict => "RESTRICT",
            Self::Func => "FUNC",
            Self::FuncProto => "FUNC_PROTO",
            Self::Var => "VAR",
            Self::Datasec => "DATASEC",
            Self::Float => "FLOAT",
            Self::DeclTag => "DECL_TAG",
            Self::TypeTag => "TYPE_TAG",
            Self::Enum64 => "ENUM64",
        }
    }

    /// STRUCT or UNION.
    pub const fn is_composite(self) -> bool {
        matches!(self, Self::Struct | Self::Union)
    }

    /// ENUM or ENUM64.
    pub const fn is_any_enum(self) -> bool {
        matches!(self, Self::Enum | Self::Enum64)
    }

    /// A modifier of the type it refers to: CONST, VOLATILE, RESTRICT or
    /// TYPE_TAG. Unlike the kernel's `btf_type_is_modifier`, not TYPEDEF.
    pub const fn is_modifier(self) -> bool {
        matches!(
            self,
            Self::Const | Self::Volatile | Self::Restrict | Self::TypeTag
        )
    }

    /// The third word of the record is a size in bytes.
    pub const fn has_size(self) -> bool {
        matches!(
            self,
            Self::Int
                | Self::Struct
                | Self::Union
                | Self::Enum
                | Self::Enum64
                | Self::Datasec
                | Self::Float
        )
    }

    /// The third word of the record is a type id.
    pub const fn has_type(self) -> bool {
        matches!(
            self,
            Self::Ptr
                | Self::Typedef
                | Self::Volatile
                | Self::Const
                | Self::Restrict
                | Self::Func
                | Self::FuncProto
                | Self::Var
                | Self::DeclTag
                | Self::TypeTag
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Encoding bits of an INT (`BTF_INT_SIGNED` and friends). The kernel takes at
/// most one of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct IntEncoding(pub u8);

impl IntEncoding {
    /// Plain unsigned integer.
    pub const NONE: Self = Self(0);
    /// `BTF_INT_SIGNED`.
    pub const SIGNED: Self = Self(1);
    /// `BTF_INT_CHAR`; no encoder in use emits it.
    pub const CHAR: Self = Self(2);
    /// `BTF_INT_BOOL`.
    pub const BOOL: Self = Self(4);

    /// Whether all bits of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The `info` word of a record: `vlen` in bits 0–23, kind in bits 24–30,
/// `kind_flag` in bit 31. A `vlen` above 65535 is unreadable before 2026.
pub const fn make_info(kind: Kind, vlen: u32, kind_flag: bool) -> u32 {
    (vlen & MAX_VLEN_24) | ((kind as u32 & MAX_KIND) << 24) | ((kind_flag as u32) << 31)
}

/// Bits 24–30 of an `info` word.
pub(crate) const fn info_kind(info: u32) -> u32 {
    (info >> 24) & MAX_KIND
}

/// Bits 0–23 of an `info` word.
pub(crate) const fn info_vlen(info: u32) -> u32 {
    info & MAX_VLEN_24
}

/// Bit 31 of an `info` word.
pub(crate) const fn info_kind_flag(info: u32) -> bool {
    info >> 31 != 0
}
