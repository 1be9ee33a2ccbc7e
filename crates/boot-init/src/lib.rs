//! A booted kernel as judge of modules and their BTF.
//!
//! The kernel is the only full authority on which module BTF it accepts, and
//! it can be asked without hardware: boot it in an emulator with an initramfs
//! whose `/init` (this package's binary) loads modules and reports what
//! became of each. This library is the other side: it prepares the modules
//! ([`KernelModule`]), packs the initramfs ([`Image`]) with a plan of what to
//! do ([`Step`]), boots it ([`Machine`]) and reads the report ([`Report`]).
//!
//! Two obstacles are in the way of a clear answer, and both are removed here:
//!
//! - Most modules refuse to initialise without their hardware and are gone
//!   before anybody can look. The pointer to the init function is one
//!   relocation in `.gnu.linkonce.this_module`;
//!   [`KernelModule::without_init`] removes it, and the module loads for good,
//!   BTF checks included.
//! - A kernel with `CONFIG_MODULE_ALLOW_BTF_MISMATCH`, such as Debian's, loads
//!   a module whose BTF it refused. But it drops the BTF, so
//!   `/sys/kernel/btf/<module>` is missing then.

mod image;
mod machine;
mod module;
mod plan;
mod report;
mod sysfs;

pub use crate::image::Image;
pub use crate::machine::{Machine, build_init};
pub use crate::module::{KernelModule, ModuleError, load_order};
pub use crate::plan::Step;
pub use crate::report::{BtfSeen, Loaded, Report, ReportError, Traced, Verdict};
pub use crate::sysfs::is_relocated;
