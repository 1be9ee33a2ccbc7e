//! `splitbtf dump`.

use std::process::ExitCode;

use crate::args::DumpArgs;
use crate::report;

/// Runs the verb.
pub(crate) fn run(_args: &DumpArgs) -> ExitCode {
    report::fail(
        "splitbtf",
        &anyhow::anyhow!("dump is not there yet"),
        report::FAILURE,
    )
}
