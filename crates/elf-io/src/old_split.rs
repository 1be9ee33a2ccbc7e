//! Function names of a split BTF whose base is gone.
//!
//! A module's `.BTF` continues the type ids and string offsets of the base it was made against. If the base has been
//! encoded anew since, nobody can say any more where it ended: the first own type has some id N, the first own string
//! some offset S. The module itself still tells:
//!
//! - No encoder leaves strings unused, so the largest name offset of all types is that of the last string: S is the
//!   difference of the two. It is right if every offset from S on is the start of a string.
//! - N is what makes the ids in the module's `.BTF_ids` those of functions with the right names; that is for
//!   [`BtfIds`](crate::BtfIds) to find.
//!
//! This is all that this crate knows of BTF (`include/uapi/linux/btf.h`): where names are.

use std::collections::BTreeSet;

use crate::encoding::Encoding;

const KIND_FUNC: u32 = 12;

/// The names of the functions among the own types of a split BTF, with the subscripts of those types in ascending
/// order. `None` if the bytes are not BTF of known kinds, or if the start of the strings cannot be told.
pub(crate) fn functions(btf: &[u8]) -> Option<Vec<(u32, &str)>> {
    let big_endian = match btf.first_chunk()? {
        [0xeb, 0x9f] => true,
        [0x9f, 0xeb] => false,
        _ => return None,
    };
    let enc = Encoding {
        big_endian,
        is_64: false,
    };
    let header = |at: usize| enc.u32(btf, at).map(|value| value as usize);
    let start = header(4)?;
    let section = |offset: usize, len: usize| {
        let from = start.checked_add(offset)?;
        btf.get(from..from.checked_add(len)?)
    };
    let types = section(header(8)?, header(12)?)?;
    let strings = section(header(16)?, header(20)?)?;

    let mut functions = Vec::new();
    let mut names = BTreeSet::new();
    let (mut at, mut index) = (0usize, 0u32);
    while at < types.len() {
        let name = enc.u32(types, at)?;
        let info = enc.u32(types, at + 4)?;
        let (kind, vlen) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        names.insert(name);
        if kind == KIND_FUNC {
            functions.push((index, name));
        }
        // What follows: so many entries of so many bytes, with or without a name at their start.
        let (count, size, named) = match kind {
            2 | 7..=12 | 16 | 18 => (0, 0, false),
            1 | 14 | 17 => (1, 4, false),
            3 => (1, 12, false),
            4 | 5 | 19 => (vlen, 12, true),
            6 | 13 => (vlen, 8, true),
            15 => (vlen, 12, false),
            _ => return None,
        };
        at += 12;
        let entries = types.get(at..at + count * size)?;
        if named {
            names.extend(
                entries
                    .chunks_exact(size)
                    .filter_map(|entry| enc.u32(entry, 0)),
            );
        }
        at += count * size;
        index += 1;
    }

    // Ends of all strings but the last are starts of the next ones.
    let without_last = strings.strip_suffix(b"\0")?;
    let last = without_last
        .iter()
        .rposition(|byte| *byte == 0)
        .map_or(0, |end| end + 1);
    let base_len = names.last()?.checked_sub(last as u32)?;
    let starts_string = |name: u32| {
        let at = (name - base_len) as usize;
        at == 0 || strings.get(at - 1) == Some(&0)
    };
    // Offset 0 is the empty name, in any BTF.
    if base_len == 0 || !names.range(base_len..).all(|name| starts_string(*name)) {
        return None;
    }
    let name_at = |name: u32| {
        let tail = strings.get(name.checked_sub(base_len)? as usize..)?;
        let len = memchr::memchr(0, tail)?;
        std::str::from_utf8(&tail[..len]).ok()
    };
    // Functions with names of the base's strings are none that the module could be asked about by name.
    Some(
        functions
            .into_iter()
            .filter_map(|(index, name)| Some((index, name_at(name)?)))
            .collect(),
    )
}
