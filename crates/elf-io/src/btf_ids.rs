//! `.BTF_ids`: the section in which kernel code asks for the type ids of functions and types by name
//! (`include/linux/btf_ids.h`).
//!
//! The section is an array of 32-bit words in the file's byte order. Symbols say what the words are:
//!
//! ```text
//!   __BTF_ID__struct__nf_conn__1051265      u32 id                    an entry of a list
//!   __BTF_ID__set__NAME                     u32 cnt, u32 ids[cnt]
//!   __BTF_ID__set8__NAME                    u32 cnt, u32 flags, {u32 id, u32 flags}[cnt]
//!   __BTF_ID__func__bpf_ct_release__1058529 u32 id                    in a set: one of its entries
//! ```
//!
//! The compiler leaves the ids zero and puts the flags beside them. The kernel build then runs `resolve_btfids`, which
//! fills in the ids and sorts every set by id, because the kernel searches them. From then on the symbol of an entry
//! still names a *member* of the set, but the pair at its place is somebody else's. New ids need the set sorted again,
//! and each function's flags must follow it (`KF_ACQUIRE` on the wrong function is a hole in the kernel). So in a set
//! that has been resolved before, flags are found by way of the old ids: the BTF that these came from tells the names.
//! Where that leaves doubt, resolution refuses instead of guessing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::consts;
use crate::elf::{Elf, SectionIdx};
use crate::encoding::Encoding;
use crate::error::{ErrorKind, Result};
use crate::old_split;
use crate::symbols::Sym;

/// `BTF_SET8_KFUNCS`, the flag of a set8 whose entries are kfuncs (kernel 6.9 and later).
const SET8_KFUNCS: u32 = 1;

/// Largest number of pairs of a function and an id that are tried when the base of the old ids is gone.
const MAX_COMPARISONS: usize = 1 << 26;

/// What an entry asks for. Declaration order is that of `resolve_btfids`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BtfIdKind {
    /// `BTF_KIND_STRUCT`.
    Struct,
    /// `BTF_KIND_UNION`.
    Union,
    /// `BTF_KIND_TYPEDEF`.
    Typedef,
    /// `BTF_KIND_FUNC`.
    Func,
}

impl BtfIdKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Struct, "struct__"),
        (Self::Union, "union__"),
        (Self::Typedef, "typedef__"),
        (Self::Func, "func__"),
    ];
}

/// A name that has no id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedId<'d> {
    /// What it would be.
    pub kind: BtfIdKind,
    /// The name.
    pub name: &'d str,
}

/// The section's new contents.
#[derive(Debug, Clone)]
pub struct ResolvedIds<'d> {
    /// As long as the old ones.
    pub bytes: Vec<u8>,
    /// Names without an id, each once, in the order of their symbols. Their entries are 0, which the kernel takes for
    /// "none"; the kernel's tool warns of them.
    pub unresolved: Vec<UnresolvedId<'d>>,
}

/// A function that BPF programs may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kfunc<'d> {
    /// The name of the set8 that lists it.
    pub set: &'d str,
    /// The function's name.
    pub name: &'d str,
    /// Its `KF_*` flags; `None` if the set has been resolved and the old ids do not tell whose flags are whose.
    pub flags: Option<u32>,
}

/// One entry: a word that gets an id.
#[derive(Debug, Clone, Copy)]
struct Slot<'d> {
    kind: BtfIdKind,
    name: &'d str,
    /// Bytes from the start of the section.
    at: usize,
    /// Subscript of the set that it is in.
    set: Option<usize>,
}

/// One set, `u32` words or pairs of them.
#[derive(Debug, Clone)]
struct Set<'d> {
    name: &'d str,
    at: usize,
    end: usize,
    /// Bytes of the header and of each entry: 4, or 8 for a set8.
    width: usize,
    /// Subscripts of its slots, in the order of their places.
    members: Vec<usize>,
}

