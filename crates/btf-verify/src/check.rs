//! The phases in the order of each of the kernel's entry points.

use std::fmt;
use std::str::FromStr;

use crate::breach::{Breach, Phase, plain};
use crate::chain::check_chains;
use crate::header::{check_header, check_layout, check_strings, check_type_section};
use crate::meta::check_metas;
use crate::raw::{Raw, Target};
use crate::relocate::check_relocation;
use crate::resolve::{Mode, check_graph};
use crate::rule::{Errno, Rule};
use crate::version::KernelVersion;

/// `BTF_MAX_SIZE`, 16 MiB, for a program's BTF.
const MAX_USER_SIZE: usize = 16 << 20;

/// In which role the kernel meets the BTF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum As {
    /// The kernel's own BTF (`btf_parse_vmlinux`).
    Vmlinux,
    /// A module's `.BTF`, split against vmlinux or against its `.BTF.base`
    /// (`btf_parse_module`).
    Module,
    /// A module's `.BTF.base` by itself (`btf_parse_base`).
    DistilledBase,
    /// A program's BTF (`bpf(BPF_BTF_LOAD)`, `btf_parse`).
    User,
}

impl As {
    /// The word the command line uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vmlinux => "vmlinux",
            Self::Module => "module",
            Self::DistilledBase => "base",
            Self::User => "user",
        }
    }
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no role of a BTF: `{0}`; choose vmlinux, module, base or user")]
pub struct ParseAsError(String);

impl FromStr for As {
    type Err = ParseAsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Vmlinux, Self::Module, Self::DistilledBase, Self::User]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| ParseAsError(text.to_owned()))
    }
}

/// Whose rules apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Release of the kernel; the newest known by default.
    pub kernel: KernelVersion,
    /// Machine of the kernel; this one by default.
    pub target: Target,
}

/// A BTF that the kernel would accept, with the index the checks have built.
///
/// Serves as base for the checks of modules. Ids outside modifier chains may
/// still dangle: the kernel does not look.
#[derive(Debug)]
pub struct Checked<'a> {
    pub(crate) raw: Raw<'a>,
}

impl Checked<'_> {
    /// Number of type ids, those of the base and void included.
    pub fn n_types(&self) -> u32 {
        self.raw.n_types()
    }

    /// Number of types the blob itself holds.
    pub fn n_own_types(&self) -> u32 {
        self.raw.n_types() - self.raw.first_own().min(self.raw.n_types())
    }

    /// Length in bytes of the string sections, those of the bases included:
    /// the first string offset of a split BTF on top of this one.
    pub fn str_end(&self) -> u32 {
        self.raw.start_str + self.raw.hdr.str_len
    }
}

/// Checks the BTF of a kernel image, without looking at whether it is sorted:
/// the kernel does not either (see [`lint`](fn@crate::lint)).
///
/// # Errors
/// The first rule the kernel finds broken.
pub fn check_vmlinux<'a>(data: &'a [u8], options: &Options) -> Result<Checked<'a>, Box<Breach>> {
    let mut raw = begin(data, options, None)?;
    check_header(&mut raw, options.kernel)?;
    check_strings(&mut raw, options.kernel)?;
    check_metas(&mut raw, options.kernel)?;
    check_chains(&raw, options.kernel)?;
    Ok(Checked { raw })
}

/// Checks the `.BTF.base` section of a module by itself.
///
/// # Errors
/// The first rule the kernel finds broken, with
/// [`in_distilled_base`](Breach::in_distilled_base) set.
pub fn check_distilled_base<'a>(
    data: &'a [u8],
    options: &Options,
) -> Result<Checked<'a>, Box<Breach>> {
    check_vmlinux(data, options).map_err(|mut breach| {
        breach.in_distilled_base = true;
        breach
    })
}

/// Checks the `.BTF` section of a module against `base`, the kernel's BTF.
///
/// # Errors
/// The first rule the kernel finds broken.
pub fn check_module<'a>(
    data: &'a [u8],
    base: &'a Checked<'a>,
    options: &Options,
) -> Result<Checked<'a>, Box<Breach>> {
    let mut raw = begin(data, options, Some(&base.raw))?;
    check_header(&mut raw, options.kernel)?;
    check_strings(&mut raw, options.kernel)?;
    check_metas(&mut raw, options.kernel)?;
    check_chains(&raw, options.kernel)?;
    Ok(Checked { raw })
}

/// Checks a module that brings its own `.BTF.base`, already checked as
/// `distilled`, and whether it can be moved to `base`, the kernel's BTF.
///
/// Kernels before 6.11 do not know `.BTF.base` and read the `.BTF` section
/// against their own BTF; this does the same for them.
///
/// # Errors
/// The first rule the kernel finds broken.
pub fn check_distilled_module<'a>(
    data: &'a [u8],
    distilled: &'a Checked<'a>,
    base: &'a Checked<'a>,
    options: &Options,
) -> Result<Checked<'a>, Box<Breach>> {
    if !options.kernel.has_distilled_base() {
        return check_module(data, base, options);
    }
    let checked = check_module(data, distilled, options)?;
    check_relocation(&checked.raw, &base.raw)?;
    Ok(checked)
}

/// Checks the BTF of a program, with phase R.
///
/// Records of special fields (`bpf_spin_lock`, kptrs and the like), which the
/// kernel parses last, are not looked at.
///
/// # Errors
/// The first rule the kernel finds broken.
pub fn check_user<'a>(data: &'a [u8], options: &Options) -> Result<Checked<'a>, Box<Breach>> {
    if data.len() > MAX_USER_SIZE {
        return Err(plain(Rule::BlobTooBig, Errno::E2big, MAX_USER_SIZE, ""));
    }
    let mut raw = begin(data, options, None)?;
    check_header(&mut raw, options.kernel)?;
    check_strings(&mut raw, options.kernel)?;
    check_layout(&raw, options.kernel)?;
    check_type_section(&raw)?;
    check_metas(&mut raw, options.kernel)?;
    check_graph(&raw, Mode::Exact)?;
    check_chains(&raw, options.kernel)?;
    Ok(Checked { raw })
}

/// Runs phase R over a BTF that has passed the others, base included, as if
/// both were one program's BTF.
///
/// # Errors
/// The first rule found broken. A breach in the base has an id below the
/// split's first one.
pub fn check_types(checked: &Checked<'_>) -> Result<(), Box<Breach>> {
    check_graph(&checked.raw, Mode::Exact)
}

/// The kernel keeps blob lengths in 32 bits.
fn begin<'a>(data: &'a [u8], options: &Options, base: Option<&'a Raw<'a>>) -> Phase<Raw<'a>> {
    if u32::try_from(data.len()).is_err() {
        return Err(plain(Rule::BlobTooBig, Errno::E2big, 0, ""));
    }
    Ok(Raw::new(data, options.target, base))
}
