//! Dumps against bpftool and against C compilers.

#![expect(
    clippy::print_stderr,
    reason = "skipped tests and measured counts are reported there"
)]

mod bpftool;
mod c;
mod kernel;
mod small;
