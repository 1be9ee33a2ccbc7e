//! Phase R: the type graph (`btf_check_all_types`).
//!
//! The kernel runs it on programs' BTF only; for its own BTF it serves as a
//! lint. It walks the graph depth first with an explicit stack of 32 entries,
//! and a type found good is not entered again. What counts as the end of a
//! walk depends on where it began: from a pointer, structs are an end; from
//! a struct or array, pointers are. That is how a struct may point at itself
//! but not contain itself. The order of ids decides which of several faults
//! is found, so this follows the kernel's order step by step.
//!
//! Split BTF is treated as if it were laid behind its base in one blob, which
//! is how a running kernel can be made to judge it.

use crate::breach::{Breach, Phase, TypeLog, of_type};
use crate::names::is_identifier;
use crate::raw::{Raw, Rec, bitfield_size, bytes_of_bits, is_modifier, kind};
use crate::rule::{Errno, Rule};

/// `MAX_RESOLVE_DEPTH`.
const MAX_DEPTH: usize = 32;
/// Bits of the kernel's `int`, which it takes for the size of every enum.
const ENUM_BITS: u32 = 32;

/// How exact phase R is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// As the kernel, which refuses an enum smaller than an int at the end of
    /// a struct with bitfields (rule R14).
    Exact,
    /// With the enum's own size there, because such structs are good C.
    Lint,
}

