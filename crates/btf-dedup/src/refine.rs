//! Partition refinement: the equal types of any graph in O(E log V).
//!
//! Start with a class per shape. A type whose references lie in other classes
//! than those of its classmates has to leave; when it does, the types that
//! refer to it are looked at again. Of the parts that a class breaks into, the
//! largest keeps the class's number, so a type changes its number at most
//! log V times, and only a change makes work.
//!
//! Source: the "process the smaller half" strategy of Hopcroft (1971) and of
//! Paige and Tarjan (1987), with the split by hashed signatures.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::graph::Graph;
use crate::shape::mix;

/// The partition: types lie in `order` class by class.
struct Classes {
    /// Class of each node.
    class: Vec<u32>,
    order: Vec<u32>,
    /// Position in `order` of each node.
    pos: Vec<u32>,
    /// Range in `order` of each class.
    range: Vec<(u32, u32)>,
}

/// Nodes that take part and who refers to whom.
struct Adjacency {
    /// Type ids, base first.
    ids: Vec<u32>,
    /// References as node numbers, and where those of each node start.
    refs: Vec<u32>,
    refs_at: Vec<u32>,
    /// Nodes that refer to each node, in the same form.
    preds: Vec<u32>,
    preds_at: Vec<u32>,
}

impl Adjacency {
    fn new(g: &Graph<'_>) -> Self {
        let mut dup = vec![false; g.start as usize];
        for &(id, _) in g.base.duplicates() {
            dup[id as usize] = true;
        }
        let takes_part = |id: u32| {
            if g.is_own(id) {
                g.own(id).canon == id
            } else {
                !dup[id as usize]
            }
        };
        let ids = (0..g.n_types())
            .filter(|&id| takes_part(id))
            .collect::<Vec<_>>();
        let mut node_of = vec![u32::MAX; g.n_types() as usize];
        for (node, &id) in ids.iter().enumerate() {
            node_of[id as usize] = node as u32;
        }
        let mut refs = Vec::new();
        let mut refs_at = vec![0];
        for &id in &ids {
            refs.extend(g.refs(id).iter().map(|&target| node_of[target as usize]));
            refs_at.push(refs.len() as u32);
        }
        let mut preds_at = vec![0_u32; ids.len() + 1];
        for &target in &refs {
            preds_at[target as usize + 1] += 1;
        }
        for i in 0..ids.len() {
            preds_at[i + 1] += preds_at[i];
        }
        let mut fill = preds_at.clone();
        let mut preds = vec![0; refs.len()];
        for node in 0..ids.len() {
            for &target in &refs[refs_at[node] as usize..refs_at[node + 1] as usize] {
                let at = &mut fill[target as usize];
                preds[*at as usize] = node as u32;
                *at += 1;
            }
        }
        Self {
            ids,
            refs,
            refs_at,
            preds,
            preds_at,
        }
    }

    fn refs(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.refs[self.refs_at[node] as usize..self.refs_at[node + 1] as usize]
    }

    fn preds(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.preds[self.preds_at[node] as usize..self.preds_at[node + 1] as usize]
    }
}

impl Classes {
    /// Classes from a key per node; nodes of equal keys share one.
    fn by_key(keys: &[u32]) -> Self {
        let mut order = (0..keys.len() as u32).collect::<Vec<_>>();
        order.sort_by_key(|&node| keys[node as usize]);
        let mut classes = Self {
            class: vec![0; keys.len()],
            pos: vec![0; keys.len()],
            order,
            range: Vec::new(),
        };
        for (i, &node) in classes.order.iter().enumerate() {
            let i = i as u32;
            classes.pos[node as usize] = i;
            let same = i > 0 && {
                let before = classes.order[i as usize - 1];
                keys[before as usize] == keys[node as usize]
            };
            if !same {
                classes.range.push((i, i));
            }
            let class = classes.range.len() - 1;
            classes.range[class].1 = i + 1;
            classes.class[node as usize] = class as u32;
        }
        classes
    }

    fn len_of(&self, class: u32) -> u32 {
        let (from, to) = self.range[class as usize];
        to - from
    }

    fn swap(&mut self, a: u32, b: u32) {
        self.order.swap(a as usize, b as usize);
        self.pos[self.order[a as usize] as usize] = a;
        self.pos[self.order[b as usize] as usize] = b;
    }
}

/// A group of nodes with one class and one signature.
struct Group {
    /// Class the nodes are in.
    class: u32,
    members: Vec<u32>,
}

