//! The attributes of a DIE that are wanted, read one by one, in whatever form they come.
//!
//! An abbreviation is a program ([`Op`]); what few forms make up nearly all attributes is executed in the loop, all else
//! in functions of their own.

use gimli::constants as c;

use crate::abbrev::class::{N_SLOTS, Slot};
use crate::abbrev::form::{Action, action};
use crate::abbrev::{Abbrev, Op};
use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::record::{Loc, TypeRef};
use crate::unit::Met;
use crate::unit::context::Reader;
use crate::{Relocate, Section, Str, StrSection, Target};

/// A reference that there is not.
pub(super) const NO_OFF: u32 = u32::MAX;

/// Of a location: it is a list, at the offset in the other bits.
const LOC_LIST: u64 = 1 << 63;
/// Of a location that is no list: below these bits where the expression is, in them its length.
const LOC_LEN_SHIFT: u32 = 40;

/// Attribute values of one DIE, by slot; valid where `mask` has the slot's bit.
pub(super) struct Attrs {
    mask: u32,
    vals: [u64; N_SLOTS],
    /// ELF section of `LowPc`, `EntryPc` (whichever came last) in relocatable files.
    pub(super) pc_section: u32,
    /// Address in `Location`, if it starts with one.
    pub(super) addr: Option<Target>,
}

impl Attrs {
    pub(super) const EMPTY: Self = Self {
        mask: 0,
        vals: [0; N_SLOTS],
        pc_section: 0,
        addr: None,
    };

    #[inline(always)]
    pub(super) fn has(&self, s: Slot) -> bool {
        self.mask & (1 << s as u32) != 0
    }

    #[inline(always)]
    pub(super) fn get(&self, s: Slot) -> Option<u64> {
        if self.has(s) {
            Some(self.vals[s as usize])
        } else {
            None
        }
    }

    /// Whether a flag is there and set.
    #[inline(always)]
    pub(super) fn flag(&self, s: Slot) -> bool {
        self.get(s).is_some_and(|v| v != 0)
    }

    #[inline(always)]
    pub(super) fn str(&self, s: Slot) -> Str {
        self.get(s).map_or(Str::NONE, Str)
    }

    /// Offset of the DIE that a reference leads to.
    #[inline(always)]
    pub(super) fn off(&self, s: Slot) -> u32 {
        self.get(s).map_or(NO_OFF, |v| v as u32)
    }

    #[inline(always)]
    pub(super) fn ty(&self) -> TypeRef {
        self.get(Slot::Type)
            .map_or(TypeRef::NONE, |v| TypeRef(v as u32))
    }

    #[inline(always)]
    pub(super) fn loc(&self) -> Loc {
        match self.get(Slot::Location) {
            None => Loc::None,
            Some(v) if v & LOC_LIST != 0 => Loc::List(v & !LOC_LIST),
            Some(v) => Loc::Expr {
                off: v & ((1 << LOC_LEN_SHIFT) - 1),
                len: (v >> LOC_LEN_SHIFT) as u32,
            },
        }
    }
}

