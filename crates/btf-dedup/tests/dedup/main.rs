//! Deduplication, tested through its public interface.

#![allow(
    clippy::print_stderr,
    reason = "skipped tests say so, as test output is read by people"
)]

mod audit;
mod base;
mod cycles;
mod explain;
mod kernel;
mod notation;
mod oracle;
mod program;
mod properties;
mod quirks;
mod split;
mod strings;
