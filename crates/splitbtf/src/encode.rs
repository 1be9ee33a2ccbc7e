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

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use btf_builder::{Btf, Endian, Limits, NameFilter};
use dwarf_reader::{At, NoRelocations, Relocate, Root, Sections, Str, Unit, UnitHeader, UnitKind};
use elf_io::{Elf, FileMap};
use rayon::prelude::*;

use crate::arrays::{Arrays, Form};
use crate::assemble::{Assembly, bad_names};
use crate::base::{Base, BaseIndex};
use crate::copies::{Copies, CuOut, Ground, like};
use crate::cu::{NameSet, Worker};
use crate::diag::{Diag, DiagKind, Skipped};
use crate::error::{Error, ErrorKind, Result};
use crate::features::Features;
use crate::func::{Abi, Functions, Judge, State, Verdict};
use crate::ident::is_identifier;
use crate::input::{Debug, Relocator};
use crate::kfunc::{self, Kfunc, Kfuncs};
use crate::pages::Pages;
use crate::settle::{self, Taint};
use crate::sieve::FileNames;
use crate::store::{Frozen, Key, NodeId, Store};
use crate::text::{Extra, Text, synthetic};
use crate::vars::{self, VarRec, VarSections};

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

struct WorkerOut<'f> {
    cus: Vec<CuOut>,
    /// In order of group.
    states: Vec<State>,
    vars: Vec<VarRec<'f>>,
    diags: Vec<Diag>,
    n_type_dies: u64,
    n_skeletons: u32,
    stop: Option<Stop>,
}

/// Why a worker read no further.
struct Stop {
    cu: u32,
    /// Types make a cycle that no struct breaks; it may be that typedefs do.
    cycle: bool,
    error: dwarf_reader::Error,
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
        let start = Instant::now();
        let abi = Abi::of(self.elf.machine());
        let var_sections = VarSections::new(self.elf, self.options.features);
        crate::text::warm(self.sections.str);
        let extra = Extra::default();
        let text = Text::new(self.sections, &extra, self.options.kabi_prefix.as_deref());
        let bytes: u64 = groups
            .iter()
            .flat_map(|g| g.iter())
            .map(|h| h.end - h.off)
            .sum();
        let n_units: usize = groups.iter().map(|g| g.len()).sum();
        let threads = self.threads(groups.len(), bytes);
        let sharing = self.sharing();
        let mut ahead = Vec::new();
        if let Some(base) = self.unindexed {
            ahead = self.read_ahead(groups, relocator, text, threads)?;
            self.unindexed = None;
            self.phases.push(("read", start.elapsed()));
            let start = Instant::now();
            // True signatures have names that are put together later on.
            let composed = self.options.features.true_signature;
            let names = (!composed).then(|| self.names(&ahead, functions, text));
            self.base = Some(self.own_index.get_or_init(|| base.index_for(names)));
            self.phases.push(("index base", start.elapsed()));
        }
        let start = Instant::now();
        let names = self.base.map_or(0, |b| b.names().len() as u32);
        let store = Store::new(threads, names);

