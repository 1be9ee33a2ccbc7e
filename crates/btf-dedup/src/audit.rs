//! The audit of a deduplicated BTF: which types are still there twice?
//!
//! This shares nothing with the deduplication it is to check: it reads records
//! through the typed views, compares strings by content rather than by offset,
//! and refines the partition of all types with Hopcroft's algorithm, driven by
//! the edges into a splitter, where deduplication compares pairs of graphs.
//!
//! The result is the coarsest partition in which the types of a class say the
//! same and refer to the same classes, position by position. Cycles need no
//! special care: two types are told apart only if some path from them leads to
//! records that differ.

use std::cmp::Ordering;

use btf_builder::{Btf, Kind, StrOff, Type, TypeId};
use hashbrown::{HashMap, HashTable};

/// Own types of `btf` that are equal to an older type, own or of a base, with
/// the oldest such; in id order. A BTF that was deduplicated has none.
///
/// Types are equal if their records agree, names by content, and the types
/// they refer to are equal in turn. A forward declaration does not equal its
/// definition, nor an enum's declaration the enum. A VAR, a DATASEC and a type
/// of unknown kind equal nothing.
///
/// Takes O(E log E) for E references in base and split together.
pub fn duplicates(btf: &Btf) -> Vec<(TypeId, TypeId)> {
    let partition = Partition::of(btf);
    let start = btf.start_id().0;
    let mut oldest = vec![u32::MAX; partition.blocks.len()];
    let mut pairs = Vec::new();
    for (id, &block) in partition.block_of.iter().enumerate() {
        let id = id as u32;
        let oldest = &mut oldest[block as usize];
        if *oldest == u32::MAX {
            *oldest = id;
        } else if id >= start {
            pairs.push((TypeId(id), TypeId(*oldest)));
        }
    }
    pairs
}

/// Numbers for strings such that equal strings have equal numbers.
struct Names<'a> {
    btf: &'a Btf,
    by_offset: HashMap<u32, u32, foldhash::fast::FixedState>,
    by_content: HashMap<&'a [u8], u32, foldhash::fast::FixedState>,
}

impl Names<'_> {
    fn number(&mut self, off: StrOff) -> u32 {
        if let Some(&number) = self.by_offset.get(&off.0) {
            return number;
        }
        let next = self.by_content.len() as u32;
        let number = match self.btf.str_at(off) {
            Some(s) => *self.by_content.entry(s).or_insert(next),
            None => u32::MAX,
        };
        self.by_offset.insert(off.0, number);
        number
    }
}

/// What a record says apart from its references, as words in `key`, and the
/// references in `refs`. Gives `false` for types that equal no other.
fn describe(
    ty: Type<'_>,
    names: &mut Names<'_>,
    key: &mut Vec<u32>,
    refs: &mut Vec<TypeId>,
) -> bool {
    key.clear();
    refs.clear();
    let kind = ty.kind();
    key.extend([
        ty.raw_kind(),
        u32::from(ty.kind_flag()),
        ty.vlen(),
        names.number(ty.name_off()),
    ]);
    match kind {
        Kind::Int => key.extend([ty.size_or_type(), ty.words()[3]]),
        Kind::Float | Kind::Fwd => key.push(ty.size_or_type()),
        Kind::Enum | Kind::Enum64 => {
            key.push(ty.size_or_type());
            for value in ty.enum_values() {
                let bits = value.bits;
                key.extend([
                    names.number(value.name_off),
                    bits as u32,
                    (bits >> 32) as u32,
                ]);
            }
        }
        Kind::Struct | Kind::Union => {
            key.push(ty.size_or_type());
            for member in ty.members() {
                key.extend([
                    names.number(member.name_off),
                    member.bit_offset,
                    member.bitfield_size,
                ]);
                refs.push(member.type_id);
            }
        }
        Kind::Array => {
            key.push(ty.size_or_type());
            if let Some(array) = ty.array() {
                key.push(array.nelems);
                refs.extend([array.elem, array.index]);
            }
        }
        Kind::FuncProto => {
            refs.extend(ty.type_id());
            for param in ty.params() {
                key.push(names.number(param.name_off));
                refs.push(param.type_id);
            }
        }
        Kind::DeclTag => {
            key.extend(ty.component_idx().map(i32::cast_unsigned));
            refs.extend(ty.type_id());
        }
        Kind::Ptr
        | Kind::Typedef
        | Kind::Volatile
        | Kind::Const
        | Kind::Restrict
        | Kind::Func
        | Kind::TypeTag => refs.extend(ty.type_id()),
        // VAR, DATASEC, and what is not known.
        _ => return false,
    }
    true
}

/// A block of the partition: a range of `Partition::elems`, of which the first
/// `marked` are marked.
#[derive(Clone, Copy)]
struct Block {
    begin: u32,
    end: u32,
    marked: u32,
}

struct Partition {
    elems: Vec<u32>,
    place: Vec<u32>,
    block_of: Vec<u32>,
    blocks: Vec<Block>,
}

