//! The program that is called `pahole`: the encoder's options of dwarves' pahole 1.31, with
//! its output and its exit codes, except that failures are failures.
//!
//! A command line goes through three forms. [`argp`] splits it into options and operands,
//! [`low`] records what was typed, and [`high`] says what was meant; only the last is acted
//! on. [`options`] is the table behind all of them.
//!
//! What upstream does and this does not: exit 0 when encoding failed, and when an input is
//! missing. Scripts of Linux 6.1 and 6.12 lose the exit status of the encoder for vmlinux, so
//! that a failure also has to leave no `.BTF` behind for the build to stop at.

mod argp;
mod help;
mod high;
mod low;
mod options;
mod run;
mod version;

pub(crate) use run::run;
