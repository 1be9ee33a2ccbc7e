//! Which types of a base one file may have.
//!
//! A file cannot have a type whose name it does not speak, nor one that refers to such a type. Nine in ten of a kernel's
//! types are ruled out by no more than that: their own name, the type they refer to, or the first of their members,
//! parameters or values. That much is looked at here for all types, in the same steps whatever their kind, since a
//! processor cannot predict which kind comes next and waits longer for a wrong guess than these steps take. What is left
//! is for [`crate::base`] to look at more closely.

use btf_builder::{Btf, FoundStrs, Kind, MAX_KIND, MAX_VLEN_24, StrOff};

/// The types of a base, which is no split BTF, that are not ruled out; `void` is one of them.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// For each eight ids.
    groups: Vec<Group>,
    n: u32,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    /// How many candidates have lower ids.
    before: u32,
    /// A bit for each id.
    bits: u8,
}

/// How many bits are set, for processors that have no instruction for it.
const ONES: [u8; 256] = {
    let mut ones = [0; 256];
    let mut bits = 0;
    while bits < ones.len() {
        ones[bits] = bits.count_ones() as u8;
        bits += 1;
    }
    ones
};

/// What can be said of a type by its kind: masks of what are names and what are types.
#[derive(Debug, Clone, Copy)]
struct Masks {
    /// 1 if the file has only types of names that it speaks. Values of tags, for one, come from elsewhere too.
    name: u64,
    /// The third word is a type.
    third: u32,
    /// The two words behind the head are types.
    array: u32,
    /// Elements begin with a name.
    element_name: u32,
    /// In elements, a type follows.
    element_type: u32,
    /// Others take in the elements only where there is no name.
    by_name: bool,
}

const MASKS: [Masks; MAX_KIND as usize + 1] = {
    let none = Masks {
        name: 0,
        third: 0,
        array: 0,
        element_name: 0,
        element_type: 0,
        by_name: false,
    };
    let mut masks = [none; MAX_KIND as usize + 1];
    let mut i = 0;
    while i < Kind::ALL.len() {
        let kind = Kind::ALL[i];
        let m = &mut masks[kind.as_u32() as usize];
        let refers_only = matches!(
            kind,
            Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::DeclTag
        );
        if !refers_only && !matches!(kind, Kind::Array | Kind::FuncProto) {
            m.name = 1;
        }
        if kind.has_type() {
            m.third = u32::MAX;
        }
        match kind {
            Kind::Array => m.array = u32::MAX,
            Kind::FuncProto | Kind::Struct | Kind::Union => {
                (m.element_name, m.element_type) = (u32::MAX, u32::MAX);
            }
            Kind::Enum | Kind::Enum64 => m.element_name = u32::MAX,
            _ => {}
        }
        m.by_name = kind.is_composite() || kind.is_any_enum();
        i += 1;
    }
    masks
};

fn masks(info: u32) -> &'static Masks {
    &MASKS[(info >> 24 & MAX_KIND) as usize]
}

/// Bits of the types that are ruled out, by id.
struct Out(Vec<u64>);

impl Out {
    #[inline(always)]
    fn has(&self, id: u32) -> u64 {
        let word = self.0.get(id as usize / 64);
        word.map_or(0, |word| word >> (id % 64) & 1)
    }
}

impl Candidates {
    /// Those that are not ruled out by what is known of the strings of `btf`.
    pub(crate) fn new(btf: &Btf, strs: &FoundStrs) -> Self {
        let (records, index) = (btf.type_words(), btf.type_index());
        let mut out = by_head(records, index, strs);
        by_element(records, index, strs, &mut out);
        let mut n = 0;
        let mut groups = Vec::with_capacity(out.0.len() * 8);
        for bits in out.0.iter().flat_map(|out| (!out).to_le_bytes()) {
            groups.push(Group { before: n, bits });
            n += u32::from(ONES[usize::from(bits)]);
        }
        Self { groups, n }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.n as usize
    }

    /// How many candidates have lower ids, if this is one.
    #[inline]
    pub(crate) fn rank(&self, id: u32) -> Option<usize> {
        let group = self.groups.get(id as usize / 8)?;
        let bit = 1 << (id % 8);
        let lower = ONES[usize::from(group.bits & (bit - 1))];
        (group.bits & bit != 0).then(|| group.before as usize + usize::from(lower))
    }

    /// All ids in ascending order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        let groups = self.groups.iter().zip((0..).step_by(8));
        groups.flat_map(|(group, start)| {
            let mut bits = group.bits;
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(start + bit)
            })
        })
    }
}

