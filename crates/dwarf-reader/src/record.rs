//! What is read of a unit: its types, functions and variables, in DWARF's terms.
//!
//! Records are flat. They refer to items of their own by ranges of [`Unit`](crate::Unit)'s arrays, to types by
//! [`TypeRef`] and to other DIEs by offset; units that are read as one share one space of offsets.

use crate::{Str, Target, TypeTag};

/// What a type reference in DWARF leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeRef(pub(crate) u32);

impl TypeRef {
    /// No type: `void`.
    pub const NONE: Self = Self(u32::MAX);
    pub(crate) const INDEX: u32 = 1 << 31;

    pub(crate) fn off(off: u32) -> Self {
        Self(off)
    }

    /// An index into [`Unit::types`](crate::Unit::types) rather than a DIE offset, for types without a DIE of their own.
    pub(crate) fn index(i: usize) -> Self {
        Self(Self::INDEX | i as u32)
    }
}

/// One type DIE.
#[derive(Debug, Clone, Copy)]
pub struct TypeDie {
    /// `DW_AT_name`.
    pub name: Str,
    /// `DW_AT_byte_size`; for arrays the number of elements: the product of all dimensions (as u32), unless
    /// [`Unit::nest_arrays`](crate::Unit::nest_arrays) gave each dimension an array of its own.
    pub size: u64,
    /// Offset of the DIE from the start of the group of units, in bytes.
    pub off: u32,
    /// Position in the order in which DIEs end, from 0.
    pub order: u32,
    /// `DW_AT_type`.
    pub ty: TypeRef,
    /// First member, enumerator or parameter.
    pub first: u32,
    /// Number of members, enumerators or parameters.
    pub n: u32,
    /// `DW_AT_specification` or `DW_AT_signature`'s target, as a type.
    pub origin: TypeRef,
    /// The kind of type.
    pub tag: TypeTag,
    /// `DW_AT_encoding`.
    pub encoding: u8,
    /// `DW_AT_declaration`.
    pub declaration: bool,
    /// Has `DW_AT_byte_size` (types), a `DW_TAG_unspecified_parameters` child (subroutines) or any dimension (arrays).
    pub flag: bool,
}

/// One `DW_TAG_member`.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// `DW_AT_name`.
    pub name: Str,
    /// Offset from the start of the struct, in bits; `u64::MAX` where DWARF gives none that can be understood.
    pub bit_off: u64,
    /// `DW_AT_type`.
    pub ty: TypeRef,
    /// `DW_AT_bit_size`: the width of a bitfield in bits, 0 of any other member.
    pub width: u32,
}

/// Marks a `DW_TAG_inheritance` among members.
pub(crate) const INHERITANCE: u64 = u64::MAX - 1;

impl Member {
    /// Whether this is a base class rather than a member.
    pub fn is_inheritance(&self) -> bool {
        self.bit_off == INHERITANCE
    }
}

/// One `DW_TAG_enumerator`.
#[derive(Debug, Clone, Copy)]
pub struct Enumerator {
    /// `DW_AT_name`.
    pub name: Str,
    /// `DW_AT_const_value`, sign-extended where the form is signed, else zero-extended.
    pub value: u64,
}

/// One parameter of a `DW_TAG_subroutine_type`.
#[derive(Debug, Clone, Copy)]
pub struct ProtoParam {
    /// `DW_AT_name`, mostly absent.
    pub name: Str,
    /// `DW_AT_type`.
    pub ty: TypeRef,
}

/// Where a location is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loc {
    /// No `DW_AT_location`.
    None,
    /// One expression: `len` bytes at `off` of `.debug_info` (`.debug_types` where the unit is there).
    Expr {
        /// Section offset in bytes.
        off: u64,
        /// Length in bytes.
        len: u32,
    },
    /// A location list at this offset of `.debug_loclists` (DWARF 5) or `.debug_loc`.
    List(u64),
}

/// One `DW_TAG_formal_parameter` of a function.
#[derive(Debug, Clone, Copy)]
pub struct FuncParam {
    /// `DW_AT_name`.
    pub name: Str,
    /// `DW_AT_location`.
    pub loc: Loc,
    /// Offset of the DIE from the start of the group of units, in bytes.
    pub off: u32,
    /// `DW_AT_type`.
    pub ty: TypeRef,
    /// DIE offset of `DW_AT_abstract_origin`, `u32::MAX` if absent.
    pub origin: u32,
    /// Has `DW_AT_const_value`.
    pub const_value: bool,
    /// Has `DW_AT_type`, even if that leads to void.
    pub has_type: bool,
}

