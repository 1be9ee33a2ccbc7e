//! Building a kernel with us as its `pahole`: the one word on the command line
//! that this project is about.
//!
//! Debian's sources or any others, a small configuration
//! (`testdata/kernel-build/config`) and a module outside of the tree. Objects
//! are kept, so that a second run compiles nothing; that `make` links and
//! encodes once more is what shows that the build reproduces. In between it can
//! link the same objects with upstream's pahole, for a comparison of all that
//! comes out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail, ensure};
use btf_diff::files::load;
use elf_io::{Elf, FileMap};
use fs_err as fs;

use crate::compare;
use crate::encoder::{self, output_path};
use crate::kernel;
use crate::peer::Peer;
use crate::progress;
use crate::text::{Table, seconds};

/// The configuration and the external module, from the workspace's root.
const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/kernel-build");
/// When the kernel says it was built.
const TIMESTAMP: &str = "2024-01-01";

/// Build a kernel with us as its pahole, its modules, and one outside of its tree.
///
/// `make PAHOLE=<us> vmlinux modules`, with a small configuration. Checks what the kernel's build
/// makes of our version, that the source tree stays as it was, what resolve_btfids warns of, and
/// that linking and encoding once more gives the same bytes. Needs flex, bison, bc and libelf's
/// headers; the first run compiles a whole kernel, later ones reuse its objects.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Series: 6.12 or 6.1, or another one of which the package manager has the sources.
    #[arg(long, default_value = "6.12", conflicts_with = "source")]
    series: String,

    /// Build the sources in this folder and not Debian's; what series they are their Makefile
    /// says.
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,

    /// Where to unpack and build [default: target/kernel-build].
    #[arg(long)]
    dir: Option<PathBuf>,

    /// Jobs of make at a time [default: one for each processor].
    #[arg(long, short)]
    jobs: Option<usize>,

    /// Link with this upstream pahole, too, and compare BTF and warnings.
    #[arg(long, value_name = "PATH")]
    pahole: Option<PathBuf>,

    /// Further arguments of make, such as LLVM=-22.
    #[arg(last = true, value_name = "ARG")]
    make: Vec<String>,
}

/// A kernel that was built here.
#[derive(Debug)]
pub(crate) struct Built {
    /// The bootable image.
    pub(crate) image: PathBuf,
    pub(crate) vmlinux: PathBuf,
    /// Those of the tree and the external one.
    pub(crate) modules: Vec<PathBuf>,
}

impl Built {
    /// What a run of this verb left.
    pub(crate) fn find(dir: Option<&Path>, series: &str) -> Result<Self> {
        Site::new(dir, series).built()
    }
}

/// Folders of a build.
#[derive(Clone)]
struct Site {
    dir: PathBuf,
}

impl Site {
    fn new(dir: Option<&Path>, series: &str) -> Self {
        let dir = dir.map_or_else(
            || encoder::target_dir().join("kernel-build"),
            Path::to_owned,
        );
        Self {
            dir: dir.join(series),
        }
    }

    fn objects(&self) -> PathBuf {
        self.dir.join("build")
    }

    fn external(&self) -> PathBuf {
        self.dir.join("external")
    }

    /// Modules of the tree.
    fn modules(&self) -> Result<Vec<PathBuf>> {
        let objects = self.objects();
        let order = fs::read_to_string(objects.join("modules.order"))?;
        // Newer kernels list the objects that modules are made of.
        let modules = order
            .lines()
            .map(|line| objects.join(line).with_extension("ko"));
        Ok(modules.collect())
    }

    fn built(&self) -> Result<Built> {
        let objects = self.objects();
        let mut modules = self.modules()?;
        modules.push(self.external().join("external.ko"));
        let built = Built {
            image: objects.join("arch/x86/boot/bzImage"),
            vmlinux: objects.join("vmlinux"),
            modules,
        };
        for path in built.modules.iter().chain([&built.image, &built.vmlinux]) {
            ensure!(
                path.is_file(),
                "{}: not there; run `cargo xtask kernel-build` to its end first",
                path.display()
            );
        }
        Ok(built)
    }
}

