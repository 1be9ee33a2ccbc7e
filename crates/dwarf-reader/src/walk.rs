//! One pass over a unit's DIEs.
//!
//! DIEs come as a pre-order byte stream. Types, functions and unit-level variables are recorded in flat arrays
//! in the order in which their DIEs *start*; that order is also the index by which everything else refers to
//! them, found from a DIE offset through a table of the last type that starts in each few bytes of the unit
//! ([`Unit::type_at`]). A type's `order` says when its DIE *ended*, children included, which is the order in
//! which the incumbent encoder numbers types.
//!
//! Most DIEs are of forms that are read in one go ([`Plain`]). Members, enumerators, parameters and dimensions of
//! such forms that follow right behind their type go to their final arrays. What else hangs below a DIE is collected
//! on stacks while the DIE is open and moved when it closes, so that nested types (C++, function bodies) do not
//! interleave with the items of the type around them.

use std::ops::RangeInclusive;

use gimli::constants as c;

use crate::abbrev::{
    Abbrev, Abbrevs, Action, Class, Encoding, N_SLOTS, Op, Plain, PlainName, Slot, Sort, action,
};
use crate::cursor::Cursor;
use crate::error::{At, Error, ErrorKind, Result};
use crate::short::ShortStrings;
use crate::unit::{UnitHeader, UnitKind};
use crate::{Relocate, Section, Sections, Str, StrSection, Target, TypeTag};

/// What a type reference in DWARF leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeRef(u32);

impl TypeRef {
    /// No type: `void`.
    pub const NONE: Self = Self(u32::MAX);
    const INDEX: u32 = 1 << 31;

    fn off(off: u32) -> Self {
        Self(off)
    }

    /// An index into [`Unit::types`] rather than a DIE offset, for types without a DIE of their own.
    fn index(i: usize) -> Self {
        Self(Self::INDEX | i as u32)
    }
}

/// One type DIE.
#[derive(Debug, Clone, Copy)]
pub struct TypeDie {
    /// `DW_AT_name`.
    pub name: Str,
    /// `DW_AT_byte_size`; for arrays the number of elements: the product of all dimensions (as u32), unless
    /// [`Unit::nest_arrays`] gave each dimension an array of its own.
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
    /// First parameter in [`Unit::func_params`].
    pub first: u32,
    /// Number of parameters.
    pub n: u32,
    /// Index of the unit in [`Unit::headers`].
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
    /// Number of types whose DIEs had ended before.
    pub order: u32,
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
    /// Index in [`Unit::types`].
    Type(u32),
    /// Index in [`Unit::funcs`].
    Func(u32),
    /// Index in [`Unit::vars`].
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

/// A `DW_TAG_GNU_annotation` (gcc 16): reached by attribute, not by nesting.
#[derive(Debug, Clone, Copy)]
struct GnuAnnotation {
    off: u32,
    type_tag: bool,
    value: Str,
    next: u32,
}

/// A dimension of an array behind its first.
#[derive(Debug, Clone, Copy)]
struct Dimension {
    /// Index in [`Unit::types`].
    array: u32,
    /// Product of the dimensions before this one.
    before: u32,
    n: u32,
    /// The array's, while there was nothing to end before it.
    order: u32,
}

/// A member in the DWARF 2 to 4 form of bitfields whose storage size is its type's.
#[derive(Debug, Clone, Copy)]
struct LegacyBits {
    member: u32,
    location: u64,
    bit_offset: i64,
}

/// What the types, functions and variables of one unit, or of several read as one, are.
///
/// Made to be used again: [`Unit::read`] clears it and keeps its memory.
#[derive(Debug, Default)]
pub struct Unit {
    /// All types, in order of DIE offset, then those without a DIE.
    pub types: Vec<TypeDie>,
    /// Members of structs and unions, by [`TypeDie::first`].
    pub members: Vec<Member>,
    /// Enumerators, by [`TypeDie::first`].
    pub enumerators: Vec<Enumerator>,
    /// Parameters of subroutine types, by [`TypeDie::first`].
    pub params: Vec<ProtoParam>,
    /// All functions, in order of DIE offset.
    pub funcs: Vec<Func>,
    /// Parameters of functions, by [`Func::first`].
    pub func_params: Vec<FuncParam>,
    /// All variables outside of functions, in order of DIE offset.
    pub vars: Vec<Var>,
    /// `btf_decl_tag`s in DIE order.
    pub decl_tags: Vec<DeclTag>,
    /// The units read.
    pub headers: Vec<UnitHeader>,
    /// Units left out: skeletons.
    pub n_skeletons: u32,
    /// Types that were left out because C has no word for them.
    pub n_unsupported: u32,
    base: u64,
    /// Offset of `.debug_types` in a space that begins with `.debug_info`.
    types_shift: u64,
    places: Places,
    tagged: Vec<u32>,
    abbrevs: Abbrevs,
    abbrevs_of: Option<(u64, Encoding)>,
    met: Met,
    frames: Vec<Frame>,
    open_members: Vec<Member>,
    open_enumerators: Vec<Enumerator>,
    open_params: Vec<ProtoParam>,
    open_func_params: Vec<FuncParam>,
    legacy: Vec<LegacyBits>,
    open_legacy: Vec<LegacyBits>,
    /// In the order of their DIEs.
    dimensions: Vec<Dimension>,
    annotations: Vec<GnuAnnotation>,
    /// clang's type tags with the pointers that they are children of.
    llvm_tags: Vec<(u32, TypeDie)>,
    gnu_users: Vec<(GnuUser, u32)>,
    /// Types ended so far, while reading.
    ended: u32,
}

/// What reading attributes looks up beside the sections.
#[derive(Debug, Default)]
struct Met {
    /// Of the units' type units, with the offsets of their types; sorted.
    signatures: Vec<(u64, u32)>,
    short: ShortStrings,
    /// Between which offsets of `.debug_info` references into other units lead, where that is wanted and nothing else.
    outside: Option<RangeInclusive<u64>>,
}

/// A reference to a type that leads to no type; see [`Unit::strays`].
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

/// Where types are by the offsets of their DIEs.
#[derive(Debug, Default)]
struct Places {
    /// For each stretch of the group, the last type that starts in it: its index, and in the low bits where in the
    /// stretch, so that no look at the type itself is needed to know it. `u32::MAX` if none does.
    last: Vec<u32>,
    /// log2 of the length of a stretch in bytes.
    shift: u32,
    /// The bits of an offset that say where in a stretch it is.
    within: u32,
}

impl Places {
    /// Where stretches are long, more types than this cannot be told from none.
    const MOST: usize = u32::MAX as usize >> 5;

    /// For a group of so many bytes.
    fn reset(&mut self, span: u64) {
        // Hardly two types share 4 bytes. Where that would take much memory, a few more steps do no harm.
        self.shift = if span < 4 << 20 { 2 } else { 5 };
        self.within = (1 << self.shift) - 1;
        self.last.clear();
        self.last
            .resize((span >> self.shift) as usize + 1, u32::MAX);
    }

    /// Types come in ascending order.
    #[inline(always)]
    fn add(&mut self, off: u32, index: usize) {
        self.last[(off >> self.shift) as usize] = (index as u32) << self.shift | off & self.within;
    }

    /// The index of the type at an offset; one that no type has, or `None`, if there is none.
    #[inline(always)]
    fn find(&self, off: u32, types: &[TypeDie]) -> Option<usize> {
        let last = *self.last.get((off >> self.shift) as usize)?;
        let i = (last >> self.shift) as usize;
        if (last ^ off) & self.within == 0 {
            return Some(i);
        }
        find_before(i, off, types)
    }
}

/// The index of the type at an offset, among those before the `i`th.
#[inline(never)]
fn find_before(i: usize, off: u32, types: &[TypeDie]) -> Option<usize> {
    let before = types.get(..i)?.iter().rposition(|t| t.off <= off)?;
    (types[before].off == off).then_some(before)
}

/// Who refers to a `DW_TAG_GNU_annotation`.
#[derive(Debug, Clone, Copy)]
enum GnuUser {
    Pointer(u32),
    Decl(TagTarget, i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Unit,
    Namespace,
    /// A type: index, and where its items start on the stack.
    Type,
    Func,
    Var,
    Member,
    Param,
    Body,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: FrameKind,
    idx: u32,
    items: u32,
    legacy: u32,
}

/// The root of a unit, for deciding whether to read it.
#[derive(Debug, Clone, Copy)]
pub struct Root<'d> {
    /// `DW_AT_language`, 0 if absent.
    pub language: u16,
    /// `DW_AT_name`.
    pub name: &'d [u8],
}

const NO_OFF: u32 = u32::MAX;
/// `DW_LANG_Mips_Assembler`, which gas uses for every architecture.
const LANG_ASM: u64 = 0x8001;

/// Attribute values of one DIE, by slot; valid where `mask` has the slot's bit.
struct Attrs {
    mask: u32,
    vals: [u64; N_SLOTS],
    /// ELF section of `LowPc`, `EntryPc` (whichever came last) in relocatable files.
    pc_section: u32,
    /// Address in `Location`, if it starts with one.
    addr: Option<Target>,
}

impl Attrs {
    #[inline(always)]
    fn has(&self, s: Slot) -> bool {
        self.mask & (1 << s as u32) != 0
    }

    #[inline(always)]
    fn get(&self, s: Slot) -> Option<u64> {
        if self.has(s) {
            Some(self.vals[s as usize])
        } else {
            None
        }
    }

    #[inline(always)]
    fn str(&self, s: Slot) -> Str {
        if self.has(s) {
            Str(self.vals[s as usize])
        } else {
            Str::NONE
        }
    }