        let next = AtomicUsize::new(0);
        let pages = Pages::new(self.map, self.sections.info, threads);
        let outs = Mutex::new(Vec::new());
        let work = || {
            let worker = pages.worker();
            let mut relocate = relocator();
            let mut w = Worker::new(text, self.options.features, self.base, &store);
            w.arrays = self.arrays;
            w.typedefs_by_name = self.typedefs_by_name;
            w.repeats = repeats(n_units);
            w.alone = threads == 1 && !w.repeats;
            let mut judge = Judge::default();
            let mut out = WorkerOut {
                cus: Vec::new(),
                states: Vec::new(),
                vars: Vec::new(),
                diags: Vec::new(),
                n_type_dies: 0,
                n_skeletons: 0,
                stop: None,
            };
            loop {
                // Ascending for each worker, so that what a worker sees first is its earliest.
                let cu = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(cu) else { break };
                let cu = cu as u32;
                if let Some(header) = group.first().filter(|h| !h.in_types) {
                    pages.reach(worker, header.off);
                }
                let unit = ahead.get(cu as usize).and_then(|unit| lock(unit).take());
                let read = match unit {
                    Some(unit) => {
                        w.unit = unit;
                        Ok(())
                    }
                    None => self.read_unit(&mut w.unit, group, &mut relocate, text),
                };
                if let Err(e) = read {
                    // Others need not go on either, but CUs before this one must still be looked at.
                    out.stop = Some(Stop {
                        cu,
                        cycle: false,
                        error: e,
                    });
                    break;
                }
                out.n_type_dies += w.unit.types.len() as u64;
                out.n_skeletons += w.unit.n_skeletons;
                if let Err(cycle) = w.types(cu) {
                    out.stop = Some(Stop {
                        cu,
                        cycle: true,
                        error: cycle.into_error(&w.unit),
                    });
                    break;
                }
                let mut nodes = w.nodes();
                self.tags(&mut w, &mut nodes);
                judge.unit(&mut w, functions, abi, &relocate);
                vars::collect(&mut w, &var_sections, &mut out.vars);
                if let Err(error) = w.check_strays(group) {
                    out.stop = Some(Stop {
                        cu,
                        cycle: false,
                        error,
                    });
                    break;
                }
                out.cus.push(CuOut {
                    cu,
                    mentioned: w.mentioned.clone(),
                    nodes,
                });
            }
            pages.reach(worker, u64::MAX);
            out.states = judge.states.into_sorted();
            out.diags = std::mem::take(&mut w.diags);
            lock(&outs).push(out);
        };
        let mut diags = Vec::new();
        let mut kfuncs = || kfunc::collect(self.elf, self.base, self.options.features, &mut diags);
        let kfuncs = if threads > 1 {
            rayon::scope(|s| {
                for _ in 0..threads {
                    s.spawn(|_| work());
                }
                kfuncs()
            })
        } else {
            work();
            kfuncs()
        };
        let mut outs = into_inner(outs);
        if let Some(stop) = outs
            .iter_mut()
            .filter_map(|o| o.stop.take())
            .min_by_key(|stop| stop.cu)
        {
            if stop.cycle && !self.typedefs_by_name {
                self.typedefs_by_name = true;
                self.phases.truncate(2);
                return self.read(groups, functions, relocator);
            }
            return Err(ErrorKind::Dwarf(stop.error));
        }
        let n_skeletons: u32 = outs.iter().map(|o| o.n_skeletons).sum();
        let n_type_dies: u64 = outs.iter().map(|o| o.n_type_dies).sum();
        if n_type_dies == 0 && n_skeletons > 0 {
            return Err(ErrorKind::SplitDwarf);
        }
        let kfuncs = kfuncs?;
        let mut states = Vec::with_capacity(outs.len());
        let mut vars = Vec::new();
        let mut cus = Vec::with_capacity(groups.len());
        for out in outs {
            states.push(out.states);
            vars.extend(out.vars);
            diags.extend(out.diags);
            cus.extend(out.cus);
        }
        cus.sort_unstable_by_key(|c| c.cu);
        self.phases.push(("read", start.elapsed()));

