//! Abbreviation tables, compiled to straight-line programs.
//!
//! A declaration in `.debug_abbrev` (DWARF 5 §7.5.3) lists a DIE's attributes and forms. Reading a DIE by
//! that list looks at every attribute. We want a handful of them and only need to get past the others, so
//! each declaration becomes a short program: runs of attributes whose size is fixed and whose value nobody
//! wants are one [`Action::Skip`], and a DIE without any wanted attribute is often a single addition.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::FixedState;
use gimli::constants as c;
use hashbrown::HashTable;

use crate::TypeTag;
use crate::cursor::Cursor;
use crate::error::ErrorKind;

/// Attributes that the reader keeps; the index of their value in [`crate::die::Attrs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Slot {
    Name,
    Type,
    ByteSize,
    Encoding,
    Declaration,
    BitSize,
    BitOffset,
    DataBitOffset,
    MemberLocation,
    Count,
    UpperBound,
    ConstValue,
    Specification,
    Origin,
    Signature,
    LowPc,
    EntryPc,
    Ranges,
    Inline,
    CallingConvention,
    External,
    Location,
    Artificial,
    Annotation,
    Language,
    Producer,
    StrOffsetsBase,
    AddrBase,
    LoclistsBase,
    RnglistsBase,
    /// The unit's types are in another file.
    DwoName,
    /// Not wanted: read past.
    None,
}

pub(crate) const N_SLOTS: usize = Slot::None as usize;

/// How to read (or get past) one attribute, after the unit's parameters are folded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Pass over `n` bytes.
    Skip,
    SkipLeb,
    SkipStr,
    SkipBlock1,
    SkipBlock2,
    SkipBlock4,
    SkipBlockLeb,
    SkipIndirect,
    Data1,
    Data2,
    Data4,
    Data8,
    Data16,
    ULeb,
    SLeb,
    /// Value in `Abbrev::consts[n]`.
    Implicit,
    Flag,
    Present,
    Str,
    Strp,
    LineStrp,
    /// String index of `n` bytes (0: ULEB128).
    Strx,
    /// Reference within the unit, `n` bytes (0: ULEB128).
    Ref,
    /// Reference of `n` bytes to where an array's bound is found at run time.
    BoundRef,
    RefAddr,
    RefSig8,
    Addr,
    /// Address index of `n` bytes (0: ULEB128).
    Addrx,
    SecOffset,
    Loclistx,
    Rnglistx,
    Block1,
    Block2,
    Block4,
    BlockLeb,
    Indirect,
    /// Reference to or string in a supplementary file.
    Sup,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Op {
    pub(crate) action: Action,
    pub(crate) slot: Slot,
    pub(crate) n: u16,
}

