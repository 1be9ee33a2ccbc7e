//! Where the records of a type section begin.
//!
//! Nothing says where a record begins but the record before it, so that to find all of a kernel's hundred thousand is
//! one long chain of loads, each waiting for the one before, while a processor could do many at a time. So several chains
//! are followed at once, of which all but the first begin anywhere. They soon come upon a record: hardly any word that is
//! not the `info` of a record has a kind in its upper byte, and what has none is passed over. Where the first chain ends
//! is then looked for in the second, and so on. What a chain saw before that counts for nothing; if it never came upon
//! that record, the way is found one record at a time.

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::TypeId;
use crate::kind::{MAX_KIND, info_kind, info_vlen};
use crate::layout::KindLayout;

/// Words that every record has.
pub(crate) const HEAD: usize = 3;

/// More words than any section has.
const TOO_LONG: u32 = 1 << 30;

/// Words of a record, and those for each element, by number of the kind. Records of kinds that are not known fit into
/// no section.
const LENGTHS: [(u32, u32); MAX_KIND as usize + 1] = {
    let mut lengths = [(TOO_LONG, 0); MAX_KIND as usize + 1];
    let mut kind = 1;
    while kind < KindLayout::KNOWN.len() {
        let layout = KindLayout::KNOWN[kind];
        lengths[kind] = (
            HEAD as u32 + layout.info_sz as u32 / 4,
            layout.elem_sz as u32 / 4,
        );
        kind += 1;
    }
    lengths
};

/// Words of a record with this `info`.
#[inline(always)]
pub(crate) fn len(info: u32) -> usize {
    let (fixed, per_elem) = LENGTHS[info_kind(info) as usize];
    (fixed + info_vlen(info) * per_elem) as usize
}

/// The word offset of each record. `start_id` is the first one's id, for errors.
///
/// # Errors
/// [`Error::TruncatedType`], [`Error::UnknownKind`] or [`Error::BadLayout`] with the first record that is not whole or
/// of which nobody knows the length.
pub(crate) fn index(
    words: &[u32],
    layout: Option<&[KindLayout]>,
    start_id: u32,
) -> Result<Vec<u32>> {
    match index_known(words) {
        Some(index) => Ok(index),
        None => index_any(words, layout, start_id),
    }
}

/// Chains that are followed at once.
const CHAINS: usize = 8;

/// Words between the places where chains begin. With fewer there is more to bring together, with more the chains get out
/// of step, and what they go through at once out of the cache.
const WINDOW: usize = 2048;

/// Steps of each chain before it is asked how far they got. A divisor of [`WINDOW`].
const STRIDE: usize = 4;

/// As [`LENGTHS`], with a single word for what is no record, which is less than any record has.
const STEPS: [(u32, u32); MAX_KIND as usize + 1] = {
    let mut steps = LENGTHS;
    let mut kind = 0;
    while kind < steps.len() {
        if steps[kind].0 == TOO_LONG {
            steps[kind] = (1, 0);
        }
        kind += 1;
    }
    steps
};

/// What looks like records from several places on, each chain for itself.
struct Chains {
    /// Where the records begin, of which there are equally many in each chain. What stands behind those means nothing.
    starts: [[u32; WINDOW]; CHAINS],
    n: usize,
    /// Behind the last of them, in words.
    ends: [usize; CHAINS],
}

impl Chains {
    /// Follows a chain from `at` on and others from each window behind that, until all are through with theirs.
    // There is no branch that is hard to predict, as that by kind would be.
    #[inline(never)]
    fn follow(&mut self, words: &[u32], at: usize) {
        let infos = words.get(1..).unwrap_or_default();
        let begins: [usize; CHAINS] = std::array::from_fn(|k| at + k * WINDOW);
        let mut ats = begins;
        let mut n = 0;
        // Each step is a word or more.
        while (0..CHAINS).any(|k| ats[k] < begins[k] + WINDOW) {
            for n in n..n + STRIDE {
                for (starts, at) in self.starts.iter_mut().zip(&mut ats) {
                    starts[n % WINDOW] = *at as u32;
                    let info = infos.get(*at).copied().unwrap_or(0);
                    let (fixed, per_elem) = STEPS[info_kind(info) as usize];
                    *at += (fixed + info_vlen(info) * per_elem) as usize;
                }
            }
            n += STRIDE;
        }
        (self.n, self.ends) = (n, ats);
    }
}

/// `None` if there is anything else than whole records of known kinds.
fn index_known(words: &[u32]) -> Option<Vec<u32>> {
    // Memory that is not used costs nothing, growing does.
    let mut index: Vec<u32> = Vec::with_capacity(words.len() / HEAD + WINDOW);
    let mut chains = Chains {
        starts: [[0; WINDOW]; CHAINS],
        n: 0,
        ends: [0; CHAINS],
    };
    // Where the next record begins.
    let mut at = 0;
    while at < words.len() {
        chains.follow(words, at);
        let window_ends = (at..).step_by(WINDOW).skip(1);
        for (k, end) in (0..CHAINS).zip(window_ends) {
            let mut found = &chains.starts[k][..chains.n];
            while at < end.min(words.len()) {
                while let [first, rest @ ..] = found
                    && (*first as usize) < at
                {
                    found = rest;
                }
                if found.first().is_some_and(|&first| first as usize == at) {
                    index.extend_from_slice(found);
                    at = chains.ends[k];
                    break;
                }
                index.push(at as u32);
                at += len(*words.get(at + 1)?);
            }
        }
    }
    // Chains went on behind the section, a word at a time.
    index.push(at as u32);
    let n = index.partition_point(|&start| (start as usize) < words.len());
    let is_whole = index[n] as usize == words.len();
    let lens = index[..=n].array_windows().map(|[a, b]| b.wrapping_sub(*a));
    // Not all of them less than some length, which would be a branch for each.
    let shortest = lens.fold(u32::MAX, u32::min);
    let is_known = shortest >= HEAD as u32;
    index.truncate(n);
    (is_whole && is_known).then_some(index)
}

