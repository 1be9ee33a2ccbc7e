//! Classes of equal types: the greatest bisimulation by partition refinement.
//!
//! Two types are equal if their contents are and their references lead, in
//! order, to equal types. On graphs with cycles that reads as the *greatest*
//! relation with this property: two copies of a list node that points to
//! itself are equal, and so is a copy that points to the other copy first.
//! Comparing pairs of graphs with a stack of assumptions decides that too, but
//! decides it again for every pair.
//!
//! ```text
//!     A ──▶ A          B ──▶ C          A, B, C: struct n { struct n *next; }
//!                      ▲     │
//!                      └─────┘          one class: {A, B, C}
//! ```
//!
//! Refinement starts from classes of equal content. A class is split when its
//! members refer to different classes, until no class can be. In each round
//! only *dirty* nodes are looked at: those with a reference to a node that got
//! a new class in the round before. Of the pieces of a split class the largest
//! keeps the number, so that a node gets a new one at most log₂ n times and
//! the whole takes O(m log n) for m references (Hopcroft's argument).
//!
//! Hashes only find candidates; equality of contents and of class lists is
//! checked exactly.

use std::hash::{BuildHasher, Hash, Hasher as _};
use std::sync::OnceLock;

use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};

use btf_builder::{Kind, TypeId};

use crate::Hasher;
use crate::universe::{BtfIdx, Node, Referrers, StrNo, Universe};

/// Number of a class of equal types.
pub(crate) type Class = u32;

/// All types of a [`Universe`] in classes of equal ones.
#[derive(Debug)]
pub struct Partition<'a> {
    pub(crate) universe: Universe<'a>,
    pub(crate) referrers: Referrers,
    /// Class of each node.
    pub(crate) class: Vec<Class>,
    lookups: Vec<Lookup>,
}

/// What is computed for a BTF when first asked for.
#[derive(Debug, Default)]
struct Lookup {
    /// Own types by name, in id order.
    names: OnceLock<HashMap<(NameSpace, StrNo), Vec<Node>, Hasher>>,
    /// Classes of the own types, each with its first type.
    classes: OnceLock<HashMap<Class, TypeId, Hasher>>,
}

/// Kinds that are looked up together: a name is found in all of them when a
/// type changes its kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum NameSpace {
    /// INT and FLOAT.
    Scalar,
    /// STRUCT, UNION and FWD.
    Composite,
    /// ENUM and ENUM64.
    Enum,
    Typedef,
    Func,
    Var,
    Datasec,
    /// Kinds of the future.
    Other,
}

impl NameSpace {
    /// The name space of a kind whose name identifies its types; `None` for
    /// anonymous kinds and tags.
    pub(crate) fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Int | Kind::Float => Some(Self::Scalar),
            Kind::Struct | Kind::Union | Kind::Fwd => Some(Self::Composite),
            Kind::Enum | Kind::Enum64 => Some(Self::Enum),
            Kind::Typedef => Some(Self::Typedef),
            Kind::Func => Some(Self::Func),
            Kind::Var => Some(Self::Var),
            Kind::Datasec => Some(Self::Datasec),
            Kind::Void
            | Kind::Ptr
            | Kind::Array
            | Kind::Volatile
            | Kind::Const
            | Kind::Restrict
            | Kind::FuncProto
            | Kind::DeclTag
            | Kind::TypeTag => None,
            _ => Some(Self::Other),
        }
    }
}

impl<'a> Partition<'a> {
    pub(crate) fn new(universe: Universe<'a>) -> Self {
        let referrers = universe.referrers();
        let of_content = classes_of_content(&universe);
        let class = Refinement::new(&universe, &referrers, of_content).run();
        let lookups = (0..universe.n_parts()).map(|_| Lookup::default()).collect();
        Self {
            universe,
            referrers,
            class,
            lookups,
        }
    }

