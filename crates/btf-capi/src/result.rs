//! From `Result` to what C callers of libbpf expect.

use std::ffi::c_int;

use btf_builder::{Error, TypeId};

/// `LIBBPF_ERRNO__FORMAT`: the ELF file is malformed.
pub(crate) const LIBBPF_ERRNO_FORMAT: c_int = 4001;

/// A positive errno.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Errno(pub(crate) c_int);

impl From<Error> for Errno {
    fn from(err: Error) -> Self {
        Self(match err {
            Error::TooManyElements(_) => libc::ENOSPC,
            // libbpf fails to grow its arrays past their limits, and takes
            // that for a lack of memory.
            Error::TooManyTypes(_) | Error::StringsTooBig(_) => libc::ENOMEM,
            Error::BadEnumValue(_) | Error::TooBig(_) => libc::E2BIG,
            Error::UnsupportedVersion(_) | Error::UnsupportedFlags(_) => libc::ENOTSUP,
            Error::BaseMismatch => libc::EOPNOTSUPP,
            _ => libc::EINVAL,
        })
    }
}

impl From<btf_dedup::Error> for Errno {
    fn from(err: btf_dedup::Error) -> Self {
        match err {
            btf_dedup::Error::Btf(err) => err.into(),
            _ => Self(libc::EINVAL),
        }
    }
}

/// Sets `errno`.
pub(crate) fn set_errno(errno: Errno) {
    // SAFETY: the function returns this thread's errno, which is always there.
    unsafe { *libc::__errno_location() = errno.0 };
}

/// 0, or a negative errno.
pub(crate) fn int(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(errno) => {
            set_errno(errno);
            -errno.0
        }
    }
}

/// A type id, or a negative errno.
pub(crate) fn id(result: Result<TypeId, Errno>) -> c_int {
    match result {
        // No BTF built here has ids past `i32::MAX`: `Limits::FORMAT`.
        Ok(id) => id.0.cast_signed(),
        Err(errno) => int(Err(errno)),
    }
}

/// A pointer the caller owns, or null.
pub(crate) fn boxed<T>(result: Result<Box<T>, Errno>) -> *mut T {
    match result {
        Ok(it) => Box::into_raw(it),
        Err(errno) => {
            set_errno(errno);
            std::ptr::null_mut()
        }
    }
}

/// A pointer, or null with `EINVAL`.
pub(crate) fn ptr<T>(it: Option<*const T>) -> *const T {
    it.unwrap_or_else(|| {
        set_errno(Errno(libc::EINVAL));
        std::ptr::null()
    })
}
