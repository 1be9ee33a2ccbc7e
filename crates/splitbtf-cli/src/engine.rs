//! The library, as the verbs use it: one file in, one result written.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use btf_builder::{Btf, EmitOpts, Endian, Kind, TypeId};
use btf_file::Fault;
use dwarf_reader::ErrorKind as DwarfErrorKind;
use elf_io::WriteOptions;
use serde::{Serialize, Serializer};
use splitbtf::{Base, Encoded, ErrorKind, Options, Output, Skipped, Written};

use crate::args::RuleArgs;
use crate::btf_input;
use crate::{panics, report};

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Into the file that the DWARF is in.
    InPlace,
    /// Into a file of its own, as raw BTF.
    Detached(PathBuf),
    /// Into another ELF file.
    Into(PathBuf),
}

/// What there is to tell of a file that was encoded.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// Bytes of `.BTF`.
    pub(crate) btf_bytes: u64,
    /// Bytes of `.BTF.base`, 0 without one.
    pub(crate) distilled_base_bytes: u64,
    /// Types in the result, those of the base and void not counted.
    pub(crate) types: u64,
    /// Functions among them.
    pub(crate) functions: u64,
    /// The file has no DWARF, and nothing was written into it.
    pub(crate) no_dwarf: bool,
    /// Functions that are not in the result, each with every reason there is.
    #[serde(serialize_with = "serialize_skipped")]
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) warnings: Vec<String>,
    #[serde(skip)]
    pub(crate) phases: Phases,
}

impl Outcome {
    /// What the result itself tells; sizes, times and skipped functions are still to come.
    fn of(encoded: &Encoded) -> Self {
        Self {
            types: u64::from(encoded.btf.n_own_types()),
            functions: encoded.btf.n_own_of_kind(Kind::Func) as u64,
            no_dwarf: encoded.no_dwarf,
            warnings: encoded.diags.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// Adds what writing the result brought up.
    fn warn(&mut self, written: Written) {
        self.warnings.extend(
            written
                .unresolved
                .into_iter()
                .map(|name| format!("`{name}` of .BTF_ids is not in the BTF: its id is 0")),
        );
        if written.dropped_signature {
            self.warnings
                .push("the module's signature, now invalid, was removed".to_owned());
        }
    }
}

fn serialize_skipped<S: Serializer>(skipped: &[Skipped], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        function: &'a str,
        reasons: Vec<String>,
    }
    serializer.collect_seq(skipped.iter().map(|skipped| Row {
        function: &skipped.name,
        reasons: skipped.reasons.iter().map(ToString::to_string).collect(),
    }))
}

/// Time by phase, in the order in which phases begin; summed over files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phases(Vec<(&'static str, Duration)>);

impl Phases {
    fn push(&mut self, name: &'static str, time: Duration) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += time,
            None => self.0.push((name, time)),
        }
    }

    /// Adds the times of another file.
    pub(crate) fn add(&mut self, other: &Self) {
        for &(name, time) in &other.0 {
            self.push(name, time);
        }
    }

    /// The tree that `--time` prints. Times of files are wall times of each, added up, so that
    /// with several files in work at a time they exceed the total.
    pub(crate) fn tree(&self, total: f64, base: Duration) -> String {
        let mut text = String::new();
        let mut line = |seconds: f64, indent: usize, name: &str| {
            let _ = writeln!(text, "{seconds:9.4} s  {:indent$}{name}", "");
        };
        line(total, 0, "total");
        line(base.as_secs_f64(), 2, "base");
        let files: Duration = self.0.iter().map(|(_, time)| *time).sum();
        line(files.as_secs_f64(), 2, "files, added up");
        for (name, time) in &self.0 {
            line(time.as_secs_f64(), 4, name);
        }
        text
    }
}

