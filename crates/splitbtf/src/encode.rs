//! One file from DWARF to BTF.
//!
//! Phases, in order; each borrows what the earlier ones made:
//!
//! 1. open: map the file, find sections, symbols and relocations ([`crate::input`]);
//! 2. read: CUs in parallel, each type by content hash to a node ([`crate::cu`]), functions to states
//!    ([`crate::func`]), variables ([`crate::vars`]);
//! 3. decide: combine the states of each function;
//! 4. settle: find names that stand for several types ([`crate::settle`]), and read the CUs that mention them again,
//!    keeping every tainted type as a copy;
//! 5. assemble: nodes and copies in file order, functions by name, variables and their sections ([`crate::assemble`]);
//! 6. dedup: only if there are copies.

mod again;
mod ahead;
mod chosen;
mod reading;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use btf_builder::{Btf, Endian, Limits};
use dwarf_reader::{NoRelocations, Relocate, Root, Sections, Unit, UnitHeader, UnitKind};
use elf_io::{Elf, FileMap};
use rayon::prelude::*;

use self::again::Again;
use self::ahead::Ahead;
use self::chosen::Chosen;
pub(crate) use self::chosen::Emitted;
use self::reading::{Reading, Units};
use crate::arrays::{Arrays, Form};
use crate::assemble::{Assembly, bad_names};
use crate::base::{Base, BaseIndex};
use crate::copies::{Copies, CuOut, Ground, like};
use crate::cu::NameSet;
use crate::diag::{Diag, DiagKind, Skipped};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Features;
use crate::func::{Abi, Functions};
use crate::input::{Debug, Relocator};
use crate::pages::Pages;
use crate::settle::{self, Taint};
use crate::store::{Frozen, Store};
use crate::text::{Extra, Text};
use crate::vars::{self, VarRec};

/// What to encode and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// What to emit.
    pub features: Features,
    /// Keep only units of these `DW_LANG_*` languages, if any are named.
    pub lang: Vec<u16>,
    /// Leave out units of these languages.
    pub lang_exclude: Vec<u16>,
    /// Leave out units whose name starts with one of these.
    pub exclude_units: Vec<Vec<u8>>,
    /// Read only these units, counted from 0 in the order of `.debug_info`: to find out which of them something
    /// comes from. Units that refer to others cannot be read without those.
    pub units: Option<Range<usize>>,
    /// Names that begin with this are cut to it: what a kernel's ABI holds in reserve has names that change with each
    /// build.
    pub kabi_prefix: Option<Vec<u8>>,
    /// Leave out functions of assembly units, whose DWARF knows no parameters.
    pub drop_asm_functions: bool,
    /// How arrays of several dimensions are encoded; without a choice, as the base has them, and flat in a base.
    pub arrays: Option<Arrays>,
    /// Compare every type by graph instead of by content hash. Slow; for checking the fast way.
    pub paranoid: bool,
    /// Use at most this many of the pool's threads for one file; 0 for all.
    pub threads: usize,
    /// In split BTF, give no bytes of its own to a string that is the end of another
    /// ([`Btf::share_string_ends`]); [`Output`](crate::Output) heeds it.
    pub share_strings: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            features: Features::DEFAULT,
            lang: Vec::new(),
            lang_exclude: vec![gimli::DW_LANG_Rust.0],
            exclude_units: Vec::new(),
            units: None,
            kabi_prefix: None,
            drop_asm_functions: false,
            arrays: None,
            paranoid: false,
            threads: 0,
            share_strings: false,
        }
    }
}

impl Options {
    fn keeps(&self, root: &Root<'_>) -> bool {
        (self.lang.is_empty() || self.lang.contains(&root.language))
            && !self.lang_exclude.contains(&root.language)
            && !self.exclude_units.iter().any(|p| root.name.starts_with(p))
    }
}

/// Where time went, in the order of the phases.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Units of DWARF.
    pub n_units: usize,
    /// Type DIEs read.
    pub n_type_dies: u64,
    /// Types that had to be told apart by graph.
    pub n_copies: usize,
    /// Names that stand for several types.
    pub n_ambiguous_names: usize,
    /// Phases and what they took.
    pub phases: Vec<(&'static str, Duration)>,
}

