//! `rewrite-all FOLDER FILE...`: writes a copy of each file into the folder with its `.BTF` replaced by itself.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = args.next().ok_or("usage: rewrite-all FOLDER FILE...")?;
    let (mut files, mut bytes, mut dead) = (0, 0, 0);
    let start = Instant::now();
    for path in args {
        let map = elf_io::FileMap::open(&path)?;
        let elf = elf_io::Elf::parse(map.bytes())?;
        let Some(btf) = elf.section_by_name(".BTF") else {
            continue;
        };
        let data = elf.section_data(btf)?;
        let edit = elf_io::SectionEdit {
            name: ".BTF",
            data: Some(&data),
        };
        let target = folder.join(path.file_name().ok_or("no file name")?);
        let report = elf_io::write_sections(&path, &target, &[edit], &[], Default::default())?;
        files += 1;
        bytes += report.file_bytes;
        dead += report.dead_bytes;
    }
    println!(
        "{files} files, {bytes} bytes, {dead} dead: {:.3} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
