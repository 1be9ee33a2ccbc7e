//! The commands `splitbtf` and `pahole`, which are one program.
//!
//! Which of the two it is, is decided by the name it is called by: `cargo install` places
//! both, and a symbolic link called `pahole` does as well.

mod args;
mod batch;
mod btf_input;
mod cmd;
mod difference;
mod engine;
mod inputs;
mod jobs;
mod jobserver;
mod lang;
mod pahole;
mod panics;
mod progress;
mod report;
mod stdout;
mod type_name;
mod units;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};

/// Runs the program that the first word of the command line names: pahole for `pahole` and
/// names that go on with `-` or `.`, such as `pahole-1.31`; splitbtf for any other.
pub fn main_by_name() -> ExitCode {
    match std::env::args_os().next() {
        Some(program) if is_pahole(&program) => pahole_main(),
        _ => splitbtf_main(),
    }
}

/// Runs splitbtf, whatever the program is called.
pub fn splitbtf_main() -> ExitCode {
    panics::silence();
    match Cli::parse().command {
        Command::Encode(args) => cmd::encode::run(&args),
        Command::Diff(args) => cmd::diff::run(&args),
        Command::Size(args) => cmd::size::run(&args),
        Command::Verify(args) => cmd::verify::run(&args),
        Command::Dump(args) => cmd::dump::run(&args),
        Command::Explain(args) => cmd::explain::run(&args),
    }
}

/// Runs pahole, whatever the program is called.
pub fn pahole_main() -> ExitCode {
    panics::silence();
    pahole::run()
}

fn is_pahole(program: &OsStr) -> bool {
    let name = Path::new(program)
        .file_name()
        .unwrap_or_default()
        .as_bytes();
    name.strip_prefix(b"pahole")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'-' | b'.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personality_is_chosen_by_the_name_of_the_program() {
        let is = |name: &str| is_pahole(OsStr::new(name));
        assert!(is("pahole") && is("/usr/bin/pahole") && is("./pahole-1.31"));
        assert!(!is("splitbtf") && !is("/opt/pahole/splitbtf") && !is("paholes") && !is(""));
    }
}
