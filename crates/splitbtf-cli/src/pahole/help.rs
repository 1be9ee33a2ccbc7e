//! The texts of `--help` and `--usage`.

use std::fmt::Write as _;

use splitbtf::features::{FEATURES, Features};

use super::options::{Arg, Kind, OPTIONS, Opt};

/// Column in which the description of an option begins.
const INDENT: usize = 32;

/// Columns of a line.
const WIDTH: usize = 88;

/// The whole help. Kernel makefiles look for the word BTF in it.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "Usage: pahole -J [OPTION...] FILE...\n\
         Encode the DWARF of ELF files as BTF, in place of the pahole of dwarves.\n\n",
    );
    for opt in OPTIONS.iter().filter(|opt| !opt.help.is_empty()) {
        let begin = match opt.short {
            Some(letter) => format!("  -{}, {}", char::from(letter), long(opt)),
            None => format!("      {}", long(opt)),
        };
        entry(&mut text, &begin, opt.help);
    }
    text.push_str("\nFeatures (* = in the default set):\n");
    for row in &FEATURES {
        let mark = if Features::DEFAULT.get(row) { '*' } else { ' ' };
        entry(&mut text, &format!("    {mark} {}", row.name), row.summary);
    }
    text.push_str(
        "\nEnvironment:\n  PAHOLE_LANG_EXCLUDE  languages to leave out if neither --lang nor \
         --lang_exclude is given\n  MAKEFLAGS            a jobserver named here is asked for \
         each thread but the first\n\n\
         Exit status: 0 done, or nothing to encode; 1 failed, target left as it was; 64 wrong usage.\n\
         Options of pahole that print layouts are refused; `splitbtf --help` has verbs that\n\
         dump, compare and verify BTF.\n",
    );
    text
}

/// The options in one paragraph.
pub(crate) fn usage() -> String {
    let mut text = String::new();
    let mut line = String::from("Usage: pahole");
    let words = OPTIONS
        .iter()
        .filter(|opt| !matches!(opt.kind, Kind::Refused(_)))
        .map(|opt| match opt.short {
            Some(letter) => format!("[-{}|{}]", char::from(letter), long(opt)),
            None => format!("[{}]", long(opt)),
        });
    for word in words.chain(["FILE...".to_owned()]) {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(12);
        }
        line.push(' ');
        line.push_str(&word);
    }
    text + &line + "\n"
}

/// `--name`, `--name=ARG` or `--name[=ARG]`.
fn long(opt: &Opt) -> String {
    match opt.arg {
        Arg::None => format!("--{}", opt.long),
        Arg::Required(arg) => format!("--{}={arg}", opt.long),
        Arg::Attached(arg) => format!("--{}[={arg}]", opt.long),
    }
}

/// One entry: `begin`, and the description wrapped in a column of its own.
fn entry(text: &mut String, begin: &str, description: &str) {
    let mut line = format!("{begin:INDENT$}");
    if begin.len() >= INDENT {
        text.push_str(begin);
        text.push('\n');
        line = " ".repeat(INDENT);
    }
    for word in description.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(INDENT);
        }
        if line.len() > INDENT {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_speaks_of_btf_and_fits_its_width() {
        let help = help();
        assert!(help.contains("BTF"));
        for line in help.lines().chain(usage().lines()) {
            assert!(line.len() <= WIDTH + 4, "{line}");
        }
    }

    #[test]
    fn help_names_every_feature_and_no_refused_option() {
        let help = help();
        for row in &FEATURES {
            assert!(help.contains(&format!(" {} ", row.name)), "{}", row.name);
        }
        assert!(!help.contains("reorganize"));
    }
}