        let base = self.base;
        let decide = || {
            let start = Instant::now();
            let chosen = self.decide(functions, &kfuncs, &states, sharing);
            drop(states);
            vars.sort_unstable_by_key(|v: &VarRec<'_>| v.key);
            let reduced = vars::reduce(&mut vars, self.elf, &mut diags);
            reduced.map(|()| (chosen, start.elapsed()))
        };
        let everything = self.options.paranoid || self.typedefs_by_name;
        let settle = || {
            let start = Instant::now();
            let mut mentioned = NameSet::default();
            for c in &cus {
                mentioned.add(&c.mentioned);
            }
            let frozen = store.freeze();
            let defs = settle::definitions(&frozen);
            let taint = settle::taint(&frozen, base, &mentioned, &defs, &text, everything);
            (frozen, defs, taint, start.elapsed())
        };
        let (decided, settled) = if sharing > 1 {
            rayon::join(decide, settle)
        } else {
            (decide(), settle())
        };
        let (mut chosen, time) = decided?;
        self.phases.push(("decide", time));
        let (frozen, defs, taint, time) = settled;
        let start = Instant::now() - time;
        let mut frozen = frozen;
        let mut copies = Copies::default();
        if !taint.is_empty() {
            let ground = Ground {
                store: &frozen,
                base,
                taint: &taint,
                defs: &defs,
            };
            let (shared, verbatim) = Copies::shared(ground, &cus, everything);
            copies = shared;
            if !verbatim.is_empty() {
                let again = Again {
                    file: self,
                    groups,
                    functions,
                    abi,
                    text,
                    taint: &taint,
                    chosen: &chosen,
                    vars: &vars,
                };
                frozen = again.run(frozen, &verbatim, threads, relocator, &mut copies)?;
            }
        }
        // Half of the memory in use, in pieces.
        if sharing > 1 {
            cus.into_par_iter().for_each(drop);
        } else {
            drop(cus);
        }
        let ground = Ground {
            store: &frozen,
            base,
            taint: &taint,
            defs: &defs,
        };
        if copies.len() > 0 {
            for e in &mut chosen.emit {
                let cu = (e.key >> 32) as u32;
                e.proto = match copies.verbatim_proto(e.key) {
                    Some(proto) => proto,
                    None => copies.in_cu(ground, cu, e.proto),
                };
            }
            for v in &mut vars {
                v.ty = match copies.verbatim_var(v.key) {
                    Some(ty) => ty,
                    None => copies.in_cu(ground, (v.key >> 32) as u32, v.ty),
                };
            }
        }
        self.phases.push(("settle", start.elapsed()));

        let start = Instant::now();
        let n_copies = copies.len();
        let btf = self.new_btf();
        if n_copies > 0 {
            let mut graph = like(&btf);
            // Of copies there may be more than of types in any BTF that a kernel takes.
            graph.set_limits(Limits::FORMAT);
            copies.dedup(ground, &text, graph)?;
        }
        self.phases.push(("dedup", start.elapsed()));

        let start = Instant::now();
        let mut assembly =
            Assembly::new(btf, text, ground, &copies, self.options.features, sharing);
        assembly.types();
        assembly.functions(&chosen.emit)?;
        assembly.variables(&vars, self.elf)?;
        assembly.finish()?;
        let places = if assembly.names.bad.is_empty() {
            BTreeMap::new()
        } else {
            self.places_of_names(&assembly.names.bad, groups, &mut relocator(), text)
        };
        diags.extend(bad_names(assembly.names.bad, &places));
        let btf = assembly.btf;
        let n_ambiguous_names = taint.seeds().len();
        if sharing > 1 {
            drop_aside((frozen, copies, taint));
        }
        self.phases.push(("assemble", start.elapsed()));
        if n_skeletons > 0 {
            diags.push(Diag {
                kind: DiagKind::Skeleton,
                at: None,
                name: String::new(),
            });
        }
        diags.sort_by(|a, b| {
            let place = |d: &Diag| (d.at.map(|a| (a.unit, a.die_off)), d.kind);
            place(a).cmp(&place(b)).then_with(|| a.name.cmp(&b.name))
        });
        diags.dedup();
        if !self.options.features.encode_force {
            let mut fatal = diags.iter().filter(|d| d.kind.is_fatal_without_force());
            if let Some(first) = fatal.next() {
                let first = first.to_string();
                return Err(ErrorKind::CannotExpress {
                    n: 1 + fatal.count(),
                    first,
                });
            }
        }
        let stats = Stats {
            n_units,
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

    /// Decides about all functions, of which there are states from several workers, each list in order.
    fn decide(
        &self,
        functions: &Functions<'f>,
        kfuncs: &Kfuncs,
        states: &[Vec<State>],
        threads: usize,
    ) -> Chosen<'f> {
        let drop_asm = self.options.drop_asm_functions;
        let decide = |groups: Range<u32>| {
            let of_groups = |states: &'_ Vec<State>| {
                let start = states.partition_point(|s| s.group < groups.start);
                let end = states.partition_point(|s| s.group < groups.end);
                start..end
            };
            let mut all: Vec<&State> = Vec::new();
            for states in states {
                let states = &states[of_groups(states)];
                all.extend(states.iter().filter(|s| !(drop_asm && s.asm)));
            }
            if states.len() > 1 {
                all.sort_unstable_by_key(|s| (s.group, s.key));
            }
            let mut chosen = Chosen::default();
            for group in all.chunk_by(|a, b| a.group == b.group) {
                chosen.decide(functions, kfuncs, group, self.options.features);
            }
            chosen
        };
        let n = functions.groups.len() as u32;
        if threads == 1 {
            let mut chosen = decide(0..n);
            chosen.sort();
            return chosen;
        }
        /// Groups that are decided about in one go.
        const PIECE: usize = 2048;
        let starts: Vec<u32> = (0..n).step_by(PIECE).collect();
        let pieces = starts.into_par_iter();
        let pieces: Vec<Chosen<'f>> = pieces
            .map(|start| decide(start..n.min(start + PIECE as u32)))
            .collect();
        let mut chosen = Chosen::default();
        chosen
            .emit
            .reserve(pieces.iter().map(|c| c.emit.len()).sum());
        for mut piece in pieces {
            chosen.emit.append(&mut piece.emit);
            chosen.skipped.append(&mut piece.skipped);
        }
        chosen.sort();
        chosen
    }

