//! Reading a command line the way glibc's argp does: the words as typed, before they mean
//! anything.
//!
//! The rules that differ from other option parsers, all of which build scripts rely on:
//!
//! - options and operands may be interleaved; `--` ends the options;
//! - a long option may be shortened to any prefix that fits one option only;
//! - letters may share a word, `-JV`; the first one that takes an argument takes the rest;
//! - an *optional* argument is only ever the rest of the word: in `-j vmlinux` the file name
//!   is an operand, which is how Linux 6.1 calls the encoder.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::options::{Arg, OPTIONS, Opt};

/// One word, or part of one, in the order of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// An option with its argument.
    Option {
        opt: &'static Opt,
        spelt: Spelt,
        value: Option<OsString>,
    },
    /// A file name.
    Operand(OsString),
}

/// How an option was written; messages repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelt {
    Long,
    Short,
}

/// What argp would complain about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArgpError {
    #[error("unrecognized option '--{name}'{hint}")]
    UnknownLong { name: String, hint: String },
    #[error("invalid option -- '{letter}'")]
    UnknownShort { letter: char },
    #[error("option '--{name}' is ambiguous; possibilities: {possibilities}")]
    Ambiguous { name: String, possibilities: String },
    #[error("option '--{name}' requires an argument")]
    LongNeedsArgument { name: &'static str },
    #[error("option requires an argument -- '{letter}'")]
    ShortNeedsArgument { letter: char },
    #[error("option '--{name}' doesn't allow an argument")]
    TakesNoArgument { name: &'static str },
}

/// The words of a command line (without the program's name), options and operands in the
/// order given.
///
/// The iterator ends after the first error.
pub(crate) fn words(
    args: impl IntoIterator<Item = OsString>,
) -> impl Iterator<Item = Result<Word, ArgpError>> {
    Words {
        args: args.into_iter(),
        cluster: None,
        only_operands: false,
        failed: false,
    }
}

struct Words<I> {
    args: I,
    /// What is left of a word of short options.
    cluster: Option<Vec<u8>>,
    only_operands: bool,
    failed: bool,
}

impl<I: Iterator<Item = OsString>> Iterator for Words<I> {
    type Item = Result<Word, ArgpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let word = self.advance().transpose();
        self.failed = matches!(word, Some(Err(_)));
        word
    }
}

impl<I: Iterator<Item = OsString>> Words<I> {
    fn advance(&mut self) -> Result<Option<Word>, ArgpError> {
        if let Some(cluster) = self.cluster.take() {
            return self.short(cluster).map(Some);
        }
        let Some(arg) = self.args.next() else {
            return Ok(None);
        };
        let bytes = arg.as_bytes();
        if self.only_operands || !bytes.starts_with(b"-") || bytes == b"-" {
            return Ok(Some(Word::Operand(arg)));
        }
        match bytes.strip_prefix(b"--") {
            Some(b"") => {
                self.only_operands = true;
                self.advance()
            }
            Some(long) => self.long(long).map(Some),
            None => self.short(bytes[1..].to_vec()).map(Some),
        }
    }

    fn long(&mut self, word: &[u8]) -> Result<Word, ArgpError> {
        let (name, attached) = match word.iter().position(|&byte| byte == b'=') {
            Some(at) => (
                &word[..at],
                Some(OsStr::from_bytes(&word[at + 1..]).to_owned()),
            ),
            None => (word, None),
        };
        let opt = find_long(name)?;
        let value = match (opt.arg, attached) {
            (Arg::None, Some(_)) => return Err(ArgpError::TakesNoArgument { name: opt.long }),
            (Arg::Required(_), None) => Some(
                self.args
                    .next()
                    .ok_or(ArgpError::LongNeedsArgument { name: opt.long })?,
            ),
            (_, attached) => attached,
        };
        Ok(Word::Option {
            opt,
            spelt: Spelt::Long,
            value,
        })
    }

    /// Takes one option from a non-empty word of letters and keeps the others for later.
    fn short(&mut self, mut cluster: Vec<u8>) -> Result<Word, ArgpError> {
        let letter = cluster[0];
        let opt = OPTIONS.iter().find(|opt| opt.short == Some(letter)).ok_or(
            ArgpError::UnknownShort {
                letter: char::from(letter),
            },
        )?;
        let rest = cluster.split_off(1);
        let rest = (!rest.is_empty()).then_some(rest);
        let value = match opt.arg {
            Arg::None => {
                self.cluster = rest;
                None
            }
            Arg::Attached(_) => rest.map(OsString::from_vec),
            Arg::Required(_) => Some(match rest {
                Some(rest) => OsString::from_vec(rest),
                None => self.args.next().ok_or(ArgpError::ShortNeedsArgument {
                    letter: char::from(letter),
                })?,
            }),
        };
        Ok(Word::Option {
            opt,
            spelt: Spelt::Short,
            value,
        })
    }
}

/// The option of that name, or the only one that begins so.
fn find_long(name: &[u8]) -> Result<&'static Opt, ArgpError> {
    if let Some(exact) = OPTIONS.iter().find(|opt| opt.long.as_bytes() == name) {
        return Ok(exact);
    }
    let found: Vec<_> = OPTIONS
        .iter()
        .filter(|opt| opt.long.as_bytes().starts_with(name))
        .collect();
    match found[..] {
        [opt] => Ok(opt),
        [] => Err(unknown(name)),
        _ => {
            let possibilities: Vec<_> = found
                .iter()
                .map(|opt| format!("'--{}'", opt.long))
                .collect();
            Err(ArgpError::Ambiguous {
                name: String::from_utf8_lossy(name).into_owned(),
                possibilities: possibilities.join(" "),
            })
        }
    }
}

