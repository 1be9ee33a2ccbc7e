//! The kernel's own BTF checks in user space.
//!
//! A kernel that refuses a module's BTF says so in one line of `dmesg`, long
//! after the build. This crate gives the same verdict beforehand: the same
//! first breach, the same error number, the same text, for a chosen release.
//!
//! ```
//! use btf_builder::{Btf, Endian, IntEncoding};
//! use btf_verify::{Options, Rule, Target, check_vmlinux};
//!
//! let mut btf = Btf::new_empty(Endian::Little);
//! btf.add_int("int", 4, IntEncoding::SIGNED)?;
//! let mut blob = btf.to_bytes();
//! let target = Target { endian: Endian::Little, pointer_size: 8 };
//! let options = Options { target, ..Options::default() };
//! assert!(check_vmlinux(&blob, &options).is_ok());
//!
//! blob[2] = 2;
//! let breach = check_vmlinux(&blob, &options).unwrap_err();
//! assert_eq!(breach.rule, Rule::Version);
//! assert_eq!(breach.line(), "Unsupported version");
//! # Ok::<(), btf_builder::Error>(())
//! ```
//!
//! # Phases
//!
//! | Phase | kernel | module | `.BTF.base` | program |
//! |---|:-:|:-:|:-:|:-:|
//! | H header and section map | ✔ | ✔ | ✔ | ✔ |
//! | S strings | ✔ | ✔ | ✔ | ✔ |
//! | Y layout, G type section | | | | ✔ |
//! | M each type by itself | ✔ | ✔ | ✔ | ✔ |
//! | R type graph | | | | ✔ |
//! | T modifier chains | ✔ | ✔ | ✔ | ✔ |
//! | B relocation | | with `.BTF.base` | | |
//!
//! BTF of the kernel itself never goes through phase R, so dangling ids and
//! members larger than their struct load without a word. [`lint()`](fn@lint) reports
//! these and more. [`base_fit`] tells whether a module was built against
//! another base, and against which; [`live`] asks the running kernel.
//!
//! Source: `kernel/bpf/btf.c` and `tools/lib/bpf/btf_relocate.c` of Linux.

mod breach;
mod chain;
mod check;
mod concat;
mod fit;
mod header;
mod lint;
#[cfg(target_os = "linux")]
pub mod live;
mod meta;
mod names;
mod raw;
mod relocate;
mod resolve;
mod rule;
mod version;

pub use crate::breach::{Breach, DmesgOptions};
pub use crate::check::{
    As, Checked, Options, ParseAsError, check_distilled_base, check_distilled_module, check_module,
    check_types, check_user, check_vmlinux,
};
pub use crate::concat::concatenate;
pub use crate::fit::{BaseFit, base_fit};
pub use crate::lint::{Lint, LintKind, Severity, lint};
pub use crate::raw::Target;
pub use crate::rule::{Errno, Rule};
pub use crate::version::{KernelVersion, ParseKernelVersionError};
