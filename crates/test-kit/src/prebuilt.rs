//! The prebuilt objects under `testdata/elf`: legs of cases, compiled once and
//! committed, so that tests say something on a machine without the compilers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use fs_err as fs;

use crate::build;
use crate::case::Case;
use crate::matrix::{Compiler, Leg, Link, Target};
use crate::run::{self, Splitbtf};
use crate::scratch::Scratch;
use crate::tool;

/// A line of the manifest: `FILE CASE LABELS # COMPILER`. A label such as `clang>=22`
/// says what the file is to be rebuilt with.
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
    for label in labels.filter(|label| !label.contains(">=")) {
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

/// Compiles the entries of the manifest anew whose file name contains `filter`, and
/// writes the manifest with the versions of the compilers that did it.
///
/// Entries that this machine cannot compile keep their file and their line. Returns
/// one sentence for each entry that was looked at.
///
/// # Errors
///
/// If a case does not compile or a file cannot be written.
pub fn rebuild(manifest: &Path, cases: &[Case], filter: &str) -> Result<Vec<String>> {
    let mut text = String::new();
    let mut log = Vec::new();
    for line in fs::read_to_string(manifest)?.lines() {
        let fields = line.split('#').next().unwrap_or_default().trim_end();
        let mut line = line.to_owned();
        if !fields.is_empty() && fields.contains(filter) {
            match rebuild_one(manifest, cases, fields).with_context(|| line.clone())? {
                Ok(version) => {
                    log.push(format!("made {fields}"));
                    line = format!("{fields} # {version}");
                }
                Err(missing) => log.push(format!("kept {fields}: {missing} missing")),
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    fs::write(manifest, text)?;
    Ok(log)
}

/// Compiles one entry. `Ok(Ok)` is the compiler's version, `Ok(Err)` what is missing.
fn rebuild_one(manifest: &Path, cases: &[Case], fields: &str) -> Result<Result<String, String>> {
    let words: Vec<&str> = fields.split_whitespace().collect();
    let [file, name, labels @ ..] = words.as_slice() else {
        bail!("no case")
    };
    let leg = parse_leg(labels.iter().copied())?;
    let case = cases
        .iter()
        .find(|case| case.name == *name)
        .context("no such case")?;
    let version = labels.iter().find(|label| label.contains(">="));
    let missing = build::missing(case, &leg)
        .or_else(|| version.and_then(|version| build::unmet(version, &leg)));
    if let Some(missing) = missing {
        return Ok(Err(missing));
    }
    let scratch = Scratch::new(file);
    let built = build::build(case, &leg, scratch.path())?;
    fs::copy(built.product, manifest.with_file_name(file))?;
    Ok(Ok(tool::compiler(leg.compiler, leg.target)
        .context("a compiler")?
        .version))
}
