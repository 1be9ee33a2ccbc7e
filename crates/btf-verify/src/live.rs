//! The running kernel as judge: `bpf(BPF_BTF_LOAD)`.
//!
//! Needs Linux and `CAP_BPF` or root. The kernel checks the blob as
//! a program's, with phase R, and forgets it when the descriptor is closed.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use crate::version::KernelVersion;

const BPF_BTF_LOAD: libc::c_int = 18;
/// `BPF_LOG_LEVEL1`: errors and each type as it is read.
const LOG_LEVEL: u32 = 1;
/// The kernel keeps the end of a log that is too long, which is where the
/// breach is.
const LOG_SIZE: u32 = 64 << 10;

/// What the running kernel says about a BTF.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveVerdict {
    /// Error number, or `None` if the BTF was accepted.
    pub errno: Option<i32>,
    /// End of the verifier's log, as printed; empty if accepted.
    pub log: Vec<u8>,
}

impl LiveVerdict {
    /// The last line of the log, which names the breach.
    pub fn line(&self) -> String {
        let text = self.log.strip_suffix(b"\n").unwrap_or(&self.log);
        let start = text.iter().rposition(|&byte| byte == b'\n');
        String::from_utf8_lossy(&text[start.map_or(0, |at| at + 1)..]).into_owned()
    }
}

/// The kernel could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// Neither root nor `CAP_BPF`, or switched off for unprivileged users.
    #[error("the kernel lets only root load BTF")]
    NotPermitted,
    /// The kernel has no `bpf` system call, or it is filtered.
    #[error("this kernel has no bpf system call")]
    NoSyscall,
    /// Blob longer than the system call can express.
    #[error("BTF of {0} bytes is too long for the bpf system call")]
    TooLong(usize),
    /// Out of memory or the like: an error that says nothing about the BTF.
    #[error("the bpf system call failed")]
    Failed(#[source] io::Error),
    /// `/proc/sys/kernel/osrelease` cannot be read.
    #[error("cannot tell which kernel is running")]
    NoRelease(#[source] io::Error),
}

/// The part of `union bpf_attr` that `BPF_BTF_LOAD` reads, up to
/// `btf_log_level`.
#[repr(C)]
#[derive(Default, Debug)]
struct BtfLoadAttr {
    btf: u64,
    btf_log_buf: u64,
    btf_size: u32,
    btf_log_size: u32,
    btf_log_level: u32,
    /// The kernel measures in multiples of 8 bytes.
    padding: u32,
}

/// Loads `blob` into the running kernel as a program's BTF and drops it.
///
/// # Errors
/// See [`LiveError`]; that the kernel refuses the blob is a verdict, not an
/// error.
pub fn load(blob: &[u8]) -> Result<LiveVerdict, LiveError> {
    let size = u32::try_from(blob.len()).map_err(|_| LiveError::TooLong(blob.len()))?;
    // Without a log first: a log that is too short would turn the verdict
    // into ENOSPC.
    let mut attr = BtfLoadAttr {
        btf: blob.as_ptr().expose_provenance() as u64,
        btf_size: size,
        ..BtfLoadAttr::default()
    };
    let Err(refusal) = btf_load(&attr) else {
        return Ok(LiveVerdict {
            errno: None,
            log: Vec::new(),
        });
    };
    let errno = match refusal.raw_os_error() {
        Some(libc::EPERM) => return Err(LiveError::NotPermitted),
        Some(libc::ENOSYS) => return Err(LiveError::NoSyscall),
        Some(libc::ENOMEM | libc::EFAULT | libc::EAGAIN | libc::EINTR) | None => {
            return Err(LiveError::Failed(refusal));
        }
        Some(errno) => errno,
    };
    let mut log = vec![0_u8; LOG_SIZE as usize];
    attr.btf_log_buf = log.as_mut_ptr().expose_provenance() as u64;
    attr.btf_log_size = LOG_SIZE;
    attr.btf_log_level = LOG_LEVEL;
    // Refused again, and this time the kernel says why.
    drop(btf_load(&attr));
    let end = log.iter().position(|&byte| byte == 0);
    log.truncate(end.unwrap_or(0));
    Ok(LiveVerdict {
        errno: Some(errno),
        log,
    })
}

#[expect(
    unsafe_code,
    reason = "the bpf system call has no safe wrapper in std or libc"
)]
fn btf_load(attr: &BtfLoadAttr) -> io::Result<OwnedFd> {
    let attr_ptr: *const BtfLoadAttr = attr;
    // SAFETY: `attr` and the buffers it points to live through the call:
    // `load` holds the blob and the log, each with the length it states. The
    // kernel only reads the attribute and the blob, and writes the log, which
    // `load` borrowed mutably.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_BTF_LOAD,
            attr_ptr,
            size_of::<BtfLoadAttr>(),
        )
    };
    let Ok(fd @ 0..) = i32::try_from(fd) else {
        return Err(io::Error::last_os_error());
    };
    // SAFETY: the kernel has just returned this descriptor and nobody else
    // knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The release of the running kernel.
///
/// # Errors
/// [`LiveError::NoRelease`] without `/proc`.
pub fn running_kernel() -> Result<KernelVersion, LiveError> {
    let text =
        std::fs::read_to_string("/proc/sys/kernel/osrelease").map_err(LiveError::NoRelease)?;
    text.trim()
        .parse()
        .map_err(|error| LiveError::NoRelease(io::Error::other(error)))
}
