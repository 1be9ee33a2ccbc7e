//! Which functions become `FUNC`s, and with what prototype.
//!
//! One C function has many DIEs: an abstract instance in each CU that inlines it, a concrete one where it is
//! compiled, clones under dotted names. Each is a *state*; the states of one name are combined at the end of the
//! file, and the function is left out where they disagree or where its calling convention cannot be trusted
//! (dwarves `btf_encoder.c`: `btf_encoder__save_func`, `saved_functions_combine`, `btf_encoder__add_saved_funcs`;
//! `dwarf_loader.c`: `function__analyze_parameter_locations`).

use std::ops::Range;

use btf_builder::Hash32;
use dwarf_reader::{Fact, Loc, Relocate, Str, Target, TypeRef, TypeTag, Unit};
use elf_io::{Elf, Sym, consts as elf};
use foldhash::fast::FixedState;
use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};
use rayon::prelude::*;

use crate::cu::Worker;
use crate::diag::{DiagKind, Mismatch, SkipReason};
use crate::shape::name_hash;
use crate::store::{Key, NodeId};

/// One function symbol: its full name and place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FuncSym<'d> {
    pub(crate) name: &'d [u8],
    pub(crate) addr: Target,
}

/// All symbols of one base name (`foo` of `foo.isra.0`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'d> {
    pub(crate) name: &'d [u8],
    pub(crate) first: u32,
    pub(crate) n: u32,
    /// The symbols are at different addresses.
    pub(crate) ambiguous: bool,
}

/// The function symbols of a file, by base name.
#[derive(Debug, Default)]
pub(crate) struct Functions<'d> {
    pub(crate) groups: Vec<Group<'d>>,
    pub(crate) syms: Vec<FuncSym<'d>>,
    /// Groups by name.
    table: HashTable<(Hash32, u32)>,
}

/// A symbol's name up to the first dot, and the rest.
fn base_name(name: &[u8]) -> (&[u8], &[u8]) {
    name.split_at(memchr::memchr(b'.', name).unwrap_or(name.len()))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

impl<'d> Functions<'d> {
    /// Collects all `STT_FUNC` symbols of `.symtab`.
    pub(crate) fn collect(elf: &Elf<'d>) -> elf_io::Result<Self> {
        /// Symbols that are worth being looked at by another thread, in a table of eight times as many.
        const MANY: usize = 1 << 13;
        let relocatable = elf.is_relocatable();
        let code = elf.code_places()?;
        let symbols = elf.symbols()?;
        let n = symbols.n_symbols();
        let is_func = |sym: &Sym<'_>| sym.sym_type() == elf::STT_FUNC.0;
        let in_part = |part: Range<usize>| -> elf_io::Result<Vec<(Hash32, FuncSym<'d>)>> {
            let mut found = Vec::new();
            for sym in symbols.filtered(part, is_func) {
                let sym = sym?;
                let (base, suffix) = base_name(sym.name);
                if base.is_empty() || contains(suffix, b".cold") || contains(suffix, b".part") {
                    continue;
                }
                let (section, value) = code.of(&sym);
                let section = if relocatable {
                    section.map_or(0, |s| s.0)
                } else {
                    0
                };
                let addr = Target { section, value };
                let name = sym.name;
                found.push((Hash32::of(name_hash(base)), FuncSym { name, addr }));
            }
            Ok(found)
        };
        let parts: Vec<_> = if n < 8 * MANY {
            vec![in_part(0..n)]
        } else {
            (0..n.div_ceil(MANY))
                .into_par_iter()
                .map(|part| in_part(part * MANY..n.min((part + 1) * MANY)))
                .collect()
        };
        let mut functions = Self::default();
        let mut all: Vec<(u32, FuncSym<'d>)> = Vec::new();
        for part in parts {
            let part = part?;
            all.reserve(part.len());
            all.extend(part.iter().map(|&(hash, sym)| {
                let (base, _) = base_name(sym.name);
                (functions.group(hash, base), sym)
            }));
        }
        // Those of one group next to each other, in their order.
        let mut next = 0;
        for group in &mut functions.groups {
            group.first = next;
            next += group.n;
            group.n = 0;
        }
        functions.syms = all.iter().map(|&(_, sym)| sym).collect();
        for &(g, sym) in &all {
            let group = &mut functions.groups[g as usize];
            functions.syms[(group.first + group.n) as usize] = sym;
            group.n += 1;
        }
        let defined = |addr: &Target| !relocatable || addr.section != 0;
        for group in functions.groups.iter_mut().filter(|group| group.n > 1) {
            let syms = &functions.syms[group.first as usize..][..group.n as usize];
            let mut places = syms.iter().map(|s| s.addr).filter(defined);
            group.ambiguous = places
                .next()
                .is_some_and(|first| places.any(|p| p != first));
        }
        Ok(functions)
    }

    /// The group of one more symbol of this base name.
    fn group(&mut self, hash: Hash32, name: &'d [u8]) -> u32 {
        let groups = &mut self.groups;
        let same = |&(h, g): &(Hash32, u32)| h == hash && groups[g as usize].name == name;
        let entry = self.table.entry(hash.spread(), same, |(h, _)| h.spread());
        let g = match entry {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let g = groups.len() as u32;
                entry.insert((hash, g));
                groups.push(Group {
                    name,
                    first: 0,
                    n: 0,
                    ambiguous: false,
                });
                g
            }
        };
        groups[g as usize].n += 1;
        g
    }

    fn find(&self, name: &[u8]) -> Option<u32> {
        let hash = Hash32::of(name_hash(name));
        let same = |&(h, g): &(Hash32, u32)| h == hash && self.groups[g as usize].name == name;
        self.table.find(hash.spread(), same).map(|&(_, g)| g)
    }

    pub(crate) fn syms_of(&self, group: u32) -> &[FuncSym<'d>] {
        let g = &self.groups[group as usize];
        &self.syms[g.first as usize..(g.first + g.n) as usize]
    }
}

/// How an architecture passes parameters (dwarves `arch__nr_register_params`, `arch__set_register_params`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Abi {
    /// Number of argument registers.
    n_regs: usize,
    /// DWARF numbers of the argument registers, empty where they are not known.
    regs: &'static [u8],
    /// An aggregate of two words goes in two registers.
    two_regs: bool,
    /// Bytes to which a member of a scalar type is aligned at most, however large it is.
    max_align: u64,
}

