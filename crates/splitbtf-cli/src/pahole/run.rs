//! Doing what was asked for.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use splitbtf::{Base, Mismatch, Options, SkipReason, Skipped};

use super::high::{Encode, HighError, Request};
use super::low::{LowArgs, LowError};
use crate::engine::{self, OpenedBase, Outcome, Target};
use crate::jobs::Pool;
use crate::jobserver::JobServer;
use crate::report::{self, FAILURE, PAHOLE_USAGE, SUCCESS};
use crate::stdout::Out;

const PROGRAM: &str = "pahole";

/// Runs pahole on the arguments of this process.
pub(crate) fn run() -> ExitCode {
    let low = match LowArgs::parse(env::args_os().skip(1)) {
        Ok(low) => low,
        Err(error) => {
            report::complain(PROGRAM, &error);
            if let LowError::Argp(_) = error {
                point_to_help();
            }
            return ExitCode::from(PAHOLE_USAGE);
        }
    };
    match Request::from_low(low, env::var_os("PAHOLE_LANG_EXCLUDE")) {
        Ok(Request::Print(text)) => print(&text),
        Ok(Request::Encode(request)) => encode(&request),
        Err(HighError::Usage(text)) => {
            report::complain(PROGRAM, text);
            point_to_help();
            ExitCode::from(PAHOLE_USAGE)
        }
        Err(HighError::Failure(text)) => {
            report::complain(PROGRAM, text);
            ExitCode::from(FAILURE)
        }
    }
}

/// argp's second line after a misuse of options.
fn point_to_help() {
    let _ = writeln!(
        io::stderr(),
        "Try `pahole --help' or `pahole --usage' for more information."
    );
}

fn print(text: &str) -> ExitCode {
    let mut out = Out::new();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(error) => report::fail(
            PROGRAM,
            &anyhow::Error::new(error).context("cannot write to standard output"),
            FAILURE,
        ),
    }
}

fn encode(request: &Encode) -> ExitCode {
    for note in &request.notes {
        report::complain(PROGRAM, note);
    }
    match encode_all(request) {
        Ok(true) => ExitCode::from(SUCCESS),
        Ok(false) => ExitCode::from(FAILURE),
        Err(error) => report::fail(PROGRAM, &error, FAILURE),
    }
}

/// Encodes each input; returns whether all went well.
fn encode_all(request: &Encode) -> anyhow::Result<bool> {
    let mut options = Options::default();
    options.features = request.features;
    options.lang.clone_from(&request.lang);
    options.lang_exclude.clone_from(&request.lang_exclude);
    options.exclude_units = request.cu_exclude.iter().cloned().collect();
    options.kabi_prefix.clone_from(&request.kabi_prefix);
    if request.detached.is_some() {
        // As upstream: a raw file has no place for a second section, and the kernel build that
        // asks for detached output distils with resolve_btfids.
        options.features.distilled_base = false;
    }
    let sizes = request.inputs.iter();
    let sizes = sizes.map(|path| fs::metadata(path).map_or(0, |meta| meta.len()));
    let largest = sizes.clone().max().unwrap_or(0);
    let pool = Pool::new(Some(request.threads), largest, JobServer::from_env())?;
    pool.run(|| {
        let base = match &request.base {
            Some(path) => Some(
                OpenedBase::new(path, sizes.clone().sum())
                    .finish(&options, false)
                    .with_context(|| "cannot use the file given with --btf_base")?,
            ),
            None => None,
        };
        match &request.detached {
            Some(file) => {
                detached(request, base.as_ref(), &options, file)?;
                Ok(true)
            }
            None => Ok(in_place(request, base.as_ref(), &options)),
        }
    })
}

/// Encodes each input into itself; one that fails does not keep the others from it.
///
/// Upstream makes one BTF of them all and writes it into the first. The ids in `.BTF_ids` are
/// left to the kernel build's own resolve_btfids, which runs afterwards and takes them to be
/// in the order of the assembler.
fn in_place(request: &Encode, base: Option<&Base>, options: &Options) -> bool {
    let mut all_well = true;
    for path in &request.inputs {
        match engine::encode(path, base, options, &Target::InPlace, false, true) {
            Ok(outcome) => tell(request, path, &outcome),
            Err(error) if error.downcast_ref().is_some_and(engine::is_not_elf) => {
                let text = format_args!("{}: not an ELF file, nothing to encode", path.display());
                report::complain(PROGRAM, text);
            }
            Err(error) => {
                all_well = false;
                let error = engine::name_base(error, request.base.as_deref());
                report::complain(PROGRAM, report::chain(&error));
            }
        }
    }
    all_well
}

