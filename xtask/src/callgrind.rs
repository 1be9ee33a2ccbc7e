//! Instructions that a program executes, counted by valgrind's callgrind.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;

/// Whether the machine has valgrind.
pub(crate) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// Runs `command` under callgrind, which writes to `out`.
///
/// # Errors
/// If valgrind cannot be started, or `command` fails.
pub(crate) fn run(command: &Command, out: &Path, options: &[&str]) -> Result<()> {
    let mut file = OsString::from("--callgrind-out-file=");
    file.push(out);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-pos=no"])
        .args(options)
        .arg(file)
        .arg(command.get_program())
        .args(command.get_args())
        .env_remove("MAKEFLAGS")
        .output()
        .context("valgrind")?;
    ensure!(
        output.status.success(),
        "valgrind: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Instructions that each thread of `command` executes, the busiest first. Valgrind runs one thread at a time, each as
/// long as the others, so that however few processors there are, work is shared as it would be among many.
///
/// # Errors
/// As [`run`].
pub(crate) fn by_thread(command: &Command) -> Result<Vec<u64>> {
    let dir = tempfile::tempdir()?;
    let options = ["--separate-threads=yes", "--fair-sched=try"];
    run(command, &dir.path().join("thread"), &options)?;
    let mut counts = Vec::new();
    for entry in fs::read_dir(dir.path())? {
        counts.extend(total(&fs::read_to_string(entry?.path())?));
    }
    ensure!(!counts.is_empty(), "callgrind counted nothing");
    counts.sort_unstable_by(|a, b| b.cmp(a));
    Ok(counts)
}

/// The sum that stands at the end of callgrind's output.
fn total(profile: &str) -> Option<u64> {
    let line = profile.lines().rev().find(|l| l.starts_with("totals:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_thread_is_read() {
        assert_eq!(
            total("events: Ir\nfn=(1) f\n12 100\n\ntotals: 4711\n"),
            Some(4711)
        );
        assert_eq!(total("events: Ir\n"), None);
    }
}
