//! Reads every attribute of every DIE of the given files with gimli and makes nothing of it: what reading DWARF costs
//! before anything is encoded. `cargo xtask bench` compares with it.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::ffi::OsString;
use std::hint::black_box;

use elf_io::{Elf, FileMap};
use gimli::{DebugAbbrev, DebugInfo, RunTimeEndian, UnitHeader};
use rayon::prelude::*;

/// Attributes in a file.
fn pass(path: &OsString) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let map = FileMap::open(path)?;
    let elf = Elf::parse(map.bytes())?;
    let debug = elf.debug_sections()?;
    let mut info = debug.info.data;
    if let Some(idx) = debug.info.idx
        && let Some(relocs) = elf.relocs(idx)?
    {
        info = relocs.apply(info)?;
    }
    let endian = if elf.encoding().big_endian {
        RunTimeEndian::Big
    } else {
        RunTimeEndian::Little
    };
    let abbrev = DebugAbbrev::new(&debug.abbrev.data, endian);
    let mut headers = Vec::new();
    let info = DebugInfo::new(&info, endian);
    let mut units = info.units();
    while let Some(header) = units.next()? {
        headers.push(header);
    }
    let unit = |header: &UnitHeader<_>| -> Result<u64, gimli::Error> {
        let abbreviations = header.abbreviations(&abbrev)?;
        let mut entries = header.entries_raw(&abbreviations, None)?;
        let mut n = 0;
        while !entries.is_empty() {
            let Some(abbreviation) = entries.read_abbreviation()? else {
                continue;
            };
            for &spec in abbreviation.attributes() {
                black_box(entries.read_attribute_inline(spec)?);
                n += 1;
            }
        }
        Ok(n)
    };
    Ok(headers.par_iter().map(unit).sum::<Result<u64, _>>()?)
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let paths: Vec<OsString> = std::env::args_os().skip(1).collect();
    let n: u64 = paths.par_iter().map(pass).sum::<Result<u64, _>>()?;
    println!("{n} attributes");
    Ok(())
}
