//! `splitbtf diff`.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use btf_builder::Btf;
use btf_diff::files::{FileDiff, FileResult, Input, diff_files};
use btf_diff::{DiffOpts, Explain, Finding, IgnoreList};

use crate::args::DiffArgs;
use crate::btf_file;
use crate::report::{self, FAILURE, SUCCESS, USAGE};
use crate::stdout::Out;

const PROGRAM: &str = "splitbtf";

/// Runs the verb. As diff does, exits with 1 for a difference and 2 for trouble.
pub(crate) fn run(args: &DiffArgs) -> ExitCode {
    match diff(args) {
        Ok(true) => ExitCode::from(SUCCESS),
        Ok(false) => ExitCode::from(FAILURE),
        Err(error) => report::fail(PROGRAM, &error, USAGE),
    }
}

/// Prints the differences; returns whether there are none.
fn diff(args: &DiffArgs) -> anyhow::Result<bool> {
    let load = |path: &Option<std::path::PathBuf>| -> anyhow::Result<Option<Arc<Btf>>> {
        path.as_deref().map(btf_file::load_base).transpose()
    };
    let (base_a, base_b) = match &args.base {
        Some(_) => {
            // One copy: types of a base that is the same on both sides are compared once.
            let base = load(&args.base)?;
            (base.clone(), base)
        }
        None => (load(&args.base_a)?, load(&args.base_b)?),
    };
    let ignore = match &args.ignore {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            Some(IgnoreList::parse(&text).with_context(|| path.display().to_string())?)
        }
    };
    let explain = |finding: &Finding| -> Option<String> {
        ignore.as_ref()?.reason(finding).map(str::to_owned)
    };
    let explain: &Explain<'_> = &explain;
    let opts = DiffOpts {
        ignore_functions: args.no_functions,
        explain: ignore.as_ref().map(|_| explain),
        ..DiffOpts::default()
    };
    let left = Input {
        path: args.a.clone(),
        base: base_a,
    };
    let right = Input {
        path: args.b.clone(),
        base: base_b,
    };
    let diffs = diff_files(&left, &right, &opts)?;
    let equal = diffs.iter().all(FileDiff::is_equal);
    if args.quiet {
        return Ok(equal);
    }
    let mut out = Out::new();
    print(&mut out, args, &diffs).context("cannot write to standard output")?;
    Ok(equal)
}

fn print(out: &mut Out, args: &DiffArgs, diffs: &[FileDiff]) -> std::io::Result<()> {
    let several = args.a.is_dir();
    for diff in diffs {
        if args.json {
            serde_json::to_writer(&mut *out, diff)?;
            writeln!(out)?;
            continue;
        }
        let name = report::one_line(&diff.name);
        match &diff.result {
            FileResult::OnlyLeft => writeln!(out, "Only in {}: {name}", args.a.display())?,
            FileResult::OnlyRight => writeln!(out, "Only in {}: {name}", args.b.display())?,
            FileResult::Compared(result) => {
                let text = result
                    .text(&args.a.to_string_lossy(), &args.b.to_string_lossy())
                    .with_affected(args.verbose)
                    .to_string();
                if several && !text.is_empty() {
                    writeln!(out, "== {name}")?;
                }
                out.write_all(text.as_bytes())?;
            }
        }
    }
    out.flush()
}