impl Abi {
    pub(crate) fn of(machine: u16) -> Self {
        const X86_64: &[u8] = &[5, 4, 1, 2, 8, 9];
        const ARM: &[u8] = &[0, 1, 2, 3, 4, 5, 6, 7];
        const S390: &[u8] = &[2, 3, 4, 5, 6];
        let (n_regs, regs): (usize, &[u8]) = match object::elf::Machine(machine) {
            elf::EM_X86_64 => (6, X86_64),
            elf::EM_AARCH64 | elf::EM_ARM => (8, ARM),
            elf::EM_S390 => (5, S390),
            elf::EM_SPARC | elf::EM_SPARCV9 => (6, &[]),
            elf::EM_ARC | elf::EM_MIPS | elf::EM_PPC | elf::EM_PPC64 | elf::EM_RISCV => (8, &[]),
            _ => (0, &[]),
        };
        Self {
            n_regs,
            regs,
            two_regs: object::elf::Machine(machine) != elf::EM_S390,
            // By the System V ABI supplements of these two; all other targets of Linux align
            // eight bytes to eight.
            max_align: match object::elf::Machine(machine) {
                elf::EM_386 => 4,
                elf::EM_68K => 2,
                _ => 16,
            },
        }
    }
}

/// One DIE's view of a function.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) group: u32,
    pub(crate) key: Key,
    pub(crate) addr: Option<Target>,
    pub(crate) proto: NodeId,
    pub(crate) n_params: u32,
    /// What the return type and the parameters are, as far as consistency asks.
    pub(crate) ret_match: u64,
    pub(crate) params_match: u64,
    pub(crate) unexpected_reg: bool,
    pub(crate) optimized: bool,
    pub(crate) uncertain: bool,
    pub(crate) reordered: bool,
    pub(crate) signature_changed: bool,
    pub(crate) optimized_symbol: bool,
    /// The dotted symbol at this address, as an index into the group's symbols.
    pub(crate) dotted: Option<u32>,
    /// Decl tags of the function or, where it has none, of its origin: component and value.
    pub(crate) tags: Vec<(i32, Str)>,
    pub(crate) asm: bool,
}

impl State {
    /// Whether two states differ in nothing but where their DIEs are.
    fn is_like(&self, other: &Self) -> bool {
        let Self {
            group,
            key: _,
            addr,
            proto,
            n_params,
            ret_match,
            params_match,
            unexpected_reg,
            optimized,
            uncertain,
            reordered,
            signature_changed,
            optimized_symbol,
            dotted,
            tags,
            asm,
        } = self;
        *group == other.group
            && *addr == other.addr
            && *proto == other.proto
            && *n_params == other.n_params
            && *ret_match == other.ret_match
            && *params_match == other.params_match
            && *unexpected_reg == other.unexpected_reg
            && *optimized == other.optimized
            && *uncertain == other.uncertain
            && *reordered == other.reordered
            && *signature_changed == other.signature_changed
            && *optimized_symbol == other.optimized_symbol
            && *dotted == other.dotted
            && *tags == other.tags
            && *asm == other.asm
    }
}

/// States in the order in which one worker comes by them, without most of those that an earlier one is like: an inline
/// function of a header has the same one in each of a thousand units, and [`decide`] learns all from the first.
#[derive(Debug, Default)]
pub(crate) struct States {
    list: Vec<State>,
    /// The place in the list of the latest state of each group, plus one.
    latest: Vec<u32>,
}

