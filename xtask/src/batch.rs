//! How much smaller split BTF is: all modules encoded with and without base.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use fs_err as fs;
use serde::Serialize;

use crate::encoder::{self, Encode};
use crate::kernel::Select;
use crate::text::{Table, bytes, ratio};

/// Encode many modules with and without base and print what the base saves.
///
/// Nothing is written into the modules: the results go into a temporary folder.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    select: Select,

    /// Take the first N modules.
    #[arg(long, default_value_t = 700, value_name = "N")]
    modules: usize,

    /// Take all modules.
    #[arg(long, conflicts_with = "modules")]
    all: bool,

    /// Write the table as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    modules: Vec<Module>,
    unsplit_bytes: u64,
    split_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Module {
    name: String,
    /// Bytes of `.BTF` without a base.
    unsplit_bytes: u64,
    /// Bytes of `.BTF` on vmlinux.
    split_bytes: u64,
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let kernel = args.select.kernel()?;
    let mut modules = kernel.modules()?;
    if !args.all {
        modules.truncate(args.modules);
    }
    ensure!(!modules.is_empty(), "no modules to encode");
    let binary = encoder::build()?;
    let scratch = tempfile::tempdir()?;
    let [unsplit, split] =
        [(None, "unsplit"), (Some(kernel.vmlinux.as_path()), "split")].map(|(base, folder)| {
            let encode = Encode {
                base,
                inputs: &modules,
                out_dir: Some(&scratch.path().join(folder)),
                arrays: None,
            };
            encode.rows(&binary)
        });

    let mut report = Report {
        kernel: kernel.version,
        modules: Vec::new(),
        unsplit_bytes: 0,
        split_bytes: 0,
    };
    for (unsplit, split) in unsplit?.iter().zip(split?) {
        ensure!(unsplit.path == split.path, "rows came in another order");
        let name = split.path.file_stem().unwrap_or_default();
        report.unsplit_bytes += unsplit.btf_bytes;
        report.split_bytes += split.btf_bytes;
        report.modules.push(Module {
            name: name.to_string_lossy().into_owned(),
            unsplit_bytes: unsplit.btf_bytes,
            split_bytes: split.btf_bytes,
        });
    }
    print!("{}", report.text());
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn text(&self) -> String {
        let mut table = Table::new(&["module", "unsplit", "split", "smaller"]);
        let mut row = |name: &str, unsplit: u64, split: u64| {
            table.row([
                name.to_owned(),
                bytes(unsplit),
                bytes(split),
                ratio(unsplit as f64, split as f64),
            ]);
        };
        for module in &self.modules {
            row(&module.name, module.unsplit_bytes, module.split_bytes);
        }
        let name = format!("all {} modules of {}", self.modules.len(), self.kernel);
        row(&name, self.unsplit_bytes, self.split_bytes);
        table.plain()
    }
}
