//! `btf__parse*` and `btf__load_*_btf`: BTF from raw and ELF files.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use btf_builder::{BtfExt, MAGIC};
use elf_io::{Elf, FileMap};

use crate::ext::CBtfExt;
use crate::handle::{CBtf, bytes_of};
use crate::result::{Errno, LIBBPF_ERRNO_FORMAT, boxed};

/// Where distributions put vmlinux, with the release in the place of `%`.
const VMLINUX_PATHS: [&str; 7] = [
    "/boot/vmlinux-%",
    "/lib/modules/%/vmlinux-%",
    "/lib/modules/%/build/vmlinux",
    "/usr/lib/modules/%/kernel/vmlinux",
    "/usr/lib/debug/boot/vmlinux-%",
    "/usr/lib/debug/boot/vmlinux-%.debug",
    "/usr/lib/debug/lib/modules/%/vmlinux",
];

/// What a file may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Raw,
    Elf,
    Any,
}

/// # Safety
/// `path` is NUL-terminated and outlives the result.
unsafe fn path_of<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: as this function's contract has it.
    Path::new(OsStr::from_bytes(unsafe { bytes_of(path) }))
}

fn open(path: &Path) -> Result<FileMap, Errno> {
    FileMap::open(path).map_err(|err| match err.kind() {
        elf_io::ErrorKind::Io(err) => os_error(err),
        _ => Errno(libc::EIO),
    })
}

/// The errno of an error that was given a message, and so lost its number.
fn os_error(err: &std::io::Error) -> Errno {
    use std::io::ErrorKind;
    Errno(err.raw_os_error().unwrap_or(match err.kind() {
        ErrorKind::NotFound => libc::ENOENT,
        ErrorKind::PermissionDenied => libc::EACCES,
        ErrorKind::IsADirectory => libc::EISDIR,
        ErrorKind::NotADirectory => libc::ENOTDIR,
        ErrorKind::OutOfMemory => libc::ENOMEM,
        _ => libc::EIO,
    }))
}

/// # Safety
/// `base` is null or a live handle.
unsafe fn parse(
    path: &Path,
    base: *mut CBtf,
    form: Form,
    want_ext: bool,
) -> Result<(Box<CBtf>, Option<Box<CBtfExt>>), Errno> {
    let file = open(path)?;
    let data = file.bytes();
    if form != Form::Elf {
        let &[a, b, ..] = data else {
            return Err(Errno(libc::EIO));
        };
        if u16::from_le_bytes([a, b]) == MAGIC || u16::from_be_bytes([a, b]) == MAGIC {
            // SAFETY: as this function's contract has it.
            return Ok((unsafe { CBtf::parse(data, base) }?, None));
        }
        if form == Form::Raw {
            return Err(Errno(libc::EPROTO));
        }
    }
    // SAFETY: as this function's contract has it.
    unsafe { parse_elf(data, base, want_ext) }
}

/// # Safety
/// `base` is null or a live handle.
unsafe fn parse_elf(
    data: &[u8],
    base: *mut CBtf,
    want_ext: bool,
) -> Result<(Box<CBtf>, Option<Box<CBtfExt>>), Errno> {
    let format = |_| Errno(LIBBPF_ERRNO_FORMAT);
    let elf = Elf::parse(data).map_err(format)?;
    let section = |name| {
        let Some(idx) = elf.section_by_name(name) else {
            return Ok(None);
        };
        elf.section_data(idx).map(Some).map_err(format)
    };
    let btf_data = section(".BTF")?.ok_or(Errno(libc::ENODATA))?;
    let distilled = match section(".BTF.base")? {
        // SAFETY: no base.
        Some(data) => Some(unsafe { CBtf::parse(&data, ptr::null_mut()) }?),
        None => None,
    };
    let mut btf = match distilled {
        None => {
            // SAFETY: as this function's contract has it.
            unsafe { CBtf::parse(&btf_data, base) }?
        }
        Some(mut distilled) => {
            // SAFETY: just made.
            let mut btf = unsafe { CBtf::parse(&btf_data, &raw mut *distilled) }?;
            // SAFETY: as this function's contract has it.
            match unsafe { CBtf::base_arc(base) } {
                Some(real) => {
                    btf.inner_mut()?.relocate(real)?;
                    btf.base = base;
                }
                None => {
                    btf.base = Box::into_raw(distilled);
                    btf.owns_base = true;
                }
            }
            btf
        }
    };
    btf.settings_mut()
        .set_pointer_size(elf.encoding().address_size())?;
    let ext = match section(".BTF.ext")? {
        Some(data) if want_ext => BtfExt::parse(&data).map(|ext| Some(CBtfExt::new(ext))),
        _ => Ok(None),
    };
    match ext {
        Ok(ext) => Ok((btf, ext)),
        Err(err) => {
            // SAFETY: not handed out yet; this frees a base it owns, too.
            unsafe { CBtf::free(Box::into_raw(btf)) };
            Err(err.into())
        }
    }
}