impl States {
    fn add(&mut self, state: State) {
        let group = state.group as usize;
        if group >= self.latest.len() {
            self.latest.resize(group + 1, 0);
        }
        let latest = self.latest[group].checked_sub(1);
        if !latest.is_some_and(|at| self.list[at as usize].is_like(&state)) {
            self.list.push(state);
            self.latest[group] = self.list.len() as u32;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.latest.clear();
    }

    /// In order of group, then of key.
    pub(crate) fn into_sorted(mut self) -> Vec<State> {
        self.list.sort_unstable_by_key(|s| (s.group, s.key));
        self.list
    }
}

/// What is known of one parameter of a candidate.
#[derive(Debug, Clone, Copy, Default)]
struct ParamInfo {
    fact: Fact,
    has_loc: bool,
    const_value: bool,
    size: u64,
    in_memory: bool,
    optimized: bool,
    unexpected: bool,
    /// Position among the function's parameters.
    idx: u32,
}

/// A function to be judged.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    func: u32,
    group: u32,
    reordered: bool,
    signature_changed: bool,
}

/// A prototype in terms of its own unit.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) func: u32,
    pub(crate) ret: TypeRef,
    /// Names and types; a variable list ends in none of both.
    pub(crate) params: Vec<(Str, TypeRef)>,
}

/// Judges the functions of one unit after the other.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    places: Places,
    infos: Vec<ParamInfo>,
    candidates: Vec<Candidate>,
    matches: Vec<u64>,
    refs: Vec<(Str, TypeRef)>,
    /// Functions of the unit at hand whose prototypes are to be kept as local references, in ascending order.
    pub(crate) wanted: Vec<u32>,
    pub(crate) captured: Vec<Captured>,
    pub(crate) states: States,
}

/// The groups of names by the places of these: an inline function of a header comes again in each unit.
#[derive(Debug, Default)]
struct Places(Vec<(u64, Option<u32>)>);

impl Places {
    /// Two for each name that a kernel's headers give to inline functions.
    const SLOTS: usize = 1 << 13;

    #[inline]
    fn group(
        &mut self,
        functions: &Functions<'_>,
        text: &crate::text::Text<'_>,
        name: Str,
    ) -> Option<u32> {
        if self.0.is_empty() {
            self.0.resize(Self::SLOTS, (Str::NONE.to_bits(), None));
        }
        let place = name.to_bits();
        let spread = place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let slot = &mut self.0[spread as usize % Self::SLOTS];
        if slot.0 != place {
            *slot = (place, functions.find(text.bytes(name)));
        }
        slot.1
    }
}

const DW_CC_NOCALL: u8 = 3;

/// A parameter's name and type, its own or its origin's.
pub(crate) fn param_of(unit: &Unit, p: usize) -> (Str, TypeRef, Option<usize>) {
    let own = &unit.func_params[p];
    if own.has_type {
        return (own.name, own.ty, None);
    }
    match unit.func_param_at(own.origin) {
        Some(o) if own.origin != u32::MAX => {
            (unit.func_params[o].name, unit.func_params[o].ty, Some(o))
        }
        _ => (own.name, own.ty, None),
    }
}

/// A function's name, its own or that of its origin or declaration.
pub(crate) fn name_of(unit: &Unit, f: usize) -> Str {
    let func = &unit.funcs[f];
    if !func.name.is_none() {
        return func.name;
    }
    for off in [func.origin, func.specification] {
        if off != u32::MAX
            && let Some(o) = unit.func_at(off)
        {
            let origin = &unit.funcs[o];
            if !origin.name.is_none() {
                return origin.name;
            }
            // A concrete instance of a function declared elsewhere (C++): one more step.
            if origin.specification != u32::MAX
                && let Some(s) = unit.func_at(origin.specification)
            {
                return unit.funcs[s].name;
            }
        }
    }
    Str::NONE
}

impl Judge {
    /// Adds the states of all candidates of the worker's unit, whose types are resolved.
    pub(crate) fn unit<R: Relocate>(
        &mut self,
        w: &mut Worker<'_, '_>,
        functions: &Functions<'_>,
        abi: Abi,
        relocate: &R,
    ) {
        self.candidates.clear();
        self.infos.clear();
        if functions.groups.is_empty() {
            return;
        }
        self.infos
            .resize(w.unit.func_params.len(), ParamInfo::default());
        self.matches.clear();
        self.matches.resize(w.unit.types.len(), 0);
        for f in 0..w.unit.funcs.len() {
            let func = w.unit.funcs[f];
            if func.declaration {
                continue;
            }
            let name = name_of(&w.unit, f);
            let group = if w.repeats {
                self.places.group(functions, &w.text, name)
            } else {
                functions.find(w.text.bytes(name))
            };
            let Some(group) = group else {
                continue;
            };
            let range = func.first as usize..(func.first + func.n) as usize;
            let named = range.clone().all(|p| !param_of(&w.unit, p).0.is_none());
            if name.is_none() || !named {
                continue;
            }
            let signature_changed = if func.inline {
                false
            } else if func.origin == u32::MAX {
                func.calling_convention == DW_CC_NOCALL
            } else {
                w.unit
                    .func_at(func.origin)
                    .is_some_and(|o| w.unit.funcs[o].calling_convention == DW_CC_NOCALL)
            };
            for p in range {
                self.infos[p] = self.gather(w, p, f, abi, relocate);
                self.infos[p].idx = p as u32 - func.first;
            }
            self.candidates.push(Candidate {
                func: f as u32,
                group,
                reordered: false,
                signature_changed,
            });
        }
        self.share_with_origins(w);
        for i in 0..self.candidates.len() {
            let c = self.candidates[i];
            let state = self.state(w, functions, abi, relocate, c);
            self.states.add(state);
        }
    }

