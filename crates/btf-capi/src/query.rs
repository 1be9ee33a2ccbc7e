//! Making, freeing and asking a `struct btf`.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use btf_builder::{Btf, Endian, Error, StrOff, TypeId};

use crate::handle::{CBtf, bytes_of, slice_of};
use crate::opts::NewOpts;
use crate::result::{self, Errno, boxed, int};

/// libbpf `btf__free`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__free(btf: *mut CBtf) {
    // libbpf takes error pointers for null, for the sake of old programs.
    if btf.addr() >= usize::MAX - 4095 {
        return;
    }
    // SAFETY: see the contract in the crate's documentation.
    unsafe { CBtf::free(btf) };
}

/// libbpf `btf__new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__new(data: *const c_void, size: u32) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { btf__new_split(data, size, ptr::null_mut()) }
}

/// libbpf `btf__new_split`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__new_split(
    data: *const c_void,
    size: u32,
    base_btf: *mut CBtf,
) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    boxed(unsafe { slice_of(data.cast(), size).and_then(|data| CBtf::parse(data, base_btf)) })
}

/// # Safety
/// `base` is null or a live handle.
unsafe fn new_empty(base: *mut CBtf, layout: bool) -> Box<CBtf> {
    // SAFETY: as this function's contract has it.
    let mut btf = match unsafe { CBtf::base_arc(base) } {
        Some(base) => Btf::new_split(base),
        None => Btf::new_empty(Endian::NATIVE),
    };
    btf.set_layout(layout);
    // libbpf builds for the machine it runs on unless told otherwise.
    let native = size_of::<*const ()>() as u8;
    if btf.set_pointer_size(native).is_err() {
        debug_assert!(false, "pointers of {native} bytes");
    }
    CBtf::new(btf, base)
}

/// libbpf `btf__new_empty`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn btf__new_empty() -> *mut CBtf {
    // SAFETY: no base.
    boxed(Ok(unsafe { new_empty(ptr::null_mut(), false) }))
}

/// libbpf `btf__new_empty_split`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__new_empty_split(base_btf: *mut CBtf) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    boxed(Ok(unsafe { new_empty(base_btf, false) }))
}

/// libbpf `btf__new_empty_opts`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__new_empty_opts(opts: *mut NewOpts) -> *mut CBtf {
    // SAFETY: see the contract in the crate's documentation.
    boxed(
        unsafe { NewOpts::read(opts).map(|(base, layout)| new_empty(base, layout)) }.map(
            |mut btf| {
                // The function is as old as the header.
                btf.long_header = true;
                btf
            },
        ),
    )
}

/// libbpf `btf__type_cnt`: one more than the highest id.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__type_cnt(btf: *const CBtf) -> u32 {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { &*btf }.inner.n_types()
}

/// libbpf `btf__base_btf`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__base_btf(btf: *const CBtf) -> *const CBtf {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { &*btf }.base
}

/// libbpf `btf__type_by_id`: a `struct btf_type`, in native byte order.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__type_by_id(btf: *const CBtf, id: u32) -> *const u32 {
    // SAFETY: see the contract in the crate's documentation.
    let btf = unsafe { &*btf };
    result::ptr(btf.inner.ty(TypeId(id)).map(|ty| ty.words().as_ptr()))
}

/// libbpf `btf__str_by_offset`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__str_by_offset(btf: *const CBtf, offset: u32) -> *const c_char {
    // SAFETY: see the contract in the crate's documentation.
    let btf = unsafe { &*btf };
    // Strings in a BTF end with a NUL, which the slice leaves out.
    let s = btf.inner.str_at(StrOff(offset));
    result::ptr(s.map(|s| {
        if s.is_empty() {
            c"".as_ptr()
        } else {
            s.as_ptr().cast()
        }
    }))
}

/// libbpf `btf__name_by_offset`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__name_by_offset(
    btf: *const CBtf,
    offset: u32,
) -> *const c_char {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { btf__str_by_offset(btf, offset) }
}

/// The type of a name and kind, any kind if that is `None`.
fn find(btf: &Btf, name: &[u8], kind: Option<u32>) -> c_int {
    if kind == Some(0) || name == b"void" {
        return 0;
    }
    let fits = |id: TypeId| {
        btf.ty(id).is_some_and(|ty| {
            // The name is compared again, in case the program changed it.
            ty.name() == name && kind.is_none_or(|kind| ty.raw_kind() == kind)
        })
    };
    let found = if name.is_empty() {
        (1..btf.n_types()).map(TypeId).find(|&id| fits(id))
    } else {
        btf.ids_named(name).find(|&id| fits(id))
    };
    result::id(found.ok_or(Errno(libc::ENOENT)))
}

