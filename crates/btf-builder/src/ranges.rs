//! Whether all type ids and string offsets of a type section exist.
//!
//! A kernel has some 600,000 of them in records of nineteen kinds that follow each other in no order, which no processor
//! predicts. So nothing here branches by kind. Heads of records are looked at with masks that say what their words are.
//! The words behind them repeat with the elements, every two or three words, and so with every twelve: those are looked
//! at as a block, with a mask that says which of them count and the highest value that each may have.

use crate::kind::{Kind, MAX_KIND, info_kind};
use crate::records::{self, HEAD};
use crate::visit::record_shape;

/// What the ids and string offsets in records may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranges {
    /// Id of the first own type.
    pub(crate) start_id: u32,
    /// One more than the highest id.
    pub(crate) n_types: u32,
    /// One more than the highest string offset.
    pub(crate) str_end: u32,
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// All ids and offsets certainly exist.
    pub(crate) all_exist: bool,
    /// All FUNCs refer to an own FUNC_PROTO.
    pub(crate) all_funcs_have_own_proto: bool,
}

/// The least common multiple of the lengths that elements have, in words.
const PERIOD: usize = 12;

/// Words that a vector register takes, which compilers find by themselves in loops over arrays of that length.
type Lanes = [u32; 4];
type Block = [Lanes; PERIOD / 4];

/// What the words of a record are, by kind.
#[derive(Clone, Copy)]
struct Words {
    /// All ones if the third word of the head is an id.
    third: u32,
    /// 1 for functions.
    is_func: u32,
    /// 1 if there is anything to be looked at behind the head.
    has_tail: u32,
    /// Which of the words behind the head are ids, and which are string offsets.
    ids: [bool; PERIOD],
    strs: [bool; PERIOD],
}

const WORDS: [Words; MAX_KIND as usize + 1] = {
    let none = Words {
        third: 0,
        is_func: 0,
        has_tail: 0,
        ids: [false; PERIOD],
        strs: [false; PERIOD],
    };
    let mut all = [none; MAX_KIND as usize + 1];
    let mut i = 0;
    while i < Kind::ALL.len() {
        let kind = Kind::ALL[i];
        all[kind.as_u32() as usize] = words_of(kind);
        i += 1;
    }
    all
};

const fn words_of(kind: Kind) -> Words {
    let shape = record_shape(kind);
    let (mut ids, mut strs) = ([false; PERIOD], [false; PERIOD]);
    let (mut third, mut has_tail) = (0, 0);
    let mut i = 0;
    while i < shape.ids.len() {
        match shape.ids[i].checked_sub(HEAD) {
            Some(at) => {
                ids[at] = true;
                has_tail = 1;
            }
            None => third = u32::MAX,
        }
        i += 1;
    }
    if shape.stride > 0 {
        // Kinds with elements have nothing between head and elements, and so the period begins with the first.
        assert!(shape.elems == HEAD && PERIOD.is_multiple_of(shape.stride));
        let mut at = 0;
        while at < PERIOD {
            if let Some(id) = shape.elem_id {
                ids[at + id] = true;
            }
            if let Some(off) = shape.elem_str {
                strs[at + off] = true;
            }
            at += shape.stride;
        }
        has_tail = 1;
    }
    Words {
        third,
        is_func: (kind as u32 == Kind::Func as u32) as u32,
        has_tail,
        ids,
        strs,
    }
}

/// Blocks of which the first so many words count.
const FIRST: [Block; PERIOD + 1] = {
    let mut first = [[[0; 4]; PERIOD / 4]; PERIOD + 1];
    let mut n = 0;
    while n <= PERIOD {
        let mut at = 0;
        while at < n {
            first[n][at / 4][at % 4] = u32::MAX;
            at += 1;
        }
        n += 1;
    }
    first
};

/// What is asked of the words behind the heads of records of one kind.
#[derive(Clone, Copy)]
struct Rule {
    /// All ones where a word counts.
    counts: Block,
    /// The highest value that it may have.
    highest: Block,
}

/// Records that are looked at in one go. Their words fit into the fastest cache.
const CHUNK: usize = 1024;

