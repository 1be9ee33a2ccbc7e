//! Getting past attributes that nobody wants.

use gimli::constants as c;

use crate::abbrev::class::Slot;
use crate::abbrev::form::{Action, action, fixed_size};
use crate::abbrev::{Abbrev, Abbrevs, Op};
use crate::cursor::Cursor;
use crate::error::ErrorKind;
use crate::unit::context::{Context, Reader};

impl<'d> Context<'d> {
    /// Gets past a DIE, behind whose code the cursor stands.
    #[inline(always)]
    pub(super) fn skip<const BE: bool>(
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
    pub(super) fn skip_op<const BE: bool>(
        &self,
        op: Op,
        cur: &mut Cursor<'d, BE>,
    ) -> Result<(), ErrorKind> {
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
    pub(super) fn skip_rare<const BE: bool>(
        &self,
        op: Op,
        cur: &mut Cursor<'d, BE>,
    ) -> Result<(), ErrorKind> {
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
                match fixed_size(form, self.encoding) {
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
                cur.skip(u64::from(self.encoding.offset_bytes()))
            }
            Action::Strx | Action::Ref | Action::BoundRef | Action::Addrx if op.n == 0 => {
                while cur.u8()? >= 0x80 {}
                Ok(())
            }
            _ => cur.skip(u64::from(op.n)),
        }
    }
}

impl<const BE: bool, R> Reader<'_, '_, BE, R> {
    /// Gets past a DIE, behind whose code the cursor stands.
    #[inline(always)]
    pub(super) fn skip(&mut self, ab: &Abbrev) -> Result<(), ErrorKind> {
        self.cx.skip(self.abbrevs, ab, &mut self.cur)
    }
}
