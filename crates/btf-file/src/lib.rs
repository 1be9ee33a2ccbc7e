//! BTF in files: raw, in ELF, in sysfs, and the base that belongs to it.
//!
//! ```
//! use std::sync::Arc;
//! use btf_builder::{Btf, Endian, IntEncoding};
//!
//! # let dir = tempfile::tempdir()?;
//! # let build = dir.path();
//! # std::fs::create_dir(build.join("fs"))?;
//! let mut vmlinux = Btf::new_empty(Endian::NATIVE);
//! vmlinux.add_int("int", 4, IntEncoding::SIGNED)?;
//! std::fs::write(build.join("vmlinux"), vmlinux.to_bytes())?;
//! let mut module = Btf::new_split(Arc::new(vmlinux));
//! module.add_struct("mine", 4)?;
//! std::fs::write(build.join("fs/mine.btf"), module.to_bytes())?;
//!
//! // The base is found: it lies above the module, as in a build tree.
//! let module = btf_file::open(build.join("fs/mine.btf"))?;
//! assert!(module.find_by_name("int").is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A file is raw BTF, as in `/sys/kernel/btf`, or an ELF file with a section
//! `.BTF`; either may be compressed with gzip, xz or zstd. [`BtfFile`] is what is
//! read of it, before it is decided what a split BTF continues.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use btf_builder::{Btf, BtfExt, Endian};
use bytes::Bytes;
use elf_io::consts::EM_BPF;
use elf_io::{Elf, FileMap};

/// Where the running kernel shows its BTF: `vmlinux`, and one file a module.
pub const SYSFS: &str = "/sys/kernel/btf";

/// Why there is no BTF to be had of a file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it. It is part of this error's text.
    pub fault: Fault,
}

/// See [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is a damaged ELF file, or its compression is damaged.
    #[error(transparent)]
    Elf(#[from] elf_io::Error),
    /// It begins neither as ELF nor as BTF.
    #[error("neither an ELF file nor raw BTF")]
    NotBtf,
    /// An ELF file without `.BTF`.
    #[error("no .BTF section")]
    NoBtf {
        /// Whether it has DWARF, of which BTF can be made.
        has_dwarf: bool,
    },
    /// The BTF is malformed.
    #[error(transparent)]
    Btf(#[from] btf_builder::Error),
    /// The distilled base is malformed.
    #[error(".BTF.base: {0}")]
    DistilledBase(#[source] btf_builder::Error),
    /// The BTF is malformed, on a base that was found and not given: it may be
    /// that of another kernel.
    #[error("on the base {}: {error}", base.display())]
    OnBase {
        /// The base.
        base: PathBuf,
        /// What is wrong.
        error: btf_builder::Error,
    },
    /// A split BTF, for which [`find_base`] found nothing.
    #[error("is split BTF, and no vmlinux lies beside it or above it")]
    NoBase,
    /// A split BTF where a base is wanted.
    #[error(
        "is split BTF itself and cannot be a base; the base of modules is the BTF of their vmlinux"
    )]
    SplitBase,
}

/// As [`std::result::Result`], with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// For which machine an ELF file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Machine {
    /// Its byte order.
    pub endian: Endian,
    /// Bytes in a pointer, 4 or 8.
    pub pointer_size: u8,
    /// Whether it is an object for the BPF virtual machine.
    pub is_bpf: bool,
}

/// The BTF of one file, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BtfFile {
    /// The raw file, or the section `.BTF`.
    pub btf: Vec<u8>,
    /// The section `.BTF.base`, if there is one: the ids of `btf` are those of
    /// a BTF on it.
    pub distilled: Option<Vec<u8>>,
    /// The section `.BTF.ext`, if there is one.
    pub ext: Option<Vec<u8>>,
    /// What the ELF header says; `None` of a raw file.
    pub machine: Option<Machine>,
}

