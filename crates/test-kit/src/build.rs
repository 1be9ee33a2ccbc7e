//! Compiling and linking one leg of a case.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::case::{Case, Source};
use crate::directive::Key;
use crate::matrix::{Compiler, Leg, Link};
use crate::tool::{self, Tool};

/// What kernels are built with, as far as it shapes debug info, and nothing that
/// needs headers or start files. Paths are cut to the file name, so that the same
/// source gives the same bytes wherever it lies.
const CFLAGS: [&str; 4] = [
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-w",
];

/// The C of kernels since 5.18. Compilers differ in their default, and since GCC 15 it has no
/// functions without a prototype.
const STANDARD: &str = "-std=gnu11";

/// Files of a built leg.
#[derive(Debug, Clone)]
pub struct Built {
    /// The file to encode.
    pub product: PathBuf,
    /// The linked base image, if the case is a module.
    pub base: Option<PathBuf>,
}

/// What the leg needs and the machine lacks, in words for a skip message.
pub fn missing(case: &Case, leg: &Leg) -> Option<String> {
    let labels = leg.labels();
    for source in case.base.iter().chain(&case.sources) {
        let compiler = match compiler_of(source, case, leg) {
            Ok(compiler) => compiler,
            Err(error) => return Some(error.to_string()),
        };
        if tool::compiler(compiler, leg.target).is_none() {
            return Some(format!("{compiler} for {}", leg.target.name()));
        }
    }
    let mut sources = case.base.iter().chain(&case.sources);
    sources.find_map(|source| {
        source
            .values(&Key::Needs, &labels)
            .find_map(|need| unmet(need, leg))
    })
}

/// The part of a `needs` value that the machine lacks, such as `clang>=15`.
pub(crate) fn unmet(need: &str, leg: &Leg) -> Option<String> {
    need.split(',').map(str::trim).find_map(|need| {
        let (name, version) = match need.split_once(">=") {
            Some((name, version)) => (name.trim(), Some(version.trim())),
            None => (need, None),
        };
        let tool = match Compiler::parse(name) {
            // Only a leg of that compiler needs it in that version.
            Ok(compiler) if compiler != leg.compiler => return None,
            Ok(compiler) => tool::compiler(compiler, leg.target),
            Err(_) => binutil(name, leg),
        };
        let Some(tool) = tool else {
            return Some(name.to_owned());
        };
        let wanted: Vec<u32> = version
            .unwrap_or("0")
            .split('.')
            .map_while(|part| part.parse().ok())
            .collect();
        (tool.version_number() < wanted).then(|| format!("{need} (this is {})", tool.version))
    })
}

fn compiler_of(source: &Source, case: &Case, leg: &Leg) -> Result<Compiler> {
    if source.file != case.main.file
        && let Some(word) = source.directives.iter().find(|d| d.key == Key::Compilers)
    {
        return Compiler::parse(&word.value);
    }
    Ok(leg.compiler)
}

/// Builds `leg` of `case` in the directory `out`.
///
/// # Errors
///
/// If a tool is missing or fails; the message has its command line and stderr.
pub fn build(case: &Case, leg: &Leg, out: &Path) -> Result<Built> {
    let base = if case.base.is_empty() {
        None
    } else {
        let leg = Leg {
            link: Link::Executable,
            ..leg.clone()
        };
        Some(link_sources(case, &case.base, &leg, out, "vmlinux")?)
    };
    let product = link_sources(case, &case.sources, leg, out, "case")?;
    for directive in &case.main.directives {
        if let Key::Variant(name) = &directive.key
            && leg.variant.as_ref() == Some(name)
            && directive.holds(&leg.labels())
        {
            for command in directive.value.split(';').filter(|c| !c.trim().is_empty()) {
                post(command, leg, &product)?;
            }
        }
    }
    Ok(Built { product, base })
}

fn link_sources(
    case: &Case,
    sources: &[Source],
    leg: &Leg,
    out: &Path,
    stem: &str,
) -> Result<PathBuf> {
    let labels = leg.labels();
    let mut objects = Vec::new();
    for source in sources {
        let mut flags = flag_words(&case.main, &Key::Cflags, &labels);
        if source.file != case.main.file {
            flags.extend(flag_words(source, &Key::Cflags, &labels));
        }
        let debug = source.values(&Key::Debug, &labels).next() != Some("none");
        let object = out.join(format!("{}.o", source.file));
        let compiler = compiler_of(source, case, leg)?;
        compile(
            &case.dir.join(&source.file),
            compiler,
            leg,
            debug,
            &flags,
            &object,
        )?;
        objects.push(object);
    }
    let flags = flag_words(&case.main, &Key::Ldflags, &labels);
    link(&objects, leg, &case.dir, &flags, out, stem)
}