    #[inline(always)]
    fn off(&self, s: Slot) -> u32 {
        if self.has(s) {
            self.vals[s as usize] as u32
        } else {
            NO_OFF
        }
    }

    #[inline(always)]
    fn ty(&self) -> TypeRef {
        if self.has(Slot::Type) {
            TypeRef(self.vals[Slot::Type as usize] as u32)
        } else {
            TypeRef::NONE
        }
    }
}

/// What a DIE of the usual form says; see [`Plain`].
struct PlainDie {
    name: Str,
    ty: TypeRef,
    number: u64,
    /// 0 if there is none.
    width: u32,
}

impl PlainDie {
    #[inline(always)]
    fn member(&self, plain: &Plain) -> Member {
        Member {
            name: self.name,
            bit_off: self.number << plain.shift,
            ty: self.ty,
            width: self.width,
        }
    }
}

/// The bytes at a place of a [`Plain`] DIE.
#[inline(always)]
fn bytes_at<const N: usize>(window: &[u8; Plain::WINDOW], place: u8) -> [u8; N] {
    let place = usize::from(place) % Plain::MAX_LEN;
    let mut bytes = [0; N];
    bytes.copy_from_slice(&window[place..place + N]);
    bytes
}

#[inline(always)]
fn u32_at<const BE: bool>(window: &[u8; Plain::WINDOW], place: u8) -> u32 {
    let bytes = bytes_at(window, place);
    if BE {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }
}

/// The number that the low bits of `mask` are of.
#[inline(always)]
fn number_at<const BE: bool>(window: &[u8; Plain::WINDOW], place: u8, mask: u64) -> u64 {
    let bytes = bytes_at(window, place);
    let word = if BE {
        u64::from_be_bytes(bytes) >> (mask.leading_zeros() % 64)
    } else {
        u64::from_le_bytes(bytes)
    };
    word & mask
}

const LOC_LIST: u64 = 1 << 63;

/// Parameters of the unit being read.
struct Context<'d> {
    sections: Sections<'d>,
    encoding: Encoding,
    /// Section offset of the unit's header; references in the unit count from here.
    unit_off: u64,
    unit_len: u64,
    /// Section offset that local offsets count from.
    base: u64,
    in_types: bool,
    merged: bool,
    str_offsets_base: u64,
    addr_base: u64,
    loclists_base: u64,
    rnglists_base: u64,
    /// The bases above are the unit's own, not the ones of a unit that names none.
    bases_known: bool,
    /// Strings of `.debug_str` and `.debug_line_str` begin before these offsets: no NUL follows later ones.
    str_end: u64,
    line_str_end: u64,
    unit_base: Target,
    clang: bool,
    asm: bool,
    header: u32,
}

