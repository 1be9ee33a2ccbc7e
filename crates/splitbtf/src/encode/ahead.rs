//! Reading units before the base is indexed, for their names.
//!
//! One small file speaks few names, and all that has others in a base need not be indexed ([`Base::per_file`]). So its
//! units are read first; the workers find them read.

use std::sync::Mutex;
use std::time::Instant;

use btf_builder::NameFilter;
use dwarf_reader::{Relocate, Str, Unit, UnitHeader};
use rayon::prelude::*;

use super::reading::Reading;
use super::{File, lock};
use crate::base::Base;
use crate::error::ErrorKind;
use crate::sieve::FileNames;
use crate::text::synthetic;

/// Units that were read ahead, by group; `None` once they are taken, and where they could not be read.
pub(super) type Ahead = Vec<Mutex<Option<Unit>>>;

impl<'f> File<'f> {
    /// Indexes a base for the names of this file, whose units are read first.
    ///
    /// # Errors
    /// If units refer to others, which makes what was read worthless.
    pub(super) fn index_base<R: Relocate + Send>(
        &mut self,
        base: &'f Base,
        reading: &Reading<'_, 'f, R>,
    ) -> Result<Ahead, ErrorKind> {
        let start = Instant::now();
        let ahead = self.read_ahead(reading)?;
        self.phases.push(("read", start.elapsed()));
        let start = Instant::now();
        // True signatures have names that are put together later on.
        let composed = self.options.features.true_signature;
        let names = (!composed).then(|| self.names(&ahead, reading));
        self.base = Some(self.own_index.get_or_init(|| base.index_for(names)));
        self.phases.push(("index base", start.elapsed()));
        Ok(ahead)
    }

    /// All units, read before it is known what the base has of their types. Where one cannot be read there is none, for
    /// the error to be found in its turn.
    ///
    /// # Errors
    /// If units refer to others, which makes what was read worthless.
    fn read_ahead<R: Relocate + Send>(
        &self,
        reading: &Reading<'_, 'f, R>,
    ) -> Result<Ahead, ErrorKind> {
        let (groups, relocator) = (reading.groups, reading.relocator);
        let read = |relocate: &mut R, group: &&[UnitHeader]| {
            let mut unit = Unit::default();
            match self.read_unit(&mut unit, group, relocate, reading.text) {
                Ok(()) => Ok(Mutex::new(Some(unit))),
                Err(error) if error.needs_merge() => Err(error.into()),
                Err(_) => Ok(Mutex::new(None)),
            }
        };
        if reading.threads > 1 {
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
    fn names<R>(&self, units: &[Mutex<Option<Unit>>], reading: &Reading<'_, 'f, R>) -> FileNames {
        let (functions, text) = (reading.functions, reading.text);
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
}

/// Calls `f` with each unit that could be read.
fn for_each_unit(units: &[Mutex<Option<Unit>>], mut f: impl FnMut(&Unit)) {
    for unit in units {
        if let Some(unit) = &*lock(unit) {
            f(unit);
        }
    }
}
