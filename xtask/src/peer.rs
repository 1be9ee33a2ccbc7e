//! The encoder we are compared with: whichever `pahole` it is given.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::encoder::output_path;
use crate::measure::{self, Usage};

/// Features of the kernel's build since 6.16 or so, which are our default.
const FEATURES: &str = "encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,\
                        consistent_func,decl_tag_kfuncs";

/// A `pahole`.
#[derive(Debug)]
pub(crate) struct Peer {
    path: PathBuf,
    /// Its answer to `--version`.
    pub(crate) version: String,
    /// Options that ask for the features above, as far as it has them.
    features: Vec<String>,
}

impl Peer {
    /// Asks a program what it is and what it can do.
    pub(crate) fn probe(path: &Path) -> Result<Self> {
        let ask = |option: &str| {
            Command::new(path)
                .arg(option)
                .output()
                .with_context(|| path.display().to_string())
        };
        let version = ask("--version")?;
        ensure!(
            version.status.success(),
            "{}: --version: {}",
            path.display(),
            version.status
        );
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        // Before 1.26 there were only switches, and each feature that was not
        // switched off was on, but for floats.
        let knows_features = ask("--supported_btf_features")?.status.success();
        let features = if knows_features {
            vec![format!("--btf_features={FEATURES}")]
        } else {
            vec!["--btf_encode_force".into(), "--btf_gen_floats".into()]
        };
        Ok(Self {
            path: path.to_owned(),
            version,
            features,
        })
    }

    /// The same with another program, which must know the same options.
    pub(crate) fn with_program(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            version: self.version.clone(),
            features: self.features.clone(),
        }
    }

    /// A command that encodes `input` into `output` as raw BTF.
    pub(crate) fn encode(
        &self,
        input: &Path,
        base: Option<&Path>,
        threads: usize,
        output: &Path,
    ) -> Command {
        let mut command = self.encode_in_place(input, base, threads);
        command.arg(joined("--btf_encode_detached=", output));
        command
    }

    /// A command that encodes `input` into its own `.BTF`.
    pub(crate) fn encode_in_place(
        &self,
        input: &Path,
        base: Option<&Path>,
        threads: usize,
    ) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg("-J")
            .arg(format!("-j{threads}"))
            .args(&self.features)
            .arg("--lang_exclude=rust");
        if let Some(base) = base {
            command.arg("--btf_base").arg(base);
        }
        command.arg(input);
        command
    }

    /// Encodes all inputs, one process each, `at_once` at a time.
    pub(crate) fn encode_all(
        &self,
        inputs: &[PathBuf],
        base: Option<&Path>,
        out_dir: &Path,
        at_once: usize,
        done: &(dyn Fn() + Sync),
    ) -> Result<Usage> {
        let commands: Vec<_> = inputs
            .iter()
            .map(|input| move || self.encode(input, base, 1, &output_path(out_dir, input)))
            .collect();
        let commands: Vec<&(dyn Fn() -> Command + Sync)> = commands
            .iter()
            .map(|command| command as &(dyn Fn() -> Command + Sync))
            .collect();
        measure::memory_of_all(&commands, at_once, done)
    }
}

/// An option and its value in one word.
fn joined(option: &str, value: &Path) -> std::ffi::OsString {
    let mut word = std::ffi::OsString::from(option);
    word.push(value);
    word
}