/// Encodes the inputs into one raw file, which is always there afterwards if all went well:
/// the kernel build goes on to read it even if there was nothing to encode.
fn detached(
    request: &Encode,
    base: Option<&Base>,
    options: &Options,
    file: &Path,
) -> anyhow::Result<()> {
    let (outcomes, bytes) = engine::encode_together(&request.inputs, base, options)
        .map_err(|error| engine::name_base(error, request.base.as_deref()))?;
    for (path, outcome) in request.inputs.iter().zip(&outcomes) {
        tell(request, path, outcome);
    }
    // Upstream gives a new file this mode; an existing one keeps its own.
    let is_new = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(file)
        .is_ok();
    let written = engine::write_file(file, &bytes);
    if written.is_err() && is_new {
        // Nothing that looks like a result may stay behind.
        let _ = fs::remove_file(file);
    }
    written
}

/// Says what there is to say of an input that was encoded: with `-V`, which functions are not
/// in the BTF; else nothing but that there was no DWARF.
fn tell(request: &Encode, path: &Path, outcome: &Outcome) {
    if outcome.no_dwarf {
        report::complain(
            PROGRAM,
            format_args!("{}: no DWARF, nothing to encode", path.display()),
        );
    }
    if !request.verbose {
        return;
    }
    let mut out = Out::new();
    // A reader that has gone away must not keep the BTF from being written, nor must a full
    // disk under a log.
    let _ = write!(
        out,
        "File {}:\n{}",
        path.display(),
        skip_lines(&outcome.skipped)
    )
    .and_then(|()| out.flush());
    for warning in &outcome.warnings {
        report::complain(PROGRAM, format_args!("{}: {warning}", path.display()));
    }
}

/// The lines of `-V` about functions, in upstream's words, for scripts that look for them
/// (such as dwarves' own `tests/btf_functions.sh`): a mismatch of prototypes where it is
/// noticed, and then the last of the reasons to leave the function out.
///
/// Source: dwarves `btf_encoder.c`, `funcs__match` and `btf_encoder__add_saved_funcs`.
fn skip_lines(skipped: &[Skipped]) -> String {
    let mut lines = String::new();
    for function in skipped {
        let mut line = |reason: &str| {
            lines.push_str(&function.name);
            lines.push_str(" : skipping BTF encoding of function due to ");
            lines.push_str(reason);
            lines.push('\n');
        };
        for reason in &function.reasons {
            if let SkipReason::Inconsistent(mismatch) = reason {
                match mismatch {
                    Mismatch::Return => line("return type mismatch"),
                    Mismatch::Count(first, other) => line(&format!(
                        "param count mismatch; {first} params != {other} params"
                    )),
                    Mismatch::Parameter => line("param type mismatch"),
                }
            }
        }
        if let Some(last) = function.reasons.last() {
            line(phrase(*last));
        }
    }
    lines
}

/// Upstream's phrase for a reason, its spelling included.
fn phrase(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::UnexpectedRegister => "unexpected register usage for parameter",
        SkipReason::Inconsistent(_) => "inconsistet prototype",
        SkipReason::UncertainParameterLocation => "uncertain parameter location",
        SkipReason::ReorderedParameters => "reordered parameters",
        SkipReason::OptimizedParameters => "optimized parameters",
        SkipReason::AmbiguousAddress => "ambiguous address",
        _ => "another reason",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_functions_are_told_in_upstreams_words() {
        let skipped = |name: &str, reasons: &[SkipReason]| Skipped {
            name: name.to_owned(),
            reasons: reasons.to_vec(),
        };
        let lines = skip_lines(&[
            skipped("a", &[SkipReason::AmbiguousAddress]),
            skipped(
                "b",
                &[
                    SkipReason::Inconsistent(Mismatch::Return),
                    SkipReason::OptimizedParameters,
                ],
            ),
            skipped("c", &[SkipReason::Inconsistent(Mismatch::Count(4, 2))]),
        ]);
        assert_eq!(
            lines,
            "a : skipping BTF encoding of function due to ambiguous address\n\
             b : skipping BTF encoding of function due to return type mismatch\n\
             b : skipping BTF encoding of function due to optimized parameters\n\
             c : skipping BTF encoding of function due to param count mismatch; 4 params != 2 params\n\
             c : skipping BTF encoding of function due to inconsistet prototype\n"
        );
    }
}
