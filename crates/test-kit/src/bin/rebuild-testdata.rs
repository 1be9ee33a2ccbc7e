//! Compiles the prebuilt files under `testdata` anew: the objects that
//! `testdata/elf/MANIFEST` lists and the small kernel. An argument limits it to the
//! entries of the manifest that contain it (`kernel`: only the small kernel).

use anyhow::{Context as _, Result};
use fs_err as fs;
use test_kit::case::Case;
use test_kit::kernel::Kernel;
use test_kit::matrix::{Compiler, Leg, Link, Target};
use test_kit::scratch::Scratch;
use test_kit::{prebuilt, tool};

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<()> {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let testdata = test_kit::testdata();
    if filter != "kernel" {
        let mut cases = Case::load_all(&testdata.join("c"))?;
        cases.extend(Case::load_all(&testdata.join("bad"))?);
        for line in prebuilt::rebuild(&testdata.join("elf/MANIFEST"), &cases, &filter)? {
            println!("{line}");
        }
    }
    if filter.is_empty() || filter == "kernel" {
        kernel(&testdata.join("kernel"))?;
        println!("made the kernel");
    }
    Ok(())
}

fn kernel(dir: &std::path::Path) -> Result<()> {
    let leg = Leg {
        compiler: Compiler::Gcc,
        dwarf: 5,
        target: Target::X86_64,
        link: Link::Relocatable,
        opt: "-O2".to_owned(),
        variant: None,
    };
    let scratch = Scratch::new("kernel");
    let files = Kernel::load(dir)?.build(&leg, scratch.path())?;
    let prebuilt = dir.join("prebuilt");
    fs::create_dir_all(&prebuilt)?;
    for file in files.modules.iter().chain([&files.vmlinux]) {
        fs::copy(
            file,
            prebuilt.join(file.file_name().context("a file name")?),
        )?;
    }
    let version = tool::compiler(leg.compiler, leg.target)
        .context("a compiler")?
        .version;
    fs::write(
        prebuilt.join("MADE_BY"),
        format!("gcc dwarf5 x86_64\n{version}\n"),
    )?;
    Ok(())
}
