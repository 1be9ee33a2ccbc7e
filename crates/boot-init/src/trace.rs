//! BPF programs at the entry of a module's function: what BTF of modules is
//! for.
//!
//! The verifier finds the function by its id in the module's BTF, and follows
//! the prototype from there into the base to know that a parameter is a
//! `struct file *` and what lies at the offset that the program reads. Of a
//! kfunc it wants to know that it may be called, which a set of ids says that
//! the build has filled in, and that its parameter is the very type that the
//! program has, though one comes from the BTF of a module and the other from
//! the kernel's own.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use boot_init::Traced;
use btf_builder::{Btf, Kind, TypeId};

use crate::bpf;

/// Runs of the program, and what it keeps of the last.
const VALUE_WORDS: usize = 2;

/// Attaches a program to `function` of `module` and opens `file`; the program
/// keeps the flags of the file.
pub(crate) fn trace(module: &str, function: &str, file: &str) -> Traced {
    with_log(|log| attempt(module, function, file, None, log))
}

/// As [`trace`], but the program calls a kfunc, named with its module, for the
/// task that opens the file, and keeps what it returns.
pub(crate) fn call(module: &str, function: &str, file: &str, kfunc: [&str; 2]) -> Traced {
    with_log(|log| attempt(module, function, file, Some(kfunc), log))
}

fn with_log(attempt: impl FnOnce(&mut [u8]) -> io::Result<[u64; VALUE_WORDS]>) -> Traced {
    let mut log = vec![0; bpf::LOG_SIZE];
    match attempt(&mut log) {
        Ok([runs, value]) => Traced {
            errno: 0,
            runs,
            value,
            line: String::new(),
        },
        Err(error) => {
            let end = log.iter().position(|&byte| byte == 0).unwrap_or(0);
            let log = String::from_utf8_lossy(&log[..end]);
            let line = log.trim_end().rsplit('\n').next().unwrap_or("");
            Traced {
                errno: error.raw_os_error().unwrap_or(-1),
                runs: 0,
                value: 0,
                line: match line {
                    "" => error.to_string(),
                    line => line.to_owned(),
                },
            }
        }
    }
}

fn attempt(
    module: &str,
    function: &str,
    file: &str,
    kfunc: Option<[&str; 2]>,
    log: &mut [u8],
) -> io::Result<[u64; VALUE_WORDS]> {
    let read = |name: &str| fs::read(format!("/sys/kernel/btf/{name}"));
    let base = Arc::new(Btf::parse(&read("vmlinux")?).map_err(io::Error::other)?);
    let btf_of =
        |module| Btf::parse_split(&read(module)?, Arc::clone(&base)).map_err(io::Error::other);
    let btf = btf_of(module)?;
    let target = Target::find(&btf, function).ok_or_else(|| {
        io::Error::other(format!("no {function}(struct file *) in the module's BTF"))
    })?;
    let map = bpf::array_map((VALUE_WORDS * size_of::<u64>()) as u32)?;
    let attached = bpf::module_btf(module)?;
    let mut fds = [-1; 2];
    // Open until the program is loaded.
    let provider;
    let value = match kfunc {
        None => target.flags(),
        Some([module, name]) => {
            let func = btf_of(module)?.find_own_by_name_kind(name, Kind::Func);
            let func = func.ok_or_else(|| io::Error::other(format!("no {name} in {module}")))?;
            provider = bpf::module_btf(module)?;
            fds[KFUNC_FD as usize] = provider.as_raw_fd();
            call_with_task(func)
        }
    };
    let program = keep(&value, map.as_raw_fd());
    let program = bpf::load_fentry(&program, target.func.0, &attached, &fds, log)?;
    let link = bpf::attach(&program)?;
    // The flags are what the program is to see.
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(file)?;
    drop(opened);
    let seen = bpf::array_element(&map)?;
    drop(link);
    Ok(seen)
}

/// What the program needs to know, all of it from BTF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Target {
    func: TypeId,
    /// Index of the parameter that is a `struct file *`.
    param: u32,
    /// Offset of `f_flags` in it, in bytes.
    flags_off: u32,
}

impl Target {
    fn find(btf: &Btf, function: &str) -> Option<Self> {
        let func = btf.find_own_by_name_kind(function, Kind::Func)?;
        let proto = btf.ty(btf.ty(func)?.type_id()?)?;
        let file = btf.find_by_name_kind("file", Kind::Struct)?;
        let param = proto.params().position(|param| {
            let pointer = btf.ty(param.type_id);
            pointer.is_some_and(|ty| ty.kind() == Kind::Ptr && ty.type_id() == Some(file))
        })?;
        let flags = btf
            .ty(file)?
            .members()
            .find(|member| btf.str_at(member.name_off) == Some(b"f_flags"))?;
        Some(Self {
            func,
            param: param as u32,
            flags_off: flags.bit_offset / 8,
        })
    }

    /// Gets the flags of the file.
    fn flags(&self) -> Vec<u64> {
        vec![
            insn(0x79, 6, 1, self.param * 8, 0), // r6 = *(u64 *)(r1 + param * 8)
            insn(0x61, 7, 6, self.flags_off, 0), // r7 = *(u32 *)(r6 + flags_off)
        ]
    }
}

/// Where the descriptor of the kfunc's BTF stands in what the verifier is given.
const KFUNC_FD: u32 = 1;

/// Calls a kfunc for the current task.
fn call_with_task(func: TypeId) -> Vec<u64> {
    const PSEUDO_KFUNC_CALL: u8 = 2;
    let func = func.0.cast_signed();
    vec![
        insn(0x85, 0, 0, 0, 158), // call bpf_get_current_task_btf
        insn(0xbf, 1, 0, 0, 0),   // r1 = r0
        insn(0x85, 0, PSEUDO_KFUNC_CALL, KFUNC_FD, func), // call the kfunc
        insn(0xbf, 7, 0, 0, 0),   // r7 = r0
    ]
}

/// A program that counts its runs and keeps the value that `value` leaves in
/// r7, in element 0 of `map`.
fn keep(value: &[u64], map: i32) -> Vec<u64> {
    let minus = |n: i16| u32::from(n as u16);
    let mut program = value.to_vec();
    program.extend([
        insn(0x62, 10, 0, minus(-4), 0), // *(u32 *)(r10 - 4) = 0
        insn(0xbf, 2, 10, 0, 0),         // r2 = r10
        insn(0x07, 2, 0, 0, -4),         // r2 += -4
        insn(0x18, 1, 1, 0, map),        // r1 = map
        0,                               // (its upper half)
        insn(0x85, 0, 0, 0, 1),          // call bpf_map_lookup_elem
        insn(0x15, 0, 0, 3, 0),          // if r0 == 0 goto exit
        insn(0xb7, 1, 0, 0, 1),          // r1 = 1
        insn(0xdb, 0, 1, 0, 0),          // lock *(u64 *)(r0 + 0) += r1
        insn(0x7b, 0, 7, 8, 0),          // *(u64 *)(r0 + 8) = r7
        insn(0xb7, 0, 0, 0, 0),          // exit: r0 = 0
        insn(0x95, 0, 0, 0, 0),          // exit
    ]);
    program
}

fn insn(code: u8, dst: u8, src: u8, off: u32, imm: i32) -> u64 {
    u64::from(code)
        | u64::from(dst) << 8
        | u64::from(src) << 12
        | u64::from(off as u16) << 16
        | u64::from(imm as u32) << 32
}
