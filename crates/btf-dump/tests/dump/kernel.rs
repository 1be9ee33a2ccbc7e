//! Real kernels: `SPLITBTF_KERNEL_DIR` and `SPLITBTF_OTHER_KERNEL_DIR` each
//! name a folder with one unpacked kernel, whose `vmlinux*` and `*.ko` files
//! have `.BTF` sections. `SPLITBTF_ALL_MODULES=1` takes all modules where
//! otherwise a sample is enough.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use btf_builder::Btf;

/// Says that a test cannot run here; fails if it must.
pub(crate) fn require(what: &str) {
    let required = std::env::var_os("SPLITBTF_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(
        !required,
        "{what} missing, and SPLITBTF_REQUIRE_TOOLS is set"
    );
    eprintln!("SKIP: {what} missing");
}

/// Whether a program starts.
pub(crate) fn has_tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok();
    if !found {
        require(name);
    }
    found
}

/// A kernel and its modules.
pub(crate) struct Kernel {
    pub(crate) vmlinux: Vec<u8>,
    pub(crate) base: Arc<Btf>,
    pub(crate) modules: Vec<PathBuf>,
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

pub(crate) fn btf_of(path: &Path) -> Vec<u8> {
    let file = elf_io::FileMap::open(path).unwrap();
    let elf = elf_io::Elf::parse(file.bytes()).unwrap();
    let section = elf
        .section_by_name(".BTF")
        .expect("file has a .BTF section");
    elf.section_data(section).unwrap().into_owned()
}

impl Kernel {
    pub(crate) fn from_env(variable: &str) -> Option<Self> {
        let Some(dir) = std::env::var_os(variable) else {
            require(variable);
            return None;
        };
        let mut files = Vec::new();
        files_below(Path::new(&dir), &mut files);
        files.sort();
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let vmlinux = files
            .iter()
            .find(|path| name(path).starts_with("vmlinux"))
            .expect("a vmlinux in the folder");
        let vmlinux = btf_of(vmlinux);
        let base = Arc::new(Btf::parse(&vmlinux).unwrap());
        files.retain(|path| name(path).ends_with(".ko"));
        Some(Self {
            vmlinux,
            base,
            modules: files,
        })
    }

    /// All modules, or every `step`-th.
    pub(crate) fn sample(&self, step: usize) -> impl Iterator<Item = (&Path, Vec<u8>)> {
        let all = std::env::var_os("SPLITBTF_ALL_MODULES").is_some_and(|value| value == "1");
        self.modules
            .iter()
            .step_by(if all { 1 } else { step })
            .map(|path| (path.as_path(), btf_of(path)))
    }
}
