//! Exit codes, and messages on standard error: one line each.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serializer;

/// Everything that was asked for has been done.
pub(crate) const SUCCESS: u8 = 0;
/// Something failed, or two inputs differ.
pub(crate) const FAILURE: u8 = 1;
/// Wrong usage of `splitbtf`; clap's own code.
pub(crate) const USAGE: u8 = 2;
/// Wrong usage of `pahole`: argp's `EX_USAGE`.
pub(crate) const PAHOLE_USAGE: u8 = 64;

/// Prints `program: message` as one line on standard error.
///
/// Line breaks and other control characters, which file names may hold, are written as
/// escapes, so that a message is one line whatever it speaks of.
pub(crate) fn complain(program: &str, message: impl Display) {
    // There is nowhere to report that reporting failed.
    let _ = writeln!(
        io::stderr(),
        "{program}: {}",
        one_line(&message.to_string())
    );
}

/// Prints the whole chain of causes of `error` on one line and returns `code`.
pub(crate) fn fail(program: &str, error: &anyhow::Error, code: u8) -> ExitCode {
    complain(program, chain(error));
    ExitCode::from(code)
}

/// An error and its causes, joined by colons. A cause that the text before it already contains
/// is not said again.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// What the system says about a file that could not be read, for a message that begins with
/// its path; `error` has the path inside.
pub(crate) fn system_message(path: &Path, error: &io::Error) -> String {
    match std::fs::File::open(path) {
        Err(plain) => plain.to_string(),
        Ok(_) => {
            let text = error.to_string();
            let path = format!("{}: ", path.display());
            text.strip_prefix(&path).unwrap_or(&text).to_owned()
        }
    }
}

/// A path as JSON: what is not UTF-8 in it becomes U+FFFD.
pub(crate) fn serialize_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// As [`serialize_path`].
pub(crate) fn serialize_optional_path<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serialize_path(path, serializer),
        None => serializer.serialize_none(),
    }
}

/// `text` with control characters escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_joined_and_none_is_said_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("x.ko: {0}")]
        struct Wrapper(#[source] io::Error);

        let error = anyhow::Error::new(Wrapper(io::Error::other("not an ELF file")));
        assert_eq!(
            chain(&error.context("cannot encode")),
            "cannot encode: x.ko: not an ELF file"
        );
    }

    #[test]
    fn a_message_is_one_line_whatever_the_file_is_called() {
        assert_eq!(one_line("a\nb\u{1b}[31m.ko: ü"), "a\\nb\\u{1b}[31m.ko: ü");
    }
}
