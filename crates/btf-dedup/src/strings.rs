//! Strings: equal names have to be equal offsets before types are compared,
//! and strings that only dropped types used are dropped after.

use btf_builder::{Btf, Error as BtfError, StrOff, TypeId};

use crate::error::Result;
use crate::graph::Graph;

/// Whether every string offset that own types use is the one that
/// [`Btf::find_str`] gives for its string.
///
/// # Errors
/// [`btf_builder::Error::BadStringOffset`] if one is outside the sections.
pub(crate) fn are_canonical(btf: &Btf, graph: &Graph<'_>) -> Result<bool> {
    let start = btf.start_str_off().0;
    let mut seen = vec![false; btf.strings().len()];
    let mut canonical = true;
    let mut fault = None;
    // Types of one shape use the same strings, and the shapes of base types
    // use strings of the base only.
    for info in graph.level.shapes.infos() {
        let id = TypeId(info.first);
        let Some(ty) = btf.ty(id).filter(|_| !id.is_void()) else {
            continue;
        };
        ty.for_each_str(|off| {
            let Some(local) = off.0.checked_sub(start).filter(|_| !off.is_empty()) else {
                return;
            };
            match seen.get_mut(local as usize) {
                Some(true) => return,
                Some(seen) => *seen = true,
                None => {}
            }
            match btf.str_at(off) {
                Some(s) => canonical &= btf.find_str(s) == Some(off),
                None => {
                    fault.get_or_insert(BtfError::BadStringOffset { id, off });
                }
            }
        });
    }
    match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(canonical),
    }
}

/// Gives each string that own types use the offset of its first copy, in the
/// base if it has one. All offsets must exist.
///
/// # Errors
/// [`btf_builder::Error::StringsTooBig`] if the end of a string, which so far
/// was used as a string, has to be added and there is no room.
pub(crate) fn make_canonical(btf: &mut Btf) -> Result<()> {
    let start = btf.start_str_off().0;
    let n = btf.strings().len();
    let mut map = vec![0_u32; n];
    let mut used = Vec::new();
    for ty in btf.own_types() {
        ty.for_each_str(|off| {
            if let Some(local) = off.0.checked_sub(start)
                && let Some(slot @ 0) = map.get_mut(local as usize)
            {
                *slot = off.0;
                used.push(off);
            }
        });
    }
    for off in used {
        let Some(s) = btf.str_at(off).map(<[u8]>::to_vec) else {
            continue;
        };
        map[(off.0 - start) as usize] = btf.intern_str(&s)?.0;
    }
    btf.for_each_str_off_mut(|off| {
        if let Some(local) = off.checked_sub(start)
            && let Some(&new) = map.get(local as usize)
        {
            *off = new;
        }
    });
    Ok(())
}

/// Drops own strings that no own type uses, if there are any.
///
/// # Errors
/// As [`Btf::rebuild_strings`].
pub(crate) fn drop_unused(btf: &mut Btf) -> Result<()> {
    let start = btf.start_str_off().0;
    let strings = btf.strings();
    // Strings are used as a whole, from their first byte: offsets are
    // canonical by now. So it is enough to count.
    let mut seen = vec![false; strings.len()];
    let mut n_used = 0;
    for ty in btf.own_types() {
        ty.for_each_str(|StrOff(off)| {
            if let Some(local) = off.checked_sub(start)
                && let Some(seen @ false) = seen.get_mut(local as usize)
            {
                *seen = true;
                n_used += 1;
            }
        });
    }
    let n_strings = strings.iter().filter(|&&byte| byte == 0).count();
    // The empty string of a base BTF is there whether used or not.
    let spare = usize::from(!btf.is_split() && seen.first() == Some(&false));
    if n_used + spare != n_strings {
        btf.rebuild_strings()?;
    }
    Ok(())
}
