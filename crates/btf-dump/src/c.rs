//! The C form: a header that compiles and has the layout of the BTF.
//!
//! C wants things in order. A struct must be complete before it is a member,
//! but only known by name before it is pointed at; a typedef must be written
//! before it is named; an anonymous type is spelled out where it is used, so
//! all its members must be ready there. That makes two requests, each of which
//! calls for the other on the types below:
//!
//! ```text
//!             complete(id)                        declare(id)
//! pointer     declare it                          declare the pointee
//! array       complete the element                complete the element
//! struct S    complete members, write S {...}     write "struct S;"
//! anonymous   complete members                    complete members
//! typedef     complete the target, declare it     declare the target, write it
//! prototype   declare it                          declare return and parameters
//! ```
//!
//! Both write what they need right away, so the order of the header is that in
//! which a walk over the selected types comes back from below. What libbpf's
//! `btf_dump` reaches by sorting first comes out the same or weaker ordered
//! here: forward declarations may appear where it finds an order without.
//!
//! BTF records offsets and sizes but neither `packed` nor `aligned`. The
//! [`layout`] module works out what a compiler would do with the members alone
//! and where that differs from the record; padding, `packed` and `aligned` are
//! written accordingly.

mod layout;
mod names;
mod sort;
mod text;

use std::io::Write;

use btf_builder::{Btf, Kind, Type, TypeId};

use crate::c::layout::Layouts;
use crate::c::names::Names;
use crate::error::{Error, Result};
use crate::select::Select;
use crate::sink::Sink;

/// Deepest nesting of types that is followed. The kernel's deepest is about
/// sixty.
const MAX_DEPTH: u32 = 400;

/// Types looked at or written before the dump is given up, per type of the
/// BTF. A kernel takes under twenty.
const STEPS_PER_TYPE: u64 = 2_000;
/// The same for small BTF, in all.
const STEPS_AT_LEAST: u64 = 2_000_000;

/// What a C header is made of.
///
/// ```
/// # use btf_dump::{COptions, Select};
/// let options = COptions::default().with_select(Select::Own).with_sort(false);
/// assert_eq!(options.guard, "__VMLINUX_H__");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct COptions<'a> {
    /// The types to define; what they need comes along.
    pub select: Select<'a>,
    /// Go through the types in the order of bpftool since 6.10: by sort of
    /// type, then by name, so that headers of two builds can be compared.
    /// Otherwise in the order of ids. Has no effect on [`Select::Ids`].
    pub sort: bool,
    /// Macro that guards the header against being included twice.
    pub guard: &'a str,
    /// Prototypes of functions tagged `bpf_kfunc` at the end, as bpftool
    /// since 6.10. Has no effect on [`Select::Ids`].
    pub kfuncs: bool,
}

impl Default for COptions<'_> {
    /// What bpftool writes for `format c`.
    fn default() -> Self {
        Self {
            select: Select::All,
            sort: true,
            guard: "__VMLINUX_H__",
            kfuncs: true,
        }
    }
}

impl<'a> COptions<'a> {
    /// Sets [`select`](Self::select).
    #[must_use]
    pub fn with_select(mut self, select: Select<'a>) -> Self {
        self.select = select;
        self
    }

    /// Sets [`sort`](Self::sort).
    #[must_use]
    pub fn with_sort(mut self, sort: bool) -> Self {
        self.sort = sort;
        self
    }

    /// Sets [`guard`](Self::guard).
    #[must_use]
    pub fn with_guard(mut self, guard: &'a str) -> Self {
        self.guard = guard;
        self
    }

    /// Sets [`kfuncs`](Self::kfuncs).
    #[must_use]
    pub fn with_kfuncs(mut self, kfuncs: bool) -> Self {
        self.kfuncs = kfuncs;
        self
    }
}

