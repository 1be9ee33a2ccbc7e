//! What names stand for, once the whole file is read.
//!
//! [`crate::shape`] hashes types as if a struct, union or enum were its name. That is exact for a name with one
//! definition, and for a name that is only ever declared. It says too little where a name has several definitions
//! (two drivers with a `struct port`), where base and module define it differently, or where the base only declares
//! what the module defines: then two types of equal hash can still differ in what they reach. Those names are the
//! *seeds*; they and everything that reaches them are *tainted*. Tainted types are not shared by hash. The CUs that
//! mention them are read once more and each local type that is tainted is kept as a copy of its own; comparing these
//! copies is left to [`btf_dedup`], which compares graphs.

use crate::base::BaseIndex;
use crate::cu::NameSet;
use crate::shape::{self, Tag};
use crate::store::{Frozen, NO_NAME, NodeId, NodeKind, Place, for_each_ref, get_str};
use crate::text::Text;

/// What is tainted.
#[derive(Debug, Default)]
pub(crate) struct Taint {
    pub(crate) names: NameSet,
    /// By store id.
    store: NameSet,
    /// By base id.
    base: NameSet,
    /// Nothing is shared by hash.
    everything: bool,
    /// The names that taint, in ascending order.
    seeds: Vec<u32>,
    /// Names that the base only declares and the module defines once, in ascending order.
    completed: Vec<u32>,
    /// Base types that refer to such a name with no other name between.
    loose: NameSet,
}

impl Taint {
    pub(crate) fn is_empty(&self) -> bool {
        self.seeds.is_empty() && !self.everything
    }

    pub(crate) fn seeds(&self) -> &[u32] {
        &self.seeds
    }

    /// Whether the base only declares what this module defines, so that the module's own types mean the definition
    /// wherever they say the name.
    pub(crate) fn is_completed(&self, no: u32) -> bool {
        self.completed.binary_search(&no).is_ok()
    }

    /// Whether a base type refers to a completed name with no other name between.
    pub(crate) fn is_loose(&self, id: u32) -> bool {
        self.loose.contains(id)
    }

    pub(crate) fn is_seed(&self, no: u32) -> bool {
        self.seeds.binary_search(&no).is_ok()
    }

    pub(crate) fn has(&self, node: NodeId) -> bool {
        if self.everything {
            return node != NodeId::VOID;
        }
        match node.place() {
            Place::Base(id) => self.base.contains(id),
            Place::BaseName(no) => self.names.contains(no),
            Place::Store(i) => self.store.contains(i),
            Place::Copy(_) => true,
        }
    }
}

impl Taint {
    /// Finds the names that the module completes.
    fn complete(&mut self, base: &BaseIndex, defs: &[(u32, u32)]) {
        for same in defs.chunk_by(|a, b| a.0 == b.0) {
            let no = same[0].0;
            if same.len() == 1 && base.names().get(no as usize).is_some_and(|n| n.n_defs == 0) {
                self.completed.push(no);
            }
        }
        let mut work = Vec::new();
        for &no in &self.completed {
            base.users_of_name(no, |id| work.push(id));
        }
        while let Some(id) = work.pop() {
            if base.name_of(id).is_none() && !self.loose.contains(id) {
                self.loose.insert(id);
                base.users_of(id, |id| work.push(id));
            }
        }
    }
}

/// The store's definitions by name number, in ascending order.
pub(crate) fn definitions(store: &Frozen) -> Vec<(u32, u32)> {
    // As one number each, which are quicker to compare than two.
    let mut defs: Vec<u64> = store
        .ids()
        .filter(|(_, n)| {
            n.name_no != NO_NAME
                && matches!(n.kind, NodeKind::Struct | NodeKind::Union | NodeKind::Enum)
        })
        .map(|(i, n)| u64::from(n.name_no) << 32 | u64::from(i))
        .collect();
    defs.sort_unstable();
    let both = |def: u64| ((def >> 32) as u32, def as u32);
    defs.into_iter().map(both).collect()
}

