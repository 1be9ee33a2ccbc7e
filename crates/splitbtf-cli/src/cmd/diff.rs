//! `splitbtf diff`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use btf_builder::Btf;
use btf_diff::files::{FileDiff, FileFault, FileResult, Input, diff_files};
use btf_diff::{DiffOpts, Explain, Finding, IgnoreList};
use btf_file::BtfFile;

use crate::args::DiffArgs;
use crate::btf_input;
use crate::inputs;
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
    let [base_a, base_b] = bases(args)?;
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
    let has_base = left.base.is_some() || right.base.is_some();
    let diffs = diff_files(&left, &right, &opts).map_err(|error| match &error.fault {
        FileFault::File(fault) if has_base && btf_input::may_be_of_other_base(fault) => {
            anyhow::anyhow!("{error}{}", btf_input::OTHER_BASE)
        }
        _ => anyhow::anyhow!(error),
    })?;
    let equal = diffs.iter().all(FileDiff::is_equal);
    if args.quiet {
        return Ok(equal);
    }
    let mut out = Out::new();
    print(&mut out, args, &diffs).context("cannot write to standard output")?;
    Ok(equal)
}

/// The bases of both sides: those given, or those that the first split BTF of each side leads
/// to. A file that is the base of both is read once, and its types are then compared once.
fn bases(args: &DiffArgs) -> anyhow::Result<[Option<Arc<Btf>>; 2]> {
    let path = |given: &Option<PathBuf>, side: &Path| match given.as_ref().or(args.base.as_ref()) {
        Some(path) => Ok(Some(path.clone())),
        None => find(side),
    };
    let (path_a, path_b) = (path(&args.base_a, &args.a)?, path(&args.base_b, &args.b)?);
    let base_a = path_a.as_deref().map(btf_input::load_base).transpose()?;
    let base_b = match &path_b {
        path_b if *path_b == path_a => base_a.clone(),
        path_b => path_b.as_deref().map(btf_input::load_base).transpose()?,
    };
    Ok([base_a, base_b])
}

/// The base of the first split BTF of a side that does not bring one; `None` if there is no such
/// BTF. What cannot be read is left to the comparison to complain of.
fn find(side: &Path) -> anyhow::Result<Option<PathBuf>> {
    let needs_base = |path: &Path| {
        BtfFile::read(path).is_ok_and(|file| file.is_split() && file.distilled.is_none())
    };
    let first = if side.is_dir() {
        let files = std::fs::read_dir(side).with_context(|| side.display().to_string())?;
        let mut files: Vec<_> = files.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        files.extend(
            inputs::collect(&[side.to_owned()])
                .into_iter()
                .map(|input| input.path),
        );
        files
            .into_iter()
            .find(|path| path.is_file() && needs_base(path))
    } else {
        needs_base(side).then(|| side.to_owned())
    };
    match first {
        Some(path) => Ok(Some(
            btf_input::find_base(&path).ok_or_else(|| btf_input::no_base(&path))?,
        )),
        None => Ok(None),
    }
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
