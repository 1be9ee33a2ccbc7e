//! Reading BTF from files: raw or in an ELF file, with the base found where none is given.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use btf_builder::{Btf, Endian, HDR_LEN};
use elf_io::consts::EM_BPF;
use elf_io::{Elf, FileMap};

use crate::report;

/// Where the running kernel shows its BTF.
const SYSFS: &str = "/sys/kernel/btf";

/// The BTF of one file, as bytes.
#[derive(Debug)]
pub(crate) struct BtfBytes {
    /// The raw file, or the section `.BTF`.
    pub(crate) btf: Vec<u8>,
    /// The section `.BTF.base`, if there is one.
    pub(crate) distilled: Option<Vec<u8>>,
    /// What the ELF header says; `None` of a raw file.
    pub(crate) elf: Option<Machine>,
}

/// An ELF file has no BTF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no .BTF section{}", if *.has_dwarf {
    "; it has DWARF, so that `splitbtf encode` can make one"
} else {
    ", nor DWARF to make one from"
})]
pub(crate) struct NoBtf {
    pub(crate) has_dwarf: bool,
}

/// For which machine an ELF file is, and what kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) endian: Endian,
    /// Bytes in a pointer.
    pub(crate) pointer_size: u32,
    /// Whether it is an object for the BPF virtual machine.
    pub(crate) is_bpf: bool,
}

impl BtfBytes {
    /// Reads the BTF of an ELF file (compressed or not) or of a raw file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        Self::read_inner(path).with_context(|| path.display().to_string())
    }

    fn read_inner(path: &Path) -> anyhow::Result<Self> {
        // sysfs files cannot be mapped before Linux 6.16, and are small enough to be read.
        if path.starts_with(SYSFS) {
            return Self::from_bytes(&fs::read(path)?);
        }
        let file = FileMap::open(path).map_err(|error| without_path(path, error))?;
        Self::from_bytes(file.bytes())
    }

    fn from_bytes(bytes: &[u8]) -> anyhow::Result<Self> {
        if is_btf(bytes) {
            return Ok(Self {
                btf: bytes.to_vec(),
                distilled: None,
                elf: None,
            });
        }
        if !bytes.starts_with(b"\x7fELF") {
            bail!("neither an ELF file nor raw BTF");
        }
        let elf = Elf::parse(bytes)?;
        let section = |name: &str| -> anyhow::Result<Option<Vec<u8>>> {
            match elf.section_by_name(name) {
                Some(idx) => Ok(Some(elf.section_data(idx).map(Cow::into_owned)?)),
                None => Ok(None),
            }
        };
        let Some(btf) = section(".BTF")? else {
            return Err(NoBtf {
                has_dwarf: elf.section_by_name(".debug_info").is_some(),
            }
            .into());
        };
        let encoding = elf.encoding();
        let machine = Machine {
            endian: if encoding.big_endian {
                Endian::Big
            } else {
                Endian::Little
            },
            pointer_size: if encoding.is_64 { 8 } else { 4 },
            is_bpf: elf.machine() == EM_BPF.0,
        };
        Ok(Self {
            btf,
            distilled: section(".BTF.base")?,
            elf: Some(machine),
        })
    }

    /// The byte order of the BTF, by its magic.
    pub(crate) fn endian(&self) -> Endian {
        if self.btf.starts_with(&[0xeb, 0x9f]) {
            Endian::Big
        } else {
            Endian::Little
        }
    }

    /// Whether the BTF continues a base: its strings do not begin with the empty string
    /// that every complete BTF begins with.
    pub(crate) fn is_split(&self) -> bool {
        first_string_byte(&self.btf).is_none_or(|byte| byte != 0)
    }
}

/// An error of `elf_io` for a message that already begins with the path.
fn without_path(path: &Path, error: elf_io::Error) -> anyhow::Error {
    match error.kind() {
        elf_io::ErrorKind::Io(io) => anyhow!("{}", report::system_message(path, io)),
        _ => anyhow!(error),
    }
}

/// Whether `bytes` begin with the BTF magic, in either byte order.
fn is_btf(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x9f, 0xeb]) || bytes.starts_with(&[0xeb, 0x9f])
}

