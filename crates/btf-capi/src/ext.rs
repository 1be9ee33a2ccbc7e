//! `btf_ext__*`.

use std::ffi::{c_int, c_void};

use btf_builder::BtfExt;

use crate::handle::{RawData, slice_of};
use crate::query::{endian_from_c, endian_to_c};
use crate::result::{boxed, int};

/// `struct btf_ext`.
#[derive(Debug)]
pub(crate) struct CBtfExt {
    pub(crate) inner: BtfExt,
    raw: RawData,
}

impl CBtfExt {
    pub(crate) fn new(inner: BtfExt) -> Box<Self> {
        Box::new(Self {
            inner,
            raw: RawData::default(),
        })
    }
}

/// libbpf `btf_ext__new`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_ext__new(data: *const u8, size: u32) -> *mut CBtfExt {
    // SAFETY: see the contract in the crate's documentation.
    let data = unsafe { slice_of(data, size) };
    boxed(data.and_then(|data| Ok(CBtfExt::new(BtfExt::parse(data)?))))
}

/// libbpf `btf_ext__free`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_ext__free(btf_ext: *mut CBtfExt) {
    if !btf_ext.is_null() && btf_ext.addr() < usize::MAX - 4095 {
        // SAFETY: a live box, see the contract in the crate's documentation.
        drop(unsafe { Box::from_raw(btf_ext) });
    }
}

/// libbpf `btf_ext__raw_data`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_ext__raw_data(
    btf_ext: *const CBtfExt,
    size: *mut u32,
) -> *const c_void {
    // SAFETY: see the contract in the crate's documentation.
    let ext = unsafe { &*btf_ext };
    let bytes = ext.inner.to_bytes();
    // SAFETY: writable by the same contract.
    unsafe { *size = bytes.len() as u32 };
    ext.raw.keep(ext.inner.endian(), bytes).cast()
}

/// Old name of `btf_ext__raw_data`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_ext__get_raw_data(
    btf_ext: *const CBtfExt,
    size: *mut u32,
) -> *const c_void {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { btf_ext__raw_data(btf_ext, size) }
}

/// libbpf `btf_ext__endianness`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_ext__endianness(btf_ext: *const CBtfExt) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    endian_to_c(unsafe { &*btf_ext }.inner.endian())
}

/// libbpf `btf_ext__set_endianness`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_ext__set_endianness(
    btf_ext: *mut CBtfExt,
    endian: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let ext = unsafe { &mut *btf_ext };
    int(endian_from_c(endian).map(|endian| ext.inner.set_endian(endian)))
}