/// Writes a C header with the selected types.
///
/// A type that BTF describes but C cannot (a struct that contains itself by
/// value) is an error; members that overlap are written one behind the other.
///
/// # Errors
/// See [`Error`].
pub fn write_c(btf: &Btf, options: &COptions<'_>, out: impl Write) -> Result<()> {
    let mut dumper = CDumper::new(btf, out);
    let written = write_header(&mut dumper, options);
    dumper.finish()?;
    written
}

fn write_header<W: Write>(dumper: &mut CDumper<'_, W>, options: &COptions<'_>) -> Result<()> {
    let btf = dumper.btf;
    let guard = options.guard;
    dumper.out.text(&format!(
        "#ifndef {guard}\n#define {guard}\n\n\
         #if defined(__clang__) && defined(__bpf__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)\n\
         #pragma clang attribute push (__attribute__((preserve_access_index)), \
         apply_to = record)\n\
         #endif\n\n"
    ));
    match options.select {
        Select::Ids(ids) => ids.iter().try_for_each(|&id| dumper.dump(id))?,
        select => {
            let mut ids = Vec::new();
            select.each(btf, |ty| {
                ids.push(ty.id());
                Ok(())
            })?;
            if options.sort {
                sort::sort(btf, &mut ids);
            }
            for id in ids {
                dumper.dump_definition(id)?;
            }
            if options.kfuncs {
                dumper.dump_kfuncs()?;
            }
        }
    }
    dumper.out.text(&format!(
        "#if defined(__clang__) && defined(__bpf__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)\n\
         #pragma clang attribute pop\n#endif\n\n#endif /* {guard} */\n"
    ));
    Ok(())
}

/// How far a type has come.
#[derive(Clone, Copy, Default, Debug)]
struct State {
    /// Something refers to the type.
    referenced: bool,
    /// The type may be named: its own declaration, and those of all it
    /// names, are written.
    declared: bool,
    /// [`CDumper::declare`] is at work on the type.
    declaring: bool,
    /// The type may be a member.
    complete: bool,
    /// [`CDumper::complete`] is at work on the type.
    completing: bool,
}

/// Writes C definitions one type at a time, each once, with what it needs.
pub struct CDumper<'a, W> {
    btf: &'a Btf,
    out: Sink<W>,
    states: Vec<State>,
    names: Names<'a>,
    layouts: Layouts<'a>,
    /// The struct whose members are being made ready: its tag is in scope
    /// without a declaration.
    container: TypeId,
    depth: u32,
    steps_left: u64,
}

impl<W> std::fmt::Debug for CDumper<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CDumper")
            .field("n_types", &self.states.len())
            .finish_non_exhaustive()
    }
}

impl<'a, W: Write> CDumper<'a, W> {
    /// A dumper that has written nothing yet.
    pub fn new(btf: &'a Btf, out: W) -> Self {
        let n_types = btf.n_types() as usize;
        let mut states = vec![State::default(); n_types];
        for ty in btf.all_types() {
            each_ref(&ty, |id| {
                if let Some(state) = states.get_mut(id.0 as usize) {
                    state.referenced = true;
                }
            });
        }
        Self {
            btf,
            out: Sink::new(out),
            states,
            names: Names::new(btf),
            layouts: Layouts::new(btf),
            container: TypeId::VOID,
            depth: 0,
            steps_left: STEPS_AT_LEAST.max(n_types as u64 * STEPS_PER_TYPE),
        }
    }

