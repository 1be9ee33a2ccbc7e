//! The few commands of bpf(2) that are needed, with their attributes as in
//! `linux/bpf.h`.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Bytes of a program verifier's log.
pub(crate) const LOG_SIZE: usize = 64 << 10;
/// Bytes of the log of [`btf_load`], which has a line for each type and member and the complaint at its end: before
/// Linux 6.4 a log that is full keeps its beginning.
pub(crate) const BTF_LOG_SIZE: usize = 64 << 20;

const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP_ELEM: libc::c_int = 1;
const PROG_LOAD: libc::c_int = 5;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const RAW_TRACEPOINT_OPEN: libc::c_int = 17;
const BTF_LOAD: libc::c_int = 18;
const BTF_GET_FD_BY_ID: libc::c_int = 19;
const BTF_GET_NEXT_ID: libc::c_int = 23;

const MAP_TYPE_ARRAY: u32 = 2;
const PROG_TYPE_TRACING: u32 = 26;
const TRACE_FENTRY: u32 = 24;

/// Calls bpf(2).
///
/// # Safety
/// Where the command takes an address, `attr` must hold one that is good for
/// what the command reads or writes there until the call returns.
#[expect(unsafe_code, reason = "std and libc have no bpf")]
unsafe fn bpf<T>(command: libc::c_int, attr: &mut T) -> io::Result<libc::c_int> {
    let attr: *mut T = attr;
    // SAFETY: the attribute is as long as stated, and what it points to is the
    // caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size_of::<T>()) };
    match result {
        0.. => Ok(result as libc::c_int),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "std cannot know which calls make descriptors")]
fn owned(fd: libc::c_int) -> OwnedFd {
    // SAFETY: the callers pass what a command has just returned as new.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn address<T>(slice: &[T]) -> u64 {
    slice.as_ptr().expose_provenance() as u64
}

fn address_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr().expose_provenance() as u64
}

/// Error number of loading a BTF, 0 if accepted. An empty `log` asks for none.
#[expect(unsafe_code, reason = "bpf")]
pub(crate) fn btf_load(blob: &[u8], log: &mut [u8]) -> i32 {
    #[repr(C)]
    struct Attr {
        btf: u64,
        log: u64,
        btf_size: u32,
        log_size: u32,
        log_level: u32,
        padding: u32,
    }
    let mut attr = Attr {
        btf: address(blob),
        log: match log.len() {
            0 => 0,
            _ => address_mut(log),
        },
        btf_size: blob.len() as u32,
        log_size: log.len() as u32,
        log_level: u32::from(!log.is_empty()),
        padding: 0,
    };
    // SAFETY: blob and log outlive the call and are as long as stated.
    match unsafe { bpf(BTF_LOAD, &mut attr) } {
        Ok(fd) => {
            drop(owned(fd));
            0
        }
        Err(error) => error.raw_os_error().unwrap_or(-1),
    }
}

/// The BTF of a module, as a descriptor.
#[expect(unsafe_code, reason = "bpf")]
pub(crate) fn module_btf(module: &str) -> io::Result<OwnedFd> {
    #[repr(C)]
    #[derive(Default)]
    struct Id {
        id: u32,
        next: u32,
        flags: u32,
    }
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        btf: u64,
        btf_size: u32,
        id: u32,
        name: u64,
        name_len: u32,
        is_kernel: u32,
    }
    #[repr(C)]
    struct InfoAttr {
        fd: u32,
        info_len: u32,
        info: u64,
    }
    let mut attr = Id::default();
    loop {
        // SAFETY: the attribute holds no address. After the last id the
        // command fails, which ends the loop.
        unsafe { bpf(BTF_GET_NEXT_ID, &mut attr)? };
        attr = Id {
            id: attr.next,
            ..Id::default()
        };
        // SAFETY: as above.
        let fd = owned(unsafe { bpf(BTF_GET_FD_BY_ID, &mut attr)? });
        let mut name = [0; 64];
        let mut info = [Info {
            name: address_mut(&mut name),
            name_len: name.len() as u32,
            ..Info::default()
        }];
        let mut query = InfoAttr {
            fd: fd.as_raw_fd() as u32,
            info_len: size_of::<Info>() as u32,
            info: address_mut(&mut info),
        };
        // SAFETY: info and name outlive the call and are as long as stated.
        unsafe { bpf(OBJ_GET_INFO_BY_FD, &mut query)? };
        let end = name.iter().position(|&byte| byte == 0);
        if info[0].is_kernel != 0 && &name[..end.unwrap_or(0)] == module.as_bytes() {
            return Ok(fd);
        }
    }
}

