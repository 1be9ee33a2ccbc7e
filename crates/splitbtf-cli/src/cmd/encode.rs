//! `splitbtf encode`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;

use crate::args::EncodeArgs;
use crate::engine::{self, OpenedBase, Outcome, Target};
use crate::inputs::{self, Input};
use crate::jobs::Pool;
use crate::jobserver::JobServer;
use crate::progress::Progress;
use crate::report::{self, FAILURE, SUCCESS, USAGE};
use crate::stdout::Out;
use crate::{batch, units};

const PROGRAM: &str = "splitbtf";

/// Runs the verb.
pub(crate) fn run(args: &EncodeArgs) -> ExitCode {
    match Plan::new(args) {
        Err(error) => report::fail(PROGRAM, &error, USAGE),
        Ok(plan) => match plan.execute(args) {
            Err(error) => report::fail(PROGRAM, &error, FAILURE),
            Ok(0) => ExitCode::from(SUCCESS),
            Ok(_) => ExitCode::from(FAILURE),
        },
    }
}

/// The files to encode and where the results go, with every contradiction found before any
/// work begins.
struct Plan {
    inputs: Vec<Input>,
    /// One for each input.
    targets: Vec<Target>,
}

impl Plan {
    /// Fails if the command line asks for something that cannot be meant.
    fn new(args: &EncodeArgs) -> anyhow::Result<Self> {
        let inputs = inputs::collect(&args.paths);
        let targets = targets(args, &inputs)?;
        if let Some(base) = &args.base {
            check_base(base, &inputs, &targets)?;
        }
        if matches!(targets[..], [Target::InPlace, ..]) {
            check_in_place(args, &inputs)?;
        }
        Ok(Self { inputs, targets })
    }

    /// Encodes everything; returns the number of files that failed.
    fn execute(self, args: &EncodeArgs) -> anyhow::Result<usize> {
        let begun = Instant::now();
        if let Some(dir) = &args.output.out_dir {
            if dir.exists() && !dir.is_dir() {
                bail!("{}: is not a folder", dir.display());
            }
            fs::create_dir_all(dir)
                .with_context(|| format!("{}: cannot create the folder", dir.display()))?;
        }
        let threads = args.jobs.map(std::num::NonZero::get);
        let sizes: Vec<u64> = self.inputs.iter().map(|input| input.len).collect();
        let bytes = sizes.iter().sum();
        let base = args.base.as_deref();
        let base = base.map(|path| OpenedBase::new(path, bytes));
        let base_bytes = base.as_ref().map_or(0, OpenedBase::dwarf_bytes);
        let pool = Pool::new(threads, bytes + base_bytes, JobServer::from_env())?;
        let mut options = engine::options(&args.rules);
        options.share_strings = args.share_strings;
        let base = base.map(|base| pool.run(|| base.finish(&options, true)));
        let base = base.transpose()?;
        let base_time = begun.elapsed();

        let progress = Progress::new(!args.quiet, sizes.len(), bytes);
        let mut output = Output {
            out: Out::new(),
            args,
            progress: &progress,
            error: None,
        };
        let mut summary = Summary::new(pool.size());
        let (inputs, targets) = (&self.inputs, &self.targets);
        batch::run(
            &pool,
            &sizes,
            |i| {
                let input = &inputs[i];
                progress.started(&input.path);
                let row = Row::new(input, &targets[i], || {
                    engine::encode(
                        &input.path,
                        base.as_ref(),
                        &options,
                        &targets[i],
                        !args.no_btf_ids,
                        false,
                    )
                    .map_err(|error| engine::name_base(error, args.base.as_deref()))
                });
                progress.finished(input.len);
                row
            },
            |_, row| {
                summary.add(&row);
                output.row(&row);
            },
        );
        summary.seconds = begun.elapsed().as_secs_f64();
        let Output { mut out, error, .. } = output;
        drop(progress);
        if let Some(error) = error {
            return Err(anyhow!(error).context("cannot write to standard output"));
        }
        let print = |out: &mut Out| -> std::io::Result<()> {
            if args.json {
                writeln!(out, "{}", json(&JsonLine::Summary(&summary)))?;
            } else if !args.quiet {
                out.write_all(summary.text().as_bytes())?;
            }
            out.flush()
        };
        print(&mut out).context("cannot write to standard output")?;
        if args.time {
            summary.print_times(base_time);
        }
        Ok(summary.failed)
    }
}

