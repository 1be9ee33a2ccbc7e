//! How values are read, or got past, by the forms that they are in (DWARF 5 §7.5.6).

use gimli::constants as c;

use crate::error::ErrorKind;

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
    /// Value in [`Abbrevs::consts`](super::Abbrevs::consts)`[n]`.
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

/// The action that gets past `form`, whose size depends on its value.
pub(super) fn skip_action(form: u64) -> Result<Action, ErrorKind> {
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
