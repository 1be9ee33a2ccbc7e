//! The function symbols of a file, by base name.

use std::ops::Range;

use btf_builder::Hash32;
use dwarf_reader::Target;
use elf_io::{Elf, Sym, consts as elf};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use rayon::prelude::*;

use crate::shape::name_hash;

/// One function symbol: its full name and place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FuncSym<'d> {
    pub(crate) name: &'d [u8],
    pub(crate) addr: Target,
}

/// All symbols of one base name (`foo` of `foo.isra.0`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'d> {
    pub(crate) name: &'d [u8],
    pub(crate) first: u32,
    pub(crate) n: u32,
    /// The symbols are at different addresses.
    pub(crate) ambiguous: bool,
}

/// The function symbols of a file, by base name.
#[derive(Debug, Default)]
pub(crate) struct Functions<'d> {
    pub(crate) groups: Vec<Group<'d>>,
    pub(crate) syms: Vec<FuncSym<'d>>,
    /// Groups by name.
    table: HashTable<(Hash32, u32)>,
}

/// A symbol's name up to the first dot, and the rest.
fn base_name(name: &[u8]) -> (&[u8], &[u8]) {
    name.split_at(memchr::memchr(b'.', name).unwrap_or(name.len()))
}

pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle)
}

impl<'d> Functions<'d> {
    /// Collects all `STT_FUNC` symbols of `.symtab`.
    pub(crate) fn collect(elf: &Elf<'d>) -> elf_io::Result<Self> {
        /// Symbols that are worth being looked at by another thread, in a table of eight times as many.
        const MANY: usize = 1 << 13;
        let relocatable = elf.is_relocatable();
        let code = elf.code_places()?;
        let symbols = elf.symbols()?;
        let n = symbols.n_symbols();
        let is_func = |sym: &Sym<'_>| sym.sym_type() == elf::STT_FUNC.0;
        let in_part = |part: Range<usize>| -> elf_io::Result<Vec<(Hash32, FuncSym<'d>)>> {
            let mut found = Vec::new();
            for sym in symbols.filtered(part, is_func) {
                let sym = sym?;
                let (base, suffix) = base_name(sym.name);
                if base.is_empty() || contains(suffix, b".cold") || contains(suffix, b".part") {
                    continue;
                }
                let (section, value) = code.of(&sym);
                let section = if relocatable {
                    section.map_or(0, |s| s.0)
                } else {
                    0
                };
                let addr = Target { section, value };
                let name = sym.name;
                found.push((Hash32::of(name_hash(base)), FuncSym { name, addr }));
            }
            Ok(found)
        };
        let parts: Vec<_> = if n < 8 * MANY {
            vec![in_part(0..n)]
        } else {
            (0..n.div_ceil(MANY))
                .into_par_iter()
                .map(|part| in_part(part * MANY..n.min((part + 1) * MANY)))
                .collect()
        };
        let mut functions = Self::default();
        let mut all: Vec<(u32, FuncSym<'d>)> = Vec::new();
        for part in parts {
            let part = part?;
            all.reserve(part.len());
            all.extend(part.iter().map(|&(hash, sym)| {
                let (base, _) = base_name(sym.name);
                (functions.group(hash, base), sym)
            }));
        }
        // Those of one group next to each other, in their order.
        let mut next = 0;
        for group in &mut functions.groups {
            group.first = next;
            next += group.n;
            group.n = 0;
        }
        functions.syms = all.iter().map(|&(_, sym)| sym).collect();
        for &(g, sym) in &all {
            let group = &mut functions.groups[g as usize];
            functions.syms[(group.first + group.n) as usize] = sym;
            group.n += 1;
        }
        let defined = |addr: &Target| !relocatable || addr.section != 0;
        for group in functions.groups.iter_mut().filter(|group| group.n > 1) {
            let syms = &functions.syms[group.first as usize..][..group.n as usize];
            let mut places = syms.iter().map(|s| s.addr).filter(defined);
            group.ambiguous = places
                .next()
                .is_some_and(|first| places.any(|p| p != first));
        }
        Ok(functions)
    }

    /// The group of one more symbol of this base name.
    fn group(&mut self, hash: Hash32, name: &'d [u8]) -> u32 {
        let groups = &mut self.groups;
        let same = |&(h, g): &(Hash32, u32)| h == hash && groups[g as usize].name == name;
        let entry = self.table.entry(hash.spread(), same, |(h, _)| h.spread());
        let g = match entry {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                let g = groups.len() as u32;
                entry.insert((hash, g));
                groups.push(Group {
                    name,
                    first: 0,
                    n: 0,
                    ambiguous: false,
                });
                g
            }
        };
        groups[g as usize].n += 1;
        g
    }

    /// The group of a base name.
    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        let hash = Hash32::of(name_hash(name));
        let same = |&(h, g): &(Hash32, u32)| h == hash && self.groups[g as usize].name == name;
        self.table.find(hash.spread(), same).map(|&(_, g)| g)
    }

    pub(crate) fn syms_of(&self, group: u32) -> &[FuncSym<'d>] {
        let g = &self.groups[group as usize];
        &self.syms[g.first as usize..(g.first + g.n) as usize]
    }
}
