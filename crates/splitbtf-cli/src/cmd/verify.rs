//! `splitbtf verify`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use btf_builder::Endian;
use btf_file::BtfFile;
use btf_verify::{
    As, Breach, Checked, DmesgOptions, KernelVersion, Options, Severity, Target, base_fit,
};
use serde::Serialize;

use crate::args::{Role, VerifyArgs};
use crate::batch;
use crate::btf_input;
use crate::inputs::{self, Input};
use crate::jobs::Pool;
use crate::jobserver::JobServer;
use crate::progress::Progress;
use crate::report::{self, FAILURE, SUCCESS};
use crate::stdout::Out;

const PROGRAM: &str = "splitbtf";

/// Runs the verb.
pub(crate) fn run(args: &VerifyArgs) -> ExitCode {
    match verify(args) {
        Ok(0) => ExitCode::from(SUCCESS),
        Ok(_) => ExitCode::from(FAILURE),
        Err(error) => report::fail(PROGRAM, &error, FAILURE),
    }
}

/// Checks all files; returns the number of those that did not pass.
fn verify(args: &VerifyArgs) -> anyhow::Result<usize> {
    let inputs = inputs::collect(&args.paths);
    let base_bytes = base(args, &inputs)?;
    let pool = Pool::new(None, u64::MAX, JobServer::from_env())?;
    let kernel = args.kernel.unwrap_or_default();
    let options = |bytes: &BtfFile| Options {
        kernel,
        target: target(bytes),
    };
    let base = match &base_bytes {
        None => None,
        Some((path, bytes)) => {
            let checked =
                btf_verify::check_vmlinux(&bytes.btf, &options(bytes)).map_err(|breach| {
                    anyhow::anyhow!("{}: the base itself is rejected: {breach}", path.display())
                })?;
            Some(Base { path, checked })
        }
    };

    let sizes: Vec<u64> = inputs.iter().map(|input| input.len).collect();
    let progress = Progress::new(inputs.len() > 1, sizes.len(), sizes.iter().sum());
    let mut rows: Vec<Row> = Vec::new();
    batch::run(
        &pool,
        &sizes,
        |i| {
            progress.started(&inputs[i].path);
            let row = Row::new(&inputs[i], args, kernel, base.as_ref());
            progress.finished(sizes[i]);
            row
        },
        |_, row| rows.push(row),
    );
    drop(progress);

    let failed = rows.iter().filter(|row| !row.passed).count();
    let mut out = Out::new();
    let print = |out: &mut Out| -> std::io::Result<()> {
        for row in &rows {
            if let Some(error) = &row.error {
                report::complain(PROGRAM, error);
            }
            if args.json {
                serde_json::to_writer(&mut *out, row)?;
                writeln!(out)?;
            } else {
                out.write_all(row.text(rows.len() == 1 || args.verbose).as_bytes())?;
            }
        }
        if rows.len() > 1 && !args.json {
            let accepted = rows.iter().filter(|row| row.accepted == Some(true)).count();
            writeln!(
                out,
                "{accepted} of {} accepted by Linux {kernel}",
                rows.len()
            )?;
        }
        out.flush()
    };
    print(&mut out).context("cannot write to standard output")?;
    Ok(failed)
}

/// The base that modules are checked against: the one given, or the one that the first split
/// BTF leads to. `None` if no input needs any.
fn base(args: &VerifyArgs, inputs: &[Input]) -> anyhow::Result<Option<(PathBuf, BtfFile)>> {
    let path = match &args.base {
        Some(path) => path.clone(),
        None => {
            let needs_base = |input: &&Input| {
                input.error.is_none()
                    && BtfFile::read(&input.path).is_ok_and(|bytes| bytes.is_split())
            };
            let Some(first) = inputs.iter().find(needs_base) else {
                return Ok(None);
            };
            btf_input::find_base(&first.path).ok_or_else(|| btf_input::no_base(&first.path))?
        }
    };
    let bytes = btf_input::read(&path)?;
    btf_input::check_base(&path, &bytes)?;
    Ok(Some((path, bytes)))
}

struct Base<'a> {
    path: &'a Path,
    checked: Checked<'a>,
}