/// Own canonical types that equal an older canonical type, with the oldest
/// such, in id order.
pub(crate) fn equal_types(g: &Graph<'_>) -> Vec<(u32, u32)> {
    let adj = Adjacency::new(g);
    let keys = adj
        .ids
        .iter()
        .map(|&id| g.shape(id).bits())
        .collect::<Vec<_>>();
    let classes = refine(&adj, Classes::by_key(&keys));

    let mut oldest = vec![u32::MAX; classes.range.len()];
    let mut equal = Vec::new();
    // Nodes are in id order, so the first of a class is its oldest.
    for (node, &id) in adj.ids.iter().enumerate() {
        let oldest = &mut oldest[classes.class[node] as usize];
        if *oldest == u32::MAX {
            *oldest = id;
        } else {
            equal.push((id, *oldest));
        }
    }
    equal
}

fn refine(adj: &Adjacency, mut classes: Classes) -> Classes {
    let n = adj.ids.len();
    let mut dirty = (0..n as u32).collect::<Vec<_>>();
    let mut is_dirty = vec![true; n];
    while !dirty.is_empty() {
        dirty.sort_unstable();
        let groups = group(adj, &classes, &dirty);
        for &node in &dirty {
            is_dirty[node as usize] = false;
        }
        dirty.clear();
        let moved = split(&mut classes, groups);
        for &node in &moved {
            for &pred in adj.preds(node) {
                let alone = classes.len_of(classes.class[pred as usize]) == 1;
                if !alone && !is_dirty[pred as usize] {
                    is_dirty[pred as usize] = true;
                    dirty.push(pred);
                }
            }
        }
    }
    classes
}

/// Groups nodes by class and by the classes of their references. Groups are
/// in order of their first member.
fn group(adj: &Adjacency, classes: &Classes, nodes: &[u32]) -> Vec<Group> {
    let mut table: HashTable<(u64, u32)> = HashTable::with_capacity(nodes.len());
    let mut groups: Vec<Group> = Vec::new();
    let class = &classes.class;
    for &node in nodes {
        let mut hash = u64::from(class[node as usize]);
        for &target in adj.refs(node) {
            hash = mix(hash, class[target as usize], 1);
        }
        let hash = mix(hash, 0, 2);
        let same = |&(other_hash, group): &(u64, u32)| {
            let other = groups[group as usize].members[0];
            other_hash == hash
                && class[other as usize] == class[node as usize]
                && adj.refs(other).len() == adj.refs(node).len()
                && adj
                    .refs(other)
                    .iter()
                    .zip(adj.refs(node))
                    .all(|(&a, &b)| class[a as usize] == class[b as usize])
        };
        match table.entry(hash, same, |&(hash, _)| hash) {
            Entry::Occupied(slot) => {
                let group = slot.get().1;
                groups[group as usize].members.push(node);
            }
            Entry::Vacant(slot) => {
                slot.insert((hash, groups.len() as u32));
                groups.push(Group {
                    class: class[node as usize],
                    members: vec![node],
                });
            }
        }
    }
    groups
}

/// Splits classes by groups; the members of a class that are in no group share
/// a signature of their own. Gives the nodes whose class number changed.
fn split(classes: &mut Classes, mut groups: Vec<Group>) -> Vec<u32> {
    groups.sort_by_key(|group| group.class);
    let mut moved = Vec::new();
    let mut rest = groups.as_slice();
    while let Some(first) = rest.first() {
        let class = first.class;
        let n = rest.partition_point(|group| group.class == class);
        let (here, others) = rest.split_at(n);
        rest = others;
        let grouped = here.iter().map(|g| g.members.len() as u32).sum::<u32>();
        let clean = classes.len_of(class) - grouped;
        if here.len() == 1 && clean == 0 {
            continue;
        }
        // Gather the groups at the front of the class, one after the other.
        let (from, to) = classes.range[class as usize];
        let mut at = from;
        let mut parts = Vec::with_capacity(here.len() + 1);
        for group in here {
            let begin = at;
            for &node in &group.members {
                classes.swap(classes.pos[node as usize], at);
                at += 1;
            }
            parts.push((begin, at));
        }
        if clean > 0 {
            parts.push((at, to));
        }
        let largest = (0..parts.len())
            .max_by_key(|&i| (parts[i].1 - parts[i].0, std::cmp::Reverse(i)))
            .unwrap_or(0);
        for (i, &part) in parts.iter().enumerate() {
            if i == largest {
                classes.range[class as usize] = part;
                continue;
            }
            let fresh = classes.range.len() as u32;
            classes.range.push(part);
            for at in part.0..part.1 {
                let node = classes.order[at as usize];
                classes.class[node as usize] = fresh;
                moved.push(node);
            }
        }
    }
    moved
}
