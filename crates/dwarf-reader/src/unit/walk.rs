//! The walk over a unit's DIEs, and what each of them adds.

use crate::abbrev::Abbrev;
use crate::abbrev::class::{Class, Slot};
use crate::error::ErrorKind;
use crate::header::UnitHeader;
use crate::record::{
    Enumerator, Func, FuncParam, ProtoParam, Root, TagTarget, TypeDie, TypeRef, Var,
};
use crate::unit::Unit;
use crate::unit::annotation::GnuUser;
use crate::unit::attrs::Attrs;
use crate::unit::context::{Context, Reader};
use crate::unit::frame::{Frame, FrameKind};
use crate::{Relocate, Target, TypeTag};

/// `DW_LANG_Mips_Assembler`, which gas uses for every architecture.
const LANG_ASM: u64 = 0x8001;

impl Unit {
    /// Reads the DIEs of a unit, if `keep` says so of its root.
    // Into where the reader is made: nobody sees it afterwards, and its cursor can stay in registers.
    #[inline(always)]
    pub(super) fn walk<const BE: bool, R: Relocate>(
        &mut self,
        h: &UnitHeader,
        reader: &mut Reader<'_, '_, BE, R>,
        keep: &dyn Fn(&Root<'_>) -> bool,
    ) -> Result<(), ErrorKind> {
        let mut a = Attrs::EMPTY;
        if !self.root(h, reader, keep, &mut a)? {
            return Ok(());
        }
        self.frames.push(Frame::new(FrameKind::Unit, 0, 0));
        loop {
            let off = reader.cur.pos;
            reader.die = off as u64;
            if off >= reader.cur.data.len() {
                // A unit may end without closing its root.
                while let Some(f) = self.frames.pop() {
                    self.close(f);
                }
                return Ok(());
            }
            let code = reader.cur.uleb()?;
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
            let ab = reader.abbrevs.get(code);
            let ab = ab.ok_or(ErrorKind::UnknownAbbrev(code))?;
            if let Some(plain) = &ab.plain
                && self.plain_die(off, plain, reader)?
            {
                continue;
            }
            let Some(&top) = self.frames.last() else {
                return Ok(());
            };
            let frame = self.die(off, ab, top, reader, &mut a)?;
            if ab.has_children {
                self.frames.push(frame);
            }
        }
    }

    /// Reads the root of a unit; false if that is all that is read of it.
    fn root<const BE: bool, R: Relocate>(
        &mut self,
        h: &UnitHeader,
        reader: &mut Reader<'_, '_, BE, R>,
        keep: &dyn Fn(&Root<'_>) -> bool,
        a: &mut Attrs,
    ) -> Result<bool, ErrorKind> {
        let code = reader.cur.uleb()?;
        if code == 0 {
            return Ok(false);
        }
        let root = reader.abbrevs.get(code);
        let root = root.ok_or(ErrorKind::UnknownAbbrev(code))?;
        // Twice: its strings may need the bases that stand behind them.
        let start = reader.cur.pos;
        for bases_known in [false, true] {
            reader.cur.pos = start;
            reader.cx.bases_known = bases_known;
            reader.attrs(root, a, &mut self.met)?;
            let cx = &mut reader.cx;
            cx.str_offsets_base = a.get(Slot::StrOffsetsBase).unwrap_or(cx.str_offsets_base);
            cx.addr_base = a.get(Slot::AddrBase).unwrap_or(cx.addr_base);
            cx.loclists_base = a.get(Slot::LoclistsBase).unwrap_or(cx.loclists_base);
            cx.rnglists_base = a.get(Slot::RnglistsBase).unwrap_or(cx.rnglists_base);
        }
        let cx = &mut reader.cx;
        cx.unit_base = a
            .get(Slot::LowPc)
            .map_or(Target::default(), |value| Target {
                section: a.pc_section,
                value,
            });
        let language = a.get(Slot::Language).unwrap_or(0);
        let name = cx.sections.string(a.str(Slot::Name)).unwrap_or_default();
        if !keep(&Root {
            language: u16::try_from(language).unwrap_or(0),
            name,
        }) {
            return Ok(false);
        }
        let producer = cx.sections.string(a.str(Slot::Producer));
        let producer = producer.unwrap_or_default();
        cx.clang = memchr::memmem::find(producer, b"clang").is_some();
        cx.asm = language == LANG_ASM;
        self.headers.push(*h);
        if !root.has_children {
            self.n_skeletons += u32::from(a.has(Slot::DwoName));
        }
        Ok(root.has_children)
    }

    /// Reads a DIE below `top`, which starts at `off` and behind whose code the cursor stands, by its attributes. Gives the
    /// frame of what hangs below it.
    #[inline(always)]
    fn die<const BE: bool, R: Relocate>(
        &mut self,
        off: usize,
        ab: &Abbrev,
        top: Frame,
        reader: &mut Reader<'_, '_, BE, R>,
        a: &mut Attrs,
    ) -> Result<Frame, ErrorKind> {
        let off = (off as u64).wrapping_sub(reader.cx.base) as u32;
        let mut frame = Frame::new(FrameKind::Body, 0, 0);
        match (ab.class, top.kind) {
            (Class::Member, FrameKind::Type) => {
                reader.attrs(ab, a, &mut self.met)?;
                frame = self.member(a, ab.tag, top, BE);
            }
            (Class::Enumerator, FrameKind::Type) => {
                reader.attrs(ab, a, &mut self.met)?;
                self.open_enumerators.push(Enumerator {
                    name: a.str(Slot::Name),
                    value: a.get(Slot::ConstValue).unwrap_or(0),
                });
            }
            (Class::Subrange, FrameKind::Type) => {
                reader.attrs(ab, a, &mut self.met)?;
                self.dimension(top.idx, a);
            }
            (Class::Type(tag), _) => {
                reader.attrs(ab, a, &mut self.met)?;
                frame = self.open_type(tag, off, a);
                if !ab.has_children {
                    self.close(frame);
                }
            }
            (Class::Param, FrameKind::Type) => {
                reader.attrs(ab, a, &mut self.met)?;
                self.open_params.push(ProtoParam {
                    name: a.str(Slot::Name),
                    ty: a.ty(),
                });
            }
            (Class::Param, FrameKind::Func) => {
                reader.attrs(ab, a, &mut self.met)?;
                frame = self.func_param(off, top, a);
            }
            (Class::UnspecifiedParams, FrameKind::Type) => {
                reader.skip(ab)?;
                self.types[top.idx as usize].flag = true;
            }
            (Class::UnspecifiedParams, FrameKind::Func) => {
                reader.skip(ab)?;
                self.funcs[top.idx as usize].varargs = true;
            }
            (Class::Subprogram, _) => {
                reader.attrs(ab, a, &mut self.met)?;
                frame = self.open_func(&reader.cx, off, a);
            }
            (Class::Variable, FrameKind::Unit | FrameKind::Namespace | FrameKind::Type) => {
                reader.attrs(ab, a, &mut self.met)?;
                frame = self.open_var(off, top, a);
            }
            (Class::LlvmAnnotation, _) => {
                reader.attrs(ab, a, &mut self.met)?;
                self.llvm_annotation(&reader.cx.sections, top, off, a);
            }
            (Class::GnuAnnotation, _) => {
                reader.attrs(ab, a, &mut self.met)?;
                self.gnu_annotation(&reader.cx.sections, off, a);
            }
            (Class::Namespace, _) => {
                reader.skip(ab)?;
                frame.kind = FrameKind::Namespace;
            }
            (Class::Imported, _) if !reader.cx.merged => return Err(ErrorKind::NeedsMerge),
            _ => reader.skip(ab)?,
        }
        Ok(frame)
    }

    /// Keeps the index of a type that has a name of its own kind.
    #[inline(always)]
    pub(super) fn note_tagged(&mut self, tag: TypeTag, idx: usize) {
        if matches!(tag, TypeTag::Struct | TypeTag::Union | TypeTag::Enum) {
            self.tagged.push(idx as u32);
        }
    }

    /// Adds a type, which is open.
    fn open_type(&mut self, tag: TypeTag, off: u32, a: &Attrs) -> Frame {
        let idx = self.types.len() as u32;
        self.places.add(off, idx as usize);
        self.note_tagged(tag, idx as usize);
        let origin = a.get(Slot::Specification).or(a.get(Slot::Signature));
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
            origin: origin.map_or(TypeRef::NONE, |off| TypeRef::off(off as u32)),
            tag,
            encoding: a.get(Slot::Encoding).unwrap_or(0) as u8,
            // What stands for a type in a unit of its own says nothing itself.
            declaration: a.has(Slot::Signature) || a.flag(Slot::Declaration),
            flag: tag != TypeTag::Array && tag != TypeTag::Subroutine && a.has(Slot::ByteSize),
        });
        match tag {
            TypeTag::Pointer => self.note_annotation(GnuUser::Pointer(idx), a),
            TypeTag::Struct | TypeTag::Union | TypeTag::Typedef => {
                self.note_annotation(GnuUser::Decl(TagTarget::Type(idx), -1), a);
            }
            _ => {}
        }
        let items = match tag {
            TypeTag::Struct | TypeTag::Union => self.open_members.len(),
            TypeTag::Enum => self.open_enumerators.len(),
            _ => self.open_params.len(),
        };
        self.type_frame(idx as usize, items)
    }

