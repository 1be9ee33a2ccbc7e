//! Records that several threads write at once, and one BTF of them.
//!
//! Each thread writes a piece, whose records refer to strings of the piece. Which strings several pieces have is found
//! out by shares of all hashes, each share by one thread; a string belongs to the first piece that has it, and there to
//! its place among that piece's. So the strings stand in the order in which one thread would have come by them.

use btf_builder::{Btf, Limits, map_strs};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use crate::copies::like;

type Result<T> = btf_builder::Result<T>;

/// Records and their strings.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Has the strings that are not in the base, and no types.
    pub(crate) strings: Btf,
    pub(crate) words: Vec<u32>,
}

impl Piece {
    /// A piece of `whole` of about so many records.
    pub(crate) fn new(whole: &Btf, n_records: usize) -> Self {
        let mut strings = like(whole);
        // Whether all together are too many is found out when they are.
        strings.set_limits(Limits::FORMAT);
        strings.reserve_strs(n_records, n_records * 16);
        Self {
            strings,
            words: Vec::with_capacity(n_records * 8),
        }
    }
}

/// A string of a piece.
#[derive(Debug, Clone, Copy)]
struct Place {
    piece: u32,
    start: u32,
}

/// A string that an earlier piece has.
#[derive(Debug, Clone, Copy)]
struct Repeat {
    at: Place,
    first: Place,
}

/// The strings of a piece whose hashes are of one share: hash, start and length.
type Share = Vec<(u64, u32, u32)>;

/// In [`Own::new`]: an index into [`Own::repeats`] instead of an offset.
const REPEAT: u32 = 1 << 31;

/// What of a piece's strings no earlier piece has.
struct Own<'p> {
    strings: Vec<u8>,
    /// For each string its offset in `strings` or [`REPEAT`], by half its start: with its NUL a string that is not empty
    /// takes two bytes or more.
    new: Vec<u32>,
    repeats: Vec<Place>,
    piece: &'p Piece,
}

/// Appends the records of all pieces to `btf`, which has no strings of its own yet.
pub(crate) fn join(btf: &mut Btf, pieces: &[Piece]) -> Result<()> {
    let n_shares = pieces.len().next_power_of_two();
    let shares: Vec<Vec<Share>> = pieces.par_iter().map(|p| shares(p, n_shares)).collect();
    let repeats: Vec<Vec<Repeat>> = (0..n_shares)
        .into_par_iter()
        .map(|share| repeats(pieces, share, &shares))
        .collect();
    let own: Vec<Own<'_>> = (0u32..)
        .zip(pieces)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(at, piece)| Own::new(at, piece, &repeats))
        .collect();
    let mut starts = Vec::with_capacity(own.len());
    for own in &own {
        starts.push(btf.str_end());
        btf.append_strs(&own.strings)?;
    }
    let mut words = vec![0; pieces.iter().map(|piece| piece.words.len()).sum()];
    let mut rest = &mut words[..];
    let mut parts = Vec::with_capacity(own.len());
    for (of_piece, &start) in own.iter().zip(&starts) {
        let (part, later) = rest.split_at_mut(of_piece.piece.words.len());
        parts.push((part, of_piece, start));
        rest = later;
    }
    let in_base = btf.start_str_off().0;
    parts.into_par_iter().try_for_each(|(part, of, start)| {
        part.copy_from_slice(&of.piece.words);
        map_strs(part, |off| match off.checked_sub(in_base) {
            Some(local) if off != 0 => match of.get(local) {
                Ok(off) => start + off,
                Err(Place { piece, start }) => {
                    let first = own[piece as usize].get(start).unwrap_or(0);
                    starts[piece as usize] + first
                }
            },
            _ => off,
        })
    })?;
    btf.push_records(words)
}

/// A piece's strings by share.
fn shares(piece: &Piece, n_shares: usize) -> Vec<Share> {
    let mut shares = vec![Share::new(); n_shares];
    piece.strings.for_each_own_str(|start, len, hash| {
        if len > 0 {
            let share = (hash >> 32) as usize & (n_shares - 1);
            shares[share].push((hash, start as u32, len as u32));
        }
    });
    shares
}

/// The strings of a share that several pieces have, in order of the pieces.
fn repeats(pieces: &[Piece], share: usize, shares: &[Vec<Share>]) -> Vec<Repeat> {
    let mut repeats = Vec::new();
    let n = shares.iter().map(|shares| shares[share].len()).sum();
    let mut firsts: HashTable<(u64, Place)> = HashTable::with_capacity(n);
    // With the NUL.
    let bytes = |at: Place, len: u32| {
        let strings = pieces[at.piece as usize].strings.strings();
        &strings[at.start as usize..][..=len as usize]
    };
    for (piece, shares) in (0..).zip(shares) {
        for &(hash, start, len) in &shares[share] {
            let at = Place { piece, start };
            let same = |&(other, first): &(u64, Place)| {
                let strings = pieces[first.piece as usize].strings.strings();
                other == hash && strings[first.start as usize..].starts_with(bytes(at, len))
            };
            match firsts.entry(hash, same, |&(hash, _)| hash) {
                Entry::Vacant(entry) => {
                    entry.insert((hash, at));
                }
                Entry::Occupied(entry) => repeats.push(Repeat {
                    at,
                    first: entry.get().1,
                }),
            }
        }
    }
    repeats
}

