//! The init process of the emulated machine: carries out `/plan`, writes the
//! report to the second serial port and restarts the machine, which ends it.
//!
//! Process 1 must not return, so errors end up in the report and nothing
//! unwinds further than [`main`].

#[cfg(target_os = "linux")]
mod bpf;
#[cfg(target_os = "linux")]
mod trace;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::{CStr, CString};
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::ptr;

    use boot_init::{KernelModule, Step, Traced, is_relocated};

    use crate::{bpf, trace};

    const REPORT: &str = "/dev/ttyS1";
    const BASE: &str = "/sys/kernel/btf/vmlinux";

    /// The report and the kernel's log.
    struct Desk {
        report: File,
        log: Option<File>,
        /// The kernel's own BTF, read when first needed.
        base: Option<Vec<u8>>,
        /// Modules that are there without having run their init function.
        idle: BTreeSet<String>,
    }

    pub(crate) fn run() {
        if let Err(error) = work() {
            // Nobody else will say it; the console is the only place left.
            _ = fs::write("/dev/console", format!("boot-init: {error}\n"));
        }
        restart();
    }

    fn work() -> io::Result<()> {
        mount(c"devtmpfs", c"/dev")?;
        mount(c"proc", c"/proc")?;
        mount(c"sysfs", c"/sys")?;
        let mut desk = Desk {
            report: OpenOptions::new().write(true).open(REPORT)?,
            log: OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open("/dev/kmsg")
                .ok(),
            base: None,
            idle: BTreeSet::new(),
        };
        // "Linux version 6.12.117 (...": there without CONFIG_SYSCTL, too.
        let version = fs::read_to_string("/proc/version")?;
        let release = version.split(' ').nth(2).unwrap_or("");
        desk.say(&format!("kernel {release}"))?;
        desk.drain_log(None)?;
        for line in fs::read_to_string("/plan")?.lines() {
            match Step::parse(line) {
                Some(step) => desk.carry_out(&step)?,
                None => desk.say(&format!("unknown step {line}"))?,
            }
        }
        desk.say("end")
    }

    impl Desk {
        fn say(&mut self, line: &str) -> io::Result<()> {
            // One write a line, so that lines stay whole.
            self.report.write_all(format!("{line}\n").as_bytes())
        }

        fn carry_out(&mut self, step: &Step) -> io::Result<()> {
            match step {
                Step::Keep { path, name } => self.load(path, name, name),
                Step::Drop { path, name, label } => {
                    self.load(path, name, label)?;
                    _ = unload(name);
                    self.drain_log(None)
                }
                Step::Live { path, name } => self.live(path, name),
                Step::Judge { path, label } => {
                    let file = fs::read(path)?;
                    let blob = match KernelModule::new(file.clone()) {
                        Ok(module) => match module.section(".BTF") {
                            Ok(split) => concatenate(self.base()?, split),
                            Err(_) => None,
                        },
                        Err(_) => concatenate(self.base()?, &file),
                    };
                    match blob {
                        Some(blob) => self.judge(&blob, label),
                        None => self.say(&format!("verdict {label} -1 no BTF to judge")),
                    }
                }
                Step::Blob { path, label } => self.judge(&fs::read(path)?, label),
                Step::Trace {
                    module,
                    function,
                    file,
                } => {
                    let seen = trace::trace(module, function, file);
                    self.say_traced(&format!("trace {module}:{function}"), &seen)
                }
                Step::Call {
                    module,
                    function,
                    file,
                    provider,
                    kfunc,
                } => {
                    let seen = trace::call(module, function, file, [provider, kfunc]);
                    self.say_traced(&format!("call {provider}:{kfunc}"), &seen)
                }
            }
        }

        fn say_traced(&mut self, step: &str, seen: &Traced) -> io::Result<()> {
            self.say(&format!(
                "{step} {} {} {:x} {}",
                seen.errno, seen.runs, seen.value, seen.line
            ))
        }

        /// The kernel's own BTF.
        fn base(&mut self) -> io::Result<&[u8]> {
            if self.base.is_none() {
                self.base = Some(fs::read(BASE)?);
            }
            Ok(self.base.as_deref().unwrap_or(&[]))
        }

        fn load(&mut self, path: &str, name: &str, label: &str) -> io::Result<()> {
            let errno = errno_of(insert(&File::open(path)?));
            self.say_loaded(path, name, label, errno)
        }

        fn live(&mut self, path: &str, name: &str) -> io::Result<()> {
            let module = KernelModule::new(fs::read(path)?).map_err(io::Error::other);
            let mut module = module?;
            // What an idle module provides is not set up: to call it may crash.
            let below = module.depends().unwrap_or_default();
            let mut errno = -1;
            if !below.iter().any(|name| self.idle.contains(name)) {
                errno = errno_of(insert(&File::open(path)?));
                self.say(&format!("init {name} {errno}"))?;
            }
            if errno != 0 && module.without_init().is_ok() {
                // What was logged is of a module that is gone again.
                self.drain_log(None)?;
                self.idle.insert(name.to_owned());
                errno = errno_of(insert_bytes(module.bytes()));
            }
            self.say_loaded(path, name, name, errno)
        }

        fn say_loaded(
            &mut self,
            path: &str,
            name: &str,
            label: &str,
            errno: i32,
        ) -> io::Result<()> {
            let seen = match fs::read(format!("/sys/kernel/btf/{name}")) {
                Err(_) => "absent",
                Ok(seen) if self.is_btf_of(path, &seen)? => "same",
                Ok(_) => "differs",
            };
            self.drain_log(Some(label))?;
            self.say(&format!("load {label} {errno} {seen}"))
        }

        /// Whether `seen` is what the kernel should make of the BTF of the
        /// module in `path`: its bytes, or, if it comes with a distilled base,
        /// the same types on the kernel's own.
        fn is_btf_of(&mut self, path: &str, seen: &[u8]) -> io::Result<bool> {
            let Ok(module) = KernelModule::new(fs::read(path)?) else {
                return Ok(false);
            };
            let Ok(btf) = module.section(".BTF") else {
                return Ok(false);
            };
            let Ok(distilled) = module.section(".BTF.base") else {
                return Ok(btf == seen);
            };
            let base = self.base()?;
            Ok(is_relocated(btf, distilled, base, seen).unwrap_or(false))
        }

        fn judge(&mut self, blob: &[u8], label: &str) -> io::Result<()> {
            let mut log = Vec::new();
            let mut errno = bpf::btf_load(blob, &mut log);
            if errno != 0 {
                // Again, with a log: asked for at once, a long one would
                // turn the verdict into ENOSPC.
                log = vec![0; bpf::BTF_LOG_SIZE];
                let first = errno;
                bpf::btf_load(blob, &mut log);
                errno = first;
            }
            let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
            let text = String::from_utf8_lossy(&log[..end]).into_owned();
            let line = text.trim_end_matches('\n').rsplit('\n').next();
            self.say(&format!("verdict {label} {errno} {}", line.unwrap_or("")))
        }

        /// Reports what the kernel has logged about BTF since the last call,
        /// or forgets it.
        fn drain_log(&mut self, label: Option<&str>) -> io::Result<()> {
            let Some(mut log) = self.log.take() else {
                return Ok(());
            };
            let mut record = [0; 2048];
            // Each read gives one record, and an error once there is none.
            while let Ok(len @ 1..) = log.read(&mut record) {
                let text = String::from_utf8_lossy(&record[..len]).into_owned();
                let Some((_, message)) = text.split_once(';') else {
                    continue;
                };
                let message = message.lines().next().unwrap_or("");
                let is_ours = message.starts_with("BPF:") || message.contains("BTF");
                if let Some(label) = label
                    && is_ours
                {
                    self.say(&format!("log {label} {message}"))?;
                }
            }
            self.log = Some(log);
            Ok(())
        }
    }

    /// The types and strings of a split BTF behind those of its base, under
    /// one header: a BTF by itself, since ids and offsets count on.
    fn concatenate(base: &[u8], split: &[u8]) -> Option<Vec<u8>> {
        let sections = |blob: &[u8]| {
            let field = |at: usize| {
                let bytes = *blob.get(at..)?.first_chunk::<4>()?;
                usize::try_from(u32::from_le_bytes(bytes)).ok()
            };
            let hdr_len = field(4)?;
            let part = |off: usize, len: usize| {
                let start = hdr_len.checked_add(field(off)?)?;
                let end = start.checked_add(field(len)?)?;
                Some(blob.get(start..end)?.to_vec())
            };
            Some((part(8, 12)?, part(16, 20)?))
        };
        let ((mut types, mut strings), (more_types, more_strings)) =
            (sections(base)?, sections(split)?);
        types.extend(more_types);
        strings.extend(more_strings);
        let mut out = vec![0x9f, 0xeb, 1, 0];
        for field in [24, 0, types.len(), types.len(), strings.len()] {
            out.extend(u32::try_from(field).ok()?.to_le_bytes());
        }
        out.extend(types);
        out.extend(strings);
        Some(out)
    }

    fn errno_of(result: io::Result<()>) -> i32 {
        match result {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(-1),
        }
    }

    fn check(result: libc::c_long) -> io::Result<()> {
        match result {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    #[expect(unsafe_code, reason = "std has no mount")]
    fn mount(kind: &CStr, place: &CStr) -> io::Result<()> {
        // SAFETY: all arguments are strings that end in NUL and outlive the
        // call, or null where the call takes no data.
        let result =
            unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), 0, ptr::null()) };
        check(result.into())
    }

    #[expect(unsafe_code, reason = "std and libc have no finit_module")]
    fn insert(module: &File) -> io::Result<()> {
        // SAFETY: the descriptor is open and the parameters end in NUL. The
        // kernel only reads.
        check(unsafe { libc::syscall(libc::SYS_finit_module, module.as_raw_fd(), c"".as_ptr(), 0) })
    }

    #[expect(unsafe_code, reason = "std and libc have no init_module")]
    fn insert_bytes(module: &[u8]) -> io::Result<()> {
        // SAFETY: the module is as long as stated and the parameters end in
        // NUL. The kernel only reads.
        check(unsafe {
            libc::syscall(
                libc::SYS_init_module,
                module.as_ptr(),
                module.len(),
                c"".as_ptr(),
            )
        })
    }

    #[expect(unsafe_code, reason = "std and libc have no delete_module")]
    fn unload(name: &str) -> io::Result<()> {
        let name = CString::new(name)?;
        // SAFETY: the name ends in NUL and outlives the call.
        check(unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) })
    }

    /// Ends the machine, which the emulator takes for the end of its work. A
    /// small kernel may not know how to switch it off.
    #[expect(unsafe_code, reason = "std has no reboot")]
    fn restart() {
        // SAFETY: the calls take plain numbers; there is nothing left to lose.
        unsafe { libc::sync() };
        // SAFETY: as above.
        unsafe { libc::reboot(libc::LINUX_REBOOT_CMD_RESTART) };
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    linux::run();
}
