//! Building and running the release binary.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use splitbtf::Arrays;

/// The folder that this program was built into, above the profile's own.
pub(crate) fn target_dir() -> PathBuf {
    let exe = std::env::current_exe().ok();
    let dir = exe.as_deref().and_then(Path::parent).and_then(Path::parent);
    dir.map_or_else(|| PathBuf::from("target"), Path::to_owned)
}

/// Builds the release binary `splitbtf` and returns its path.
pub(crate) fn build() -> Result<PathBuf> {
    build_named("splitbtf")
}

/// Builds the release binary of this name, `splitbtf` or `pahole`, and returns
/// its path.
pub(crate) fn build_named(name: &str) -> Result<PathBuf> {
    build_target(&["--package", "splitbtf-cli", "--bin", name], name)
}

/// Builds the program that walks all DWARF with gimli and does nothing else, and returns its path.
pub(crate) fn build_bare_pass() -> Result<PathBuf> {
    build_target(
        &["--package", "splitbtf", "--example", "gimli-pass"],
        "gimli-pass",
    )
}

fn build_target(which: &[&str], name: &str) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--release"])
        .args(which)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cargo")?;
    ensure!(output.status.success(), "cargo build: {}", output.status);
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .with_context(|| format!("cargo built no {name}"))
}

/// What one run of `splitbtf encode` is to do.
#[derive(Debug, Clone)]
pub(crate) struct Encode<'a> {
    pub(crate) base: Option<&'a Path>,
    pub(crate) inputs: &'a [PathBuf],
    /// Where raw BTF goes; `None` to encode in place.
    pub(crate) out_dir: Option<&'a Path>,
    /// How arrays are encoded, if not as the base has them.
    pub(crate) arrays: Option<Arrays>,
}

impl Encode<'_> {
    /// The command, with nothing said about its output streams.
    pub(crate) fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command.arg("encode");
        if let Some(base) = self.base {
            command.arg("--base").arg(base);
        }
        if let Some(out_dir) = self.out_dir {
            command.arg("--out-dir").arg(out_dir);
        }
        if let Some(arrays) = self.arrays {
            command.arg("--arrays").arg(match arrays {
                Arrays::Flat => "flat",
                Arrays::Nested => "nested",
            });
        }
        command.args(self.inputs);
        command
    }

    /// Runs it, its progress bar on the terminal, and returns a row for each
    /// input in their order.
    pub(crate) fn rows(&self, binary: &Path) -> Result<Vec<Row>> {
        let output = self
            .command(binary)
            .arg("--json")
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| binary.display().to_string())?;
        let mut rows = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let line: Line = serde_json::from_str(line).context("a row of splitbtf --json")?;
            if let Line::File(row) = line {
                rows.push(row);
            }
        }
        if let Some(row) = rows.iter().find(|row| !row.ok) {
            let error = row.error.as_deref().unwrap_or("failed");
            bail!("{}: {error}", row.path.display());
        }
        ensure!(
            output.status.success(),
            "splitbtf encode: {}",
            output.status
        );
        ensure!(
            rows.len() == self.inputs.len(),
            "{} inputs, but {} rows",
            self.inputs.len(),
            rows.len()
        );
        Ok(rows)
    }
}

/// The files a folder gets for its inputs.
pub(crate) fn output_path(out_dir: &Path, input: &Path) -> PathBuf {
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    out_dir.join(format!("{name}.btf"))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "row", rename_all = "lowercase")]
enum Line {
    File(Row),
    Summary(serde::de::IgnoredAny),
}

/// A row of `splitbtf encode --json`, as far as it is read here.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) path: PathBuf,
    pub(crate) ok: bool,
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) btf_bytes: u64,
    #[serde(default)]
    skipped: Vec<Skipped>,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    function: String,
    reasons: Vec<String>,
}

impl Row {
    /// Functions left out, with the reasons.
    pub(crate) fn skipped(&self) -> HashMap<&str, &[String]> {
        let skipped = self.skipped.iter();
        skipped
            .map(|skipped| (skipped.function.as_str(), skipped.reasons.as_slice()))
            .collect()
    }
}
