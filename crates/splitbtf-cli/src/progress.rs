//! A progress bar on a terminal, nothing elsewhere.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows which files are being worked on, how many are done, the rate and the time left.
///
/// The bar counts bytes of input, since modules differ in size a thousandfold and the
/// largest come first: by number of modules the time left would be far off for most of the
/// run. What the reader sees counted are modules.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    files: usize,
    files_done: AtomicUsize,
    begun: Instant,
}

impl Progress {
    /// A bar for `files` files of `bytes` bytes, on standard error if that is a terminal and
    /// `wanted`.
    pub(crate) fn new(wanted: bool, files: usize, bytes: u64) -> Self {
        let target = if wanted && std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let template = if files > 1 {
            "[{bar:24}] {prefix}  {eta} left  {wide_msg}"
        } else {
            "{spinner} {wide_msg} {elapsed}"
        };
        // The templates are constants; a mistake in one would show in the default style.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        // Takes a thread, which is a tenth of the time that a small module takes.
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        let progress = Self {
            bar,
            files,
            files_done: AtomicUsize::new(0),
            begun: Instant::now(),
        };
        progress.count(0);
        progress
    }

    fn count(&self, done: usize) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 {
            done as f64 / seconds
        } else {
            0.0
        };
        self.bar
            .set_prefix(format!("{done}/{} files  {rate:.0}/s", self.files));
    }

    /// Names the file that work has begun on.
    pub(crate) fn started(&self, path: &Path) {
        let name = path.file_name().unwrap_or(path.as_os_str());
        self.bar
            .set_message(crate::report::one_line(&name.to_string_lossy()));
    }

    /// Counts a file of `bytes` bytes as done.
    pub(crate) fn finished(&self, bytes: u64) {
        self.count(self.files_done.fetch_add(1, Ordering::Relaxed) + 1);
        self.bar.inc(bytes);
    }

    /// Runs `print` with the bar out of the way.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
