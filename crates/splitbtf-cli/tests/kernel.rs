//! The small kernel under `testdata/kernel`, as a kernel build would do it: the image
//! gets its BTF, then all modules at once get theirs, split on it and in place.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use test_kit::case::Case;
use test_kit::dump::Dump;
use test_kit::kernel::{Files, Kernel};
use test_kit::matrix::{Compiler, Leg, Link, Target};
use test_kit::run::{self, Splitbtf};
use test_kit::scratch::Scratch;
use test_kit::tool;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let splitbtf = Splitbtf::new(env!("CARGO_BIN_EXE_splitbtf"));
    let mut trials = Vec::new();
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        for dwarf in [4, 5] {
            trials.push(compiled(&splitbtf, compiler, dwarf));
        }
    }
    let prebuilt = test_kit::testdata().join("kernel/prebuilt");
    trials.push(Trial::test("prebuilt", move || {
        check_prebuilt(&splitbtf, &prebuilt).map_err(failed)
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The test of one compiler and DWARF version; ignored, with the reason on stderr, if
/// the machine cannot build it.
fn compiled(splitbtf: &Splitbtf, compiler: Compiler, dwarf: u8) -> Trial {
    // The linker script and the sources' assembler are those of x86-64.
    let target = Target::X86_64;
    let leg = Leg {
        compiler,
        dwarf,
        target,
        link: Link::Relocatable,
        opt: "-O2".to_owned(),
        variant: None,
    };
    let name = format!("{compiler}-dwarf{dwarf}");
    if tool::compiler(compiler, target).is_none() {
        tool::skip(&name, &format!("{compiler} for {}", target.name()));
        return Trial::test(name, || Ok(())).with_ignored_flag(true);
    }
    let splitbtf = splitbtf.clone();
    Trial::test(name, move || {
        build_and_check(&splitbtf, &leg).map_err(failed)
    })
}

fn failed(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}

fn build_and_check(splitbtf: &Splitbtf, leg: &Leg) -> Result<()> {
    let scratch = Scratch::new("kernel");
    let kernel = Kernel::load(&test_kit::testdata().join("kernel"))?;
    let files = kernel.build(leg, scratch.path())?;
    check(splitbtf, &kernel, &files, leg)
}

/// The committed files, in a copy, since encoding is in place.
fn check_prebuilt(splitbtf: &Splitbtf, prebuilt: &Path) -> Result<()> {
    let scratch = Scratch::new("prebuilt");
    let kernel = Kernel::load(&test_kit::testdata().join("kernel"))?;
    let (files, leg) = kernel.prebuilt(prebuilt)?;
    let copy = |path: &Path| -> Result<std::path::PathBuf> {
        let to = scratch
            .path()
            .join(path.file_name().context("a file name")?);
        std::fs::copy(path, &to)?;
        Ok(to)
    };
    let files = Files {
        vmlinux: copy(&files.vmlinux)?,
        modules: files
            .modules
            .iter()
            .map(|path| copy(path))
            .collect::<Result<_>>()?,
    };
    check(splitbtf, &kernel, &files, &leg)
}

fn check(splitbtf: &Splitbtf, kernel: &Kernel, files: &Files, leg: &Leg) -> Result<()> {
    let labels = leg.labels();
    let outcome = splitbtf.run(["encode".as_ref(), files.vmlinux.as_os_str()])?;
    ensure!(
        outcome.status.success(),
        "encode vmlinux: {}",
        outcome.stderr
    );
    let base = splitbtf.parsed_dump(&files.vmlinux, None)?;
    check_image(&kernel.vmlinux, &labels, &files.vmlinux, &base)?;
    splitbtf.verify(&files.vmlinux, None, "6.12")?;

    let before: Vec<Slots> = files
        .modules
        .iter()
        .map(|path| Slots::read(path))
        .collect::<Result<_>>()?;
    let mut arguments = vec![
        "encode".as_ref(),
        "--base".as_ref(),
        files.vmlinux.as_os_str(),
    ];
    arguments.extend(files.modules.iter().map(|path| path.as_os_str()));
    let outcome = splitbtf.run(&arguments)?;
    ensure!(
        outcome.status.success(),
        "encode modules: {}",
        outcome.stderr
    );
    let once: Vec<Vec<u8>> = read_all(files)?;
    let mut wrong = Vec::new();
    for ((module, path), before) in kernel.modules.iter().zip(&files.modules).zip(&before) {
        let text = splitbtf.dump(path, Some(&files.vmlinux))?;
        let dump = base.parse_split(&text)?;
        let result = check_image(module, &labels, path, &dump);
        wrong.extend(result.err().map(|error| format!("{error:#}")));
        let result = splitbtf.verify(path, Some(&files.vmlinux), "6.12");
        wrong.extend(result.err().map(|error| error.to_string()));
        let result = check_ids(before, path, &dump);
        wrong.extend(
            result
                .err()
                .map(|error| format!("{}: {error:#}", module.name)),
        );
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));

    // Encoding what is encoded already changes nothing, however many threads do it.
    arguments.push("-j1".as_ref());
    let outcome = splitbtf.run(&arguments)?;
    ensure!(outcome.status.success(), "encode again: {}", outcome.stderr);
    for ((module, once), twice) in kernel.modules.iter().zip(once).zip(read_all(files)?) {
        ensure!(
            once == twice,
            "{}: encoding again gave other bytes",
            module.name
        );
    }
    Ok(())
}

fn read_all(files: &Files) -> Result<Vec<Vec<u8>>> {
    files
        .modules
        .iter()
        .map(|path| Ok(std::fs::read(path)?))
        .collect()
}

/// Compares the result in `path` with the directives of its sources.
fn check_image(case: &Case, labels: &[String], path: &Path, dump: &Dump) -> Result<()> {
    let mut unmet = Vec::new();
    for run in run::runs(case, labels)? {
        unmet.extend(run.checks.unmet(dump));
    }
    let file = std::fs::read(path)?;
    let elf = object::File::parse(&*file)?;
    let section = elf.section_by_name(".BTF").context("no .BTF")?;
    unmet.extend(run::surplus(section.data()?, false, dump)?);
    ensure!(unmet.is_empty(), "{}:\n{}", case.name, unmet.join("\n"));
    Ok(())
}

/// The words of `.BTF_ids`: what each stands for, and the flags that set8 entries have
/// beside the id.
#[derive(Debug, Default)]
struct Slots {
    /// Offset of each slot, kind and name of what it stands for.
    slots: BTreeMap<u64, (String, String)>,
    /// Offset and size of each set8, and of each plain set.
    sets8: Vec<(u64, u64)>,
    sets: Vec<(u64, u64)>,
    words: Vec<u32>,
}

impl Slots {
    fn read(path: &Path) -> Result<Self> {
        let file = std::fs::read(path)?;
        let elf = object::File::parse(&*file)?;
        let mut slots = Self::default();
        let Some(section) = elf.section_by_name(".BTF_ids") else {
            return Ok(slots);
        };
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        slots.words = section.data()?.chunks_exact(4).map(word).collect();
        for symbol in elf
            .symbols()
            .filter(|s| s.section_index() == Some(section.index()))
        {
            let Some(name) = symbol.name()?.strip_prefix("__BTF_ID__") else {
                continue;
            };
            let at = symbol.address() - section.address();
            if name.starts_with("set8__") {
                slots.sets8.push((at, symbol.size()));
            } else if name.starts_with("set__") {
                slots.sets.push((at, symbol.size()));
            } else {
                let (kind, name) = name.split_once("__").context("kind and name")?;
                let name = name.rsplit_once("__").context("name and number")?.0;
                slots
                    .slots
                    .insert(at, (kind.to_uppercase(), name.to_owned()));
            }
        }
        Ok(slots)
    }

    fn word(&self, at: u64) -> u32 {
        self.words[(at / 4) as usize]
    }

    /// The set that the slot at `at` is in, as its start and the size of its entries.
    fn set_of(&self, at: u64) -> Option<(u64, u64)> {
        let within = |(start, size): &&(u64, u64)| (*start..*start + *size).contains(&at);
        let set8 = self.sets8.iter().find(within).map(|set| (set.0, 8));
        set8.or_else(|| self.sets.iter().find(within).map(|set| (set.0, 4)))
    }
}

/// Checks that every slot of a list has the id of what it stands for, and that every
/// set has the ids of its members in order, each with the flags it had.
fn check_ids(before: &Slots, path: &Path, dump: &Dump) -> Result<()> {
    let after = Slots::read(path)?;
    let id_of = |kind: &str, name: &str| -> u32 {
        let all = (1..).map_while(|id| dump.get(id));
        let mut found = all.filter(|r| r.kind == kind && r.line.name.as_deref() == Some(name));
        found.next().map_or(0, |record| record.id)
    };
    let mut members: BTreeMap<u64, Vec<(u32, u32)>> = BTreeMap::new();
    for (at, (kind, name)) in &before.slots {
        let id = id_of(kind, name);
        match before.set_of(*at) {
            None => ensure!(
                after.word(*at) == id,
                "{kind} {name}: {} is not {id}",
                after.word(*at)
            ),
            Some((set, size)) => {
                let flags = if size == 8 { before.word(at + 4) } else { 0 };
                members.entry(set).or_default().push((id, flags));
            }
        }
    }
    for (set, mut wanted) in members {
        wanted.sort_unstable();
        ensure!(
            after.word(set) as usize == wanted.len(),
            "a set of {}",
            after.word(set)
        );
        let size = after.set_of(set).context("a set")?.1;
        let found: Vec<(u32, u32)> = (0..wanted.len() as u64)
            .map(|n| {
                let at = set + size + n * size;
                (
                    after.word(at),
                    if size == 8 { after.word(at + 4) } else { 0 },
                )
            })
            .collect();
        ensure!(found == wanted, "a set has {found:?}, not {wanted:?}");
    }
    Ok(())
}
