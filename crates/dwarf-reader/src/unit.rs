//! What one unit says, or several that are read as one, and how it is read: one pass over the DIEs.
//!
//! DIEs come as a pre-order byte stream. Types, functions and unit-level variables are recorded in flat arrays
//! in the order in which their DIEs *start*; that order is also the index by which everything else refers to
//! them, found from a DIE offset through a table of the last type that starts in each few bytes of the unit
//! ([`Unit::type_at`]). A type's `order` says when its DIE *ended*, children included, which is the order in
//! which the incumbent encoder numbers types.
//!
//! Most DIEs are of forms that are read in one go ([`plain`]). Members, enumerators, parameters and dimensions of
//! such forms that follow right behind their type go to their final arrays. What else hangs below a DIE is collected
//! on stacks while the DIE is open and moved when it closes ([`frame`]), so that nested types (C++, function bodies) do
//! not interleave with the items of the type around them.

mod annotation;
mod attrs;
mod context;
mod dimension;
mod frame;
mod lookup;
mod member;
mod plain;
mod skip;
mod strays;
mod walk;

use std::ops::RangeInclusive;

use crate::abbrev::Abbrevs;
use crate::abbrev::form::Encoding;
use crate::cursor::Cursor;
use crate::error::{At, Error, ErrorKind, Result};
use crate::header::{UnitHeader, UnitKind};
use crate::record::{
    DeclTag, Enumerator, Func, FuncParam, Member, ProtoParam, Root, TypeDie, TypeRef, Var,
};
use crate::short::ShortStrings;
use crate::{Relocate, Sections, Str, TypeTag};
use annotation::{GnuAnnotation, GnuUser};
use attrs::NO_OFF;
use context::{Context, Reader};
use dimension::Dimension;
use frame::Frame;
use lookup::Places;
use member::LegacyBits;

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
    /// Where the group of units starts, in a space in which `.debug_types` follows `.debug_info`.
    base: u64,
    /// Offset of `.debug_types` in that space.
    types_shift: u64,
    places: Places,
    /// Indices of structs, unions and enums.
    tagged: Vec<u32>,
    abbrevs: Abbrevs,
    /// Of which table, by offset, the abbreviations are.
    abbrevs_of: Option<(u64, Encoding)>,
    met: Met,
    /// DIEs that are open, the innermost last.
    frames: Vec<Frame>,
    /// Items of open DIEs.
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
    /// Who refers to annotations, with the offset of the first.
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
        self.ended = 0;
    }

    /// Forgets the abbreviation table and the names kept from the last units: needed before another file is read.
    pub fn forget_file(&mut self) {
        self.abbrevs_of = None;
        self.met.short.clear();
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
        let too_large = || Error {
            kind: ErrorKind::MergedTooLarge,
            at: Some(first.at()),
        };
        self.types_shift = sections.info.len() as u64;
        self.base = first.off + self.shift_of(first);
        let span = last.end + self.shift_of(last) - self.base;
        if span >= u64::from(TypeRef::INDEX) {
            return Err(too_large());
        }
        self.places.reset(span);
        for h in headers {
            if let UnitKind::Type {
                signature,
                type_off,
            } = h.kind
            {
                let off = self.local_off(h).saturating_add(type_off);
                let off = u32::try_from(off).unwrap_or(NO_OFF);
                self.met.signatures.push((signature, off));
            }
        }
        self.met.signatures.sort_unstable();
        self.met.signatures.dedup_by_key(|s| s.0);
        for h in headers {
            if h.kind == UnitKind::Skeleton {
                self.n_skeletons += 1;
                continue;
            }
            let (mut cx, cur) = Context::of::<BE>(sections, h);
            cx.base = h.off.wrapping_sub(self.local_off(h));
            cx.merged = headers.len() > 1;
            cx.header = self.headers.len() as u32;
            self.read_unit(h, cx, cur, relocate, keep)?;
        }
        if self.types.len() >= Places::MOST {
            return Err(too_large());
        }
        self.insert_llvm_tags();
        self.resolve_gnu_annotations();
        self.place_legacy_bits();
        Ok(())
    }

    fn read_unit<'d, const BE: bool, R: Relocate>(
        &mut self,
        h: &UnitHeader,
        cx: Context<'d>,
        cur: Cursor<'d, BE>,
        relocate: &mut R,
        keep: &dyn Fn(&Root<'_>) -> bool,
    ) -> Result<()> {
        let error = |kind, die| Error {
            kind,
            at: Some(At {
                die_off: Some(die),
                ..h.at()
            }),
        };
        let table = Some((h.abbrev_off, h.encoding));
        if self.abbrevs_of != table {
            self.abbrevs_of = None;
            self.abbrevs
                .read::<BE>(cx.sections.abbrev, h.abbrev_off, h.encoding)
                .map_err(|kind| error(kind, h.root))?;
            self.abbrevs_of = table;
        }
        let abbrevs = std::mem::take(&mut self.abbrevs);
        let mut reader = Reader {
            cx,
            cur,
            abbrevs: &abbrevs,
            relocate,
            die: h.root,
        };
        let walked = self.walk(h, &mut reader, keep);
        let walked = walked.map_err(|kind| error(kind, reader.die));
        self.abbrevs = abbrevs;
        walked
    }

    /// What is added to offsets of a unit's section, for units of `.debug_types` to follow those of `.debug_info`.
    fn shift_of(&self, h: &UnitHeader) -> u64 {
        if h.in_types { self.types_shift } else { 0 }
    }

    /// Offset of a unit's header from the start of the group.
    fn local_off(&self, h: &UnitHeader) -> u64 {
        h.off + self.shift_of(h) - self.base
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
}
