//! Which functions become `FUNC`s, and with what prototype.
//!
//! One C function has many DIEs: an abstract instance in each CU that inlines it, a concrete one where it is
//! compiled, clones under dotted names. Each is a *state*; the states of one name are combined at the end of the
//! file, and the function is left out where they disagree or where its calling convention cannot be trusted
//! (dwarves `btf_encoder.c`: `btf_encoder__save_func`, `saved_functions_combine`, `btf_encoder__add_saved_funcs`;
//! `dwarf_loader.c`: `function__analyze_parameter_locations`).

mod abi;
mod matching;
mod params;
mod symbols;
mod verdict;

use dwarf_reader::{Relocate, Str, Target, TypeRef, TypeTag, Unit};

use crate::cu::Worker;
use crate::text::Text;
pub(crate) use abi::Abi;
use abi::has_uncertain_location;
use matching::mix;
use params::{ParamInfo, used_member};
pub(crate) use symbols::Functions;
use symbols::{FuncSym, contains};
use verdict::States;
pub(crate) use verdict::{State, Verdict, decide};

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
    fn group(&mut self, functions: &Functions<'_>, text: &Text<'_>, name: Str) -> Option<u32> {
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

/// Whether a type is a struct, by typedefs and consts too.
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