/// Finds the seeds and what reaches them. `everything`: taint all types, so that all are compared by graph.
pub(crate) fn taint(
    store: &Frozen,
    base: Option<&BaseIndex>,
    mentioned: &NameSet,
    defs: &[(u32, u32)],
    text: &Text<'_>,
    everything: bool,
) -> Taint {
    let known = base.map_or(&[][..], BaseIndex::names);
    let mut seeds: Vec<u32> = Vec::new();
    for same in defs.chunk_by(|a, b| a.0 == b.0) {
        let no = same[0].0;
        if same.len() > 1 || (no as usize) < known.len() {
            seeds.push(no);
        }
    }
    if let Some(base) = base {
        seeds.extend(
            base.ambiguous()
                .iter()
                .copied()
                .filter(|&no| mentioned.contains(no)),
        );
    }
    clashes(store, base, defs, text, &mut seeds);
    seeds.sort_unstable();
    seeds.dedup();
    let mut taint = Taint {
        seeds: seeds.clone(),
        everything,
        ..Taint::default()
    };
    if everything || seeds.is_empty() {
        return taint;
    }
    let users = Users::new(store);
    let mut work: Vec<Item> = Vec::new();
    for no in seeds {
        taint.names.insert(no);
        work.push(Item::Name(no));
    }
    while let Some(item) = work.pop() {
        match item {
            Item::Name(no) => {
                if let Some(node) = users.name_node(no) {
                    taint.store.insert(node);
                    users.of_store(node, |p| reach(store, p, &mut taint, &mut work));
                }
                if (no as usize) < known.len() {
                    users.of_other(NodeId::base_name(no), |p| {
                        reach(store, p, &mut taint, &mut work)
                    });
                    if let Some(base) = base {
                        base.users_of_name(no, |id| {
                            reach_base(base, id, mentioned, &mut taint, &mut work)
                        });
                    }
                }
            }
            Item::Store(i) => users.of_store(i, |p| reach(store, p, &mut taint, &mut work)),
            Item::Base(id) => {
                users.of_other(NodeId::base(id), |p| reach(store, p, &mut taint, &mut work));
                if let Some(base) = base {
                    base.users_of(id, |id| {
                        reach_base(base, id, mentioned, &mut taint, &mut work)
                    });
                }
            }
        }
    }
    if let Some(base) = base {
        taint.complete(base, defs);
    }
    // What defines a tainted name is tainted itself.
    for &(no, i) in defs {
        if taint.names.contains(no) {
            taint.store.insert(i);
        }
    }
    if let Some(base) = base {
        base.definitions(|no, id| {
            if taint.names.contains(no) {
                taint.base.insert(id);
            }
        });
    }
    taint
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Name(u32),
    Store(u32),
    Base(u32),
}

fn reach(store: &Frozen, i: u32, taint: &mut Taint, work: &mut Vec<Item>) {
    if taint.store.contains(i) {
        return;
    }
    taint.store.insert(i);
    work.push(Item::Store(i));
    let no = store.node(i).name_no;
    if no != NO_NAME && !taint.names.contains(no) {
        taint.names.insert(no);
        work.push(Item::Name(no));
    }
}

fn reach_base(
    base: &BaseIndex,
    id: u32,
    mentioned: &NameSet,
    taint: &mut Taint,
    work: &mut Vec<Item>,
) {
    if taint.base.contains(id) {
        return;
    }
    match base.name_of(id) {
        // A definition whose name the module never speaks cannot lead from one of its types to another.
        Some(no) if !mentioned.contains(no) => {}
        Some(no) => {
            taint.base.insert(id);
            if !taint.names.contains(no) {
                taint.names.insert(no);
                work.push(Item::Name(no));
            }
        }
        None => {
            taint.base.insert(id);
            work.push(Item::Base(id));
        }
    }
}

