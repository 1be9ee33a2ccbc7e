//! Instructions of fixed work, against what they were.
//!
//! Times say little on a machine that does other things too. How many
//! instructions a program executes hardly changes from run to run, so that
//! a slow-down of a few percent shows, in CI too. Valgrind's callgrind counts
//! them, by object: only those of our own program are taken, since libc
//! chooses its functions by processor. What is left to chance is the seeds of
//! hash tables and the addresses of memory, less than a thousandth.
//!
//! The inputs are the committed files of the small kernel, each as often as
//! makes the start of the process insignificant, on one thread.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;

use crate::callgrind;
use crate::encoder::{self, Encode};
use crate::text::Table;

/// What is expected, beside the inputs.
const EXPECTED: &str = "testdata/kernel/instructions.txt";

/// By how much a count may exceed what is expected, in percent.
const MARGIN: f64 = 5.0;

/// How often each file is encoded.
const TIMES: usize = 50;

/// Count the instructions of fixed work, and fail if they have become 5 % more.
///
/// Skipped with a notice where valgrind is missing, and where the compiler is not the one with
/// which the expected counts were made.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write what is counted to testdata/kernel/instructions.txt as what is expected from now on.
    #[arg(long)]
    bless: bool,
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
#[expect(clippy::print_stderr, reason = "notices")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let compiler = compiler()?;
    if !callgrind::is_there() {
        eprintln!("SKIP: cargo xtask count: valgrind missing");
        return Ok(ExitCode::SUCCESS);
    }
    let expected = match args.bless {
        true if !root.join(EXPECTED).exists() => Expected::default(),
        _ => Expected::parse(&fs::read_to_string(root.join(EXPECTED))?)?,
    };
    if !args.bless && expected.compiler != compiler {
        eprintln!(
            "SKIP: cargo xtask count: {EXPECTED} is of {}, this is {compiler}",
            expected.compiler
        );
        return Ok(ExitCode::SUCCESS);
    }
    let counts = count_all(&root)?;
    let mut table = Table::new(&["instructions", "expected", "counted", "change"]);
    let mut slower = false;
    let mut faster = false;
    for (name, count) in &counts {
        let before = expected.counts.iter().find(|(known, _)| known == name);
        let change = before.map(|(_, before)| percent(*before, *count));
        slower |= change.is_none_or(|change| change > MARGIN);
        faster |= change.is_some_and(|change| change < -MARGIN);
        table.row([
            (*name).to_owned(),
            before.map_or_else(|| "–".to_owned(), |(_, before)| before.to_string()),
            count.to_string(),
            change.map_or_else(|| "–".to_owned(), |change| format!("{change:+.2} %")),
        ]);
    }
    print!("{}", table.plain());
    if args.bless {
        fs::write(root.join(EXPECTED), text(&compiler, &counts))?;
        return Ok(ExitCode::SUCCESS);
    }
    if slower {
        eprintln!(
            "error: more than {MARGIN} % above what is expected; if that is worth it, say why in \
             the commit and run cargo xtask count --bless"
        );
        return Ok(ExitCode::FAILURE);
    }
    if faster {
        eprintln!("note: run cargo xtask count --bless, for the gain to be kept");
    }
    Ok(ExitCode::SUCCESS)
}

fn percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

fn compiler() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("--version")
        .output()
        .context("rustc")?;
    let version = String::from_utf8_lossy(&output.stdout);
    Ok(format!("{} {}", version.trim(), std::env::consts::ARCH))
}

/// What the file of expected counts says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    compiler: String,
    counts: Vec<(String, u64)>,
}

impl Expected {
    fn parse(text: &str) -> Result<Self> {
        let mut expected = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.split_once(": ").context("a line without `: `")?;
            if name == "compiler" {
                value.clone_into(&mut expected.compiler);
            } else {
                expected.counts.push((name.to_owned(), value.parse()?));
            }
        }
        Ok(expected)
    }
}

fn text(compiler: &str, counts: &[(&str, u64)]) -> String {
    let mut text = format!(
        "# Instructions of our program for fixed work; `cargo xtask count --bless` writes this.\n\
         compiler: {compiler}\n"
    );
    for (name, count) in counts {
        let _ = writeln!(text, "{name}: {count}");
    }
    text
}

