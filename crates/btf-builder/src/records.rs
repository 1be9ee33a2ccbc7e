//! Where the records of a type section begin.
//!
//! Nothing says where a record begins but the record before it, so that to find all of a kernel's hundred thousand is
//! one long chain of loads, each waiting for the one before. What shortens the chain is that more than half of all
//! records (pointers, typedefs, functions) are a head of three words and nothing else: with each record that is looked
//! at, the next two are looked at as if they began three words apart, and counted if they do.

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

/// `None` if there is anything else than whole records of known kinds.
fn index_known(words: &[u32]) -> Option<Vec<u32>> {
    // Memory that is not used costs nothing, growing does.
    let mut index = vec![0; words.len() / HEAD];
    let (mut n, mut at) = (0, 0);
    while let Some(heads) = words
        .get(at..)
        .and_then(<[u32]>::first_chunk::<{ 3 * HEAD }>)
    {
        let [first, second, third] = [1, 4, 7].map(|info| len(heads[info]));
        let place: &mut [u32; 3] = index.get_mut(n..)?.first_chunk_mut()?;
        *place = [0, HEAD, 2 * HEAD].map(|head| (at + head) as u32);
        // No branches: which kind comes next is hard to predict.
        let is_second = first == HEAD;
        let is_third = is_second & (second == HEAD);
        n += 1 + usize::from(is_second) + usize::from(is_third);
        let after_second = at + HEAD + second + if second == HEAD { third } else { 0 };
        let after_first = at + first;
        at = if is_second { after_second } else { after_first };
    }
    while let Some(head) = words.get(at..).and_then(<[u32]>::first_chunk::<HEAD>) {
        *index.get_mut(n)? = at as u32;
        n += 1;
        at += len(head[1]);
    }
    index.truncate(n);
    (at == words.len()).then_some(index)
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