    /// Reads a unit, or several that refer to each other.
    fn read_unit<R: Relocate>(
        &self,
        unit: &mut Unit,
        group: &[UnitHeader],
        relocate: &mut R,
        text: Text<'_>,
    ) -> dwarf_reader::Result<()> {
        let keep = |root: &Root<'_>| self.options.keeps(root);
        unit.read(self.sections, group, relocate, &keep)?;
        text.cut_names(unit);
        Ok(())
    }

    /// All units, read before it is known what the base has of their types. Where one cannot be read there is none, for
    /// the error to be found in its turn.
    ///
    /// # Errors
    /// If units refer to others, which makes what was read worthless.
    fn read_ahead<R: Relocate + Send>(
        &self,
        groups: &[&[UnitHeader]],
        relocator: &(dyn Fn() -> R + Sync),
        text: Text<'_>,
        threads: usize,
    ) -> std::result::Result<Vec<Mutex<Option<Unit>>>, ErrorKind> {
        let read = |relocate: &mut R, group: &&[UnitHeader]| {
            let mut unit = Unit::default();
            match self.read_unit(&mut unit, group, relocate, text) {
                Ok(()) => Ok(Mutex::new(Some(unit))),
                Err(error) if error.needs_merge() => Err(error.into()),
                Err(_) => Ok(Mutex::new(None)),
            }
        };
        if threads > 1 {
            let units = groups.par_iter().map_init(relocator, read);
            return units.collect();
        }
        let mut relocate = relocator();
        groups
            .iter()
            .map(|group| read(&mut relocate, group))
            .collect()
    }

    /// All names of the file that may be looked up in the base.
    fn names(
        &self,
        units: &[Mutex<Option<Unit>>],
        functions: &Functions<'_>,
        text: Text<'_>,
    ) -> FileNames {
        let mut n = functions.syms.len();
        let mut n_params = 0;
        for_each_unit(units, |unit| {
            n_params += unit.params.len() + unit.func_params.len();
            let n_types = unit.types.len() + unit.members.len() + unit.enumerators.len();
            n += n_types + unit.funcs.len() + unit.vars.len();
        });
        n += n_params;
        let symbols = functions.groups.iter().map(|group| group.name);
        let symbols = symbols.chain(functions.syms.iter().map(|sym| sym.name));
        let sections = self.elf.sections().iter().map(|section| section.name);
        // Most names are there several times.
        let mut names = NameFilter::with_capacity(n / 2);
        let mut params = NameFilter::with_capacity(n_params / 2);
        symbols.chain(sections).for_each(|name| names.insert(name));
        synthetic::NAMES.iter().for_each(|name| names.insert(name));
        // Those put in last, by place.
        let mut last = [Str::NONE; 1024];
        let mut insert = |name: Str| {
            let last = &mut last[name.to_bits() as usize % 1024];
            if *last != name {
                *last = name;
                names.insert(text.bytes(name));
            }
        };
        for_each_unit(units, |unit| {
            unit.for_each_name(|name, _| insert(name));
            unit.decl_tags.iter().for_each(|tag| insert(tag.value));
            let of_types = unit.params.iter().map(|param| param.name);
            let of_funcs = unit.func_params.iter().map(|param| param.name);
            let named = of_types.chain(of_funcs).filter(|name| !name.is_none());
            named.for_each(|name| params.insert(text.bytes(name)));
        });
        FileNames { all: names, params }
    }