/// What became of one file.
#[derive(Debug)]
pub struct Encoded {
    /// The BTF, split where there was a base.
    pub btf: Btf,
    /// What was noticed on the way.
    pub diags: Vec<Diag>,
    /// Functions that were left out.
    pub skipped: Vec<Skipped>,
    /// Time and counts.
    pub stats: Stats,
    /// The file has no DWARF at all, so that the BTF is empty.
    pub no_dwarf: bool,
}

fn into_inner<T>(m: Mutex<T>) -> T {
    m.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Encodes the DWARF of the file at `path`, against `base` if there is one.
///
/// Runs in the current rayon pool. The result depends on the file, the base and the options alone.
///
/// # Errors
/// If the file cannot be read, its DWARF not understood, or its types not expressed.
pub fn encode(path: &Path, base: Option<&Base>, options: &Options) -> Result<Encoded> {
    let file = FileMap::open_briefly(path).map_err(|e| Error::new(path, e))?;
    let result = run(file.bytes(), Some(&file), base, options).map_err(|kind| Error {
        path: path.to_owned(),
        kind: Box::new(kind),
    });
    if file.bytes().len() as u64 >= LARGE {
        drop_aside(file);
    }
    result
}

/// From so many bytes on it is worth sharing all of the work on a file, and not only the reading of its units, among
/// threads. In a batch of smaller ones each thread that waits for another one begins with one more file, and keeps it in
/// memory. Debug builds, and so the tests, share the work on any.
const LARGE: u64 = if cfg!(debug_assertions) { 1 } else { 128 << 20 };

/// Drops something large while the caller goes on, if there is another thread.
fn drop_aside<T: Send + 'static>(garbage: T) {
    if rayon::current_num_threads() > 1 {
        rayon::spawn(move || drop(garbage));
    }
}

/// Encodes an ELF file that is in memory; see [`encode`].
///
/// # Errors
/// As [`encode`].
pub fn encode_bytes(
    data: &[u8],
    base: Option<&Base>,
    options: &Options,
) -> std::result::Result<Encoded, ErrorKind> {
    run(data, None, base, options)
}

/// Encodes `data`, which is that of `map` if there is one.
fn run(
    data: &[u8],
    map: Option<&FileMap>,
    base: Option<&Base>,
    options: &Options,
) -> std::result::Result<Encoded, ErrorKind> {
    let start = Instant::now();
    let elf = Elf::parse(data)?;
    let endian = if elf.encoding().big_endian {
        Endian::Big
    } else {
        Endian::Little
    };
    if base.is_some_and(|b| b.btf().endian() != endian) {
        return Err(ErrorKind::BaseEndian);
    }
    let debug = Debug::read(&elf)?;
    let sections = debug.sections();
    let own_index = OnceLock::new();
    let mut file = File {
        map,
        elf: &elf,
        sections: &sections,
        base_btf: base.map(Base::btf),
        base: base.and_then(Base::index),
        unindexed: base.filter(|base| base.index().is_none()),
        own_index: &own_index,
        options,
        arrays: Form::new(options.arrays, base),
        endian,
        phases: Vec::new(),
        typedefs_by_name: false,
    };
    file.phases.push(("open", start.elapsed()));
    match &debug.tables {
        Some(tables) => file.run(&|| Relocator::new(tables)),
        None => file.run(&|| NoRelocations),
    }
}

/// The nodes of all CUs, and which names stand for several.
struct Settled {
    store: Frozen,
    /// Definitions by the number of their name.
    defs: Vec<(u32, u32)>,
    taint: Taint,
}

impl Settled {
    fn ground<'a>(&'a self, base: Option<&'a BaseIndex>) -> Ground<'a> {
        Ground {
            store: &self.store,
            base,
            taint: &self.taint,
            defs: &self.defs,
        }
    }
}

struct File<'f> {
    map: Option<&'f FileMap>,
    elf: &'f Elf<'f>,
    sections: &'f Sections<'f>,
    base_btf: Option<&'f Arc<Btf>>,
    base: Option<&'f BaseIndex>,
    /// A base of which `own_index` has yet to be made.
    unindexed: Option<&'f Base>,
    own_index: &'f OnceLock<BaseIndex>,
    options: &'f Options,
    arrays: Form<'f>,
    endian: Endian,
    phases: Vec<(&'static str, Duration)>,
    /// Typedefs make cycles that no struct breaks, which only comparing graphs can sort out.
    typedefs_by_name: bool,
}

