//! From classes of equal types to findings: what differs, and why.
//!
//! A type that is on one side only need not be to blame for it. When a member
//! of `struct page` changes, thousands of types that reach it are unequal too.
//! So each unequal type is either a *root*, which differs in itself, or
//! *affected*, because something it refers to differs:
//!
//! * A type with a name is compared with the type of that name on the other
//!   side. If a field of the record differs, or a reference leads to something
//!   else (anonymous types are followed, named ones compared by name), it is a
//!   root; so it is if the other side has no such name. If all that differs is
//!   behind types of the same name, those are to blame.
//! * An anonymous type is there because others refer to it. If something it
//!   refers to is unequal, that is to blame, else the types that refer to it.

use std::collections::BTreeMap;

use btf_builder::{Kind, StrOff, Type, TypeId};
use hashbrown::{HashMap, HashSet};

use crate::Hasher;
use crate::describe::{declaration, describe};
use crate::partition::{Class, NameSpace, Partition};
use crate::universe::{BtfIdx, Node, StrNo};

/// How many pairings of types of one name are tried for the best one. Beyond
/// that they are paired in order of their ids.
const MAX_PAIRINGS: usize = 256;
/// Most changes listed for one type.
const MAX_CHANGES: usize = 64;
/// How deep anonymous types are followed within one type.
const MAX_DEPTH: u32 = 32;

/// One of the two compared BTFs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// A type of one of the BTFs, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TypeInfo {
    /// Its id in the BTF of its side.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_id"))]
    pub id: TypeId,
    /// Its kind.
    #[cfg_attr(feature = "serde", serde(serialize_with = "serialize_kind"))]
    pub kind: Kind,
    /// Its name, empty for anonymous types; the value of a tag.
    pub name: String,
    /// As C would declare it, shortened where it is long.
    pub decl: String,
}

#[cfg(feature = "serde")]
fn serialize_id<S: serde::Serializer>(id: &TypeId, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u32(id.0)
}

#[cfg(feature = "serde")]
fn serialize_kind<S: serde::Serializer>(kind: &Kind, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(kind.name())
}

impl TypeInfo {
    fn new(ty: Type<'_>) -> Self {
        Self {
            id: ty.id(),
            kind: ty.kind(),
            name: ty.name_str().into_owned(),
            decl: declaration(ty),
        }
    }
}

/// How a root differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum What {
    /// One side has no such type.
    Missing,
    /// Both sides have a type of that name, with the changes listed.
    Changed,
    /// Equal types, more of them on one side.
    Repeated,
    /// Equal types, in the split BTF on one side and in its base on the other.
    Moved,
}

/// A difference that is not the consequence of another one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Finding {
    /// How it differs.
    pub what: What,
    /// The type on the left, if it is there.
    pub left: Option<TypeInfo>,
    /// The type on the right, if it is there.
    pub right: Option<TypeInfo>,
    /// For a changed type, what differs, left before right; remarks on others.
    pub changes: Vec<String>,
    /// Why this was to be expected, if a rule of the caller's says so.
    pub reason: Option<String>,
}

impl Finding {
    /// The type, from the left if both sides have it.
    ///
    /// # Panics
    /// If neither side is filled in, which no finding of this crate does.
    pub fn any(&self) -> &TypeInfo {
        let any = self.left.as_ref().or(self.right.as_ref());
        any.expect("a finding is about a type of some side")
    }

    /// The side that has the type, where only one does.
    pub fn side(&self) -> Option<Side> {
        match (&self.left, &self.right) {
            (Some(_), None) => Some(Side::Left),
            (None, Some(_)) => Some(Side::Right),
            _ => None,
        }
    }
}

/// A type that is unequal only because of what it refers to, or because of
/// what refers to it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Affected {
    /// The type on the left, if it is there.
    pub left: Option<TypeInfo>,
    /// The type on the right, if it is there.
    pub right: Option<TypeInfo>,
    /// The nearest root it follows from, as C would declare it.
    pub because: String,
    /// Whether all roots it follows from are explained.
    pub explained: bool,
}

/// Own types of one kind on both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct KindCount {
    /// Types on the left.
    pub left: u32,
    /// Types on the right.
    pub right: u32,
    /// Types on the left without an equal one on the right.
    pub only_left: u32,
    /// Types on the right without an equal one on the left.
    pub only_right: u32,
}

/// The difference of two BTFs. All lists are sorted by kind, name and id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Diff {
    /// Roots that the right has nothing of that name for.
    pub only_left: Vec<Finding>,
    /// Roots that the left has nothing of that name for.
    pub only_right: Vec<Finding>,
    /// Roots that are on both sides with changes.
    pub changed: Vec<Finding>,
    /// Equal types that one side has more of, or has elsewhere.
    pub placed: Vec<Finding>,
    /// Roots of all sorts that [`DiffOpts::explain`] gave a reason for.
    pub explained: Vec<Finding>,
    /// What differs only as a consequence.
    pub affected: Vec<Affected>,
    /// Compared types by name of their kind, kinds without types left out.
    pub counts: BTreeMap<&'static str, KindCount>,
}

