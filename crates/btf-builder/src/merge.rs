//! What it takes to put a BTF together from pieces that were made apart.
//!
//! Several threads can write records at once, each with a BTF of its own for the strings. Then the strings of all are
//! compared, those that are new appended, and the records' offsets changed.

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::name::for_each_c_name;
use crate::visit::strs_of_mut;

/// Changes each string offset in records that stand back to back.
///
/// # Errors
/// [`Error::BadRecordLen`] at the first record that is incomplete or of an unknown kind; those before it are changed.
pub fn map_strs(records: &mut [u32], mut f: impl FnMut(u32) -> u32) -> Result<()> {
    let mut rest = records;
    while !rest.is_empty() {
        let len = rest.len();
        let need = rest.get(1).and_then(|&info| Btf::known_record_len(info));
        let need = need.unwrap_or(u64::MAX);
        let (record, later) = usize::try_from(need)
            .ok()
            .and_then(|need| rest.split_at_mut_checked(need))
            .ok_or(Error::BadRecordLen { len, need })?;
        strs_of_mut(record, |off| *off = f(*off));
        rest = later;
    }
    Ok(())
}

impl Btf {
    /// Calls `f` with the start in [`strings`](Self::strings), the length and the [`name_hash`](crate::name_hash) of each
    /// own string, in order.
    pub fn for_each_own_str(&self, f: impl FnMut(usize, usize, u64)) {
        for_each_c_name(&self.strings, f);
    }

    /// Appends strings, each with its NUL, that differ from each other and from all that are here or in a base: which is
    /// not checked.
    ///
    /// # Errors
    /// [`Error::StringsTooBig`] as [`intern_str`](Self::intern_str) of the first one for which there is no room; nothing
    /// is added then.
    pub fn append_strs(&mut self, strings: &[u8]) -> Result<()> {
        let before = self.strings.len();
        let end = u64::from(self.start_str_off) + before as u64 + strings.len() as u64;
        // Where a string starts behind the last place at which one may.
        let most = self.limits.max_str_off.saturating_sub(self.start_str_off) as usize;
        let from = most.saturating_sub(before);
        let past = if before > most {
            Some(0)
        } else {
            let rest = strings.get(from..).unwrap_or_default();
            memchr::memchr(0, rest).map(|nul| from + nul + 1)
        };
        let past = past.filter(|&past| past < strings.len());
        if past.is_some() || end > u64::from(u32::MAX) {
            let start = u64::from(self.start_str_off) + before as u64;
            return Err(Error::StringsTooBig(start + past.unwrap_or(0) as u64));
        }
        self.strings.to_mut().extend_from_slice(strings);
        self.str_index.take();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::map_strs;
    use crate::error::Error;
    use crate::kind::{Kind, make_info};

    #[test]
    fn records_that_are_cut_off_are_an_error() {
        let of_two = [1, make_info(Kind::Enum, 2, false), 4, 5, 0, 9, 1];
        let mut words = of_two;
        map_strs(&mut words, |off| off + 1).unwrap();
        assert_eq!(words, [2, of_two[1], 4, 6, 0, 10, 1]);
        for len in 1..of_two.len() {
            let need = if len == 1 { u64::MAX } else { 7 };
            let mut cut = of_two;
            match map_strs(&mut cut[..len], |off| off) {
                Err(Error::BadRecordLen { len: l, need: n }) => assert_eq!((l, n), (len, need)),
                other => panic!("{len}: {other:?}"),
            }
        }
        assert!(map_strs(&mut [0, 31 << 24, 0], |off| off).is_err());
    }
}