    fn gather<R: Relocate>(
        &self,
        w: &mut Worker<'_, '_>,
        p: usize,
        f: usize,
        abi: Abi,
        relocate: &R,
    ) -> ParamInfo {
        let param = w.unit.func_params[p];
        let header = w.unit.headers[w.unit.funcs[f].header as usize];
        let address_size = u64::from(header.address_size());
        let (_, ty, _) = param_of(&w.unit, p);
        let size = type_size(&w.unit, ty, address_size);
        let limit = if abi.two_regs {
            2 * address_size
        } else {
            address_size
        };
        let mut info = ParamInfo {
            has_loc: param.loc != Loc::None,
            const_value: param.const_value,
            size,
            in_memory: size > limit,
            ..ParamInfo::default()
        };
        if info.has_loc {
            let facts = dwarf_reader::locations(
                w.text.sections,
                &header,
                relocate,
                param.loc,
                size,
                abi.two_regs,
            );
            match facts {
                Ok(fact) => info.fact = fact,
                Err(_) => w.warn(DiagKind::BadLocation, param.off, param.name),
            }
        }
        info
    }

    /// What a concrete instance knows about its parameters holds for the abstract one too.
    fn share_with_origins(&mut self, w: &Worker<'_, '_>) {
        for c in &mut self.candidates {
            let func = w.unit.funcs[c.func as usize];
            for p in func.first as usize..(func.first + func.n) as usize {
                let (_, _, Some(o)) = param_of(&w.unit, p) else {
                    continue;
                };
                let own = self.infos[p];
                let origin_idx = position_of(&w.unit, o);
                c.reordered |= own.idx != origin_idx;
                let origin = &mut self.infos[o];
                origin.has_loc |= own.has_loc;
                origin.const_value |= own.const_value;
                origin.fact.constant |= own.fact.constant;
                origin.fact.stack |= own.fact.stack;
                if own.fact.reg.is_some() {
                    origin.fact.reg = own.fact.reg;
                }
                if own.size != 0 {
                    origin.size = own.size;
                }
                origin.in_memory |= own.in_memory;
                origin.fact.first |= own.fact.first;
                origin.fact.second |= own.fact.second;
            }
        }
    }

    /// Marks parameters that are optimised out or in the wrong register.
    fn analyze(&mut self, w: &Worker<'_, '_>, abi: Abi, c: Candidate) {
        let func = w.unit.funcs[c.func as usize];
        let range = func.first as usize..(func.first + func.n) as usize;
        let address_size = u64::from(w.unit.headers[func.header as usize].address_size());
        let slots_of = |info: &ParamInfo| {
            if !abi.two_regs || info.size <= address_size {
                1
            } else {
                usize::try_from(info.size.div_ceil(address_size))
                    .unwrap_or(usize::MAX)
                    .max(1)
            }
        };
        let mut index = 0usize;
        if func.clang && !c.signature_changed {
            for p in range {
                let info = &mut self.infos[p];
                let slots = slots_of(info);
                if info.in_memory {
                    continue;
                }
                if index >= abi.n_regs {
                    break;
                }
                // Where nobody wrote down the ABI's registers, no register is the wrong one.
                if let Some(reg) = info.fact.reg
                    && !abi.regs.is_empty()
                {
                    let end = index.saturating_add(slots).min(abi.n_regs);
                    let window = abi.regs.get(index..end).unwrap_or_default();
                    info.unexpected |= !window.contains(&reg);
                }
                index = index.saturating_add(slots);
            }
            return;
        }
        let true_signature = w.features.true_signature && c.signature_changed;
        for p in range.clone() {
            let next_reg = if p + 1 < range.end {
                self.infos[p + 1].fact.reg
            } else {
                None
            };
            let info = &mut self.infos[p];
            let slots = slots_of(info);
            let consumed = if info.in_memory { 1 } else { slots };
            let available = index < abi.n_regs;
            let expected = if available { abi.regs.get(index) } else { None };
            let keeps_slots = next_reg.is_some_and(|reg| {
                let next = index.saturating_add(slots);
                next < abi.n_regs && abi.regs.get(next) == Some(&reg)
            });
            if info.has_loc {
                if true_signature && info.fact.constant {
                    info.optimized = true;
                    continue;
                }
                if !available {
                    continue;
                }
                if true_signature && info.fact.stack {
                    if info.in_memory {
                        continue;
                    }
                    info.unexpected = true;
                } else {
                    match (info.fact.reg, expected) {
                        (None, _) if true_signature => info.unexpected = true,
                        (None, _) => info.optimized = true,
                        (Some(reg), Some(&expected)) if reg != expected => info.unexpected = true,
                        _ => {
                            if true_signature && (info.fact.first | info.fact.second) != 0 {
                                let whole = info.fact.first != 0 && info.fact.second != 0;
                                if whole || keeps_slots {
                                    index = index.saturating_add(slots);
                                    continue;
                                }
                                if info.fact.first.count_ones() + info.fact.second.count_ones() == 1
                                {
                                    // Passed as the one member that is used.
                                    index += 1;
                                    continue;
                                }
                            }
                        }
                    }
                }
            } else if info.const_value && !func.clang {
                info.optimized = true;
            } else if true_signature {
                if available && keeps_slots {
                    index = index.saturating_add(slots);
                    continue;
                }
                info.optimized = true;
                continue;
            }
            index = index.saturating_add(consumed);
        }
    }