impl Unit {
    /// Reads one unit, or several as one (when they refer to each other), into this value.
    ///
    /// `headers` must be in order of offset. `keep` decides from a unit's root whether its types are wanted.
    ///
    /// # Errors
    /// On DWARF that cannot be understood; [`ErrorKind::NeedsMerge`] if a unit read alone refers to another.
    pub fn read<R: Relocate>(
        &mut self,
        sections: &Sections<'_>,
        headers: &[UnitHeader],
        relocate: &mut R,
        keep: &dyn Fn(&Root<'_>) -> bool,
    ) -> Result<()> {
        if sections.big_endian {
            self.read_all::<true, R>(sections, headers, relocate, keep)
        } else {
            self.read_all::<false, R>(sections, headers, relocate, keep)
        }
    }

    /// Between which offsets of `.debug_info` the references of a unit into other units lead: with which of them it has to
    /// be read. Empty if there are none. What else the unit says is forgotten.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`ErrorKind::NeedsMerge`] if it refers to others by more than offsets.
    pub fn outside<R: Relocate>(
        &mut self,
        sections: &Sections<'_>,
        header: UnitHeader,
        relocate: &mut R,
        keep: &dyn Fn(&Root<'_>) -> bool,
    ) -> Result<RangeInclusive<u64>> {
        let nowhere = RangeInclusive::new(u64::MAX, 0);
        self.met.outside = Some(nowhere.clone());
        let read = self.read(sections, &[header], relocate, keep);
        let outside = self.met.outside.take();
        self.clear();
        read.map(|()| outside.unwrap_or(nowhere))
    }

    fn clear(&mut self) {
        self.types.clear();
        self.tagged.clear();
        self.members.clear();
        self.enumerators.clear();
        self.params.clear();
        self.funcs.clear();
        self.func_params.clear();
        self.vars.clear();
        self.decl_tags.clear();
        self.headers.clear();
        self.n_skeletons = 0;
        self.n_unsupported = 0;
        self.frames.clear();
        self.open_members.clear();
        self.open_enumerators.clear();
        self.open_params.clear();
        self.open_func_params.clear();
        self.legacy.clear();
        self.open_legacy.clear();
        self.dimensions.clear();
        self.annotations.clear();
        self.llvm_tags.clear();
        self.gnu_users.clear();
        self.met.signatures.clear();
    }

    /// Forgets the abbreviation table and the names kept from the last units: needed before another file is read.
    pub fn forget_file(&mut self) {
        self.abbrevs_of = None;
        self.met.short.clear();
    }

    /// The index in [`Self::types`] of what a reference leads to; `None` for void and for anything not a type.
    #[inline]
    pub fn type_at(&self, r: TypeRef) -> Option<usize> {
        self.index_at(r).filter(|&i| i < self.types.len())
    }

    /// As [`Self::type_at`], but an index that no type has may also mean that there is none: for where it is looked up in
    /// something as long as [`Self::types`], which tells.
    #[inline(always)]
    pub fn index_at(&self, r: TypeRef) -> Option<usize> {
        // Offsets are far below those with the bit of an index.
        match self.places.find(r.0, &self.types) {
            None if r.0 & TypeRef::INDEX != 0 => Some((r.0 & !TypeRef::INDEX) as usize),
            found => found,
        }
    }

    /// Indices in [`Self::types`] of all structs, unions and enums, in ascending order.
    pub fn tagged(&self) -> &[u32] {
        &self.tagged
    }

    /// Whether an array has several dimensions, and [`Self::nest_arrays`] something to do.
    pub fn has_dimensions(&self) -> bool {
        !self.dimensions.is_empty()
    }

    /// Makes arrays of several dimensions arrays of arrays: what was one type with the product of its dimensions keeps
    /// the first, and each further one gets a type of its own, without a DIE, that ends just before it.
    pub fn nest_arrays(&mut self) {
        let mut dimensions = std::mem::take(&mut self.dimensions);
        for t in &mut self.types {
            t.order += dimensions.partition_point(|d| d.order <= t.order) as u32;
        }
        for v in &mut self.vars {
            v.order += dimensions.partition_point(|d| d.order < v.order) as u32;
        }
        for (d, before) in dimensions.iter_mut().zip(0..) {
            d.order += before;
        }
        // The innermost first: the next goes between the array and what that led to so far.
        let of_arrays = dimensions.chunk_by(|a, b| a.array == b.array);
        for of_array in of_arrays.rev() {
            for (d, place) in of_array.iter().rev().zip(of_array) {
                let inner = TypeRef::index(self.types.len());
                let array = &mut self.types[d.array as usize];
                let whole = *array;
                array.size = u64::from(d.before);
                array.ty = inner;
                self.types.push(TypeDie {
                    size: u64::from(d.n),
                    order: place.order,
                    ..whole
                });
            }
        }
        dimensions.clear();
        self.dimensions = dimensions;
    }

    /// The function whose DIE is at this offset from the start of the group.
    pub fn func_at(&self, off: u32) -> Option<usize> {
        self.funcs.binary_search_by_key(&off, |f| f.off).ok()
    }

    /// The function parameter whose DIE is at this offset from the start of the group.
    pub fn func_param_at(&self, off: u32) -> Option<usize> {
        // Nested functions may leave the array out of order; such parameters just have no origin.
        self.func_params.binary_search_by_key(&off, |p| p.off).ok()
    }

    /// The variable whose DIE is at this offset from the start of the group.
    pub fn var_at(&self, off: u32) -> Option<usize> {
        self.vars.binary_search_by_key(&off, |v| v.off).ok()
    }

    /// Section offset of a DIE of this group.
    pub fn die_off(&self, off: u32) -> u64 {
        let abs = self.base + u64::from(off);
        abs.checked_sub(self.types_shift).unwrap_or(abs)
    }

    /// The position of a DIE of this group, for messages.
    pub fn at(&self, off: u32) -> Option<At> {
        let abs = self.base + u64::from(off);
        let in_types = abs >= self.types_shift;
        let die_off = self.die_off(off);
        let i = self
            .headers
            .partition_point(|h| (h.in_types, h.off) <= (in_types, die_off))
            .checked_sub(1)?;
        Some(At {
            die_off: Some(die_off),
            ..self.headers[i].at()
        })
    }

    /// Calls `f` with every name of a type, member, enumerator, parameter, function or variable and the offset of its
    /// DIE from the start of the group (of the type around it for what has none of its own).
    pub fn for_each_name(&self, mut f: impl FnMut(Str, u32)) {
        for t in &self.types {
            f(t.name, t.off);
            let items = t.first as usize..(t.first + t.n) as usize;
            match t.tag {
                TypeTag::Struct | TypeTag::Union => {
                    self.members[items].iter().for_each(|m| f(m.name, t.off));
                }
                TypeTag::Enum => {
                    self.enumerators[items]
                        .iter()
                        .for_each(|e| f(e.name, t.off));
                }
                TypeTag::Subroutine => {
                    self.params[items].iter().for_each(|p| f(p.name, t.off));
                }
                _ => {}
            }
        }
        self.funcs.iter().for_each(|func| f(func.name, func.off));
        self.func_params.iter().for_each(|p| f(p.name, p.off));
        self.vars.iter().for_each(|v| f(v.name, v.off));
    }

    /// Replaces every name that [`Self::for_each_name`] gives, and the values of tags.
    pub fn map_names(&mut self, f: impl Fn(Str) -> Str) {
        let types = self.types.iter_mut().map(|t| &mut t.name);
        let members = self.members.iter_mut().map(|m| &mut m.name);
        let enumerators = self.enumerators.iter_mut().map(|e| &mut e.name);
        let params = self.params.iter_mut().map(|p| &mut p.name);
        let funcs = self.funcs.iter_mut().map(|func| &mut func.name);
        let func_params = self.func_params.iter_mut().map(|p| &mut p.name);
        let vars = self.vars.iter_mut().map(|v| &mut v.name);
        let tags = self.decl_tags.iter_mut().map(|tag| &mut tag.value);
        let of_types = types.chain(members).chain(enumerators).chain(params);
        let names = of_types.chain(funcs).chain(func_params).chain(vars);
        names.chain(tags).for_each(|name| *name = f(*name));
    }

    /// References to types that lead to no type, in order of the DIEs that have them. `headers` are those that
    /// [`Unit::read`] got. Reads all DIEs once more: for when [`Unit::type_at`] came back without a type from a
    /// reference other than [`TypeRef::NONE`].
    pub fn strays(&self, sections: &Sections<'_>, headers: &[UnitHeader]) -> Vec<Stray> {
        let unknown = if sections.big_endian {
            self.unknown_dies::<true>(sections, headers)
        } else {
            self.unknown_dies::<false>(sections, headers)
        };
        let mut strays = Vec::new();
        let mut look = |off: u32, name: Str, r: TypeRef| {
            if r != TypeRef::NONE && self.type_at(r).is_none() {
                strays.push(Stray {
                    off,
                    name,
                    target: self.die_off(r.0),
                    may_be_type: unknown.binary_search(&r.0).is_ok(),
                });
            }
        };
        for t in &self.types {
            look(t.off, t.name, t.ty);
            if t.declaration {
                look(t.off, t.name, t.origin);
            }
            let items = t.first as usize..(t.first + t.n) as usize;
            match t.tag {
                TypeTag::Struct | TypeTag::Union => {
                    self.members[items]
                        .iter()
                        .for_each(|m| look(t.off, m.name, m.ty));
                }
                TypeTag::Subroutine => {
                    self.params[items]
                        .iter()
                        .for_each(|p| look(t.off, p.name, p.ty));
                }
                _ => {}
            }
        }
        self.funcs.iter().for_each(|f| look(f.off, f.name, f.ty));
        self.func_params
            .iter()
            .for_each(|p| look(p.off, p.name, p.ty));
        self.vars.iter().for_each(|v| look(v.off, v.name, v.ty));
        strays.sort_by_key(|s| s.off);
        strays
    }

    /// Offsets at which DIEs of unknown kinds, or of units that were left out, begin, from the start of the group, in
    /// ascending order. Ends where DIEs cannot be read.
    fn unknown_dies<const BE: bool>(
        &self,
        sections: &Sections<'_>,
        headers: &[UnitHeader],
    ) -> Vec<u32> {
        let mut starts = Vec::new();
        let mut abbrevs = Abbrevs::default();
        for h in headers {
            let shift = if h.in_types {
                sections.info.len() as u64
            } else {
                0
            };
            let left_out = !self.headers.iter().any(|kept| kept.index == h.index);
            let (cx, mut cur) = Context::of::<BE>(sections, h);
            let read = abbrevs.read::<BE>(sections.abbrev, h.abbrev_off, h.encoding);
            while read.is_ok() && cur.pos < cur.data.len() {
                let off = (cur.pos as u64 + shift).wrapping_sub(self.base) as u32;
                match cur.uleb() {
                    Ok(0) => continue,
                    Ok(code) => {
                        let Some(ab) = abbrevs.get(code) else { break };
                        if cx.skip(&abbrevs, ab, &mut cur).is_err() {
                            break;
                        }
                        let unknown = matches!(ab.class, Class::Other | Class::Subrange);
                        if unknown || left_out {
                            starts.push(off);
                        }
                    }
                    Err(_) => break,
                }
            }
        }
        starts
    }

    fn read_all<const BE: bool, R: Relocate>(
        &mut self,
        sections: &Sections<'_>,
        headers: &[UnitHeader],
        relocate: &mut R,
        keep: &dyn Fn(&Root<'_>) -> bool,
    ) -> Result<()> {
        self.clear();
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
            return Ok(());
        };
        // Units of .debug_types follow those of .debug_info in the local offset space.
        let types_shift = sections.info.len() as u64;
        self.types_shift = types_shift;
        let place = |h: &UnitHeader| if h.in_types { types_shift } else { 0 };
        self.base = first.off + place(first);
        let span = last.end + place(last) - self.base;
        if span >= u64::from(TypeRef::INDEX) {
            return Err(Error {
                kind: ErrorKind::MergedTooLarge,
                at: Some(first.at()),
            });
        }
        self.places.reset(span);
        for h in headers {
            if let UnitKind::Type {
                signature,
                type_off,
            } = h.kind
            {
                let off = (h.off + place(h) - self.base).saturating_add(type_off);
                self.met
                    .signatures
                    .push((signature, u32::try_from(off).unwrap_or(NO_OFF)));
            }
        }
        self.met.signatures.sort_unstable();
        self.met.signatures.dedup_by_key(|s| s.0);
        for h in headers {
            if h.kind == UnitKind::Skeleton {
                self.n_skeletons += 1;
                continue;
            }
            let local = h.off + place(h) - self.base;
            let mut die = h.root;
            self.read_unit::<BE, R>(
                sections,
                h,
                local,
                headers.len() > 1,
                relocate,
                keep,
                &mut die,
            )
            .map_err(|kind| Error {
                kind,
                at: Some(At {
                    die_off: Some(die),
                    ..h.at()
                }),
            })?;
        }
        if self.types.len() >= Places::MOST {
            return Err(Error {
                kind: ErrorKind::MergedTooLarge,
                at: Some(first.at()),
            });
        }
        self.finish();
        Ok(())
    }

    fn read_unit<const BE: bool, R: Relocate>(
        &mut self,
        sections: &Sections<'_>,
        h: &UnitHeader,
        local: u64,
        merged: bool,
        relocate: &mut R,
        keep: &dyn Fn(&Root<'_>) -> bool,
        die: &mut u64,
    ) -> Result<(), ErrorKind> {
        let mut abbrevs = std::mem::take(&mut self.abbrevs);
        if self.abbrevs_of != Some((h.abbrev_off, h.encoding)) {
            self.abbrevs_of = None;
            let read = abbrevs.read::<BE>(sections.abbrev, h.abbrev_off, h.encoding);
            if let Err(e) = read {
                self.abbrevs = abbrevs;
                return Err(e);
            }
            self.abbrevs_of = Some((h.abbrev_off, h.encoding));
        }
        let result = self.walk::<BE, R>(&abbrevs, sections, h, local, merged, relocate, keep, die);
        self.abbrevs = abbrevs;
        result
    }

    fn walk<const BE: bool, R: Relocate>(
        &mut self,
        abbrevs: &Abbrevs,
        sections: &Sections<'_>,
        h: &UnitHeader,
        local: u64,
        merged: bool,
        relocate: &mut R,
        keep: &dyn Fn(&Root<'_>) -> bool,
        die: &mut u64,
    ) -> Result<(), ErrorKind> {
        let (mut cx, mut cur) = Context::of::<BE>(sections, h);
        cx.base = h.off.wrapping_sub(local);
        cx.merged = merged;
        cx.header = self.headers.len() as u32;
        let mut a = Attrs {
            mask: 0,
            vals: [0; N_SLOTS],
            pc_section: 0,
            addr: None,
        };
        // The root, twice: its strings may need the bases that stand behind them.
        let code = cur.uleb()?;
        if code == 0 {
            return Ok(());
        }
        let root = abbrevs.get(code).ok_or(ErrorKind::UnknownAbbrev(code))?;
        let start = cur.pos;
        for bases_known in [false, true] {
            cur.pos = start;
            cx.bases_known = bases_known;
            cx.attrs(abbrevs, root, &mut cur, relocate, &mut a, &mut self.met)?;
            cx.str_offsets_base = a.get(Slot::StrOffsetsBase).unwrap_or(cx.str_offsets_base);
            cx.addr_base = a.get(Slot::AddrBase).unwrap_or(cx.addr_base);
            cx.loclists_base = a.get(Slot::LoclistsBase).unwrap_or(cx.loclists_base);
            cx.rnglists_base = a.get(Slot::RnglistsBase).unwrap_or(cx.rnglists_base);
        }
        cx.unit_base = a
            .get(Slot::LowPc)
            .map_or(Target::default(), |value| Target {
                section: a.pc_section,
                value,
            });
        let language = a.get(Slot::Language).unwrap_or(0);
        let root_name = sections.string(a.str(Slot::Name)).unwrap_or_default();
        if !keep(&Root {
            language: u16::try_from(language).unwrap_or(0),
            name: root_name,
        }) {
            return Ok(());
        }
        let producer = sections.string(a.str(Slot::Producer)).unwrap_or_default();
        cx.clang = memchr::memmem::find(producer, b"clang").is_some();
        cx.asm = language == LANG_ASM;
        self.headers.push(*h);
        if !root.has_children {
            self.n_skeletons += u32::from(a.has(Slot::DwoName));
            return Ok(());
        }
        self.frames.push(Frame {
            kind: FrameKind::Unit,
            idx: 0,
            items: 0,
            legacy: 0,
        });

        loop {
            let off = cur.pos;
            *die = off as u64;
            if off >= cur.data.len() {
                // A unit may end without closing its root.
                while let Some(f) = self.frames.pop() {
                    self.close(f);
                }
                return Ok(());
            }
            let code = cur.uleb()?;
            if code == 0 {
                let Some(f) = self.frames.pop() else {
                    return Ok(());
                };
                self.close(f);
                if self.frames.is_empty() {
                    return Ok(());
                }
                continue;
            }
            let ab = abbrevs.get(code).ok_or(ErrorKind::UnknownAbbrev(code))?;
            let local_off = (off as u64).wrapping_sub(cx.base) as u32;
            if let Some(plain) = &ab.plain {
                if plain.sort == Sort::Type {
                    let mut run = Run {
                        cx: &cx,
                        cur: &mut cur,
                        relocate,
                        die,
                    };
                    if self.plain_types(abbrevs, off, plain, &mut run)? {
                        continue;
                    }
                }
                if ab.class == Class::Member
                    && self
                        .frames
                        .last()
                        .is_some_and(|f| f.kind == FrameKind::Type)
                    && let Some(d) = cx.plain(plain, &mut cur, relocate, &mut self.met.short)?
                {
                    self.open_members.push(d.member(plain));
                    continue;
                }
            }
            let top = match self.frames.last() {
                Some(f) => *f,
                None => return Ok(()),
            };
            let mut frame = Frame {
                kind: FrameKind::Body,
                idx: 0,
                items: 0,
                legacy: 0,
            };
            match ab.class {
                Class::Member if top.kind == FrameKind::Type => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    self.member(&a, ab, BE);
                    frame.kind = FrameKind::Member;
                    frame.idx = top.idx;
                    frame.items = self.open_members.len() as u32 - top.items - 1;
                    if a.has(Slot::Annotation) {
                        let user = GnuUser::Decl(TagTarget::Type(top.idx), frame.items as i32);
                        self.gnu_users.push((user, a.off(Slot::Annotation)));
                    }
                }
                Class::Enumerator if top.kind == FrameKind::Type => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    self.open_enumerators.push(Enumerator {
                        name: a.str(Slot::Name),
                        value: a.get(Slot::ConstValue).unwrap_or(0),
                    });
                }
                Class::Type(tag) => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    frame = self.open_type(tag, local_off, &a);
                    if !ab.has_children {
                        self.close(frame);
                    }
                }
                Class::Param if matches!(top.kind, FrameKind::Func | FrameKind::Type) => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    if top.kind == FrameKind::Type {
                        self.open_params.push(ProtoParam {
                            name: a.str(Slot::Name),
                            ty: a.ty(),
                        });
                    } else {
                        let loc = match a.get(Slot::Location) {
                            None => Loc::None,
                            Some(v) if v & LOC_LIST != 0 => Loc::List(v & !LOC_LIST),
                            Some(v) => Loc::Expr {
                                off: v & ((1 << 40) - 1),
                                len: (v >> 40) as u32,
                            },
                        };
                        let param = self.open_func_params.len() as u32 - top.items;
                        self.open_func_params.push(FuncParam {
                            name: a.str(Slot::Name),
                            loc,
                            off: local_off,
                            ty: a.ty(),
                            origin: a.off(Slot::Origin),
                            const_value: a.has(Slot::ConstValue),
                            has_type: a.has(Slot::Type),
                        });
                        frame = Frame {
                            kind: FrameKind::Param,
                            idx: top.idx,
                            items: param,
                            legacy: 0,
                        };
                        if a.has(Slot::Annotation) {
                            let user = GnuUser::Decl(TagTarget::Func(top.idx), param as i32);
                            self.gnu_users.push((user, a.off(Slot::Annotation)));
                        }
                    }
                }
                Class::UnspecifiedParams
                    if matches!(top.kind, FrameKind::Func | FrameKind::Type) =>
                {
                    cx.skip(abbrevs, ab, &mut cur)?;
                    if top.kind == FrameKind::Type {
                        self.types[top.idx as usize].flag = true;
                    } else {
                        self.funcs[top.idx as usize].varargs = true;
                    }
                }
                Class::Subrange if top.kind == FrameKind::Type => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    let t = &mut self.types[top.idx as usize];
                    if t.tag == TypeTag::Array {
                        let n = elements(a.get(Slot::UpperBound), a.get(Slot::Count));
                        let before = t.size as u32;
                        if t.flag {
                            self.dimensions.push(Dimension {
                                array: top.idx,
                                before,
                                n,
                                order: self.ended,
                            });
                        }
                        t.size = u64::from(before.wrapping_mul(n));
                        t.flag = true;
                    }
                }
                Class::Subprogram => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    frame = self.open_func(&cx, local_off, &a);
                }
                Class::Variable
                    if matches!(
                        top.kind,
                        FrameKind::Unit | FrameKind::Namespace | FrameKind::Type
                    ) =>
                {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    let idx = self.vars.len() as u32;
                    self.vars.push(Var {
                        name: a.str(Slot::Name),
                        addr: a.addr,
                        off: local_off,
                        ty: a.ty(),
                        origin: if a.has(Slot::Specification) {
                            a.off(Slot::Specification)
                        } else {
                            a.off(Slot::Origin)
                        },
                        order: 0,
                        declaration: a.get(Slot::Declaration).is_some_and(|v| v != 0),
                        external: a.get(Slot::External).is_some_and(|v| v != 0),
                        artificial: a.get(Slot::Artificial).is_some_and(|v| v != 0),
                        at_unit: top.kind == FrameKind::Unit,
                    });
                    frame = Frame {
                        kind: FrameKind::Var,
                        idx,
                        items: 0,
                        legacy: 0,
                    };
                }
                Class::LlvmAnnotation => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    self.llvm_annotation(&cx, top, local_off, &a);
                }
                Class::GnuAnnotation => {
                    cx.attrs(abbrevs, ab, &mut cur, relocate, &mut a, &mut self.met)?;
                    let kind = sections.string(a.str(Slot::Name)).unwrap_or_default();
                    self.annotations.push(GnuAnnotation {
                        off: local_off,
                        type_tag: kind == b"btf_type_tag",
                        value: a.str(Slot::ConstValue),
                        next: a.off(Slot::Annotation),
                    });
                }
                Class::Namespace => {
                    cx.skip(abbrevs, ab, &mut cur)?;
                    frame.kind = FrameKind::Namespace;
                }
                Class::Imported if !merged => return Err(ErrorKind::NeedsMerge),
                _ => cx.skip(abbrevs, ab, &mut cur)?,
            }
            if ab.has_children {
                self.frames.push(frame);
            }
        }
    }

    #[inline(always)]
    fn note_tagged(&mut self, tag: TypeTag, idx: usize) {
        if matches!(tag, TypeTag::Struct | TypeTag::Union | TypeTag::Enum) {
            self.tagged.push(idx as u32);
        }
    }

    /// Reads a type of the usual form, whose DIE starts at `start` and behind whose code the cursor stands, and those
    /// that follow as long as they are of usual forms too, with their children. False, and the cursor stays, if not even
    /// the first can be read in one go.
    // A loop of its own: nearly all DIEs of a unit come this way, and what the others need would take up its registers.
    #[inline(never)]
    fn plain_types<const BE: bool, R: Relocate>(
        &mut self,
        abbrevs: &Abbrevs,
        start: usize,
        first: &Plain,
        run: &mut Run<'_, '_, BE, R>,
    ) -> Result<bool, ErrorKind> {
        let (mut start, mut plain) = (start, first);
        let mut any = false;
        loop {
            let behind_code = run.cur.pos;
            let read = run.plain(start, plain, &mut self.met.short)?;
            let Some(d) = read else {
                run.cur.pos = if any { start } else { behind_code };
                return Ok(any);
            };
            any = true;
            let off = (start as u64).wrapping_sub(run.cx.base) as u32;
            let idx = self.types.len();
            self.places.add(off, idx);
            self.note_tagged(plain.tag, idx);
            self.types.push(TypeDie {
                name: d.name,
                size: d.number,
                off,
                order: self.ended,
                ty: d.ty,
                first: 0,
                n: 0,
                origin: TypeRef::NONE,
                tag: plain.tag,
                encoding: 0,
                declaration: plain.declaration,
                flag: plain.numbered,
            });
            if !plain.has_children {
                self.ended += 1;
            } else if let Some(frame) = self.plain_children(abbrevs, plain.tag, idx, run)? {
                self.frames.push(frame);
            }
            start = run.cur.pos;
            let Some(&code) = run.cur.data.get(start) else {
                return Ok(true);
            };
            plain = abbrevs.plain(code);
            if plain.sort != Sort::Type {
                return Ok(true);
            }
            run.cur.pos = start + 1;
        }
    }

    /// Reads the children of a type as long as they are those that types of its kind usually have, which go where they
    /// belong without a detour. A frame for the others is what remains, if there are any.
    #[inline(always)]
    fn plain_children<'d, const BE: bool, R: Relocate>(
        &mut self,
        abbrevs: &Abbrevs,
        tag: TypeTag,
        idx: usize,
        run: &mut Run<'_, 'd, BE, R>,
    ) -> Result<Option<Frame>, ErrorKind> {
        let short = &mut self.met.short;
        let Items {
            first,
            n,
            ended,
            waiting,
        } = match tag {
            TypeTag::Struct | TypeTag::Union => {
                let lists = (&mut self.members, &mut self.open_members);
                items(Sort::Member, lists, PlainDie::member, abbrevs, run, short)?
            }
            TypeTag::Enum => {
                let lists = (&mut self.enumerators, &mut self.open_enumerators);
                let item = |die: &PlainDie, _: &Plain| Enumerator {
                    name: die.name,
                    value: die.number,
                };
                items(Sort::Enumerator, lists, item, abbrevs, run, short)?
            }
            TypeTag::Array => Items {
                first: 0,
                n: 0,
                ended: dimension(&mut self.types[idx], abbrevs, run, short)?,
                waiting: self.open_params.len(),
            },
            _ => {
                let lists = (&mut self.params, &mut self.open_params);
                let item = |die: &PlainDie, _: &Plain| ProtoParam {
                    name: die.name,
                    ty: die.ty,
                };
                items(Sort::Param, lists, item, abbrevs, run, short)?
            }
        };
        if ended {
            let t = &mut self.types[idx];
            t.first = first as u32;
            t.n = n as u32;
            t.order = self.ended;
            self.ended += 1;
            return Ok(None);
        }
        Ok(Some(Frame {
            kind: FrameKind::Type,
            idx: idx as u32,
            items: waiting as u32,
            legacy: self.open_legacy.len() as u32,
        }))
    }

    fn open_type(&mut self, tag: TypeTag, off: u32, a: &Attrs) -> Frame {
        let idx = self.types.len() as u32;
        self.places.add(off, idx as usize);
        self.note_tagged(tag, idx as usize);
        let mut origin = TypeRef::NONE;
        if a.has(Slot::Specification) {
            origin = TypeRef::off(a.off(Slot::Specification));
        } else if a.has(Slot::Signature) {
            origin = TypeRef::off(a.off(Slot::Signature));
        }
        self.types.push(TypeDie {
            name: a.str(Slot::Name),
            size: if tag == TypeTag::Array {
                1
            } else {
                a.get(Slot::ByteSize).unwrap_or(0)
            },
            off,
            order: 0,
            ty: a.ty(),
            first: 0,
            n: 0,
            origin,
            tag,
            encoding: a.get(Slot::Encoding).unwrap_or(0) as u8,
            // What stands for a type in a unit of its own says nothing itself.
            declaration: a.has(Slot::Signature) || a.get(Slot::Declaration).is_some_and(|v| v != 0),
            flag: tag != TypeTag::Array && tag != TypeTag::Subroutine && a.has(Slot::ByteSize),
        });
        if a.has(Slot::Annotation) {
            let user = match tag {
                TypeTag::Pointer => Some(GnuUser::Pointer(idx)),
                TypeTag::Struct | TypeTag::Union | TypeTag::Typedef => {
                    Some(GnuUser::Decl(TagTarget::Type(idx), -1))
                }
                _ => None,
            };
            if let Some(user) = user {
                self.gnu_users.push((user, a.off(Slot::Annotation)));
            }
        }
        let items = match tag {
            TypeTag::Struct | TypeTag::Union => self.open_members.len(),
            TypeTag::Enum => self.open_enumerators.len(),
            _ => self.open_params.len(),
        };
        Frame {
            kind: FrameKind::Type,
            idx,
            items: items as u32,
            legacy: self.open_legacy.len() as u32,
        }
    }

    fn open_func(&mut self, cx: &Context<'_>, off: u32, a: &Attrs) -> Frame {
        let idx = self.funcs.len() as u32;
        let pc = a.get(Slot::LowPc).or_else(|| a.get(Slot::EntryPc));
        self.funcs.push(Func {
            name: a.str(Slot::Name),
            entry: pc.map(|value| Target {
                section: a.pc_section,
                value,
            }),
            ranges: a.get(Slot::Ranges),
            unit_base: cx.unit_base,
            addr_base: cx.addr_base,
            off,
            ty: a.ty(),
            origin: a.off(Slot::Origin),
            specification: a.off(Slot::Specification),
            first: 0,
            n: 0,
            header: cx.header,
            calling_convention: a.get(Slot::CallingConvention).unwrap_or(0) as u8,
            declaration: a.get(Slot::Declaration).is_some_and(|v| v != 0),
            inline: a.has(Slot::Inline),
            varargs: false,
            clang: cx.clang,
            asm: cx.asm,
        });
        if a.has(Slot::Annotation) {
            self.gnu_users.push((
                GnuUser::Decl(TagTarget::Func(idx), -1),
                a.off(Slot::Annotation),
            ));
        }
        Frame {
            kind: FrameKind::Func,
            idx,
            items: self.open_func_params.len() as u32,
            legacy: 0,
        }
    }

    /// Ends a DIE: its items move from the stacks to their arrays.
    #[inline]
    fn close(&mut self, f: Frame) {
        match f.kind {
            FrameKind::Type => {
                let items = f.items as usize;
                let t = &mut self.types[f.idx as usize];
                // The order is filled in by `finish`; until then it holds the position in `ended`.
                let (first, n) = match t.tag {
                    TypeTag::Struct | TypeTag::Union => {
                        let first = self.members.len();
                        for l in self.open_legacy.drain(f.legacy as usize..) {
                            self.legacy.push(LegacyBits {
                                member: l.member - f.items + first as u32,
                                ..l
                            });
                        }
                        self.members.extend(self.open_members.drain(items..));
                        (first, self.members.len() - first)
                    }
                    TypeTag::Enum => {
                        let first = self.enumerators.len();
                        self.enumerators
                            .extend(self.open_enumerators.drain(items..));
                        (first, self.enumerators.len() - first)
                    }
                    TypeTag::Subroutine => {
                        let first = self.params.len();
                        self.params.extend(self.open_params.drain(items..));
                        (first, self.params.len() - first)
                    }
                    _ => {
                        self.open_params.truncate(items);
                        (0, 0)
                    }
                };
                t.first = first as u32;
                t.n = n as u32;
                t.order = self.ended;
                self.ended += 1;
            }
            FrameKind::Func => {
                let first = self.func_params.len();
                self.func_params
                    .extend(self.open_func_params.drain(f.items as usize..));
                let func = &mut self.funcs[f.idx as usize];
                func.first = first as u32;
                func.n = (self.func_params.len() - first) as u32;
            }
            _ => {}
        }
    }

    fn member(&mut self, a: &Attrs, ab: &Abbrev, big_endian: bool) {
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
        let inheritance = ab.tag == c::DW_TAG_inheritance.0;
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
    }

    fn llvm_annotation(&mut self, cx: &Context<'_>, top: Frame, off: u32, a: &Attrs) {
        let kind = cx.sections.string(a.str(Slot::Name)).unwrap_or_default();
        let value = a.str(Slot::ConstValue);
        if kind == b"btf_type_tag" {
            let pointer =
                top.kind == FrameKind::Type && self.types[top.idx as usize].tag == TypeTag::Pointer;
            if !pointer {
                return;
            }
            let tag = tag_die(value, off, self.ended, TypeRef::NONE);
            self.ended += 1;
            self.llvm_tags.push((top.idx, tag));
        } else if kind == b"btf_decl_tag" {
            let (target, component) = match top.kind {
                FrameKind::Type => match self.types[top.idx as usize].tag {
                    TypeTag::Struct | TypeTag::Union | TypeTag::Typedef => {
                        (TagTarget::Type(top.idx), -1)
                    }
                    _ => return,
                },
                FrameKind::Member => (TagTarget::Type(top.idx), top.items as i32),
                FrameKind::Func => (TagTarget::Func(top.idx), -1),
                FrameKind::Param => (TagTarget::Func(top.idx), top.items as i32),
                FrameKind::Var => (TagTarget::Var(top.idx), -1),
                FrameKind::Unit | FrameKind::Namespace | FrameKind::Body => return,
            };
            self.decl_tags.push(DeclTag {
                value,
                target,
                component,
            });
        }
    }

    /// What can only be settled once all DIEs are known.
    fn finish(&mut self) {
        self.insert_llvm_tags();
        self.resolve_gnu_annotations();
        let legacy = std::mem::take(&mut self.legacy);
        for l in &legacy {
            let m = self.members[l.member as usize];
            let storage = self.storage_size(m.ty);
            self.members[l.member as usize].bit_off = storage
                .and_then(|s| legacy_bits(l.location, s, l.bit_offset, u64::from(m.width)))
                .unwrap_or(u64::MAX);
        }
        self.legacy = legacy;
        self.ended = 0;
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

    /// Puts clang's type tags behind their pointers, by index: only a pointer leads to a tag, and an annotation is
    /// nothing that another DIE may refer to.
    fn insert_llvm_tags(&mut self) {
        for (pointer, mut tag) in self.llvm_tags.drain(..) {
            // Children come in source order and the last one stands next to the pointer: each new tag goes
            // between the pointer and what it led to.
            let behind = TypeRef::index(self.types.len());
            tag.ty = std::mem::replace(&mut self.types[pointer as usize].ty, behind);
            self.types.push(tag);
        }
    }

    fn resolve_gnu_annotations(&mut self) {
        if self.gnu_users.is_empty() {
            return;
        }
        let find = |list: &[GnuAnnotation], off: u32| {
            list.binary_search_by_key(&off, |g| g.off)
                .ok()
                .map(|i| list[i])
        };
        let annotations = std::mem::take(&mut self.annotations);
        let users = std::mem::take(&mut self.gnu_users);
        for &(user, first) in &users {
            // Steps are bounded: a chain longer than all annotations is a cycle.
            let mut chain = Vec::new();
            let mut next = first;
            while next != NO_OFF && chain.len() <= annotations.len() {
                let Some(g) = find(&annotations, next) else {
                    break;
                };
                chain.push(g);
                next = g.next;
            }
            match user {
                GnuUser::Decl(target, component) => {
                    for g in chain.iter().filter(|g| !g.type_tag) {
                        self.decl_tags.push(DeclTag {
                            value: g.value,
                            target,
                            component,
                        });
                    }
                }
                GnuUser::Pointer(p) => {
                    let p = p as usize;
                    if self.types[p].ty.0 != TypeRef::NONE.0
                        && self
                            .type_at(self.types[p].ty)
                            .is_some_and(|t| self.types[t].tag == TypeTag::TypeTag)
                    {
                        continue;
                    }
                    let tags = chain.iter().take_while(|g| g.type_tag).count();
                    // The chain is in BTF order already: its first stands next to the pointer.
                    for g in chain[..tags].iter().rev() {
                        let target = self.types[p].ty;
                        let order = self.types[p].order;
                        self.types[p].ty = TypeRef::index(self.types.len());
                        self.types
                            .push(tag_die(g.value, self.types[p].off, order, target));
                    }
                }
            }
        }
        self.annotations = annotations;
        self.gnu_users = users;
    }
}