/// Looks at all records of `words`, which begin at `index`.
pub(crate) fn check(words: &[u32], index: &[u32], ranges: Ranges) -> Found {
    let rules = rules(ranges);
    let mut heads = Heads {
        protos: [0; CHUNK],
        tails: [0; CHUNK],
        max_id: 0,
        max_str: 0,
    };
    let mut tails = Tails::default();
    let mut all_funcs_have_own_proto = true;
    for chunk in index.chunks(CHUNK) {
        let (n_protos, n_tails) = heads.look_at(words, chunk);
        let protos = &heads.protos[..n_protos];
        all_funcs_have_own_proto &= are_protos(words, index, ranges.start_id, protos);
        tails.look_at(words, &heads.tails[..n_tails], &rules);
    }
    Found {
        all_exist: heads.max_id < ranges.n_types
            && heads.max_str < ranges.str_end
            && tails.are_in_range(),
        all_funcs_have_own_proto,
    }
}

fn rules(ranges: Ranges) -> [Rule; WORDS.len()] {
    let max_id = ranges.n_types.saturating_sub(1);
    let max_str = ranges.str_end.saturating_sub(1);
    WORDS.map(|words| {
        let block = |of: &dyn Fn(usize) -> u32| {
            std::array::from_fn(|lane| std::array::from_fn(|at| of(4 * lane + at)))
        };
        let counts = |at: usize| {
            if words.ids[at] || words.strs[at] {
                u32::MAX
            } else {
                0
            }
        };
        let highest = |at: usize| if words.ids[at] { max_id } else { max_str };
        Rule {
            counts: block(&counts),
            highest: block(&highest),
        }
    })
}

/// What the heads of records say.
struct Heads {
    /// Of the last records that were looked at: what functions have for a prototype, and where there are records with
    /// more than a head.
    protos: [u32; CHUNK],
    tails: [u32; CHUNK],
    max_id: u32,
    max_str: u32,
}

impl Heads {
    /// Looks at the heads of no more than [`CHUNK`] records. Returns how many functions and records with more than a
    /// head there are.
    fn look_at(&mut self, words: &[u32], index: &[u32]) -> (usize, usize) {
        let (mut max_id, mut max_str) = (self.max_id, self.max_str);
        let (mut n_protos, mut n_tails) = (0, 0);
        for &at in index {
            let head = words.get(at as usize..).and_then(<[u32]>::first_chunk);
            let Some(&[name, info, third]) = head else {
                break;
            };
            let kind = &WORDS[info_kind(info) as usize];
            max_str = max_str.max(name);
            max_id = max_id.max(third & kind.third);
            // Written in any case, and kept by counting it.
            self.protos[n_protos as usize % CHUNK] = third;
            n_protos += kind.is_func;
            self.tails[n_tails as usize % CHUNK] = at;
            n_tails += kind.has_tail;
        }
        (self.max_id, self.max_str) = (max_id, max_str);
        (n_protos as usize, n_tails as usize)
    }
}

/// Whether all of `ids` are own FUNC_PROTOs.
fn are_protos(words: &[u32], index: &[u32], start_id: u32, ids: &[u32]) -> bool {
    const FUNC_PROTO: u32 = Kind::FuncProto.as_u32();
    let mut other = 0;
    for id in ids {
        let at = index.get(id.wrapping_sub(start_id) as usize);
        let info = at.and_then(|&at| words.get(at as usize + 1));
        other |= info.map_or(0, |&info| info_kind(info)) ^ FUNC_PROTO;
    }
    other == 0
}

/// What the words behind heads say.
#[derive(Default)]
struct Tails {
    /// Sign bits are set of what is out of range.
    out: Block,
}

impl Tails {
    /// Looks at the records that begin at `index`.
    fn look_at(&mut self, words: &[u32], index: &[u32], rules: &[Rule; WORDS.len()]) {
        let mut out = self.out;
        for &at in index {
            let record = words.get(at as usize..).unwrap_or_default();
            let Some((&[_, info, _], mut tail)) = record.split_first_chunk() else {
                break;
            };
            let rule = &rules[info_kind(info) as usize];
            let mut n = records::len(info) - HEAD;
            while let Some((block, rest)) = tail.split_first_chunk() {
                look_at_block(&mut out, block, n, rule);
                if n <= PERIOD {
                    n = 0;
                    break;
                }
                n -= PERIOD;
                tail = rest;
            }
            // The last ones of the section.
            if let Some(last) = tail.get(..n).filter(|last| !last.is_empty()) {
                let mut block = [0; PERIOD];
                block[..n].copy_from_slice(last);
                look_at_block(&mut out, &block, n, rule);
            }
        }
        self.out = out;
    }