impl Diff {
    /// Whether nothing differs but what was explained.
    pub fn is_equal(&self) -> bool {
        self.unexplained().next().is_none()
    }

    /// All roots without a reason.
    pub fn unexplained(&self) -> impl Iterator<Item = &Finding> {
        let lists = [
            &self.only_left,
            &self.only_right,
            &self.changed,
            &self.placed,
        ];
        lists.into_iter().flatten()
    }
}

/// Gives the reason for an expected difference; see [`DiffOpts::explain`].
pub type Explain<'e> = dyn Fn(&Finding) -> Option<String> + 'e;

/// What to leave out of a comparison.
#[derive(Clone, Default)]
pub struct DiffOpts<'e> {
    /// Kinds whose own differences are left out. Types of other kinds that
    /// are unequal only because of them count as equal.
    pub ignore_kinds: Vec<Kind>,
    /// Leaves out FUNC, decl tags on FUNC and the prototypes that nothing but
    /// FUNC refers to. Types that only such a prototype refers to are still
    /// compared: encoders emit them with or without the function.
    pub ignore_functions: bool,
    /// Asked for each root; an answer moves it to [`Diff::explained`].
    pub explain: Option<&'e Explain<'e>>,
}

impl std::fmt::Debug for DiffOpts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiffOpts")
            .field("ignore_kinds", &self.ignore_kinds)
            .field("ignore_functions", &self.ignore_functions)
            .field("explain", &self.explain.is_some())
            .finish()
    }
}

impl Partition<'_> {
    /// Compares the own types of two BTFs; what they refer to in their bases
    /// counts by its content, not by its id.
    pub fn diff(&self, left: BtfIdx, right: BtfIdx, opts: &DiffOpts<'_>) -> Diff {
        Differ::new(self, left, right, opts).run()
    }
}

/// Index into [`Differ::unequal`].
type UnequalIdx = usize;

/// An own type without an equal one on the other side, or a pair of such
/// types that stand for each other.
#[derive(Debug)]
struct Unequal {
    left: Option<Node>,
    right: Option<Node>,
    changes: Vec<String>,
    /// What is to blame; empty for roots.
    because: Vec<UnequalIdx>,
}

impl Unequal {
    /// The type, if it is not a pair.
    fn single(&self) -> Option<Node> {
        self.left.xor(self.right)
    }
}

/// For each entry those that blame it.
fn reversed(list: &[Unequal]) -> Vec<Vec<UnequalIdx>> {
    let mut reversed = vec![Vec::new(); list.len()];
    for (i, entry) in list.iter().enumerate() {
        for &of in &entry.because {
            reversed[of].push(i);
        }
    }
    reversed
}

/// What [`Differ::compare`] found.
#[derive(Debug, Default)]
struct Comparison {
    changes: Vec<String>,
    /// Unequal types of the same name that both refer to.
    because: Vec<Node>,
    /// Pairs of anonymous types that were compared.
    seen: HashSet<(Node, Node), Hasher>,
}

impl Comparison {
    fn push(&mut self, change: String) {
        self.changes.push(change);
    }
}

struct Differ<'p, 'u> {
    partition: &'p Partition<'u>,
    opts: &'p DiffOpts<'p>,
    sides: [BtfIdx; 2],
    /// Unequal own types, in order of side and id.
    nodes: Vec<(Side, Node)>,
    is_unequal: HashSet<Node, Hasher>,
    placed: Vec<Finding>,
    counts: BTreeMap<&'static str, KindCount>,
}

impl<'p, 'u> Differ<'p, 'u> {
    fn new(
        partition: &'p Partition<'u>,
        left: BtfIdx,
        right: BtfIdx,
        opts: &'p DiffOpts<'p>,
    ) -> Self {
        Self {
            partition,
            opts,
            sides: [left, right],
            nodes: Vec::new(),
            is_unequal: HashSet::default(),
            placed: Vec::new(),
            counts: BTreeMap::new(),
        }
    }

    fn run(mut self) -> Diff {
        self.find_unequal();
        let (mut list, by_node) = self.pair();
        self.blame(&mut list, &by_node);
        self.report(list)
    }

    fn idx(&self, side: Side) -> BtfIdx {
        self.sides[side as usize]
    }

    fn kind(&self, node: Node) -> Kind {
        self.partition.universe.kind(node)
    }