/// The words of every directive of `key` that holds.
pub(crate) fn flag_words(source: &Source, key: &Key, labels: &[String]) -> Vec<String> {
    source
        .values(key, labels)
        .flat_map(str::split_whitespace)
        .map(str::to_owned)
        .collect()
}

/// Compiles one source to `object`.
///
/// # Errors
///
/// If the compiler is missing or fails.
pub fn compile(
    source: &Path,
    compiler: Compiler,
    leg: &Leg,
    debug: bool,
    flags: &[String],
    object: &Path,
) -> Result<()> {
    let tool = tool::compiler(compiler, leg.target)
        .with_context(|| format!("no {compiler} for {}", leg.target.name()))?;
    let dir = source.parent().context("a source has a directory")?;
    let mut command = tool.command();
    command.current_dir(dir);
    let file = source.file_name().context("a source has a name")?;
    if compiler == Compiler::Rustc {
        command.args([
            "--edition=2021",
            "--crate-type=lib",
            "--emit=obj",
            "-Cpanic=abort",
        ]);
        command.args(["-Cdebuginfo=2", "-Copt-level=2", "-Ccodegen-units=1"]);
        command.arg(format!("--remap-path-prefix={}=.", dir.display()));
        command.args(flags).arg("-o").arg(object).arg(file);
        return succeed(&mut command);
    }
    command.arg("-c").arg(&leg.opt);
    if debug {
        command.arg("-g").arg(format!("-gdwarf-{}", leg.dwarf));
    }
    if source.extension().is_some_and(|extension| extension == "c") {
        command.arg(STANDARD);
    }
    command
        .args(CFLAGS)
        .arg(format!("-ffile-prefix-map={}=.", dir.display()));
    command.args(flags).arg("-o").arg(object).arg(file);
    succeed(&mut command)
}

/// Makes the file of the leg's link form from its objects.
///
/// `@` in a flag is the directory of the sources.
///
/// # Errors
///
/// If the linker is missing or fails.
pub fn link(
    objects: &[PathBuf],
    leg: &Leg,
    dir: &Path,
    flags: &[String],
    out: &Path,
    stem: &str,
) -> Result<PathBuf> {
    let product = out.join(format!("{stem}.{}", extension(leg.link)));
    if leg.link == Link::Object {
        ensure!(
            objects.len() == 1,
            "an object has one source, this case has {}",
            objects.len()
        );
        fs_err::rename(&objects[0], &product)?;
        return Ok(product);
    }
    let tool = linker(leg).with_context(|| format!("no linker for {}", leg.target.name()))?;
    let mut command = tool.command();
    command.current_dir(dir);
    if leg.link == Link::Relocatable {
        command.args(["-r", "-nostdlib"]);
    } else {
        command.args(["-static", "-nostdlib", "-no-pie", "-Wl,-e,0"]);
    }
    command
        .arg("-Wl,--build-id=none")
        .arg("-o")
        .arg(&product)
        .args(objects);
    command.args(
        flags
            .iter()
            .map(|flag| flag.replace('@', &dir.display().to_string())),
    );
    succeed(&mut command)?;
    Ok(product)
}

/// The driver that links a leg: GCC where there is one for the target, since it
/// always knows a linker for it.
fn linker(leg: &Leg) -> Option<Tool> {
    let first = if leg.compiler == Compiler::Clang {
        Compiler::Clang
    } else {
        Compiler::Gcc
    };
    tool::compiler(first, leg.target).or_else(|| tool::compiler(Compiler::Clang, leg.target))
}

fn extension(link: Link) -> &'static str {
    match link {
        Link::Object => "o",
        Link::Relocatable => "ko",
        Link::Executable => "elf",
    }
}

/// The binary utility `name` for the leg's target, `s390x-linux-gnu-objcopy`.
fn binutil(name: &str, leg: &Leg) -> Option<Tool> {
    if leg.target.is_host() || !matches!(name, "objcopy" | "strip" | "ld") {
        return tool::find(name);
    }
    tool::find(&format!("{}-{name}", leg.target.gcc_prefix()))
}

/// Runs one command of a `variant`, `@` being the product.
fn post(command: &str, leg: &Leg, product: &Path) -> Result<()> {
    let mut words = command.split_whitespace();
    let name = words.next().context("an empty command")?;
    let mut process = match binutil(name, leg) {
        Some(tool) => tool.command(),
        None => bail!("no {name}"),
    };
    let path = product.display().to_string();
    process.args(words.map(|word| word.replace('@', &path)));
    process.current_dir(product.parent().context("a product has a directory")?);
    succeed(&mut process)
}

/// Runs a command that must succeed.
///
/// # Errors
///
/// If it does not start or its exit code is not 0; with the command line and what
/// it wrote to stderr.
pub fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{stderr}",
        output.status
    );
    Ok(())
}