fn count_all(root: &Path) -> Result<Vec<(&'static str, u64)>> {
    let binary = encoder::build()?;
    let kernel = fs::canonicalize(root.join("testdata/kernel/prebuilt"))?;
    let vmlinux = kernel.join("vmlinux");
    let scratch = tempfile::tempdir()?;
    let mut modules = Vec::new();
    for entry in fs::read_dir(&kernel)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ko") {
            modules.push(path);
        }
    }
    modules.sort();
    let base = Encode {
        base: None,
        inputs: std::slice::from_ref(&vmlinux),
        out_dir: Some(scratch.path()),
        arrays: None,
    };
    let output = base.command(&binary).arg("--quiet").output()?;
    ensure!(output.status.success(), "cannot encode {vmlinux:?}");
    let base = encoder::output_path(scratch.path(), &vmlinux);
    let mut counts = Vec::new();
    for (name, base, files) in [
        ("vmlinux", None, std::slice::from_ref(&vmlinux)),
        ("modules", Some(base.as_path()), &modules[..]),
    ] {
        let dir = scratch.path().join(name);
        fs::create_dir(&dir)?;
        let inputs = copies(files, &dir)?;
        let encode = Encode {
            base,
            inputs: &inputs,
            out_dir: Some(&dir),
            arrays: None,
        };
        let mut command = encode.command(&binary);
        command.args(["--quiet", "-j1"]);
        counts.push((name, count(&command, &binary, &dir.join("callgrind.out"))?));
    }
    Ok(counts)
}

/// Copies each file [`TIMES`] times into `dir`. One file by several names would be encoded once.
fn copies(files: &[PathBuf], dir: &Path) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for n in 0..TIMES {
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let copy = dir.join(format!("{n:03}-{name}"));
            fs::copy(file, &copy)?;
            copies.push(copy);
        }
    }
    Ok(copies)
}

/// Instructions that `command` executes in the program `binary` itself.
fn count(command: &Command, binary: &Path, out: &Path) -> Result<u64> {
    callgrind::run(command, out, &[])?;
    let count = count_of(&fs::read_to_string(out)?, &binary.to_string_lossy());
    ensure!(count > 0, "callgrind counted nothing in {binary:?}");
    Ok(count)
}

/// Sums the self cost of all lines of one object in callgrind's output.
///
/// `ob=(2) /path` names an object, later `ob=(2)` only; lines of `position
/// cost` belong to the last one named. The line behind `calls=` is the cost of
/// a call, which the callee's own lines have as well.
fn count_of(profile: &str, object: &str) -> u64 {
    let mut number = None;
    let (mut ours, mut is_call) = (false, false);
    let mut sum = 0;
    for line in profile.lines() {
        if let Some((_, name)) = line.split_once("ob=")
            && (line.starts_with("ob=") || line.starts_with("cob="))
        {
            let (id, path) = name.split_once(' ').unwrap_or((name, ""));
            if path == object {
                number = Some(id);
            }
            if line.starts_with("ob=") {
                ours = number == Some(id);
            }
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            let cost = line.split_once(' ').and_then(|(_, cost)| cost.parse().ok());
            if ours && !is_call {
                sum += cost.unwrap_or(0_u64);
            }
            is_call = false;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_lines_of_the_object_count() {
        let profile = "version: 1\nsummary: 999\n\nob=(3) /lib/libc.so.6\nfn=(1) f\n12 100\n\
                       cob=(1) /bin/us\ncfn=(2) g\ncalls=1 0\n12 55\n\nob=(1)\nfl=(9) g.rs\n\
                       fn=(2)\n0 7\n10 3\ncob=(3)\ncfn=(1)\ncalls=2 0\n11 4000\n11 1\n\n\
                       ob=(3)\nfn=(4) h\n5 20\n";
        assert_eq!(count_of(profile, "/bin/us"), 11);
        assert_eq!(count_of(profile, "/lib/libc.so.6"), 120);
        assert_eq!(count_of(profile, "/bin/other"), 0);
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let expected = Expected::parse(&text("rustc 1", &[("a", 5), ("b", 6)])).unwrap();
        assert_eq!(expected.compiler, "rustc 1");
        let counts = [("a".to_owned(), 5), ("b".to_owned(), 6)];
        assert_eq!(expected.counts, counts);
        assert!(Expected::parse("a 5\n").is_err());
    }
}
