//! Option structs, which start with their size as the caller knows it.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};

use crate::ext::CBtfExt;
use crate::handle::CBtf;
use crate::result::Errno;

/// `struct btf_new_opts`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewOpts {
    sz: usize,
    base_btf: *mut CBtf,
    add_layout: bool,
}

/// `struct btf_dedup_opts`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct DedupOpts {
    sz: usize,
    btf_ext: *mut CBtfExt,
    force_collisions: bool,
}

/// `struct btf_permute_opts`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct PermuteOpts {
    sz: usize,
    btf_ext: *mut CBtfExt,
}

/// Checks the size field, and that bytes past what this library knows are 0
/// (libbpf `libbpf_validate_opts`). Returns how many bytes there are.
///
/// # Safety
/// `opts` is null or covers as many bytes as its first word says.
unsafe fn size_of_opts(opts: *const c_void, known: usize) -> Result<usize, Errno> {
    if opts.is_null() {
        return Ok(0);
    }
    // SAFETY: every option struct begins with its size.
    let size = unsafe { opts.cast::<usize>().read_unaligned() };
    if size < size_of::<usize>() {
        return Err(Errno(libc::EINVAL));
    }
    for at in known..size {
        // SAFETY: within the size the caller gave.
        if unsafe { *opts.cast::<u8>().add(at) } != 0 {
            return Err(Errno(libc::EINVAL));
        }
    }
    Ok(size)
}

/// The field at byte `at`, `None` if the caller's struct ends before it.
///
/// # Safety
/// `opts` covers `size` bytes, with a `T` at `at` if that is within.
unsafe fn field<T: Copy>(opts: *const c_void, size: usize, at: usize) -> Option<T> {
    if at + size_of::<T>() > size {
        return None;
    }
    // SAFETY: within the struct, of this type by this function's contract.
    Some(unsafe { opts.cast::<u8>().add(at).cast::<T>().read_unaligned() })
}

impl NewOpts {
    /// Base and whether to add a layout section.
    ///
    /// # Safety
    /// As for [`size_of_opts`].
    pub(crate) unsafe fn read(opts: *const Self) -> Result<(*mut CBtf, bool), Errno> {
        let known = offset_of!(Self, add_layout) + 1;
        let opts = opts.cast();
        // SAFETY: the caller's contract; the offsets are those of the fields.
        unsafe {
            let size = size_of_opts(opts, known)?;
            let base = field(opts, size, offset_of!(Self, base_btf));
            let layout = field::<u8>(opts, size, offset_of!(Self, add_layout));
            Ok((
                base.unwrap_or(std::ptr::null_mut()),
                layout.is_some_and(|b| b != 0),
            ))
        }
    }
}

impl DedupOpts {
    /// `.BTF.ext` and whether to make all hashes equal.
    ///
    /// # Safety
    /// As for [`size_of_opts`].
    pub(crate) unsafe fn read(opts: *const Self) -> Result<(*mut CBtfExt, bool), Errno> {
        let known = offset_of!(Self, force_collisions) + 1;
        let opts = opts.cast();
        // SAFETY: the caller's contract; the offsets are those of the fields.
        unsafe {
            let size = size_of_opts(opts, known)?;
            let ext = field(opts, size, offset_of!(Self, btf_ext));
            let collide = field::<u8>(opts, size, offset_of!(Self, force_collisions));
            Ok((
                ext.unwrap_or(std::ptr::null_mut()),
                collide.is_some_and(|b| b != 0),
            ))
        }
    }
}

impl PermuteOpts {
    /// `.BTF.ext`.
    ///
    /// # Safety
    /// As for [`size_of_opts`].
    pub(crate) unsafe fn read(opts: *const Self) -> Result<*mut CBtfExt, Errno> {
        let known = offset_of!(Self, btf_ext) + size_of::<usize>();
        let opts = opts.cast();
        // SAFETY: the caller's contract; the offset is that of the field.
        unsafe {
            let size = size_of_opts(opts, known)?;
            let ext = field(opts, size, offset_of!(Self, btf_ext));
            Ok(ext.unwrap_or(std::ptr::null_mut()))
        }
    }
}