    fn state<R: Relocate>(
        &mut self,
        w: &mut Worker<'_, '_>,
        functions: &Functions<'_>,
        abi: Abi,
        relocate: &R,
        c: Candidate,
    ) -> State {
        self.analyze(w, abi, c);
        let f = c.func as usize;
        let func = w.unit.funcs[f];
        let header = w.unit.headers[func.header as usize];
        let range = func.first as usize..(func.first + func.n) as usize;
        let infos = &self.infos[range.clone()];
        let unexpected = infos.iter().any(|i| i.unexpected);
        let optimized = infos.iter().any(|i| i.optimized || !i.has_loc);
        let has_struct = unexpected
            && range
                .clone()
                .any(|p| is_struct(&w.unit, param_of(&w.unit, p).1));
        let uncertain = has_uncertain_location(
            &w.unit,
            range.clone(),
            abi,
            u64::from(header.address_size()),
        );

        let syms = functions.syms_of(c.group);
        let addr = func.entry.or_else(|| {
            // Compilers list the ranges of a function in pieces in any order: the entry is where its symbol is.
            let starts = dwarf_reader::Ranges::starts(w.text.sections, &header, relocate, &func);
            let starts = starts.unwrap_or_default();
            let has_symbol = |t: &&Target| syms.iter().any(|s| s.addr == **t);
            starts.iter().find(has_symbol).or(starts.first()).copied()
        });
        let at = |s: &FuncSym<'_>| addr == Some(s.addr);
        let optimized_symbol = syms
            .iter()
            .any(|s| at(s) && (contains(s.name, b".constprop") || contains(s.name, b".isra")));
        let dotted = syms
            .iter()
            .position(|s| at(s) && s.name.contains(&b'.'))
            .map(|i| i as u32);

        let ret = return_type(&w.unit, f);
        let ret_match = self.type_match(&w.unit, &w.text, ret, 0);
        self.refs.clear();
        let mut params_match = 0xcbf2_9ce4_8422_2325u64;
        let true_signature = w.features.true_signature && c.signature_changed;
        for p in range {
            let info = self.infos[p];
            let gone = !info.has_loc || info.optimized;
            if (c.reordered && gone) || (true_signature && info.optimized) {
                continue;
            }
            let (mut name, mut ty, _) = param_of(&w.unit, p);
            if true_signature
                && let Some((member, member_ty)) =
                    used_member(&w.unit, ty, &info, u64::from(header.address_size()))
            {
                let mut full = w.text.bytes(name).to_vec();
                full.extend_from_slice(b"__");
                full.extend_from_slice(w.text.bytes(member));
                name = w.text.add(full);
                ty = member_ty;
            }
            params_match = mix(params_match, self.type_match(&w.unit, &w.text, ty, 0));
            self.refs.push((name, ty));
        }
        if func.varargs {
            params_match = mix(params_match, 1);
            self.refs.push((Str::NONE, TypeRef::NONE));
        }
        if self.wanted.binary_search(&c.func).is_ok() {
            self.captured.push(Captured {
                func: c.func,
                ret,
                params: self.refs.clone(),
            });
        }
        let proto = w.proto(ret, &self.refs);
        let n_params = self.refs.len() as u32;
        let mut tags = Vec::new();
        if w.features.decl_tag && !w.unit.decl_tags.is_empty() {
            let origin = if func.origin == u32::MAX {
                None
            } else {
                w.unit.func_at(func.origin)
            };
            for target in [Some(f), origin].into_iter().flatten() {
                let on = dwarf_reader::TagTarget::Func(target as u32);
                let of_target = w.unit.decl_tags.iter().filter(|t| t.target == on);
                tags.extend(of_target.map(|t| (t.component, t.value)));
                if !tags.is_empty() {
                    break;
                }
            }
        }
        State {
            group: c.group,
            key: w.key(c.func),
            addr,
            proto,
            n_params,
            ret_match,
            params_match,
            unexpected_reg: unexpected && !has_struct,
            optimized,
            uncertain,
            reordered: c.reordered,
            signature_changed: c.signature_changed,
            optimized_symbol,
            dotted,
            tags,
            asm: func.asm,
        }
    }

