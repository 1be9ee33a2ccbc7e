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
        let offsets: Vec<u64> = relocs.offsets().collect();
        let t = Instant::now();
        let mut cursor = relocs.cursor();
        for offset in offsets {
            let value = match cursor.value_at(offset, 4, 0) {
                Ok(value) => value.value,
                Err(_) => cursor.value_at(offset, 8, 0)?.value,
            };
            sum = sum.wrapping_add(value);
        }
        read += t.elapsed().as_secs_f64();
        let _ = out.len();
    }
    println!(
        "{bytes} bytes, {entries} entries: open {open:.3} s, order check {table:.3} s, \
         cursor {read:.3} s, copy {apply:.3} s (sum {sum:#x})"
    );
    Ok(())
}