/// The library's options for a command line's rules.
pub(crate) fn options(rules: &RuleArgs) -> Options {
    let mut options = Options::default();
    options.features = rules.features;
    if let Some(lang) = &rules.lang {
        options.lang.clone_from(&lang.0);
        // Whoever names the languages to keep has thought of Rust.
        options.lang_exclude.clear();
    }
    if let Some(exclude) = &rules.lang_exclude {
        options.lang_exclude.clone_from(&exclude.0);
    }
    options.exclude_units = rules
        .exclude_cu
        .iter()
        .map(|prefix| prefix.clone().into())
        .collect();
    options.kabi_prefix = rules.kabi_prefix.clone().map(Into::into);
    options.drop_asm_functions = rules.drop_asm_functions;
    options.arrays = rules.arrays.map(Into::into);
    options
}

/// The library's `encode`, with advice in its errors; a panic is an error too.
fn library_encode(path: &Path, base: Option<&Base>, options: &Options) -> anyhow::Result<Encoded> {
    // Not to wait for what a pipe may bring: DWARF is not read from front to back.
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        bail!("{}: not a regular file", path.display());
    }
    // Errors of the library name the file themselves.
    panics::caught(|| Ok(splitbtf::encode(path, base, options).map_err(advise)))
        .map_err(|bug| bug.context(path.display().to_string()))?
}

/// Bytes of input up to which each file makes an index of the base for itself: a few small modules, or a single larger
/// one. From there on one index of everything costs less.
const PER_FILE_BYTES: u64 = 8 << 20;

/// What there is of a base before its DWARF is thought of.
pub(crate) struct OpenedBase<'p> {
    path: &'p Path,
    btf: Result<Arc<Btf>, btf_file::Error>,
    per_file: bool,
}

impl<'p> OpenedBase<'p> {
    /// Opens a base for files of `input_bytes` in all: an ELF file with `.BTF`, or raw BTF. What is wrong with it is
    /// said by [`finish`](Self::finish).
    pub(crate) fn new(path: &'p Path, input_bytes: u64) -> Self {
        let per_file = input_bytes <= PER_FILE_BYTES;
        let btf = if per_file {
            btf_file::map_base(path)
        } else {
            btf_file::open_base(path)
        };
        Self {
            path,
            btf,
            per_file,
        }
    }

    /// The size of a base that has to be encoded first because it has no BTF; else 0.
    pub(crate) fn dwarf_bytes(&self) -> u64 {
        match &self.btf {
            Err(btf_file::Error {
                fault: Fault::NoBtf { .. },
                ..
            }) => std::fs::metadata(self.path).map_or(0, |meta| meta.len()),
            _ => 0,
        }
    }

    /// The base, ready for encoding on it. If `encode_dwarf`, an ELF file with DWARF only is encoded first.
    pub(crate) fn finish(self, options: &Options, encode_dwarf: bool) -> anyhow::Result<Base> {
        let OpenedBase {
            path,
            btf,
            per_file,
        } = self;
        let base = match btf {
            Ok(base) => base,
            Err(btf_file::Error {
                fault: Fault::NoBtf { has_dwarf: true },
                ..
            }) => {
                if !encode_dwarf {
                    bail!(
                        "{}: no .BTF section: this kernel has no BTF that modules could continue; \
                         build it with CONFIG_DEBUG_INFO_BTF first",
                        path.display()
                    );
                }
                let encoded = library_encode(path, None, options)?;
                Arc::new(encoded.btf)
            }
            Err(error) => return Err(btf_input::advise(error)),
        };
        Ok(if per_file {
            Base::per_file(base)
        } else {
            Base::indexed(base)
        })
    }
}

/// Encodes one file and writes nothing. A file without DWARF is an error.
pub(crate) fn read(path: &Path, base: Option<&Base>, options: &Options) -> anyhow::Result<Encoded> {
    let encoded = library_encode(path, base, options)?;
    require_dwarf(path, &encoded)?;
    Ok(encoded)
}

fn require_dwarf(path: &Path, encoded: &Encoded) -> anyhow::Result<()> {
    if encoded.no_dwarf {
        bail!(
            "{}: no DWARF (section .debug_info): build with -g, or give the debug file of a \
             stripped one",
            path.display()
        );
    }
    Ok(())
}