/// What reading one DIE after the other goes on with.
struct Run<'r, 'd, const BE: bool, R> {
    cx: &'r Context<'d>,
    cur: &'r mut Cursor<'d, BE>,
    relocate: &'r mut R,
    /// Section offset of the DIE at hand, for errors.
    die: &'r mut u64,
}

/// What stands next among the children of a type.
enum Child<'a> {
    /// A DIE of the usual form and of the class that was asked for.
    Plain(&'a Plain, PlainDie),
    /// The end, which is passed.
    End,
    /// Anything else, which is not.
    Other,
}

impl<const BE: bool, R: Relocate> Run<'_, '_, BE, R> {
    /// As [`Context::plain`], for the DIE at `start`, behind whose code the cursor stands.
    #[inline(always)]
    fn plain(
        &mut self,
        start: usize,
        plain: &Plain,
        short: &mut ShortStrings,
    ) -> Result<Option<PlainDie>, ErrorKind> {
        let read = self.cx.plain(plain, self.cur, self.relocate, short);
        if read.is_err() {
            *self.die = start as u64;
        }
        read
    }

    #[inline(always)]
    fn child<'a>(
        &mut self,
        sort: Sort,
        abbrevs: &'a Abbrevs,
        short: &mut ShortStrings,
    ) -> Result<Child<'a>, ErrorKind> {
        let at = self.cur.pos;
        let Some(&code) = self.cur.data.get(at) else {
            return Ok(Child::Other);
        };
        if code == 0 {
            self.cur.pos += 1;
            return Ok(Child::End);
        }
        let plain = abbrevs.plain(code);
        if plain.sort != sort {
            return Ok(Child::Other);
        }
        self.cur.pos += 1;
        match self.plain(at, plain, short)? {
            Some(die) => Ok(Child::Plain(plain, die)),
            None => {
                self.cur.pos = at;
                Ok(Child::Other)
            }
        }
    }
}

