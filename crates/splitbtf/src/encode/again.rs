//! Reading units once more, for what was not kept of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dwarf_reader::{At, Relocate, Unit};

use super::chosen::Chosen;
use super::reading::Reading;
use super::{File, into_inner, lock};
use crate::copies::Copies;
use crate::error::ErrorKind;
use crate::func::Judge;
use crate::settle::Taint;
use crate::store::Frozen;
use crate::vars::VarRec;

/// The second reading of CUs whose nodes do not say which of two definitions under one name they mean.
pub(super) struct Again<'a, 'f, R> {
    pub(super) file: &'a File<'f>,
    pub(super) reading: &'a Reading<'a, 'f, R>,
    pub(super) taint: &'a Taint,
    pub(super) chosen: &'a Chosen<'f>,
    pub(super) vars: &'a [VarRec<'a>],
}

impl<R: Relocate + Send> Again<'_, '_, R> {
    /// Reads the `affected` units and adds what they have to `copies`; nodes may come to the store.
    pub(super) fn run(
        &self,
        frozen: Frozen,
        affected: &[u32],
        copies: &mut Copies,
    ) -> Result<Frozen, ErrorKind> {
        let reading = self.reading;
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
            let file = self.file;
            let mut relocate = (reading.relocator)();
            let mut w = file.worker(reading.text, shared, affected.len());
            let mut judge = Judge::default();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(&cu) = affected.get(n) else { break };
                let group = reading.groups[cu as usize];
                if let Err(e) = file.read_unit(&mut w.unit, group, &mut relocate, reading.text) {
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
                    judge.unit(&mut w, reading.functions, reading.abi, &relocate);
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
        let threads = reading.threads;
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

impl<'f> File<'f> {
    /// The first DIE that has each of these names. Reads the file once more, since nothing kept the places.
    pub(super) fn places_of_names<R: Relocate>(
        &self,
        names: &[Vec<u8>],
        reading: &Reading<'_, 'f, R>,
    ) -> BTreeMap<Vec<u8>, At> {
        let (mut relocate, text) = ((reading.relocator)(), reading.text);
        let mut wanted: BTreeSet<&[u8]> = names.iter().map(Vec::as_slice).collect();
        let mut places = BTreeMap::new();
        let mut unit = Unit::default();
        for group in reading.groups {
            if wanted.is_empty()
                || self
                    .read_unit(&mut unit, group, &mut relocate, text)
                    .is_err()
            {
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
}
