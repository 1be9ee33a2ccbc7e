//! The verdicts of this crate against the kernel's contract, real modules and
//! a live kernel.

#![expect(
    clippy::print_stderr,
    reason = "skipped tests and measured counts are reported there"
)]

mod asm;
mod damage;
mod lints;
mod live;
mod real;
mod relocation;
mod table;