impl Partition {
    /// The coarsest stable partition of all types of `btf`, bases included.
    fn of(btf: &Btf) -> Self {
        let n = btf.n_types() as usize;
        let mut names = Names {
            btf,
            by_offset: HashMap::default(),
            by_content: HashMap::default(),
        };
        let mut labels = Vec::with_capacity(n);
        // Contents seen, back to back in `seen`; a table entry is the label
        // and the range of its content.
        let mut seen: Vec<u32> = Vec::new();
        let mut table: HashTable<(u64, u32, usize, usize)> = HashTable::new();
        let mut n_labels = 0;
        // Edges as (target, position, source).
        let mut edges: Vec<(u32, u32, u32)> = Vec::new();
        let (mut key, mut refs) = (Vec::new(), Vec::new());
        for id in 0..n as u32 {
            let Some(ty) = btf.ty(TypeId(id)) else {
                labels.push(n_labels);
                n_labels += 1;
                continue;
            };
            let comparable = describe(ty, &mut names, &mut key, &mut refs);
            for (position, target) in refs.iter().enumerate() {
                if (target.0 as usize) < n {
                    edges.push((target.0, position as u32, id));
                } else {
                    // A reference to nowhere: part of the content.
                    key.extend([position as u32, target.0]);
                }
            }
            if !comparable {
                labels.push(n_labels);
                n_labels += 1;
                continue;
            }
            let hash = {
                use std::hash::BuildHasher as _;
                foldhash::quality::FixedState::default().hash_one(&key)
            };
            let found = table
                .find(hash, |&(h, _, from, to)| h == hash && seen[from..to] == key)
                .map(|&(_, label, ..)| label);
            labels.push(found.unwrap_or_else(|| {
                let from = seen.len();
                seen.extend_from_slice(&key);
                let entry = (hash, n_labels, from, seen.len());
                table.insert_unique(hash, entry, |&(h, ..)| h);
                n_labels += 1;
                n_labels - 1
            }));
        }
        let mut partition = Self::by_label(&labels, n_labels as usize);
        partition.refine(&mut edges);
        partition
    }

    fn by_label(labels: &[u32], n_labels: usize) -> Self {
        let mut blocks = vec![
            Block {
                begin: 0,
                end: 0,
                marked: 0,
            };
            n_labels
        ];
        for &label in labels {
            blocks[label as usize].end += 1;
        }
        let mut at = 0;
        for block in &mut blocks {
            let len = block.end;
            block.begin = at;
            block.end = at;
            at += len;
        }
        let mut elems = vec![0; labels.len()];
        let mut place = vec![0; labels.len()];
        for (id, &label) in labels.iter().enumerate() {
            let block = &mut blocks[label as usize];
            elems[block.end as usize] = id as u32;
            place[id] = block.end;
            block.end += 1;
        }
        Self {
            elems,
            place,
            block_of: labels.to_vec(),
            blocks,
        }
    }

    /// Splits blocks until each refers, position by position, to whole blocks.
    fn refine(&mut self, edges: &mut [(u32, u32, u32)]) {
        edges.sort_unstable();
        let mut into = vec![0_usize; self.elems.len() + 1];
        for &(target, ..) in edges.iter() {
            into[target as usize + 1] += 1;
        }
        for i in 1..into.len() {
            into[i] += into[i - 1];
        }
        let mut waiting = (0..self.blocks.len() as u32).collect::<Vec<_>>();
        let mut arriving: Vec<(u32, u32)> = Vec::new();
        let mut touched = Vec::new();
        while let Some(splitter) = waiting.pop() {
            let block = self.blocks[splitter as usize];
            arriving.clear();
            for &target in &self.elems[block.begin as usize..block.end as usize] {
                let target = target as usize;
                arriving.extend(
                    edges[into[target]..into[target + 1]]
                        .iter()
                        .map(|&(_, position, source)| (position, source)),
                );
            }
            arriving.sort_unstable();
            for same_position in arriving.chunk_by(|a, b| a.0 == b.0) {
                for &(_, source) in same_position {
                    self.mark(source, &mut touched);
                }
                for block in touched.drain(..) {
                    waiting.extend(self.split(block));
                }
            }
        }
    }

    fn mark(&mut self, id: u32, touched: &mut Vec<u32>) {
        let number = self.block_of[id as usize];
        let block = &mut self.blocks[number as usize];
        if block.marked == 0 {
            touched.push(number);
        }
        let to = block.begin + block.marked;
        let from = self.place[id as usize];
        // Within a position each source arrives once, so it is unmarked yet.
        debug_assert!(from >= to, "type {id} is marked twice");
        block.marked += 1;
        self.elems.swap(from as usize, to as usize);
        self.place[self.elems[from as usize] as usize] = from;
        self.place[self.elems[to as usize] as usize] = to;
    }

    /// Parts the marked from the unmarked. The smaller part becomes a block of
    /// its own, whose number is returned: it has to serve as a splitter. The
    /// larger keeps the old number, and with it its place among those that
    /// wait, if it still has one.
    fn split(&mut self, number: u32) -> Option<u32> {
        let block = &mut self.blocks[number as usize];
        let cut = block.begin + std::mem::take(&mut block.marked);
        if cut == block.end {
            return None;
        }
        let (begin, end) = (block.begin, block.end);
        let fresh = match (cut - begin).cmp(&(end - cut)) {
            Ordering::Less | Ordering::Equal => {
                block.begin = cut;
                begin..cut
            }
            Ordering::Greater => {
                block.end = cut;
                cut..end
            }
        };
        let fresh_number = self.blocks.len() as u32;
        for at in fresh.clone() {
            self.block_of[self.elems[at as usize] as usize] = fresh_number;
        }
        self.blocks.push(Block {
            begin: fresh.start,
            end: fresh.end,
            marked: 0,
        });
        Some(fresh_number)
    }
}