impl<const BE: bool, R: Relocate> Reader<'_, '_, BE, R> {
    /// Reads a DIE's wanted attributes and gets past the others.
    #[inline(always)]
    pub(super) fn attrs(
        &mut self,
        ab: &Abbrev,
        a: &mut Attrs,
        met: &mut Met,
    ) -> Result<(), ErrorKind> {
        a.mask = 0;
        a.addr = None;
        let abbrevs = self.abbrevs;
        for op in &abbrevs.ops[ab.ops.start as usize..ab.ops.end as usize] {
            let op = *op;
            let slot = op.slot as usize;
            let value = match op.action {
                Action::Skip => {
                    self.cur.skip(u64::from(op.n))?;
                    continue;
                }
                Action::Strp => {
                    let off = self.offset()?;
                    self.cx.debug_str(off)?
                }
                Action::Ref if op.n == 4 => {
                    let off = u64::from(self.cur.u32()?);
                    self.cx.local_ref(off)?
                }
                Action::Data1 => u64::from(self.cur.u8()?),
                Action::Data2 => u64::from(self.cur.u16()?),
                Action::Implicit => abbrevs.consts[op.n as usize] as u64,
                Action::Present => 1,
                _ if op.slot == Slot::None => {
                    self.cx.skip_op(op, &mut self.cur)?;
                    continue;
                }
                _ => match self.rare(op, a, met)? {
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

    fn relocated(&mut self, at: u64, size: u8, raw: u64) -> Result<Target, ErrorKind> {
        self.cx.relocated(self.relocate, at, size, raw)
    }

    /// An offset of another section.
    #[inline(always)]
    fn offset(&mut self) -> Result<u64, ErrorKind> {
        let at = self.cur.pos as u64;
        let raw = self.cur.offset(self.cx.encoding.dwarf64)?;
        let size = self.cx.encoding.offset_bytes();
        self.cx.relocated_offset(self.relocate, at, size, raw)
    }

    /// The value of an attribute; `None` if there is none that is of use.
    #[inline(never)]
    fn rare(&mut self, op: Op, a: &mut Attrs, met: &mut Met) -> Result<Option<u64>, ErrorKind> {
        let value = match op.action {
            Action::Data1 | Action::Flag => u64::from(self.cur.u8()?),
            Action::Data2 => u64::from(self.cur.u16()?),
            Action::Data4 | Action::Data8 | Action::SecOffset => self.wide(op)?,
            Action::Data16 => {
                // Wider than anything BTF holds; the low half is what a size or value would be.
                let bytes: [u8; 16] = self.cur.bytes()?;
                let n = if BE {
                    u128::from_be_bytes(bytes)
                } else {
                    u128::from_le_bytes(bytes)
                };
                n as u64
            }
            Action::ULeb => self.cur.uleb()?,
            Action::SLeb => self.cur.sleb()? as u64,
            Action::Present => 1,
            Action::Str => {
                let at = self.cur.pos;
                self.cur.skip_cstr()?;
                self.cx.short_name(at, &mut met.short).0
            }
            Action::Strp => {
                let off = self.offset()?;
                self.cx.debug_str(off)?
            }
            Action::LineStrp => {
                let off = self.offset()?;
                if off >= self.cx.line_str_end {
                    return Err(ErrorKind::BadString {
                        section: ".debug_line_str",
                        offset: off,
                    });
                }
                Str::new(StrSection::LineStr, off).0
            }
            Action::Strx => {
                let index = self.index(op.n)?;
                return self.string_at(index);
            }
            Action::BoundRef => {
                self.cx.skip_rare(op, &mut self.cur)?;
                local_bound(op.slot, 0)
            }
            Action::Ref => {
                let off = match op.n {
                    0 => self.cur.uleb()?,
                    1 => u64::from(self.cur.u8()?),
                    2 => u64::from(self.cur.u16()?),
                    4 => u64::from(self.cur.u32()?),
                    _ => self.cur.u64()?,
                };
                self.cx.local_ref(off)?
            }
            Action::RefAddr => return self.ref_addr(op, met),
            Action::RefSig8 => {
                let signature = self.cur.u64()?;
                if !self.cx.merged {
                    return Err(ErrorKind::NeedsMerge);
                }
                match met.signatures.binary_search_by_key(&signature, |s| s.0) {
                    Ok(i) => u64::from(met.signatures[i].1),
                    Err(_) => return Err(ErrorKind::UnknownSignature(signature)),
                }
            }
            Action::Addr => {
                let at = self.cur.pos as u64;
                let size = self.cx.encoding.address_size;
                let raw = self.cur.address(size)?;
                let t = self.relocated(at, size, raw)?;
                a.pc_section = t.section;
                t.value
            }
            Action::Addrx => {
                let index = self.index(op.n)?;
                let Some(t) = self.address_at(index)? else {
                    return Ok(None);
                };
                a.pc_section = t.section;
                t.value
            }
            Action::Loclistx | Action::Rnglistx => return self.list_at(op),
            Action::Block1 | Action::Block2 | Action::Block4 | Action::BlockLeb => {
                let len = match op.action {
                    Action::Block1 => u64::from(self.cur.u8()?),
                    Action::Block2 => u64::from(self.cur.u16()?),
                    Action::Block4 => u64::from(self.cur.u32()?),
                    _ => self.cur.uleb()?,
                };
                let start = self.cur.pos;
                self.cur.skip(len)?;
                let block = &self.cur.data[start..self.cur.pos];
                return self.block(op.slot, start as u64, block, a);
            }
            Action::Indirect => {
                let form = self.cur.uleb()?;
                let fits = form != u64::from(c::DW_FORM_indirect.0)
                    && form != u64::from(c::DW_FORM_implicit_const.0);
                if !fits {
                    return Err(ErrorKind::UnknownForm(form));
                }
                let (action, n) = action(form, self.cx.encoding)?;
                let slot = op.slot;
                return self.rare(Op { action, slot, n }, a, met);
            }
            Action::Sup => return Err(ErrorKind::Supplementary),
            // Never in a form that says itself what it is, nor with a slot.
            Action::Implicit
            | Action::Skip
            | Action::SkipLeb
            | Action::SkipStr
            | Action::SkipBlock1
            | Action::SkipBlock2
            | Action::SkipBlock4
            | Action::SkipBlockLeb
            | Action::SkipIndirect => return Ok(None),
        };
        Ok(Some(value))
    }

    /// A number of 4 or 8 bytes, or an offset of another section: before DWARF 4 those came in the same forms.
    fn wide(&mut self, op: Op) -> Result<u64, ErrorKind> {
        let at = self.cur.pos as u64;
        let encoding = self.cx.encoding;
        let (size, raw) = match op.action {
            Action::Data4 => (4, u64::from(self.cur.u32()?)),
            Action::Data8 => (8, self.cur.u64()?),
            _ => (encoding.offset_bytes(), self.cur.offset(encoding.dwarf64)?),
        };
        let is_offset = op.action == Action::SecOffset
            || match op.slot {
                Slot::Location | Slot::Ranges | Slot::MemberLocation => encoding.version < 4,
                Slot::StrOffsetsBase | Slot::AddrBase | Slot::LoclistsBase | Slot::RnglistsBase => {
                    true
                }
                _ => false,
            };
        if !is_offset {
            return Ok(raw);
        }
        let off = self.relocated(at, size, raw)?.value;
        Ok(match op.slot {
            Slot::Location => LOC_LIST | off,
            Slot::MemberLocation if encoding.version < 4 => raw,
            _ => off,
        })
    }

    /// A reference to a DIE of any unit.
    fn ref_addr(&mut self, op: Op, met: &mut Met) -> Result<Option<u64>, ErrorKind> {
        let at = self.cur.pos as u64;
        let raw = match op.n {
            8 => self.cur.u64()?,
            2 => u64::from(self.cur.u16()?),
            _ => u64::from(self.cur.u32()?),
        };
        let off = self.relocated(at, op.n as u8, raw)?.value;
        let cx = &self.cx;
        let info_len = cx.sections.info.len() as u64;
        if off >= info_len {
            return Err(ErrorKind::BadReference(off));
        }
        let own = cx.unit_off..cx.unit_off + cx.unit_len;
        if !cx.merged && (cx.in_types || !own.contains(&off)) {
            let Some(outside) = &mut met.outside else {
                return Err(ErrorKind::NeedsMerge);
            };
            *outside = off.min(*outside.start())..=off.max(*outside.end());
            return Ok(None);
        }
        // Units of .debug_types are shifted behind .debug_info; a ref_addr means the latter.
        let shift = if cx.in_types { info_len } else { 0 };
        let local = off.wrapping_sub(cx.base.wrapping_add(shift));
        Ok(Some(local_bound(op.slot, local)))
    }

    /// An index of `n` bytes, or a ULEB128 if that is 0.
    fn index(&mut self, n: u16) -> Result<u64, ErrorKind> {
        Ok(match n {
            0 => self.cur.uleb()?,
            1 => u64::from(self.cur.u8()?),
            2 => u64::from(self.cur.u16()?),
            3 => u64::from(self.cur.u24()?),
            _ => u64::from(self.cur.u32()?),
        })
    }

    /// The string of an index of `.debug_str_offsets`.
    fn string_at(&mut self, index: u64) -> Result<Option<u64>, ErrorKind> {
        let cx = &self.cx;
        let size = cx.encoding.offset_bytes();
        let section = cx.sections.str_offsets;
        let table = (section, ".debug_str_offsets");
        let Some(off) = cx.table_entry(table, cx.str_offsets_base, index, size)? else {
            return Ok(None);
        };
        let raw = Cursor::<BE>::new(section, off as usize, "").offset(cx.encoding.dwarf64)?;
        let target = self
            .relocate
            .at(Section::StrOffsets, off, size, raw)
            .map_err(ErrorKind::Relocation)?;
        match cx.debug_str(target.value) {
            Err(_) if !cx.bases_known => Ok(None),
            string => string.map(Some),
        }
    }

    /// The address of an index of `.debug_addr`.
    fn address_at(&self, index: u64) -> Result<Option<Target>, ErrorKind> {
        let cx = &self.cx;
        let size = cx.encoding.address_size;
        let table = (cx.sections.addr, ".debug_addr");
        let Some(off) = cx.table_entry(table, cx.addr_base, index, size)? else {
            return Ok(None);
        };
        let raw = Cursor::<BE>::new(table.0, off as usize, table.1).address(size)?;
        self.relocate
            .at(Section::Addr, off, size, raw)
            .map(Some)
            .map_err(ErrorKind::Relocation)
    }

    /// The list of an index of `.debug_loclists` or `.debug_rnglists`.
    fn list_at(&mut self, op: Op) -> Result<Option<u64>, ErrorKind> {
        let index = self.cur.uleb()?;
        let cx = &self.cx;
        let (table, base) = if op.action == Action::Loclistx {
            let table = (cx.sections.loclists, ".debug_loclists");
            (table, cx.loclists_base)
        } else {
            let table = (cx.sections.rnglists, ".debug_rnglists");
            (table, cx.rnglists_base)
        };
        let size = cx.encoding.offset_bytes();
        let Some(off) = cx.table_entry(table, base, index, size)? else {
            return Ok(None);
        };
        let rel = Cursor::<BE>::new(table.0, off as usize, "").offset(cx.encoding.dwarf64)?;
        let list = base.wrapping_add(rel);
        Ok(Some(if op.slot == Slot::Location {
            LOC_LIST | list
        } else {
            list
        }))
    }

    /// A value given as a block of bytes: an expression, nearly always.
    fn block(
        &mut self,
        slot: Slot,
        start: u64,
        block: &[u8],
        a: &mut Attrs,
    ) -> Result<Option<u64>, ErrorKind> {
        let mut cur = Cursor::<BE>::new(block, 0, ".debug_info");
        Ok(Some(match slot {
            Slot::UpperBound | Slot::Count => local_bound(slot, 0),
            Slot::MemberLocation | Slot::DataBitOffset => match cur.u8().map(gimli::DwOp) {
                Ok(c::DW_OP_plus_uconst | c::DW_OP_constu) => cur.uleb()?,
                _ => u64::MAX,
            },
            Slot::Location => {
                if start >= 1 << LOC_LEN_SHIFT || block.len() >= 1 << 22 {
                    return Ok(None);
                }
                a.addr = self.static_address(start, cur)?;
                (block.len() as u64) << LOC_LEN_SHIFT | start
            }
            _ => return Ok(None),
        }))
    }

    /// The address that an expression at `start` of the section is, if it is one.
    fn static_address(
        &mut self,
        start: u64,
        mut cur: Cursor<'_, BE>,
    ) -> Result<Option<Target>, ErrorKind> {
        let target = match cur.u8().map(gimli::DwOp) {
            Ok(c::DW_OP_addr) => {
                let size = self.cx.encoding.address_size;
                let raw = cur.address(size)?;
                Some(self.relocated(start + 1, size, raw)?)
            }
            Ok(c::DW_OP_addrx | c::DW_OP_GNU_addr_index) => {
                let index = cur.uleb()?;
                self.address_at(index)?
            }
            _ => None,
        };
        let Some(mut target) = target.filter(|_| cur.pos < cur.data.len()) else {
            return Ok(target);
        };
        // Clang places variables of one section relative to each other; anything else after an address (thread-local
        // storage, say) makes it no address.
        if cur.u8()? != c::DW_OP_plus_uconst.0 {
            return Ok(None);
        }
        target.value = target.value.wrapping_add(cur.uleb()?);
        Ok((cur.pos >= cur.data.len()).then_some(target))
    }
}

/// A bound of an array given by reference is known at run time only.
fn local_bound(slot: Slot, off: u64) -> u64 {
    match slot {
        Slot::UpperBound => u64::MAX,
        Slot::Count => 0,
        _ => off,
    }
}
