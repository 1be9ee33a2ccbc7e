//! `splitbtf size`: where the bytes of a BTF go.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use btf_builder::Btf;
use serde::Serialize;

use crate::args::SizeArgs;
use crate::report::{self, FAILURE, SUCCESS};
use crate::stdout::Out;
use crate::{btf_input, inputs, units};

const PROGRAM: &str = "splitbtf";

/// Runs the verb.
pub(crate) fn run(args: &SizeArgs) -> ExitCode {
    match size(args) {
        Ok(0) => ExitCode::from(SUCCESS),
        Ok(_) => ExitCode::from(FAILURE),
        Err(error) => report::fail(PROGRAM, &error, FAILURE),
    }
}

/// Prints the report; returns the number of files that could not be read.
fn size(args: &SizeArgs) -> anyhow::Result<usize> {
    let base = args.base.as_deref().map(btf_input::load_base).transpose()?;
    let mut sizes = Vec::new();
    let mut failed = 0;
    for input in inputs::collect(&args.paths) {
        let loaded = match input.error {
            Some(error) => {
                Err(anyhow!(error).context(report::one_line(&input.path.to_string_lossy())))
            }
            None => btf_input::load(&input.path, base.as_ref()),
        };
        match loaded {
            Ok(loaded) => {
                let distilled = loaded
                    .file
                    .distilled
                    .as_ref()
                    .map_or(0, |bytes| bytes.len());
                sizes.push(Size::of(
                    input.path,
                    &loaded.btf,
                    loaded.file.btf.len(),
                    distilled,
                ));
            }
            Err(error) => {
                failed += 1;
                report::complain(PROGRAM, report::chain(&error));
            }
        }
    }
    let mut out = Out::new();
    let print = |out: &mut Out| {
        if args.json {
            for size in &sizes {
                serde_json::to_writer(&mut *out, size)?;
                writeln!(out)?;
            }
        } else {
            out.write_all(text(&sizes).as_bytes())?;
        }
        out.flush()
    };
    print(&mut out).context("cannot write to standard output")?;
    Ok(failed)
}

/// The bytes of one BTF, or of several added up.
#[derive(Debug, Default, Clone, Serialize)]
struct Size {
    #[serde(serialize_with = "report::serialize_path")]
    path: PathBuf,
    /// All bytes of `.BTF`.
    total_bytes: u64,
    header_bytes: u64,
    strings_bytes: u64,
    /// Bytes of `.BTF.base`, 0 if there is none.
    distilled_base_bytes: u64,
    types: u64,
    /// By name of the kind.
    kinds: BTreeMap<String, KindSize>,
}

#[derive(Debug, Default, Clone, Copy, Serialize)]
struct KindSize {
    types: u64,
    bytes: u64,
}

impl Size {
    fn of(path: PathBuf, btf: &Btf, total_bytes: usize, distilled: usize) -> Self {
        let mut kinds: BTreeMap<String, KindSize> = BTreeMap::new();
        let mut type_bytes = 0;
        for ty in btf.own_types() {
            let bytes = 4 * ty.words().len() as u64;
            let kind = kinds.entry(ty.kind().name().to_owned()).or_default();
            kind.types += 1;
            kind.bytes += bytes;
            type_bytes += bytes;
        }
        let strings_bytes = btf.strings().len() as u64;
        Self {
            path,
            total_bytes: total_bytes as u64,
            header_bytes: (total_bytes as u64).saturating_sub(type_bytes + strings_bytes),
            strings_bytes,
            distilled_base_bytes: distilled as u64,
            types: u64::from(btf.n_own_types()),
            kinds,
        }
    }

    fn add(&mut self, other: &Self) {
        self.total_bytes += other.total_bytes;
        self.header_bytes += other.header_bytes;
        self.strings_bytes += other.strings_bytes;
        self.distilled_base_bytes += other.distilled_base_bytes;
        self.types += other.types;
        for (name, size) in &other.kinds {
            let kind = self.kinds.entry(name.clone()).or_default();
            kind.types += size.types;
            kind.bytes += size.bytes;
        }
    }
}

/// A line for each file if there are several, then the kinds of all together.
fn text(sizes: &[Size]) -> String {
    let mut text = String::new();
    let mut all = Size::default();
    for size in sizes {
        all.add(size);
        if sizes.len() > 1 {
            let path = report::one_line(&size.path.to_string_lossy());
            let _ = writeln!(
                text,
                "{:>10} {:>8} types  {path}",
                units::bytes(size.total_bytes),
                size.types
            );
        }
    }
    if sizes.is_empty() {
        return text;
    }
    if sizes.len() > 1 {
        text.push('\n');
    }
    let share = |bytes: u64| match all.total_bytes {
        0 => 0.0,
        total => 100.0 * bytes as f64 / total as f64,
    };
    let _ = writeln!(
        text,
        "{:<12} {:>9} {:>12} {:>7}",
        "", "types", "bytes", "share"
    );
    let mut kinds: Vec<_> = all.kinds.iter().collect();
    kinds.sort_by_key(|(name, size)| (std::cmp::Reverse(size.bytes), *name));
    for (name, size) in kinds {
        let _ = writeln!(
            text,
            "{name:<12} {:>9} {:>12} {:>6.1}%",
            size.types,
            size.bytes,
            share(size.bytes)
        );
    }
    for (name, bytes) in [
        ("strings", all.strings_bytes),
        ("headers", all.header_bytes),
    ] {
        let _ = writeln!(
            text,
            "{name:<12} {:>9} {bytes:>12} {:>6.1}%",
            "",
            share(bytes)
        );
    }
    let _ = writeln!(
        text,
        "{:<12} {:>9} {:>12} {:>6.1}%",
        "total", all.types, all.total_bytes, 100.0
    );
    if all.distilled_base_bytes > 0 {
        let _ = writeln!(
            text,
            "{:<12} {:>9} {:>12}",
            ".BTF.base", "", all.distilled_base_bytes
        );
    }
    text
}