    /// A number for a type such that two types of any CUs have the same one iff they match as upstream's
    /// `types__match` says: const is ignored, structs, unions, enums and typedefs match by name.
    fn type_match(
        &mut self,
        unit: &Unit,
        text: &crate::text::Text<'_>,
        r: TypeRef,
        depth: u32,
    ) -> u64 {
        const VOID: u64 = 0x1234_5678_9abc_def1;
        let Some(i) = unit.type_at(r) else {
            return VOID;
        };
        if self.matches[i] != 0 {
            return self.matches[i];
        }
        // Deeper than any compiler nests: types that far down count as the same.
        if depth > 256 {
            return VOID;
        }
        let t = unit.types[i];
        let name = |s: Str| text.hash(s);
        let tag = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let m = match t.tag {
            TypeTag::Base => {
                let signs = u64::from(t.encoding) << 32 | (t.size & 0xffff_ffff);
                mix(mix(tag(1), signs), name(t.name))
            }
            TypeTag::Struct => mix(tag(2), name(t.name)),
            TypeTag::Union => mix(tag(3), name(t.name)),
            TypeTag::Enum => mix(tag(4), name(t.name) ^ u64::from(t.size > 4)),
            TypeTag::Typedef => mix(tag(5), name(t.name)),
            TypeTag::Pointer | TypeTag::Reference => {
                mix(tag(6), self.type_match(unit, text, t.ty, depth + 1))
            }
            TypeTag::Volatile => mix(tag(7), self.type_match(unit, text, t.ty, depth + 1)),
            TypeTag::Restrict => mix(tag(8), self.type_match(unit, text, t.ty, depth + 1)),
            TypeTag::TypeTag => mix(tag(9), self.type_match(unit, text, t.ty, depth + 1)),
            // `const void` and `void` do not match, nor does any number of consts the other.
            TypeTag::Const => match self.type_match(unit, text, t.ty, depth + 1) {
                VOID => mix(tag(10), VOID),
                m if unit.type_at(t.ty).is_some_and(|j| {
                    unit.types[j].tag == TypeTag::Const && ends_in_void(unit, t.ty)
                }) =>
                {
                    mix(tag(10), m)
                }
                m => m,
            },
            TypeTag::Transparent => self.type_match(unit, text, t.ty, depth + 1),
            TypeTag::Array => mix(
                mix(tag(11), t.size),
                self.type_match(unit, text, t.ty, depth + 1),
            ),
            TypeTag::Subroutine => {
                let mut m = mix(tag(12), self.type_match(unit, text, t.ty, depth + 1));
                for p in t.first..t.first + t.n {
                    let ty = unit.params[p as usize].ty;
                    m = mix(m, self.type_match(unit, text, ty, depth + 1));
                }
                mix(m, u64::from(t.flag))
            }
            TypeTag::Unsupported => VOID,
        };
        let m = if m == 0 { 1 } else { m };
        self.matches[i] = m;
        m
    }
}

/// What a function returns, its own or its origin's.
pub(crate) fn return_type(unit: &Unit, f: usize) -> TypeRef {
    let func = &unit.funcs[f];
    if func.ty == TypeRef::NONE
        && func.origin != u32::MAX
        && let Some(o) = unit.func_at(func.origin)
    {
        return unit.funcs[o].ty;
    }
    func.ty
}

fn ends_in_void(unit: &Unit, mut r: TypeRef) -> bool {
    for _ in 0..64 {
        match unit.type_at(r) {
            None => return true,
            Some(i) if unit.types[i].tag == TypeTag::Const => r = unit.types[i].ty,
            Some(_) => return false,
        }
    }
    false
}

fn mix(a: u64, b: u64) -> u64 {
    let p =
        u128::from(a ^ 0x8ebc_6af0_9c88_c6e3).wrapping_mul(u128::from(b ^ 0x5899_65cc_7537_4cc3));
    (p as u64) ^ ((p >> 64) as u64)
}

fn position_of(unit: &Unit, param: usize) -> u32 {
    // Parameters of a function stand together; the function is the last that starts at or before.
    let off = unit.func_params[param].off;
    let f = unit.funcs.partition_point(|f| f.off <= off);
    for func in unit.funcs[..f].iter().rev().take(8) {
        let range = func.first as usize..(func.first + func.n) as usize;
        if range.contains(&param) {
            return param as u32 - func.first;
        }
    }
    0
}