/// A tree of sources being built.
#[derive(Clone)]
struct Build {
    site: Site,
    source: PathBuf,
    pahole: PathBuf,
    jobs: usize,
    /// More arguments of make.
    more: Vec<String>,
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the configuration is one for x86-64"
    );
    let absolute = |path: &Option<PathBuf>| path.as_deref().map(std::path::absolute).transpose();
    let dir = absolute(&args.dir)?;
    let given = absolute(&args.source)?;
    let series = match &given {
        Some(source) => series_of(source)?,
        None => args.series.clone(),
    };
    let site = Site::new(dir.as_deref(), &series);
    fs::create_dir_all(site.objects())?;
    let build = Build {
        source: match given {
            Some(source) => source,
            None => kernel::sources(&series, &site.dir)?,
        },
        pahole: encoder::build_named("pahole")?,
        jobs: args
            .jobs
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
        site,
        more: args.make.clone(),
    };
    let mut table = Table::new(&[&format!("linux {series}"), ""]);
    let mut row = |what: &str, value: String| table.row([what.to_owned(), value]);
    let mut ok = true;
    let mut check = |what: &str, is_good: bool, value: String| {
        ok &= is_good;
        let mark = if is_good { "" } else { " (WRONG)" };
        row(what, format!("{value}{mark}"));
    };

    let begun = SystemTime::now();
    let wanted = build.configure()?;
    let config = build.config()?;
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(name, value)| config.get(*name) != Some(value))
        .map(|(name, _)| name.as_str())
        .collect();
    check(
        "options of our configuration that the kernel took",
        missing.is_empty(),
        match missing.len() {
            0 => wanted.len().to_string(),
            _ => format!("not {}", missing.join(", ")),
        },
    );
    // The oldest pahole that Linux 7 builds with can split, and that option is gone.
    let knows = |name: &str| -> Result<bool> {
        let declaration = format!("config {}", name.trim_start_matches("CONFIG_"));
        let files = ["init/Kconfig", "lib/Kconfig.debug"].map(|file| build.source.join(file));
        for file in files {
            let text = fs::read_to_string(file)?;
            if text.lines().any(|line| line.trim() == declaration) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    for (name, value) in [
        ("CONFIG_PAHOLE_VERSION", "131"),
        ("CONFIG_PAHOLE_HAS_SPLIT_BTF", "y"),
        ("CONFIG_PAHOLE_HAS_LANG_EXCLUDE", "y"),
    ] {
        let found = config.get(name).cloned().unwrap_or_default();
        if knows(name)? {
            check(name, found == value, found);
        } else {
            check(name, found.is_empty(), "not an option".to_owned());
        }
    }

    let start = Instant::now();
    let mut warnings = build.link("build")?;
    build.make("image", &build.tree(), &["bzImage"])?;
    let built = build.site.built()?;
    check(
        "vmlinux and modules",
        true,
        format!("1 + {}, {}", built.modules.len(), duration(start.elapsed())),
    );
    let bare: Vec<_> = built
        .modules
        .iter()
        .chain([&built.vmlinux])
        .filter(|path| !has_section(path, ".BTF").unwrap_or(false))
        .map(|path| path.display().to_string())
        .collect();
    check(
        "files without BTF",
        bare.is_empty(),
        match bare.len() {
            0 => "0".to_owned(),
            _ => bare.join(", "),
        },
    );
    // Since 6.11 the kernel asks pahole for one, since 7.0 resolve_btfids.
    let external = built.modules.last().context("the external module")?;
    let distilled = has_section(external, ".BTF.base")?;
    let asked = ["Makefile.modfinal", "Makefile.btf", "gen-btf.sh"]
        .iter()
        .filter_map(|file| fs::read_to_string(build.source.join("scripts").join(file)).ok())
        .any(|text| text.contains("MODULE_PAHOLE_FLAGS") || text.contains("--distill_base"));
    check(
        "distilled base of the external module",
        distilled == asked,
        if distilled { "yes" } else { "not asked for" }.to_owned(),
    );

    let before = contents(&built)?;
    let scratch = tempfile::tempdir()?;
    let peer = match &args.pahole {
        Some(path) => Some(build.link_with(path, scratch.path())?),
        None => None,
    };
    let start = Instant::now();
    warnings.extend(build.link("again")?);
    let after = contents(&built)?;
    let changed = before
        .iter()
        .filter(|(path, hash)| after.get(*path) != Some(hash));
    let changed: Vec<_> = changed
        .map(|(path, _)| path.display().to_string())
        .collect();
    check(
        "linked and encoded once more",
        changed.is_empty(),
        match changed.len() {
            0 => format!(
                "{} files the same, {}",
                before.len(),
                duration(start.elapsed())
            ),
            _ => format!("not the same: {}", changed.join(", ")),
        },
    );
    let touched = newer_than(&build.source, begun)?;
    check(
        "files changed in the source tree",
        touched.is_empty(),
        match touched.first() {
            None => "0".to_owned(),
            Some(path) => format!("{}, such as {}", touched.len(), path.display()),
        },
    );
    check(
        "different warnings about BTF during the build",
        true,
        warnings.len().to_string(),
    );

    if let Some(peer) = &peer {
        let of_pahole = format!("pahole {}", peer.version);
        let new: Vec<_> = warnings.difference(&peer.warnings).collect();
        check(
            &format!("warnings that {of_pahole} does not cause"),
            new.is_empty(),
            format!(
                "{} of {}, with {of_pahole} {}",
                new.len(),
                warnings.len(),
                peer.warnings.len()
            ),
        );
        let ours = scratch.path().join("ours");
        save_btf(&built, &ours)?;
        let comparison = compare::linked(
            &encoder::build()?,
            &built.vmlinux,
            &built.modules,
            [&ours, &peer.btf],
            scratch.path(),
        )?;
        let n = comparison.n_unexplained();
        if n > 0 {
            println!("{}", comparison.text(false));
        }
        check(
            &format!("unexplained differences to {of_pahole}"),
            n == 0,
            format!("{n} in {} files", 1 + built.modules.len()),
        );
    }
    print!("{}", table.plain());
    for warning in &warnings {
        println!("{warning}");
    }
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Build {
    /// Arguments of make for the kernel's tree.
    fn tree(&self) -> Vec<String> {
        vec![
            "-C".to_owned(),
            self.source.display().to_string(),
            format!("O={}", self.site.objects().display()),
        ]
    }

    /// Runs make; returns its warnings about BTF. All it prints is in
    /// `<what>.log`.
    fn make(&self, what: &str, tree: &[String], targets: &[&str]) -> Result<BTreeSet<String>> {
        let log_path = self.site.dir.join(format!("{what}.log"));
        let mut log = fs::File::create(&log_path)?;
        let (reader, writer) = std::io::pipe()?;
        let mut command = Command::new("make");
        command
            .args(tree)
            .arg(format!("-j{}", self.jobs))
            .arg("ARCH=x86_64")
            .arg(format!("PAHOLE={}", self.pahole.display()))
            .arg(format!("KBUILD_BUILD_TIMESTAMP={TIMESTAMP}"))
            // make counts its links, and the kernel says which it is.
            .args(["KBUILD_BUILD_USER=user", "KBUILD_BUILD_HOST=host"])
            .arg("KBUILD_BUILD_VERSION=1")
            .args(&self.more)
            .args(targets)
            .env("KCONFIG_ALLCONFIG", Path::new(TESTDATA).join("config"))
            // What cargo set for us is not meant for this make.
            .env_remove("MAKEFLAGS")
            .env_remove("MFLAGS")
            .stdin(Stdio::null())
            .stderr(writer.try_clone()?)
            .stdout(writer);
        let mut make = command.spawn().context("make")?;
        // Else the pipe would never end.
        drop(command);
        let clock = progress::clock(what);
        let mut warnings = BTreeSet::new();
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            writeln!(log, "{line}")?;
            if is_about_btf(&line) {
                warnings.insert(line.trim().to_owned());
            }
            clock.set_message(line);
        }
        let status = make.wait()?;
        clock.finish_and_clear();
        ensure!(
            status.success(),
            "make {}: {status}; see {}",
            targets.join(" "),
            log_path.display()
        );
        Ok(warnings)
    }

    /// Links and encodes vmlinux, the modules and the external one, whatever
    /// was linked before; returns the warnings about BTF, each once.
    fn link(&self, what: &str) -> Result<BTreeSet<String>> {
        self.unlink()?;
        let mut warnings = self.make(what, &self.tree(), &["vmlinux", "modules"])?;
        warnings.extend(self.external()?);
        Ok(warnings)
    }

    /// Links with another pahole, by the flags that the kernel's build chooses
    /// for it.
    fn link_with(&self, pahole: &Path, scratch: &Path) -> Result<Linked> {
        let build = Self {
            pahole: std::path::absolute(pahole)?,
            ..self.clone()
        };
        let warnings = build.link("peer")?;
        let btf = scratch.join("theirs");
        save_btf(&self.site.built()?, &btf)?;
        Ok(Linked {
            version: Peer::probe(pahole)?.version,
            warnings,
            btf,
        })
    }

    /// Configures, and returns what the configuration asks for.
    fn configure(&self) -> Result<BTreeMap<String, String>> {
        self.make("configure", &self.tree(), &["allnoconfig"])?;
        parse_config(&Path::new(TESTDATA).join("config"))
    }

    fn config(&self) -> Result<BTreeMap<String, String>> {
        parse_config(&self.site.objects().join(".config"))
    }

    /// Builds the module outside of the tree, from a copy of its sources.
    fn external(&self) -> Result<BTreeSet<String>> {
        let external = self.site.external();
        fs::create_dir_all(&external)?;
        for entry in fs::read_dir(Path::new(TESTDATA).join("external"))? {
            let entry = entry?;
            let copy = external.join(entry.file_name());
            let bytes = fs::read(entry.path())?;
            // Written only if it changed, so that make compiles it only then.
            if fs::read(&copy).ok().as_ref() != Some(&bytes) {
                fs::write(copy, bytes)?;
            }
        }
        let tree = [
            "-C".to_owned(),
            self.site.objects().display().to_string(),
            format!("M={}", external.display()),
        ];
        self.make("external", &tree, &["modules"])
    }

    /// Takes away what was linked, so that make links and encodes it again.
    ///
    /// If only vmlinux is newer, these kernels encode the modules that there
    /// are and run resolve_btfids on them a second time, which mixes up the
    /// flags of kfuncs: it sorts a set and leaves its symbols where they were.
    /// Later kernels link modules anew then, too.
    fn unlink(&self) -> Result<()> {
        // Before the first build there is no list.
        let mut linked = self.site.modules().unwrap_or_default();
        linked.push(self.site.external().join("external.ko"));
        linked.push(self.site.objects().join("vmlinux"));
        for path in linked {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What linking with another pahole gave.
struct Linked {
    version: String,
    warnings: BTreeSet<String>,
    /// Folder of raw BTF, one for each file.
    btf: PathBuf,
}

/// Writes the BTF of each file that was linked into `folder`, a module's on
/// the base that it will meet in the kernel, even if it brings a distilled one.
fn save_btf(built: &Built, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let base = Arc::new(load(&built.vmlinux, None)?);
    fs::write(output_path(folder, &built.vmlinux), base.to_bytes())?;
    for module in &built.modules {
        let mut btf = load(module, Some(Arc::clone(&base)))?;
        if has_section(module, ".BTF.base")? {
            btf.relocate(Arc::clone(&base))
                .with_context(|| module.display().to_string())?;
        }
        fs::write(output_path(folder, module), btf.to_bytes())?;
    }
    Ok(())
}

/// The series of a tree of sources, such as 7.3: two lines of its makefile.
fn series_of(source: &Path) -> Result<String> {
    let path = source.join("Makefile");
    let text = fs::read_to_string(&path)?;
    let number = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        let value = lines.find(|(key, _)| key.trim() == name)?.1.trim();
        value.parse::<u32>().ok()
    };
    match (number("VERSION"), number("PATCHLEVEL")) {
        (Some(version), Some(level)) => Ok(format!("{version}.{level}")),
        _ => bail!("{}: not the makefile of a kernel", path.display()),
    }
}

/// Whether a line of make's output is a complaint of the encoder, of
/// resolve_btfids or of a script about them.
fn is_about_btf(line: &str) -> bool {
    let names = ["WARN", "warning", "pahole: ", "FAILED", "Skipping BTF"];
    let is_loud = names.iter().any(|name| line.contains(name));
    is_loud
        && ["BTF", "btf", "pahole", "WARN:"]
            .iter()
            .any(|name| line.contains(name))
}

/// Options of a configuration by name, those that are not set left out.
fn parse_config(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| line.starts_with("CONFIG_"));
    Ok(lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

fn has_section(path: &Path, name: &str) -> Result<bool> {
    let file = FileMap::open(path)?;
    let elf = Elf::parse(file.bytes())?;
    Ok(elf.section_by_name(name).is_some())
}

/// What was linked, by path.
fn contents(built: &Built) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let paths = built.modules.iter().chain([&built.vmlinux]);
    paths
        .map(|path| Ok((path.clone(), fs::read(path)?)))
        .collect()
}

/// Files below `dir` that were written after `time`.
fn newer_than(dir: &Path, time: SystemTime) -> Result<Vec<PathBuf>> {
    let mut newer = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                folders.push(entry.path());
            } else if meta.modified()? > time {
                newer.push(entry.path());
            }
        }
    }
    newer.sort();
    Ok(newer)
}