    fn ty(&self, node: Node) -> Option<Type<'u>> {
        self.partition.universe.ty(node)
    }

    fn class(&self, node: Node) -> Class {
        self.partition.class[node.idx()]
    }

    fn info(&self, node: Node) -> Option<TypeInfo> {
        self.ty(node).map(TypeInfo::new)
    }

    /// Own types of the same BTF that refer to `node`.
    fn referrers(&self, node: Node) -> impl Iterator<Item = Node> {
        let universe = &self.partition.universe;
        let owner = universe.owner(node);
        let all = self.partition.referrers.of(node).iter().copied();
        all.filter(move |&referrer| universe.owner(referrer) == owner)
    }

    /// Whether the options leave this type out as part of a function.
    fn is_excluded(&self, node: Node) -> bool {
        if !self.opts.ignore_functions {
            return false;
        }
        let universe = &self.partition.universe;
        match self.kind(node) {
            Kind::Func => true,
            Kind::DeclTag => universe
                .edges(node)
                .iter()
                .any(|&target| self.kind(target) == Kind::Func),
            Kind::FuncProto => {
                let mut referrers = self.referrers(node).peekable();
                referrers.peek().is_some() && referrers.all(|r| self.kind(r) == Kind::Func)
            }
            _ => false,
        }
    }

    fn is_quiet(&self, node: Node) -> bool {
        self.opts.ignore_kinds.contains(&self.kind(node))
    }

    /// Own types of a side sorted by class and id, with what is excluded.
    fn sorted_nodes(&self, side: Side) -> Vec<(Class, Node, bool)> {
        let nodes = self.partition.universe.part(self.idx(side)).nodes();
        let mut sorted: Vec<_> = nodes
            .map(Node)
            .map(|node| (self.class(node), node, self.is_excluded(node)))
            .collect();
        sorted.sort_unstable();
        sorted
    }

    /// Fills `nodes`, `counts` and `placed`.
    fn find_unequal(&mut self) {
        let left = self.sorted_nodes(Side::Left);
        let right = self.sorted_nodes(Side::Right);
        let (mut l, mut r) = (left.as_slice(), right.as_slice());
        while let Some(class) = [l.first(), r.first()]
            .into_iter()
            .flatten()
            .map(|&(class, ..)| class)
            .min()
        {
            let run = |s: &[(Class, Node, bool)]| s.iter().take_while(|n| n.0 == class).count();
            let (in_left, in_right);
            (in_left, l) = l.split_at(run(l));
            (in_right, r) = r.split_at(run(r));
            self.compare_class(class, in_left, in_right);
        }
        self.nodes.sort_unstable();
        self.is_unequal = self.nodes.iter().map(|&(_, node)| node).collect();
    }

    fn compare_class(
        &mut self,
        class: Class,
        left: &[(Class, Node, bool)],
        right: &[(Class, Node, bool)],
    ) {
        let included = |list: &[(Class, Node, bool)]| -> Vec<Node> {
            let included = list.iter().filter(|n| !n.2);
            included.map(|n| n.1).collect()
        };
        let lists = [included(left), included(right)];
        let absent = [left.is_empty(), right.is_empty()];
        let in_base =
            [Side::Left, Side::Right].map(|side| self.partition.base_has(self.idx(side), class));
        for side in [Side::Left, Side::Right] {
            let (own, other) = (side as usize, side.other() as usize);
            let n = lists[own].len() as u32;
            let Some(&last) = lists[own].last() else {
                continue;
            };
            let missing = absent[other] && !in_base[other];
            if !self.is_quiet(last) {
                let count = self.counts.entry(self.kind(last).name()).or_default();
                match side {
                    Side::Left => {
                        count.left += n;
                        count.only_left += if missing { n } else { 0 };
                    }
                    Side::Right => {
                        count.right += n;
                        count.only_right += if missing { n } else { 0 };
                    }
                }
            }
            if missing {
                self.nodes
                    .extend(lists[own].iter().map(|&node| (side, node)));
            } else if !self.is_quiet(last) {
                self.compare_places(side, &lists, absent, in_base);
            }
        }
    }

    /// Finds types that are on both sides, but in different places or numbers.
    fn compare_places(
        &mut self,
        side: Side,
        lists: &[Vec<Node>; 2],
        absent: [bool; 2],
        in_base: [bool; 2],
    ) {
        let (own, other) = (side as usize, side.other() as usize);
        let copies = |i: usize| lists[i].len() + usize::from(in_base[i]);
        let last = *lists[own]
            .last()
            .expect("only called with types on the side");
        let (what, remark) = if copies(own) > copies(other) && !lists[other].is_empty()
            || absent[other] && in_base[own]
        {
            let remark = format!("{} copies here, {} there", copies(own), copies(other));
            (What::Repeated, remark)
        } else if absent[other] && !in_base[own] {
            (What::Moved, "in the base on the other side".to_owned())
        } else {
            return;
        };
        let info = self.info(last);
        let (left, right) = match side {
            Side::Left => (info, None),
            Side::Right => (None, info),
        };
        self.placed.push(Finding {
            what,
            left,
            right,
            changes: vec![remark],
            reason: None,
        });
    }

    /// Finds for each unequal type with a name its counterpart, and for pairs
    /// what differs in them. Also returns which entry each node went to.
    fn pair(&self) -> (Vec<Unequal>, HashMap<Node, UnequalIdx, Hasher>) {
        let mut names = BTreeMap::<(NameSpace, StrNo), [Vec<Node>; 2]>::new();
        for &(side, node) in &self.nodes {
            if let Some(identity) = self.partition.identity(node) {
                names.entry(identity).or_default()[side as usize].push(node);
            }
        }
        let mut pairs = Vec::new();
        for [left, right] in names.values() {
            self.pair_namesakes(left, right, &mut pairs);
        }

        let mut list = Vec::new();
        let mut by_node = HashMap::default();
        let mut because = Vec::new();
        for (l, r, comparison) in pairs {
            by_node.insert(l, list.len());
            by_node.insert(r, list.len());
            because.push((list.len(), comparison.because));
            list.push(Unequal {
                left: Some(l),
                right: Some(r),
                changes: comparison.changes,
                because: Vec::new(),
            });
        }
        for &(side, node) in &self.nodes {
            if by_node.contains_key(&node) {
                continue;
            }
            by_node.insert(node, list.len());
            let (left, right) = match side {
                Side::Left => (Some(node), None),
                Side::Right => (None, Some(node)),
            };
            list.push(Unequal {
                left,
                right,
                changes: self.namesake_remark(side, node),
                because: Vec::new(),
            });
        }
        for (i, nodes) in because {
            // A type with changes of its own needs nobody to blame.
            if list[i].changes.is_empty() {
                list[i].because = nodes.iter().map(|node| by_node[node]).collect();
            }
        }
        (list, by_node)
    }

    fn pair_namesakes(
        &self,
        left: &[Node],
        right: &[Node],
        pairs: &mut Vec<(Node, Node, Comparison)>,
    ) {
        if left.len() * right.len() > MAX_PAIRINGS {
            for (&l, &r) in left.iter().zip(right) {
                pairs.push((l, r, self.compare(l, r)));
            }
            return;
        }
        let mut candidates = Vec::new();
        for &l in left {
            for &r in right {
                candidates.push((l, r, self.compare(l, r)));
            }
        }
        candidates.sort_by_key(|(l, r, c)| (c.changes.len(), *l, *r));
        let mut taken = HashSet::<Node, Hasher>::default();
        for (l, r, comparison) in candidates {
            if !taken.contains(&l) && !taken.contains(&r) {
                taken.extend([l, r]);
                pairs.push((l, r, comparison));
            }
        }
    }

    /// For a type whose name exists on the other side, but all types there
    /// have equals or counterparts of their own.
    fn namesake_remark(&self, side: Side, node: Node) -> Vec<String> {
        let Some((space, name)) = self.partition.identity(node) else {
            return Vec::new();
        };
        let others = self.partition.named(self.idx(side.other()), space, name);
        match others.len() {
            0 => Vec::new(),
            n => vec![format!("the other side has {n} of that name, none equal")],
        }
    }

    /// Fills in what anonymous types are to be blamed on: what they refer to
    /// if that leads to a root, else what refers to them, else their likeness
    /// on the other side.
    fn blame(&self, list: &mut [Unequal], by_node: &HashMap<Node, UnequalIdx, Hasher>) {
        let universe = &self.partition.universe;
        let entries = |nodes: &mut dyn Iterator<Item = Node>| {
            let mut entries: Vec<_> = nodes
                .filter_map(|node| by_node.get(&node).copied())
                .collect();
            entries.sort_unstable();
            entries.dedup();
            entries
        };
        let mut anonymous = Vec::new();
        for (i, entry) in list.iter_mut().enumerate() {
            if let Some(node) = entry
                .single()
                .filter(|&n| self.partition.identity(n).is_none())
            {
                entry.because = entries(&mut universe.edges(node).iter().copied());
                anonymous.push((i, node));
            }
        }
        let mut is_anonymous = vec![false; list.len()];
        for &(i, _) in &anonymous {
            is_anonymous[i] = true;
        }
        let roots: Vec<_> = (0..list.len())
            .filter(|&i| !is_anonymous[i] && list[i].because.is_empty())
            .collect();
        let mut root_of = vec![None; list.len()];
        spread(roots.iter().copied(), &reversed(list), &mut root_of);
        // Nothing refers to a tag.
        anonymous.retain(|&(i, node)| root_of[i].is_none() && self.kind(node) != Kind::DeclTag);
        for &(i, node) in &anonymous {
            list[i].because = entries(&mut self.referrers(node));
        }

        // What is left over belongs to no named type of its own side: the
        // encoder emitted it for a type that it then took from the base.
        // Where the other side has an unequal type that reads the same, they
        // stand for each other.
        spread(roots.into_iter(), &reversed(list), &mut root_of);
        anonymous.retain(|&(i, _)| root_of[i].is_none());
        if anonymous.is_empty() {
            return;
        }
        let mut readings = BTreeMap::<_, Vec<UnequalIdx>>::new();
        for (i, entry) in list.iter().enumerate() {
            let reached = is_anonymous[i] && root_of[i].is_some();
            if let Some(ty) = entry.single().filter(|_| reached).and_then(|n| self.ty(n)) {
                let side = entry.left.is_some();
                readings
                    .entry((side, ty.kind(), declaration(ty)))
                    .or_default()
                    .push(i);
            }
        }
        for (i, node) in anonymous {
            let other_side = list[i].left.is_none();
            let Some(ty) = self.ty(node) else { continue };
            if let Some(others) = readings.get(&(other_side, ty.kind(), declaration(ty))) {
                list[i].because.clone_from(others);
            }
        }
    }

    fn report(mut self, list: Vec<Unequal>) -> Diff {
        let mut diff = Diff {
            counts: std::mem::take(&mut self.counts),
            ..Diff::default()
        };
        let reversed = reversed(&list);
        let mut roots = BTreeMap::new();
        for (i, entry) in list.iter().enumerate() {
            if entry.because.is_empty() {
                roots.insert(i, self.root(entry, entry.changes.clone()));
            }
        }
        // First from the roots that nobody explained, so that what follows
        // from any of those is theirs.
        let mut root_of = vec![None; list.len()];
        for explained in [false, true] {
            let starts = roots.iter().filter(|(_, root)| root.1 == explained);
            spread(starts.map(|(&i, _)| i), &reversed, &mut root_of);
        }
        // Types that blame each other and nothing else: counterparts were not
        // unique and not paired alike.
        for i in 0..list.len() {
            if root_of[i].is_none() {
                let remark = "refers to namesakes that cannot be told apart by name";
                roots.insert(i, self.root(&list[i], vec![remark.to_owned()]));
                spread([i].into_iter(), &reversed, &mut root_of);
            }
        }

        for (i, entry) in list.iter().enumerate() {
            if roots.contains_key(&i) || self.entry_is_quiet(entry) {
                continue;
            }
            let (root, explained) = &roots[&root_of[i].expect("every entry follows from a root")];
            diff.affected.push(Affected {
                left: entry.left.and_then(|node| self.info(node)),
                right: entry.right.and_then(|node| self.info(node)),
                because: root.any().decl.clone(),
                explained: *explained,
            });
        }
        diff.affected.sort_by_cached_key(|affected| {
            let any = affected.left.as_ref().or(affected.right.as_ref());
            any.map(sort_key)
        });

        let placed = std::mem::take(&mut self.placed);
        let placed = placed.into_iter().map(|finding| (finding, false));
        for (mut finding, explained) in roots.into_values().chain(placed) {
            if explained && finding.reason.is_none() {
                continue;
            }
            if finding.reason.is_none() {
                finding.reason = self.opts.explain.and_then(|explain| explain(&finding));
            }
            let list = match (&finding.reason, finding.what, finding.side()) {
                (Some(_), ..) => &mut diff.explained,
                (_, What::Repeated | What::Moved, _) => &mut diff.placed,
                (_, What::Changed, _) | (_, _, None) => &mut diff.changed,
                (_, What::Missing, Some(Side::Left)) => &mut diff.only_left,
                (_, What::Missing, Some(Side::Right)) => &mut diff.only_right,
            };
            list.push(finding);
        }
        for list in [
            &mut diff.only_left,
            &mut diff.only_right,
            &mut diff.changed,
            &mut diff.placed,
            &mut diff.explained,
        ] {
            list.sort_by_cached_key(|finding| sort_key(finding.any()));
        }
        diff
    }

    /// A root as a finding, and whether it is explained. A root of an ignored
    /// kind is explained without a reason.
    fn root(&self, entry: &Unequal, changes: Vec<String>) -> (Finding, bool) {
        let mut finding = Finding {
            what: match (entry.left, entry.right) {
                (Some(_), Some(_)) => What::Changed,
                _ => What::Missing,
            },
            left: entry.left.and_then(|node| self.info(node)),
            right: entry.right.and_then(|node| self.info(node)),
            changes,
            reason: None,
        };
        if self.entry_is_quiet(entry) {
            return (finding, true);
        }
        finding.reason = self.opts.explain.and_then(|explain| explain(&finding));
        let explained = finding.reason.is_some();
        (finding, explained)
    }

    fn entry_is_quiet(&self, entry: &Unequal) -> bool {
        let mut nodes = entry.left.iter().chain(&entry.right);
        nodes.all(|&node| self.is_quiet(node))
    }

    /// What differs between two types, first in themselves.
    fn compare(&self, left: Node, right: Node) -> Comparison {
        let mut out = Comparison::default();
        self.compare_records(left, right, "", 0, &mut out);
        if out.changes.is_empty() && out.because.is_empty() {
            out.push("the records differ".to_owned());
        }
        if out.changes.len() > MAX_CHANGES {
            let rest = out.changes.len() - MAX_CHANGES;
            out.changes.truncate(MAX_CHANGES);
            out.push(format!("and {rest} more"));
        }
        out
    }

    /// Compares what two places refer to.
    fn compare_refs(&self, l: Node, r: Node, label: &str, depth: u32, out: &mut Comparison) {
        if self.class(l) == self.class(r) {
            return;
        }
        let identity = self.partition.identity(l);
        if identity.is_some() && identity == self.partition.identity(r) {
            let unequal: Vec<_> = [l, r]
                .into_iter()
                .filter(|node| self.is_unequal.contains(node))
                .collect();
            if unequal.is_empty() {
                let text = self.describe(l);
                let kinds = (self.kind(l), self.kind(r));
                out.push(if kinds.0 == kinds.1 {
                    format!("{label}: another `{text}`")
                } else {
                    format!("{label}: `{text}` -> `{}`", self.describe(r))
                });
            }
            out.because.extend(unequal);
        } else if identity.is_none()
            && self.partition.identity(r).is_none()
            && self.kind(l) == self.kind(r)
            && self.kind(l) != Kind::Void
        {
            if out.seen.insert((l, r)) {
                self.compare_records(l, r, label, depth + 1, out);
            }
        } else {
            self.push_retarget(l, r, label, out);
        }
    }

    fn push_retarget(&self, l: Node, r: Node, label: &str, out: &mut Comparison) {
        out.push(format!(
            "{label}: `{}` -> `{}`",
            self.describe(l),
            self.describe(r)
        ));
    }

    fn describe(&self, node: Node) -> String {
        match self.ty(node) {
            Some(ty) => describe(ty.btf(), ty.id()),
            None if node == Node::VOID => "void".to_owned(),
            None => "a missing type".to_owned(),
        }
    }

    /// Compares two records of types that stand for each other.
    fn compare_records(&self, l: Node, r: Node, label: &str, depth: u32, out: &mut Comparison) {
        let (Some(lt), Some(rt)) = (self.ty(l), self.ty(r)) else {
            self.push_retarget(l, r, label, out);
            return;
        };
        if depth > MAX_DEPTH {
            out.push(format!("{label}: differs deep within anonymous types"));
            return;
        }
        let at = |what: &str| match (label, what) {
            ("", what) => what.to_owned(),
            (label, "") => label.to_owned(),
            (label, what) => format!("{label}, {what}"),
        };
        if lt.kind() != rt.kind() {
            out.push(format!("{} {} -> {}", at("kind"), lt.kind(), rt.kind()));
            return;
        }
        if self.is_flattened(l, r) {
            let [l, r] = [l, r].map(|node| self.describe(node));
            let what = at("");
            let colon = if what.is_empty() { "" } else { ": " };
            out.push(format!(
                "{what}{colon}`{l}` -> `{r}`, the same array flat and nested"
            ));
            return;
        }
        let mut value = |what: &str, l: &dyn std::fmt::Display, r: &dyn std::fmt::Display| {
            let (l, r) = (l.to_string(), r.to_string());
            if l != r {
                out.push(format!("{} {l} -> {r}", at(what)));
            }
        };
        if let (Some(l), Some(r)) = (lt.size(), rt.size()) {
            value("size", &l, &r);
        }
        let flag = match lt.kind() {
            Kind::Enum | Kind::Enum64 => "signed",
            Kind::Fwd => "union",
            _ => "kind_flag",
        };
        value(flag, &lt.kind_flag(), &rt.kind_flag());
        // An anonymous type that stands for another may be a tag.
        value("name", &lt.name_str(), &rt.name_str());

        let (l_edges, r_edges) = (
            self.partition.universe.edges(l),
            self.partition.universe.edges(r),
        );
        match lt.kind() {
            Kind::Struct | Kind::Union => self.compare_members((l, lt), (r, rt), &at, depth, out),
            Kind::Enum | Kind::Enum64 => compare_values(lt, rt, &at, out),
            Kind::Datasec => self.compare_vars((l, lt), (r, rt), &at, out),
            Kind::FuncProto => self.compare_protos((l, lt), (r, rt), &at, depth, out),
            kind => {
                match kind {
                    Kind::Int => {
                        let int = |ty: Type<'_>| ty.words()[3];
                        value("int data", &int(lt), &int(rt));
                    }
                    Kind::Array => {
                        let n = |ty: Type<'_>| ty.array().map_or(0, |array| array.nelems);
                        value("number of elements", &n(lt), &n(rt));
                    }
                    Kind::Func => value("linkage", &lt.vlen(), &rt.vlen()),
                    Kind::Var | Kind::DeclTag => {
                        let data = |ty: Type<'_>| ty.words()[3].cast_signed();
                        let what = if kind == Kind::Var {
                            "linkage"
                        } else {
                            "component"
                        };
                        value(what, &data(lt), &data(rt));
                    }
                    _ => {}
                }
                let what = match kind {
                    Kind::Ptr => "pointee",
                    Kind::Array => "element",
                    Kind::Func => "",
                    _ => "type",
                };
                for (&l, &r) in l_edges.iter().zip(r_edges) {
                    // The chain from a member to what differs is told by the
                    // member's name alone.
                    let label = if label.is_empty() { what } else { label };
                    self.compare_refs(l, r, label, depth, out);
                }
            }
        }
    }

    /// Whether two arrays are one of several dimensions, as one ARRAY with their product on one side and as an ARRAY of
    /// ARRAYs on the other.
    fn is_flattened(&self, l: Node, r: Node) -> bool {
        let universe = &self.partition.universe;
        let [l, r] = [l, r].map(|mut node| {
            let (mut n, mut product) = (0, 1u32);
            while let Some(array) = self.ty(node).and_then(|ty| ty.array())
                && n < MAX_DEPTH
            {
                n += 1;
                product = product.wrapping_mul(array.nelems);
                node = universe.edges(node)[0];
            }
            (n, product, self.class(node))
        });
        (l.1, l.2) == (r.1, r.2) && l.0 != r.0 && l.0.min(r.0) == 1
    }

    fn compare_members(
        &self,
        (l, lt): (Node, Type<'_>),
        (r, rt): (Node, Type<'_>),
        at: &dyn Fn(&str) -> String,
        depth: u32,
        out: &mut Comparison,
    ) {
        let name_of = |ty: Type<'_>, off| name_of(ty, off);
        let keys = |ty: Type<'_>| occurrences(ty.members().map(|m| name_of(ty, m.name_off)));
        let (l_keys, r_keys) = (keys(lt), keys(rt));
        let universe = &self.partition.universe;
        let r_idx: HashMap<_, _, Hasher> =
            r_keys.iter().enumerate().map(|(i, key)| (key, i)).collect();
        let mut last = None;
        for (i, key) in l_keys.iter().enumerate() {
            let what = at(&member_label(key, i));
            let Some(&j) = r_idx.get(key) else {
                out.push(format!("{what}: only left"));
                continue;
            };
            if last > Some(j) {
                out.push(format!("{what}: in another order"));
            }
            last = Some(j);
            let (Some(lm), Some(rm)) = (lt.member(i), rt.member(j)) else {
                continue;
            };
            for (name, l, r) in [
                ("bit offset", lm.bit_offset, rm.bit_offset),
                ("bit width", lm.bitfield_size, rm.bitfield_size),
            ] {
                if l != r {
                    out.push(format!("{what}: {name} {l} -> {r}"));
                }
            }
            self.compare_refs(
                universe.edges(l)[i],
                universe.edges(r)[j],
                &what,
                depth,
                out,
            );
        }
        let l_set: HashSet<_, Hasher> = l_keys.iter().collect();
        for (j, key) in r_keys.iter().enumerate() {
            if !l_set.contains(key) {
                out.push(format!("{}: only right", at(&member_label(key, j))));
            }
        }
    }

    fn compare_vars(
        &self,
        (l, lt): (Node, Type<'_>),
        (r, rt): (Node, Type<'_>),
        at: &dyn Fn(&str) -> String,
        out: &mut Comparison,
    ) {
        let universe = &self.partition.universe;
        let keys = |node| {
            let vars = universe.edges(node).iter();
            occurrences(vars.map(|&var| {
                let ty = self.ty(var);
                ty.map_or(String::new(), |ty| ty.name_str().into_owned())
            }))
        };
        let (l_keys, r_keys) = (keys(l), keys(r));
        let r_idx: HashMap<_, _, Hasher> =
            r_keys.iter().enumerate().map(|(i, key)| (key, i)).collect();
        let (l_vars, r_vars): (Vec<_>, Vec<_>) = (lt.sec_vars().collect(), rt.sec_vars().collect());
        for (i, key) in l_keys.iter().enumerate() {
            let what = at(&format!("variable `{}`", key.0));
            let Some(&j) = r_idx.get(key) else {
                out.push(format!("{what}: only left"));
                continue;
            };
            for (name, l, r) in [
                ("offset", l_vars[i].offset, r_vars[j].offset),
                ("size", l_vars[i].size, r_vars[j].size),
            ] {
                if l != r {
                    out.push(format!("{what}: {name} {l} -> {r}"));
                }
            }
            self.compare_refs(universe.edges(l)[i], universe.edges(r)[j], &what, 0, out);
        }
        let l_set: HashSet<_, Hasher> = l_keys.iter().collect();
        for key in r_keys.iter().filter(|&key| !l_set.contains(key)) {
            out.push(format!(
                "{}: only right",
                at(&format!("variable `{}`", key.0))
            ));
        }
    }

    fn compare_protos(
        &self,
        (l, lt): (Node, Type<'_>),
        (r, rt): (Node, Type<'_>),
        at: &dyn Fn(&str) -> String,
        depth: u32,
        out: &mut Comparison,
    ) {
        let universe = &self.partition.universe;
        // The first edge is the return type, then come the parameters.
        let (l_edges, r_edges) = (universe.edges(l), universe.edges(r));
        self.compare_refs(l_edges[0], r_edges[0], &at("return type"), depth, out);
        if lt.vlen() != rt.vlen() {
            let n = at("number of parameters");
            out.push(format!("{n} {} -> {}", lt.vlen(), rt.vlen()));
        }
        for (i, (lp, rp)) in lt.params().zip(rt.params()).enumerate() {
            let (l_name, r_name) = (name_of(lt, lp.name_off), name_of(rt, rp.name_off));
            let what = at(&format!("parameter {i} `{l_name}`"));
            if l_name != r_name {
                out.push(format!("{what}: name -> `{r_name}`"));
            }
            self.compare_refs(l_edges[i + 1], r_edges[i + 1], &what, depth, out);
        }
    }
}

/// Marks all entries that follow from `starts` with the start that came first.
fn spread(
    starts: impl Iterator<Item = UnequalIdx>,
    reversed: &[Vec<UnequalIdx>],
    root_of: &mut [Option<UnequalIdx>],
) {
    let mut queue: std::collections::VecDeque<_> = starts.map(|i| (i, i)).collect();
    while let Some((i, root)) = queue.pop_front() {
        if root_of[i].is_none() {
            root_of[i] = Some(root);
            queue.extend(reversed[i].iter().map(|&next| (next, root)));
        }
    }
}

fn sort_key(info: &TypeInfo) -> (Kind, String, TypeId) {
    (info.kind, info.name.clone(), info.id)
}

fn name_of(ty: Type<'_>, off: StrOff) -> String {
    let name = ty.btf().str_at(off).unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// Makes names unique by counting how often each came before.
fn occurrences(names: impl Iterator<Item = String>) -> Vec<(String, u32)> {
    let mut counts = HashMap::<String, u32, Hasher>::default();
    names
        .map(|name| {
            let count = counts.entry(name.clone()).or_default();
            *count += 1;
            (name, *count - 1)
        })
        .collect()
}

fn member_label((name, _): &(String, u32), idx: usize) -> String {
    if name.is_empty() {
        format!("anonymous member {idx}")
    } else {
        format!("member `{name}`")
    }
}

fn compare_values(lt: Type<'_>, rt: Type<'_>, at: &dyn Fn(&str) -> String, out: &mut Comparison) {
    let keys = |ty: Type<'_>| occurrences(ty.enum_values().map(|v| name_of(ty, v.name_off)));
    let (l_keys, r_keys) = (keys(lt), keys(rt));
    let r_values: HashMap<_, _, Hasher> = r_keys.iter().zip(rt.enum_values()).collect();
    for (key, l) in l_keys.iter().zip(lt.enum_values()) {
        let what = at(&format!("value `{}`", key.0));
        match r_values.get(key) {
            Some(r) if r.bits != l.bits => {
                out.push(format!("{what}: {} -> {}", l.value(), r.value()));
            }
            Some(_) => {}
            None => out.push(format!("{what}: only left")),
        }
    }
    let l_set: HashSet<_, Hasher> = l_keys.iter().collect();
    for key in r_keys.iter().filter(|&key| !l_set.contains(key)) {
        out.push(format!("{}: only right", at(&format!("value `{}`", key.0))));
    }
    let in_order = l_keys.iter().filter(|&key| r_values.contains_key(key));
    let mut expected = r_keys.iter().filter(|&key| l_set.contains(key));
    if !in_order.eq(expected.by_ref()) {
        out.push(at("values in another order"));
    }
}
