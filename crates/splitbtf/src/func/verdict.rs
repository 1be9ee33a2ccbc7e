//! What becomes of a function: its states, from all CUs, and what they come to together.

use dwarf_reader::{Str, Target};

use super::symbols::Functions;
use crate::diag::{Mismatch, SkipReason};
use crate::store::{Key, NodeId};

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
    pub(super) fn add(&mut self, state: State) {
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