/// Where the result of each input goes.
fn targets(args: &EncodeArgs, inputs: &[Input]) -> anyhow::Result<Vec<Target>> {
    let only_one = |option: &str, instead: &str| {
        if inputs.len() > 1 {
            bail!(
                "{option} takes the result of one input, and there are {}; {instead}",
                inputs.len()
            );
        }
        Ok(())
    };
    let output = &args.output;
    if let Some(file) = &output.output {
        only_one("-o", "to write one file for each, use --out-dir")?;
        if let Some(input) = inputs::find(inputs, file) {
            bail!(
                "{}: -o would overwrite the input with raw BTF; to write the BTF into the file, \
                 leave -o away",
                input.path.display()
            );
        }
        if let Some(folder) = file
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        {
            bail!(
                "{}: there is no folder {}",
                file.display(),
                folder.display()
            );
        }
        return Ok(vec![Target::Detached(file.clone())]);
    }
    if let Some(file) = &output.into {
        only_one("--into", "encode the others one by one")?;
        return Ok(vec![Target::Into(file.clone())]);
    }
    let Some(dir) = &output.out_dir else {
        return Ok(inputs.iter().map(|_| Target::InPlace).collect());
    };
    let mut owners: HashMap<PathBuf, &Path> = HashMap::new();
    let mut targets = Vec::new();
    for input in inputs {
        let file = inputs::output_in(dir, &input.path)
            .with_context(|| input.path.display().to_string())?;
        if let Some(other) = owners.insert(file.clone(), &input.path) {
            bail!(
                "{} and {} would both be written to {}; encode them into different folders",
                other.display(),
                input.path.display(),
                file.display()
            );
        }
        targets.push(Target::Detached(file));
    }
    Ok(targets)
}

/// Finds mistakes about the base that would only show as puzzling results.
fn check_base(base: &Path, inputs: &[Input], targets: &[Target]) -> anyhow::Result<()> {
    if base.is_dir() {
        bail!(
            "{}: the base must be a file: vmlinux, or a raw BTF such as /sys/kernel/btf/vmlinux",
            base.display()
        );
    }
    if let Some(input) = inputs::find(inputs, base) {
        bail!(
            "{}: a file cannot be its own base; to encode a base, leave --base away",
            input.path.display()
        );
    }
    if let [Target::Detached(file) | Target::Into(file)] = targets
        && inputs::lead_to_same(file, base)
    {
        bail!(
            "{}: the result would take the place of its own base; write it elsewhere",
            file.display()
        );
    }
    Ok(())
}

/// Finds inputs that cannot be written into, or whose result no kernel would take.
fn check_in_place(args: &EncodeArgs, inputs: &[Input]) -> anyhow::Result<()> {
    let compressed = inputs.iter().filter(|input| input.is_compressed()).count();
    if let Some(first) = inputs.iter().find(|input| input.is_compressed()) {
        let others = match compressed - 1 {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        bail!(
            "{}{others}: cannot write into a compressed module; write the BTF elsewhere with -o \
             or --out-dir, or unpack the module first",
            first.path.display()
        );
    }
    let module = |input: &&Input| input.path.extension().is_some_and(|ext| ext == "ko");
    if args.base.is_none()
        && !args.no_base
        && let Some(first) = inputs.iter().find(module)
    {
        bail!(
            "{}: a kernel module needs the BTF of its kernel as base: add --base vmlinux (or \
             --no-base for BTF that stands alone, which no kernel loads)",
            first.path.display()
        );
    }
    Ok(())
}

/// The result for one input, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(serialize_with = "report::serialize_path")]
    path: PathBuf,
    /// Bytes of the input file.
    input_bytes: u64,
    seconds: f64,
    ok: bool,
    /// Where the result went; absent if it is in the input itself.
    #[serde(
        serialize_with = "report::serialize_optional_path",
        skip_serializing_if = "Option::is_none"
    )]
    output: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

impl Row {
    fn new(
        input: &Input,
        target: &Target,
        encode: impl FnOnce() -> anyhow::Result<Outcome>,
    ) -> Self {
        let begun = Instant::now();
        let result = match &input.error {
            Some(error) => Err(format!(
                "{}: {}",
                input.path.display(),
                report::chain(error)
            )),
            None => encode().map_err(|error| report::chain(&error)),
        };
        let (outcome, error) = match result {
            Ok(outcome) => (Some(outcome), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            path: input.path.clone(),
            input_bytes: input.len,
            seconds: begun.elapsed().as_secs_f64(),
            ok: error.is_none(),
            output: match target {
                Target::InPlace => None,
                Target::Detached(path) | Target::Into(path) => Some(path.clone()),
            },
            error,
            outcome,
        }
    }
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "row", rename_all = "lowercase")]
enum JsonLine<'a> {
    File(&'a Row),
    Summary(&'a Summary),
}

fn json(line: &JsonLine<'_>) -> String {
    // Numbers, strings and lists of them: there is nothing in a line that JSON cannot say.
    serde_json::to_string(line).unwrap_or_default()
}

/// Warnings that are printed of one file, unless all are asked for.
const MAX_WARNINGS: usize = 10;

/// Prints rows as they come.
struct Output<'a> {
    out: Out,
    args: &'a EncodeArgs,
    progress: &'a Progress,
    /// The first failure to print.
    error: Option<std::io::Error>,
}