/// Items of a type that were read one after the other.
struct Items {
    first: usize,
    n: usize,
    /// They are all that the type has.
    ended: bool,
    /// How many of other types were on the stack before.
    waiting: usize,
}

/// Reads the items of a class that come next. They go to the first of the lists, or, if something else comes before the
/// end, to the second: that may have items of the same kind that end before.
// A function of its own for each class, so that what the loop needs stays in registers.
#[inline(never)]
fn items<T, const BE: bool, R: Relocate>(
    sort: Sort,
    (done, open): (&mut Vec<T>, &mut Vec<T>),
    item: impl Fn(&PlainDie, &Plain) -> T,
    abbrevs: &Abbrevs,
    run: &mut Run<'_, '_, BE, R>,
    short: &mut ShortStrings,
) -> Result<Items, ErrorKind> {
    let (first, waiting) = (done.len(), open.len());
    let ended = loop {
        match run.child(sort, abbrevs, short)? {
            Child::Plain(plain, die) => done.push(item(&die, plain)),
            Child::End => break true,
            Child::Other => break false,
        }
    };
    let n = done.len() - first;
    if !ended {
        open.extend(done.drain(first..));
    }
    Ok(Items {
        first,
        n,
        ended,
        waiting,
    })
}

/// Reads the only dimension of an array; false if it is not the only one, or of another form.
#[inline(never)]
fn dimension<const BE: bool, R: Relocate>(
    array: &mut TypeDie,
    abbrevs: &Abbrevs,
    run: &mut Run<'_, '_, BE, R>,
    short: &mut ShortStrings,
) -> Result<bool, ErrorKind> {
    match run.child(Sort::Subrange, abbrevs, short)? {
        Child::Plain(plain, die) => {
            let number = plain.numbered.then_some(die.number);
            let (bound, count) = if plain.count {
                (None, number)
            } else {
                (number, None)
            };
            array.size = u64::from(elements(bound, count));
            array.flag = true;
        }
        Child::End => return Ok(true),
        Child::Other => return Ok(false),
    }
    let ended = run.cur.data.get(run.cur.pos) == Some(&0);
    run.cur.pos += usize::from(ended);
    Ok(ended)
}