    /// Whether two types are equal, each as the BTF numbers it. `None` if one
    /// of the ids has no type of its own there.
    pub fn equal(&self, left: (BtfIdx, TypeId), right: (BtfIdx, TypeId)) -> Option<bool> {
        let class = |(idx, id): (BtfIdx, TypeId)| {
            let part = self.universe.part(idx);
            let local = id.0.checked_sub(part.btf.start_id().0)?;
            let node = part.nodes().nth(local as usize)?;
            Some(self.class[node as usize])
        };
        Some(class(left)? == class(right)?)
    }

    /// Own types that equal an earlier own type or a type of the base.
    ///
    /// VAR and DATASEC are left out: each of them is an entity of its own.
    pub fn duplicates(&self, idx: BtfIdx) -> Vec<Duplicate> {
        let mut first = HashMap::<Class, TypeId, Hasher>::default();
        let part = self.universe.part(idx);
        let mut found = Vec::new();
        for (node, ty) in part.nodes().map(Node).zip(part.btf.own_types()) {
            if matches!(ty.kind(), Kind::Var | Kind::Datasec) {
                continue;
            }
            let class = self.class[node.idx()];
            let of = match self.in_base(idx, class) {
                Some(of) => Some(of),
                None => match first.entry(class) {
                    hashbrown::hash_map::Entry::Occupied(entry) => Some(*entry.get()),
                    hashbrown::hash_map::Entry::Vacant(entry) => {
                        entry.insert(ty.id());
                        None
                    }
                },
            };
            if let Some(of) = of {
                found.push(Duplicate { id: ty.id(), of });
            }
        }
        found
    }

    /// The first type of the class in a base of `idx`.
    fn in_base(&self, idx: BtfIdx, class: Class) -> Option<TypeId> {
        let mut base = self.universe.part(idx).base;
        while let Some(at) = base {
            if let Some(&id) = self.own_classes(at).get(&class) {
                return Some(id);
            }
            base = self.universe.part(at).base;
        }
        None
    }

    /// Whether a base of `idx` has a type of the class.
    pub(crate) fn base_has(&self, idx: BtfIdx, class: Class) -> bool {
        self.in_base(idx, class).is_some()
    }

    fn own_classes(&self, idx: BtfIdx) -> &HashMap<Class, TypeId, Hasher> {
        self.lookups[idx.0 as usize].classes.get_or_init(|| {
            let part = self.universe.part(idx);
            let mut first = HashMap::default();
            for (node, ty) in part.nodes().zip(part.btf.own_types()) {
                first.entry(self.class[node as usize]).or_insert(ty.id());
            }
            first
        })
    }

    /// Types of that name in a BTF, its bases included.
    pub(crate) fn named(&self, idx: BtfIdx, space: NameSpace, name: StrNo) -> Vec<Node> {
        let mut found = Vec::new();
        let mut at = Some(idx);
        while let Some(idx) = at {
            let names = self.lookups[idx.0 as usize].names.get_or_init(|| {
                let mut names = HashMap::<_, Vec<Node>, Hasher>::default();
                for node in self.universe.part(idx).nodes().map(Node) {
                    if let Some(key) = self.identity(node) {
                        names.entry(key).or_default().push(node);
                    }
                }
                names
            });
            found.extend_from_slice(names.get(&(space, name)).map_or(&[], Vec::as_slice));
            at = self.universe.part(idx).base;
        }
        found
    }

    /// What a type is known by, if it has a name that identifies it.
    pub(crate) fn identity(&self, node: Node) -> Option<(NameSpace, StrNo)> {
        let name = self.universe.name_no(node);
        if name == 0 {
            return None;
        }
        Some((NameSpace::of(self.universe.kind(node))?, name))
    }
}

/// A type of which the BTF or its base has an equal one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate {
    /// The superfluous type.
    pub id: TypeId,
    /// The first equal one, below [`Btf::start_id`](btf_builder::Btf::start_id)
    /// if it is in a base.
    pub of: TypeId,
}