    /// Adds a function, which is open.
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
            declaration: a.flag(Slot::Declaration),
            inline: a.has(Slot::Inline),
            varargs: false,
            clang: cx.clang,
            asm: cx.asm,
        });
        self.note_annotation(GnuUser::Decl(TagTarget::Func(idx), -1), a);
        Frame::new(FrameKind::Func, idx, self.open_func_params.len() as u32)
    }

    /// Adds a parameter to the function at `top`.
    #[inline(always)]
    fn func_param(&mut self, off: u32, top: Frame, a: &Attrs) -> Frame {
        let index = self.open_func_params.len() as u32 - top.items;
        self.open_func_params.push(FuncParam {
            name: a.str(Slot::Name),
            loc: a.loc(),
            off,
            ty: a.ty(),
            origin: a.off(Slot::Origin),
            const_value: a.has(Slot::ConstValue),
            has_type: a.has(Slot::Type),
        });
        self.note_annotation(GnuUser::Decl(TagTarget::Func(top.idx), index as i32), a);
        Frame::new(FrameKind::Param, top.idx, index)
    }

    /// Adds a variable.
    #[inline]
    fn open_var(&mut self, off: u32, top: Frame, a: &Attrs) -> Frame {
        let idx = self.vars.len() as u32;
        self.vars.push(Var {
            name: a.str(Slot::Name),
            addr: a.addr,
            off,
            ty: a.ty(),
            origin: if a.has(Slot::Specification) {
                a.off(Slot::Specification)
            } else {
                a.off(Slot::Origin)
            },
            declaration: a.flag(Slot::Declaration),
            external: a.flag(Slot::External),
            artificial: a.flag(Slot::Artificial),
            at_unit: top.kind == FrameKind::Unit,
        });
        Frame::new(FrameKind::Var, idx, 0)
    }
}