/// Rules out types by their own names and by those of types that they refer to, if these come before them.
// These loops are tight enough to stay in registers as long as they stand alone.
#[inline(never)]
fn by_head(records: &[u32], index: &[u32], strs: &FoundStrs) -> Out {
    let n_types = index.len() + 1;
    // All there from the start, so that no look-up is out of bounds, which would be a branch.
    let mut out = Out(vec![0; n_types.div_ceil(64)]);
    for word in 0..out.0.len() {
        let start = word * 64;
        // Void has no record.
        let ids = start.max(1)..n_types.min(start + 64);
        let mut bits = 0;
        let starts = index.get(ids.start - 1..ids.end - 1).unwrap_or_default();
        for (&at, id) in starts.iter().zip(ids.start..) {
            let head = records.get(at as usize..).and_then(<[u32]>::first_chunk);
            let Some(&[name, info, third]) = head else {
                break;
            };
            let masks = masks(info);
            let other = masks.name & strs.others_at(StrOff(name));
            bits |= (other | out.has(third & masks.third)) << (id % 64);
        }
        // There are no types behind the last one.
        let unused = u64::MAX.checked_shl((ids.end - start) as u32).unwrap_or(0);
        out.0[word] = bits | unused;
    }
    out
}

/// Rules out more types, by what they refer to and by their first element.
#[inline(never)]
fn by_element(records: &[u32], index: &[u32], strs: &FoundStrs, out: &mut Out) {
    for word in 0..out.0.len() {
        let mut left = !out.0[word];
        while left != 0 {
            let id = word as u32 * 64 + left.trailing_zeros();
            left &= left - 1;
            let Some(&at) = index.get((id as usize).wrapping_sub(1)) else {
                continue;
            };
            let record = records.get(at as usize..).unwrap_or_default();
            let Some((&[name, info, third], rest)) = record.split_first_chunk() else {
                continue;
            };
            let masks = masks(info);
            // Of the next record, if this one ends here; then they do not count.
            let [first, second] = rest.first_chunk().copied().unwrap_or_default();
            let mask = |b: bool| u32::from(b).wrapping_neg();
            let has_element = mask(info & MAX_VLEN_24 != 0);
            let counts = has_element & !mask(masks.by_name & (name != 0));
            let other = strs.others_at(StrOff(first & masks.element_name & counts))
                | out.has(third & masks.third)
                | out.has(first & masks.array)
                | out.has(second & (masks.array | masks.element_type & counts));
            out.0[word] |= other << (id % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use btf_builder::{NameFilter, TypeId};

    use super::*;

    /// The small kernel's types.
    fn base() -> Btf {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/kernel/prebuilt/vmlinux"
        );
        let encoded = crate::encode(path.as_ref(), None, &crate::Options::default());
        encoded.unwrap().btf
    }

    #[test]
    fn types_that_a_file_has_are_candidates() {
        let base = base();
        for step in [1, 7, 50, 1000] {
            let mut own = BTreeSet::new();
            let mut work: Vec<TypeId> = (1..base.n_types()).step_by(step).map(TypeId).collect();
            while let Some(id) = work.pop() {
                if own.insert(id) {
                    let t = base.ty(id).unwrap();
                    t.for_each_ref(|id| work.push(id));
                }
            }
            let mut names = NameFilter::with_capacity(own.len());
            for &id in &own {
                let t = base.ty(id).unwrap();
                names.insert(t.name());
                let mut name = |off| names.insert(base.str_at(off).unwrap());
                t.members().for_each(|m| name(m.name_off));
                t.params().for_each(|p| name(p.name_off));
                t.enum_values().for_each(|v| name(v.name_off));
            }
            let candidates = Candidates::new(&base, &base.find_strs(names));
            for id in &own {
                assert!(candidates.rank(id.0).is_some(), "{:?}", base.ty(*id));
            }
            let ids: Vec<u32> = candidates.ids().collect();
            assert_eq!(ids.len(), candidates.len());
            for (rank, &id) in ids.iter().enumerate() {
                assert_eq!(candidates.rank(id), Some(rank));
            }
            let n = base.n_types();
            assert!(ids[0] == 0 && ids.iter().all(|&id| id < n));
            assert_eq!(candidates.rank(n), None);
            // Most of the others are ruled out.
            assert!(candidates.len() < own.len() + (n as usize - own.len()) / 2 + 2);
        }
    }
}