/// One `DW_TAG_subprogram`.
#[derive(Debug, Clone, Copy)]
pub struct Func {
    /// `DW_AT_name`.
    pub name: Str,
    /// `DW_AT_low_pc`, else `DW_AT_entry_pc`.
    pub entry: Option<Target>,
    /// Offset of `DW_AT_ranges` in `.debug_rnglists` or `.debug_ranges`.
    pub ranges: Option<u64>,
    /// The unit's `DW_AT_low_pc`, the base of its range lists.
    pub unit_base: Target,
    /// The unit's `DW_AT_addr_base`: where its part of `.debug_addr` starts.
    pub addr_base: u64,
    /// Offset of the DIE from the start of the group of units, in bytes.
    pub off: u32,
    /// `DW_AT_type`: what it returns.
    pub ty: TypeRef,
    /// DIE offset of `DW_AT_abstract_origin`, `u32::MAX` if absent.
    pub origin: u32,
    /// DIE offset of `DW_AT_specification`, `u32::MAX` if absent.
    pub specification: u32,
    /// First parameter in [`Unit::func_params`](crate::Unit::func_params).
    pub first: u32,
    /// Number of parameters.
    pub n: u32,
    /// Index of the unit in [`Unit::headers`](crate::Unit::headers).
    pub header: u32,
    /// `DW_AT_calling_convention`, 0 if absent.
    pub calling_convention: u8,
    /// `DW_AT_declaration`.
    pub declaration: bool,
    /// Has `DW_AT_inline`.
    pub inline: bool,
    /// Has `DW_TAG_unspecified_parameters`.
    pub varargs: bool,
    /// The producer is clang.
    pub clang: bool,
    /// The unit is written in assembly (`DW_LANG_Mips_Assembler`).
    pub asm: bool,
}

/// One `DW_TAG_variable` outside of functions.
#[derive(Debug, Clone, Copy)]
pub struct Var {
    /// `DW_AT_name`.
    pub name: Str,
    /// Address, if the location is one.
    pub addr: Option<Target>,
    /// Offset of the DIE from the start of the group of units, in bytes.
    pub off: u32,
    /// `DW_AT_type`.
    pub ty: TypeRef,
    /// DIE offset of what says the rest: `DW_AT_specification`, or `DW_AT_abstract_origin` as link-time optimisation
    /// leaves it. `u32::MAX` if absent.
    pub origin: u32,
    /// `DW_AT_declaration`.
    pub declaration: bool,
    /// `DW_AT_external`.
    pub external: bool,
    /// `DW_AT_artificial`.
    pub artificial: bool,
    /// A child of the unit itself, not of a namespace or class.
    pub at_unit: bool,
}

/// What a decl tag stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagTarget {
    /// Index in [`Unit::types`](crate::Unit::types).
    Type(u32),
    /// Index in [`Unit::funcs`](crate::Unit::funcs).
    Func(u32),
    /// Index in [`Unit::vars`](crate::Unit::vars).
    Var(u32),
}

/// One `btf_decl_tag`.
#[derive(Debug, Clone, Copy)]
pub struct DeclTag {
    /// The tag's text.
    pub value: Str,
    /// What it stands on.
    pub target: TagTarget,
    /// −1 for the whole, else a member's or parameter's index.
    pub component: i32,
}

/// The root of a unit, for deciding whether to read it.
#[derive(Debug, Clone, Copy)]
pub struct Root<'d> {
    /// `DW_AT_language`, 0 if absent.
    pub language: u16,
    /// `DW_AT_name`.
    pub name: &'d [u8],
}

/// A reference to a type that leads to no type; see [`Unit::strays`](crate::Unit::strays).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// Offset of the DIE with the reference from the start of the group of units, in bytes; of the type around it for
    /// a member or the parameter of a subroutine type.
    pub off: u32,
    /// Its name.
    pub name: Str,
    /// Section offset that the reference leads to.
    pub target: u64,
    /// Whether a DIE begins there that may be a type all the same: its kind is not known here, or its unit was left out.
    pub may_be_type: bool,
}
