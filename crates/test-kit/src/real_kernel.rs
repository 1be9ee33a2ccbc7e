//! Real kernels, for tests that read them where there are any.
//!
//! `SPLITBTF_KERNEL_DIR` and `SPLITBTF_OTHER_KERNEL_DIR` each name a folder
//! with one unpacked kernel: a `vmlinux*` and `*.ko`, anywhere below it, with
//! `.BTF` sections. `SPLITBTF_ALL_MODULES=1` takes all modules where otherwise
//! a sample is enough.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use object::{Object as _, ObjectSection as _, ReadCache};

use crate::tool;

/// Names the kernel that most tests read.
pub const FIRST: &str = "SPLITBTF_KERNEL_DIR";
/// Names a kernel of another series.
pub const OTHER: &str = "SPLITBTF_OTHER_KERNEL_DIR";

/// The files of one kernel.
#[derive(Debug, Clone)]
pub struct RealKernel {
    /// The image with debug info.
    pub vmlinux: PathBuf,
    /// The modules, sorted.
    pub modules: Vec<PathBuf>,
}

impl RealKernel {
    /// The kernel that `variable` names; `None` after saying that `test` is
    /// skipped.
    ///
    /// # Panics
    ///
    /// If there is no `vmlinux*` in the folder, or skipping is forbidden.
    pub fn from_env(test: &str, variable: &str) -> Option<Self> {
        Some(Self::below(&path_from_env(test, variable)?))
    }

    /// [`from_env`](Self::from_env) with [`FIRST`].
    pub fn first(test: &str) -> Option<Self> {
        Self::from_env(test, FIRST)
    }

    /// Both kernels, as far as they are there.
    pub fn all(test: &str) -> impl Iterator<Item = Self> {
        [FIRST, OTHER]
            .into_iter()
            .filter_map(move |variable| Self::from_env(test, variable))
    }

    fn below(dir: &Path) -> Self {
        let mut files = files_below(dir);
        let vmlinux = files
            .iter()
            .find(|path| file_name(path).starts_with("vmlinux"))
            .unwrap_or_else(|| panic!("{}: no vmlinux in there", dir.display()))
            .clone();
        files.retain(|path| path.extension() == Some(OsStr::new("ko")));
        Self {
            vmlinux,
            modules: files,
        }
    }

    /// `n` modules spread evenly over all, or all if there are fewer or the
    /// environment asks for them.
    pub fn sample(&self, n: usize) -> impl Iterator<Item = &Path> {
        let all = std::env::var_os("SPLITBTF_ALL_MODULES").is_some_and(|value| value == "1");
        let len = self.modules.len();
        let n = if all { len } else { n.min(len) };
        (0..n).map(move |i| self.modules[i * len / n].as_path())
    }
}

/// The path in an environment variable; `None` after saying that `test` is
/// skipped.
///
/// # Panics
///
/// If skipping is forbidden.
pub fn path_from_env(test: &str, variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        tool::skip(test, &format!("a kernel ({variable})"));
    }
    path
}

/// All files below a folder, sorted; symbolic links are not followed into
/// folders.
///
/// # Panics
///
/// If a folder cannot be read.
pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs_err::read_dir(folder).expect("a folder that can be read");
        for entry in entries {
            let path = entry.expect("an entry of a folder").path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The name of a file without its folders.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The `.BTF` section of an ELF file.
///
/// # Panics
///
/// If the file cannot be read or has no such section.
pub fn btf_of(path: &Path) -> Vec<u8> {
    let file = fs_err::File::open(path).expect("a file that can be read");
    // Of an image with debug info, only a few of many megabytes are wanted.
    let cache = ReadCache::new(file);
    let elf =
        object::File::parse(&cache).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let section = elf
        .section_by_name(".BTF")
        .unwrap_or_else(|| panic!("{}: no .BTF section", path.display()));
    section.data().expect("a section within the file").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_order_and_links_not_followed() {
        let scratch = crate::scratch::Scratch::new("real-kernel");
        let dir = scratch.path();
        fs_err::create_dir_all(dir.join("b/c")).unwrap();
        for name in ["z.ko", "b/vmlinux-1", "b/c/a.ko", "b/c/a.txt"] {
            fs_err::write(dir.join(name), "").unwrap();
        }
        std::os::unix::fs::symlink(dir, dir.join("b/loop")).unwrap();
        let kernel = RealKernel::below(dir);
        assert_eq!(kernel.vmlinux, dir.join("b/vmlinux-1"));
        assert_eq!(kernel.modules, [dir.join("b/c/a.ko"), dir.join("z.ko")]);
        let sample = |n| kernel.sample(n).map(file_name).collect::<Vec<_>>();
        assert_eq!(sample(1)[0], "a.ko");
        assert_eq!(sample(5), ["a.ko", "z.ko"]);
    }
}