impl Output<'_> {
    fn row(&mut self, row: &Row) {
        if let Some(error) = &row.error {
            self.progress.suspend(|| report::complain(PROGRAM, error));
        }
        if let Some(outcome) = &row.outcome
            && !self.args.quiet
        {
            self.progress.suspend(|| {
                let shown = if self.args.verbose {
                    usize::MAX
                } else {
                    MAX_WARNINGS
                };
                let path = row.path.display();
                for warning in outcome.warnings.iter().take(shown) {
                    report::complain(PROGRAM, format_args!("{path}: {warning}"));
                }
                if let Some(more) = outcome.warnings.len().checked_sub(shown).filter(|&n| n > 0) {
                    let text = format_args!("{path}: {more} more warnings; --verbose prints all");
                    report::complain(PROGRAM, text);
                }
            });
        }
        let text = match (self.args.json, self.args.verbose) {
            (true, _) => json(&JsonLine::File(row)) + "\n",
            (false, true) => verbose_text(row),
            (false, false) => return,
        };
        let out = &mut self.out;
        let result = self
            .progress
            .suspend(|| out.write_all(text.as_bytes()).and_then(|()| out.flush()));
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }
}

/// The row of one file with `--verbose`, with the functions that were left out.
fn verbose_text(row: &Row) -> String {
    let path = report::one_line(&row.path.to_string_lossy());
    let Some(outcome) = &row.outcome else {
        return format!("{path}: failed\n");
    };
    let mut text = format!(
        "{path}: {} of BTF, {} types, {} functions, {:.0} ms\n",
        units::bytes(outcome.btf_bytes),
        outcome.types,
        outcome.functions,
        row.seconds * 1e3
    );
    for skip in &outcome.skipped {
        let reasons: Vec<_> = skip.reasons.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "    {}: left out: {}", skip.name, reasons.join(", "));
    }
    text
}

/// Totals of a run.
#[derive(Debug, Serialize)]
struct Summary {
    files: usize,
    failed: usize,
    threads: usize,
    /// Wall time of the run.
    seconds: f64,
    input_bytes: u64,
    /// Bytes of all `.BTF` results.
    btf_bytes: u64,
    /// Bytes of all `.BTF.base` results.
    distilled_base_bytes: u64,
    types: u64,
    functions: u64,
    functions_left_out: u64,
    warnings: u64,
    failures: Vec<Failure>,
    /// The only file, if there is but one.
    #[serde(skip)]
    single: Option<PathBuf>,
    #[serde(skip)]
    phases: engine::Phases,
}

#[derive(Debug, Serialize)]
struct Failure {
    #[serde(serialize_with = "report::serialize_path")]
    path: PathBuf,
    error: String,
}

impl Summary {
    fn new(threads: usize) -> Self {
        Self {
            files: 0,
            failed: 0,
            threads,
            seconds: 0.0,
            input_bytes: 0,
            btf_bytes: 0,
            distilled_base_bytes: 0,
            types: 0,
            functions: 0,
            functions_left_out: 0,
            warnings: 0,
            failures: Vec::new(),
            single: None,
            phases: engine::Phases::default(),
        }
    }

    fn add(&mut self, row: &Row) {
        self.files += 1;
        self.single = (self.files == 1).then(|| row.path.clone());
        self.input_bytes += row.input_bytes;
        if let Some(error) = &row.error {
            self.failed += 1;
            self.failures.push(Failure {
                path: row.path.clone(),
                error: error.clone(),
            });
        }
        if let Some(outcome) = &row.outcome {
            self.btf_bytes += outcome.btf_bytes;
            self.distilled_base_bytes += outcome.distilled_base_bytes;
            self.types += outcome.types;
            self.functions += outcome.functions;
            self.functions_left_out += outcome.skipped.len() as u64;
            self.warnings += outcome.warnings.len() as u64;
            self.phases.add(&outcome.phases);
        }
    }

    fn text(&self) -> String {
        let encoded = self.files - self.failed;
        let mut text = String::new();
        match &self.single {
            // The error has been printed, and there is nothing to sum up.
            Some(_) if self.failed == 1 => return text,
            Some(path) => {
                let _ = writeln!(
                    text,
                    "{}: {} of BTF from {} in {:.2} s",
                    report::one_line(&path.to_string_lossy()),
                    units::bytes(self.btf_bytes),
                    units::bytes(self.input_bytes),
                    self.seconds
                );
            }
            None => {
                let _ = writeln!(
                    text,
                    "{encoded} of {} files encoded in {:.2} s on {} thread{}: {} of BTF from {}",
                    self.files,
                    self.seconds,
                    self.threads,
                    if self.threads == 1 { "" } else { "s" },
                    units::bytes(self.btf_bytes),
                    units::bytes(self.input_bytes)
                );
            }
        }
        if self.distilled_base_bytes > 0 {
            let _ = writeln!(
                text,
                "  distilled bases: {}",
                units::bytes(self.distilled_base_bytes)
            );
        }
        let _ = writeln!(
            text,
            "  {} types; {} functions, {} left out",
            self.types, self.functions, self.functions_left_out
        );
        if self.failed > 0 {
            let _ = writeln!(text, "  {} failed:", self.failed);
            for failure in &self.failures {
                let _ = writeln!(
                    text,
                    "    {}",
                    report::one_line(&failure.path.to_string_lossy())
                );
            }
        }
        text
    }

    /// The phase tree of `--time`, on standard error.
    fn print_times(&self, base: Duration) {
        let _ = write!(
            std::io::stderr(),
            "{}",
            self.phases.tree(self.seconds, base)
        );
    }
}