/// Size of a type in bytes: its own, or that of the first type it leads to that has one.
fn type_size(unit: &Unit, mut r: TypeRef, address_size: u64) -> u64 {
    for _ in 0..=unit.types.len() {
        let Some(i) = unit.type_at(r) else { return 0 };
        let t = &unit.types[i];
        if t.tag == TypeTag::Pointer {
            return address_size;
        }
        if t.size != 0 && t.tag != TypeTag::Array {
            return t.size;
        }
        r = if t.declaration { t.origin } else { t.ty };
    }
    0
}

fn is_struct(unit: &Unit, mut r: TypeRef) -> bool {
    for _ in 0..=unit.types.len() {
        let Some(i) = unit.type_at(r) else {
            return false;
        };
        match unit.types[i].tag {
            TypeTag::Struct => return true,
            TypeTag::Const | TypeTag::Typedef => r = unit.types[i].ty,
            _ => return false,
        }
    }
    false
}

/// The only member of a struct that a parameter's pieces cover.
fn used_member(
    unit: &Unit,
    r: TypeRef,
    info: &ParamInfo,
    address_size: u64,
) -> Option<(Str, TypeRef)> {
    if info.fact.first.count_ones() + info.fact.second.count_ones() != 1 {
        return None;
    }
    let byte = if info.fact.first != 0 {
        u64::from(info.fact.first.trailing_zeros())
    } else {
        address_size + u64::from(info.fact.second.trailing_zeros())
    };
    let mut r = r;
    for _ in 0..=unit.types.len() {
        let t = unit.types[unit.type_at(r)?];
        if t.tag == TypeTag::Struct || t.tag == TypeTag::Union {
            let members = &unit.members[t.first as usize..(t.first + t.n) as usize];
            let m = members
                .iter()
                .find(|m| m.bit_off == byte * 8 && !m.name.is_none())?;
            return Some((m.name, m.ty));
        }
        r = t.ty;
    }
    None
}

/// Strips what does not change how a type is passed.
fn strip(unit: &Unit, mut r: TypeRef) -> Option<usize> {
    for _ in 0..=unit.types.len() {
        let i = unit.type_at(r)?;
        match unit.types[i].tag {
            TypeTag::Typedef
            | TypeTag::Const
            | TypeTag::Volatile
            | TypeTag::Restrict
            | TypeTag::Transparent => r = unit.types[i].ty,
            _ => return Some(i),
        }
    }
    None
}

/// Whether a struct that the prototype passes on the stack is packed, so that nobody can tell where it lies
/// (dwarves `ftype__has_uncertain_arg_loc`, looking through typedefs and counting slots rather than parameters).
fn has_uncertain_location(unit: &Unit, range: Range<usize>, abi: Abi, address_size: u64) -> bool {
    // The first argument is on the stack only where no registers are known.
    if range.len() <= abi.n_regs.min(1) {
        return false;
    }
    let mut slots = 0usize;
    for (n, p) in range.enumerate() {
        let (_, ty, _) = param_of(unit, p);
        let size = type_size(unit, ty, address_size);
        let on_stack = slots >= abi.n_regs || n >= abi.n_regs;
        if on_stack
            && let Some(i) = strip(unit, ty)
            && unit.types[i].tag == TypeTag::Struct
            && !unit.types[i].name.is_none()
            && is_packed(unit, i, abi, address_size)
        {
            return true;
        }
        let words = usize::try_from(size.div_ceil(address_size.max(1))).unwrap_or(usize::MAX);
        let limit = if abi.two_regs { 2 } else { 1 };
        if words <= limit {
            slots = slots.saturating_add(words.max(1));
        }
    }
    false
}

/// Infers packing: no hole, and a member or the size off its natural alignment.
fn is_packed(unit: &Unit, i: usize, abi: Abi, address_size: u64) -> bool {
    let t = &unit.types[i];
    let members = &unit.members[t.first as usize..(t.first + t.n) as usize];
    let mut alignments = Alignments {
        unit,
        address_size,
        max_align: abi.max_align,
        known: HashMap::default(),
    };
    let mut end = 0u64;
    let mut largest = 1u64;
    let mut misaligned = false;
    for m in members {
        if m.width != 0 || m.bit_off == u64::MAX || m.is_inheritance() {
            end = m.bit_off.saturating_add(u64::from(m.width));
            continue;
        }
        if m.bit_off > end.next_multiple_of(8) {
            return false;
        }
        let align = alignments.of(m.ty, 0).max(1);
        largest = largest.max(align);
        misaligned |= (m.bit_off / 8) % align != 0;
        end = m
            .bit_off
            .saturating_add(full_size(unit, m.ty, address_size, 0).saturating_mul(8));
    }
    if end.div_ceil(8) < t.size {
        return false;
    }
    misaligned || !t.size.is_multiple_of(largest)
}

