//! The `pahole` command: the kernel build's encoder.

use std::process::ExitCode;

fn main() -> ExitCode {
    splitbtf_cli::pahole_main()
}
