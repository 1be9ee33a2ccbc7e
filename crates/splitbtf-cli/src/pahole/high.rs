//! What a command line means: one request, with every conflict settled.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use splitbtf::features::{self, Feature, Features};

use super::low::{FeatureWord, LowArgs, Special};
use super::{help, version};
use crate::{jobs, lang};

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Print this on stdout and be done.
    Print(String),
    Encode(Box<Encode>),
}

/// An encoding, as meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Encode {
    /// At least one.
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) base: Option<PathBuf>,
    /// Write raw BTF here and leave the inputs alone.
    pub(crate) detached: Option<PathBuf>,
    pub(crate) features: Features,
    /// Upper bound, at least 1.
    pub(crate) threads: usize,
    /// `DW_AT_language` codes to keep; empty for all.
    pub(crate) lang: Vec<u16>,
    /// `DW_AT_language` codes to drop.
    pub(crate) lang_exclude: Vec<u16>,
    pub(crate) cu_exclude: Option<Vec<u8>>,
    pub(crate) kabi_prefix: Option<Vec<u8>>,
    pub(crate) verbose: bool,
    /// Things to say on stderr that are no errors.
    pub(crate) notes: Vec<String>,
}

/// Why there is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HighError {
    /// A misuse of options; exit code 64, with a pointer to the help.
    #[error("{0}")]
    Usage(String),
    /// Anything else; exit code 1.
    #[error("{0}")]
    Failure(String),
}

use HighError::{Failure, Usage};

impl Request {
    /// Settles what `low` asks for. `env_lang_exclude` is the value of
    /// `PAHOLE_LANG_EXCLUDE`, which counts if neither language option is given.
    pub(crate) fn from_low(
        low: LowArgs,
        env_lang_exclude: Option<OsString>,
    ) -> Result<Self, HighError> {
        if let Some(special) = low.special {
            return Ok(Self::Print(match special {
                Special::Help => help::help(),
                Special::Usage => help::usage(),
                Special::Version => format!("{}\n", version::TEXT),
                Special::SupportedFeatures => format!("{}\n", features::supported()),
            }));
        }
        let (lang, lang_exclude) = languages(&low, env_lang_exclude)?;
        let mut notes = Vec::new();
        let features = features(&low.features, low.verbose, &mut notes)?;
        if low.numeric_version {
            return Ok(Self::Print(format!("{}\n", version::NUMERIC)));
        }
        if !low.encode {
            return Err(Usage(
                "this pahole only encodes BTF: give -J or --btf_encode_detached=FILE \
                 (to look at types, `splitbtf dump FILE`)"
                    .to_owned(),
            ));
        }
        if low.inputs.is_empty() {
            return Err(Usage(
                "no input file: which ELF file holds the DWARF?".to_owned(),
            ));
        }
        hashbits(low.hashbits.as_deref())?;
        format_path(low.format_path.as_deref())?;
        // Detached output is never distilled, upstream neither, so that it needs no base either.
        if features.distilled_base && low.base.is_none() && low.detached.is_none() {
            return Err(Failure(
                "the feature distilled_base needs a base to distil: add --btf_base=FILE".to_owned(),
            ));
        }
        if let Some(empty) = [&low.base, &low.detached]
            .into_iter()
            .flatten()
            .find(|p| p.is_empty())
        {
            debug_assert!(empty.is_empty());
            return Err(Usage(
                "empty file name in --btf_base or --btf_encode_detached".to_owned(),
            ));
        }
        Ok(Self::Encode(Box::new(Encode {
            threads: threads(low.jobs)?,
            inputs: low.inputs.into_iter().map(PathBuf::from).collect(),
            base: low.base.map(PathBuf::from),
            detached: low.detached.map(PathBuf::from),
            features,
            lang,
            lang_exclude,
            cu_exclude: prefix(low.cu_exclude),
            kabi_prefix: prefix(low.kabi_prefix),
            verbose: low.verbose,
            notes,
        })))
    }
}

/// An empty prefix would fit every name; upstream takes it as no prefix at all.
fn prefix(prefix: Option<OsString>) -> Option<Vec<u8>> {
    prefix
        .map(OsString::into_vec)
        .filter(|prefix| !prefix.is_empty())
}

