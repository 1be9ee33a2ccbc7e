//! Debian kernels with debug information: found by package name, unpacked,
//! cached.
//!
//! `linux-image-6.12.117+deb12-cloud-amd64-dbg` and
//! `linux-image-6.1.0-56-cloud-amd64-dbg` are what a series' newest package is
//! called like. The package manager knows where packages come from; here is
//! no host name.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use fs_err as fs;

use crate::progress;

/// Folder with unpacked kernels that replaces the cache; nothing is
/// downloaded then.
const CACHE_VAR: &str = "SPLITBTF_KERNEL_CACHE";

/// Find, download and unpack the newest Debian cloud kernel of a series.
///
/// Prints the paths of vmlinux and of the folder with the modules, both with DWARF. A kernel
/// that was unpacked before is not downloaded again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Series, such as 6.12, 6.1 or 7.3 (as far as the system's release has it).
    #[arg(long, default_value = "6.12")]
    series: String,

    /// Folder to unpack into [default: target/kernels].
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Which kernel a verb works on.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Select {
    /// Debian kernel of this series, downloaded if it is not there.
    #[arg(long, default_value = "6.12", conflicts_with_all = ["vmlinux", "module_dir"])]
    series: String,

    /// Any kernel's vmlinux with DWARF and .BTF.
    #[arg(long, requires = "module_dir", value_name = "FILE")]
    vmlinux: Option<PathBuf>,

    /// Folder with that kernel's modules.
    #[arg(long, requires = "vmlinux", value_name = "DIR")]
    module_dir: Option<PathBuf>,
}

/// An unpacked kernel.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// The release, as in `vmlinux-<release>`.
    pub(crate) version: String,
    pub(crate) vmlinux: PathBuf,
    pub(crate) module_dir: PathBuf,
}

impl Select {
    /// The kernel, downloaded if need be.
    pub(crate) fn kernel(&self) -> Result<Kernel> {
        if let (Some(vmlinux), Some(module_dir)) = (&self.vmlinux, &self.module_dir) {
            let name = vmlinux.file_name().unwrap_or_default().to_string_lossy();
            return Ok(Kernel {
                version: name.trim_start_matches("vmlinux-").to_owned(),
                vmlinux: vmlinux.clone(),
                module_dir: module_dir.clone(),
            });
        }
        of_series(&self.series)
    }
}

/// The newest Debian kernel of a series, downloaded if need be.
pub(crate) fn of_series(series: &str) -> Result<Kernel> {
    let cache = cache_dir(None);
    if let Some(kernel) = newest_in(&cache, series)? {
        return Ok(kernel);
    }
    fetch(series, &cache)
}

impl Kernel {
    /// The modules, sorted by path.
    pub(crate) fn modules(&self) -> Result<Vec<PathBuf>> {
        let mut modules = Vec::new();
        let mut folders = vec![self.module_dir.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ext| ext == "ko") {
                    modules.push(path);
                }
            }
        }
        ensure!(
            !modules.is_empty(),
            "{}: no modules below",
            self.module_dir.display()
        );
        modules.sort();
        Ok(modules)
    }

    /// The kernel that a `-dbg` package unpacked into `dir`, if it is one.
    fn in_package(dir: &Path) -> Result<Option<Self>> {
        let debug = dir.join("usr/lib/debug");
        let all_modules = debug.join("lib/modules");
        if !all_modules.is_dir() {
            return Ok(None);
        }
        for entry in fs::read_dir(&all_modules)? {
            let module_dir = entry?.path();
            let version = module_dir.file_name().unwrap_or_default();
            let version = version.to_string_lossy().into_owned();
            // Since Linux 7 Debian has the image where its modules are.
            let places = [
                debug.join(format!("boot/vmlinux-{version}")),
                module_dir.join("vmlinux"),
            ];
            if let Some(vmlinux) = places.into_iter().find(|path| path.is_file()) {
                return Ok(Some(Self {
                    version,
                    vmlinux,
                    module_dir,
                }));
            }
        }
        Ok(None)
    }
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let cache = cache_dir(args.dir.as_deref());
    let kernel = if std::env::var_os(CACHE_VAR).is_some() && args.dir.is_none() {
        newest_in(&cache, &args.series)?
            .with_context(|| format!("{}: no kernel {} in it", cache.display(), args.series))?
    } else {
        fetch(&args.series, &cache)?
    };
    println!("{}", kernel.version);
    println!("vmlinux: {}", kernel.vmlinux.display());
    println!("modules: {}", kernel.module_dir.display());
    Ok(ExitCode::SUCCESS)
}