impl<'f> File<'f> {
    fn new_btf(&self) -> Btf {
        let mut btf = match self.base_btf {
            Some(base) => Btf::new_split(Arc::clone(base)),
            None => Btf::new_empty(self.endian),
        };
        btf.set_endian(self.endian);
        if let Some(strs) = self.base.and_then(BaseIndex::strs) {
            btf.set_base_strs(Arc::clone(strs));
        }
        btf
    }

    fn run<R: Relocate + Send>(
        mut self,
        relocator: &(dyn Fn() -> R + Sync),
    ) -> std::result::Result<Encoded, ErrorKind> {
        let pages = Pages::new(self.map, self.sections.info, 0);
        let peek = |off| pages.peek(off);
        let start = Instant::now();
        let headers = || dwarf_reader::unit_headers(self.sections, &relocator(), &peek);
        let symbols = || self.symbols();
        let (mut headers, functions) = if self.sharing() > 1 {
            let (headers, functions) = rayon::join(headers, symbols);
            (headers?, Some(functions))
        } else {
            (headers()?, None)
        };
        if let Some(wanted) = &self.options.units {
            headers.truncate(wanted.end);
            headers.drain(..wanted.start.min(headers.len()));
        }
        if headers.is_empty() {
            let stats = Stats {
                phases: self.phases.clone(),
                ..Stats::default()
            };
            return Ok(Encoded {
                btf: self.new_btf(),
                diags: Vec::new(),
                skipped: Vec::new(),
                stats,
                no_dwarf: true,
            });
        }
        let functions = match functions {
            Some(functions) => functions,
            None => self.symbols(),
        }?;
        self.phases.push(("symbols", start.elapsed()));
        let split = |h: &UnitHeader| matches!(h.kind, UnitKind::Partial | UnitKind::Type { .. });
        if !headers.iter().any(split) {
            let alone: Vec<&[UnitHeader]> = headers.chunks(1).collect();
            match self.read(&alone, &functions, relocator) {
                Err(error) if needs_merge(&error) => {}
                other => return other,
            }
            let together = self.groups(&headers, relocator);
            self.phases.truncate(2);
            self.phases.push(("group", start.elapsed()));
            match self.read(&together, &functions, relocator) {
                Err(error) if needs_merge(&error) => {}
                other => return other,
            }
        }
        self.phases.truncate(2);
        self.read(&[&headers], &functions, relocator)
    }