/// The first byte of the string section of a BTF; `None` if the section is empty. 0 if the blob ends before it, as it
/// does in a damaged one: that is for parsing to say, and not to be taken for a BTF that lacks its base.
fn first_string_byte(btf: &[u8]) -> Option<u8> {
    let little = btf.starts_with(&[0x9f, 0xeb]);
    let field = |at: usize| {
        let bytes: [u8; 4] = btf.get(at..at + 4)?.try_into().ok()?;
        let value = if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        };
        usize::try_from(value).ok()
    };
    debug_assert!(HDR_LEN as usize == 24);
    if field(20) == Some(0) {
        return None;
    }
    let start = || field(4)?.checked_add(field(16)?);
    let byte = start().and_then(|start| btf.get(start).copied());
    Some(byte.unwrap_or(0))
}

/// A parsed BTF and the bytes it comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) btf: Arc<Btf>,
    pub(crate) bytes: BtfBytes,
}

/// Parses the BTF of a file that is complete in itself: a base.
pub(crate) fn load_base(path: &Path) -> anyhow::Result<Arc<Btf>> {
    parse_base(path, &BtfBytes::read(path)?)
}

/// Parses `bytes`, the contents of `path`, as a base.
pub(crate) fn parse_base(path: &Path, bytes: &BtfBytes) -> anyhow::Result<Arc<Btf>> {
    check_base(path, bytes)?;
    let btf = Btf::parse(&bytes.btf).with_context(|| path.display().to_string())?;
    Ok(Arc::new(btf))
}

/// Fails if `bytes` need a base of their own.
pub(crate) fn check_base(path: &Path, bytes: &BtfBytes) -> anyhow::Result<()> {
    if bytes.is_split() {
        bail!(
            "{}: is split BTF itself and cannot be a base; the base of modules is the BTF of \
             their vmlinux",
            path.display()
        );
    }
    Ok(())
}

/// Parses the BTF of a file, on `base` if it is split.
///
/// Without `base`, a split BTF gets the distilled base of its own file, or else that of the
/// vmlinux that [`guesses`] leads to.
pub(crate) fn load(path: &Path, base: Option<&Arc<Btf>>) -> anyhow::Result<Loaded> {
    let bytes = BtfBytes::read(path)?;
    let at = || path.display().to_string();
    if !bytes.is_split() {
        let btf = Arc::new(Btf::parse(&bytes.btf).with_context(at)?);
        return Ok(Loaded { btf, bytes });
    }
    let (base, found_base) = match (&bytes.distilled, base) {
        // Ids of such a module are those of its distilled base, whatever else is given.
        (Some(distilled), _) => {
            let base = Btf::parse(distilled).with_context(|| format!("{}: .BTF.base", at()))?;
            (Arc::new(base), None)
        }
        (None, Some(base)) => (Arc::clone(base), None),
        (None, None) => {
            let found = find_base(path).ok_or_else(|| no_base(path))?;
            (load_base(&found)?, Some(found))
        }
    };
    let btf = Btf::parse_split(&bytes.btf, base).with_context(|| match &found_base {
        Some(found) => format!("{}: on the base {}", path.display(), found.display()),
        None => at(),
    })?;
    Ok(Loaded {
        btf: Arc::new(btf),
        bytes,
    })
}

/// The error for a split BTF whose base is neither given nor found.
pub(crate) fn no_base(path: &Path) -> anyhow::Error {
    anyhow!(
        "{}: is split BTF, and no vmlinux lies beside it or above it; give its base with --base",
        path.display()
    )
}

/// The first file that is likely the base of the split BTF in `path`.
pub(crate) fn find_base(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let running = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    guesses(&path, running.trim())
        .into_iter()
        .find(|guess| guess.is_file())
}

