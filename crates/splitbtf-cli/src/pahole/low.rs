//! A command line as typed: which options stand there, with their arguments, in order where
//! the order matters.

use std::ffi::OsString;

use super::argp::{self, ArgpError, Spelt, Word};
use super::options::{Instead, Kind, Opt};

/// The options as typed. [`super::high`] says what they mean together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LowArgs {
    /// The first option that answers instead of encoding; nothing after it is read.
    pub(crate) special: Option<Special>,
    pub(crate) encode: bool,
    pub(crate) detached: Option<OsString>,
    pub(crate) base: Option<OsString>,
    /// `None`: no `-j`. `Some(None)`: a bare `-j`.
    pub(crate) jobs: Option<Option<OsString>>,
    /// Everything that changes features; later ones act on what earlier ones left.
    pub(crate) features: Vec<FeatureWord>,
    pub(crate) lang: Option<OsString>,
    pub(crate) lang_exclude: Option<OsString>,
    pub(crate) cu_exclude: Option<OsString>,
    pub(crate) format_path: Option<OsString>,
    pub(crate) kabi_prefix: Option<OsString>,
    pub(crate) hashbits: Option<OsString>,
    pub(crate) verbose: bool,
    pub(crate) numeric_version: bool,
    pub(crate) inputs: Vec<OsString>,
}

/// Options that make argp print and exit where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Help,
    Usage,
    Version,
    SupportedFeatures,
}

/// An option that changes features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FeatureWord {
    List {
        list: OsString,
        strict: bool,
    },
    /// `--btf_gen_all`.
    GenAll,
    /// One of the older switches, by name.
    Switch(&'static str),
}

/// Why a command line cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LowError {
    #[error(transparent)]
    Argp(#[from] ArgpError),
    #[error("{option} is not about encoding BTF and not supported; {}", .instead.advice())]
    Refused { option: String, instead: Instead },
}

impl LowArgs {
    /// Reads a command line without the program's name.
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, LowError> {
        let mut low = Self::default();
        for word in argp::words(args) {
            match word? {
                Word::Operand(name) => low.inputs.push(name),
                Word::Option { opt, spelt, value } => low.take(opt, spelt, value)?,
            }
            if low.special.is_some() {
                break;
            }
        }
        Ok(low)
    }

    /// Records one option; for most of them the last one counts.
    fn take(
        &mut self,
        opt: &'static Opt,
        spelt: Spelt,
        value: Option<OsString>,
    ) -> Result<(), LowError> {
        // An option with a required argument always has one by now.
        let list = || value.clone().unwrap_or_default();
        match opt.kind {
            Kind::Encode => self.encode = true,
            Kind::Detached => {
                self.encode = true;
                self.detached = value;
            }
            Kind::Base => self.base = value,
            Kind::Jobs => self.jobs = Some(value),
            Kind::Features => {
                self.features.push(FeatureWord::List {
                    list: list(),
                    strict: false,
                });
            }
            Kind::FeaturesStrict => {
                self.features.push(FeatureWord::List {
                    list: list(),
                    strict: true,
                });
            }
            Kind::GenAll => self.features.push(FeatureWord::GenAll),
            Kind::Switch => self.features.push(FeatureWord::Switch(opt.long)),
            Kind::Lang => self.lang = value,
            Kind::LangExclude => self.lang_exclude = value,
            Kind::CuExclude => self.cu_exclude = value,
            Kind::FormatPath => self.format_path = value,
            Kind::KabiPrefix => self.kabi_prefix = value,
            Kind::Hashbits => self.hashbits = value,
            Kind::Verbose => self.verbose = true,
            Kind::Ignored => {}
            Kind::Help => self.special = Some(Special::Help),
            Kind::Usage => self.special = Some(Special::Usage),
            Kind::Version => self.special = Some(Special::Version),
            Kind::SupportedFeatures => self.special = Some(Special::SupportedFeatures),
            Kind::NumericVersion => self.numeric_version = true,
            Kind::Refused(instead) => {
                let option = match (spelt, opt.short) {
                    (Spelt::Short, Some(letter)) => {
                        format!("option '-{}' (--{})", char::from(letter), opt.long)
                    }
                    _ => format!("option '--{}'", opt.long),
                };
                return Err(LowError::Refused { option, instead });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<LowArgs, LowError> {
        LowArgs::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn order_of_feature_options_is_kept() {
        let low = parse("-J --btf_gen_floats --btf_features=var a --btf_gen_all").unwrap();
        assert_eq!(
            low.features,
            [
                FeatureWord::Switch("btf_gen_floats"),
                FeatureWord::List {
                    list: "var".into(),
                    strict: false
                },
                FeatureWord::GenAll,
            ]
        );
        assert_eq!(low.inputs, ["a"]);
    }

    #[test]
    fn detached_implies_encode() {
        let low = parse("--btf_encode_detached=x a").unwrap();
        assert!(low.encode);
        assert_eq!(low.detached, Some("x".into()));
    }

    #[test]
    fn version_ends_the_reading() {
        assert_eq!(
            parse("--version --bogus").unwrap().special,
            Some(Special::Version)
        );
        assert!(parse("--bogus --version").is_err());
    }

    #[test]
    fn options_about_layouts_are_refused_by_the_name_they_were_given() {
        let text = |line| parse(line).unwrap_err().to_string();
        assert_eq!(
            text("-C task_struct vmlinux"),
            "option '-C' (--class_name) is not about encoding BTF and not supported; \
             `splitbtf dump --format c FILE` prints the types of a file as C"
        );
        assert!(text("--find_p=x").starts_with("option '--find_pointers_to' is not"));
        assert!(text("-JE").starts_with("option '-E' (--expand_types) is not"));
        assert!(text("--reorganize").ends_with("the pahole of the dwarves package does that"));
    }
}