    /// The units in groups that can each be read without the others: those of link-time optimisation refer to others, but
    /// mostly to those that were optimised together, which stand together.
    fn groups<'h, R: Relocate + Send>(
        &self,
        headers: &'h [UnitHeader],
        relocator: &(dyn Fn() -> R + Sync),
    ) -> Vec<&'h [UnitHeader]> {
        let outside = |(unit, relocate): &mut (Unit, R), header: &UnitHeader| {
            let keep = |root: &Root<'_>| self.options.keeps(root);
            // What cannot be read is found in its turn.
            let outside = unit.outside(self.sections, *header, relocate, &keep).ok();
            let at = |off: u64| headers.partition_point(|h| h.off <= off).saturating_sub(1);
            outside
                .filter(|outside| !outside.is_empty())
                .map(|outside| (at(*outside.start()), at(*outside.end())))
        };
        let reader = || (Unit::default(), relocator());
        let outside: Vec<_> = (headers.par_iter()).map_init(reader, outside).collect();
        // The last unit to which any of those so far refers, or that refers to one of those.
        let mut lasts: Vec<usize> = (0..headers.len()).collect();
        for (i, (first, last)) in (0..).zip(outside).filter_map(|(i, o)| Some((i, o?))) {
            let first = first.min(i);
            lasts[first] = lasts[first].max(last).max(i);
        }
        let mut groups = Vec::new();
        let (mut start, mut last) = (0, 0);
        for (i, of_this) in (0..).zip(lasts) {
            last = last.max(of_this);
            if i == last {
                groups.push(&headers[start..=i]);
                start = i + 1;
            }
        }
        groups
    }

    fn symbols(&self) -> std::result::Result<Functions<'f>, ErrorKind> {
        if self.elf.symbols()?.section().is_none() {
            return Err(ErrorKind::NoSymbols);
        }
        Ok(Functions::collect(self.elf)?)
    }

    fn read<R: Relocate + Send>(
        &mut self,
        groups: &[&[UnitHeader]],
        functions: &Functions<'f>,
        relocator: &(dyn Fn() -> R + Sync),
    ) -> std::result::Result<Encoded, ErrorKind> {
        crate::text::warm(self.sections.str);
        let extra = Extra::default();
        let headers = || groups.iter().flat_map(|group| group.iter());
        let bytes: u64 = headers().map(|h| h.end - h.off).sum();
        let reading = Reading {
            groups,
            functions,
            relocator,
            text: Text::new(self.sections, &extra, self.options.kabi_prefix.as_deref()),
            abi: Abi::of(self.elf.machine()),
            n_units: headers().count(),
            threads: self.threads(groups.len(), bytes),
        };
        let ahead = match self.unindexed {
            Some(base) => self.index_base(base, &reading)?,
            None => Ahead::new(),
        };
        self.unindexed = None;

        let start = Instant::now();
        let names = self.base.map_or(0, |b| b.names().len() as u32);
        let store = Store::new(reading.threads, names);
        let units = match self.read_units(&reading, &store, &ahead) {
            Ok(units) => units,
            Err(halt) if halt.cycle && !self.typedefs_by_name => {
                self.typedefs_by_name = true;
                self.phases.truncate(2);
                return self.read(groups, functions, relocator);
            }
            Err(halt) => return Err(halt.error),
        };
        self.phases.push(("read", start.elapsed()));

        let Units {
            cus,
            states,
            mut vars,
            kfuncs,
            mut diags,
            n_type_dies,
            n_skeletons,
        } = units;
        let sharing = self.sharing();
        let decide = || {
            let start = Instant::now();
            let chosen = Chosen::of(functions, &kfuncs, &states, self.options, sharing);
            drop(states);
            vars.sort_unstable_by_key(|v: &VarRec<'_>| v.key);
            let reduced = vars::reduce(&mut vars, self.elf, &mut diags);
            reduced.map(|()| (chosen, start.elapsed()))
        };
        let settle = || {
            let start = Instant::now();
            let settled = self.settle(store, &cus, reading.text);
            (settled, start.elapsed())
        };
        let (decided, settled) = if sharing > 1 {
            rayon::join(decide, settle)
        } else {
            (decide(), settle())
        };
        let (mut chosen, time) = decided?;
        self.phases.push(("decide", time));
        let (mut settled, time) = settled;
        let start = Instant::now();
        let mut copies = self.copy(&reading, &mut settled, &cus, &mut chosen, &mut vars)?;
        // Half of the memory in use, in pieces.
        if sharing > 1 {
            cus.into_par_iter().for_each(drop);
        } else {
            drop(cus);
        }
        self.phases.push(("settle", time + start.elapsed()));

        let start = Instant::now();
        let n_copies = copies.len();
        let btf = self.new_btf();
        if n_copies > 0 {
            let mut graph = like(&btf);
            // Of copies there may be more than of types in any BTF that a kernel takes.
            graph.set_limits(Limits::FORMAT);
            copies.dedup(settled.ground(self.base), &reading.text, graph)?;
        }
        self.phases.push(("dedup", start.elapsed()));

        let start = Instant::now();
        let ground = settled.ground(self.base);
        let features = self.options.features;
        let mut assembly = Assembly::new(btf, reading.text, ground, &copies, features, sharing);
        assembly.types();
        assembly.functions(&chosen.emit)?;
        assembly.variables(&vars, self.elf)?;
        assembly.finish()?;
        let Assembly { btf, names, .. } = assembly;
        let places = if names.bad.is_empty() {
            BTreeMap::new()
        } else {
            self.places_of_names(&names.bad, &reading)
        };
        diags.extend(bad_names(names.bad, &places));
        let n_ambiguous_names = settled.taint.seeds().len();
        if sharing > 1 {
            drop_aside((settled, copies));
        }
        self.phases.push(("assemble", start.elapsed()));

        if n_skeletons > 0 {
            diags.push(Diag {
                kind: DiagKind::Skeleton,
                at: None,
                name: String::new(),
            });
        }
        self.report(&mut diags)?;
        let stats = Stats {
            n_units: reading.n_units,
            n_type_dies,
            n_copies,
            n_ambiguous_names,
            phases: std::mem::take(&mut self.phases),
        };
        Ok(Encoded {
            btf,
            diags,
            skipped: chosen.skipped,
            stats,
            no_dwarf: false,
        })
    }

    /// Whether every type is compared by graph.
    fn compares_all(&self) -> bool {
        self.options.paranoid || self.typedefs_by_name
    }

    /// Finds the names that stand for several types.
    fn settle(&self, store: Store, cus: &[CuOut], text: Text<'_>) -> Settled {
        let mut mentioned = NameSet::default();
        for c in cus {
            mentioned.add(&c.mentioned);
        }
        let store = store.freeze();
        let defs = settle::definitions(&store);
        let all = self.compares_all();
        let taint = settle::taint(&store, self.base, &mentioned, &defs, &text, all);
        Settled { store, defs, taint }
    }

    /// Copies for CUs what depends on what such names mean there, and has functions and variables refer to the copies.
    fn copy<R: Relocate + Send>(
        &self,
        reading: &Reading<'_, 'f, R>,
        settled: &mut Settled,
        cus: &[CuOut],
        chosen: &mut Chosen<'f>,
        vars: &mut [VarRec<'_>],
    ) -> std::result::Result<Copies, ErrorKind> {
        if settled.taint.is_empty() {
            return Ok(Copies::default());
        }
        let ground = settled.ground(self.base);
        let (mut copies, verbatim) = Copies::shared(ground, cus, self.compares_all());
        if !verbatim.is_empty() {
            let again = Again {
                file: self,
                reading,
                taint: &settled.taint,
                chosen,
                vars,
            };
            let store = std::mem::take(&mut settled.store);
            settled.store = again.run(store, &verbatim, &mut copies)?;
        }
        if copies.len() == 0 {
            return Ok(copies);
        }
        let ground = settled.ground(self.base);
        for e in &mut chosen.emit {
            let cu = (e.key >> 32) as u32;
            e.proto = match copies.verbatim_proto(e.key) {
                Some(proto) => proto,
                None => copies.in_cu(ground, cu, e.proto),
            };
        }
        for v in vars {
            v.ty = match copies.verbatim_var(v.key) {
                Some(ty) => ty,
                None => copies.in_cu(ground, (v.key >> 32) as u32, v.ty),
            };
        }
        Ok(copies)
    }

    /// Puts what was noticed in order.
    ///
    /// # Errors
    /// If something of it cannot be expressed, without leave to go on.
    fn report(&self, diags: &mut Vec<Diag>) -> std::result::Result<(), ErrorKind> {
        diags.sort_by(|a, b| {
            let place = |d: &Diag| (d.at.map(|a| (a.unit, a.die_off)), d.kind);
            place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name))
        });
        diags.dedup();
        if self.options.features.encode_force {
            return Ok(());
        }
        let mut fatal = diags.iter().filter(|d| d.kind.is_fatal_without_force());
        let Some(first) = fatal.next() else {
            return Ok(());
        };
        let first = first.to_string();
        let n = 1 + fatal.count();
        Err(ErrorKind::CannotExpress { n, first })
    }

    /// How many workers a file of so many units and bytes of DWARF deserves.
    fn threads(&self, n_units: usize, bytes: u64) -> usize {
        /// Starting a worker costs about as much as reading this much DWARF.
        const BYTES_PER_WORKER: u64 = 512 << 10;
        let most = match self.options.threads {
            0 => rayon::current_num_threads(),
            n => n,
        };
        let worth = usize::try_from(bytes / BYTES_PER_WORKER).unwrap_or(usize::MAX);
        most.min(n_units).min(worth).max(1)
    }

    /// How many threads share what is done besides reading units: one, unless the file is large.
    fn sharing(&self) -> usize {
        match self.sections.info.len() as u64 {
            size @ LARGE.. => self.threads(usize::MAX, size),
            _ => 1,
        }
    }
}

/// Whether units refer to others that they were read without.
fn needs_merge(error: &ErrorKind) -> bool {
    matches!(error, ErrorKind::Dwarf(error) if error.needs_merge())
}