/// Where the base of a module may be, the most likely first.
///
/// A module in sysfs continues the vmlinux beside it. In a build tree vmlinux lies in a
/// folder above the module. An installed module is `PREFIX/lib/modules/RELEASE/…`, and its
/// vmlinux is that of the running kernel, if that is of this release, or lies in `boot`.
fn guesses(path: &Path, running: &str) -> Vec<PathBuf> {
    let mut guesses = Vec::new();
    let sysfs = Path::new(SYSFS).join("vmlinux");
    if path.starts_with(SYSFS) {
        guesses.push(sysfs);
        return guesses;
    }
    guesses.extend(path.ancestors().skip(1).map(|dir| dir.join("vmlinux")));
    for dir in path.ancestors() {
        let Some(release) = dir.file_name() else {
            continue;
        };
        let Some(modules) = dir.parent().filter(|dir| dir.ends_with("lib/modules")) else {
            continue;
        };
        if release == OsStr::new(running) {
            guesses.push(sysfs);
        }
        let mut name = std::ffi::OsString::from("vmlinux-");
        name.push(release);
        // `PREFIX/lib/modules` and `PREFIX/usr/lib/modules` share `PREFIX/boot`.
        for prefix in modules.ancestors().skip(2).take(2) {
            guesses.push(prefix.join("boot").join(&name));
        }
        let mut debug = PathBuf::from("/usr/lib/debug/boot");
        debug.push(&name);
        guesses.push(debug);
        break;
    }
    guesses.retain(|guess| guess.components().next() == Some(Component::RootDir));
    guesses
}

#[cfg(test)]
mod tests {
    use btf_builder::IntEncoding;

    use super::*;

    fn base() -> Btf {
        let mut base = Btf::new_empty(Endian::Little);
        base.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        base
    }

    #[test]
    fn split_btf_is_told_by_its_strings() {
        let read = |bytes: &[u8]| BtfBytes::from_bytes(bytes).unwrap().is_split();
        for endian in [Endian::Little, Endian::Big] {
            let mut base = base();
            base.set_endian(endian);
            assert!(!read(&base.to_bytes()));
            let mut split = Btf::new_split(Arc::new(base));
            // Nothing of its own: a bare header.
            assert!(read(&split.to_bytes()));
            split.add_struct("s", 4).unwrap();
            assert!(read(&split.to_bytes()));
        }
    }

    #[test]
    fn btf_that_is_cut_off_is_not_taken_for_split() {
        let whole = base().to_bytes();
        for len in 2..whole.len() {
            let cut = BtfBytes::from_bytes(&whole[..len]).unwrap();
            assert!(!cut.is_split(), "{len} of {} bytes", whole.len());
            assert!(parse_base(Path::new("cut"), &cut).is_err());
        }
    }

    #[test]
    fn a_file_that_is_nothing_is_said_to_be() {
        let error = |bytes: &[u8]| BtfBytes::from_bytes(bytes).unwrap_err().to_string();
        assert_eq!(error(b""), "neither an ELF file nor raw BTF");
        assert_eq!(error(b"#!/bin/sh"), "neither an ELF file nor raw BTF");
    }

    #[test]
    fn a_module_of_a_build_tree_finds_the_vmlinux_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let module = dir.path().join("drivers/net");
        fs::create_dir_all(&module).unwrap();
        fs::write(dir.path().join("vmlinux"), base().to_bytes()).unwrap();
        let mut split = Btf::new_split(Arc::new(base()));
        split.add_struct("s", 4).unwrap();
        let module = module.join("m.btf");
        fs::write(&module, split.to_bytes()).unwrap();

        let loaded = load(&module, None).unwrap();
        assert_eq!(loaded.btf.n_own_types(), 1);
        let error = load_base(&module).unwrap_err().to_string();
        assert!(error.contains("is split BTF itself"), "{error}");
    }

    #[test]
    fn an_installed_module_finds_its_own_release() {
        let module = Path::new("/usr/lib/debug/lib/modules/6.12-x/kernel/fs/ext4/ext4.ko");
        let guesses = guesses(module, "6.12-x");
        let at = |name: &str| guesses.iter().position(|guess| guess == Path::new(name));
        assert!(
            at("/usr/lib/debug/boot/vmlinux-6.12-x").is_some(),
            "{guesses:?}"
        );
        assert!(at("/usr/lib/debug/lib/modules/6.12-x/vmlinux") < at("/sys/kernel/btf/vmlinux"));
        assert!(!super::guesses(module, "6.1").contains(&"/sys/kernel/btf/vmlinux".into()));
    }

    #[test]
    fn a_module_in_sysfs_continues_the_running_kernel() {
        let module = Path::new("/sys/kernel/btf/ext4");
        assert_eq!(
            guesses(module, "x"),
            [PathBuf::from("/sys/kernel/btf/vmlinux")]
        );
    }
}