/// Where kernels are kept.
fn cache_dir(dir: Option<&Path>) -> PathBuf {
    match (dir, std::env::var_os(CACHE_VAR)) {
        (Some(dir), _) => dir.to_owned(),
        (None, Some(dir)) => dir.into(),
        (None, None) => cache_dir_by_default(),
    }
}

fn cache_dir_by_default() -> PathBuf {
    crate::encoder::target_dir().join("kernels")
}

/// The newest kernel of a series among those unpacked below `cache`.
fn newest_in(cache: &Path, series: &str) -> Result<Option<Kernel>> {
    let mut found: Vec<Kernel> = Vec::new();
    if cache.is_dir() {
        for entry in fs::read_dir(cache)? {
            let path = entry?.path();
            // A folder that is being unpacked has another name.
            if path.extension().is_some_and(|ext| ext == "partial") {
                continue;
            }
            found.extend(Kernel::in_package(&path)?);
        }
    }
    found.retain(|kernel| is_of_series(&kernel.version, series));
    found.sort_by(|a, b| compare_versions(&a.version, &b.version));
    Ok(found.pop())
}

fn is_of_series(version: &str, series: &str) -> bool {
    version
        .strip_prefix(series)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// The newest kernel of a series that the package manager knows, from the
/// cache or downloaded.
fn fetch(series: &str, cache: &Path) -> Result<Kernel> {
    let package = newest_package(series)?;
    let version = package
        .strip_prefix("linux-image-")
        .and_then(|rest| rest.strip_suffix("-dbg"))
        .unwrap_or(&package);
    let dir = cache.join(version);
    if let Some(kernel) = Kernel::in_package(&dir)? {
        return Ok(kernel);
    }

    unpack(&package, &dir)?;
    Kernel::in_package(&dir)?
        .with_context(|| format!("{package} has no vmlinux below usr/lib/debug"))
}

/// The bootable image of a Debian kernel, from the package of its own that has
/// it, downloaded if need be.
pub(crate) fn bootable(kernel: &Kernel) -> Result<PathBuf> {
    let version = &kernel.version;
    let image = |folder: &Path| {
        let package = folder.join(format!("{version}.image"));
        let places = [
            package.join(format!("boot/vmlinuz-{version}")),
            package.join(format!("usr/lib/modules/{version}/vmlinuz")),
        ];
        places.into_iter().find(|path| path.is_file())
    };
    let own = cache_dir_by_default();
    let places = [cache_dir(None), own.clone()];
    if let Some(found) = places.iter().find_map(|dir| image(dir)) {
        return Ok(found);
    }
    // Some kernels are only offered without a signature. Since Linux 7 `linux-image` is an empty
    // package that depends on the image and the modules.
    let names = [
        format!("linux-binary-unsigned-{version}"),
        format!("linux-binary-{version}"),
        format!("linux-image-{version}-unsigned"),
        format!("linux-image-{version}"),
    ];
    let Some(package) = names.iter().find(|name| is_offered(name)) else {
        bail!("no package {} is known here: run apt-get update", names[3]);
    };
    unpack(package, &own.join(format!("{version}.image")))?;
    image(&own).with_context(|| format!("{package} has no vmlinuz"))
}

/// The unpacked sources of Debian's kernel of a series, downloaded into
/// `folder` if they are not there.
pub(crate) fn sources(series: &str, folder: &Path) -> Result<PathBuf> {
    let dir = folder.join("source");
    if dir.join("Makefile").is_file() {
        return Ok(dir);
    }
    let package = format!("linux-source-{series}");
    ensure!(
        is_offered(&package),
        "no package {package} is known here: this needs Debian and apt-get update"
    );
    let unpacked = folder.join("package");
    unpack(&package, &unpacked)?;
    let archive = unpacked.join(format!("usr/src/{package}.tar.xz"));
    let partial = folder.join("source.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    let clock = progress::clock("unpack");
    clock.set_message(package.clone());
    let status = Command::new("tar")
        .args(["--strip-components=1", "-xf"])
        .arg(&archive)
        .current_dir(&partial)
        .status()
        .context("tar")?;
    clock.finish_and_clear();
    ensure!(status.success(), "tar -xf {}: {status}", archive.display());
    fs::remove_dir_all(unpacked)?;
    fs::rename(partial, &dir)?;
    Ok(dir)
}

/// Whether the package manager can download a package.
fn is_offered(package: &str) -> bool {
    let output = Command::new("apt-cache").args(["show", package]).output();
    output.is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// Downloads a package and unpacks it into `dir`, which is there afterwards
/// only if that went well.
fn unpack(package: &str, dir: &Path) -> Result<()> {
    let partial = dir.with_added_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    let status = Command::new("apt-get")
        .args(["download", "-q", package])
        .current_dir(&partial)
        .status()
        .context("apt-get")?;
    ensure!(status.success(), "apt-get download {package}: {status}");
    let archive = fs::read_dir(&partial)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| ext == "deb"))
        .with_context(|| format!("apt-get left no package in {}", partial.display()))?;
    let clock = progress::clock("unpack");
    clock.set_message(package.to_owned());
    let status = Command::new("dpkg-deb")
        .arg("-x")
        .args([&archive, &partial])
        .status()
        .context("dpkg-deb")?;
    clock.finish_and_clear();
    ensure!(
        status.success(),
        "dpkg-deb -x {}: {status}",
        archive.display()
    );
    fs::remove_file(archive)?;
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::rename(&partial, dir)?;
    Ok(())
}

/// Name of the newest debug package of the series for this machine.
fn newest_package(series: &str) -> Result<String> {
    let arch = Command::new("dpkg")
        .arg("--print-architecture")
        .output()
        .context("dpkg: this needs Debian; elsewhere, name a kernel with --vmlinux")?;
    let arch = String::from_utf8_lossy(&arch.stdout).trim().to_owned();
    let output = Command::new("apt-cache")
        .args(["search", "--names-only"])
        .arg(format!("^linux-image-{}\\.", series.replace('.', "\\.")))
        .output()
        .context("apt-cache")?;
    ensure!(output.status.success(), "apt-cache: {}", output.status);
    let names = String::from_utf8_lossy(&output.stdout);
    let suffix = format!("-cloud-{arch}-dbg");
    let newest = names
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| name.ends_with(&suffix))
        .max_by(|a, b| compare_versions(a, b));
    match newest {
        Some(name) => Ok(name.to_owned()),
        None => bail!(
            "no package linux-image-{series}.*{suffix} is known here: run apt-get update, or \
             name a kernel with --vmlinux and --module-dir"
        ),
    }
}