/// Whether a module is of the kernel that its base describes.
///
/// Nothing in either file ties them together. But every module has a `struct module` and so
/// does every kernel, and it leads to much of the kernel's types: those of one build are the
/// same, so that what the split BTF has of its own refers to the base's. If it has a `struct module`
/// instead, the base is of another build, which is returned as a warning; and if the sizes differ,
/// the module cannot be loaded there at all (the kernel compares them, `kernel/module/main.c`,
/// `setup_load_info`), and its BTF would be of no use but to hide that a file was mistaken.
///
/// Having both says nothing of that kind: one source file of a driver calls something else by a
/// name that the kernel has (`struct sched_class` in cxgb4), and with that its `struct module` is
/// not the others' any more.
fn check_kernel(path: &Path, btf: &Btf) -> anyhow::Result<Option<String>> {
    let is_module =
        |ty: &btf_builder::Type<'_>| ty.kind() == Kind::Struct && ty.name() == b"module";
    let Some(base) = btf.base() else {
        return Ok(None);
    };
    let Some(own) = btf.own_types().find(is_module) else {
        return Ok(None);
    };
    let Some(theirs) = base.all_types().find(is_module) else {
        return Ok(None);
    };
    if leads_to(btf, theirs.id()) {
        return Ok(None);
    }
    if own.size() != theirs.size() {
        bail!(
            "{}: built for another kernel than the base: its struct module has {} bytes, that \
             of the base {}; give the vmlinux of the same build",
            path.display(),
            own.size_or_type(),
            theirs.size_or_type()
        );
    }
    Ok(Some(
        "its struct module is not that of the base, which seems to be of another build \
         or encoded with other features (`splitbtf explain` shows the difference)"
            .to_owned(),
    ))
}

/// Whether own types refer to `wanted`, at once or through others. Linear in the number of types that are met.
fn leads_to(btf: &Btf, wanted: TypeId) -> bool {
    let mut met = HashSet::new();
    let mut left: Vec<TypeId> = btf.own_types().map(|ty| ty.id()).collect();
    while let Some(id) = left.pop() {
        if id == wanted {
            return true;
        }
        if let Some(ty) = btf.ty(id) {
            ty.for_each_ref(|id| {
                if id < btf.start_id() && met.insert(id) {
                    left.push(id);
                }
            });
        }
    }
    false
}

/// Encodes one file and writes the result.
///
/// With `btf_ids`, the ids in the `.BTF_ids` of the file written into are made those of the
/// result. A file without DWARF is an error, or, if `empty_without_dwarf`, the outcome says so: then
/// detached output is an empty BTF, and no ELF file is touched.
pub(crate) fn encode(
    path: &Path,
    base: Option<&Base>,
    options: &Options,
    target: &Target,
    btf_ids: bool,
    empty_without_dwarf: bool,
) -> anyhow::Result<Outcome> {
    let encoded = library_encode(path, base, options)?;
    if !empty_without_dwarf {
        require_dwarf(path, &encoded)?;
    }
    let doubt = check_kernel(path, &encoded.btf)?;
    let mut phases = Phases::default();
    for &(name, time) in &encoded.stats.phases {
        phases.push(name, time);
    }
    let mut outcome = Outcome::of(&encoded);
    let no_dwarf = encoded.no_dwarf;
    let begun = Instant::now();
    let output = Output::new(encoded.btf, options).with_context(|| path.display().to_string())?;
    phases.push("emit", begun.elapsed());
    outcome.btf_bytes = output.btf.len() as u64;
    outcome.distilled_base_bytes = output.base.as_ref().map_or(0, |base| base.len() as u64);
    outcome.skipped = encoded.skipped;
    outcome.warnings.extend(doubt);
    let begun = Instant::now();
    match target {
        Target::Detached(file) => write_raw(&output, file)?,
        Target::InPlace if !no_dwarf => {
            outcome.warn(output.write_into(path, btf_ids).map_err(advise)?)
        }
        Target::Into(file) if !no_dwarf => {
            outcome.warn(output.write_into(file, btf_ids).map_err(advise)?)
        }
        Target::InPlace | Target::Into(_) => {}
    }
    phases.push("write", begun.elapsed());
    outcome.phases = phases;
    Ok(outcome)
}