/// An array map of one element of `value_size` bytes.
#[expect(unsafe_code, reason = "bpf")]
pub(crate) fn array_map(value_size: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attr {
        map_type: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
    }
    let mut attr = Attr {
        map_type: MAP_TYPE_ARRAY,
        key_size: 4,
        value_size,
        max_entries: 1,
    };
    // SAFETY: the attribute holds no address.
    unsafe { bpf(MAP_CREATE, &mut attr) }.map(owned)
}

/// The element of an array map made with [`array_map`] for this many words.
#[expect(unsafe_code, reason = "bpf")]
pub(crate) fn array_element<const N: usize>(map: &OwnedFd) -> io::Result<[u64; N]> {
    #[repr(C)]
    struct Attr {
        map: u32,
        padding: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let key = [0_u32];
    let mut value = [0; N];
    let mut attr = Attr {
        map: map.as_raw_fd() as u32,
        padding: 0,
        key: address(&key),
        value: address_mut(&mut value),
        flags: 0,
    };
    // SAFETY: key and value outlive the call and have the sizes of the map.
    unsafe { bpf(MAP_LOOKUP_ELEM, &mut attr)? };
    Ok(value)
}

/// Loads a program that is to run at the entry of function `func_id` of the
/// BTF `btf`. Its calls of kfuncs tell by an index in `fds` whose BTF they mean;
/// index 0 is the kernel's own, whatever stands there. The verifier's log is
/// left in `log`.
#[expect(unsafe_code, reason = "bpf")]
pub(crate) fn load_fentry(
    insns: &[u64],
    func_id: u32,
    btf: &OwnedFd,
    fds: &[libc::c_int],
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    #[repr(C)]
    #[derive(Default)]
    struct Attr {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
        prog_name: [u8; 16],
        prog_ifindex: u32,
        expected_attach_type: u32,
        prog_btf_fd: u32,
        func_info_rec_size: u32,
        func_info: u64,
        func_info_cnt: u32,
        line_info_rec_size: u32,
        line_info: u64,
        line_info_cnt: u32,
        attach_btf_id: u32,
        attach_btf_obj_fd: u32,
        core_relo_cnt: u32,
        fd_array: u64,
    }
    let license = *b"GPL\0";
    let mut attr = Attr {
        prog_type: PROG_TYPE_TRACING,
        insn_cnt: insns.len() as u32,
        insns: address(insns),
        license: address(&license),
        log_level: 1,
        log_size: log.len() as u32,
        log_buf: address_mut(log),
        expected_attach_type: TRACE_FENTRY,
        attach_btf_id: func_id,
        attach_btf_obj_fd: btf.as_raw_fd() as u32,
        fd_array: address(fds),
        ..Attr::default()
    };
    // SAFETY: instructions, license, descriptors and log outlive the call; the
    // first and the last are as long as stated, the license ends in NUL, and
    // of the descriptors only those that the instructions name are read.
    unsafe { bpf(PROG_LOAD, &mut attr) }.map(owned)
}

/// Attaches a program; it stays attached while the descriptor lives.
#[expect(unsafe_code, reason = "bpf")]
pub(crate) fn attach(program: &OwnedFd) -> io::Result<File> {
    #[repr(C)]
    struct Attr {
        name: u64,
        program: u32,
        padding: u32,
    }
    let mut attr = Attr {
        name: 0,
        program: program.as_raw_fd() as u32,
        padding: 0,
    };
    // SAFETY: the attribute holds no address: a program that knows its target
    // needs no name.
    unsafe { bpf(RAW_TRACEPOINT_OPEN, &mut attr) }.map(|fd| File::from(owned(fd)))
}