    /// Whether nothing was out of range. Also false if the ranges go beyond what signs can tell.
    fn are_in_range(&self) -> bool {
        self.out.iter().flatten().all(|&out| out >> 31 == 0)
    }
}

/// Looks at the first `n` words of a block.
#[inline(always)]
fn look_at_block(out: &mut Block, block: &[u32; PERIOD], n: usize, rule: &Rule) {
    let first = &FIRST[n.min(PERIOD)];
    let lanes = block.as_chunks::<4>().0.iter();
    for ((((out, words), first), counts), highest) in out
        .iter_mut()
        .zip(lanes)
        .zip(first)
        .zip(&rule.counts)
        .zip(&rule.highest)
    {
        for at in 0..4 {
            let word = words[at] & first[at] & counts[at];
            // Both have the sign bit unset where the word is in range, and one has it set where not.
            out[at] |= word | highest[at].wrapping_sub(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::make_info;
    use crate::visit::{ids_of, strs_of};

    const RANGES: Ranges = Ranges {
        start_id: 1,
        n_types: 1000,
        str_end: 500,
    };

    /// A record of each kind with each number of elements up to 14, with the highest words that are allowed.
    fn section() -> (Vec<u32>, Vec<u32>) {
        let (mut words, mut index) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            for vlen in 0..14 {
                let info = make_info(kind, vlen, false);
                let mut record = vec![u32::MAX; records::len(info)];
                record[1] = info;
                set(&mut record);
                index.push(words.len() as u32);
                words.extend(record);
            }
        }
        (words, index)
    }

    /// Makes ids and offsets the highest that are allowed.
    fn set(record: &mut [u32]) {
        let before = record.to_vec();
        let places = places(&before);
        for (at, max) in places {
            record[at] = max;
        }
    }

    /// The ids and offsets of a record, by what the visitors say, and the highest value of each.
    fn places(record: &[u32]) -> Vec<(usize, u32)> {
        let mut places = Vec::new();
        for at in (0..record.len()).filter(|&at| at != 1) {
            let mut marked = vec![0; record.len()];
            marked[1] = record[1];
            marked[at] = 1;
            ids_of(&marked, |id| {
                if id == 1 {
                    places.push((at, RANGES.n_types - 1));
                }
            });
            strs_of(&marked, |off| {
                if off == 1 {
                    places.push((at, RANGES.str_end - 1));
                }
            });
        }
        places
    }

    #[test]
    fn the_highest_ids_and_offsets_are_in_range() {
        let (words, index) = section();
        assert!(check(&words, &index, RANGES).all_exist);
        // Whatever ends the section.
        for n in 1..index.len() {
            let words = &words[..index[n] as usize];
            assert!(check(words, &index[..n], RANGES).all_exist);
        }
    }

    #[test]
    fn every_id_and_offset_is_looked_at() {
        let (words, index) = section();
        let ends = index[1..].iter().copied().chain([words.len() as u32]);
        for (&start, end) in index.iter().zip(ends) {
            let (start, end) = (start as usize, end as usize);
            for (at, max) in places(&words[start..end]) {
                for wrong in [max + 1, 1 << 31, u32::MAX] {
                    let mut words = words[..end].to_vec();
                    words[start + at] = wrong;
                    let n = index.partition_point(|&at| (at as usize) < end);
                    assert!(!check(&words, &index[..n], RANGES).all_exist);
                }
            }
        }
    }

    #[test]
    fn functions_without_an_own_prototype_are_found() {
        let info = |kind| make_info(kind, 0, false);
        let section = |proto| {
            let func = [0, info(Kind::Func), proto];
            let ptr = [0, info(Kind::Ptr), 0];
            let proto = [0, info(Kind::FuncProto), 0];
            [proto, func, ptr].concat()
        };
        for (proto, has) in [
            (0, false),
            (6, false),
            (7, true),
            (8, false),
            (9, false),
            (10, false),
        ] {
            let ranges = Ranges {
                start_id: 7,
                ..RANGES
            };
            let found = check(&section(proto), &[0, 3, 6], ranges);
            assert_eq!(found.all_funcs_have_own_proto, has, "{proto}");
            assert!(found.all_exist);
        }
    }
}