impl BtfFile {
    /// Reads the BTF of a raw or an ELF file.
    ///
    /// # Errors
    /// [`Error`] with [`Fault::Io`], [`Fault::Elf`], [`Fault::NotBtf`] or
    /// [`Fault::NoBtf`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::read_inner(path).map_err(at(path))
    }

    fn read_inner(path: &Path) -> Result<Self, Fault> {
        // sysfs files cannot be mapped before Linux 6.16, and are small enough
        // to be read.
        if path.starts_with(SYSFS) {
            return Self::from_bytes(&fs::read(path)?);
        }
        let file = FileMap::open(path).map_err(|error| match error.kind() {
            elf_io::ErrorKind::Io(io) => Fault::Io(without_path(path, io)),
            _ => error.into(),
        })?;
        Self::from_bytes(file.bytes())
    }

    /// As [`read`](Self::read), of the contents of a file.
    ///
    /// # Errors
    /// [`Fault::Elf`], [`Fault::NotBtf`] or [`Fault::NoBtf`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Fault> {
        if is_btf(bytes) {
            return Ok(Self {
                btf: bytes.to_vec(),
                distilled: None,
                ext: None,
                machine: None,
            });
        }
        if !bytes.starts_with(b"\x7fELF") {
            return Err(Fault::NotBtf);
        }
        let elf = Elf::parse(bytes)?;
        let section = |name: &str| -> Result<Option<Vec<u8>>, Fault> {
            match elf.section_by_name(name) {
                Some(idx) => Ok(Some(elf.section_data(idx)?.into_owned())),
                None => Ok(None),
            }
        };
        let btf = section(".BTF")?.ok_or_else(|| Fault::NoBtf {
            has_dwarf: elf.section_by_name(".debug_info").is_some(),
        })?;
        let encoding = elf.encoding();
        Ok(Self {
            btf,
            distilled: section(".BTF.base")?,
            ext: section(".BTF.ext")?,
            machine: Some(Machine {
                endian: if encoding.big_endian {
                    Endian::Big
                } else {
                    Endian::Little
                },
                pointer_size: encoding.address_size(),
                is_bpf: elf.machine() == EM_BPF.0,
            }),
        })
    }

    /// The byte order of the BTF, by its magic.
    pub fn endian(&self) -> Endian {
        if self.btf.starts_with(&BIG_MAGIC) {
            Endian::Big
        } else {
            Endian::Little
        }
    }

    /// Whether the BTF continues a base: its strings do not begin with the
    /// empty string that every complete BTF begins with.
    pub fn is_split(&self) -> bool {
        first_string_byte(&self.btf).is_none_or(|byte| byte != 0)
    }

    /// Parses the BTF: a split one on the distilled base of its own file if it
    /// has one, else on `base`. Where the file says how large pointers are, the
    /// BTF is told.
    ///
    /// # Errors
    /// [`Fault::Btf`], [`Fault::DistilledBase`], or [`Fault::NoBase`] for a split
    /// BTF without either base.
    pub fn parse(&self, base: Option<&Arc<Btf>>) -> Result<Btf, Fault> {
        let mut btf = match (&self.distilled, base) {
            _ if !self.is_split() => Btf::parse(&self.btf)?,
            // The ids are those of the distilled base, whatever else is given.
            (Some(distilled), _) => {
                let distilled = Btf::parse(distilled).map_err(Fault::DistilledBase)?;
                Btf::parse_split(&self.btf, Arc::new(distilled))?
            }
            (None, Some(base)) => Btf::parse_split(&self.btf, Arc::clone(base))?,
            (None, None) => return Err(Fault::NoBase),
        };
        if let Some(machine) = self.machine {
            btf.set_pointer_size(machine.pointer_size)?;
        }
        Ok(btf)
    }

    /// As [`parse`](Self::parse), with the base that [`find_base`] finds for
    /// `path`, which this was read from.
    ///
    /// # Errors
    /// [`Error`], also for the base.
    pub fn parse_finding_base(&self, path: impl AsRef<Path>) -> Result<Btf> {
        let path = path.as_ref();
        if !self.is_split() || self.distilled.is_some() {
            return self.parse(None).map_err(at(path));
        }
        let found = find_base(path).ok_or(Fault::NoBase).map_err(at(path))?;
        let base = open_base(&found)?;
        self.parse(Some(&base)).map_err(|fault| Error {
            path: path.to_owned(),
            fault: match fault {
                Fault::Btf(error) => Fault::OnBase { base: found, error },
                fault => fault,
            },
        })
    }

    /// Parses the section `.BTF.ext`, `None` without one.
    ///
    /// # Errors
    /// [`Fault::Btf`].
    pub fn parse_ext(&self) -> Result<Option<BtfExt>, Fault> {
        let ext = self.ext.as_deref().map(BtfExt::parse);
        Ok(ext.transpose()?)
    }
}

