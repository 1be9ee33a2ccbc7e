//! Project tasks: `cargo xtask <verb>`.
//!
//! The work itself is done by the release binary, which the verbs build, and
//! by the library crates. What is here finds inputs, runs programs, measures
//! them and prints tables.

mod batch;
mod bench;
mod boot;
mod callgrind;
mod causes;
mod chart;
mod compare;
mod count;
mod encoder;
mod kernel;
mod kernel_build;
mod measure;
mod peer;
mod progress;
mod selftests;
mod text;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the splitbtf project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Kernel(kernel::Args),
    Batch(batch::Args),
    Compare(compare::Args),
    Bench(bench::Args),
    Count(count::Args),
    KernelBuild(kernel_build::Args),
    Boot(boot::Args),
    Selftests(selftests::Args),
}

#[expect(
    clippy::print_stderr,
    reason = "the one place where errors are printed"
)]
fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Kernel(args) => kernel::run(&args),
        Verb::Batch(args) => batch::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Count(args) => count::run(&args),
        Verb::KernelBuild(args) => kernel_build::run(&args),
        Verb::Boot(args) => boot::run(&args),
        Verb::Selftests(args) => selftests::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
