//! Whether a candidate and a canonical type are the same C type seen from two
//! CUs: a walk over both graphs in step, which lets a forward declaration on
//! one side stand for the definition on the other.
//!
//! ```text
//!   candidate graph               canonical graph
//!
//!   STRUCT a ──> PTR ──> FWD b    STRUCT a ──> PTR ──> STRUCT b ──> INT
//!      │                             │
//!      └──> PTR ──> STRUCT a         └──> PTR ──> STRUCT a
//! ```
//!
//! The walk keeps a *hypothetical map* from canonical to candidate types.
//! Meeting a pair for the second time closes a cycle, and the pair is taken to
//! be equivalent. Above, that is the pair of the two `a`, and the pair of
//! FWD and STRUCT `b` ends the walk at once: only the names meet, and the kind
//! that the FWD declares must be that of the definition.
//!
//! A canonical type may be met with a second candidate, for compilers do emit
//! the same array, struct or pointer twice in a CU. The two candidates then
//! have to be *identical*, or the second to be equivalent to the canonical type
//! in its own right; a canonical FWD, which anything of its name fits, leaves
//! only the first way.
//!
//! What the walk costs is bounded by the types of the candidate graph: pairs
//! are remembered, as are types found identical, and neither graph can exhaust
//! the thread's stack, since the walk has one of its own.
//!
//! Source: libbpf `btf_dedup_is_equiv`, `btf_dedup_identical_types`. Beyond
//! that, types of the canonical graph that are already mapped are replaced by
//! what stands for them, which spares walking the copies of several CUs side by
//! side.

use hashbrown::HashSet;

use crate::graph::Graph;
use crate::shape::Shape;
use crate::union::Union;

/// The references of a pair that are still to be compared.
#[derive(Clone, Copy, Debug)]
struct Frame {
    cand: Cursor,
    canon: Cursor,
    left: u32,
}

/// A place in the edges of the own types or of the base.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    at: u32,
    own: bool,
}

impl Cursor {
    /// The first reference of `id`, which does not hold it in place, and the
    /// number of references.
    fn start(g: &Graph<'_>, id: u32) -> (Self, u32) {
        let at = g.node(id).link;
        let own = g.is_own(id);
        let n = g.edges(own)[at as usize];
        (Self { at: at + 1, own }, n)
    }

    fn next(&mut self, g: &Graph<'_>) -> u32 {
        let id = g.edges(self.own)[self.at as usize];
        self.at += 1;
        id
    }
}

/// How a comparison ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The graphs contradict each other.
    Different,
    /// The graphs are equivalent.
    Equivalent,
    /// They would be equivalent if a forward declaration in the base were the
    /// definition that the candidate has, which the base cannot become.
    NeedsBaseChange,
}

/// What to do about one pair.
enum Step {
    Equivalent,
    Different,
    /// Same shape: compare the references of the candidate with those of this
    /// canonical type.
    Descend(u32),
}

/// Comparison of graphs, with the buffers it reuses from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Equiv {
    stack: Vec<Frame>,
    /// Pairs of a canonical type and a second or later candidate, which the
    /// hypothetical map has no room for.
    more: Vec<(u32, u32)>,
    seen_more: HashSet<(u32, u32), foldhash::fast::FixedState>,
    identical: Union,
    work: Vec<(u32, u32)>,
    needs_base_change: bool,
}

impl Equiv {
    /// Compares the graphs that hang from `cand` and `canon`, which have the
    /// same shape, and if they are equivalent, records in `g` what that
    /// settles.
    pub(crate) fn compare(&mut self, g: &mut Graph<'_>, cand: u32, canon: u32) -> Verdict {
        self.needs_base_change = false;
        let verdict = match self.walk(g, cand, canon) {
            false => Verdict::Different,
            true if self.needs_base_change => Verdict::NeedsBaseChange,
            true => Verdict::Equivalent,
        };
        self.finish(g, verdict);
        verdict
    }

    /// Whether the graphs are equivalent, changes of the base permitted.
    fn walk(&mut self, g: &mut Graph<'_>, cand: u32, canon: u32) -> bool {
        self.stack.clear();
        g.set_hypot(canon, cand);
        let mut pair = (cand, canon);
        // Each turn goes down to the references of a pair, then on to the next
        // pair that has to be looked into.
        loop {
            let (a, b) = pair;
            let (x, y) = if g.shape(a).has_one_ref() {
                (g.node(a).link, g.node(b).link)
            } else {
                let ((cand, left), (canon, _)) = (Cursor::start(g, a), Cursor::start(g, b));
                self.stack.push(Frame { cand, canon, left });
                match self.next_pair(g) {
                    Some(pair) => pair,
                    None => return true,
                }
            };
            let (mut x, mut y) = (x, y);
            loop {
                match self.step(g, x, y) {
                    Step::Different => return false,
                    Step::Descend(y) => {
                        pair = (x, y);
                        break;
                    }
                    Step::Equivalent => match self.next_pair(g) {
                        Some(next) => (x, y) = next,
                        None => return true,
                    },
                }
            }
        }
    }

    /// The next references to compare.
    fn next_pair(&mut self, g: &Graph<'_>) -> Option<(u32, u32)> {
        loop {
            let frame = self.stack.last_mut()?;
            if frame.left > 0 {
                frame.left -= 1;
                return Some((frame.cand.next(g), frame.canon.next(g)));
            }
            self.stack.pop();
        }
    }