/// Numbers nodes by content, references ignored.
fn classes_of_content(universe: &Universe<'_>) -> Vec<Class> {
    let hasher = universe.hasher();
    let mut table = HashTable::<(Class, Node)>::with_capacity(universe.n_nodes() / 2);
    let mut n: Class = 0;
    (0..universe.n_nodes() as u32)
        .map(Node)
        .map(|node| {
            let content = universe.content(node);
            let entry = table.entry(
                hasher.hash_one(content),
                |&(_, other)| universe.content(other) == content,
                |&(_, other)| hasher.hash_one(universe.content(other)),
            );
            match entry {
                Entry::Occupied(entry) => entry.get().0,
                Entry::Vacant(entry) => {
                    entry.insert((n, node));
                    n += 1;
                    n - 1
                }
            }
        })
        .collect()
}

/// The dirty nodes of one class that refer to the same classes.
#[derive(Debug)]
struct Group {
    class: Class,
    /// One of them, to compare others with.
    sample: Node,
    n: u32,
    /// Start of the group in the nodes sorted by group.
    start: u32,
}

#[derive(Debug)]
struct Refinement<'u> {
    universe: &'u Universe<'u>,
    referrers: &'u Referrers,
    class: Vec<Class>,
    /// Nodes such that each class is one run.
    members: Vec<Node>,
    /// Where each node is in `members`.
    position: Vec<u32>,
    /// The run of each class.
    runs: Vec<(u32, u32)>,
}

impl<'u> Refinement<'u> {
    fn new(universe: &'u Universe<'u>, referrers: &'u Referrers, class: Vec<Class>) -> Self {
        let n = class.iter().max().map_or(0, |&max| max as usize + 1);
        let mut runs = vec![(0_u32, 0_u32); n];
        for &class in &class {
            runs[class as usize].1 += 1;
        }
        let mut start = 0;
        for run in &mut runs {
            let len = run.1;
            *run = (start, start);
            start += len;
        }
        let mut members = vec![Node::VOID; class.len()];
        let mut position = vec![0; class.len()];
        for (i, &class) in class.iter().enumerate() {
            let at = &mut runs[class as usize].1;
            members[*at as usize] = Node(i as u32);
            position[i] = *at;
            *at += 1;
        }
        Self {
            universe,
            referrers,
            class,
            members,
            position,
            runs,
        }
    }

    fn run(mut self) -> Vec<Class> {
        // Alone in its class means nothing to tell apart.
        let mut dirty: Vec<Node> = (0..self.class.len() as u32)
            .map(Node)
            .filter(|&node| !self.universe.edges(node).is_empty() && !self.is_alone(node))
            .collect();
        // Round in which a node was last found dirty.
        let mut stamp = vec![0_u32; self.class.len()];
        let mut round = 0;
        let mut changed = Vec::new();
        while !dirty.is_empty() {
            round += 1;
            changed.clear();
            self.split(&dirty, &mut changed);
            dirty.clear();
            for &node in &changed {
                for &referrer in self.referrers.of(node) {
                    if stamp[referrer.idx()] != round && !self.is_alone(referrer) {
                        stamp[referrer.idx()] = round;
                        dirty.push(referrer);
                    }
                }
            }
        }
        self.class
    }

    fn is_alone(&self, node: Node) -> bool {
        let (start, end) = self.runs[self.class[node.idx()] as usize];
        end - start == 1
    }

    /// Splits the classes of the dirty nodes by what these refer to. Nodes
    /// with a new class are appended to `changed`.
    fn split(&mut self, dirty: &[Node], changed: &mut Vec<Node>) {
        let (groups, sorted) = self.group(dirty);

        // Groups of one class, in order of discovery.
        let mut by_class: Vec<(Class, u32)> = groups
            .iter()
            .enumerate()
            .map(|(i, group)| (group.class, i as u32))
            .collect();
        by_class.sort_unstable();

        // Contents do not change while classes are numbered anew: `group` has
        // read all it needs.
        for of_class in by_class.chunk_by(|a, b| a.0 == b.0) {
            self.split_class(of_class, &groups, &sorted, changed);
        }
    }

