//! Progress bars on standard error, none where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `n` steps.
pub(crate) fn bar(title: &str, n: usize) -> ProgressBar {
    let bar = ProgressBar::new(n as u64);
    let style =
        ProgressStyle::with_template("{prefix:>10} {wide_bar} {pos}/{len} {per_sec} {eta} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(title.to_owned());
    bar
}

/// A clock for work that cannot say how far it is.
pub(crate) fn clock(title: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{prefix:>10} {spinner} {elapsed} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