/// Plays the feature options in order.
///
/// Without any list the features are those of pahole before lists existed. The first list
/// switches all features off and only then enables what it names; later ones add.
fn features(
    words: &[FeatureWord],
    verbose: bool,
    notes: &mut Vec<String>,
) -> Result<Features, HighError> {
    let mut features = Features::IMPLICIT;
    let mut list_seen = false;
    for word in words {
        if let FeatureWord::List { .. } | FeatureWord::GenAll = word
            && !list_seen
        {
            features = Features::NONE;
            list_seen = true;
        }
        match word {
            FeatureWord::Switch(name) => {
                let (row, on) = Feature::by_switch(name).ok_or_else(|| {
                    Failure(format!("bug: --{name} is missing from the feature table"))
                })?;
                features.set(row, on);
            }
            FeatureWord::GenAll => {
                features.enable_list("all");
            }
            FeatureWord::List { list, strict } => {
                let list = list.to_string_lossy();
                for unknown in features.enable_list(&list) {
                    if *strict {
                        return Err(Failure(format!(
                            "Feature '{unknown}' in '{list}' is not supported.  \
                             Supported BTF features are: {}",
                            features::supported()
                        )));
                    }
                    if verbose {
                        notes.push(format!("Ignoring unsupported feature '{unknown}'"));
                    }
                }
                if list
                    .trim_start_matches('+')
                    .split(',')
                    .any(|element| element == "all")
                {
                    notes.push(format!(
                        "--btf_features=all is taken as {}; later kernels also know \
                         distilled_base, attributes and layout",
                        Features::ALL_COMPATIBLE
                    ));
                }
            }
        }
    }
    Ok(features)
}

/// Which languages to keep and which to drop.
fn languages(
    low: &LowArgs,
    env_lang_exclude: Option<OsString>,
) -> Result<(Vec<u16>, Vec<u16>), HighError> {
    let parse = |list: Option<&OsStr>, origin: &str| match list {
        None => Ok(Vec::new()),
        Some(list) => lang::parse_list(&list.to_string_lossy())
            .map_err(|error| Failure(format!("{error} (in {origin})"))),
    };
    let keep = parse(low.lang.as_deref(), "--lang")?;
    let drop = match (&low.lang, &low.lang_exclude) {
        (None, None) => parse(env_lang_exclude.as_deref(), "PAHOLE_LANG_EXCLUDE")?,
        (_, exclude) => parse(exclude.as_deref(), "--lang_exclude")?,
    };
    Ok((keep, drop))
}

/// The number of threads that `-j` asks for: 1 without it, all processors if it is bare.
fn threads(jobs: Option<Option<OsString>>) -> Result<usize, HighError> {
    let number = match jobs {
        None => return Ok(1),
        Some(None) => return Ok(jobs::all_processors()),
        // Makefiles write `--jobs=$(N)` with an N that may be empty.
        Some(Some(number)) if number.is_empty() => return Ok(jobs::all_processors()),
        Some(Some(number)) => number,
    };
    match number
        .to_str()
        .and_then(|number| number.parse::<usize>().ok())
    {
        Some(number) => Ok(number.max(1)),
        None => Err(Usage(format!(
            "'{}' is not a number of jobs; what is attached to -j must be one",
            number.display()
        ))),
    }
}

/// Upstream's range check; the number itself sizes a table that we do not have.
fn hashbits(bits: Option<&OsStr>) -> Result<(), HighError> {
    let Some(bits) = bits else { return Ok(()) };
    match bits
        .to_str()
        .and_then(|bits| bits.trim().parse::<u32>().ok())
    {
        Some(0..=31) => Ok(()),
        _ => Err(Failure(format!(
            "Invalid --hashbits value ({}) should be less than 32",
            bits.display()
        ))),
    }
}

