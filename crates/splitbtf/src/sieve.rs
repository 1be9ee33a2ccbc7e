//! Which types of a base one file may have.
//!
//! A file cannot have a type whose name it does not speak, nor one that refers to such a type. Nine in ten of a kernel's
//! types are ruled out by no more than that: their own name, the type they refer to, or the first of their members,
//! parameters or values. That much is looked at here for all types, in the same steps whatever their kind, since a
//! processor cannot predict which kind comes next and waits longer for a wrong guess than these steps take. Of parameters
//! it is also asked whether the file has any of that name. What is left is for [`crate::base`] to look at more closely.

use std::sync::Arc;

use btf_builder::{Btf, FoundStrs, Kind, MAX_KIND, MAX_VLEN_24, NameFilter, StrOff};

/// The names of a file that may be looked up in a base.
#[derive(Debug)]
pub(crate) struct FileNames {
    /// All of them.
    pub(crate) all: NameFilter,
    /// Those that parameters have, which are few: the prototypes of a kernel's functions are more than half of the types
    /// that are left if their names may be any.
    pub(crate) params: NameFilter,
}

/// Where the names of a file are among the strings of a base.
#[derive(Debug)]
pub(crate) struct KnownNames<'b> {
    pub(crate) strs: Arc<FoundStrs>,
    /// The base's strings.
    section: &'b [u8],
    /// A Bloom filter of the offsets at which parameters' names begin.
    params: [u64; PARAM_WORDS],
}

/// A kilobyte, which stays in the fastest cache. The few files that have thousands of names for parameters rule out less.
const PARAM_WORDS: usize = 128;

impl<'b> KnownNames<'b> {
    pub(crate) fn new(btf: &'b Btf, names: FileNames) -> Self {
        let strs = Arc::new(btf.find_strs(names.all));
        let mut params = [0; PARAM_WORDS];
        for (off, name) in strs.iter(btf) {
            if names.params.may_contain(name) {
                let (word, bit) = param_place(off.0);
                params[word] |= 1 << bit;
            }
        }
        Self {
            strs,
            section: btf.strings(),
            params,
        }
    }

    /// Whether the file certainly does not have the string at `off` as a name.
    #[inline(always)]
    pub(crate) fn is_other(&self, off: u32) -> bool {
        self.strs.is_other(StrOff(off))
    }

    /// Whether the file certainly does not have the string at `off` as the name of a parameter.
    #[inline(always)]
    pub(crate) fn is_other_param(&self, off: u32) -> bool {
        self.is_other(off) || self.no_param(off) != 0
    }

    /// 1 if [`Self::is_other`], else 0.
    #[inline(always)]
    fn other(&self, off: u32) -> u64 {
        self.strs.others_at(StrOff(off))
    }

    /// 1 if it is known of the string at `off` that it is no parameter's name, whether or not it is another's.
    #[inline(always)]
    fn no_param(&self, off: u32) -> u64 {
        let (word, bit) = param_place(off);
        let is_param = self.params[word] >> bit & 1;
        // Strings that others end with were not looked at.
        let before = self.section.get((off as usize).wrapping_sub(1));
        let begins = u64::from(before.copied().unwrap_or(0) == 0);
        begins & !is_param
    }
}

/// The word of an offset in `KnownNames::params`, and which bit of it.
#[inline(always)]
fn param_place(off: u32) -> (usize, u32) {
    let mixed = off.wrapping_mul(0x9e37_79b9);
    ((mixed >> 25) as usize % PARAM_WORDS, mixed >> 19 & 63)
}

/// The types of a base, which is no split BTF, that are not ruled out; `void` is one of them.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// For each 64 ids.
    groups: Vec<Group>,
    n: u32,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    /// A bit for each id.
    bits: u64,
    /// How many candidates have ids lower than those of the group.
    before: u32,
    /// And how many of the group are before each byte of its bits.
    before_byte: [u8; 8],
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
    /// The first word is a name, which the file speaks if it has the type. Values of tags, for one, come from elsewhere
    /// too.
    name: u32,
    /// The third word is a type.
    third: u32,
    /// The word behind the head is a type.
    array: u32,
    /// Elements begin with a name.
    element_name: u32,
    /// In elements, a type follows.
    element_type: u32,
    /// And the name is that of a parameter.
    param_name: u32,
    /// Others take in the elements only where there is no name.
    by_name: u32,
    /// Nothing. A power of two is found faster.
    _pad: u32,
}