    /// Groups dirty nodes by class and classes referred to. The second value
    /// lists them group by group.
    fn group(&self, dirty: &[Node]) -> (Vec<Group>, Vec<Node>) {
        let hash = |node: Node| {
            let mut state = self.universe.hasher().build_hasher();
            self.class[node.idx()].hash(&mut state);
            for edge in self.universe.edges(node) {
                self.class[edge.idx()].hash(&mut state);
            }
            state.finish()
        };
        let equal = |a: Node, b: Node| {
            let classes = |node| {
                let edges: &[Node] = self.universe.edges(node);
                edges.iter().map(|edge| self.class[edge.idx()])
            };
            self.class[a.idx()] == self.class[b.idx()] && classes(a).eq(classes(b))
        };
        let mut groups: Vec<Group> = Vec::new();
        let mut table = HashTable::<u32>::with_capacity(dirty.len() / 2);
        let mut of_node = Vec::with_capacity(dirty.len());
        for &node in dirty {
            let entry = table.entry(
                hash(node),
                |&g| equal(groups[g as usize].sample, node),
                |&g| hash(groups[g as usize].sample),
            );
            let g = match entry {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let g = groups.len() as u32;
                    entry.insert(g);
                    groups.push(Group {
                        class: self.class[node.idx()],
                        sample: node,
                        n: 0,
                        start: 0,
                    });
                    g
                }
            };
            groups[g as usize].n += 1;
            of_node.push(g);
        }

        let mut start = 0;
        let mut next = Vec::with_capacity(groups.len());
        for group in &mut groups {
            group.start = start;
            next.push(start);
            start += group.n;
        }
        let mut sorted = vec![Node::VOID; dirty.len()];
        for (&node, &g) in dirty.iter().zip(&of_node) {
            sorted[next[g as usize] as usize] = node;
            next[g as usize] += 1;
        }
        (groups, sorted)
    }

    /// Splits one class into the groups and the rest of its members, which
    /// are not dirty and so still refer to equal classes.
    fn split_class(
        &mut self,
        of_class: &[(Class, u32)],
        groups: &[Group],
        sorted: &[Node],
        changed: &mut Vec<Node>,
    ) {
        let class = of_class[0].0;
        let (start, end) = self.runs[class as usize];
        let mut at = start;
        let mut pieces = Vec::with_capacity(of_class.len() + 1);
        for &(_, g) in of_class {
            let group = &groups[g as usize];
            let nodes = &sorted[group.start as usize..(group.start + group.n) as usize];
            for &node in nodes {
                self.move_to(node, at);
                at += 1;
            }
            pieces.push((at - group.n, at));
        }
        if at < end {
            pieces.push((at, end));
        }
        // The first of the largest, so that the numbering is reproducible.
        let mut keeper = 0;
        for (i, piece) in pieces.iter().enumerate() {
            if piece.1 - piece.0 > pieces[keeper].1 - pieces[keeper].0 {
                keeper = i;
            }
        }
        for (i, &piece) in pieces.iter().enumerate() {
            if i == keeper {
                self.runs[class as usize] = piece;
                continue;
            }
            let new = self.runs.len() as Class;
            self.runs.push(piece);
            for &node in &self.members[piece.0 as usize..piece.1 as usize] {
                self.class[node.idx()] = new;
                changed.push(node);
            }
        }
    }

    /// Swaps a node to a position of its class's run.
    fn move_to(&mut self, node: Node, to: u32) {
        let from = self.position[node.idx()];
        let other = self.members[to as usize];
        self.members.swap(from as usize, to as usize);
        self.position[node.idx()] = to;
        self.position[other.idx()] = from;
    }
}