/// What a DIE is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A type, with its tag.
    Type(crate::TypeTag),
    Member,
    Enumerator,
    Subrange,
    Param,
    UnspecifiedParams,
    Subprogram,
    Variable,
    LlvmAnnotation,
    GnuAnnotation,
    Namespace,
    Imported,
    /// A unit's root.
    Unit,
    /// Anything else; its children are looked at for types only.
    Other,
}

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
    const OTHER: Self = Self {
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
    fn of(class: Class, tag: u16, has_children: bool) -> Option<Self> {
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
    fn with(
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
    fn done(mut self) -> Self {
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

#[derive(Debug, Clone)]
pub(crate) struct Abbrev {
    pub(crate) class: Class,
    pub(crate) tag: u16,
    pub(crate) has_children: bool,
    /// Length of the DIE after its code if every form has a fixed size, else `u32::MAX`.
    pub(crate) fixed_len: u32,
    pub(crate) plain: Option<Plain>,
    pub(crate) ops: Range<u32>,
}

/// One abbreviation table, for units of one address size, offset size and version.
#[derive(Debug, Default)]
pub(crate) struct Abbrevs {
    /// By code, as long as codes are dense (all compilers count from 1).
    dense: Vec<Option<Abbrev>>,
    sparse: Vec<(u64, Abbrev)>,
    /// By code, of those of one byte.
    plain: Vec<Plain>,
    /// Of the declarations that `known` has.
    pub(crate) ops: Vec<Op>,
    pub(crate) consts: Vec<i64>,
    known: Known,
}

/// Declarations met so far. Each unit has a table of its own, with codes by its own count, but declares little that the
/// units before it did not.
#[derive(Debug, Default)]
struct Known {
    /// What the forms of the declarations were read by.
    encoding: Option<Encoding>,
    table: HashTable<(Range<usize>, Abbrev)>,
    /// The declarations' bytes, from the tag to the two zeros.
    bytes: Vec<u8>,
}

impl Known {
    /// All is forgotten between two tables once there are more operations than that; a kernel has some thousand.
    const MOST_OPS: usize = 1 << 14;

    fn find(&self, hash: u64, declaration: &[u8]) -> Option<&Abbrev> {
        let same = |(range, _): &(Range<usize>, Abbrev)| self.bytes[range.clone()] == *declaration;
        self.table.find(hash, same).map(|(_, abbrev)| abbrev)
    }

    fn add(&mut self, hash: u64, declaration: &[u8], abbrev: Abbrev) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(declaration);
        let bytes = &self.bytes;
        let entry = (start..bytes.len(), abbrev);
        self.table
            .insert_unique(hash, entry, |(range, _)| hash_of(&bytes[range.clone()]));
    }
}

fn hash_of(declaration: &[u8]) -> u64 {
    FixedState::default().hash_one(declaration)
}

/// What the size of a form depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) version: u16,
    pub(crate) address_size: u8,
    pub(crate) dwarf64: bool,
}

impl Encoding {
    pub(crate) fn offset_bytes(self) -> u8 {
        if self.dwarf64 { 8 } else { 4 }
    }

    fn offset_size(self) -> u16 {
        if self.dwarf64 { 8 } else { 4 }
    }

    fn ref_addr_size(self) -> u16 {
        // DWARF 2 gave DW_FORM_ref_addr the size of an address.
        if self.version <= 2 {
            u16::from(self.address_size)
        } else {
            self.offset_size()
        }
    }
}

const MAX_DENSE: u64 = 1 << 16;

impl Abbrevs {
    #[inline(always)]
    pub(crate) fn get(&self, code: u64) -> Option<&Abbrev> {
        match self.dense.get(code as usize) {
            Some(a) => a.as_ref(),
            None => self.sparse.iter().find(|(c, _)| *c == code).map(|(_, a)| a),
        }
    }

    /// What is read in one go of the DIE whose code is this byte, if that is all of its code; of [`Sort::Other`] else.
    #[inline(always)]
    pub(crate) fn plain(&self, code: u8) -> &Plain {
        self.plain.get(usize::from(code)).unwrap_or(&Plain::OTHER)
    }

    /// Reads the table at `off` of `.debug_abbrev`, reusing this one's memory and what it knows.
    pub(crate) fn read<const BE: bool>(
        &mut self,
        section: &[u8],
        off: u64,
        encoding: Encoding,
    ) -> Result<(), ErrorKind> {
        self.dense.clear();
        self.sparse.clear();
        self.plain.clear();
        if self.known.encoding != Some(encoding) || self.ops.len() > Known::MOST_OPS {
            self.known.encoding = Some(encoding);
            self.known.table.clear();
            self.known.bytes.clear();
            self.ops.clear();
            self.consts.clear();
        }
        let bad = || ErrorKind::BadAbbrev(off);
        let start = usize::try_from(off).map_err(|_| bad())?;
        let mut cur = Cursor::<BE>::new(section, start, ".debug_abbrev");
        loop {
            let code = cur.uleb().map_err(|_| bad())?;
            if code == 0 {
                return Ok(());
            }
            let start = cur.pos;
            skip_declaration(&mut cur).map_err(|_| bad())?;
            let declaration = &section[start..cur.pos];
            let hash = hash_of(declaration);
            let abbrev = match self.known.find(hash, declaration) {
                Some(abbrev) => abbrev.clone(),
                None => {
                    let mut cur = Cursor::<BE>::new(section, start, ".debug_abbrev");
                    let abbrev = self.read_one(&mut cur, encoding)?;
                    self.known.add(hash, declaration, abbrev.clone());
                    abbrev
                }
            };
            if code <= MAX_DENSE {
                let i = code as usize;
                if self.dense.len() <= i {
                    self.dense.resize(i + 1, None);
                }
                if code < 0x80 {
                    if self.plain.len() <= i {
                        self.plain.resize(i + 1, Plain::OTHER);
                    }
                    self.plain[i] = abbrev.plain.unwrap_or(Plain::OTHER);
                }
                self.dense[i] = Some(abbrev);
            } else {
                self.sparse.push((code, abbrev));
            }
        }
    }

    fn read_one<const BE: bool>(
        &mut self,
        cur: &mut Cursor<'_, BE>,
        encoding: Encoding,
    ) -> Result<Abbrev, ErrorKind> {
        let tag = cur.uleb()?;
        let has_children = cur.u8()? != 0;
        let tag = u16::try_from(tag).unwrap_or(u16::MAX);
        let class = class_of(c::DwTag(tag));
        let start = self.ops.len() as u32;
        let mut fixed_len = 0u32;
        let mut all_fixed = true;
        let mut plain = Plain::of(class, tag, has_children);
        // Bytes of unwanted attributes not yet covered by an op.
        let mut pending = 0u32;
        loop {
            let attr = cur.uleb()?;
            let form = cur.uleb()?;
            if attr == 0 && form == 0 {
                break;
            }
            let implicit = if form == u64::from(c::DW_FORM_implicit_const.0) {
                Some(cur.sleb()?)
            } else {
                None
            };
            let slot = slot_of(class, c::DwAt(u16::try_from(attr).unwrap_or(0)));
            let size = fixed_size(form, encoding);
            match size {
                Some(n) => fixed_len = fixed_len.saturating_add(u32::from(n)),
                None => all_fixed = false,
            }
            if slot == Slot::None
                && let Some(n) = size
            {
                plain = plain.and_then(|p| p.with(slot, Action::Skip, size, None));
                pending += u32::from(n);
                continue;
            }
            self.flush(&mut pending);
            let (action, n) = if slot == Slot::None {
                (skip_action(form)?, 0)
            } else {
                action(form, encoding)?
            };
            plain = plain.and_then(|p| p.with(slot, action, size, implicit));
            let bound = matches!(slot, Slot::Count | Slot::UpperBound);
            let action = if bound && action == Action::Ref {
                Action::BoundRef
            } else {
                action
            };
            let n = match implicit {
                Some(value) => {
                    self.consts.push(value);
                    // A table of more constants than this is no compiler's.
                    u16::try_from(self.consts.len() - 1)
                        .map_err(|_| ErrorKind::UnknownForm(form))?
                }
                None => n,
            };
            self.ops.push(Op { action, slot, n });
        }
        self.flush(&mut pending);
        Ok(Abbrev {
            class,
            tag,
            has_children,
            fixed_len: if all_fixed { fixed_len } else { u32::MAX },
            plain: plain.map(Plain::done),
            ops: start..self.ops.len() as u32,
        })
    }

    fn flush(&mut self, pending: &mut u32) {
        while *pending > 0 {
            let n = (*pending).min(u32::from(u16::MAX));
            self.ops.push(Op {
                action: Action::Skip,
                slot: Slot::None,
                n: n as u16,
            });
            *pending -= n;
        }
    }
}

/// Moves from a declaration's tag to behind the zeros that end it.
fn skip_declaration<const BE: bool>(cur: &mut Cursor<'_, BE>) -> Result<(), ErrorKind> {
    cur.uleb()?;
    cur.u8()?;
    loop {
        let attr = cur.uleb()?;
        let form = cur.uleb()?;
        if attr == 0 && form == 0 {
            return Ok(());
        }
        if form == u64::from(c::DW_FORM_implicit_const.0) {
            cur.sleb()?;
        }
    }
}

/// The size of a form's value where it does not depend on the value (DWARF 5 §7.5.6).
pub(crate) fn fixed_size(form: u64, e: Encoding) -> Option<u16> {
    Some(match c::DwForm(u16::try_from(form).ok()?) {
        c::DW_FORM_implicit_const | c::DW_FORM_flag_present => 0,
        c::DW_FORM_data1
        | c::DW_FORM_flag
        | c::DW_FORM_ref1
        | c::DW_FORM_strx1
        | c::DW_FORM_addrx1 => 1,
        c::DW_FORM_data2 | c::DW_FORM_ref2 | c::DW_FORM_strx2 | c::DW_FORM_addrx2 => 2,
        c::DW_FORM_strx3 | c::DW_FORM_addrx3 => 3,
        c::DW_FORM_data4
        | c::DW_FORM_ref4
        | c::DW_FORM_strx4
        | c::DW_FORM_addrx4
        | c::DW_FORM_ref_sup4 => 4,
        c::DW_FORM_data8 | c::DW_FORM_ref8 | c::DW_FORM_ref_sig8 | c::DW_FORM_ref_sup8 => 8,
        c::DW_FORM_data16 => 16,
        c::DW_FORM_addr => u16::from(e.address_size),
        c::DW_FORM_strp
        | c::DW_FORM_line_strp
        | c::DW_FORM_sec_offset
        | c::DW_FORM_strp_sup
        | c::DW_FORM_GNU_strp_alt
        | c::DW_FORM_GNU_ref_alt => e.offset_size(),
        c::DW_FORM_ref_addr => e.ref_addr_size(),
        _ => return None,
    })
}

fn skip_action(form: u64) -> Result<Action, ErrorKind> {
    let unknown = || ErrorKind::UnknownForm(form);
    Ok(
        match c::DwForm(u16::try_from(form).map_err(|_| unknown())?) {
            c::DW_FORM_string => Action::SkipStr,
            c::DW_FORM_udata
            | c::DW_FORM_sdata
            | c::DW_FORM_ref_udata
            | c::DW_FORM_strx
            | c::DW_FORM_addrx
            | c::DW_FORM_loclistx
            | c::DW_FORM_rnglistx
            | c::DW_FORM_GNU_addr_index
            | c::DW_FORM_GNU_str_index => Action::SkipLeb,
            c::DW_FORM_block | c::DW_FORM_exprloc => Action::SkipBlockLeb,
            c::DW_FORM_block1 => Action::SkipBlock1,
            c::DW_FORM_block2 => Action::SkipBlock2,
            c::DW_FORM_block4 => Action::SkipBlock4,
            c::DW_FORM_indirect => Action::SkipIndirect,
            _ => return Err(unknown()),
        },
    )
}

/// The action that reads `form`, and its size argument.
pub(crate) fn action(form: u64, e: Encoding) -> Result<(Action, u16), ErrorKind> {
    let unknown = || ErrorKind::UnknownForm(form);
    Ok(
        match c::DwForm(u16::try_from(form).map_err(|_| unknown())?) {
            c::DW_FORM_data1 => (Action::Data1, 0),
            c::DW_FORM_data2 => (Action::Data2, 0),
            c::DW_FORM_data4 => (Action::Data4, 0),
            c::DW_FORM_data8 => (Action::Data8, 0),
            c::DW_FORM_data16 => (Action::Data16, 0),
            c::DW_FORM_udata => (Action::ULeb, 0),
            c::DW_FORM_sdata => (Action::SLeb, 0),
            c::DW_FORM_implicit_const => (Action::Implicit, 0),
            c::DW_FORM_flag => (Action::Flag, 0),
            c::DW_FORM_flag_present => (Action::Present, 0),
            c::DW_FORM_string => (Action::Str, 0),
            c::DW_FORM_strp => (Action::Strp, 0),
            c::DW_FORM_line_strp => (Action::LineStrp, 0),
            c::DW_FORM_strx | c::DW_FORM_GNU_str_index => (Action::Strx, 0),
            c::DW_FORM_strx1 => (Action::Strx, 1),
            c::DW_FORM_strx2 => (Action::Strx, 2),
            c::DW_FORM_strx3 => (Action::Strx, 3),
            c::DW_FORM_strx4 => (Action::Strx, 4),
            c::DW_FORM_ref_udata => (Action::Ref, 0),
            c::DW_FORM_ref1 => (Action::Ref, 1),
            c::DW_FORM_ref2 => (Action::Ref, 2),
            c::DW_FORM_ref4 => (Action::Ref, 4),
            c::DW_FORM_ref8 => (Action::Ref, 8),
            c::DW_FORM_ref_addr => (Action::RefAddr, e.ref_addr_size()),
            c::DW_FORM_ref_sig8 => (Action::RefSig8, 8),
            c::DW_FORM_addr => (Action::Addr, u16::from(e.address_size)),
            c::DW_FORM_addrx | c::DW_FORM_GNU_addr_index => (Action::Addrx, 0),
            c::DW_FORM_addrx1 => (Action::Addrx, 1),
            c::DW_FORM_addrx2 => (Action::Addrx, 2),
            c::DW_FORM_addrx3 => (Action::Addrx, 3),
            c::DW_FORM_addrx4 => (Action::Addrx, 4),
            c::DW_FORM_sec_offset => (Action::SecOffset, 0),
            c::DW_FORM_loclistx => (Action::Loclistx, 0),
            c::DW_FORM_rnglistx => (Action::Rnglistx, 0),
            c::DW_FORM_block | c::DW_FORM_exprloc => (Action::BlockLeb, 0),
            c::DW_FORM_block1 => (Action::Block1, 0),
            c::DW_FORM_block2 => (Action::Block2, 0),
            c::DW_FORM_block4 => (Action::Block4, 0),
            c::DW_FORM_indirect => (Action::Indirect, 0),
            c::DW_FORM_ref_sup4 => (Action::Sup, 4),
            c::DW_FORM_ref_sup8 => (Action::Sup, 8),
            c::DW_FORM_strp_sup | c::DW_FORM_GNU_strp_alt | c::DW_FORM_GNU_ref_alt => {
                (Action::Sup, e.offset_size())
            }
            _ => return Err(unknown()),
        },
    )
}

/// `DW_TAG_GNU_annotation`, gcc 16.
const DW_TAG_GNU_ANNOTATION: u16 = 0x6001;
/// `DW_TAG_LLVM_annotation`, clang.
const DW_TAG_LLVM_ANNOTATION: u16 = 0x6000;
/// `DW_AT_GNU_annotation`, gcc 16.
const DW_AT_GNU_ANNOTATION: u16 = 0x2139;

fn class_of(tag: c::DwTag) -> Class {
    use crate::TypeTag as T;
    match tag {
        c::DW_TAG_base_type => Class::Type(T::Base),
        c::DW_TAG_pointer_type => Class::Type(T::Pointer),
        c::DW_TAG_const_type => Class::Type(T::Const),
        c::DW_TAG_volatile_type => Class::Type(T::Volatile),
        c::DW_TAG_restrict_type => Class::Type(T::Restrict),
        c::DW_TAG_atomic_type
        | c::DW_TAG_immutable_type
        | c::DW_TAG_packed_type
        | c::DW_TAG_shared_type
        | c::DW_TAG_coarray_type
        | c::DW_TAG_dynamic_type
        | c::DW_TAG_template_alias
        // What gas says that assembly functions return: void.
        | c::DW_TAG_unspecified_type => Class::Type(T::Transparent),
        c::DW_TAG_typedef => Class::Type(T::Typedef),
        c::DW_TAG_structure_type | c::DW_TAG_class_type | c::DW_TAG_interface_type => {
            Class::Type(T::Struct)
        }
        c::DW_TAG_union_type => Class::Type(T::Union),
        c::DW_TAG_enumeration_type => Class::Type(T::Enum),
        c::DW_TAG_array_type => Class::Type(T::Array),
        c::DW_TAG_subroutine_type => Class::Type(T::Subroutine),
        c::DW_TAG_reference_type | c::DW_TAG_rvalue_reference_type => Class::Type(T::Reference),
        c::DW_TAG_ptr_to_member_type
        | c::DW_TAG_string_type
        | c::DW_TAG_set_type
        | c::DW_TAG_file_type => Class::Type(T::Unsupported),
        c::DW_TAG_member | c::DW_TAG_inheritance => Class::Member,
        c::DW_TAG_enumerator => Class::Enumerator,
        c::DW_TAG_subrange_type => Class::Subrange,
        c::DW_TAG_formal_parameter => Class::Param,
        c::DW_TAG_unspecified_parameters => Class::UnspecifiedParams,
        c::DW_TAG_subprogram => Class::Subprogram,
        c::DW_TAG_variable => Class::Variable,
        c::DwTag(DW_TAG_LLVM_ANNOTATION) => Class::LlvmAnnotation,
        c::DwTag(DW_TAG_GNU_ANNOTATION) => Class::GnuAnnotation,
        c::DW_TAG_namespace | c::DW_TAG_module => Class::Namespace,
        c::DW_TAG_imported_unit => Class::Imported,
        c::DW_TAG_compile_unit
        | c::DW_TAG_partial_unit
        | c::DW_TAG_type_unit
        | c::DW_TAG_skeleton_unit => Class::Unit,
        _ => Class::Other,
    }
}

/// Where an attribute of a DIE of this class is kept.
fn slot_of(class: Class, at: c::DwAt) -> Slot {
    let type_like = matches!(class, Class::Type(_) | Class::Subrange);
    match at {
        c::DW_AT_name if !matches!(class, Class::Other | Class::Subrange | Class::Namespace) => {
            Slot::Name
        }
        c::DW_AT_type
            if !matches!(
                class,
                Class::Other | Class::Subrange | Class::Unit | Class::Enumerator
            ) =>
        {
            Slot::Type
        }
        c::DW_AT_byte_size if type_like || class == Class::Member => Slot::ByteSize,
        c::DW_AT_encoding if class == Class::Type(crate::TypeTag::Base) => Slot::Encoding,
        c::DW_AT_declaration
            if matches!(class, Class::Type(_) | Class::Subprogram | Class::Variable) =>
        {
            Slot::Declaration
        }
        c::DW_AT_bit_size if class == Class::Member => Slot::BitSize,
        c::DW_AT_bit_offset if class == Class::Member => Slot::BitOffset,
        c::DW_AT_data_bit_offset if class == Class::Member => Slot::DataBitOffset,
        c::DW_AT_data_member_location if class == Class::Member => Slot::MemberLocation,
        c::DW_AT_count if class == Class::Subrange => Slot::Count,
        c::DW_AT_upper_bound if class == Class::Subrange => Slot::UpperBound,
        c::DW_AT_const_value
            if matches!(
                class,
                Class::Enumerator | Class::Param | Class::LlvmAnnotation | Class::GnuAnnotation
            ) =>
        {
            Slot::ConstValue
        }
        c::DW_AT_specification
            if matches!(class, Class::Type(_) | Class::Subprogram | Class::Variable) =>
        {
            Slot::Specification
        }
        c::DW_AT_abstract_origin
            if matches!(class, Class::Param | Class::Subprogram | Class::Variable) =>
        {
            Slot::Origin
        }
        c::DW_AT_signature if type_like => Slot::Signature,
        c::DW_AT_low_pc if class == Class::Subprogram => Slot::LowPc,
        c::DW_AT_entry_pc if class == Class::Subprogram => Slot::EntryPc,
        c::DW_AT_ranges if class == Class::Subprogram => Slot::Ranges,
        c::DW_AT_inline if class == Class::Subprogram => Slot::Inline,
        c::DW_AT_calling_convention if class == Class::Subprogram => Slot::CallingConvention,
        c::DW_AT_external
            if matches!(class, Class::Subprogram | Class::Variable | Class::Member) =>
        {
            Slot::External
        }
        c::DW_AT_location if matches!(class, Class::Param | Class::Variable) => Slot::Location,
        c::DW_AT_artificial if class == Class::Variable => Slot::Artificial,
        c::DwAt(DW_AT_GNU_ANNOTATION) => Slot::Annotation,
        c::DW_AT_language if class == Class::Unit => Slot::Language,
        c::DW_AT_producer if class == Class::Unit => Slot::Producer,
        c::DW_AT_str_offsets_base if class == Class::Unit => Slot::StrOffsetsBase,
        c::DW_AT_addr_base | c::DW_AT_GNU_addr_base if class == Class::Unit => Slot::AddrBase,
        c::DW_AT_loclists_base if class == Class::Unit => Slot::LoclistsBase,
        c::DW_AT_rnglists_base if class == Class::Unit => Slot::RnglistsBase,
        c::DW_AT_dwo_name | c::DW_AT_GNU_dwo_name if class == Class::Unit => Slot::DwoName,
        // The unit's low_pc is the base of its range lists.
        c::DW_AT_low_pc if class == Class::Unit => Slot::LowPc,
        _ => Slot::None,
    }
}