/// Orders versions as people read them: runs of digits by their value.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (a_text, a_number, a_rest) = next_part(a);
        let (b_text, b_number, b_rest) = next_part(b);
        let order = a_text.cmp(b_text).then(a_number.cmp(&b_number));
        if order != Ordering::Equal || (a_rest.is_empty() && b_rest.is_empty()) {
            return order.then(a_rest.len().cmp(&b_rest.len()));
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// What comes before the first digit, the number that starts there, the rest.
fn next_part(s: &str) -> (&str, Option<u64>, &str) {
    let start = s.find(|c: char| c.is_ascii_digit()).unwrap_or(s.len());
    let (text, s) = s.split_at(start);
    let end = s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
    let (number, rest) = s.split_at(end);
    (text, number.parse().ok(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_by_their_numbers() {
        let mut names = [
            "linux-image-6.12.107+deb12-cloud-amd64-dbg",
            "linux-image-6.12.9+deb12-cloud-amd64-dbg",
            "linux-image-6.12.117+deb12-cloud-amd64-dbg",
            "linux-image-6.1.0-9-cloud-amd64-dbg",
            "linux-image-6.1.0-56-cloud-amd64-dbg",
        ];
        names.sort_by(|a, b| compare_versions(a, b));
        let numbers: Vec<_> = names.iter().map(|n| &n[12..21]).collect();
        assert_eq!(
            numbers,
            [
                "6.1.0-9-c",
                "6.1.0-56-",
                "6.12.9+de",
                "6.12.107+",
                "6.12.117+"
            ]
        );
    }

    #[test]
    fn a_kernel_is_found_in_old_and_new_packages() {
        let dir = tempfile::tempdir().unwrap();
        for (package, modules, vmlinux) in [
            (
                "old",
                "6.12.9-cloud-amd64",
                "boot/vmlinux-6.12.9-cloud-amd64",
            ),
            (
                "new",
                "7.3.4-cloud-amd64",
                "lib/modules/7.3.4-cloud-amd64/vmlinux",
            ),
        ] {
            let debug = dir.path().join(package).join("usr/lib/debug");
            fs::create_dir_all(debug.join("lib/modules").join(modules)).unwrap();
            let vmlinux = debug.join(vmlinux);
            fs::create_dir_all(vmlinux.parent().unwrap()).unwrap();
            fs::write(&vmlinux, "").unwrap();
            let kernel = Kernel::in_package(&dir.path().join(package));
            assert_eq!(kernel.unwrap().unwrap().vmlinux, vmlinux);
        }
        assert!(Kernel::in_package(dir.path()).unwrap().is_none());
    }

    #[test]
    fn a_series_is_not_a_prefix_of_another() {
        assert!(is_of_series("6.1.0-56-cloud-amd64", "6.1"));
        assert!(!is_of_series("6.12.117+deb12-cloud-amd64", "6.1"));
    }
}
