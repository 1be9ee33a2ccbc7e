//! The init process of the emulated machine: carries out `/plan`, writes the
//! report to the second serial port and switches the machine off.
//!
//! Process 1 must not return, so errors end up in the report and nothing
//! unwinds further than [`main`].

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::{CStr, CString};
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;
    use std::ptr;

    use boot_init::{KernelModule, Step};

    const REPORT: &str = "/dev/ttyS1";
    const BASE: &str = "/sys/kernel/btf/vmlinux";
    const BPF_BTF_LOAD: libc::c_int = 18;
    const LOG_SIZE: usize = 64 << 10;

    /// The report and the kernel's log.
    struct Desk {
        report: File,
        log: Option<File>,
        /// The kernel's own BTF, read when first needed.
        base: Option<Vec<u8>>,
    }

    pub(crate) fn run() {
        if let Err(error) = work() {
            // Nobody else will say it; the console is the only place left.
            _ = fs::write("/dev/console", format!("boot-init: {error}\n"));
        }
        power_off();
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
        };
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        desk.say(&format!("kernel {}", release.trim()))?;
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
                Step::Judge { path, label } => {
                    let module = fs::read(path)?;
                    let base = match self.base.take() {
                        Some(base) => base,
                        None => fs::read(BASE)?,
                    };
                    let blob = KernelModule::new(module)
                        .ok()
                        .and_then(|module| concatenate(&base, module.section(".BTF").ok()?));
                    self.base = Some(base);
                    match blob {
                        Some(blob) => self.judge(&blob, label),
                        None => self.say(&format!("verdict {label} -1 no .BTF to judge")),
                    }
                }
                Step::Blob { path, label } => self.judge(&fs::read(path)?, label),
            }
        }

        fn load(&mut self, path: &str, name: &str, label: &str) -> io::Result<()> {
            let errno = errno_of(insert(&File::open(path)?));
            let seen = match fs::read(format!("/sys/kernel/btf/{name}")) {
                Err(_) => "absent",
                Ok(seen) => {
                    let module = KernelModule::new(fs::read(path)?);
                    let section = module.as_ref().map(|module| module.section(".BTF"));
                    match section {
                        Ok(Ok(section)) if section == seen => "same",
                        _ => "differs",
                    }
                }
            };
            self.drain_log(Some(label))?;
            self.say(&format!("load {label} {errno} {seen}"))
        }

        fn judge(&mut self, blob: &[u8], label: &str) -> io::Result<()> {
            let mut log = Vec::new();
            let mut errno = btf_load(blob, &mut log);
            if errno != 0 {
                // Again, with a log: asked for at once, a long one would
                // turn the verdict into ENOSPC.
                log = vec![0; LOG_SIZE];
                let first = errno;
                btf_load(blob, &mut log);
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

    #[expect(unsafe_code, reason = "std and libc have no delete_module")]
    fn unload(name: &str) -> io::Result<()> {
        let name = CString::new(name)?;
        // SAFETY: the name ends in NUL and outlives the call.
        check(unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) })
    }

    /// The part of `union bpf_attr` that `BPF_BTF_LOAD` reads.
    #[repr(C)]
    struct BtfLoadAttr {
        btf: u64,
        btf_log_buf: u64,
        btf_size: u32,
        btf_log_size: u32,
        btf_log_level: u32,
        padding: u32,
    }

    /// Error number of loading `blob`, 0 if accepted. An empty `log` asks for
    /// none.
    #[expect(unsafe_code, reason = "std and libc have no bpf")]
    fn btf_load(blob: &[u8], log: &mut [u8]) -> i32 {
        let attr = BtfLoadAttr {
            btf: blob.as_ptr().expose_provenance() as u64,
            btf_log_buf: match log.len() {
                0 => 0,
                _ => log.as_mut_ptr().expose_provenance() as u64,
            },
            btf_size: blob.len() as u32,
            btf_log_size: log.len() as u32,
            btf_log_level: u32::from(!log.is_empty()),
            padding: 0,
        };
        let attr_ptr: *const BtfLoadAttr = &raw const attr;
        // SAFETY: attribute, blob and log outlive the call, which reads the
        // first two and writes no more than the stated length of the third.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_BTF_LOAD,
                attr_ptr,
                size_of::<BtfLoadAttr>(),
            )
        };
        if fd < 0 {
            return io::Error::last_os_error().raw_os_error().unwrap_or(-1);
        }
        // SAFETY: the descriptor was returned by the call above and is not
        // used again.
        unsafe { libc::close(fd as libc::c_int) };
        0
    }

    #[expect(unsafe_code, reason = "std has no reboot")]
    fn power_off() {
        // SAFETY: the calls take plain numbers; there is nothing left to lose.
        unsafe { libc::sync() };
        // SAFETY: as above.
        unsafe { libc::reboot(libc::LINUX_REBOOT_CMD_POWER_OFF) };
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    linux::run();
}