    /// The first DIE that has each of these names. Reads the file once more, since nothing kept the places.
    fn places_of_names<R: Relocate>(
        &self,
        names: &[Vec<u8>],
        groups: &[&[UnitHeader]],
        relocate: &mut R,
        text: Text<'_>,
    ) -> BTreeMap<Vec<u8>, At> {
        let mut wanted: BTreeSet<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let mut places = BTreeMap::new();
        let mut unit = Unit::default();
        for group in groups {
            if wanted.is_empty() || self.read_unit(&mut unit, group, relocate, text).is_err() {
                break;
            }
            unit.for_each_name(|name, off| {
                let name = text.bytes(name);
                if wanted.remove(name)
                    && let Some(at) = unit.at(off)
                {
                    places.insert(name.to_vec(), at);
                }
            });
        }
        places
    }

    /// Decl tags of a unit's types.
    fn tags(&self, w: &mut Worker<'_, '_>, nodes: &mut Vec<u32>) {
        /// Order keys of decl tags stand behind those of types.
        const TAG_ORDER: u32 = 0x8000_0000;
        if !self.options.features.decl_tag {
            return;
        }
        for n in 0..w.unit.decl_tags.len() {
            let t = w.unit.decl_tags[n];
            // The kernel refuses a tag that says nothing.
            if let dwarf_reader::TagTarget::Type(i) = t.target
                && !w.text.bytes(t.value).is_empty()
            {
                let local = w.local_at(i as usize);
                nodes.push(
                    w.decl_tag(t.value, t.component, local, TAG_ORDER + n as u32)
                        .raw(),
                );
            }
        }
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

/// Calls `f` with each unit that could be read.
fn for_each_unit(units: &[Mutex<Option<Unit>>], mut f: impl FnMut(&Unit)) {
    for unit in units {
        if let Some(unit) = &*lock(unit) {
            f(unit);
        }
    }
}

/// Whether so many units repeat their types often enough for [`Worker::repeats`]: a kernel image's do; in the few of a
/// module, making a key of what each DIE says costs more than it saves.
fn repeats(n_units: usize) -> bool {
    // Debug builds, and so the tests, go that way wherever anything can repeat.
    const MANY: usize = if cfg!(debug_assertions) { 2 } else { 512 };
    n_units >= MANY
}

/// A function that is emitted.
#[derive(Debug, Clone)]
pub(crate) struct Emitted<'f> {
    /// The name, with what follows a dot in true signatures.
    pub(crate) name: &'f [u8],
    /// Whether the kernel takes the name.
    pub(crate) is_identifier: bool,
    pub(crate) kfunc: Option<Kfunc>,
    /// The first bytes of the name as a number, which settles nearly all comparisons.
    head: u128,
    /// The name without that.
    base_name: &'f [u8],
    pub(crate) key: Key,
    pub(crate) proto: NodeId,
    /// Decl tags: component and value.
    pub(crate) tags: Vec<(i32, Str)>,
}

/// What became of all functions.
#[derive(Debug, Default)]
struct Chosen<'f> {
    emit: Vec<Emitted<'f>>,
    skipped: Vec<Skipped>,
}

impl<'f> Chosen<'f> {
    /// Puts all in order of name.
    fn sort(&mut self) {
        let by_name =
            |a: &Emitted<'_>, b: &Emitted<'_>| (a.head, a.base_name).cmp(&(b.head, b.base_name));
        if self.emit.len() < 1 << 14 {
            self.emit.sort_unstable_by(by_name);
        } else {
            self.emit.par_sort_unstable_by(by_name);
        }
        self.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn decide(
        &mut self,
        functions: &Functions<'f>,
        kfuncs: &Kfuncs,
        states: &[&State],
        features: Features,
    ) {
        let group = states[0].group;
        let base_name = functions.groups[group as usize].name;
        let emitted = |i: usize, dotted: Option<u32>| {
            let sym = dotted.map(|d| functions.syms_of(group)[d as usize]);
            // A concrete instance has no annotations of its own; those of any instance are the function's.
            let own = Some(&states[i].tags).filter(|t| !t.is_empty());
            let tags = own.or_else(|| states.iter().map(|s| &s.tags).find(|t| !t.is_empty()));
            let name = sym.map_or(base_name, |sym| sym.name);
            let mut head = [0; 16];
            let n = base_name.len().min(16);
            head[..n].copy_from_slice(&base_name[..n]);
            Emitted {
                name,
                is_identifier: is_identifier(name),
                kfunc: kfuncs.find(name),
                head: u128::from_be_bytes(head),
                base_name,
                key: states[i].key,
                proto: states[i].proto,
                tags: tags.cloned().unwrap_or_default(),
            }
        };
        match crate::func::decide(functions, states, features) {
            Verdict::Emit(i) => self.emit.push(emitted(i, None)),
            Verdict::EmitDotted(i) => self.emit.push(emitted(i, states[i].dotted)),
            Verdict::Skip(reasons) => {
                self.skipped.push(Skipped {
                    name: String::from_utf8_lossy(base_name).into_owned(),
                    reasons,
                });
            }
        }
    }
}

/// The second reading of CUs whose nodes do not say which of two definitions under one name they mean.
struct Again<'a, 'f> {
    file: &'a File<'f>,
    groups: &'a [&'a [UnitHeader]],
    functions: &'a Functions<'f>,
    abi: Abi,
    text: Text<'f>,
    taint: &'a Taint,
    chosen: &'a Chosen<'f>,
    vars: &'a [VarRec<'f>],
}

