//! Running the encoder on a built case and judging what it did.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use fs_err as fs;

use crate::case::Case;
use crate::directive::{Directive, Key};
use crate::dump::Dump;
use crate::expect::Checks;
use crate::matrix::Leg;
use crate::scratch::Scratch;

/// The longest that encoding or dumping one small file may take. Far above what it
/// needs, since it has to tell a loop from a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The `splitbtf` program under test.
#[derive(Debug, Clone)]
pub struct Splitbtf {
    program: PathBuf,
}

/// What a finished process left.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Outcome {
    /// The exit code; `None` if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Runs a command to its end.
///
/// # Errors
///
/// If it does not start, or does not end within `limit`; it is then killed.
pub fn run(command: &mut Command, limit: Duration) -> Result<Outcome> {
    let scratch = Scratch::new("run");
    // Files, not pipes: nobody would empty a pipe while waiting with a limit.
    let (stdout, stderr) = (scratch.join("stdout"), scratch.join("stderr"));
    command.stdin(Stdio::null());
    command.stdout(fs::File::create(&stdout)?.into_file());
    command.stderr(fs::File::create(&stderr)?.into_file());
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{command:?}: still running after {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = |path: &Path| -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
    };
    Ok(Outcome {
        status,
        stdout: text(&stdout)?,
        stderr: text(&stderr)?,
    })
}

impl Splitbtf {
    /// The program at `program`, or the one that `SPLITBTF_TOOL_SPLITBTF` names.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = std::env::var_os("SPLITBTF_TOOL_SPLITBTF")
            .map_or_else(|| program.into(), PathBuf::from);
        Self { program }
    }

    /// A command that runs the program in an environment without surprises.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("LC_ALL", "C").env_remove("PAHOLE_LANG_EXCLUDE");
        command
    }

    /// Runs it with these arguments to its end.
    ///
    /// # Errors
    ///
    /// If it does not start or does not end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Result<Outcome> {
        run(self.command().args(args), TIME_LIMIT)
    }

    /// The raw dump of a BTF, without its base's types.
    ///
    /// # Errors
    ///
    /// If dumping fails.
    pub fn dump(&self, file: &Path, base: Option<&Path>) -> Result<String> {
        let mut args: Vec<OsString> = vec!["dump".into()];
        if let Some(base) = base {
            args.extend(["--base".into(), base.into()]);
        }
        args.push(file.into());
        let outcome = self.run(args)?;
        ensure!(
            outcome.status.success(),
            "dump of {}: {}",
            file.display(),
            outcome.stderr
        );
        Ok(outcome.stdout)
    }

    /// Checks that the kernel of `version` would accept a BTF.
    ///
    /// # Errors
    ///
    /// If it would not; with the rule that is broken.
    pub fn verify(&self, file: &Path, base: Option<&Path>, version: &str) -> Result<()> {
        let mut args: Vec<OsString> = vec!["verify".into()];
        args.extend(["--kernel".into(), version.into()]);
        args.extend([
            "--as".into(),
            if base.is_some() { "module" } else { "vmlinux" }.into(),
        ]);
        if let Some(base) = base {
            args.extend(["--base".into(), base.into()]);
        }
        args.push(file.into());
        let outcome = self.run(args)?;
        let said = [outcome.stdout, outcome.stderr].concat();
        ensure!(
            outcome.status.success(),
            "verify {}: {said}",
            file.display()
        );
        Ok(())
    }

    /// [`dump`](Self::dump), parsed, with the base's types within reach.
    ///
    /// # Errors
    ///
    /// If dumping fails or the text is not of the dump's form.
    pub fn parsed_dump(&self, file: &Path, base: Option<&Path>) -> Result<Dump> {
        match base {
            None => Dump::parse(&self.dump(file, None)?),
            Some(base) => {
                let base_dump = Dump::parse(&self.dump(base, None)?)?;
                base_dump.parse_split(&self.dump(file, Some(base))?)
            }
        }
    }
}

/// One run of the encoder as the directives ask for it.
#[derive(Debug, Clone)]
pub struct Run {
    /// Arguments after the file.
    pub args: Vec<String>,
    /// Arguments for encoding the base, beside its features.
    pub base_args: Vec<String>,
    /// Code it must exit with.
    pub exit: i32,
    /// Text that stderr must contain.
    pub warn: Vec<String>,
    /// Text that stderr must not contain.
    pub silent: Vec<String>,
    /// Demands on the result.
    pub checks: Checks,
}