fn duration(time: Duration) -> String {
    seconds(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_about_btf_are_told_from_others() {
        for line in [
            "WARN: resolve_btfids: unresolved symbol bpf_foo",
            "pahole: x.ko: truncated ELF file",
            "FAILED: load BTF from vmlinux: No such file",
            "Skipping BTF generation for x.ko due to unavailability of vmlinux",
        ] {
            assert!(is_about_btf(line), "{line}");
        }
        for line in [
            "  BTF [M] fs/ext4/ext4.ko",
            "  CC      kernel/bpf/btf.o",
            "x.c:1:2: warning: unused variable",
        ] {
            assert!(!is_about_btf(line), "{line}");
        }
    }

    #[test]
    fn sources_say_of_what_series_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let series = |makefile: &str| {
            fs::write(dir.path().join("Makefile"), makefile).unwrap();
            series_of(dir.path())
        };
        let head =
            "# SPDX-License-Identifier: GPL-2.0\nVERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\n";
        assert_eq!(series(head).unwrap(), "7.3");
        assert!(series("all:\n").is_err());
    }

    #[test]
    fn the_configuration_asks_for_what_this_is_about() {
        let config = parse_config(&Path::new(TESTDATA).join("config")).unwrap();
        for name in ["DEBUG_INFO_BTF", "DEBUG_INFO_BTF_MODULES", "BPF_SYSCALL"] {
            assert_eq!(config[&format!("CONFIG_{name}")], "y", "{name}");
        }
        for name in ["EXT4_FS", "BTRFS_FS", "NF_TABLES", "TUN"] {
            assert_eq!(config[&format!("CONFIG_{name}")], "m", "{name}");
        }
    }
}