/// Elements of an array's dimension, by its bound or count.
fn elements(upper_bound: Option<u64>, count: Option<u64>) -> u32 {
    match (upper_bound, count) {
        (Some(upper), _) => upper.wrapping_add(1) as u32,
        (None, Some(count)) => count as u32,
        (None, None) => 0,
    }
}

/// Marks a `DW_TAG_inheritance` among members.
pub(crate) const INHERITANCE: u64 = u64::MAX - 1;

impl Member {
    /// Whether this is a base class rather than a member.
    pub fn is_inheritance(&self) -> bool {
        self.bit_off == INHERITANCE
    }
}

fn tag_die(value: Str, off: u32, order: u32, ty: TypeRef) -> TypeDie {
    TypeDie {
        name: value,
        size: 0,
        off,
        order,
        ty,
        first: 0,
        n: 0,
        origin: TypeRef::NONE,
        tag: TypeTag::TypeTag,
        encoding: 0,
        declaration: false,
        flag: false,
    }
}

/// Bit offset of a bitfield in the DWARF 2 to 4 form, little endian (DWARF 4 §5.5.6).
fn legacy_bits(location: u64, storage_bytes: u64, bit_offset: i64, bit_size: u64) -> Option<u64> {
    let end = storage_bytes.checked_mul(8)?.checked_add(location)?;
    end.checked_sub(bit_size)?
        .checked_sub_unsigned_signed(bit_offset)
}

trait CheckedSubSigned: Sized {
    fn checked_sub_unsigned_signed(self, n: i64) -> Option<Self>;
}

impl CheckedSubSigned for u64 {
    fn checked_sub_unsigned_signed(self, n: i64) -> Option<Self> {
        self.checked_add_signed(n.checked_neg()?)
    }
}

/// Where the last NUL of a string section ends.
fn strings_end(section: &[u8]) -> u64 {
    memchr::memrchr(0, section).map_or(0, |last| last as u64 + 1)
}

impl<'d> Context<'d> {
    /// The parameters of a unit read alone, as far as its header tells them, and its DIEs.
    fn of<const BE: bool>(sections: &Sections<'d>, h: &UnitHeader) -> (Self, Cursor<'d, BE>) {
        let (data, name) = if h.in_types {
            (sections.types, ".debug_types")
        } else {
            (sections.info, ".debug_info")
        };
        let cur = Cursor::<BE>::new(&data[..h.end as usize], h.root as usize, name);
        let v5 = h.encoding.version >= 5;
        let header_len = |n32: u64, n64: u64| match (v5, h.encoding.dwarf64) {
            (false, _) => 0,
            (true, false) => n32,
            (true, true) => n64,
        };
        let cx = Self {
            sections: *sections,
            encoding: h.encoding,
            unit_off: h.off,
            unit_len: h.end - h.off,
            base: h.off,
            in_types: h.in_types,
            merged: false,
            str_offsets_base: header_len(8, 16),
            addr_base: header_len(8, 16),
            loclists_base: header_len(12, 20),
            rnglists_base: header_len(12, 20),
            bases_known: false,
            str_end: strings_end(sections.str),
            line_str_end: strings_end(sections.line_str),
            unit_base: Target::default(),
            clang: false,
            asm: false,
            header: 0,
        };
        (cx, cur)
    }

    #[inline(always)]
    fn skip<const BE: bool>(
        &self,
        abbrevs: &Abbrevs,
        ab: &Abbrev,
        cur: &mut Cursor<'d, BE>,
    ) -> Result<(), ErrorKind> {
        if ab.fixed_len != u32::MAX {
            return cur.skip(u64::from(ab.fixed_len));
        }
        for op in &abbrevs.ops[ab.ops.start as usize..ab.ops.end as usize] {
            self.skip_op(*op, cur)?;
        }
        Ok(())
    }

    #[inline(always)]
    fn skip_op<const BE: bool>(&self, op: Op, cur: &mut Cursor<'d, BE>) -> Result<(), ErrorKind> {
        match op.action {
            Action::Skip => cur.skip(u64::from(op.n)),
            Action::SkipLeb | Action::ULeb | Action::Loclistx | Action::Rnglistx | Action::SLeb => {
                while cur.u8()? >= 0x80 {}
                Ok(())
            }
            Action::SkipBlockLeb | Action::BlockLeb => {
                let n = cur.uleb()?;
                cur.skip(n)
            }
            _ => self.skip_rare(op, cur),
        }
    }

