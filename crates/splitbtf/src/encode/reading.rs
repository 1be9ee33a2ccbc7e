//! Reading all units, by as many workers as a file deserves.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dwarf_reader::{Relocate, Root, Unit, UnitHeader};

use super::ahead::Ahead;
use super::{File, into_inner, lock};
use crate::copies::CuOut;
use crate::cu::Worker;
use crate::diag::Diag;
use crate::error::ErrorKind;
use crate::func::{Abi, Functions, Judge, State};
use crate::kfunc::{self, Kfuncs};
use crate::pages::Pages;
use crate::store::Store;
use crate::text::Text;
use crate::vars::{self, VarRec, VarSections};

/// What is read, and with what.
pub(super) struct Reading<'r, 'f, R> {
    /// Units that are read together.
    pub(super) groups: &'r [&'r [UnitHeader]],
    pub(super) functions: &'r Functions<'f>,
    /// Makes a relocator for each worker.
    pub(super) relocator: &'r (dyn Fn() -> R + Sync),
    pub(super) text: Text<'r>,
    pub(super) abi: Abi,
    pub(super) n_units: usize,
    /// How many workers there are.
    pub(super) threads: usize,
}

/// What all units say.
pub(super) struct Units<'r> {
    /// In order.
    pub(super) cus: Vec<CuOut>,
    /// From each worker, in order of group.
    pub(super) states: Vec<Vec<State>>,
    pub(super) vars: Vec<VarRec<'r>>,
    pub(super) kfuncs: Kfuncs,
    pub(super) diags: Vec<Diag>,
    pub(super) n_type_dies: u64,
    pub(super) n_skeletons: u32,
}

/// Why units could not be read.
pub(super) struct Halt {
    /// Types make a cycle that no struct breaks; it may be that typedefs do.
    pub(super) cycle: bool,
    pub(super) error: ErrorKind,
}

impl From<ErrorKind> for Halt {
    fn from(error: ErrorKind) -> Self {
        let cycle = false;
        Self { cycle, error }
    }
}

struct WorkerOut<'r> {
    cus: Vec<CuOut>,
    /// In order of group.
    states: Vec<State>,
    vars: Vec<VarRec<'r>>,
    diags: Vec<Diag>,
    n_type_dies: u64,
    n_skeletons: u32,
    stop: Option<Stop>,
}

/// Why a worker read no further.
struct Stop {
    cu: u32,
    /// See [`Halt`].
    cycle: bool,
    error: dwarf_reader::Error,
}

/// What workers share.
struct Shared<'s, 'f> {
    store: &'s Store,
    ahead: &'s Ahead,
    var_sections: VarSections,
    pages: Pages<'f>,
    /// The next group to be read.
    next: AtomicUsize,
}

impl<'f> File<'f> {
    /// Reads all units into `store`, those that were not read ahead.
    pub(super) fn read_units<'r, R: Relocate + Send>(
        &self,
        reading: &Reading<'r, 'f, R>,
        store: &Store,
        ahead: &Ahead,
    ) -> Result<Units<'r>, Halt> {
        let threads = reading.threads;
        let shared = Shared {
            store,
            ahead,
            var_sections: VarSections::new(self.elf, self.options.features),
            pages: Pages::new(self.map, self.sections.info, threads),
            next: AtomicUsize::new(0),
        };
        let outs = Mutex::new(Vec::new());
        let work = || {
            let out = self.work(reading, &shared);
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
        let stops = outs.iter_mut().filter_map(|o| o.stop.take());
        if let Some(stop) = stops.min_by_key(|stop| stop.cu) {
            return Err(Halt {
                cycle: stop.cycle,
                error: ErrorKind::Dwarf(stop.error),
            });
        }
        let n_skeletons: u32 = outs.iter().map(|o| o.n_skeletons).sum();
        let n_type_dies: u64 = outs.iter().map(|o| o.n_type_dies).sum();
        if n_type_dies == 0 && n_skeletons > 0 {
            return Err(ErrorKind::SplitDwarf.into());
        }
        let mut units = Units {
            cus: Vec::with_capacity(reading.groups.len()),
            states: Vec::with_capacity(outs.len()),
            vars: Vec::new(),
            kfuncs: kfuncs?,
            diags,
            n_type_dies,
            n_skeletons,
        };
        for out in outs {
            units.states.push(out.states);
            units.vars.extend(out.vars);
            units.diags.extend(out.diags);
            units.cus.extend(out.cus);
        }
        units.cus.sort_unstable_by_key(|c| c.cu);
        Ok(units)
    }

    /// A worker on `n_units` of this file, with others.
    pub(super) fn worker<'t, 's>(
        &self,
        text: Text<'t>,
        store: &'s Store,
        n_units: usize,
    ) -> Worker<'t, 's>
    where
        'f: 't,
    {
        let mut w = Worker::new(text, self.options.features, self.base, store);
        w.arrays = self.arrays;
        w.typedefs_by_name = self.typedefs_by_name;
        w.repeats = repeats(n_units);
        w
    }

    /// Reads groups until there are none left.
    fn work<'r, R: Relocate>(
        &self,
        reading: &Reading<'r, 'f, R>,
        shared: &Shared<'_, 'f>,
    ) -> WorkerOut<'r> {
        let pages = &shared.pages;
        let worker = pages.worker();
        let mut relocate = (reading.relocator)();
        let mut w = self.worker(reading.text, shared.store, reading.n_units);
        w.alone = reading.threads == 1 && !w.repeats;
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
            let cu = shared.next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = reading.groups.get(cu) else {
                break;
            };
            let cu = cu as u32;
            if let Some(header) = group.first().filter(|h| !h.in_types) {
                pages.reach(worker, header.off);
            }
            let unit = shared
                .ahead
                .get(cu as usize)
                .and_then(|unit| lock(unit).take());
            let read = match unit {
                Some(unit) => {
                    w.unit = unit;
                    Ok(())
                }
                None => self.read_unit(&mut w.unit, group, &mut relocate, reading.text),
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
            judge.unit(&mut w, reading.functions, reading.abi, &relocate);
            vars::collect(&mut w, &shared.var_sections, &mut out.vars);
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
        out
    }

    /// Reads a unit, or several that refer to each other.
    pub(super) fn read_unit<R: Relocate>(
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
}

/// Whether so many units repeat their types often enough for [`Worker::repeats`]: a kernel image's do; in the few of a
/// module, making a key of what each DIE says costs more than it saves.
fn repeats(n_units: usize) -> bool {
    // Debug builds, and so the tests, go that way wherever anything can repeat.
    const MANY: usize = if cfg!(debug_assertions) { 2 } else { 512 };
    n_units >= MANY
}