    /// Writes the definition of a type, and before it all that it needs and
    /// that is not written yet. A FUNC or VAR is written as `extern`
    /// declaration; for an anonymous struct only what it needs is written.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn dump(&mut self, id: TypeId) -> Result<()> {
        let ty = self.ty(id)?;
        match ty.kind() {
            Kind::Func | Kind::Var => {
                let target = TypeId(ty.size_or_type());
                self.declare(target)?;
                self.write_extern(&ty, target, "")
            }
            _ => self.dump_definition(id),
        }
    }

    /// Hands on what is buffered and returns the writer, so that a caller can
    /// take what was written between two types.
    ///
    /// # Errors
    /// [`Error::Io`], also for failures of earlier writes.
    pub fn flush(&mut self) -> Result<&mut W> {
        Ok(self.out.flushed()?)
    }

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// [`Error::Io`], also for failures of earlier writes.
    pub fn finish(self) -> Result<()> {
        Ok(self.out.finish()?)
    }

    /// The tag under which a struct, union or enum appears in the header:
    /// its own name, unless that is no C identifier or was taken. Empty for
    /// anonymous types and other kinds.
    pub fn tag_name(&mut self, id: TypeId) -> Vec<u8> {
        match self.btf.ty(id) {
            Some(ty) if is_tagged(ty.kind()) => self.names.tag(&ty),
            _ => Vec::new(),
        }
    }

    /// The name under which a typedef appears in the header.
    pub fn typedef_name(&mut self, id: TypeId) -> Vec<u8> {
        match self.btf.ty(id) {
            Some(ty) if ty.kind() == Kind::Typedef => self.names.ident(&ty),
            _ => Vec::new(),
        }
    }

    /// As [`dump`](Self::dump), without FUNC and VAR.
    fn dump_definition(&mut self, id: TypeId) -> Result<()> {
        let ty = self.ty(id)?;
        match ty.kind() {
            // These name others but define nothing.
            Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::Unknown => Ok(()),
            // An enum that nothing refers to is there for its enumerators.
            kind if kind.is_any_enum() && ty.name_off().is_empty() => {
                let state = &mut self.states[id.0 as usize];
                if state.referenced || std::mem::replace(&mut state.complete, true) {
                    return Ok(());
                }
                self.write_enum(&ty)
            }
            _ => self.complete(id).map(|_| ()),
        }
    }

    /// Prototypes of the functions that programs may call.
    fn dump_kfuncs(&mut self) -> Result<()> {
        self.out.text(
            "#ifndef __ksym\n#define __ksym __attribute__((section(\".ksyms\")))\n#endif\n\n\
             #ifndef __weak\n#define __weak __attribute__((weak))\n#endif\n\n\
             /* BPF kfuncs */\n#ifndef BPF_NO_KFUNC_PROTOTYPES\n",
        );
        for tag in self.btf.all_types() {
            if tag.kind() != Kind::DeclTag
                || tag.component_idx() != Some(-1)
                || tag.name() != b"bpf_kfunc"
            {
                continue;
            }
            let func = self.ty(TypeId(tag.size_or_type()))?;
            if func.kind() == Kind::Func {
                let proto = TypeId(func.size_or_type());
                self.declare(proto)?;
                self.write_extern(&func, proto, " __weak __ksym")?;
            }
        }
        self.out.text("#endif\n\n");
        Ok(())
    }

    fn ty(&self, id: TypeId) -> Result<Type<'a>> {
        self.btf.ty(id).ok_or(Error::NoSuchType(id))
    }

    fn step(&mut self, id: TypeId) -> Result<()> {
        if self.out.has_failed() {
            return Err(Error::Io(std::io::ErrorKind::Other.into()));
        }
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Error::TooLong(id))?;
        Ok(())
    }

    /// Enters a level of nesting around `work`.
    fn nested<T>(&mut self, id: TypeId, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.step(id)?;
        if self.depth == MAX_DEPTH {
            return Err(Error::TooDeep(id));
        }
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// Makes a type ready to be a member. Returns whether that holds from now
    /// on, and not only inside the present container.
    fn complete(&mut self, id: TypeId) -> Result<bool> {
        let ty = self.ty(id)?;
        let at = id.0 as usize;
        if self.states[at].complete {
            return Ok(true);
        }
        match ty.kind() {
            Kind::Typedef | Kind::Struct | Kind::Union => {}
            Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                let target = TypeId(ty.size_or_type());
                return self.nested(id, |dumper| dumper.complete(target));
            }
            _ => return self.declare(id),
        }
        if std::mem::replace(&mut self.states[at].completing, true) {
            return Err(Error::TypeLoop(id));
        }
        let settled = self.nested(id, |dumper| match ty.kind() {
            Kind::Typedef => {
                let target = TypeId(ty.size_or_type());
                let settled = dumper.complete(target)?;
                Ok(dumper.declare(id)? && settled)
            }
            _ if ty.name_off().is_empty() => dumper.complete_members(&ty),
            _ => {
                let outer = std::mem::replace(&mut dumper.container, id);
                dumper.complete_members(&ty)?;
                dumper.container = outer;
                dumper.write_struct(&ty)?;
                dumper.states[at].declared = true;
                Ok(true)
            }
        })?;
        self.states[at].completing = false;
        self.states[at].complete = settled;
        Ok(settled)
    }

    fn complete_members(&mut self, ty: &Type<'a>) -> Result<bool> {
        let mut settled = true;
        for member in ty.members() {
            settled &= self.complete(member.type_id)?;
        }
        Ok(settled)
    }

    /// Makes a type ready to be named. Returns as
    /// [`complete`](Self::complete).
    fn declare(&mut self, id: TypeId) -> Result<bool> {
        let ty = self.ty(id)?;
        let at = id.0 as usize;
        if self.states[at].declared {
            return Ok(true);
        }
        let is_anonymous = ty.name_off().is_empty();
        let settled = match ty.kind() {
            // The members of an anonymous struct have to be complete, and
            // `complete` sees to it that this ends.
            Kind::Struct | Kind::Union if is_anonymous => return self.complete(id),
            Kind::Struct | Kind::Union => {
                if id == self.container {
                    return Ok(false);
                }
                self.step(id)?;
                self.write_tag_declaration(&ty);
                true
            }
            Kind::Enum | Kind::Enum64 if is_anonymous => true,
            Kind::Enum | Kind::Enum64 => {
                self.step(id)?;
                self.write_enum(&ty)?;
                self.states[at].complete = true;
                true
            }
            Kind::Fwd => {
                self.step(id)?;
                self.write_tag_declaration(&ty);
                true
            }
            Kind::Int | Kind::Float => {
                self.step(id)?;
                self.write_alias(&ty);
                true
            }
            Kind::Void | Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag | Kind::Unknown => {
                true
            }
            _ => {
                if std::mem::replace(&mut self.states[at].declaring, true) {
                    return Err(Error::TypeLoop(id));
                }
                let settled = self.nested(id, |dumper| dumper.declare_below(&ty))?;
                self.states[at].declaring = false;
                settled
            }
        };
        self.states[at].declared = settled;
        Ok(settled)
    }

    /// Declares what a pointer, modifier, array, prototype or typedef names.
    fn declare_below(&mut self, ty: &Type<'a>) -> Result<bool> {
        let target = TypeId(ty.size_or_type());
        match ty.kind() {
            Kind::Array => match ty.array() {
                Some(array) => self.complete(array.elem),
                None => Ok(true),
            },
            Kind::FuncProto => {
                let mut settled = self.declare(target)?;
                for param in ty.params() {
                    settled &= self.declare(param.type_id)?;
                }
                Ok(settled)
            }
            Kind::Typedef => {
                let outer = std::mem::replace(&mut self.container, TypeId::VOID);
                self.declare(target)?;
                self.container = outer;
                self.write_typedef(ty)?;
                Ok(true)
            }
            _ => self.declare(target),
        }
    }
}

/// STRUCT, UNION, the enums and FWD, which share the space of tags.
fn is_tagged(kind: Kind) -> bool {
    kind.is_composite() || kind.is_any_enum() || kind == Kind::Fwd
}

/// Calls `f` with each type that `ty` refers to.
fn each_ref(ty: &Type<'_>, mut f: impl FnMut(TypeId)) {
    if let Some(target) = ty.type_id() {
        f(target);
    }
    if let Some(array) = ty.array() {
        f(array.elem);
        f(array.index);
    }
    ty.members().for_each(|member| f(member.type_id));
    ty.params().for_each(|param| f(param.type_id));
    ty.sec_vars().for_each(|var| f(var.type_id));
}