/// libbpf `btf__find_by_name`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__find_by_name(
    btf: *const CBtf,
    type_name: *const c_char,
) -> i32 {
    // SAFETY: see the contract in the crate's documentation.
    let (btf, name) = unsafe { (&*btf, bytes_of(type_name)) };
    find(&btf.inner, name, None)
}

/// libbpf `btf__find_by_name_kind`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__find_by_name_kind(
    btf: *const CBtf,
    type_name: *const c_char,
    kind: u32,
) -> i32 {
    // SAFETY: see the contract in the crate's documentation.
    let (btf, name) = unsafe { (&*btf, bytes_of(type_name)) };
    find(&btf.inner, name, Some(kind))
}

/// libbpf `btf__pointer_size`: 0 if nothing tells.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__pointer_size(btf: *const CBtf) -> usize {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { &*btf }.inner.pointer_size().unwrap_or(0).into()
}

/// libbpf `btf__set_pointer_size`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__set_pointer_size(btf: *mut CBtf, ptr_sz: usize) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let btf = unsafe { &mut *btf };
    let size = u8::try_from(ptr_sz).unwrap_or(u8::MAX);
    int(btf
        .settings_mut()
        .set_pointer_size(size)
        .map_err(Errno::from))
}

/// `enum btf_endianness`.
pub(crate) fn endian_to_c(endian: Endian) -> c_int {
    match endian {
        Endian::Little => 0,
        Endian::Big => 1,
    }
}

/// From `enum btf_endianness`.
pub(crate) fn endian_from_c(endian: c_int) -> Result<Endian, Errno> {
    match endian {
        0 => Ok(Endian::Little),
        1 => Ok(Endian::Big),
        _ => Err(Errno(libc::EINVAL)),
    }
}

/// libbpf `btf__endianness`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__endianness(btf: *const CBtf) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    endian_to_c(unsafe { &*btf }.inner.endian())
}

/// libbpf `btf__set_endianness`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__set_endianness(btf: *mut CBtf, endian: c_int) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let btf = unsafe { &mut *btf };
    int(endian_from_c(endian).map(|endian| btf.settings_mut().set_endian(endian)))
}

/// libbpf `btf__resolve_size`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__resolve_size(btf: *const CBtf, type_id: u32) -> i64 {
    // SAFETY: see the contract in the crate's documentation.
    match unsafe { &*btf }.inner.resolve_size(TypeId(type_id)) {
        Ok(size) => size.into(),
        Err(err) => int(Err(err.into())).into(),
    }
}

/// libbpf `btf__resolve_type`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__resolve_type(btf: *const CBtf, type_id: u32) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let resolved = unsafe { &*btf }.inner.resolve_type(TypeId(type_id));
    result::id(resolved.map_err(Errno::from))
}

/// libbpf `btf__align_of`: 0 and `errno` for a kind without alignment.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__align_of(btf: *const CBtf, id: u32) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    match unsafe { &*btf }.inner.align_of(TypeId(id)) {
        Ok(align) => align.cast_signed(),
        Err(err @ (Error::NoSize { .. } | Error::NoSuchType(_))) => {
            result::set_errno(err.into());
            0
        }
        Err(err) => int(Err(err.into())),
    }
}

/// libbpf `btf__fd`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__fd(btf: *const CBtf) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { &*btf }.fd
}

/// libbpf `btf__set_fd`: the descriptor is closed with the BTF.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__set_fd(btf: *mut CBtf, fd: c_int) {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { &mut *btf }.fd = fd;
}

/// libbpf `btf__raw_data`: the bytes of `.BTF` in the BTF's byte order.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__raw_data(btf: *const CBtf, size: *mut u32) -> *const c_void {
    // SAFETY: see the contract in the crate's documentation.
    let btf = unsafe { &*btf };
    let endian = btf.inner.endian();
    let bytes = btf.to_bytes();
    // SAFETY: `size` is writable by the contract; the length fits, as the
    // sections' lengths do.
    unsafe { *size = bytes.len() as u32 };
    btf.raw.keep(endian, bytes).cast()
}

/// Old name of `btf__raw_data`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__get_raw_data(
    btf: *const CBtf,
    size: *mut u32,
) -> *const c_void {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { btf__raw_data(btf, size) }
}

/// libbpf `libbpf_get_error`: negative errno of a call that returned `ptr`.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn libbpf_get_error(ptr: *const c_void) -> std::ffi::c_long {
    if !ptr.is_null() {
        return 0;
    }
    // SAFETY: the function returns this thread's errno, which is always there.
    -std::ffi::c_long::from(unsafe { *libc::__errno_location() })
}