/// BTF is encoded from DWARF; other formats may stand beside it in the list.
fn format_path(list: Option<&OsStr>) -> Result<(), HighError> {
    let Some(list) = list else { return Ok(()) };
    if list
        .as_bytes()
        .split(|&byte| byte == b',')
        .any(|format| format == b"dwarf")
    {
        return Ok(());
    }
    Err(Usage(format!(
        "BTF can only be encoded from DWARF: -F {} leaves nothing to read",
        list.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str) -> Result<Request, HighError> {
        let low = LowArgs::parse(line.split_whitespace().map(OsString::from)).unwrap();
        Request::from_low(low, None)
    }

    fn encode(line: &str) -> Encode {
        match request(line) {
            Ok(Request::Encode(encode)) => *encode,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn failure(line: &str) -> String {
        match request(line) {
            Err(Failure(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn usage(line: &str) -> String {
        match request(line) {
            Err(Usage(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_a_list_the_old_defaults_hold() {
        assert_eq!(encode("-J a").features, Features::IMPLICIT);
        // Linux 6.1 `scripts/pahole-flags.sh` for 1.25 and later.
        let old = encode(
            "-J --btf_gen_floats -j --lang_exclude=rust --skip_encoding_btf_inconsistent_proto \
             --btf_gen_optimized .tmp_vmlinux.btf",
        );
        assert_eq!(
            old.features,
            Features {
                float: true,
                consistent_func: true,
                optimized_func: true,
                ..Features::IMPLICIT
            }
        );
        assert_eq!(old.lang_exclude, [0x1c]);
        assert_eq!(old.inputs, [PathBuf::from(".tmp_vmlinux.btf")]);
        assert!(!encode("-J --skip_encoding_btf_vars a").features.var);
    }

    #[test]
    fn first_list_clears_and_later_lists_add() {
        let line = "-J --btf_features=encode_force,var,float,enum64,decl_tag,type_tag,\
                    optimized_func,consistent_func,decl_tag_kfuncs --btf_features=distilled_base \
                    --lang_exclude=rust --btf_base vmlinux a.ko";
        let modern = encode(line);
        assert_eq!(
            modern.features,
            Features {
                distilled_base: true,
                ..Features::DEFAULT
            }
        );
        assert_eq!(modern.base, Some("vmlinux".into()));
        // A switch before the first list is lost, one after it counts.
        assert_eq!(
            encode("-J --btf_gen_floats --btf_features=var a").features,
            Features {
                var: true,
                ..Features::NONE
            }
        );
        assert_eq!(
            encode("-J --btf_features=var --btf_gen_floats a").features,
            Features {
                var: true,
                float: true,
                ..Features::NONE
            }
        );
        assert_eq!(encode("-J --btf_features= a").features, Features::NONE);
    }

    #[test]
    fn command_line_of_debian_7_1_is_taken_whole() {
        let debian = encode(
            "-J -j6 --btf_features=encode_force,var,float,enum64,decl_tag,type_tag,\
             optimized_func,consistent_func,decl_tag_kfuncs --btf_features=attributes \
             --btf_features=layout -j6 --btf_features=+reproducible_build --lang_exclude=rust \
             --btf_encode_detached=.tmp_vmlinux1.BTF.1 .tmp_vmlinux1",
        );
        assert_eq!(debian.threads, 6);
        assert_eq!(debian.detached, Some(".tmp_vmlinux1.BTF.1".into()));
        assert_eq!(
            debian.features,
            Features {
                attributes: true,
                layout: true,
                reproducible_build: true,
                ..Features::DEFAULT
            }
        );
        assert_eq!(debian.notes, Vec::<String>::new());
    }

    #[test]
    fn unknown_features_pass_unless_strict() {
        let quiet = encode("-J --btf_features=float,new_one a");
        assert!(quiet.features.float && quiet.notes.is_empty());
        assert_eq!(
            encode("-J -V --btf_features=new_one a").notes,
            ["Ignoring unsupported feature 'new_one'"]
        );
        let text = failure("-J --btf_features_strict=float,new_one a");
        assert!(
            text.starts_with("Feature 'new_one' in 'float,new_one' is not supported."),
            "{text}"
        );
        assert!(
            encode("-J --btf_features_strict=default,layout a")
                .features
                .layout
        );
    }

    #[test]
    fn all_turns_features_on_and_says_which() {
        assert_eq!(
            encode("-J --btf_gen_all a").features,
            Features::ALL_COMPATIBLE
        );
        let all = encode("-J --btf_features=all a");
        assert_eq!(all.features, Features::ALL_COMPATIBLE);
        assert!(all.notes[0].starts_with("--btf_features=all is taken as encode_force,var,"));
    }

    #[test]
    fn environment_excludes_languages_only_without_options() {
        let with_env = |line: &str| {
            let low = LowArgs::parse(line.split_whitespace().map(OsString::from)).unwrap();
            match Request::from_low(low, Some("rust".into())) {
                Ok(Request::Encode(encode)) => (encode.lang, encode.lang_exclude),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(with_env("-J a"), (vec![], vec![0x1c]));
        assert_eq!(with_env("-J --lang_exclude=c11 a"), (vec![], vec![0x1d]));
        assert_eq!(with_env("-J --lang=c11 a"), (vec![0x1d], vec![]));
    }

    #[test]
    fn misspelt_languages_fail_by_name() {
        let text = failure("-J --lang_exclude=rust,C+ a");
        assert!(
            text.starts_with("unknown language \"C+\"; known are "),
            "{text}"
        );
        assert!(text.ends_with("(in --lang_exclude)"), "{text}");
    }

    #[test]
    fn jobs_are_one_without_the_option_and_never_none() {
        assert_eq!(encode("-J a").threads, 1);
        assert_eq!(encode("-J -j a").threads, jobs::all_processors());
        assert_eq!(encode("-J --jobs= a").threads, jobs::all_processors());
        assert_eq!(encode("-J -j0 a").threads, 1);
        assert_eq!(encode("-J -j3 -j7 a").threads, 7);
        assert!(usage("-J -jV a").starts_with("'V' is not a number of jobs"));
    }

    #[test]
    fn numeric_version_needs_no_input() {
        assert_eq!(
            request("--numeric_version"),
            Ok(Request::Print("131\n".into()))
        );
        assert_eq!(request("--version"), Ok(Request::Print("v1.31\n".into())));
    }

    #[test]
    fn nothing_to_encode_is_wrong_usage() {
        assert!(usage("vmlinux").contains("give -J"));
        assert!(usage("-J").starts_with("no input file"));
        assert!(usage("-J -F btf a").starts_with("BTF can only be encoded from DWARF"));
        assert_eq!(encode("-J -F btf,dwarf a").inputs.len(), 1);
        assert!(usage("-J --btf_base= a").starts_with("empty file name"));
    }

    #[test]
    fn distilling_needs_a_base() {
        assert!(failure("-J --btf_features=distilled_base a").contains("add --btf_base"));
        let detached = encode("--btf_features=distilled_base --btf_encode_detached=b a");
        assert!(detached.detached.is_some());
    }
}
