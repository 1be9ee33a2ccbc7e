//! `splitbtf explain`.

use std::process::ExitCode;

use crate::args::ExplainArgs;
use crate::report;

/// Runs the verb.
pub(crate) fn run(_args: &ExplainArgs) -> ExitCode {
    report::fail(
        "splitbtf",
        &anyhow::anyhow!("explain is not there yet"),
        report::FAILURE,
    )
}