    #[inline(never)]
    fn skip_rare<const BE: bool>(&self, op: Op, cur: &mut Cursor<'d, BE>) -> Result<(), ErrorKind> {
        match op.action {
            Action::SkipStr | Action::Str => cur.skip_cstr(),
            Action::SkipBlock1 | Action::Block1 => {
                let n = cur.u8()?;
                cur.skip(u64::from(n))
            }
            Action::SkipBlock2 | Action::Block2 => {
                let n = cur.u16()?;
                cur.skip(u64::from(n))
            }
            Action::SkipBlock4 | Action::Block4 => {
                let n = cur.u32()?;
                cur.skip(u64::from(n))
            }
            Action::SkipIndirect | Action::Indirect => {
                let form = cur.uleb()?;
                if form == u64::from(c::DW_FORM_indirect.0) {
                    return Err(ErrorKind::UnknownForm(form));
                }
                match crate::abbrev::fixed_size(form, self.encoding) {
                    Some(n) => cur.skip(u64::from(n)),
                    None => {
                        let (action, n) = action(form, self.encoding)?;
                        self.skip_op(
                            Op {
                                action,
                                slot: Slot::None,
                                n,
                            },
                            cur,
                        )
                    }
                }
            }
            Action::Data1 | Action::Flag => cur.skip(1),
            Action::Data2 => cur.skip(2),
            Action::Data4 => cur.skip(4),
            Action::Data8 | Action::RefSig8 => cur.skip(8),
            Action::Data16 => cur.skip(16),
            Action::Implicit | Action::Present => Ok(()),
            Action::Strp | Action::LineStrp | Action::SecOffset => {
                cur.skip(if self.encoding.dwarf64 { 8 } else { 4 })
            }
            Action::Strx | Action::Ref | Action::BoundRef | Action::Addrx if op.n == 0 => {
                while cur.u8()? >= 0x80 {}
                Ok(())
            }
            _ => cur.skip(u64::from(op.n)),
        }
    }

    /// Reads a DIE's wanted attributes and gets past the others.
    #[inline(always)]
    fn attrs<const BE: bool, R: Relocate>(
        &self,
        abbrevs: &Abbrevs,
        ab: &Abbrev,
        cur: &mut Cursor<'d, BE>,
        relocate: &mut R,
        a: &mut Attrs,
        met: &mut Met,
    ) -> Result<(), ErrorKind> {
        a.mask = 0;
        a.addr = None;
        for op in &abbrevs.ops[ab.ops.start as usize..ab.ops.end as usize] {
            let op = *op;
            let slot = op.slot as usize;
            let value = match op.action {
                Action::Skip => {
                    cur.skip(u64::from(op.n))?;
                    continue;
                }
                Action::Strp => {
                    let at = cur.pos as u64;
                    let raw = cur.offset(self.encoding.dwarf64)?;
                    let off = relocate
                        .next(self.in_types, at, self.encoding.offset_bytes(), raw)
                        .map_err(ErrorKind::Relocation)?
                        .value;
                    self.debug_str(off)?
                }
                Action::Ref if op.n == 4 => {
                    let off = u64::from(cur.u32()?);
                    self.local_ref(off)?
                }
                Action::Data1 => u64::from(cur.u8()?),
                Action::Data2 => u64::from(cur.u16()?),
                Action::Implicit => abbrevs.consts[op.n as usize] as u64,
                Action::Present => 1,
                _ if op.slot == Slot::None => {
                    self.skip_op(op, cur)?;
                    continue;
                }
                _ => match self.rare(op, cur, relocate, a, abbrevs, met)? {
                    Some(v) => v,
                    None => continue,
                },
            };
            // `slot` is below N_SLOTS here: Slot::None never gets a value.
            if let Some(v) = a.vals.get_mut(slot) {
                *v = value;
                a.mask |= 1 << slot;
            }
        }
        Ok(())
    }

    /// The string at this offset of the section, which is in the unit.
    #[inline]
    fn short_name(&self, at: usize, short: &mut ShortStrings) -> Str {
        if self.in_types {
            short.place(StrSection::Types, self.sections.types, at)
        } else {
            short.place(StrSection::Info, self.sections.info, at)
        }
    }

    /// Reads a DIE of the usual form. `None`, and the cursor stays, at the end of a unit, where not all that is read in
    /// one go is the unit's.
    #[inline(always)]
    fn plain<const BE: bool, R: Relocate>(
        &self,
        plain: &Plain,
        cur: &mut Cursor<'d, BE>,
        relocate: &mut R,
        short: &mut ShortStrings,
    ) -> Result<Option<PlainDie>, ErrorKind> {
        let mut name = Str::NONE;
        let mut start = cur.pos;
        if plain.name == PlainName::String {
            name = self.short_name(start, short);
            let mut at = *cur;
            at.skip_cstr()?;
            start = at.pos;
        }
        let Some(window) = cur.data.get(start..).and_then(|d| d.first_chunk()) else {
            return Ok(None);
        };
        if let PlainName::Offset(place) = plain.name {
            let raw = u64::from(u32_at::<BE>(window, place));
            let off = (start + usize::from(place)) as u64;
            let value = match relocate.next_usual(self.in_types, off, 4, raw) {
                Some(value) => value,
                None => {
                    relocate
                        .next(self.in_types, off, 4, raw)
                        .map_err(ErrorKind::Relocation)?
                        .value
                }
            };
            name = Str(self.debug_str(value)?);
        }
        // The unit's own offset is one that may be referred to: no type leads there.
        let target = u32_at::<BE>(window, plain.ty) & plain.ty_mask;
        let ty = TypeRef(self.local_ref(u64::from(target))? as u32 | !plain.ty_mask);
        let [width] = bytes_at(window, plain.width);
        cur.pos = start + usize::from(plain.len);
        Ok(Some(PlainDie {
            width: u32::from(width & plain.width_mask),
            name,
            ty,
            number: plain.implicit | number_at::<BE>(window, plain.number, plain.mask),
        }))
    }

    /// A reference within the unit, as an offset from the start of the group.
    #[inline(always)]
    fn local_ref(&self, off: u64) -> Result<u64, ErrorKind> {
        if off >= self.unit_len {
            return Err(ErrorKind::BadReference(self.unit_off.saturating_add(off)));
        }
        Ok(self.unit_off.wrapping_add(off).wrapping_sub(self.base))
    }

    /// A string of `.debug_str`.
    #[inline(always)]
    fn debug_str(&self, off: u64) -> Result<u64, ErrorKind> {
        if off >= self.str_end {
            return Err(ErrorKind::BadString {
                section: ".debug_str",
                offset: off,
            });
        }
        // Below the length of a section in memory.
        Ok((StrSection::Str as u64) << Str::SHIFT | off)
    }

    /// What to make of an index past the end of its table: nothing, as long as it is not known where the table begins.
    fn bad_index(
        &self,
        section: &'static str,
        index: u64,
    ) -> std::result::Result<Option<u64>, ErrorKind> {
        if self.bases_known {
            Err(ErrorKind::BadIndex { section, index })
        } else {
            Ok(None)
        }
    }

