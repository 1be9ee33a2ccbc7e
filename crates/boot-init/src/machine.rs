//! The emulated machine, from the outside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::report::Report;

/// How often to look whether the machine has stopped.
const POLL: Duration = Duration::from_millis(100);
/// Bytes of the console that are shown when the machine stops early.
const CONSOLE_TAIL: usize = 2_000;
/// What the init process is built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A kernel and an initramfs to boot in `qemu-system-x86_64`, without KVM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Machine {
    /// The bootable kernel image.
    pub kernel: PathBuf,
    /// What an [`Image`](crate::Image) wrote.
    pub initramfs: PathBuf,
    /// When to give up.
    pub timeout: Duration,
}

impl Machine {
    /// Boots, waits for the machine to end itself, and reads its report. Leaves
    /// the files `console` and `report` in `scratch`.
    ///
    /// # Errors
    /// If the emulator cannot be started, or the machine did not carry out its
    /// plan to the end; the error then quotes the end of the console.
    pub fn run(&self, scratch: &Path) -> io::Result<Report> {
        self.run_watched(scratch, |_| ())
    }

    /// As [`run`](Self::run), and tells `watch` again and again how many lines
    /// the report has.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn run_watched(&self, scratch: &Path, watch: impl Fn(usize)) -> io::Result<Report> {
        let (console, report) = (scratch.join("console"), scratch.join("report"));
        let serial = |path: &Path| format!("file:{}", path.display());
        let mut machine = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg", "-cpu", "max", "-m", "3072", "-smp", "2"])
            .args(["-display", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initramfs)
            .args([
                "-append",
                "console=ttyS0 loglevel=4 panic=-1 reboot=t rdinit=/init",
            ])
            .args(["-serial", &serial(&console), "-serial", &serial(&report)])
            .stdin(Stdio::null())
            .spawn()?;
        let start = Instant::now();
        while machine.try_wait()?.is_none() {
            if start.elapsed() > self.timeout {
                machine.kill()?;
                machine.wait()?;
                break;
            }
            if let Ok(text) = fs::read(&report) {
                watch(text.iter().filter(|&&byte| byte == b'\n').count());
            }
            thread::sleep(POLL);
        }
        let text = fs::read(&report)?;
        let report = Report::parse(&String::from_utf8_lossy(&text)).map_err(io::Error::other)?;
        if !report.is_complete {
            let console = fs::read(&console)?;
            let tail = &console[console.len().saturating_sub(CONSOLE_TAIL)..];
            let tail = String::from_utf8_lossy(tail);
            return Err(io::Error::other(format!(
                "the machine stopped before its plan was carried out:\n{tail}"
            )));
        }
        Ok(report)
    }
}

/// Builds the init process as a program without shared libraries, of which the
/// image has none, and returns it. Needs cargo, and this package's sources
/// where they were when it was compiled; builds below `dir`.
///
/// # Errors
/// If cargo cannot be started or fails.
pub fn build_init(dir: &Path) -> io::Result<Vec<u8>> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let target_dir = dir.join("boot-init");
    let status = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(["build", "--quiet", "--release", "--bin", "boot-init"])
        .args(["--target", TARGET, "--manifest-path", manifest])
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .status()?;
    if !status.success() {
        return Err(io::Error::other("cargo cannot build the init process"));
    }
    fs::read(target_dir.join(TARGET).join("release/boot-init"))
}
