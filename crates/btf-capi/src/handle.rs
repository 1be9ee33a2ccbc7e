//! What `struct btf` is behind the pointer.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::sync::Arc;

use btf_builder::{Btf, Endian, HDR_LEN, HDR_LEN_LAYOUT, Limits};

use crate::result::Errno;

/// `struct btf`.
#[derive(Debug)]
pub(crate) struct CBtf {
    /// Shared with the split BTFs on this one. Changing it while there are any
    /// gives this handle a copy of its own, and they keep what they know.
    pub(crate) inner: Arc<Btf>,
    /// The base's handle, for `btf__base_btf` only; null without a base.
    pub(crate) base: *mut Self,
    /// Whether freeing this frees the base.
    pub(crate) owns_base: bool,
    pub(crate) fd: c_int,
    /// The bytes it was parsed from if the header has fields that are not
    /// known: such BTF must not be changed.
    pub(crate) frozen: Option<Box<[u8]>>,
    /// Whether raw data begins with the header of 2026, which has room for a
    /// layout section, even without one.
    pub(crate) long_header: bool,
    pub(crate) raw: RawData,
}

/// Serialised bytes that the caller holds pointers to, one copy per byte
/// order. A copy stays where it is as long as its length does.
#[derive(Debug, Default)]
pub(crate) struct RawData([RefCell<Box<[u8]>>; 2]);

impl RawData {
    /// A pointer to `bytes`, kept in the slot of `endian`.
    pub(crate) fn keep(&self, endian: Endian, bytes: Vec<u8>) -> *const u8 {
        let mut kept = self.0[usize::from(endian == Endian::Big)].borrow_mut();
        // Callers may still read what they were given before, so bytes that
        // have not changed are left alone.
        if **kept != *bytes {
            if kept.len() == bytes.len() {
                kept.copy_from_slice(&bytes);
            } else {
                *kept = bytes.into_boxed_slice();
            }
        }
        kept.as_ptr()
    }
}

/// The bytes of a C string; none for null.
///
/// # Safety
/// `s` is null or NUL-terminated, and unchanged during `'a`.
pub(crate) unsafe fn bytes_of<'a>(s: *const c_char) -> &'a [u8] {
    if s.is_null() {
        return b"";
    }
    // SAFETY: not null, so NUL-terminated by this function's contract.
    unsafe { CStr::from_ptr(s) }.to_bytes()
}

/// `size` bytes at `data`, or `EINVAL` for null.
///
/// # Safety
/// `data` is null or covers `size` bytes that stay unchanged during `'a`.
pub(crate) unsafe fn slice_of<'a, T>(data: *const T, size: u32) -> Result<&'a [T], Errno> {
    if data.is_null() {
        return Err(Errno(libc::EINVAL));
    }
    // SAFETY: not null, so of that length by this function's contract.
    Ok(unsafe { std::slice::from_raw_parts(data, size as usize) })
}

impl CBtf {
    /// A handle for a BTF on the base behind `base`, which may be null.
    pub(crate) fn new(mut inner: Btf, base: *mut Self) -> Box<Self> {
        inner.set_limits(Limits::FORMAT);
        Box::new(Self {
            inner: Arc::new(inner),
            base,
            owns_base: false,
            fd: -1,
            frozen: None,
            long_header: false,
            raw: RawData::default(),
        })
    }

    /// The BTF behind a base pointer, `None` for null.
    ///
    /// # Safety
    /// `base` is null or a live handle.
    pub(crate) unsafe fn base_arc(base: *const Self) -> Option<Arc<Btf>> {
        // SAFETY: null or live by this function's contract.
        unsafe { base.as_ref() }.map(|base| Arc::clone(&base.inner))
    }

    /// Parses `data` on the base behind `base`.
    ///
    /// # Safety
    /// `base` is null or a live handle.
    pub(crate) unsafe fn parse(data: &[u8], base: *mut Self) -> Result<Box<Self>, Errno> {
        // SAFETY: as this function's contract has it.
        let inner = match unsafe { Self::base_arc(base) } {
            Some(base) => Btf::parse_split(data, base)?,
            None => Btf::parse(data)?,
        };
        let mut btf = Self::new(inner, base);
        let endian = btf.inner.endian();
        let hdr_len = header_len(data, endian).unwrap_or(HDR_LEN);
        btf.long_header = hdr_len >= HDR_LEN_LAYOUT;
        if has_unknown_header(data, hdr_len) {
            btf.frozen = Some(data.into());
        }
        Ok(btf)
    }

    /// The bytes of a `.BTF` section.
    ///
    /// A program that knows the 32-byte header reads it as a struct without
    /// looking at its length, and so does one that only knows 24 bytes. Either
    /// gets what it gave.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Converting would need to know the unknown fields.
        if let Some(bytes) = &self.frozen {
            return bytes.to_vec();
        }
        let mut bytes = self.inner.to_bytes();
        let endian = self.inner.endian();
        if self.long_header && header_len(&bytes, endian) == Some(HDR_LEN) {
            let at = HDR_LEN as usize;
            bytes.splice(at..at, [0; (HDR_LEN_LAYOUT - HDR_LEN) as usize]);
            let hdr_len = match endian {
                Endian::Little => HDR_LEN_LAYOUT.to_le_bytes(),
                Endian::Big => HDR_LEN_LAYOUT.to_be_bytes(),
            };
            bytes[4..8].copy_from_slice(&hdr_len);
        }
        bytes
    }

    /// The BTF, to be changed.
    pub(crate) fn inner_mut(&mut self) -> Result<&mut Btf, Errno> {
        if self.frozen.is_some() {
            return Err(Errno(libc::EOPNOTSUPP));
        }
        Ok(Arc::make_mut(&mut self.inner))
    }

    /// The BTF, to have settings changed that its bytes do not show.
    pub(crate) fn settings_mut(&mut self) -> &mut Btf {
        Arc::make_mut(&mut self.inner)
    }

    /// Frees a handle and, if it owns that, its base.
    ///
    /// # Safety
    /// `btf` is null or a live handle, and is not used afterwards.
    pub(crate) unsafe fn free(btf: *mut Self) {
        let mut next = btf;
        while !next.is_null() {
            // SAFETY: handles are boxes; this one is live by the contract of
            // this function, or owned by the one before.
            let btf = unsafe { Box::from_raw(next) };
            if btf.fd >= 0 {
                // SAFETY: closing a descriptor that `btf__set_fd` handed over.
                unsafe { libc::close(btf.fd) };
            }
            next = if btf.owns_base {
                btf.base
            } else {
                ptr::null_mut()
            };
        }
    }
}

/// The length that the header gives itself; `None` if it is too short to.
fn header_len(data: &[u8], endian: Endian) -> Option<u32> {
    let &raw = data.get(4..)?.first_chunk::<4>()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(raw),
        Endian::Big => u32::from_be_bytes(raw),
    })
}

/// Whether the header goes on past the fields that are known, with anything
/// but zeroes.
fn has_unknown_header(data: &[u8], hdr_len: u32) -> bool {
    data.get(HDR_LEN_LAYOUT as usize..hdr_len as usize)
        .is_some_and(|extra| extra.iter().any(|&b| b != 0))
}
