//! Source languages by name, as `--lang` and `--lang_exclude` take them.
//!
//! Codes are those of `DW_AT_language`: DWARF 5 §7.12 table 7.17, its later registrations at
//! dwarfstd.org, and `DW_LANG_Mips_Assembler`, which every assembler uses. The names up to
//! `bliss` are pahole's; upstream knows none for the later codes.

use std::fmt;

/// Name and code; a name may stand for several codes and a code for several names.
static LANGUAGES: &[(&str, u16)] = &[
    ("c89", 0x01),
    ("c", 0x02),
    ("ada83", 0x03),
    ("c++", 0x04),
    ("cobol74", 0x05),
    ("cobol85", 0x06),
    ("fortran77", 0x07),
    ("fortran90", 0x08),
    ("pascal83", 0x09),
    ("modula2", 0x0a),
    ("java", 0x0b),
    ("c99", 0x0c),
    ("ada95", 0x0d),
    ("fortran95", 0x0e),
    ("pli", 0x0f),
    ("objc", 0x10),
    ("objc++", 0x11),
    ("upc", 0x12),
    ("d", 0x13),
    ("python", 0x14),
    ("opencl", 0x15),
    ("go", 0x16),
    ("modula3", 0x17),
    ("haskell", 0x18),
    ("c++03", 0x19),
    ("c++11", 0x1a),
    ("ocaml", 0x1b),
    ("rust", 0x1c),
    ("c11", 0x1d),
    ("swift", 0x1e),
    ("julia", 0x1f),
    ("dylan", 0x20),
    ("c++14", 0x21),
    ("fortran03", 0x22),
    ("fortran08", 0x23),
    ("renderscript", 0x24),
    ("bliss", 0x25),
    ("kotlin", 0x26),
    ("zig", 0x27),
    ("crystal", 0x28),
    ("c++17", 0x2a),
    ("c++20", 0x2b),
    ("c17", 0x2c),
    ("fortran18", 0x2d),
    ("ada2005", 0x2e),
    ("ada2012", 0x2f),
    ("hip", 0x30),
    ("asm", 0x31),
    ("c#", 0x32),
    ("mojo", 0x33),
    ("c++23", 0x3a),
    ("odin", 0x3b),
    ("c23", 0x3e),
    ("fortran23", 0x3f),
    ("ruby", 0x40),
    ("asm", 0x8001),
];

/// A list element that names no language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownLanguage {
    /// The element as given.
    pub(crate) name: String,
}

/// Upstream's wording, which ends in the name, and then what to do.
impl fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown language \"{}\"; known are ", self.name)?;
        let mut last = "";
        for (i, &(name, _)) in LANGUAGES.iter().enumerate() {
            // `asm` stands twice; naming it once is enough.
            if name == last || (name == "asm" && i + 1 < LANGUAGES.len()) {
                continue;
            }
            if i > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
            last = name;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownLanguage {}

/// The codes of a list, as one value of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Languages(pub(crate) Vec<u16>);

/// [`parse_list`] for clap.
pub(crate) fn parse_value(list: &str) -> Result<Languages, UnknownLanguage> {
    parse_list(list).map(Languages)
}

/// The `DW_AT_language` codes of a comma separated list of names, sorted; case is ignored.
pub(crate) fn parse_list(list: &str) -> Result<Vec<u16>, UnknownLanguage> {
    let mut codes = Vec::new();
    for element in list.split(',') {
        let before = codes.len();
        codes.extend(
            LANGUAGES
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(element))
                .map(|&(_, code)| code),
        );
        if codes.len() == before {
            return Err(UnknownLanguage {
                name: element.to_owned(),
            });
        }
    }
    codes.sort_unstable();
    codes.dedup();
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_whatever_their_case() {
        assert_eq!(parse_list("rust"), Ok(vec![0x1c]));
        assert_eq!(parse_list("Rust,C11,c"), Ok(vec![0x02, 0x1c, 0x1d]));
    }

    #[test]
    fn asm_is_both_the_old_code_and_the_registered_one() {
        assert_eq!(parse_list("asm"), Ok(vec![0x31, 0x8001]));
    }

    #[test]
    fn unknown_or_empty_names_are_errors() {
        let name = |list| parse_list(list).unwrap_err().name;
        assert_eq!(name("c,rust2"), "rust2");
        assert_eq!(name(""), "");
        assert_eq!(name("c,"), "");
        let text = parse_list("rust2").unwrap_err().to_string();
        assert!(
            text.starts_with("unknown language \"rust2\"; known are c89, c,"),
            "{text}"
        );
        assert!(text.ends_with("ruby, asm"), "{text}");
    }
}
