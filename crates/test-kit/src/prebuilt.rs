//! The prebuilt objects under `testdata/elf`: legs of cases, compiled once and
//! committed, so that tests say something on a machine without the compilers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;

use crate::build;
use crate::case::Case;
use crate::matrix::{Compiler, Leg, Link, Target};
use crate::run::{self, Splitbtf};
use crate::scratch::Scratch;
use crate::tool;

/// A line of the manifest: `FILE CASE LABELS # COMPILER`.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The object, beside the manifest.
    pub file: String,
    /// The case it is a leg of.
    pub case: String,
    /// That leg.
    pub leg: Leg,
    /// The compiler that made it, in its own words.
    pub made_by: String,
    path: PathBuf,
}

/// Reads a manifest.
///
/// # Errors
///
/// If it cannot be read or has a line of another form.
pub fn load(manifest: &Path) -> Result<Vec<Entry>> {
    let dir = manifest.parent().context("a manifest has a directory")?;
    let mut entries = Vec::new();
    for line in fs::read_to_string(manifest)?.lines() {
        let (fields, made_by) = line.split_once('#').unwrap_or((line, ""));
        let mut words = fields.split_whitespace();
        let Some(file) = words.next() else { continue };
        let case = words.next().with_context(|| format!("`{line}`: no case"))?;
        let leg = parse_leg(words).with_context(|| format!("`{line}`"))?;
        entries.push(Entry {
            file: file.to_owned(),
            case: case.to_owned(),
            leg,
            made_by: made_by.trim().to_owned(),
            path: dir.join(file),
        });
    }
    Ok(entries)
}

/// A leg from its labels; `-O2` and `object` need not be said.
pub(crate) fn parse_leg<'a>(labels: impl Iterator<Item = &'a str>) -> Result<Leg> {
    let mut leg = Leg {
        compiler: Compiler::Gcc,
        dwarf: 0,
        target: Target::X86_64,
        link: Link::Object,
        opt: "-O2".to_owned(),
        variant: None,
    };
    for label in labels {
        leg.set(label)?;
    }
    ensure!(leg.dwarf != 0, "no DWARF version");
    Ok(leg)
}

/// Encodes the object and compares with the directives of its case.
///
/// # Errors
///
/// As [`run::check`].
pub fn check(splitbtf: &Splitbtf, case: &Case, entry: &Entry) -> Result<()> {
    ensure!(
        case.base.is_empty(),
        "{}: a prebuilt object has no base",
        entry.file
    );
    let (labels, big_endian) = (entry.leg.labels(), entry.leg.target.is_big_endian());
    run::check(splitbtf, case, &labels, big_endian, &entry.path, None)
}

/// Compiles every entry of the manifest anew and writes the manifest with the
/// versions of the compilers that did it.
///
/// Entries whose compiler is missing keep their file and their line.
///
/// # Errors
///
/// If a case does not compile or a file cannot be written.
pub fn rebuild(manifest: &Path, cases: &[Case]) -> Result<Vec<String>> {
    let old = fs::read_to_string(manifest)?;
    let mut text = String::new();
    let mut log = Vec::new();
    for line in old.lines() {
        let fields = line.split('#').next().unwrap_or_default().trim_end();
        if fields.trim().is_empty() {
            text.push_str(line);
            text.push('\n');
            continue;
        }
        let mut words = fields.split_whitespace();
        let file = words.next().context("a file")?;
        let name = words.next().context("a case")?;
        let leg = parse_leg(words).with_context(|| format!("`{line}`"))?;
        let case = cases.iter().find(|case| case.name == name);
        let case = case.with_context(|| format!("no case {name}"))?;
        if let Some(what) = build::missing(case, &leg) {
            log.push(format!("kept {file}: {what} missing"));
            text.push_str(line);
            text.push('\n');
            continue;
        }
        let scratch = Scratch::new(file);
        let built = build::build(case, &leg, scratch.path())?;
        fs::copy(built.product, manifest.with_file_name(file))?;
        let version = tool::compiler(leg.compiler, leg.target)
            .context("a compiler")?
            .version;
        text.push_str(&format!("{fields} # {version}\n"));
        log.push(format!("made {file}"));
    }
    fs::write(manifest, text)?;
    Ok(log)
}