const MASKS: [Masks; MAX_KIND as usize + 1] = {
    let none = Masks {
        name: 0,
        third: 0,
        array: 0,
        element_name: 0,
        element_type: 0,
        param_name: 0,
        by_name: 0,
        _pad: 0,
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
            m.name = u32::MAX;
        }
        if kind.has_type() {
            m.third = u32::MAX;
        }
        match kind {
            Kind::Array => m.array = u32::MAX,
            Kind::FuncProto => {
                (m.element_name, m.element_type) = (u32::MAX, u32::MAX);
                m.param_name = u32::MAX;
            }
            Kind::Struct | Kind::Union => {
                (m.element_name, m.element_type) = (u32::MAX, u32::MAX);
            }
            Kind::Enum | Kind::Enum64 => m.element_name = u32::MAX,
            _ => {}
        }
        if kind.is_composite() || kind.is_any_enum() {
            m.by_name = u32::MAX;
        }
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

/// All ones if so.
#[inline(always)]
fn mask(b: bool) -> u32 {
    u32::from(b).wrapping_neg()
}

/// The head of a record and the words behind it, which are those of the next one if it ends there; `None` of the last
/// record if that has fewer.
#[inline(always)]
fn head<const N: usize>(records: &[u32], at: u32) -> Option<&[u32; N]> {
    let at = at as usize;
    records.get(at..at + N)?.first_chunk()
}

impl Masks {
    /// All ones if there are elements in the record with this head that others take in.
    #[inline(always)]
    fn count_elements(&self, name: u32, info: u32) -> u32 {
        mask(info & MAX_VLEN_24 != 0) & !(self.by_name & mask(name != 0))
    }
}

impl Candidates {
    /// Those that are not ruled out by what is known of the file.
    pub(crate) fn new(btf: &Btf, known: &KnownNames<'_>) -> Self {
        let (records, index) = (btf.type_words(), btf.type_index());
        let mut out = by_head(records, index, known);
        by_element(records, index, known, &mut out);
        let mut n = 0;
        let group = |out: &u64| {
            let bits = !out;
            let before = n;
            let before_byte = bits.to_le_bytes().map(|bits| {
                let so_far = n - before;
                n += u32::from(ONES[usize::from(bits)]);
                so_far as u8
            });
            Group {
                bits,
                before,
                before_byte,
            }
        };
        let groups = out.0.iter().map(group).collect();
        Self { groups, n }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.n as usize
    }

    /// How many candidates have lower ids, if this is one.
    #[inline]
    pub(crate) fn rank(&self, id: u32) -> Option<usize> {
        let group = self.groups.get(id as usize / 64)?;
        let byte = id as usize / 8 % 8;
        let bits = (group.bits >> (8 * byte)) as u8;
        let bit = 1 << (id % 8);
        let lower = ONES[usize::from(bits & (bit - 1))];
        let rank = || group.before + u32::from(group.before_byte[byte] + lower);
        (bits & bit != 0).then(|| rank() as usize)
    }

    /// All ids in ascending order.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let mut ids = Vec::with_capacity(self.len());
        for (group, start) in self.groups.iter().zip((0..).step_by(64)) {
            let mut bits = group.bits;
            while bits != 0 {
                ids.push(start + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        ids
    }
}

/// Rules out types by their names, prototypes by those of their first parameters, and all by types that they refer to, if
/// these come before them.
// These loops are tight enough to stay in registers as long as they stand alone.
#[inline(never)]
fn by_head(records: &[u32], index: &[u32], known: &KnownNames<'_>) -> Out {
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
            let Some(&[name, info, third, first]) = head(records, at) else {
                break;
            };
            let masks = masks(info);
            // Nothing has both.
            let name = name & masks.name | first & masks.param_name & mask(info & MAX_VLEN_24 != 0);
            bits |= (known.other(name) | out.has(third & masks.third)) << (id % 64);
        }
        // There are no types behind the last one.
        let unused = u64::MAX.checked_shl((ids.end - start) as u32).unwrap_or(0);
        out.0[word] = bits | unused;
    }
    out
}

/// Rules out more types, by their first element and by what they refer to.
#[inline(never)]
fn by_element(records: &[u32], index: &[u32], known: &KnownNames<'_>, out: &mut Out) {
    for word in 0..out.0.len() {
        let mut left = !out.0[word];
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let at = index.get((word * 64 + bit as usize).wrapping_sub(1));
            let Some(&[name, info, third, first, second]) = at.and_then(|&at| head(records, at))
            else {
                continue;
            };
            let masks = masks(info);
            let counts = masks.count_elements(name, info);
            let name = first & masks.element_name & counts;
            // Nothing has both.
            let ty = first & masks.array | second & masks.element_type & counts;
            let no_param = known.no_param(name & masks.param_name);
            // The third once more, as what comes behind this type is known by now.
            let refers = out.has(third & masks.third) | out.has(ty);
            out.0[word] |= (known.other(name) | no_param | refers) << bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use btf_builder::{Endian, IntEncoding, TypeId, make_info};

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
    fn a_prototype_has_names_that_parameters_have() {
        let mut base = Btf::new_empty(Endian::NATIVE);
        let int = base.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let [xdev, irq] = [&b"xdev"[..], b"irq"].map(|name| base.intern_str(name).unwrap().0);
        // The third is the end of another string.
        let protos = [xdev, irq, xdev + 1, 0].map(|name| {
            let info = make_info(Kind::FuncProto, 1, false);
            base.push_raw(&[0, info, int.0, name, int.0]).unwrap().0
        });
        let mut names = FileNames {
            all: NameFilter::with_capacity(10),
            params: NameFilter::with_capacity(10),
        };
        for name in ["int", "xdev", "irq"] {
            names.all.insert(name.as_bytes());
        }
        names.params.insert(b"irq");
        let known = KnownNames::new(&base, names);
        let candidates = Candidates::new(&base, &known);
        let are_candidates = protos.map(|id| candidates.rank(id).is_some());
        assert_eq!(are_candidates, [false, true, true, true]);
        let is_other = [xdev, irq, xdev + 1, 0].map(|off| known.is_other_param(off));
        assert_eq!(is_other, [true, false, false, false]);
        assert!(!known.is_other(xdev));
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
            let mut names = FileNames {
                all: NameFilter::with_capacity(own.len()),
                params: NameFilter::with_capacity(own.len()),
            };
            for &id in &own {
                let t = base.ty(id).unwrap();
                names.all.insert(t.name());
                let mut name = |off| names.all.insert(base.str_at(off).unwrap());
                t.members().for_each(|m| name(m.name_off));
                t.enum_values().for_each(|v| name(v.name_off));
                for p in t.params() {
                    name(p.name_off);
                    names.params.insert(base.str_at(p.name_off).unwrap());
                }
            }
            let candidates = Candidates::new(&base, &KnownNames::new(&base, names));
            for id in &own {
                assert!(candidates.rank(id.0).is_some(), "{:?}", base.ty(*id));
            }
            let ids = candidates.ids();
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