/// The machine whose kernel would read the BTF: that of the ELF file, and for a raw file one
/// of its byte order.
fn target(bytes: &BtfFile) -> Target {
    match bytes.machine {
        Some(machine) => Target {
            endian: machine.endian,
            pointer_size: machine.pointer_size.into(),
        },
        None if bytes.endian() == Target::HOST.endian => Target::HOST,
        None => Target {
            endian: bytes.endian(),
            pointer_size: 8,
        },
    }
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(serialize_with = "report::serialize_path")]
    path: PathBuf,
    /// Whether nothing at all was found against it.
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    kernel: String,
    #[serde(
        serialize_with = "report::serialize_optional_path",
        skip_serializing_if = "Option::is_none"
    )]
    base: Option<PathBuf>,
    /// The kernel's verdict; absent if the file could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breach: Option<BreachRow>,
    /// Why the base is evidently not the one the module was built against.
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong_base: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lints: Vec<LintRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<LiveRow>,
}

/// The first rule that is broken.
#[derive(Debug, Serialize)]
struct BreachRow {
    rule: &'static str,
    meaning: &'static str,
    errno: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_id: Option<u32>,
    /// Byte offset in the BTF.
    offset: usize,
    in_distilled_base: bool,
    /// One sentence.
    text: String,
    /// What dmesg would show.
    dmesg: Vec<String>,
}

#[derive(Debug, Serialize)]
struct LintRow {
    severity: String,
    lint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_id: Option<u32>,
    message: String,
}

/// What the running kernel said.
#[derive(Debug, Serialize)]
struct LiveRow {
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    line: String,
}

impl Row {
    fn new(
        input: &Input,
        args: &VerifyArgs,
        kernel: KernelVersion,
        base: Option<&Base<'_>>,
    ) -> Self {
        let mut row = Self {
            path: input.path.clone(),
            passed: false,
            error: None,
            role: None,
            kernel: kernel.to_string(),
            base: None,
            accepted: None,
            breach: None,
            wrong_base: None,
            lints: Vec::new(),
            live: None,
        };
        let result = match &input.error {
            Some(error) => Err(anyhow::anyhow!(
                "{}: {}",
                input.path.display(),
                report::chain(error)
            )),
            None => row.check(args, kernel, base),
        };
        if let Err(error) = result {
            row.error = Some(report::chain(&error));
        }
        let refused_live = row.live.as_ref().is_some_and(|live| !live.accepted);
        let lint_error = Severity::Error.to_string();
        row.passed = row.error.is_none()
            && row.accepted == Some(true)
            && row.wrong_base.is_none()
            && !row.lints.iter().any(|lint| lint.severity == lint_error)
            && !refused_live;
        row
    }

    fn check(
        &mut self,
        args: &VerifyArgs,
        kernel: KernelVersion,
        base: Option<&Base<'_>>,
    ) -> anyhow::Result<()> {
        let bytes = btf_input::read(&self.path)?;
        let options = Options {
            kernel,
            target: target(&bytes),
        };
        let role = role(args.role, &self.path, &bytes);
        self.role = Some(role.name());
        // Any of these may be where a check ends; what it borrows has to outlive it.
        let distilled;
        let result = match role {
            As::Vmlinux => btf_verify::check_vmlinux(&bytes.btf, &options),
            As::User => btf_verify::check_user(&bytes.btf, &options),
            As::DistilledBase => {
                let base = bytes.distilled.as_ref().unwrap_or(&bytes.btf);
                btf_verify::check_distilled_base(base, &options)
            }
            As::Module => {
                let base = match base {
                    Some(base) => base,
                    None if bytes.is_split() => return Err(btf_input::no_base(&self.path)),
                    None => anyhow::bail!(
                        "{}: is a module whose BTF was built without a base, which no kernel \
                         loads; encode it with --base vmlinux (or check it with --as user)",
                        self.path.display()
                    ),
                };
                self.base = Some(base.path.to_owned());
                match &bytes.distilled {
                    Some(own) if kernel.has_distilled_base() => {
                        match btf_verify::check_distilled_base(own, &options) {
                            Err(breach) => Err(breach),
                            Ok(checked) => {
                                distilled = checked;
                                btf_verify::check_distilled_module(
                                    &bytes.btf,
                                    &distilled,
                                    &base.checked,
                                    &options,
                                )
                            }
                        }
                    }
                    _ => {
                        self.wrong_base = base_fit(&bytes.btf, &base.checked, &options)
                            .filter(btf_verify::BaseFit::is_wrong)
                            .map(|fit| fit.to_string());
                        btf_verify::check_module(&bytes.btf, &base.checked, &options)
                    }
                }
            }
        };
        let checked = match result {
            Ok(checked) => checked,
            Err(breach) => {
                self.accepted = Some(false);
                self.breach = Some(self.breach_row(&breach, role, kernel));
                return Ok(());
            }
        };
        self.accepted = Some(true);
        if args.lint {
            self.lints = btf_verify::lint(&checked, role, &options)
                .into_iter()
                .map(|lint| LintRow {
                    severity: lint.kind.severity().to_string(),
                    lint: lint.kind.name(),
                    type_id: lint.type_id,
                    message: lint.message,
                })
                .collect();
        }
        if args.live {
            self.live = Some(live(&checked).with_context(|| {
                format!("{}: cannot ask the running kernel", self.path.display())
            })?);
        }
        Ok(())
    }