impl<'p> Own<'p> {
    fn new(at: u32, piece: &'p Piece, all_repeats: &[Vec<Repeat>]) -> Self {
        let section = piece.strings.strings();
        let mut new = vec![0; section.len() / 2 + 1];
        let mut repeats = Vec::new();
        for share in all_repeats {
            let from = share.partition_point(|r| r.at.piece < at);
            for repeat in share[from..].iter().take_while(|r| r.at.piece == at) {
                new[repeat.at.start as usize / 2] = REPEAT | repeats.len() as u32;
                repeats.push(repeat.first);
            }
        }
        let mut strings = Vec::with_capacity(section.len());
        let mut start = 0;
        for end in memchr::memchr_iter(0, section) {
            let string = &section[start..=end];
            let new = &mut new[start / 2];
            if string.len() > 1 && *new == 0 {
                *new = strings.len() as u32;
                strings.extend_from_slice(string);
            }
            start = end + 1;
        }
        Self {
            strings,
            new,
            repeats,
            piece,
        }
    }

    /// Where the string is that starts there in the piece: in [`Self::strings`], or in an earlier piece.
    fn get(&self, start: u32) -> std::result::Result<u32, Place> {
        let new = self.new[start as usize / 2];
        match new & REPEAT {
            0 => Ok(new),
            _ => Err(self.repeats[(new & !REPEAT) as usize]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use btf_builder::{Btf, Endian, Error, Kind, make_info};

    use super::{Piece, join};

    /// A struct of this name with a member of each of these.
    fn record(btf: &mut Btf, name: &str, members: &[String]) -> Vec<u32> {
        let mut off = |name: &str| btf.intern_str(name.as_bytes()).unwrap().0;
        let info = make_info(Kind::Struct, members.len() as u32, false);
        let mut words = vec![off(name), info, 0];
        for member in members {
            words.extend([off(member), 0, 0]);
        }
        words
    }

    /// Records with names that repeat within a piece, in the next one and in one much later.
    fn records() -> Vec<(String, Vec<String>)> {
        let member = |n: usize| match n % 7 {
            0 => String::new(),
            1 => "x".to_owned(),
            2 => "in_the_base".to_owned(),
            _ => format!("member_{}", n * n % 61),
        };
        let members = |n: usize| (n..n + n % 5).map(member).collect();
        (0..100)
            .map(|n| (format!("s{}", n % 41), members(n)))
            .collect()
    }

    fn empty(base: Option<&Arc<Btf>>) -> Btf {
        base.map_or_else(
            || Btf::new_empty(Endian::Little),
            |base| Btf::new_split(Arc::clone(base)),
        )
    }

    #[test]
    fn pieces_give_the_bytes_of_the_whole() {
        let mut base = Btf::new_empty(Endian::Little);
        base.add_struct("in_the_base", 4).unwrap();
        let base = Arc::new(base);
        let records = records();
        for base in [None, Some(&base)] {
            let mut whole = empty(base);
            for (name, members) in &records {
                let words = record(&mut whole, name, members);
                whole.push_raw(&words).unwrap();
            }
            for size in [1, 3, 10, 99, 100] {
                let mut joined = empty(base);
                let piece = |records: &[(String, Vec<String>)]| {
                    let mut piece = Piece::new(&joined, records.len());
                    for (name, members) in records {
                        let words = record(&mut piece.strings, name, members);
                        piece.words.extend(words);
                    }
                    piece
                };
                let pieces: Vec<Piece> = records.chunks(size).map(piece).collect();
                join(&mut joined, &pieces).unwrap();
                assert_eq!(joined.to_bytes(), whole.to_bytes(), "{size}");
                assert_eq!(joined.find_str(b"member_4"), whole.find_str(b"member_4"));
            }
        }
    }

    #[test]
    fn too_many_strings_are_found_at_the_one_too_many() {
        let mut whole = Btf::new_empty(Endian::Little);
        whole.set_limits(whole.limits().with_max_str_off(20));
        let mut piece = Piece::new(&whole, 1);
        let members: Vec<String> = (10..20).map(|n| format!("m{n}")).collect();
        piece.words = record(&mut piece.strings, "s", &members);
        // The last one that may start where it does, at 19, and the next one.
        let at = |result: btf_builder::Result<()>| match result {
            Err(Error::StringsTooBig(at)) => at,
            other => panic!("{other:?}"),
        };
        assert_eq!(at(join(&mut whole.clone(), &[piece])), 23);
        let mut fault = Ok(());
        for name in members.iter().map(String::as_bytes) {
            fault = whole.intern_str(b"s").and(whole.intern_str(name)).map(drop);
            if fault.is_err() {
                break;
            }
        }
        assert_eq!(at(fault), 23);
    }
}