/// The runs that a case's directives ask for in a leg with these labels.
///
/// # Errors
///
/// If an expectation does not parse; the message has file and line.
pub fn runs(case: &Case, labels: &[String]) -> Result<Vec<Run>> {
    let mut common: Vec<(&str, &Directive)> = Vec::new();
    let mut own: Vec<(Vec<String>, bool, Vec<(&str, &Directive)>)> = Vec::new();
    for (file, directive) in case.directives() {
        if directive.key == Key::Run {
            let args = directive
                .value
                .split_whitespace()
                .map(str::to_owned)
                .collect();
            own.push((args, directive.holds(labels), Vec::new()));
        } else if file == case.main.file
            && let Some((_, _, directives)) = own.last_mut()
        {
            directives.push((file, directive));
        } else {
            common.push((file, directive));
        }
    }
    if own.is_empty() {
        own.push((Vec::new(), true, Vec::new()));
    }
    own.retain(|(_, holds, _)| *holds);
    own.into_iter()
        .map(|(args, _, directives)| {
            let mut run = Run {
                args,
                base_args: Vec::new(),
                exit: 0,
                warn: Vec::new(),
                silent: Vec::new(),
                checks: Checks::new(),
            };
            for (file, directive) in common.iter().copied().chain(directives) {
                if directive.holds(labels) {
                    run.add(file, directive)
                        .with_context(|| format!("{file}:{}", directive.line))?;
                }
            }
            Ok(run)
        })
        .collect()
}

impl Run {
    fn add(&mut self, file: &str, directive: &Directive) -> Result<()> {
        let value = &directive.value;
        let text = || format!("{file}:{}: {value}", directive.line);
        match directive.key {
            Key::Expect => self.checks.expect(&text(), value)?,
            Key::Reject => self.checks.count(&text(), 0, value)?,
            Key::Count(n) => self.checks.count(&text(), n, value)?,
            Key::Types => self
                .checks
                .types(&text(), value.parse().context("a number")?),
            Key::BaseArgs => self
                .base_args
                .extend(value.split_whitespace().map(str::to_owned)),
            Key::Exit => self.exit = value.parse().context("an exit code")?,
            Key::Warn => self.warn.push(value.clone()),
            Key::Silent => self.silent.push(value.clone()),
            _ => {}
        }
        Ok(())
    }
}

/// Encodes `product` once for each run that the case's directives ask for in a
/// leg with these labels, and compares.
///
/// # Errors
///
/// If a run differs from its directives; with each difference and the dump.
pub fn check(
    splitbtf: &Splitbtf,
    case: &Case,
    labels: &[String],
    big_endian: bool,
    product: &Path,
    base: Option<&Path>,
) -> Result<()> {
    let scratch = Scratch::new(&case.name);
    for (index, run) in runs(case, labels)?.into_iter().enumerate() {
        let base_btf = base
            .map(|base| encode_base(splitbtf, base, &run, &scratch))
            .transpose()?;
        let out = scratch.join(&format!("{index}.btf"));
        check_run(
            splitbtf,
            &run,
            product,
            base_btf.as_deref(),
            &out,
            big_endian,
        )
        .with_context(|| format!("splitbtf encode {}", run.args.join(" ")))?;
    }
    Ok(())
}

/// Encodes a base with the features of `run`, as a kernel and its modules share them.
fn encode_base(splitbtf: &Splitbtf, base: &Path, run: &Run, scratch: &Scratch) -> Result<PathBuf> {
    let out = scratch.join("base.btf");
    let mut args: Vec<OsString> = vec!["encode".into(), base.into()];
    args.extend(["-o".into(), out.clone().into()]);
    let mut words = run.args.iter().skip_while(|arg| *arg != "--features");
    args.extend(words.by_ref().take(2).map(OsString::from));
    args.extend(run.base_args.iter().map(OsString::from));
    let outcome = splitbtf.run(args)?;
    ensure!(
        outcome.status.success(),
        "encoding the base: {}",
        outcome.stderr
    );
    Ok(out)
}

