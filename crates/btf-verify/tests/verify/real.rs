//! Real kernels and modules ([`test_kit::real_kernel`]).

use btf_verify::{
    As, Errno, KernelVersion, LintKind, Options, base_fit, check_module, check_types,
    check_vmlinux, lint,
};
use test_kit::real_kernel::{RealKernel, btf_of, file_name};

/// The BTF of one kernel and its modules.
pub(crate) struct Kernel {
    pub(crate) vmlinux: Vec<u8>,
    /// File names and BTF, sorted.
    pub(crate) modules: Vec<(String, Vec<u8>)>,
}

impl Kernel {
    fn read(files: &RealKernel) -> Self {
        Self {
            vmlinux: btf_of(&files.vmlinux),
            modules: files
                .modules
                .iter()
                .map(|path| (file_name(path), btf_of(path)))
                .collect(),
        }
    }

    pub(crate) fn first(test: &str) -> Option<Self> {
        RealKernel::first(test).as_ref().map(Self::read)
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
    let kernels = RealKernel::all("good_modules_pass_with_their_own_base");
    for kernel in kernels.map(|files| Kernel::read(&files)) {
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
    let test = "modules_of_another_kernel_are_refused_and_recognised";
    let kernels: Vec<_> = RealKernel::all(test).collect();
    let [first, second] = &kernels[..] else {
        return;
    };
    let (first, second) = (Kernel::read(first), Kernel::read(second));
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