    /// Compares candidate type `a` with canonical type `b`, references aside.
    fn step(&mut self, g: &mut Graph<'_>, a: u32, b: u32) -> Step {
        // Most references lead to what was settled before.
        if a == b || g.stand_in(a) == g.stand_in(b) {
            return Step::Equivalent;
        }
        self.step_unsettled(g, a, b)
    }

    fn step_unsettled(&mut self, g: &mut Graph<'_>, a: u32, b: u32) -> Step {
        let resolved = g.resolve(b);
        if g.resolve(a) == resolved {
            return Step::Equivalent;
        }
        // A declaration of the canonical graph is followed to its definition;
        // one of the candidate graph is not, as in the candidate's own CU a
        // declaration is only left where the definition is absent. That of an
        // enum is not followed either: any definition of its name fits. Other
        // types are followed within the split BTF only, where nothing is lost:
        // what stands for them in the base may know less.
        let shape = g.shape(b);
        let follow = if shape.is_fwd() {
            !g.shape(resolved).is_fwd()
        } else {
            g.is_own(resolved) && !g.is_enum_fwd(shape)
        };
        let b = if follow { resolved } else { b };
        let (shape_a, shape_b) = (g.shape(a), g.shape(b));
        match g.hypot(b) {
            0 if shape_a == shape_b => {
                g.set_hypot(b, a);
                Step::Descend(b)
            }
            0 if self.compatible(g, shape_a, b, shape_b) => {
                g.set_hypot(b, a);
                Step::Equivalent
            }
            0 => Step::Different,
            earlier if earlier == a || self.identical(g, earlier, a) => Step::Equivalent,
            _ if shape_b.is_fwd() => Step::Different,
            _ if shape_a == shape_b || self.compatible(g, shape_a, b, shape_b) => {
                if !self.seen_more.insert((b, a)) {
                    return Step::Equivalent;
                }
                self.more.push((b, a));
                if shape_a == shape_b {
                    Step::Descend(b)
                } else {
                    Step::Equivalent
                }
            }
            _ => Step::Different,
        }
    }

    /// Whether types of different shape may be the same C type: one of them
    /// declares what the other defines.
    fn compatible(&mut self, g: &Graph<'_>, shape_a: Shape, b: u32, shape_b: Shape) -> bool {
        let (info_a, info_b) = (g.info(shape_a), g.info(shape_b));
        if info_a.name != info_b.name || info_a.name == 0 {
            return false;
        }
        if shape_a.is_enum() && shape_b.is_enum() {
            return info_a.is_enum_fwd() || info_b.is_enum_fwd();
        }
        let fits = (shape_a.is_fwd() && shape_b.is_composite()
            || shape_a.is_composite() && shape_b.is_fwd())
            && g.declares_union(shape_a) == g.declares_union(shape_b);
        if fits && shape_b.is_fwd() && !g.is_own(b) {
            self.needs_base_change = true;
        }
        fits
    }

    /// Whether two types of the candidate graph have the same structure
    /// throughout.
    fn identical(&mut self, g: &Graph<'_>, x: u32, y: u32) -> bool {
        self.work.clear();
        self.work.push((x, y));
        while let Some((x, y)) = self.work.pop() {
            if x == y || g.resolve(x) == g.resolve(y) {
                continue;
            }
            let (x, y) = (self.identical.find(x), self.identical.find(y));
            if x == y {
                continue;
            }
            if g.shape(x) != g.shape(y) {
                self.identical.rollback();
                return false;
            }
            self.identical.unite(x, y);
            let (refs_x, refs_y) = (g.refs(x), g.refs(y));
            self.work
                .extend(refs_x.iter().copied().zip(refs_y.iter().copied()));
        }
        self.identical.commit();
        true
    }

    /// Records what the comparison found and forgets its pairs.
    fn finish(&mut self, g: &mut Graph<'_>, verdict: Verdict) {
        while let Some(canon) = g.hypot_list.pop() {
            let cand = g.take_hypot(canon);
            if verdict != Verdict::Different {
                merge(g, verdict, cand, canon);
            }
        }
        for (canon, cand) in self.more.drain(..).rev() {
            if verdict != Verdict::Different {
                merge(g, verdict, cand, canon);
            }
        }
        self.seen_more.clear();
        self.identical.clear();
    }
}

/// Records that `cand` and `canon` were found equivalent: a declaration is
/// mapped to its definition, and a type of the candidate graph to its
/// counterpart, as far as that one is settled. If the base would have to
/// change, only declarations of the canonical graph are mapped, for the sake of
/// own types that refer to them.
///
/// Source: libbpf `btf_dedup_merge_hypot_map`.
fn merge(g: &mut Graph<'_>, verdict: Verdict, cand: u32, canon: u32) {
    let shape = g.shape(canon);
    if !shape.is_named_node() && !shape.is_fwd() {
        return;
    }
    let (t, c) = (g.resolve(cand), g.resolve(canon));
    if t == c {
        return;
    }
    let (shape_t, shape_c) = (g.shape(t), g.shape(c));
    if shape_c.is_fwd() {
        if !shape_t.is_fwd() {
            g.set_canon(c, t);
        }
    } else if verdict == Verdict::NeedsBaseChange {
        // Not equivalent after all.
    } else if shape_t.is_fwd() || g.is_mapped(c) && !g.is_mapped(t) {
        g.set_canon(t, c);
    }
}
