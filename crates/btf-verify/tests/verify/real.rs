//! Real kernels and modules: `SPLITBTF_KERNEL_DIR` and
//! `SPLITBTF_OTHER_KERNEL_DIR` each name a folder with one unpacked kernel,
//! whose `vmlinux*` and `*.ko` files have `.BTF` sections.

use std::path::{Path, PathBuf};

use btf_verify::{
    As, Errno, KernelVersion, LintKind, Options, base_fit, check_module, check_types,
    check_vmlinux, lint,
};

/// Says that a test cannot run here; fails if it must.
pub(crate) fn require(what: &str) {
    let required = std::env::var_os("SPLITBTF_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(
        !required,
        "{what} missing, and SPLITBTF_REQUIRE_TOOLS is set"
    );
    eprintln!("SKIP: {what} missing");
}

/// The BTF of one kernel and its modules.
pub(crate) struct Kernel {
    pub(crate) vmlinux: Vec<u8>,
    /// File names and BTF, sorted.
    pub(crate) modules: Vec<(String, Vec<u8>)>,
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

fn btf_of(path: &Path) -> Vec<u8> {
    let file = elf_io::FileMap::open(path).unwrap();
    let elf = elf_io::Elf::parse(file.bytes()).unwrap();
    let section = elf
        .section_by_name(".BTF")
        .expect("file has a .BTF section");
    elf.section_data(section).unwrap().into_owned()
}

impl Kernel {
    fn from_env(variable: &str) -> Option<Self> {
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
        Some(Self {
            vmlinux: btf_of(vmlinux),
            modules: files
                .iter()
                .filter(|path| name(path).ends_with(".ko"))
                .map(|path| (name(path), btf_of(path)))
                .collect(),
        })
    }

    pub(crate) fn first() -> Option<Self> {
        Self::from_env("SPLITBTF_KERNEL_DIR")
    }

    fn second() -> Option<Self> {
        Self::from_env("SPLITBTF_OTHER_KERNEL_DIR")
    }
}

/// The releases between which the rules differ, and the newest.
const RELEASES: [KernelVersion; 7] = [
    KernelVersion::V6_1,
    KernelVersion::V6_12,
    KernelVersion::V6_15,
    KernelVersion::V7_0,
    KernelVersion::V7_1,
    KernelVersion::V7_2,
    KernelVersion::LATEST,
];

#[test]
fn good_modules_pass_with_their_own_base() {
    for kernel in [Kernel::first(), Kernel::second()].into_iter().flatten() {
        let mut lints = std::collections::BTreeMap::new();
        for release in RELEASES {
            let options = Options {
                kernel: release,
                ..Options::default()
            };
            let base = check_vmlinux(&kernel.vmlinux, &options).unwrap();
            check_types(&base).unwrap();
            for (name, module) in &kernel.modules {
                let checked = check_module(module, &base, &options)
                    .unwrap_or_else(|breach| panic!("{name}: {breach}"));
                check_types(&checked).unwrap_or_else(|breach| panic!("{name}: {breach}"));
                let fit = base_fit(module, &base, &options).unwrap();
                assert!(!fit.is_wrong(), "{name}: {fit}");
                if release == KernelVersion::V6_12 {
                    for found in lint(&checked, As::Module, &options) {
                        let (count, _) = lints
                            .entry(found.kind)
                            .or_insert_with(|| (0, format!("{name}: {found}")));
                        *count += 1;
                    }
                }
            }
        }
        eprintln!("{} modules; lints: {lints:#?}", kernel.modules.len());
        for kind in [
            LintKind::DanglingId,
            LintKind::TypeGraph,
            LintKind::MemberFit,
            LintKind::MidString,
        ] {
            assert!(!lints.contains_key(&kind), "{:?}", lints[&kind]);
        }
    }
}

#[test]
fn modules_of_another_kernel_are_refused_and_recognised() {
    let (Some(first), Some(second)) = (Kernel::first(), Kernel::second()) else {
        return;
    };
    let options = Options {
        kernel: KernelVersion::V6_12,
        ..Options::default()
    };
    for (kernel, other) in [(&first, &second), (&second, &first)] {
        let base = check_vmlinux(&other.vmlinux, &options).unwrap();
        let right = check_vmlinux(&kernel.vmlinux, &options).unwrap();
        let mut reasons = std::collections::BTreeMap::new();
        let (mut n_str_len, mut n_types, mut n_accepted, mut unseen) = (0, 0, 0, Vec::new());
        for (name, module) in &kernel.modules {
            match check_module(module, &base, &options) {
                Ok(_) => n_accepted += 1,
                Err(breach) => {
                    assert!(matches!(breach.errno, Errno::Einval | Errno::Eloop));
                    *reasons.entry(breach.rule).or_insert(0) += 1;
                }
            }
            let fit = base_fit(module, &base, &options).unwrap();
            if !fit.is_wrong() {
                unseen.push(format!("{name}: {fit:?}"));
            }
            if let Some(len) = fit.meant_str_len {
                assert_eq!(len, right.str_end(), "{name}");
                n_str_len += 1;
            }
            if let Some(meant) = fit.meant_n_types {
                assert_eq!(meant, right.n_types(), "{name}");
                n_types += 1;
            }
        }
        eprintln!(
            "{} modules: {n_accepted} accepted, strings of the base known from {n_str_len}, \
             types from {n_types}; refused by {reasons:?}",
            kernel.modules.len()
        );
        // The kernel itself takes some: where the base it has is the larger
        // one, most offsets still lie inside some string.
        assert!(n_accepted < kernel.modules.len() / 2);
        assert_eq!(unseen, [""; 0]);
    }
}
