//! libbpf as an oracle: deduplication by the library that this one is to agree
//! with.

#![allow(unsafe_code, reason = "libbpf has a C interface")]

use std::ffi::c_void;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use libbpf_sys as sys;

/// What became of a BTF.
#[derive(Debug)]
pub struct Deduped {
    /// The result as raw BTF.
    pub bytes: Vec<u8>,
    /// What `btf__dedup` took.
    pub time: Duration,
}

/// Whether this build has libbpf; if not, says that `test` is skipped.
pub fn is_here(_test: &str) -> bool {
    // SAFETY: takes any function or none; nothing else of libbpf is running
    // that could print through the old one.
    unsafe { sys::libbpf_set_print(None) };
    true
}

/// A `struct btf` with its owner.
struct Btf(NonNull<sys::btf>);

impl Drop for Btf {
    fn drop(&mut self) {
        // SAFETY: the pointer is from `btf__new_split` and freed nowhere else.
        unsafe { sys::btf__free(self.0.as_ptr()) };
    }
}

/// The errno that a function of libbpf left.
fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

impl Btf {
    /// `base` has to outlive the result.
    fn parse(bytes: &[u8], base: Option<&Self>) -> Result<Self, i32> {
        let data = bytes.as_ptr().cast::<c_void>();
        let len = u32::try_from(bytes.len()).map_err(|_| 0)?;
        let base = base.map_or(std::ptr::null_mut(), |base| base.0.as_ptr());
        // SAFETY: `data` has `len` bytes, which are copied; `base` is null or a
        // BTF that is alive.
        let btf = unsafe { sys::btf__new_split(data, len, base) };
        NonNull::new(btf).map(Self).ok_or_else(errno)
    }

    fn to_bytes(&self) -> Result<Vec<u8>, i32> {
        let mut len = 0;
        // SAFETY: the BTF is alive.
        let data = unsafe { sys::btf__raw_data(self.0.as_ptr(), &raw mut len) };
        if data.is_null() {
            return Err(errno());
        }
        // SAFETY: libbpf says that there are `len` bytes, which live as long as
        // the BTF is not changed.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) }.to_vec())
    }
}

/// Deduplicates a raw BTF, split if there is a `base`. `collide`: all hash
/// values are equal.
///
/// # Errors
///
/// The errno that libbpf gives.
pub fn dedup(own: &[u8], base: Option<&[u8]>, collide: bool) -> Result<Deduped, i32> {
    let base = base.map(|bytes| Btf::parse(bytes, None)).transpose()?;
    let btf = Btf::parse(own, base.as_ref())?;
    let opts = sys::btf_dedup_opts {
        sz: size_of::<sys::btf_dedup_opts>() as u64,
        force_collisions: collide,
        ..sys::btf_dedup_opts::default()
    };
    let start = Instant::now();
    // SAFETY: the BTF is alive, with its base; the options name their size.
    let result = unsafe { sys::btf__dedup(btf.0.as_ptr(), &raw const opts) };
    let time = start.elapsed();
    if result != 0 {
        return Err(-result);
    }
    let bytes = btf.to_bytes()?;
    // The split BTF refers to its base, also while it is freed.
    drop(btf);
    drop(base);
    Ok(Deduped { bytes, time })
}