/// # Safety
/// `path` is NUL-terminated, `base` null or a live handle, `btf_ext` null or
/// writable.
unsafe fn parse_c(
    path: *const c_char,
    base: *mut CBtf,
    form: Form,
    btf_ext: *mut *mut CBtfExt,
) -> *mut CBtf {
    if !btf_ext.is_null() {
        // SAFETY: not null, so writable by this function's contract.
        unsafe { *btf_ext = ptr::null_mut() };
    }
    // SAFETY: as this function's contract has it.
    let parsed = unsafe { parse(path_of(path), base, form, !btf_ext.is_null()) };
    boxed(parsed.map(|(btf, ext)| {
        if let Some(ext) = ext {
            // SAFETY: an extension is only made if there is a place for it.
            unsafe { *btf_ext = Box::into_raw(ext) };
        }
        btf
    }))
}

/// libbpf `btf__parse`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__parse(
    path: *const c_char,
    btf_ext: *mut *mut CBtfExt,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { parse_c(path, ptr::null_mut(), Form::Any, btf_ext) }
}

/// libbpf `btf__parse_split`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__parse_split(
    path: *const c_char,
    base_btf: *mut CBtf,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { parse_c(path, base_btf, Form::Any, ptr::null_mut()) }
}

/// libbpf `btf__parse_elf`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__parse_elf(
    path: *const c_char,
    btf_ext: *mut *mut CBtfExt,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { parse_c(path, ptr::null_mut(), Form::Elf, btf_ext) }
}

/// libbpf `btf__parse_elf_split`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__parse_elf_split(
    path: *const c_char,
    base_btf: *mut CBtf,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { parse_c(path, base_btf, Form::Elf, ptr::null_mut()) }
}

/// libbpf `btf__parse_raw`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__parse_raw(path: *const c_char) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { parse_c(path, ptr::null_mut(), Form::Raw, ptr::null_mut()) }
}

/// libbpf `btf__parse_raw_split`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__parse_raw_split(
    path: *const c_char,
    base_btf: *mut CBtf,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { parse_c(path, base_btf, Form::Raw, ptr::null_mut()) }
}

/// The running kernel's release.
fn release() -> Option<String> {
    // SAFETY: plain bytes, for which zero is a value.
    let mut uts: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `uts` is writable; the kernel NUL-terminates the strings.
    unsafe {
        (libc::uname(&raw mut uts) == 0).then(|| {
            CStr::from_ptr(uts.release.as_ptr())
                .to_string_lossy()
                .into_owned()
        })
    }
}

/// libbpf `btf__load_vmlinux_btf`: the running kernel's BTF, from sysfs or
/// from a vmlinux on disk.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn btf__load_vmlinux_btf() -> *mut CBtf {
    let none = ptr::null_mut();
    // SAFETY: no base.
    let from = |path: &Path, form| unsafe { parse(path, none, form, false) };
    let sysfs = Path::new("/sys/kernel/btf/vmlinux");
    boxed(
        from(sysfs, Form::Raw)
            .or_else(|_| {
                let release = release().ok_or(Errno(libc::ESRCH))?;
                VMLINUX_PATHS
                    .iter()
                    .map(|path| path.replace('%', &release))
                    .find_map(|path| from(Path::new(&path), Form::Any).ok())
                    .ok_or(Errno(libc::ESRCH))
            })
            .map(|(btf, _)| btf),
    )
}

/// libbpf `btf__load_module_btf`: a loaded module's BTF, from sysfs.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__load_module_btf(
    module_name: *const c_char,
    vmlinux_btf: *mut CBtf,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    let name = unsafe { bytes_of(module_name) };
    let path = Path::new("/sys/kernel/btf").join(OsStr::from_bytes(name));
    // SAFETY: see the contract in the crate's documentation.
    boxed(unsafe { parse(&path, vmlinux_btf, Form::Any, false) }.map(|(btf, _)| btf))
}
