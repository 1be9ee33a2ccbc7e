//! External programs: which there are, in which version, and what to do when
//! one is missing.
//!
//! A test that lacks its tool says so on stderr and passes as skipped; with
//! `SPLITBTF_REQUIRE_TOOLS=1` in the environment it fails instead, so that a
//! machine that is meant to have everything cannot lose coverage silently.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use crate::matrix::{Compiler, Target};

/// A program that was found and has answered when asked for its version.
#[derive(Debug, Clone)]
pub struct Tool {
    argv: Vec<String>,
    /// First line of the answer to `--version`.
    pub version: String,
}

impl Tool {
    /// A command that runs the tool, with its fixed arguments already set.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]);
        // Compilers translate their messages, and some tools sort by locale.
        command.env("LC_ALL", "C");
        command
    }

    /// The words that start the tool, for messages and manifests.
    pub fn words(&self) -> &[String] {
        &self.argv
    }

    /// The first number after a space in the version line, split at dots:
    /// `Debian clang version 14.0.6` gives `[14, 0, 6]`.
    pub fn version_number(&self) -> Vec<u32> {
        self.version
            .split_whitespace()
            .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .find(|word| word.contains('.'))
            .map(|word| {
                let end = word.find(|c: char| !c.is_ascii_digit() && c != '.');
                let number = &word[..end.unwrap_or(word.len())];
                number
                    .split('.')
                    .map_while(|part| part.parse().ok())
                    .collect()
            })
            .unwrap_or_default()
    }
}

/// Found tools by the words they are started with; `None` is "looked for and
/// missing". Probing costs a process each, and a matrix asks hundreds of times.
static PROBED: LazyLock<Mutex<BTreeMap<Vec<String>, Option<Tool>>>> = LazyLock::new(Mutex::default);

fn probe(argv: &[&str]) -> Option<Tool> {
    let key: Vec<String> = argv.iter().map(ToString::to_string).collect();
    let mut probed = PROBED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    probed
        .entry(key.clone())
        .or_insert_with(|| {
            let output = Command::new(argv[0])
                .args(&argv[1..])
                .arg("--version")
                .env("LC_ALL", "C")
                .output()
                .ok()?;
            let text = if output.stdout.is_empty() {
                output.stderr
            } else {
                output.stdout
            };
            let text = String::from_utf8_lossy(&text);
            Some(Tool {
                argv: key,
                version: text.lines().next().unwrap_or_default().trim().to_owned(),
            })
        })
        .clone()
}

/// The program `name`, if the machine has it.
///
/// The variable `SPLITBTF_TOOL_<NAME>` (upper case, `-` as `_`) replaces the
/// words that start it, for instance `SPLITBTF_TOOL_BPFTOOL=/opt/bpftool`.
pub fn find(name: &str) -> Option<Tool> {
    if let Some(tool) = overridden(name) {
        return tool;
    }
    probe(&[name])
}

/// `Some(result of probing)` if the environment names a replacement for `name`.
fn overridden(name: &str) -> Option<Option<Tool>> {
    let variable = format!("SPLITBTF_TOOL_{}", name.to_uppercase().replace('-', "_"));
    let words = std::env::var(variable).ok()?;
    let argv: Vec<&str> = words.split_whitespace().collect();
    Some(if argv.is_empty() { None } else { probe(&argv) })
}

/// The compiler driver for `target`, with the flags that select the target.
pub fn compiler(compiler: Compiler, target: Target) -> Option<Tool> {
    match compiler {
        Compiler::Gcc => {
            if target.is_host() {
                return find("gcc");
            }
            find(&format!("{}-gcc", target.gcc_prefix()))
        }
        Compiler::Clang => {
            let mut tool = match overridden("clang") {
                Some(tool) => tool?,
                None => ["clang", "clang-22", "clang-21", "clang-20", "clang-19"]
                    .into_iter()
                    .chain(["clang-18", "clang-17", "clang-16", "clang-15", "clang-14"])
                    .find_map(|name| probe(&[name]))?,
            };
            if !target.is_host() {
                tool.argv.push(format!("--target={}", target.triple()));
            }
            Some(tool)
        }
        Compiler::Rustc => target.is_host().then(|| probe(&["rustc"]))?,
    }
}

/// Whether the environment forbids skipping.
pub fn required() -> bool {
    std::env::var_os("SPLITBTF_REQUIRE_TOOLS").is_some_and(|value| value != "0")
}

/// Says that a test is skipped because `what` is missing.
///
/// # Panics
///
/// If the environment forbids skipping.
#[expect(clippy::print_stderr, reason = "a skip has to be seen in the test log")]
pub fn skip(test: &str, what: &str) {
    assert!(
        !required(),
        "{test}: {what} missing, and SPLITBTF_REQUIRE_TOOLS is set"
    );
    eprintln!("SKIP: {test}: {what} missing");
}

/// [`find`], or [`skip`] with the tool's name.
pub fn find_or_skip(test: &str, name: &str) -> Option<Tool> {
    let tool = find(name);
    if tool.is_none() {
        skip(test, name);
    }
    tool
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(version: &str) -> Tool {
        Tool {
            argv: vec!["x".into()],
            version: version.into(),
        }
    }

    #[test]
    fn version_number_is_the_first_dotted_word() {
        let number = |version: &str| tool(version).version_number();
        assert_eq!(number("gcc (Debian 12.2.0-14+deb12u1) 12.2.0"), [12, 2, 0]);
        assert_eq!(number("Debian clang version 14.0.6"), [14, 0, 6]);
        assert_eq!(number("no number"), Vec::<u32>::new());
    }

    #[test]
    fn a_missing_program_is_none() {
        assert!(find("no-such-program-of-splitbtf").is_none());
    }
}