fn full_size(unit: &Unit, r: TypeRef, address_size: u64, depth: u32) -> u64 {
    let Some(i) = strip(unit, r) else { return 0 };
    let t = &unit.types[i];
    match t.tag {
        TypeTag::Array if depth < 32 => {
            full_size(unit, t.ty, address_size, depth + 1).saturating_mul(t.size)
        }
        TypeTag::Pointer => address_size,
        _ => t.size,
    }
}

/// Natural alignments of types, in bytes.
struct Alignments<'u> {
    unit: &'u Unit,
    address_size: u64,
    /// That of `Abi`.
    max_align: u64,
    /// Of structs and unions, by index of the type. While one is looked at it counts as 1, so that a struct that is a
    /// member of itself comes to an end, and one that many others share is looked at once.
    known: HashMap<usize, u64, FixedState>,
}

impl Alignments<'_> {
    fn of(&mut self, r: TypeRef, depth: u32) -> u64 {
        let unit = self.unit;
        let Some(i) = strip(unit, r) else { return 1 };
        let t = &unit.types[i];
        if depth > 32 {
            return 1;
        }
        match t.tag {
            TypeTag::Array => self.of(t.ty, depth + 1),
            TypeTag::Pointer => self.address_size.min(self.max_align),
            TypeTag::Struct | TypeTag::Union => {
                if let Some(&known) = self.known.get(&i) {
                    return known;
                }
                self.known.insert(i, 1);
                let members = &unit.members[t.first as usize..(t.first + t.n) as usize];
                let largest = members.iter().map(|m| self.of(m.ty, depth + 1)).max();
                let largest = largest.unwrap_or(1);
                self.known.insert(i, largest);
                largest
            }
            _ => t.size.clamp(1, self.max_align),
        }
    }
}

/// What becomes of a group of states.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Emit the state of this index under the group's name.
    Emit(usize),
    /// Emit the state of this index under its dotted name.
    EmitDotted(usize),
    Skip(Vec<SkipReason>),
}

/// Combines the states of one function, in CU then DIE order, and decides.
pub(crate) fn decide(
    functions: &Functions<'_>,
    states: &[&State],
    features: crate::Features,
) -> Verdict {
    let first = states[0];
    let group = &functions.groups[first.group as usize];
    let mut unexpected = first.unexpected_reg;
    let mut inconsistent: Option<Mismatch> = None;
    let mut uncertain = first.uncertain;
    let mut reordered = first.reordered;
    for s in &states[1..] {
        unexpected |= s.unexpected_reg;
        uncertain |= s.uncertain;
        reordered |= s.reordered;
        if !unexpected && inconsistent.is_none() && !reordered {
            inconsistent = if first.n_params != s.n_params {
                Some(Mismatch::Count(first.n_params, s.n_params))
            } else if first.ret_match != s.ret_match {
                Some(Mismatch::Return)
            } else if first.params_match != s.params_match {
                Some(Mismatch::Parameter)
            } else {
                None
            };
        }
    }
    if features.true_signature && !group.ambiguous {
        let syms = functions.syms_of(first.group);
        let dotted = states
            .iter()
            .position(|s| s.dotted.is_some() && !s.unexpected_reg && !s.uncertain);
        if let Some(i) = dotted
            && let Some(sym) = states[i].dotted
        {
            let name = syms[sym as usize].name;
            let addr = syms[sym as usize].addr;
            let clash = syms.iter().any(|s| s.name == name && s.addr != addr);
            if !clash {
                return Verdict::EmitDotted(i);
            }
        }
    }
    let changed = |s: &State| {
        !features.true_signature && s.optimized && (s.signature_changed || s.optimized_symbol)
    };
    let syms = functions.syms_of(first.group);
    let matches = |s: &State| syms.iter().any(|sym| s.addr == Some(sym.addr));
    let canonical = states
        .iter()
        .position(|&s| matches(s) && !changed(s))
        .or_else(|| states.iter().position(|&s| matches(s)))
        .unwrap_or(0);
    let mut reasons = Vec::new();
    if unexpected {
        reasons.push(SkipReason::UnexpectedRegister);
    }
    if let Some(m) = inconsistent
        && features.consistent_func
    {
        reasons.push(SkipReason::Inconsistent(m));
    }
    if uncertain {
        reasons.push(SkipReason::UncertainParameterLocation);
    }
    if reordered {
        reasons.push(SkipReason::ReorderedParameters);
    }
    if changed(states[canonical]) {
        reasons.push(SkipReason::OptimizedParameters);
    }
    if group.ambiguous {
        reasons.push(SkipReason::AmbiguousAddress);
    }
    if reasons.is_empty() {
        Verdict::Emit(canonical)
    } else {
        Verdict::Skip(reasons)
    }
}