impl<'a, 'f> Again<'a, 'f> {
    fn run<R: Relocate + Send>(
        &self,
        frozen: Frozen,
        affected: &[u32],
        threads: usize,
        relocator: &(dyn Fn() -> R + Sync),
        copies: &mut Copies,
    ) -> std::result::Result<Frozen, ErrorKind> {
        // Functions and variables whose types are tainted, by CU.
        let mut funcs: Vec<u64> = self
            .chosen
            .emit
            .iter()
            .filter(|e| self.taint.has(e.proto))
            .map(|e| e.key)
            .collect();
        funcs.sort_unstable();
        let store = frozen.thaw();
        let next = AtomicUsize::new(0);
        let parts = Mutex::new(Vec::new());
        let failed = Mutex::new(None);
        // The store is borrowed for as long as the text is; it is given back below.
        let shared = &store;
        let work = || {
            let mut relocate = relocator();
            let mut w = Worker::new(
                self.text,
                self.file.options.features,
                self.file.base,
                shared,
            );
            w.arrays = self.file.arrays;
            w.typedefs_by_name = self.file.typedefs_by_name;
            w.repeats = repeats(affected.len());
            let mut judge = Judge::default();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(&cu) = affected.get(n) else { break };
                let group = self.groups[cu as usize];
                let file = self.file;
                if let Err(e) = file.read_unit(&mut w.unit, group, &mut relocate, self.text) {
                    *lock(&failed) = Some(e);
                    break;
                }
                if let Err(cycle) = w.types(cu) {
                    *lock(&failed) = Some(cycle.into_error(&w.unit));
                    break;
                }
                judge.wanted.clear();
                judge.captured.clear();
                judge.states.clear();
                let from = funcs.partition_point(|k| k >> 32 < u64::from(cu));
                let of_cu = funcs[from..]
                    .iter()
                    .take_while(|&&k| k >> 32 == u64::from(cu));
                judge.wanted.extend(of_cu.map(|&k| k as u32));
                if !judge.wanted.is_empty() {
                    judge.unit(&mut w, self.functions, self.abi, &relocate);
                }
                let mut part = Copies::verbatim(&mut w, cu, self.taint);
                part.functions(&mut w, &judge.captured);
                let from = self.vars.partition_point(|v| v.key >> 32 < u64::from(cu));
                let vars = self.vars[from..]
                    .iter()
                    .take_while(|v| v.key >> 32 == u64::from(cu));
                part.variables(&mut w, vars.filter(|v| self.taint.has(v.ty)));
                lock(&parts).push((cu, part));
            }
        };
        if threads > 1 && affected.len() > 1 {
            rayon::scope(|s| {
                for _ in 0..threads.min(affected.len()) {
                    s.spawn(|_| work());
                }
            });
        } else {
            work();
        }
        if let Some(e) = into_inner(failed) {
            return Err(ErrorKind::Dwarf(e));
        }
        let mut parts = into_inner(parts);
        parts.sort_unstable_by_key(|p| p.0);
        for (_, part) in parts {
            copies.append(part);
        }
        Ok(store.freeze())
    }
}