/// How many letters of an option may be wrong for it to be the one that was meant.
const MAX_WRONG: usize = 3;

/// The error for an unknown name, with the option that was probably meant: pahole's long
/// options are spelt with underscores, and people write dashes.
fn unknown(name: &[u8]) -> ArgpError {
    let name = String::from_utf8_lossy(name).into_owned();
    let underscored = name.replace('-', "_");
    let meant = OPTIONS
        .iter()
        .map(|opt| (strsim::damerau_levenshtein(opt.long, &underscored), opt))
        .filter(|(wrong, opt)| *wrong <= MAX_WRONG && *wrong < opt.long.len() / 2)
        .min_by_key(|(wrong, _)| *wrong);
    let hint = match meant {
        Some((_, opt)) => format!(" (did you mean '--{}'?)", opt.long),
        None => String::new(),
    };
    ArgpError::UnknownLong { name, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words in a short notation: `-J` or `--long` without value, `--long=value`, and
    /// operands as they are; an error as its text.
    fn read(line: &str) -> Vec<String> {
        words(line.split_whitespace().map(OsString::from))
            .map(|word| match word {
                Ok(Word::Operand(name)) => name.into_string().unwrap(),
                Ok(Word::Option {
                    opt,
                    value: Some(value),
                    ..
                }) => {
                    format!("--{}={}", opt.long, value.into_string().unwrap())
                }
                Ok(Word::Option {
                    opt, value: None, ..
                }) => format!("--{}", opt.long),
                Err(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn optional_argument_never_takes_the_next_word() {
        // Linux 6.1 with pahole 1.22: the bare `-j` stands before the file name.
        assert_eq!(
            read("-J --btf_gen_floats -j .tmp_vmlinux.btf"),
            [
                "--btf_encode",
                "--btf_gen_floats",
                "--jobs",
                ".tmp_vmlinux.btf"
            ]
        );
        assert_eq!(read("--jobs 4"), ["--jobs", "4"]);
        assert_eq!(read("-j4 --jobs=5"), ["--jobs=4", "--jobs=5"]);
    }

    #[test]
    fn letters_share_a_word_up_to_the_first_that_takes_an_argument() {
        assert_eq!(read("-JVj8"), ["--btf_encode", "--verbose", "--jobs=8"]);
        assert_eq!(
            read("-JXdrivers -V"),
            ["--btf_encode", "--cu_exclude=drivers", "--verbose"]
        );
        assert_eq!(
            read("-JX drivers"),
            ["--btf_encode", "--cu_exclude=drivers"]
        );
        // As in argp: what follows `-j` in its word is its argument, whatever it looks like.
        assert_eq!(read("-jJ"), ["--jobs=J"]);
    }

    #[test]
    fn required_argument_is_attached_or_the_next_word() {
        assert_eq!(
            read("--btf_base vmlinux a.ko"),
            ["--btf_base=vmlinux", "a.ko"]
        );
        assert_eq!(
            read("--btf_base=vmlinux a.ko"),
            ["--btf_base=vmlinux", "a.ko"]
        );
        assert_eq!(read("--btf_base=a=b"), ["--btf_base=a=b"]);
        assert_eq!(read("--btf_features="), ["--btf_features="]);
        assert_eq!(
            read("--btf_base"),
            ["option '--btf_base' requires an argument"]
        );
        assert_eq!(read("-X"), ["option requires an argument -- 'X'"]);
        // Even a word that looks like an option.
        assert_eq!(read("--btf_base -J"), ["--btf_base=-J"]);
    }

    #[test]
    fn abbreviations_must_be_unambiguous() {
        assert_eq!(
            read("--btf_b=x --skip_encoding_btf_v"),
            ["--btf_base=x", "--skip_encoding_btf_vars"]
        );
        // A full name is not ambiguous with a longer one.
        assert_eq!(read("--btf_features=x"), ["--btf_features=x"]);
        assert_eq!(read("--lang=c"), ["--lang=c"]);
        assert_eq!(
            read("--ver"),
            ["option '--ver' is ambiguous; possibilities: '--verbose' '--version'"]
        );
        assert_eq!(
            read("--btf_encode_d=x --btf_encode_f"),
            ["--btf_encode_detached=x", "--btf_encode_force"]
        );
    }

    #[test]
    fn operands_may_stand_anywhere() {
        assert_eq!(
            read("a.ko -J b.ko --verbose -"),
            ["a.ko", "--btf_encode", "b.ko", "--verbose", "-"]
        );
        assert_eq!(
            read("-J -- -j --jobs a"),
            ["--btf_encode", "-j", "--jobs", "a"]
        );
    }

    #[test]
    fn errors_end_the_words_and_name_the_option() {
        assert_eq!(read("-JQ a"), ["--btf_encode", "invalid option -- 'Q'"]);
        assert_eq!(read("--bogus"), ["unrecognized option '--bogus'"]);
        assert_eq!(
            read("--btf-base=x"),
            ["unrecognized option '--btf-base' (did you mean '--btf_base'?)"]
        );
        assert_eq!(
            read("--btf_featurs=x"),
            ["unrecognized option '--btf_featurs' (did you mean '--btf_features'?)"]
        );
        assert_eq!(
            read("--btf_encode=x"),
            ["option '--btf_encode' doesn't allow an argument"]
        );
    }

    #[test]
    fn names_that_are_not_utf8_pass_through() {
        let name = OsString::from_vec(vec![b'a', 0xff]);
        let read: Vec<_> = words([name.clone()]).collect();
        assert_eq!(read, [Ok(Word::Operand(name))]);
    }
}