/// As [`index`], one record at a time.
#[cold]
fn index_any(words: &[u32], layout: Option<&[KindLayout]>, start_id: u32) -> Result<Vec<u32>> {
    let mut index = Vec::new();
    let mut rest = words;
    while !rest.is_empty() {
        let id = TypeId(start_id.wrapping_add(index.len() as u32));
        let truncated = |need| Error::TruncatedType {
            id,
            need,
            left: rest.len() as u64,
        };
        let &[_, info, _, ..] = rest else {
            return Err(truncated(HEAD as u64));
        };
        let need = Btf::record_len(layout, info, id)?;
        let next = usize::try_from(need).ok().and_then(|need| rest.get(need..));
        let next = next.ok_or_else(|| truncated(need))?;
        index.push((words.len() - rest.len()) as u32);
        rest = next;
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::{Kind, make_info};

    /// Records of all kinds with 0 to 2 elements, in an order that repeats late if at all.
    fn section(n: usize) -> (Vec<u32>, Vec<u32>) {
        let (mut words, mut starts) = (Vec::new(), Vec::new());
        let mut state = 1_u32;
        for _ in 0..n {
            state = state.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            // Every other one is short.
            let kind = match state >> 31 {
                0 => Kind::Ptr,
                _ => Kind::ALL[(state >> 16) as usize % Kind::ALL.len()],
            };
            let info = make_info(kind, state >> 8 & 3, false);
            starts.push(words.len() as u32);
            let end = words.len() + len(info);
            words.extend([0, info]);
            words.resize(end, info);
        }
        (words, starts)
    }

    #[test]
    fn each_record_is_found_where_the_one_before_it_ends() {
        for n in 0..300 {
            let (words, starts) = section(n);
            assert_eq!(index_known(&words).as_ref(), Some(&starts), "{n}");
            assert_eq!(index_any(&words, None, 1).unwrap(), starts, "{n}");
        }
    }

    #[test]
    fn chains_that_begin_anywhere_find_the_records_of_a_long_section() {
        let n_words = 3 * CHAINS * WINDOW;
        let (words, mut starts) = section(n_words / HEAD + 1);
        assert!(words.len() > n_words);
        assert_eq!(index_known(&words).as_ref(), Some(&starts));
        // A record that covers several windows, and one that covers them all. What is in them looks like records.
        for long in [3 * WINDOW, n_words] {
            let info = make_info(Kind::Enum, long as u32 / 2, false);
            let mut long = vec![0, info, 4];
            long.resize(len(info), make_info(Kind::Struct, 1, false));
            let (first, then) = (starts[50] as usize, long.len() as u32);
            let words = [&words[..first], &long, &words[first..]].concat();
            let before = &starts[..=50];
            let behind = starts[50..].iter().map(|start| start + then);
            let starts: Vec<u32> = before.iter().copied().chain(behind).collect();
            assert_eq!(index_known(&words), Some(starts));
        }
        // One that is not known, and ends that are no ends.
        for at in [
            starts[1],
            starts[starts.len() / 2],
            starts[starts.len() - 1],
        ] {
            let mut words = words.clone();
            words[at as usize + 1] = 100 << 24;
            assert_eq!(index_known(&words), None);
        }
        let last = starts.pop().unwrap() as usize;
        for end in last + 1..words.len() {
            assert_eq!(index_known(&words[..end]), None);
        }
        assert_eq!(index_known(&words[..last]), Some(starts));
    }

    #[test]
    fn a_section_that_is_cut_off_is_an_error_at_its_last_record() {
        let (words, starts) = section(40);
        for cut in 0..words.len() as u32 {
            let found = index(&words[..cut as usize], None, 1);
            match starts.binary_search(&cut) {
                Ok(n) => assert_eq!(found.unwrap(), starts[..n]),
                Err(n) => {
                    let Err(Error::TruncatedType { id, .. }) = found else {
                        panic!("{cut}: {found:?}");
                    };
                    assert_eq!(id, TypeId(n as u32));
                }
            }
        }
    }

    #[test]
    fn kinds_that_are_not_known_are_found_wherever_they_stand() {
        let unknown = 100 << 24;
        let (words, starts) = section(40);
        for (n, &start) in starts.iter().enumerate() {
            let mut words = words.clone();
            words[start as usize + 1] = unknown;
            assert_eq!(index_known(&words), None);
            let error = index(&words, None, 1).unwrap_err();
            let id = TypeId(n as u32 + 1);
            assert_eq!(error, Error::UnknownKind { id, kind: 100 });
        }
    }
}