impl Set<'_> {
    fn count(&self) -> usize {
        (self.end - self.at) / self.width - 1
    }

    /// Place of the entry that the compiler put at `at`.
    fn entry_of(&self, at: usize) -> usize {
        (at - self.at) / self.width - 1
    }
}

/// The `.BTF_ids` section of a file.
#[derive(Debug, Clone)]
pub struct BtfIds<'d> {
    section: SectionIdx,
    data: &'d [u8],
    encoding: Encoding,
    slots: Vec<Slot<'d>>,
    sets: Vec<Set<'d>>,
    /// The file's `.BTF`, if it is a module's.
    split: Option<&'d [u8]>,
    /// Names by id, as far as `split` alone tells them.
    old_names: OnceLock<BTreeMap<u32, &'d str>>,
}

impl<'d> BtfIds<'d> {
    /// A set with flags, such as kfuncs have, in a section that this file has no contents of: that of the separate debug
    /// file of a stripped one.
    ///
    /// # Errors
    ///
    /// If the symbol table is damaged.
    pub fn set_without_contents(elf: &Elf<'d>) -> Result<Option<&'d [u8]>> {
        let Some(section) = elf.section_by_name(".BTF_ids") else {
            return Ok(None);
        };
        let header = elf.section(".BTF_ids", section.0)?;
        if header.size == 0 || header.sh_type != consts::SHT_NOBITS.0 {
            return Ok(None);
        }
        let symbols = elf.symbols()?;
        let in_section = |sym: &Sym<'_>| sym.section() == Some(section);
        for sym in symbols.filtered(0..symbols.n_symbols(), in_section) {
            if let Some(name) = sym?.name.strip_prefix(b"__BTF_ID__set8__") {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Reads the section and its symbols. `None` if the file has no such section, or no contents for it (a separate
    /// debug file).
    ///
    /// # Errors
    ///
    /// If the section or the symbol table is damaged, or [`ErrorKind::BadBtfId`] for a symbol that does not fit it.
    pub fn read(elf: &Elf<'d>) -> Result<Option<Self>> {
        let Some(section) = elf.section_by_name(".BTF_ids") else {
            return Ok(None);
        };
        let header = elf.section(".BTF_ids", section.0)?;
        let data = elf.raw_section_data(section)?;
        if data.is_empty() {
            return Ok(None);
        }
        let start = if elf.is_relocatable() { 0 } else { header.addr };
        let mut slots = Vec::new();
        let mut sets: Vec<Set<'d>> = Vec::new();
        let symbols = elf.symbols()?;
        let in_section = |sym: &Sym<'_>| sym.section() == Some(section);
        for sym in symbols.filtered(0..symbols.n_symbols(), in_section) {
            let sym = sym?;
            let Some(rest) = sym.name.strip_prefix(b"__BTF_ID__") else {
                continue;
            };
            let bad = |reason: &'static str| ErrorKind::BadBtfId {
                symbol: String::from_utf8_lossy(sym.name).into_owned(),
                reason,
            };
            let rest = std::str::from_utf8(rest).map_err(|_| bad("its name is not ASCII"))?;
            let outside = || bad("it is not inside the section");
            let at = sym
                .value
                .checked_sub(start)
                .and_then(|at| usize::try_from(at).ok())
                .ok_or_else(outside)?;
            if data.get(at..).is_none_or(|tail| tail.len() < 4) {
                return Err(outside().into());
            }
            let kind = BtfIdKind::ALL
                .iter()
                .find_map(|(kind, prefix)| Some((*kind, rest.strip_prefix(prefix)?)));
            if let Some((kind, rest)) = kind {
                // What follows the last double underscore makes the symbol unique: the name may have its own.
                let (name, _) = rest
                    .rsplit_once("__")
                    .ok_or_else(|| bad("its name has no unique part"))?;
                slots.push(Slot {
                    kind,
                    name,
                    at,
                    set: None,
                });
                continue;
            }
            let (name, width) = if let Some(name) = rest.strip_prefix("set8__") {
                (name, 8)
            } else if let Some(name) = rest.strip_prefix("set__") {
                (name, 4)
            } else {
                return Err(bad("the prefix is unknown").into());
            };
            let size = usize::try_from(sym.size).map_err(|_| outside())?;
            let end = at
                .checked_add(size)
                .filter(|end| *end <= data.len())
                .ok_or_else(outside)?;
            if size < width || !size.is_multiple_of(width) {
                return Err(bad("its size is not that of a set").into());
            }
            sets.push(Set {
                name,
                at,
                end,
                width,
                members: Vec::new(),
            });
        }
        sets.sort_by_key(|set| set.at);
        if let Some(pair) = sets.windows(2).find(|pair| pair[0].end > pair[1].at) {
            let symbol = pair[1].name.to_owned();
            return Err(ErrorKind::BadBtfId {
                symbol,
                reason: "this set overlaps another one",
            }
            .into());
        }
        for (index, slot) in slots.iter_mut().enumerate() {
            let after = sets.partition_point(|set| set.at <= slot.at);
            let Some(set) = after.checked_sub(1).map(|found| &mut sets[found]) else {
                continue;
            };
            // The header of a set is no entry.
            if slot.at < set.at + set.width || set.end <= slot.at {
                continue;
            }
            if !(slot.at - set.at).is_multiple_of(set.width) {
                let symbol = slot.name.to_owned();
                return Err(ErrorKind::BadBtfId {
                    symbol,
                    reason: "it is between two entries of a set",
                }
                .into());
            }
            slot.set = Some(after - 1);
            set.members.push(index);
        }
        for set in &mut sets {
            set.members.sort_by_key(|member| slots[*member].at);
            // Two symbols for one entry would leave no place for both after sorting.
            if set
                .members
                .windows(2)
                .any(|pair| slots[pair[0]].at == slots[pair[1]].at)
            {
                let symbol = set.name.to_owned();
                return Err(ErrorKind::BadBtfId {
                    symbol,
                    reason: "an entry of this set has two symbols",
                }
                .into());
            }
        }
        let split = elf
            .section_by_name(".BTF")
            .filter(|_| elf.is_relocatable())
            .and_then(|idx| elf.raw_section_data(idx).ok());
        Ok(Some(Self {
            section,
            data,
            encoding: elf.encoding(),
            slots,
            sets,
            split,
            old_names: OnceLock::new(),
        }))
    }

    /// Which section this is.
    pub fn section(&self) -> SectionIdx {
        self.section
    }

    /// The section's contents with ids from `new_id` (0 where it has none), sets sorted by id, and the flags of each
    /// function beside its id.
    ///
    /// `old_name` gives the name of the function that had an id in the BTF from which the section was resolved before:
    /// the split BTF of the module together with the base of that time. It is asked only about sets that have ids. If
    /// its answers do not fit a set, because the base is not the one of that time, the names in the module's own
    /// `.BTF` are tried without a base.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::AmbiguousFlags`] if the flags of a set8 differ and the old ids do not tell whose are whose, so that
    /// a function which has an id now might get those of another one.
    pub fn resolve<'n>(
        &self,
        mut new_id: impl FnMut(BtfIdKind, &str) -> Option<u32>,
        old_name: impl Fn(u32) -> Option<&'n str>,
    ) -> Result<ResolvedIds<'d>> {
        let mut bytes = self.data.to_vec();
        let mut unresolved = Vec::new();
        let mut known = BTreeSet::new();
        let mut ids = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let id = new_id(slot.kind, slot.name).unwrap_or(0);
            if id == 0 && known.insert((slot.kind, slot.name)) {
                unresolved.push(UnresolvedId {
                    kind: slot.kind,
                    name: slot.name,
                });
            }
            if slot.set.is_none() {
                self.encoding
                    .put(&mut bytes[slot.at..slot.at + 4], id.into());
            }
            ids.push(id);
        }
        for set in &self.sets {
            self.encoding
                .put(&mut bytes[set.at..set.at + 4], set.count() as u64);
            let flags = self.flags(set, &old_name);
            let mut left_over = flags.left_over.into_iter();
            let mut entries = Vec::with_capacity(set.count());
            for (member, flags) in set.members.iter().zip(flags.of_members) {
                let id = ids[*member];
                // The kernel does not look at an entry that is 0. It gets flags that are nobody's, so that none is
                // lost, should the function have an id another time.
                let flags = flags.or_else(|| if id == 0 { left_over.next() } else { None });
                let Some(flags) = flags else {
                    let function = self.slots[*member].name.to_owned();
                    return Err(ErrorKind::AmbiguousFlags {
                        set: set.name.to_owned(),
                        function,
                    }
                    .into());
                };
                entries.push((id, flags));
            }
            // Entries without a symbol (`BTF_ID_UNUSED`).
            entries.extend(left_over.map(|flags| (0, flags)));
            // A stable sort, by the signed comparison that the kernel's search uses.
            entries.sort_by_key(|(id, _)| *id as i32);
            for (index, (id, flags)) in entries.iter().enumerate() {
                let at = set.at + (index + 1) * set.width;
                self.encoding.put(&mut bytes[at..at + 4], (*id).into());
                if set.width == 8 {
                    self.encoding
                        .put(&mut bytes[at + 4..at + 8], (*flags).into());
                }
            }
        }
        Ok(ResolvedIds { bytes, unresolved })
    }

    /// The members of all sets that are marked as lists of kfuncs, in the order of their places. `old_name` as for [`resolve`](Self::resolve).
    pub fn kfuncs<'n>(&self, old_name: impl Fn(u32) -> Option<&'n str>) -> Vec<Kfunc<'d>> {
        let mut kfuncs = Vec::new();
        for set in self.sets.iter().filter(|set| set.width == 8) {
            if self.word(set.at + 4) & SET8_KFUNCS == 0 {
                continue;
            }
            let flags = self.flags(set, &old_name);
            for (member, flags) in set.members.iter().zip(flags.of_members) {
                let slot = &self.slots[*member];
                if slot.kind == BtfIdKind::Func {
                    kfuncs.push(Kfunc {
                        set: set.name,
                        name: slot.name,
                        flags,
                    });
                }
            }
        }
        kfuncs
    }

    fn word(&self, at: usize) -> u32 {
        // Places of slots and sets were checked to be inside the section.
        self.encoding.u32(self.data, at).unwrap_or(0)
    }

    /// Finds out whose the flags in a set are. A plain set has none: zeros for everybody.
    fn flags<'n>(&self, set: &Set<'_>, old_name: &impl Fn(u32) -> Option<&'n str>) -> Flags {
        let n_members = set.members.len();
        if set.width == 4 {
            return Flags {
                of_members: vec![Some(0); n_members],
                left_over: vec![0; set.count() - n_members],
            };
        }
        let mut entries: Vec<Option<(u32, u32)>> = (0..set.count())
            .map(|index| {
                let at = set.at + (index + 1) * set.width;
                Some((self.word(at), self.word(at + 4)))
            })
            .collect();
        let mut of_members = vec![None; n_members];
        let resolved = entries.iter().flatten().any(|(id, _)| *id != 0);
        if !resolved {
            // As the compiler left it: the flags are beside each symbol.
            for (slot, member) in of_members.iter_mut().zip(&set.members) {
                *slot = entries[set.entry_of(self.slots[*member].at)]
                    .take()
                    .map(|(_, flags)| flags);
            }
        } else if let Some(of_entries) =
            self.members_by_old_id(set, &entries, old_name).or_else(|| {
                self.members_by_old_id(set, &entries, &|id| self.old_names().get(&id).copied())
            })
        {
            for (entry, member) in entries.iter_mut().zip(of_entries) {
                if let Some(member) = member {
                    of_members[member] = entry.take().map(|(_, flags)| flags);
                }
            }
        }
        // Members that remain share what remains. If that is all the same, it does not matter how.
        let rest: Vec<u32> = entries.iter().flatten().map(|(_, flags)| *flags).collect();
        let mut left_over = rest.into_iter();
        let same = left_over
            .as_slice()
            .windows(2)
            .all(|pair| pair[0] == pair[1]);
        if same {
            for slot in of_members.iter_mut().filter(|slot| slot.is_none()) {
                *slot = left_over.next();
            }
        }
        Flags {
            of_members,
            left_over: left_over.collect(),
        }
    }

    /// For each entry of a resolved set, the subscript in `set.members` of the function that its id belonged to; `None`
    /// for entries that had no id.
    ///
    /// All or nothing: an id that names no member of the set shows that `old_name` is not about the BTF that the ids are
    /// from, and then the other answers are worth nothing either. Ids of neighbouring functions are close together, so
    /// a wrong base shifts most of them onto each other.
    fn members_by_old_id<'n>(
        &self,
        set: &Set<'_>,
        entries: &[Option<(u32, u32)>],
        old_name: &impl Fn(u32) -> Option<&'n str>,
    ) -> Option<Vec<Option<usize>>> {
        // A function that is in a set twice has two members.
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, member) in set.members.iter().enumerate().rev() {
            by_name
                .entry(self.slots[*member].name)
                .or_default()
                .push(index);
        }
        let mut of_entries = Vec::with_capacity(entries.len());
        for (id, _) in entries.iter().flatten() {
            if *id == 0 {
                of_entries.push(None);
                continue;
            }
            of_entries.push(Some(by_name.get_mut(old_name(*id)?)?.pop()?));
        }
        Some(of_entries)
    }

    /// Names by id from the module's `.BTF` alone: empty unless there is exactly one id for its first own type with
    /// which the ids of all resolved kfunc sets belong to members of their sets.
    fn old_names(&self) -> &BTreeMap<u32, &'d str> {
        self.old_names.get_or_init(|| {
            let functions = self
                .split
                .and_then(old_split::functions)
                .unwrap_or_default();
            let mut of_sets = Vec::new();
            for set in self.sets.iter().filter(|set| set.width == 8) {
                let ids: Vec<u32> = (1..=set.count())
                    .map(|i| self.word(set.at + i * set.width))
                    .collect();
                let members: BTreeSet<&str> =
                    set.members.iter().map(|m| self.slots[*m].name).collect();
                of_sets.push((ids, members));
            }
            // Far more than any kernel has; a file that is made to waste time shall not.
            let n_ids: usize = of_sets.iter().map(|(ids, _)| ids.len()).sum();
            if functions.len().saturating_mul(n_ids) > MAX_COMPARISONS {
                return BTreeMap::new();
            }
            let all_ids = of_sets.iter().flat_map(|(ids, _)| ids.iter().copied());
            let Some(lowest) = all_ids.filter(|id| *id != 0).min() else {
                return BTreeMap::new();
            };
            // The lowest id is that of some function of the module.
            let mut found = None;
            for (index, _) in &functions {
                let Some(first) = lowest.checked_sub(*index).filter(|first| *first != 0) else {
                    continue;
                };
                let name_of = |id: u32| {
                    let index = id.checked_sub(first)?;
                    let at = functions
                        .binary_search_by_key(&index, |(index, _)| *index)
                        .ok()?;
                    Some(functions[at].1)
                };
                let fits = of_sets.iter().all(|(ids, members)| {
                    let known = |id: &u32| {
                        *id == 0 || name_of(*id).is_some_and(|name| members.contains(name))
                    };
                    ids.iter().all(known)
                });
                if fits && found.replace(first).is_some() {
                    return BTreeMap::new();
                }
            }
            let Some(first) = found else {
                return BTreeMap::new();
            };
            functions
                .iter()
                .map(|(index, name)| (first + index, *name))
                .collect()
        })
    }
}

/// Whose the flags in a set are.
struct Flags {
    /// For each member, `None` if that is not known.
    of_members: Vec<Option<u32>>,
    /// Flags of the entries that were given to no member, in the order of the entries.
    left_over: Vec<u32>,
}