/// The BTF of a file. A split BTF is parsed on the distilled base of its own
/// file, or else on the vmlinux that [`find_base`] finds.
///
/// # Errors
/// [`Error`], with [`Fault::NoBase`] if there is no base to be found.
pub fn open(path: impl AsRef<Path>) -> Result<Btf> {
    let path = path.as_ref();
    BtfFile::read(path)?.parse_finding_base(path)
}

/// The BTF of a file that is complete in itself: a base.
///
/// # Errors
/// [`Error`], with [`Fault::SplitBase`] if it is split BTF.
pub fn open_base(path: impl AsRef<Path>) -> Result<Arc<Btf>> {
    let path = path.as_ref();
    let file = BtfFile::read(path)?;
    if file.is_split() {
        return Err(at(path)(Fault::SplitBase));
    }
    file.parse(None).map(Arc::new).map_err(at(path))
}

/// As [`open_base`], with the file mapped for as long as the BTF lives, so that
/// next to nothing of it is copied ([`Btf::parse_shared`]). For a process that
/// has a short life and needs little of a large base.
///
/// # Errors
/// As [`open_base`].
pub fn map_base(path: impl AsRef<Path>) -> Result<Arc<Btf>> {
    let path = path.as_ref();
    match map_raw(path) {
        Some(parsed) => parsed.map(Arc::new).map_err(at(path)),
        None => open_base(path),
    }
}

/// `None` where there is nothing to be shared, or something to be said by the
/// one who reads the file whole.
fn map_raw(path: &Path) -> Option<Result<Btf, Fault>> {
    // What a pipe gives can be had once only.
    if path.starts_with(SYSFS) || !path.metadata().ok()?.is_file() {
        return None;
    }
    let map = FileMap::open(path).ok()?;
    let (range, pointer_size) = if is_btf(map.bytes()) {
        (0..map.bytes().len(), None)
    } else {
        let elf = Elf::parse(map.bytes()).ok()?;
        let idx = elf.section_by_name(".BTF")?;
        let Cow::Borrowed(data) = elf.section_data(idx).ok()? else {
            return None;
        };
        let start = usize::try_from(elf.sections().get(idx.index())?.offset).ok()?;
        let range = start..start.checked_add(data.len())?;
        (range, Some(elf.encoding().address_size()))
    };
    map.advise_populate(range.clone());
    let data = Bytes::from_owner(map).slice(range);
    if first_string_byte(&data) != Some(0) {
        return None;
    }
    let parse = || {
        let mut btf = Btf::parse_shared(&data)?;
        if let Some(size) = pointer_size {
            btf.set_pointer_size(size)?;
        }
        Ok(btf)
    };
    Some(parse())
}

/// The split BTF of a file, on `base`; one on a distilled base is relocated to
/// `base` (libbpf `btf__parse_split`).
///
/// # Errors
/// [`Error`], also if the relocation fails.
pub fn open_split(path: impl AsRef<Path>, base: &Arc<Btf>) -> Result<Btf> {
    let path = path.as_ref();
    let file = BtfFile::read(path)?;
    let parse = || {
        let mut btf = file.parse(Some(base))?;
        if file.is_split() && file.distilled.is_some() {
            btf.relocate(Arc::clone(base))?;
        }
        Ok(btf)
    };
    parse().map_err(at(path))
}

