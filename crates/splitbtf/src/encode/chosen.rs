//! Which functions are emitted, from the states that all CUs know of them.

use std::ops::Range;

use dwarf_reader::Str;
use rayon::prelude::*;

use crate::diag::Skipped;
use crate::encode::Options;
use crate::features::Features;
use crate::func::{self, Functions, State, Verdict};
use crate::ident::is_identifier;
use crate::kfunc::{Kfunc, Kfuncs};
use crate::store::{Key, NodeId};

/// A function that is emitted.
#[derive(Debug, Clone)]
pub(crate) struct Emitted<'f> {
    /// The name, with what follows a dot in true signatures.
    pub(crate) name: &'f [u8],
    /// Whether the kernel takes the name.
    pub(crate) is_identifier: bool,
    pub(crate) kfunc: Option<Kfunc>,
    /// The first bytes of the name as a number, which settles nearly all comparisons.
    head: u128,
    /// The name without that.
    base_name: &'f [u8],
    pub(crate) key: Key,
    pub(crate) proto: NodeId,
    /// Decl tags: component and value.
    pub(crate) tags: Vec<(i32, Str)>,
}

/// What became of all functions.
#[derive(Debug, Default)]
pub(super) struct Chosen<'f> {
    pub(super) emit: Vec<Emitted<'f>>,
    pub(super) skipped: Vec<Skipped>,
}

impl<'f> Chosen<'f> {
    /// Decides about all functions, of which there are states from several workers, each list in order.
    pub(super) fn of(
        functions: &Functions<'f>,
        kfuncs: &Kfuncs,
        states: &[Vec<State>],
        options: &Options,
        threads: usize,
    ) -> Self {
        let drop_asm = options.drop_asm_functions;
        let decide = |groups: Range<u32>| {
            let of_groups = |states: &'_ Vec<State>| {
                let start = states.partition_point(|s| s.group < groups.start);
                let end = states.partition_point(|s| s.group < groups.end);
                start..end
            };
            let mut all: Vec<&State> = Vec::new();
            for states in states {
                let states = &states[of_groups(states)];
                all.extend(states.iter().filter(|s| !(drop_asm && s.asm)));
            }
            if states.len() > 1 {
                all.sort_unstable_by_key(|s| (s.group, s.key));
            }
            let mut chosen = Self::default();
            for group in all.chunk_by(|a, b| a.group == b.group) {
                chosen.decide(functions, kfuncs, group, options.features);
            }
            chosen
        };
        let n = functions.groups.len() as u32;
        if threads == 1 {
            let mut chosen = decide(0..n);
            chosen.sort();
            return chosen;
        }
        /// Groups that are decided about in one go.
        const PIECE: usize = 2048;
        let starts: Vec<u32> = (0..n).step_by(PIECE).collect();
        let pieces = starts.into_par_iter();
        let pieces: Vec<Self> = pieces
            .map(|start| decide(start..n.min(start + PIECE as u32)))
            .collect();
        let mut chosen = Self::default();
        chosen
            .emit
            .reserve(pieces.iter().map(|c| c.emit.len()).sum());
        for mut piece in pieces {
            chosen.emit.append(&mut piece.emit);
            chosen.skipped.append(&mut piece.skipped);
        }
        chosen.sort();
        chosen
    }

    /// Puts all in order of name.
    fn sort(&mut self) {
        let by_name =
            |a: &Emitted<'_>, b: &Emitted<'_>| (a.head, a.base_name).cmp(&(b.head, b.base_name));
        if self.emit.len() < 1 << 14 {
            self.emit.sort_unstable_by(by_name);
        } else {
            self.emit.par_sort_unstable_by(by_name);
        }
        self.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn decide(
        &mut self,
        functions: &Functions<'f>,
        kfuncs: &Kfuncs,
        states: &[&State],
        features: Features,
    ) {
        let group = states[0].group;
        let base_name = functions.groups[group as usize].name;
        let emitted = |i: usize, dotted: Option<u32>| {
            let sym = dotted.map(|d| functions.syms_of(group)[d as usize]);
            // A concrete instance has no annotations of its own; those of any instance are the function's.
            let own = Some(&states[i].tags).filter(|t| !t.is_empty());
            let tags = own.or_else(|| states.iter().map(|s| &s.tags).find(|t| !t.is_empty()));
            let name = sym.map_or(base_name, |sym| sym.name);
            let mut head = [0; 16];
            let n = base_name.len().min(16);
            head[..n].copy_from_slice(&base_name[..n]);
            Emitted {
                name,
                is_identifier: is_identifier(name),
                kfunc: kfuncs.find(name),
                head: u128::from_be_bytes(head),
                base_name,
                key: states[i].key,
                proto: states[i].proto,
                tags: tags.cloned().unwrap_or_default(),
            }
        };
        match func::decide(functions, states, features) {
            Verdict::Emit(i) => self.emit.push(emitted(i, None)),
            Verdict::EmitDotted(i) => self.emit.push(emitted(i, states[i].dotted)),
            Verdict::Skip(reasons) => {
                self.skipped.push(Skipped {
                    name: String::from_utf8_lossy(base_name).into_owned(),
                    reasons,
                });
            }
        }
    }
}