    #[inline(never)]
    fn rare<const BE: bool, R: Relocate>(
        &self,
        op: Op,
        cur: &mut Cursor<'d, BE>,
        relocate: &mut R,
        a: &mut Attrs,
        abbrevs: &Abbrevs,
        met: &mut Met,
    ) -> Result<Option<u64>, ErrorKind> {
        let dwarf64 = self.encoding.dwarf64;
        let at = cur.pos as u64;
        Ok(Some(match op.action {
            Action::Data4 | Action::SecOffset | Action::Data8 => {
                let raw = match op.action {
                    Action::Data4 => u64::from(cur.u32()?),
                    Action::Data8 => cur.u64()?,
                    _ => cur.offset(dwarf64)?,
                };
                // Before DWARF 4 section offsets came in the data forms.
                let old_offset = self.encoding.version < 4
                    && matches!(
                        op.slot,
                        Slot::Location | Slot::Ranges | Slot::MemberLocation
                    );
                let bases = matches!(
                    op.slot,
                    Slot::StrOffsetsBase | Slot::AddrBase | Slot::LoclistsBase | Slot::RnglistsBase
                );
                if op.action == Action::SecOffset || old_offset || bases {
                    let size = match op.action {
                        Action::Data4 => 4,
                        Action::Data8 => 8,
                        _ => self.encoding.offset_bytes(),
                    };
                    let off = relocate
                        .next(self.in_types, at, size, raw)
                        .map_err(ErrorKind::Relocation)?
                        .value;
                    match op.slot {
                        Slot::Location => LOC_LIST | off,
                        Slot::MemberLocation if self.encoding.version < 4 => raw,
                        _ => off,
                    }
                } else {
                    raw
                }
            }
            Action::Data16 => {
                // Wider than anything BTF holds; the low half is what a size or value would be.
                let bytes: [u8; 16] = cur.bytes()?;
                let n = if BE {
                    u128::from_be_bytes(bytes)
                } else {
                    u128::from_le_bytes(bytes)
                };
                n as u64
            }
            Action::ULeb => cur.uleb()?,
            Action::SLeb => cur.sleb()? as u64,
            Action::Implicit => abbrevs.consts[op.n as usize] as u64,
            Action::Flag => u64::from(cur.u8()?),
            Action::Present => 1,
            Action::Str => {
                cur.skip_cstr()?;
                self.short_name(at as usize, &mut met.short).0
            }
            Action::LineStrp => {
                let raw = cur.offset(dwarf64)?;
                let off = relocate
                    .next(self.in_types, at, self.encoding.offset_bytes(), raw)
                    .map_err(ErrorKind::Relocation)?
                    .value;
                if off >= self.line_str_end {
                    return Err(ErrorKind::BadString {
                        section: ".debug_line_str",
                        offset: off,
                    });
                }
                Str::new(StrSection::LineStr, off).0
            }
            Action::Strx => {
                let index = self.index(op.n, cur)?;
                let size = if dwarf64 { 8 } else { 4 };
                let Some(off) = self.table_entry::<BE>(
                    self.sections.str_offsets,
                    self.str_offsets_base,
                    index,
                    size,
                ) else {
                    return self.bad_index(".debug_str_offsets", index);
                };
                let mut table = Cursor::<BE>::new(self.sections.str_offsets, off as usize, "");
                let raw = table.offset(dwarf64)?;
                let target = relocate
                    .at(Section::StrOffsets, off, size as u8, raw)
                    .map_err(ErrorKind::Relocation)?;
                match self.debug_str(target.value) {
                    Err(_) if !self.bases_known => return Ok(None),
                    string => string?,
                }
            }
            Action::BoundRef => {
                self.skip_rare(op, cur)?;
                self.local_bound(op.slot, 0)
            }
            Action::Ref => {
                let off = match op.n {
                    0 => cur.uleb()?,
                    1 => u64::from(cur.u8()?),
                    2 => u64::from(cur.u16()?),
                    4 => u64::from(cur.u32()?),
                    _ => cur.u64()?,
                };
                self.local_ref(off)?
            }
            Action::RefAddr => {
                let raw = match op.n {
                    8 => cur.u64()?,
                    2 => u64::from(cur.u16()?),
                    _ => u64::from(cur.u32()?),
                };
                let off = relocate
                    .next(self.in_types, at, op.n as u8, raw)
                    .map_err(ErrorKind::Relocation)?
                    .value;
                if off >= self.sections.info.len() as u64 {
                    return Err(ErrorKind::BadReference(off));
                }
                let own = self.unit_off..self.unit_off + self.unit_len;
                if !self.merged && (self.in_types || !own.contains(&off)) {
                    let Some(outside) = &mut met.outside else {
                        return Err(ErrorKind::NeedsMerge);
                    };
                    *outside = off.min(*outside.start())..=off.max(*outside.end());
                    return Ok(None);
                }
                // Units of .debug_types are shifted behind .debug_info; a ref_addr means the latter.
                let shift = if self.in_types {
                    self.sections.info.len() as u64
                } else {
                    0
                };
                let local = off.wrapping_sub(self.base.wrapping_add(shift));
                self.local_bound(op.slot, local)
            }
            Action::RefSig8 => {
                let signature = cur.u64()?;
                if !self.merged {
                    return Err(ErrorKind::NeedsMerge);
                }
                match met.signatures.binary_search_by_key(&signature, |s| s.0) {
                    Ok(i) => u64::from(met.signatures[i].1),
                    Err(_) => return Err(ErrorKind::UnknownSignature(signature)),
                }
            }
            Action::Addr => {
                let raw = cur.address(self.encoding.address_size)?;
                let t = relocate
                    .next(self.in_types, at, self.encoding.address_size, raw)
                    .map_err(ErrorKind::Relocation)?;
                a.pc_section = t.section;
                t.value
            }
            Action::Addrx => {
                let index = self.index(op.n, cur)?;
                match self.addrx::<BE, R>(index, relocate)? {
                    Some(t) => {
                        a.pc_section = t.section;
                        t.value
                    }
                    None => return Ok(None),
                }
            }
            Action::Loclistx | Action::Rnglistx => {
                let index = cur.uleb()?;
                let (section, base, name) = if op.action == Action::Loclistx {
                    (
                        self.sections.loclists,
                        self.loclists_base,
                        ".debug_loclists",
                    )
                } else {
                    (
                        self.sections.rnglists,
                        self.rnglists_base,
                        ".debug_rnglists",
                    )
                };
                let size = if dwarf64 { 8 } else { 4 };
                let Some(off) = self.table_entry::<BE>(section, base, index, size) else {
                    return self.bad_index(name, index);
                };
                let rel = Cursor::<BE>::new(section, off as usize, "").offset(dwarf64)?;
                let list = base.wrapping_add(rel);
                if op.slot == Slot::Location {
                    LOC_LIST | (list & !LOC_LIST)
                } else {
                    list
                }
            }
            Action::Block1 | Action::Block2 | Action::Block4 | Action::BlockLeb => {
                let len = match op.action {
                    Action::Block1 => u64::from(cur.u8()?),
                    Action::Block2 => u64::from(cur.u16()?),
                    Action::Block4 => u64::from(cur.u32()?),
                    _ => cur.uleb()?,
                };
                let start = cur.pos;
                cur.skip(len)?;
                let block = &cur.data[start..cur.pos];
                return self.block::<BE, R>(op.slot, start as u64, block, relocate, a);
            }
            Action::Indirect => {
                let form = cur.uleb()?;
                let fits = form != u64::from(c::DW_FORM_indirect.0)
                    && form != u64::from(c::DW_FORM_implicit_const.0);
                if !fits {
                    return Err(ErrorKind::UnknownForm(form));
                }
                let (action, n) = action(form, self.encoding)?;
                let inner = Op {
                    action,
                    slot: op.slot,
                    n,
                };
                return match action {
                    Action::Strp => {
                        let at = cur.pos as u64;
                        let raw = cur.offset(dwarf64)?;
                        let t = relocate
                            .next(self.in_types, at, self.encoding.offset_bytes(), raw)
                            .map_err(ErrorKind::Relocation)?;
                        Ok(Some(self.debug_str(t.value)?))
                    }
                    Action::Data1 => Ok(Some(u64::from(cur.u8()?))),
                    Action::Data2 => Ok(Some(u64::from(cur.u16()?))),
                    _ => self.rare(inner, cur, relocate, a, abbrevs, met),
                };
            }
            Action::Sup => return Err(ErrorKind::Supplementary),
            Action::Data1 | Action::Data2 | Action::Strp | Action::Skip => return Ok(None),
            Action::SkipLeb
            | Action::SkipStr
            | Action::SkipBlock1
            | Action::SkipBlock2
            | Action::SkipBlock4
            | Action::SkipBlockLeb
            | Action::SkipIndirect => return Ok(None),
        }))
    }

    /// A bound of an array given by reference is known at run time only.
    fn local_bound(&self, slot: Slot, off: u64) -> u64 {
        match slot {
            Slot::UpperBound => u64::MAX,
            Slot::Count => 0,
            _ => off,
        }
    }

    fn index<const BE: bool>(&self, n: u16, cur: &mut Cursor<'d, BE>) -> Result<u64, ErrorKind> {
        Ok(match n {
            0 => cur.uleb()?,
            1 => u64::from(cur.u8()?),
            2 => u64::from(cur.u16()?),
            3 => u64::from(cur.u24()?),
            _ => u64::from(cur.u32()?),
        })
    }

    fn table_entry<const BE: bool>(
        &self,
        section: &[u8],
        base: u64,
        index: u64,
        size: u64,
    ) -> Option<u64> {
        let off = index.checked_mul(size)?.checked_add(base)?;
        let end = off.checked_add(size)?;
        if end <= section.len() as u64 {
            Some(off)
        } else {
            None
        }
    }

    fn addrx<const BE: bool, R: Relocate>(
        &self,
        index: u64,
        relocate: &R,
    ) -> Result<Option<Target>, ErrorKind> {
        let size = u64::from(self.encoding.address_size);
        let Some(off) = self.table_entry::<BE>(self.sections.addr, self.addr_base, index, size)
        else {
            self.bad_index(".debug_addr", index)?;
            return Ok(None);
        };
        let mut cur = Cursor::<BE>::new(self.sections.addr, off as usize, ".debug_addr");
        let raw = cur.address(self.encoding.address_size)?;
        Ok(Some(
            relocate
                .at(Section::Addr, off, size as u8, raw)
                .map_err(ErrorKind::Relocation)?,
        ))
    }

    /// A value given as a block of bytes: an expression, nearly always.
    fn block<const BE: bool, R: Relocate>(
        &self,
        slot: Slot,
        start: u64,
        block: &[u8],
        relocate: &mut R,
        a: &mut Attrs,
    ) -> Result<Option<u64>, ErrorKind> {
        let mut cur = Cursor::<BE>::new(block, 0, ".debug_info");
        Ok(Some(match slot {
            Slot::UpperBound => u64::MAX,
            Slot::Count => 0,
            Slot::MemberLocation | Slot::DataBitOffset => match cur.u8().map(gimli::DwOp) {
                Ok(c::DW_OP_plus_uconst | c::DW_OP_constu) => cur.uleb()?,
                _ => u64::MAX,
            },
            Slot::Location => {
                if start >= 1 << 40 || block.len() >= 1 << 22 {
                    return Ok(None);
                }
                let mut target = match cur.u8().map(gimli::DwOp) {
                    Ok(c::DW_OP_addr) => {
                        let raw = cur.address(self.encoding.address_size)?;
                        Some(
                            relocate
                                .next(self.in_types, start + 1, self.encoding.address_size, raw)
                                .map_err(ErrorKind::Relocation)?,
                        )
                    }
                    Ok(c::DW_OP_addrx | c::DW_OP_GNU_addr_index) => {
                        let index = cur.uleb()?;
                        self.addrx::<BE, R>(index, relocate)?
                    }
                    _ => None,
                };
                if let Some(t) = &mut target
                    && cur.pos < block.len()
                {
                    // Clang places variables of one section relative to each other; anything else after an
                    // address (thread-local storage, say) makes it no address.
                    let plus = cur.u8()? == c::DW_OP_plus_uconst.0;
                    let n = if plus { cur.uleb()? } else { 0 };
                    t.value = t.value.wrapping_add(n);
                    if !plus || cur.pos < block.len() {
                        target = None;
                    }
                }
                a.addr = target;
                (block.len() as u64) << 40 | start
            }
            _ => return Ok(None),
        }))
    }
}