/// Writes `.BTF` to `file`, and `.BTF.base`, if there is one, to a file beside it.
fn write_raw(output: &Output, file: &Path) -> anyhow::Result<()> {
    write_file(file, &output.btf)?;
    if let Some(base) = &output.base {
        let mut name = file.as_os_str().to_owned();
        name.push(".base");
        write_file(Path::new(&name), base)?;
    }
    Ok(())
}

/// Writes a file whole or not at all.
pub(crate) fn write_file(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    // What a temporary file could not be made for says less than that there is no folder.
    if let Some(folder) = file
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty() && !dir.exists())
    {
        bail!(
            "{}: cannot write: there is no folder {}",
            file.display(),
            folder.display()
        );
    }
    elf_io::write_file(file, bytes, WriteOptions::default()).map_err(|error| match error.kind() {
        // The error's own path is the resolved one.
        elf_io::ErrorKind::Write { action, error, .. } => cannot(action, file, error),
        _ => anyhow!(error),
    })
}

/// The error for a target that cannot be written, by the path that the user gave.
fn cannot(action: &str, target: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow!("{}: cannot {action}: {error}", target.display())
}

/// Encodes several files into one BTF; returns the outcome of each, without sizes, and the
/// BTF's bytes.
///
/// A file without DWARF, or that is no ELF file, adds nothing; if none adds anything the BTF
/// is an empty one.
pub(crate) fn encode_together(
    paths: &[PathBuf],
    base: Option<&Base>,
    options: &Options,
) -> anyhow::Result<(Vec<Outcome>, Vec<u8>)> {
    let mut all: Option<Btf> = None;
    let mut several = false;
    let mut outcomes = Vec::new();
    for path in paths {
        let mut encoded = match library_encode(path, base, options) {
            Err(error) if error.downcast_ref().is_some_and(is_not_elf) => {
                outcomes.push(Outcome {
                    no_dwarf: true,
                    ..Outcome::default()
                });
                continue;
            }
            result => result?,
        };
        let mut outcome = Outcome::of(&encoded);
        let doubt = check_kernel(path, &encoded.btf)?;
        let btf = std::mem::replace(&mut encoded.btf, Btf::new_empty(Endian::Little));
        match &mut all {
            None => all = Some(btf),
            Some(all) if all.endian() != btf.endian() => {
                bail!(
                    "{}: is for a machine of the other byte order",
                    path.display()
                );
            }
            Some(all) => {
                all.add_btf(&btf)
                    .with_context(|| path.display().to_string())?;
                several = true;
            }
        }
        outcome.skipped = encoded.skipped;
        outcome.warnings.extend(doubt);
        outcomes.push(outcome);
    }
    let mut btf = match (all, base) {
        (Some(btf), _) => btf,
        (None, Some(base)) => Btf::new_split(Arc::clone(base.btf())),
        (None, None) => Btf::new_empty(Endian::NATIVE),
    };
    if several {
        btf_dedup::dedup(&mut btf, &btf_dedup::DedupOpts::default())
            .context("cannot merge the inputs")?;
    }
    let emit = EmitOpts::default().with_layout(options.features.layout);
    Ok((outcomes, btf.to_bytes_with(emit)))
}