fn check_run(
    splitbtf: &Splitbtf,
    run: &Run,
    product: &Path,
    base: Option<&Path>,
    out: &Path,
    big_endian: bool,
) -> Result<()> {
    let before = fs::read(product)?;
    let mut args: Vec<OsString> = vec!["encode".into()];
    if let Some(base) = base {
        args.extend(["--base".into(), base.into()]);
    }
    args.extend([product.into(), "-o".into(), out.into()]);
    args.extend(run.args.iter().map(Into::into));
    let outcome = splitbtf.run(args)?;
    ensure!(
        outcome.code() == Some(run.exit),
        "exit code {:?}, not {}: {}",
        outcome.code(),
        run.exit,
        outcome.stderr
    );
    ensure!(
        fs::read(product)? == before,
        "the input was changed although -o was given"
    );
    for text in &run.warn {
        ensure!(
            outcome.stderr.contains(text),
            "not on stderr: {text}\n{}",
            outcome.stderr
        );
    }
    for text in &run.silent {
        ensure!(
            !outcome.stderr.contains(text),
            "on stderr: {text}\n{}",
            outcome.stderr
        );
    }
    if run.exit != 0 {
        ensure!(!out.exists(), "a failed run left {}", out.display());
        ensure!(!outcome.stderr.is_empty(), "a failed run said nothing");
        return Ok(());
    }
    let layout = run.args.iter().any(|arg| arg.contains("layout"));
    let btf = fs::read(out)?;
    check_header(&btf, big_endian, layout)?;
    let dump = splitbtf.parsed_dump(out, base)?;
    let mut unmet = run.checks.unmet(&dump);
    unmet.extend(surplus(&btf, big_endian, &dump)?);
    // What the kernel of a distribution accepts, or for what that one does not know
    // yet the first that does. A base without any type is none for the kernel.
    let new = ["layout", "attributes"]
        .iter()
        .any(|f| run.args.iter().any(|arg| arg.contains(f)));
    if base.is_some() || dump.own().next().is_some() {
        let verdict = splitbtf.verify(out, base, if new { "7.1" } else { "6.12" });
        unmet.extend(verdict.err().map(|error| error.to_string()));
    }
    if unmet.is_empty() {
        return Ok(());
    }
    Err(anyhow!(
        "{}\nthe result is:\n{dump}stderr:\n{}",
        unmet.join("\n"),
        outcome.stderr
    ))
}

/// Checks what every result has in common: the target's byte order, and the
/// 24-byte header that every consumer can read, unless a layout section makes a
/// longer one necessary.
fn check_header(btf: &[u8], big_endian: bool, layout: bool) -> Result<()> {
    let magic: [u8; 2] = if big_endian {
        [0xeb, 0x9f]
    } else {
        [0x9f, 0xeb]
    };
    ensure!(
        btf.starts_with(&magic),
        "the BTF is not in the target's byte order"
    );
    let bytes: [u8; 4] = btf.get(4..8).context("a BTF header")?.try_into()?;
    let length = if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    };
    let wanted = if layout { 32 } else { 24 };
    ensure!(
        length == wanted,
        "the header has {length} bytes, not {wanted}"
    );
    Ok(())
}

/// What a deduplicated BTF must not have: types that are there twice or in the
/// base already, and strings that nothing uses.
///
/// # Errors
///
/// If the BTF has no header.
pub fn surplus(btf: &[u8], big_endian: bool, dump: &Dump) -> Result<Vec<String>> {
    let mut found: Vec<String> = dump
        .duplicates()
        .into_iter()
        .map(|(id, other)| format!("[{id}] equals [{other}]"))
        .collect();
    let word = |at: usize| -> Result<usize> {
        let bytes: [u8; 4] = btf.get(at..at + 4).context("a BTF header")?.try_into()?;
        Ok(if big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        } as usize)
    };
    let start = word(4)? + word(16)?;
    let strings = btf
        .get(start..start + word(20)?)
        .context("a string section")?;
    let names = dump.names();
    let mut seen = std::collections::BTreeSet::new();
    for string in strings.split_inclusive(|&byte| byte == 0) {
        let string = String::from_utf8_lossy(string.strip_suffix(&[0]).unwrap_or(string));
        if !string.is_empty() && !names.contains(string.as_ref()) {
            found.push(format!("no type uses the string `{string}`"));
        }
        if !seen.insert(string.clone()) {
            found.push(format!("the string `{string}` is there twice"));
        }
    }
    Ok(found)
}

/// Builds one leg of a case and checks it; see [`check`].
///
/// # Errors
///
/// If building fails or a check does.
pub fn build_and_check(splitbtf: &Splitbtf, case: &Case, leg: &Leg) -> Result<()> {
    let scratch = Scratch::new(&case.name);
    let built = crate::build::build(case, leg, scratch.path())?;
    let (labels, big_endian) = (leg.labels(), leg.target.is_big_endian());
    check(
        splitbtf,
        case,
        &labels,
        big_endian,
        &built.product,
        built.base.as_deref(),
    )
}
