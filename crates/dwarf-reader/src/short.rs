//! Short names that stand in the DIEs themselves.
//!
//! Compilers put a name into the DIE (`DW_FORM_string`) where an offset would take more room. The few names that are
//! that short come again and again, each time at another place; known by the first of them, equal ones are the same
//! [`Str`], as strings of a merged `.debug_str` are, and nobody who keeps them has to come back to a thousand units.

use hashbrown::HashTable;

use crate::{Str, StrSection};

/// The first place of each short string that was met.
#[derive(Debug, Default)]
pub(crate) struct ShortStrings {
    table: HashTable<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The string's bytes, the first lowest; below them zeros only.
    bytes: u64,
    place: Str,
}

fn hash(bytes: u64) -> u64 {
    let n = bytes.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    n ^ n >> 32
}

impl ShortStrings {
    pub(crate) fn clear(&mut self) {
        self.table.clear();
    }

    /// The string at `at` of `section`, whose contents are `data`: by the place of an earlier one that is equal, if it
    /// is shorter than 8 bytes.
    #[inline]
    pub(crate) fn place(&mut self, section: StrSection, data: &[u8], at: usize) -> Str {
        let place = Str::new(section, at as u64);
        let Some(head) = data.get(at..).and_then(|d| d.first_chunk()) else {
            return place;
        };
        let word = u64::from_le_bytes(*head);
        let zeros = crate::zeros(word);
        if zeros == 0 {
            return place;
        }
        let bytes = word & ((zeros & zeros.wrapping_neg()).wrapping_sub(1) >> 7);
        let entry = self.table.entry(
            hash(bytes),
            |entry| entry.bytes == bytes,
            |entry| hash(entry.bytes),
        );
        entry.or_insert(Entry { bytes, place }).get().place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_short_strings_are_known_by_the_first_place() {
        let data = b"id\0ab\0id\0idx\0abcdefgh\0abcdefgh\0sevenby\0sevenby\0........";
        let mut short = ShortStrings::default();
        let mut place = |at| short.place(StrSection::Info, data, at);
        let at = |at| Str::new(StrSection::Info, at);
        assert_eq!(
            [place(0), place(3), place(6), place(9)],
            [at(0), at(3), at(0), at(9)]
        );
        assert_eq!([place(13), place(22)], [at(13), at(22)], "too long");
        assert_eq!([place(31), place(39)], [at(31), at(31)]);
        assert_eq!([place(2), place(5)], [at(2), at(2)], "empty");
    }

    #[test]
    fn strings_at_the_end_of_the_section_are_themselves() {
        let mut short = ShortStrings::default();
        let at = |at| Str::new(StrSection::Info, at);
        assert_eq!(short.place(StrSection::Info, b"a\0a\0", 2), at(2));
        assert_eq!(short.place(StrSection::Info, b"", 9), at(9));
    }
}
