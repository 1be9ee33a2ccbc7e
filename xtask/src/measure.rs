//! What a program costs: wall and processor time, and peak memory.
//!
//! Processor time is what the kernel charges to children once they have been
//! waited for, so that a program that starts others is measured whole. Memory
//! is sampled from `/proc/<pid>/status`: anonymous and file pages apart, which
//! `wait4` does not tell. Only the process itself is sampled, every two
//! milliseconds; a peak that is shorter can be missed, except in `rss`, which
//! the kernel keeps (`VmHWM`).

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::Serialize;

const SAMPLE_EVERY: Duration = Duration::from_millis(2);

/// The cost of one run.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Usage {
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// User time of all threads and processes in seconds.
    pub(crate) user: f64,
    /// System time, likewise.
    pub(crate) sys: f64,
    /// Peak of anonymous memory in bytes; of the largest process, if several.
    pub(crate) anon: u64,
    /// Peak of mapped file pages in bytes, likewise.
    pub(crate) file: u64,
    /// Peak of both together in bytes, likewise.
    pub(crate) rss: u64,
}

impl Usage {
    /// User and system time in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.sys
    }

    fn max_memory(&mut self, other: &Self) {
        self.anon = self.anon.max(other.anon);
        self.file = self.file.max(other.file);
        self.rss = self.rss.max(other.rss);
    }
}

/// User and system time of all children so far, in seconds.
fn children() -> Result<(f64, f64)> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("getrusage")?;
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    Ok((seconds(usage.user_time()), seconds(usage.system_time())))
}

/// Runs a function that waits for all programs it starts, one or many, and
/// fills in the times; memory is up to the function.
pub(crate) fn times(work: impl FnOnce() -> Result<Usage>) -> Result<Usage> {
    let before = children()?;
    let begun = Instant::now();
    let mut usage = work()?;
    usage.wall = begun.elapsed().as_secs_f64();
    let after = children()?;
    usage.user = after.0 - before.0;
    usage.sys = after.1 - before.1;
    Ok(usage)
}

/// Runs a program to its end and returns its memory peaks. Its output is
/// thrown away unless it fails.
pub(crate) fn memory(command: &mut Command) -> Result<Usage> {
    watch(command, |_| ())
}

/// As [`memory`], and the seconds that each of the program's threads ran, the
/// busiest first. What a thread does in the last two milliseconds is missed.
pub(crate) fn threads(command: &mut Command) -> Result<(Usage, Vec<f64>)> {
    let ran = Mutex::new(BTreeMap::new());
    let usage = watch(command, |pid| {
        let mut ran = ran.lock().unwrap_or_else(PoisonError::into_inner);
        for (thread, seconds) in thread_times(pid) {
            ran.insert(thread, seconds);
        }
    })?;
    let ran = ran.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut seconds: Vec<f64> = ran.into_values().collect();
    seconds.sort_by(|a, b| b.total_cmp(a));
    Ok((usage, seconds))
}

/// Threads of a process with the seconds that they ran.
fn thread_times(pid: u32) -> Vec<(String, f64)> {
    let Ok(tasks) = fs_err::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let time = |task: &fs_err::DirEntry| -> Option<(String, f64)> {
        let text = fs_err::read_to_string(task.path().join("schedstat")).ok()?;
        let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
        let thread = task.file_name().to_string_lossy().into_owned();
        Some((thread, nanoseconds as f64 / 1e9))
    };
    tasks.flatten().filter_map(|task| time(&task)).collect()
}

/// Runs a program and samples it until it ends.
fn watch(command: &mut Command, also: impl Fn(u32) + Sync) -> Result<Usage> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| name.clone())?;
    let pid = child.id();
    let done = AtomicBool::new(false);
    let (output, peak) = thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            let mut peak = Usage::default();
            while !done.load(Ordering::Relaxed) {
                if let Some(sample) = sample(pid) {
                    peak.max_memory(&sample);
                }
                also(pid);
                thread::sleep(SAMPLE_EVERY);
            }
            peak
        });
        let output = child.wait_with_output();
        done.store(true, Ordering::Relaxed);
        (output, sampler.join().unwrap_or_default())
    });
    let output = output.with_context(|| name.clone())?;
    ensure!(
        output.status.success(),
        "{name}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(peak)
}

/// Runs each command, `at_once` at a time, and returns the largest peaks.
pub(crate) fn memory_of_all(
    commands: &[&(dyn Fn() -> Command + Sync)],
    at_once: usize,
    done: &(dyn Fn() + Sync),
) -> Result<Usage> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || {
        let mut peak = Usage::default();
        while let Some(command) = commands.get(next.fetch_add(1, Ordering::Relaxed)) {
            peak.max_memory(&memory(&mut command())?);
            done();
        }
        Ok(peak)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        let mut peak = Usage::default();
        for worker in workers {
            let result: Result<Usage> = match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            peak.max_memory(&result?);
        }
        Ok(peak)
    })
}

fn sample(pid: u32) -> Option<Usage> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some(Usage {
        anon: field("RssAnon:")?,
        file: field("RssFile:")?,
        rss: field("VmHWM:")?,
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_of_a_child_are_seen() {
        // A shell that counts to a million, with 20 MB in a variable.
        let script = "x=$(head -c 20000000 /dev/zero | tr '\\0' a); i=0; \
                      while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let usage = times(|| memory(Command::new("sh").args(["-c", script]))).unwrap();
        assert!(usage.cpu() > 0.0 && usage.wall > 0.0, "{usage:?}");
        assert!(usage.anon >= 20_000_000, "{usage:?}");
        assert!(usage.rss >= usage.anon, "{usage:?}");
    }

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let error = memory(Command::new("sh").args(["-c", "echo oops >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("oops"), "{error}");
    }
}