/// Names that are a struct here and a union there: a forward declaration of one says nothing about the other, but
/// upstream's rule for lone forward declarations looks at the bare name.
fn clashes(
    store: &Frozen,
    base: Option<&BaseIndex>,
    defs: &[(u32, u32)],
    text: &Text<'_>,
    seeds: &mut Vec<u32>,
) {
    let of_kind = |kind: NodeKind| {
        let defs = defs.iter().filter(move |d| store.node(d.1).kind == kind);
        defs.map(|&(no, i)| (text.hash(get_str(store.record(i))), no))
    };
    let mut unions: Vec<(u64, u32)> = of_kind(NodeKind::Union).collect();
    if unions.is_empty() && base.is_none() {
        return;
    }
    unions.sort_unstable();
    let in_base = |tag: Tag, name: u64| base.and_then(|b| b.find(shape::by_name(tag, name)));
    for &(name, no) in &unions {
        if let Some((_, other)) = in_base(Tag::StructName, name) {
            seeds.extend([no, other]);
        }
    }
    for (name, no) in of_kind(NodeKind::Struct) {
        if let Some((_, other)) = in_base(Tag::UnionName, name) {
            seeds.extend([no, other]);
        }
        if let Ok(i) = unions.binary_search_by_key(&name, |u| u.0) {
            seeds.extend([no, unions[i].1]);
        }
    }
}

/// Who refers to whom, reversed.
struct Users {
    /// By store id: the users' range in `users`.
    starts: Vec<u32>,
    users: Vec<u32>,
    /// Users of nodes that are not in the store, in order of node.
    others: Vec<(u32, u32)>,
    /// The types of the base that are among these: few of those that are asked for.
    of_base: NameSet,
    /// The nodes that stand for names, in order of the names' numbers.
    name_nodes: Vec<(u32, u32)>,
}

impl Users {
    fn new(store: &Frozen) -> Self {
        let n = store.id_end();
        let mut starts = vec![0u32; n + 2];
        let mut others = Vec::new();
        let mut of_base = NameSet::default();
        let mut name_nodes = Vec::new();
        for (i, node) in store.ids() {
            if node.kind.is_name() {
                name_nodes.push((node.name_no, i));
            }
            for_each_ref(node.kind, store.record(i), |r| match r.place() {
                Place::Store(c) => starts[c as usize + 2] += 1,
                // Nobody asks who uses void.
                _ if r == NodeId::VOID => {}
                place => {
                    others.push((r.raw(), i));
                    if let Place::Base(id) = place {
                        of_base.insert(id);
                    }
                }
            });
        }
        name_nodes.sort_unstable();
        for i in 2..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut users = vec![0; starts.last().copied().unwrap_or(0) as usize];
        for (i, node) in store.ids() {
            for_each_ref(node.kind, store.record(i), |r| {
                if let Place::Store(c) = r.place() {
                    let at = &mut starts[c as usize + 1];
                    users[*at as usize] = i;
                    *at += 1;
                }
            });
        }
        others.sort_unstable();
        Self {
            starts,
            users,
            others,
            of_base,
            name_nodes,
        }
    }

    fn name_node(&self, no: u32) -> Option<u32> {
        let found = self.name_nodes.binary_search_by_key(&no, |name| name.0);
        found.ok().map(|at| self.name_nodes[at].1)
    }

    fn of_store(&self, i: u32, mut f: impl FnMut(u32)) {
        let range = self.starts[i as usize] as usize..self.starts[i as usize + 1] as usize;
        for &u in &self.users[range] {
            f(u);
        }
    }

    fn of_other(&self, node: NodeId, mut f: impl FnMut(u32)) {
        if let Place::Base(id) = node.place()
            && !self.of_base.contains(id)
        {
            return;
        }
        let from = self.others.partition_point(|o| o.0 < node.raw());
        for &(_, u) in self.others[from..].iter().take_while(|o| o.0 == node.raw()) {
            f(u);
        }
    }
}
