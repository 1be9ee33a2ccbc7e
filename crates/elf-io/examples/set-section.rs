//! `set-section INPUT TARGET NAME [CONTENTS]`: replaces, adds or (without contents) removes a section.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (input, target, name, contents) = match &args[..] {
        [input, target, name] => (input, target, name, None),
        [input, target, name, contents] => (input, target, name, Some(fs_err::read(contents)?)),
        _ => return Err("usage: set-section INPUT TARGET NAME [CONTENTS]".into()),
    };
    let name = name.to_str().ok_or("the name is not UTF-8")?;
    let edit = elf_io::SectionEdit {
        name,
        data: contents.as_deref(),
    };
    let report = elf_io::write_sections(input, target, &[edit], &[], Default::default())?;
    println!("{report:?}");
    Ok(())
}