/// The first file that is likely the base of the split BTF in `path`.
///
/// A module in sysfs continues the vmlinux beside it. In a build tree, vmlinux
/// lies in a folder above the module. An installed module is
/// `PREFIX/lib/modules/RELEASE/…`, and its vmlinux is that of the running
/// kernel, if that is of this release, or lies in `boot`.
pub fn find_base(path: impl AsRef<Path>) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let running = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    guesses(&path, running.trim())
        .into_iter()
        .find(|guess| guess.is_file())
}

fn at(path: &Path) -> impl FnOnce(Fault) -> Error {
    let path = path.to_owned();
    move |fault| Error { path, fault }
}

/// What the system says about a file that could not be read; `error` says it
/// with the path, which is in our text already.
fn without_path(path: &Path, error: &io::Error) -> io::Error {
    match fs::File::open(path) {
        Err(plain) => plain,
        Ok(_) => {
            let text = error.to_string();
            let path = format!("{}: ", path.display());
            let text = text.strip_prefix(&path).unwrap_or(&text);
            io::Error::new(error.kind(), text)
        }
    }
}

const LITTLE_MAGIC: [u8; 2] = btf_builder::MAGIC.to_le_bytes();
const BIG_MAGIC: [u8; 2] = btf_builder::MAGIC.to_be_bytes();

/// Whether `bytes` begin with the BTF magic, in either byte order.
fn is_btf(bytes: &[u8]) -> bool {
    bytes.starts_with(&LITTLE_MAGIC) || bytes.starts_with(&BIG_MAGIC)
}

/// The first byte of the string section of a BTF; `None` if the section is
/// empty. 0 if the blob ends before it, as it does in a damaged one: that is for
/// parsing to say, and not to be taken for a BTF that lacks its base.
fn first_string_byte(btf: &[u8]) -> Option<u8> {
    let little = btf.starts_with(&LITTLE_MAGIC);
    let field = |at: usize| {
        let bytes: [u8; 4] = btf.get(at..at + 4)?.try_into().ok()?;
        let value = if little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        };
        usize::try_from(value).ok()
    };
    if field(20) == Some(0) {
        return None;
    }
    let start = || field(4)?.checked_add(field(16)?);
    let byte = start().and_then(|start| btf.get(start).copied());
    Some(byte.unwrap_or(0))
}

/// Where the base of a module may be, the most likely first.
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
        let mut name = OsString::from("vmlinux-");
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
        let read = |bytes: &[u8]| BtfFile::from_bytes(bytes).unwrap().is_split();
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
            let cut = BtfFile::from_bytes(&whole[..len]).unwrap();
            assert!(!cut.is_split(), "{len} of {} bytes", whole.len());
            assert!(cut.parse(None).is_err());
        }
    }

    #[test]
    fn a_file_that_is_nothing_is_said_to_be() {
        let error = |bytes: &[u8]| BtfFile::from_bytes(bytes).unwrap_err().to_string();
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

        assert_eq!(open(&module).unwrap().n_own_types(), 1);
        let error = open_base(&module).unwrap_err();
        assert!(matches!(error.fault, Fault::SplitBase), "{error}");
    }

    #[test]
    fn an_error_names_its_file_once() {
        let error = open("/there/is/none").unwrap_err().to_string();
        assert_eq!(
            error,
            "/there/is/none: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn a_wrong_base_that_was_found_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut larger = base();
        let int = larger.find_by_name("int").unwrap();
        for name in ["a", "b"] {
            larger.add_typedef(name, int).unwrap();
        }
        let last = larger.find_by_name("b").unwrap();
        let mut split = Btf::new_split(Arc::new(larger));
        split.add_ptr(last).unwrap();
        fs::write(dir.path().join("vmlinux"), base().to_bytes()).unwrap();
        let module = dir.path().join("m.btf");
        fs::write(&module, split.to_bytes()).unwrap();
        let error = open(&module).unwrap_err();
        assert!(matches!(error.fault, Fault::OnBase { .. }), "{error}");
        assert!(error.to_string().contains("vmlinux"), "{error}");
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
