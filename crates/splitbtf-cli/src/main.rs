//! The `splitbtf` command; called by the name `pahole`, that command.

use std::process::ExitCode;

fn main() -> ExitCode {
    splitbtf_cli::main_by_name()
}