/// Adds to an error what to do about it, where the error itself does not say.
fn advise(error: splitbtf::Error) -> anyhow::Error {
    let advice = match &*error.kind {
        ErrorKind::Elf(elf) => match elf.kind() {
            elf_io::ErrorKind::NotElf if is_empty(&error.path) => {
                "the file is empty; build it again"
            }
            elf_io::ErrorKind::NotElf => {
                "to encode, give an ELF file with DWARF, such as vmlinux or a module (.ko)"
            }
            elf_io::ErrorKind::Io(io) => {
                let message = report::system_message(&error.path, io);
                return anyhow!("{}: cannot read: {message}", error.path.display());
            }
            // It names the target, and that is unless links lead elsewhere the file.
            elf_io::ErrorKind::Write {
                action, error: io, ..
            } => return cannot(action, &error.path, io),
            elf_io::ErrorKind::Truncated { .. } | elf_io::ErrorKind::SectionOutOfFile { .. } => {
                "the file seems to be cut off; copy or build it again"
            }
            elf_io::ErrorKind::AmbiguousFlags { .. } => {
                "encode it on the base that it was resolved against, or leave the ids alone with \
                 --no-btf-ids and run resolve_btfids on a module that is built again"
            }
            elf_io::ErrorKind::CompressedTarget { .. } => {
                "write the BTF elsewhere with -o or --out-dir, or unpack the module first"
            }
            _ => return anyhow!(error),
        },
        ErrorKind::Dwarf(dwarf) => match dwarf.kind {
            DwarfErrorKind::Supplementary | DwarfErrorKind::Version(_) => return anyhow!(error),
            _ => "the file is damaged (build it again), or this is DWARF that splitbtf cannot read",
        },
        _ => return anyhow!(error),
    };
    // The error stays in the chain for callers that look for its kind.
    let text = format!("{error}; {advice}");
    anyhow!(error).context(Advised(text))
}

/// Names the base in an error that is about the base as much as about the file.
pub(crate) fn name_base(error: anyhow::Error, base: Option<&Path>) -> anyhow::Error {
    match (error.downcast_ref::<splitbtf::Error>(), base) {
        (Some(splitbtf::Error { path, kind }), Some(base))
            if matches!(**kind, ErrorKind::BaseEndian) =>
        {
            anyhow!(
                "{}: is of the other byte order than the base, {}; give the vmlinux that it was \
                 built with",
                path.display(),
                base.display()
            )
        }
        _ => error,
    }
}

/// An error's text with advice, which stands for the error it is the context of.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Advised(String);

/// Whether an error says that the file is something else than an ELF file, such as a script. An
/// empty one is the rest of a build that went wrong.
pub(crate) fn is_not_elf(error: &splitbtf::Error) -> bool {
    let not_elf = matches!(&*error.kind, ErrorKind::Elf(error) if matches!(error.kind(), elf_io::ErrorKind::NotElf));
    not_elf && !is_empty(&error.path)
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.len() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`check_kernel`] says of a split BTF with a `struct module` of this size, on a base that has one of 64 bytes
    /// in `struct device`; if `both`, it refers to that as well.
    fn check(size: u32, both: bool) -> anyhow::Result<Option<String>> {
        let mut base = Btf::new_empty(Endian::NATIVE);
        let module = base.add_struct("module", 64).unwrap();
        let owner = base.add_ptr(module).unwrap();
        let device = base.add_typedef("device", owner).unwrap();
        let mut split = Btf::new_split(Arc::new(base));
        let own = split.add_struct("module", size).unwrap();
        let used = if both { device } else { own };
        split.add_ptr(used).unwrap();
        check_kernel(Path::new("driver.ko"), &split)
    }

    #[test]
    fn a_base_of_another_build_is_told_by_struct_module() {
        let warning = check(64, false).unwrap().unwrap();
        assert!(warning.contains("another build"), "{warning}");
        let error = check(72, false).unwrap_err().to_string();
        let built = "driver.ko: built for another kernel than the base: its struct module has 72";
        assert!(error.starts_with(built), "{error}");
    }

    #[test]
    fn a_struct_module_beside_the_bases_says_nothing_about_the_base() {
        assert_eq!(check(64, true).unwrap(), None);
        assert_eq!(check(72, true).unwrap(), None);
    }
}
