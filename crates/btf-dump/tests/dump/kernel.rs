//! The BTF of real kernels ([`test_kit::real_kernel`]).

use std::path::Path;
use std::sync::Arc;

use btf_builder::Btf;
use test_kit::real_kernel::{RealKernel, btf_of};
use test_kit::tool;

/// Whether `test` can use a program.
pub(crate) fn has_tool(test: &str, name: &str) -> bool {
    tool::find_or_skip(test, name).is_some()
}

/// A kernel and its modules.
pub(crate) struct Kernel {
    pub(crate) vmlinux: Vec<u8>,
    pub(crate) base: Arc<Btf>,
    files: RealKernel,
}

impl Kernel {
    /// All kernels there are.
    pub(crate) fn all(test: &str) -> impl Iterator<Item = Self> {
        RealKernel::all(test).map(|files| {
            let vmlinux = btf_of(&files.vmlinux);
            Self {
                base: Arc::new(Btf::parse(&vmlinux).unwrap()),
                vmlinux,
                files,
            }
        })
    }

    /// `n` modules, or all.
    pub(crate) fn sample(&self, n: usize) -> impl Iterator<Item = (&Path, Vec<u8>)> {
        self.files.sample(n).map(|path| (path, btf_of(path)))
    }
}