/// What phase R found out about the own types of a BTF: what each resolves
/// to and, for arrays, its size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    ids: Vec<u32>,
    sizes: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Visit {
    No,
    Open,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Walk {
    Undecided,
    FromPtr,
    FromAggregate,
}

#[derive(Clone, Copy, Debug)]
struct Vertex {
    id: u32,
    next_member: usize,
}

/// Why a step did not succeed.
enum Stop {
    /// `-E2BIG`: the stack is full.
    Depth,
    /// `-EEXIST`: the type is being visited.
    Loop,
    Breach(Box<Breach>),
}

type Step<T = ()> = Result<T, Stop>;

/// Runs phase R over the base, once, and over the own types.
pub(crate) fn check_graph(raw: &Raw<'_>, mode: Mode) -> Phase {
    if raw.base.is_none() {
        return base_results(raw, mode).map(|_| ());
    }
    resolve_own(raw, mode).map(|_| ())
}

/// The results for a BTF without a base, kept for the splits that follow.
fn base_results<'r>(raw: &'r Raw<'_>, mode: Mode) -> Phase<&'r Resolved> {
    let slot = &raw.resolved[mode as usize];
    if let Some(resolved) = slot.get() {
        return Ok(resolved);
    }
    let found = resolve_own(raw, mode)?;
    // Another thread may have been faster; the results are the same.
    Ok(slot.get_or_init(|| found))
}

fn resolve_own(raw: &Raw<'_>, mode: Mode) -> Phase<Resolved> {
    let base = match raw.base {
        Some(base) => Some(base_results(base, mode)?),
        None => None,
    };
    let n_own = raw.types.len();
    let mut env = Env {
        raw,
        mode,
        base,
        own: Resolved {
            ids: vec![0; n_own],
            sizes: vec![0; n_own],
        },
        visits: vec![Visit::No; n_own],
        stack: Vec::with_capacity(MAX_DEPTH),
        walk: Walk::Undecided,
    };
    for id in raw.first_own()..raw.n_types() {
        let Some(rec) = raw.rec(id) else { continue };
        if needs_resolve(rec.kind()) && !env.is_resolved(id) {
            env.resolve(id, &rec)?;
        }
        if rec.kind() == kind::FUNC_PROTO {
            env.func_proto(&rec)?;
        }
    }
    Ok(env.own)
}

/// `btf_type_needs_resolve`.
fn needs_resolve(kind: u32) -> bool {
    is_modifier(kind)
        || matches!(
            kind,
            kind::PTR
                | kind::STRUCT
                | kind::UNION
                | kind::ARRAY
                | kind::VAR
                | kind::FUNC
                | kind::DECL_TAG
                | kind::DATASEC
        )
}

/// `btf_type_is_resolve_source_only`: nothing may refer to these, except
/// tags and sections.
pub(crate) fn is_source_only(kind: u32) -> bool {
    matches!(kind, kind::VAR | kind::DECL_TAG | kind::DATASEC)
}

/// `btf_type_nosize`, with 0 for void.
pub(crate) fn has_no_size(kind: u32) -> bool {
    matches!(
        kind,
        kind::UNKN | kind::FWD | kind::FUNC | kind::FUNC_PROTO | kind::DECL_TAG
    )
}

/// `btf_type_has_size`: the record holds the size.
pub(crate) fn holds_size(kind: u32) -> bool {
    matches!(
        kind,
        kind::INT
            | kind::STRUCT
            | kind::UNION
            | kind::ENUM
            | kind::DATASEC
            | kind::FLOAT
            | kind::ENUM64
    )
}

/// `btf_type_int_is_regular`: a whole number of bytes, and one that a machine
/// has registers for.
fn is_regular_int(rec: &Rec<'_>) -> bool {
    let data = rec.word(3);
    let (bits, offset) = (data & 0xff, data >> 16 & 0xff);
    offset == 0 && matches!(bits, 8 | 16 | 32 | 64 | 128)
}

struct Env<'r, 'a> {
    raw: &'r Raw<'a>,
    mode: Mode,
    base: Option<&'r Resolved>,
    own: Resolved,
    visits: Vec<Visit>,
    stack: Vec<Vertex>,
    walk: Walk,
}

impl<'r, 'a> Env<'r, 'a> {
    fn log(&self) -> TypeLog<'r, 'a> {
        TypeLog {
            raw: self.raw,
            after_meta: true,
        }
    }

    fn local(&self, id: u32) -> Option<usize> {
        id.checked_sub(self.raw.start_id)
            .map(|local| local as usize)
    }

    /// `env_type_is_resolved`. Types that need no resolving never are.
    fn is_resolved(&self, id: u32) -> bool {
        match self.local(id) {
            Some(local) => self.visits.get(local) == Some(&Visit::Done),
            None => needs_resolve(self.raw.kind_of(id)),
        }
    }

    /// `btf_resolved_type_id`; 0 where nothing is known.
    fn resolved_id(&self, id: u32) -> u32 {
        self.lookup(id, |resolved| &resolved.ids)
    }

    /// `btf_resolved_type_size`.
    fn resolved_size(&self, id: u32) -> u32 {
        self.lookup(id, |resolved| &resolved.sizes)
    }

    fn lookup(&self, id: u32, table: impl Fn(&Resolved) -> &Vec<u32>) -> u32 {
        let found = match self.local(id) {
            Some(local) => table(&self.own).get(local),
            None => self.base.and_then(|base| table(base).get(id as usize)),
        };
        found.copied().unwrap_or(0)
    }

    /// `btf_type_id_size`: what `id` is once modifiers are gone, and how big.
    fn sized(&self, id: u32) -> Option<(u32, u32)> {
        let direct = self.size_of_plain(id);
        if direct.is_some() {
            return direct.map(|size| (id, size));
        }
        let kind = self.raw.kind_of(id);
        if !is_modifier(kind) && kind != kind::VAR {
            return None;
        }
        let target = self.resolved_id(id);
        self.size_of_plain(target).map(|size| (target, size))
    }

    fn size_of_plain(&self, id: u32) -> Option<u32> {
        let rec = self.raw.rec(id)?;
        match rec.kind() {
            kind::ARRAY => Some(self.resolved_size(id)),
            kind::PTR => Some(self.raw.target.pointer_size),
            kind if holds_size(kind) => Some(rec.size()),
            _ => None,
        }
    }

    /// `env_type_is_resolve_sink`.
    fn is_sink(&self, kind: u32) -> bool {
        match self.walk {
            Walk::Undecided => !needs_resolve(kind),
            Walk::FromPtr => !is_modifier(kind) && kind != kind::PTR,
            Walk::FromAggregate => {
                !is_modifier(kind) && !matches!(kind, kind::ARRAY | kind::STRUCT | kind::UNION)
            }
        }
    }

    fn must_enter(&self, id: u32) -> bool {
        !self.is_sink(self.raw.kind_of(id)) && !self.is_resolved(id)
    }

    /// `env_stack_push`.
    fn push(&mut self, id: u32) -> Step {
        if self.stack.len() == MAX_DEPTH {
            return Err(Stop::Depth);
        }
        let visit = self.local(id).and_then(|local| self.visits.get_mut(local));
        match visit {
            Some(visit @ Visit::No) => *visit = Visit::Open,
            _ => return Err(Stop::Loop),
        }
        self.stack.push(Vertex { id, next_member: 0 });
        if self.walk == Walk::Undecided {
            self.walk = match self.raw.kind_of(id) {
                kind::PTR => Walk::FromPtr,
                kind::STRUCT | kind::UNION | kind::ARRAY => Walk::FromAggregate,
                _ => Walk::Undecided,
            };
        }
        Ok(())
    }

    /// `env_stack_pop_resolved`.
    fn pop(&mut self, resolved_id: u32, resolved_size: u32) {
        if let Some(vertex) = self.stack.pop()
            && let Some(local) = self.local(vertex.id)
            && local < self.visits.len()
        {
            self.own.ids[local] = resolved_id;
            self.own.sizes[local] = resolved_size;
            self.visits[local] = Visit::Done;
        }
    }

    fn set_next_member(&mut self, next: usize) {
        if let Some(top) = self.stack.last_mut() {
            top.next_member = next;
        }
    }

    /// `btf_resolve`.
    fn resolve(&mut self, id: u32, rec: &Rec<'a>) -> Phase {
        self.walk = Walk::Undecided;
        let log = self.log();
        // The kernel ignores a failure here: the loop below then does nothing
        // and the final check finds the type unresolved.
        let mut outcome = match self.push(id) {
            Ok(()) | Err(Stop::Depth | Stop::Loop) => Ok(()),
            other => other,
        };
        while outcome.is_ok()
            && let Some(&vertex) = self.stack.last()
        {
            let Some(top) = self.raw.rec(vertex.id) else {
                break;
            };
            outcome = match top.kind() {
                kind::PTR => self.ptr(&top),
                kind::ARRAY => self.array(&top),
                kind::STRUCT | kind::UNION => self.composite(&top, vertex.next_member),
                kind::VAR => self.var(&top),
                kind::FUNC => self.func(&top),
                kind::DATASEC => self.datasec(&top, vertex.next_member),
                kind::DECL_TAG => self.decl_tag(&top),
                kind if is_modifier(kind) => self.modifier(&top),
                _ => Err(Stop::Breach(log.basic(
                    Rule::ResolveState,
                    &top,
                    "Unsupported resolve",
                ))),
            };
        }
        match outcome {
            Ok(()) if self.is_valid(id, rec) => Ok(()),
            Ok(()) => Err(log.typed(Rule::ResolveState, rec, 0, "Invalid resolve state")),
            Err(Stop::Depth) => {
                let text = format!("Exceeded max resolving depth:{MAX_DEPTH}");
                Err(log.typed_as(Rule::Depth, Errno::E2big, id, rec, 0, &text))
            }
            Err(Stop::Loop) => {
                Err(log.typed_as(Rule::Loop, Errno::Eexist, id, rec, 0, "Loop detected"))
            }
            Err(Stop::Breach(breach)) => Err(breach),
        }
    }

    /// `btf_resolve_valid`.
    fn is_valid(&self, id: u32, rec: &Rec<'a>) -> bool {
        if !self.is_resolved(id) {
            return false;
        }
        let (resolved_id, resolved_size) = (self.resolved_id(id), self.resolved_size(id));
        match rec.kind() {
            kind::STRUCT | kind::UNION | kind::DATASEC => resolved_id == 0 && resolved_size == 0,
            kind::DECL_TAG | kind::FUNC => resolved_id != 0 && resolved_size == 0,
            kind::ARRAY => self.sized(rec.word(3)).is_some_and(|(elem_id, elem_size)| {
                !is_modifier(self.raw.kind_of(elem_id))
                    && rec.word(5).wrapping_mul(elem_size) == resolved_size
            }),
            kind if is_modifier(kind) || matches!(kind, kind::PTR | kind::VAR) => {
                let target = self.raw.kind_of(resolved_id);
                self.raw.exists(resolved_id)
                    && !is_modifier(target)
                    && !matches!(target, kind::VAR | kind::DATASEC)
            }
            _ => false,
        }
    }

    fn refuse<T>(&self, rule: Rule, rec: &Rec<'a>, word: usize, text: &str) -> Step<T> {
        Err(Stop::Breach(self.log().typed(rule, rec, word, text)))
    }

    /// The type at `id` may be referred to: it exists and is no source-only
    /// kind. Void passes.
    fn is_target(&self, id: u32) -> bool {
        self.raw.exists(id) && !is_source_only(self.raw.kind_of(id))
    }

    /// As [`is_target`](Self::is_target), and its kind can have a size.
    fn is_sizable_target(&self, id: u32) -> bool {
        let kind = self.raw.kind_of(id);
        !has_no_size(kind) && !is_source_only(kind)
    }

    /// What a pointer or modifier resolves to: `next`, or void, a FWD or
    /// a FUNC_PROTO behind it.
    fn referee(&self, rec: &Rec<'a>, next: u32) -> Step<u32> {
        if let Some((id, _)) = self.sized(next) {
            return Ok(id);
        }
        let next = if self.is_resolved(next) {
            self.resolved_id(next)
        } else {
            next
        };
        match self.raw.kind_of(next) {
            kind::UNKN | kind::FWD | kind::FUNC_PROTO => Ok(next),
            _ => self.refuse(Rule::RefTarget, rec, 2, "Invalid type_id"),
        }
    }

    /// A modifier resolved from a struct may have stopped at a pointer, which
    /// a pointer or variable must go on from.
    fn pointer_behind(&self, next: u32) -> Option<u32> {
        if !is_modifier(self.raw.kind_of(next)) {
            return None;
        }
        let target = self.resolved_id(next);
        (self.raw.kind_of(target) == kind::PTR && self.must_enter(target)).then_some(target)
    }

    fn modifier(&mut self, rec: &Rec<'a>) -> Step {
        let next = rec.ty();
        if !self.is_target(next) {
            return self.refuse(Rule::RefTarget, rec, 2, "Invalid type_id");
        }
        if self.must_enter(next) {
            return self.push(next);
        }
        let target = self.referee(rec, next)?;
        self.pop(target, 0);
        Ok(())
    }

    fn ptr(&mut self, rec: &Rec<'a>) -> Step {
        let next = rec.ty();
        if !self.is_target(next) {
            return self.refuse(Rule::RefTarget, rec, 2, "Invalid type_id");
        }
        if self.must_enter(next) {
            return self.push(next);
        }
        if let Some(behind) = self.pointer_behind(next) {
            return self.push(behind);
        }
        let target = self.referee(rec, next)?;
        self.pop(target, 0);
        Ok(())
    }

    fn var(&mut self, rec: &Rec<'a>) -> Step {
        let next = rec.ty();
        if !self.is_target(next) {
            return self.refuse(Rule::VarTarget, rec, 2, "Invalid type_id");
        }
        if self.must_enter(next) {
            return self.push(next);
        }
        if let Some(behind) = self.pointer_behind(next) {
            return self.push(behind);
        }
        match self.sized(next) {
            Some((target, _)) => {
                self.pop(target, 0);
                Ok(())
            }
            None => self.refuse(Rule::VarTarget, rec, 2, "Invalid type_id"),
        }
    }

    fn array(&mut self, rec: &Rec<'a>) -> Step {
        let (elem, index, n_elems) = (rec.word(3), rec.word(4), rec.word(5));
        if !self.is_sizable_target(index) {
            return self.refuse(Rule::IndexTarget, rec, 4, "Invalid index");
        }
        if self.must_enter(index) {
            return self.push(index);
        }
        let index_rec = self.sized(index).and_then(|(id, _)| self.raw.rec(id));
        if !index_rec.is_some_and(|rec| rec.kind() == kind::INT && is_regular_int(&rec)) {
            return self.refuse(Rule::IndexTarget, rec, 4, "Invalid index");
        }
        if !self.is_sizable_target(elem) {
            return self.refuse(Rule::ElemTarget, rec, 3, "Invalid elem");
        }
        if self.must_enter(elem) {
            return self.push(elem);
        }
        let Some((elem_id, elem_size)) = self.sized(elem) else {
            return self.refuse(Rule::ElemTarget, rec, 3, "Invalid elem");
        };
        let elem_rec = self.raw.rec(elem_id);
        if elem_rec.is_some_and(|rec| rec.kind() == kind::INT && !is_regular_int(&rec)) {
            return self.refuse(Rule::ElemInt, rec, 3, "Invalid array of int");
        }
        let Some(size) = elem_size.checked_mul(n_elems) else {
            return self.refuse(Rule::ArrayOverflow, rec, 5, "Array size overflows U32_MAX");
        };
        self.pop(elem_id, size);
        Ok(())
    }

    fn composite(&mut self, rec: &Rec<'a>, next_member: usize) -> Step {
        if let Some(last) = next_member.checked_sub(1) {
            // The member entered before must have been resolved meanwhile.
            if !self.is_resolved(rec.elem::<3>(last)[1]) {
                return Err(Stop::Breach(of_type(
                    Rule::ResolveState,
                    Errno::Einval,
                    rec.id,
                    rec.off,
                    "",
                )));
            }
            self.member_fits(rec, last)?;
        }
        for idx in next_member..rec.elems::<3>().len() {
            let ty = rec.elem::<3>(idx)[1];
            if !self.is_sizable_target(ty) {
                return self.refuse_member(Rule::MemberTarget, rec, idx, ty, "Invalid member");
            }
            if self.must_enter(ty) {
                self.set_next_member(idx + 1);
                return self.push(ty);
            }
            self.member_fits(rec, idx)?;
        }
        self.pop(0, 0);
        Ok(())
    }

    fn refuse_member(&self, rule: Rule, rec: &Rec<'a>, idx: usize, ty: u32, text: &str) -> Step {
        let breach = self.log().member_as(rule, rec, idx, ty, text);
        Err(Stop::Breach(breach))
    }

    /// `check_member` or `check_kflag_member` of the member's kind.
    fn member_fits(&self, rec: &Rec<'a>, idx: usize) -> Step {
        let [_, declared, word] = rec.elem::<3>(idx);
        let mut ty = declared;
        if is_modifier(self.raw.kind_of(ty)) {
            match self.sized(ty) {
                Some((target, _)) => ty = target,
                None => {
                    return self.refuse_member(Rule::MemberTarget, rec, idx, ty, "Invalid member");
                }
            }
        }
        let refuse = |rule, text| self.refuse_member(rule, rec, idx, ty, text);
        let Some(member) = self.raw.rec(ty) else {
            return refuse(Rule::MemberTarget, "Invalid member");
        };
        let bits = rec.member_offset(word);
        let width = bitfield_size(rec.kflag(), word);
        let struct_size = rec.size();
        // Phase M keeps the offset inside the struct, so this cannot wrap.
        let left = struct_size.wrapping_sub(bits / 8);
        match (member.kind(), rec.kflag()) {
            (kind::INT, false) => self.int_member(rec, idx, ty, &member, bits),
            (kind::INT, true) => self.bitfield_int(rec, idx, ty, &member, bits, width),
            (kind::ENUM | kind::ENUM64, true) => {
                let whole = match self.mode {
                    Mode::Exact => ENUM_BITS,
                    Mode::Lint => member.size() * 8,
                };
                if width == 0 && !bits.is_multiple_of(8) {
                    return refuse(Rule::BitfieldEnum, "Member is not byte aligned");
                }
                if width > whole {
                    return refuse(Rule::BitfieldEnum, "Invalid member bitfield_size");
                }
                let width = if width == 0 { whole } else { width };
                if struct_size < bytes_of_bits(bits + width) {
                    return refuse(Rule::BitfieldEnum, "Member exceeds struct_size");
                }
                Ok(())
            }
            (_, true) if width != 0 => refuse(Rule::BitfieldOther, "Invalid member bitfield_size"),
            (kind::FLOAT, _) => {
                let align = self.raw.target.pointer_size.min(member.size()).max(1);
                if !bits.is_multiple_of(align * 8) {
                    return refuse(Rule::FloatMember, "Member is not properly aligned");
                }
                let end = u64::from(bits / 8) + u64::from(member.size());
                if end > u64::from(struct_size) {
                    return refuse(Rule::FloatMember, "Member exceeds struct_size");
                }
                Ok(())
            }
            (
                kind::PTR | kind::ARRAY | kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64,
                _,
            ) => {
                if !bits.is_multiple_of(8) {
                    return refuse(Rule::ByteMember, "Member is not byte aligned");
                }
                let size = self.size_of_plain(ty).unwrap_or(0);
                if left < size {
                    return refuse(Rule::ByteMember, "Member exceeds struct_size");
                }
                Ok(())
            }
            (_, kflag) => {
                let text = if kflag {
                    "Unsupported check_kflag_member"
                } else {
                    "Unsupported check_member"
                };
                Err(Stop::Breach(self.log().basic(
                    Rule::ResolveState,
                    rec,
                    text,
                )))
            }
        }
    }

    /// `btf_int_check_member`.
    fn int_member(
        &self,
        rec: &Rec<'a>,
        idx: usize,
        ty: u32,
        member: &Rec<'a>,
        offset: u32,
    ) -> Step {
        let refuse = |text| self.refuse_member(Rule::IntMember, rec, idx, ty, text);
        let data = member.word(3);
        let Some(start) = offset.checked_add(data >> 16 & 0xff) else {
            return refuse("bits_offset exceeds U32_MAX");
        };
        let copied = (data & 0xff) + start % 8;
        if copied > 128 {
            return refuse("nr_copy_bits exceeds 128");
        }
        match rec.size().checked_sub(start / 8) {
            Some(left) if left >= bytes_of_bits(copied) => Ok(()),
            _ => refuse("Member exceeds struct_size"),
        }
    }

    /// `btf_int_check_kflag_member`.
    fn bitfield_int(
        &self,
        rec: &Rec<'a>,
        idx: usize,
        ty: u32,
        member: &Rec<'a>,
        bits: u32,
        width: u32,
    ) -> Step {
        let refuse = |text| self.refuse_member(Rule::BitfieldInt, rec, idx, ty, text);
        if !is_regular_int(member) {
            return refuse("Invalid member base type");
        }
        let whole = member.word(3) & 0xff;
        if width == 0 && !bits.is_multiple_of(8) {
            return refuse("Invalid member offset");
        }
        if width > whole {
            return refuse("Invalid member bitfield_size");
        }
        let copied = if width == 0 { whole } else { width } + bits % 8;
        if copied > 128 {
            return refuse("nr_copy_bits exceeds 128");
        }
        match rec.size().checked_sub(bits / 8) {
            Some(left) if left >= bytes_of_bits(copied) => Ok(()),
            _ => refuse("Member exceeds struct_size"),
        }
    }

    /// `btf_func_check`.
    fn func(&mut self, rec: &Rec<'a>) -> Step {
        let proto = self.raw.rec(rec.ty());
        let Some(proto) = proto.filter(|proto| proto.kind() == kind::FUNC_PROTO) else {
            return self.refuse(Rule::FuncTarget, rec, 2, "Invalid type_id");
        };
        for (idx, [name, ty]) in proto.elems().enumerate() {
            if name == 0 && ty != 0 {
                let text = format!("Invalid arg#{}", idx + 1);
                return self.refuse(Rule::FuncParamName, rec, 2, &text);
            }
        }
        self.pop(rec.ty(), 0);
        Ok(())
    }

    fn datasec(&mut self, rec: &Rec<'a>, next_member: usize) -> Step {
        self.walk = Walk::Undecided;
        for idx in next_member..rec.elems::<3>().len() {
            let [ty, _, size] = rec.elem(idx);
            let refuse = |env: &Self, text| {
                let breach = env.log().sec_var(Rule::SecVarTarget, rec, idx, text);
                Err(Stop::Breach(breach))
            };
            let var = self.raw.rec(ty).filter(|var| var.kind() == kind::VAR);
            let Some(var) = var else {
                return refuse(self, "Not a VAR kind member");
            };
            if self.must_enter(ty) {
                self.set_next_member(idx + 1);
                return self.push(ty);
            }
            match self.sized(var.ty()) {
                None => return refuse(self, "Invalid type"),
                Some((_, type_size)) if size < type_size => return refuse(self, "Invalid size"),
                Some(_) => {}
            }
        }
        self.pop(0, 0);
        Ok(())
    }

    fn decl_tag(&mut self, rec: &Rec<'a>) -> Step {
        let next = rec.ty();
        let target = self.raw.rec(next);
        let Some(target) = target.filter(|target| {
            matches!(
                target.kind(),
                kind::FUNC | kind::STRUCT | kind::UNION | kind::VAR | kind::TYPEDEF
            )
        }) else {
            return self.refuse(Rule::TagTarget, rec, 2, "Invalid type_id");
        };
        if self.must_enter(next) {
            return self.push(next);
        }
        let component = rec.word(3);
        if component != u32::MAX {
            let n_components = match target.kind() {
                kind::VAR | kind::TYPEDEF => 0,
                kind::FUNC => self.raw.rec(target.ty()).map_or(0, |proto| proto.vlen()),
                _ => target.vlen(),
            };
            if component >= n_components {
                return self.refuse(Rule::TagIndex, rec, 3, "Invalid component_idx");
            }
        }
        self.pop(next, 0);
        Ok(())
    }

    /// `btf_func_proto_check`.
    fn func_proto(&mut self, rec: &Rec<'a>) -> Phase {
        let log = self.log();
        if rec.ty() != 0 {
            let refuse = || Err(log.typed(Rule::ReturnType, rec, 2, "Invalid return type"));
            if !self.is_target(rec.ty()) {
                return refuse();
            }
            self.resolve_used(rec.ty())?;
            if self.sized(rec.ty()).is_none() {
                return refuse();
            }
        }
        let mut n_params = rec.elems::<2>().len();
        if let Some(last) = n_params.checked_sub(1) {
            let [name, ty] = rec.elem(last);
            if ty == 0 {
                if name != 0 {
                    let text = format!("Invalid arg#{n_params}");
                    return Err(log.typed(Rule::ParamType, rec, 3 + last * 2, &text));
                }
                n_params -= 1;
            }
        }
        for idx in 0..n_params {
            let [name, ty] = rec.elem(idx);
            let refuse = || {
                let text = format!("Invalid arg#{}", idx + 1);
                Err(log.typed(Rule::ParamType, rec, 3 + idx * 2, &text))
            };
            let is_named =
                self.raw.str_exists(name) && self.raw.str_at(name).is_some_and(is_identifier);
            if !self.is_target(ty) || (name != 0 && !is_named) {
                return refuse();
            }
            self.resolve_used(ty)?;
            if self.sized(ty).is_none() {
                return refuse();
            }
        }
        Ok(())
    }

    fn resolve_used(&mut self, id: u32) -> Phase {
        match self.raw.rec(id) {
            Some(rec) if needs_resolve(rec.kind()) && !self.is_resolved(id) => {
                self.resolve(id, &rec)
            }
            _ => Ok(()),
        }
    }
}