    fn breach_row(&self, breach: &Breach, role: As, kernel: KernelVersion) -> BreachRow {
        let module = module_name(&self.path);
        let options = DmesgOptions {
            module: (role == As::Module).then_some(module.as_str()),
            allow_mismatch: false,
            kernel,
        };
        BreachRow {
            rule: breach.rule.code(),
            meaning: breach.rule.meaning(),
            errno: breach.errno.name(),
            type_id: breach.type_id,
            offset: breach.offset,
            in_distilled_base: breach.in_distilled_base,
            text: breach.to_string(),
            // A program gets its log through the system call, not through dmesg.
            dmesg: if role == As::User {
                Vec::new()
            } else {
                breach.dmesg(&options)
            },
        }
    }

    /// The findings; a line even for a file that passed, if `say_accepted`.
    fn text(&self, say_accepted: bool) -> String {
        let path = report::one_line(&self.path.to_string_lossy());
        let mut text = String::new();
        if let Some(breach) = &self.breach {
            let place = if breach.in_distilled_base {
                " in .BTF.base"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "{path}: rejected by Linux {}{place}: {}",
                self.kernel,
                report::one_line(&breach.text)
            );
            if !breach.dmesg.is_empty() {
                text.push_str("    dmesg would show:\n");
                for line in &breach.dmesg {
                    let _ = writeln!(text, "        {}", report::one_line(line));
                }
            }
        } else if self.accepted == Some(true) && say_accepted {
            let against = match &self.base {
                Some(base) => format!(" on {}", base.display()),
                None => String::new(),
            };
            let role = self.role.unwrap_or_default();
            let _ = writeln!(
                text,
                "{path}: accepted by Linux {} as {role}{against}",
                self.kernel
            );
        }
        if let Some(why) = &self.wrong_base {
            let base = self.base.as_deref().unwrap_or(Path::new("?")).display();
            let _ = writeln!(
                text,
                "{path}: evidently not made for the base {base}: {why}; encode the module again, \
                 or give the vmlinux it was built with"
            );
        }
        for lint in &self.lints {
            let _ = writeln!(
                text,
                "{path}: {}: {}: {}",
                lint.severity,
                lint.lint,
                report::one_line(&lint.message)
            );
        }
        if let Some(live) = &self.live {
            let verdict = match live.errno {
                None => "accepted".to_owned(),
                Some(errno) => format!(
                    "rejected: {} ({})",
                    report::one_line(&live.line),
                    std::io::Error::from_raw_os_error(errno)
                ),
            };
            let _ = writeln!(text, "{path}: by the running kernel {verdict}");
        }
        text
    }
}

/// In which role the kernel would meet the BTF of a file.
fn role(given: Option<Role>, path: &Path, bytes: &BtfFile) -> As {
    match given {
        Some(Role::Vmlinux) => As::Vmlinux,
        Some(Role::Module) => As::Module,
        Some(Role::Base) => As::DistilledBase,
        Some(Role::User) => As::User,
        None if bytes.is_split() => As::Module,
        None if bytes.machine.is_some_and(|machine| machine.is_bpf) => As::User,
        None if path.extension().is_some_and(|ext| ext == "ko") => As::Module,
        None => As::Vmlinux,
    }
}

/// The kernel's name for the module in a file: dashes become underscores.
fn module_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().replace('-', "_")
}

/// Gives a BTF, with its base in one piece, to the running kernel.
fn live(checked: &Checked<'_>) -> anyhow::Result<LiveRow> {
    let blob = btf_verify::concatenate(checked).context("base and module exceed 4 GiB")?;
    if blob.first() == Some(&0x9f) && Target::HOST.endian == Endian::Big
        || blob.first() == Some(&0xeb) && Target::HOST.endian == Endian::Little
    {
        bail!("the BTF is for a machine of the other byte order");
    }
    let verdict = btf_verify::live::load(&blob)?;
    Ok(LiveRow {
        accepted: verdict.errno.is_none(),
        errno: verdict.errno,
        line: verdict.line(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_called_what_the_kernel_calls_them() {
        assert_eq!(
            module_name(Path::new("a/snd-hda-intel.ko.xz")),
            "snd_hda_intel"
        );
        assert_eq!(module_name(Path::new("/sys/kernel/btf/ext4")), "ext4");
    }
}
