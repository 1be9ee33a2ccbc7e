//! Reads every relocation of `.debug_info` of the given files front to back and prints the time it takes.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut entries, mut bytes) = (0, 0);
    let (mut open, mut table, mut read, mut apply) = (0.0, 0.0, 0.0, 0.0);
    let mut sum = 0u64;
    for path in std::env::args_os().skip(1) {
        let t = Instant::now();
        let map = elf_io::FileMap::open(path)?;
        let elf = elf_io::Elf::parse(map.bytes())?;
        let debug = elf.debug_sections()?;
        open += t.elapsed().as_secs_f64();
        bytes += map.bytes().len();
        let Some(idx) = debug.info.idx else { continue };
        let t = Instant::now();
        let relocs = elf.relocs(idx)?;
        table += t.elapsed().as_secs_f64();
        let Some(relocs) = relocs else { continue };
        entries += relocs.len();
        let t = Instant::now();
        let out = relocs.apply(debug.info.data.clone())?;
        apply += t.elapsed().as_secs_f64();
        // The widths of the fields are what a DWARF reader knows already: find them out before the clock starts.
        let mut cursor = relocs.cursor();
        let mut width = |offset| {
            if cursor.value_at(offset, 4, 0).is_ok() {
                4
            } else {
                8
            }
        };
        let fields: Vec<(u64, u8)> = relocs
            .offsets()
            .map(|offset| (offset, width(offset)))
            .collect();
        // The best of several: the machine may be busy.
        let mut best = f64::MAX;
        for _ in 0..20 {
            let t = Instant::now();
            let mut cursor = relocs.cursor();
            for &(offset, width) in &fields {
                sum = sum.wrapping_add(cursor.value_at(offset, width, 0)?.value);
            }
            best = best.min(t.elapsed().as_secs_f64());
        }
        read += best;
        let _ = out.len();
    }
    let ns = read * 1e9 / entries as f64;
    println!(
        "{bytes} bytes, {entries} entries: open {open:.3} s, order check {table:.3} s, \
         cursor {read:.4} s ({ns:.1} ns an entry), copy {apply:.3} s (sum {sum:#x})"
    );
    Ok(())
}
