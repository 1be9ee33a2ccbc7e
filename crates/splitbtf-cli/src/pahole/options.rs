//! pahole's option table: every option of dwarves 1.31, and what this program makes of it.
//!
//! Source: dwarves `pahole.c`, `pahole__options[]`.

/// One option of pahole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    /// Name after `--`.
    pub(crate) long: &'static str,
    /// Letter after `-`.
    pub(crate) short: Option<u8>,
    pub(crate) arg: Arg,
    pub(crate) kind: Kind,
    /// Help line; empty for options that are refused.
    pub(crate) help: &'static str,
}

/// Whether an option takes an argument, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arg {
    None,
    /// The rest of the word, or the next word.
    Required(&'static str),
    /// Only ever the rest of the word: `-j8`, `--jobs=8`.
    Attached(&'static str),
}

/// What an option is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Encode,
    Detached,
    Base,
    Jobs,
    Features,
    FeaturesStrict,
    SupportedFeatures,
    /// One of the switches that feature lists replaced; the feature table knows its effect.
    Switch,
    GenAll,
    Lang,
    LangExclude,
    CuExclude,
    FormatPath,
    KabiPrefix,
    Hashbits,
    Verbose,
    /// Accepted without effect: tuning of upstream's own data structures and printing.
    Ignored,
    Help,
    Usage,
    Version,
    NumericVersion,
    /// Not about encoding.
    Refused(Instead),
}

/// Where to turn for what a refused option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instead {
    /// A question about types that a C dump answers.
    DumpC,
    /// A question about the size of types.
    DumpRaw,
    /// Holes, cache lines, raw records: only upstream's tool does that.
    Upstream,
    /// Gone upstream as well.
    Nothing,
}

impl Instead {
    /// The end of the sentence "pahole: '--x' ... ; "
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::DumpC => "`splitbtf dump --format c FILE` prints the types of a file as C",
            Self::DumpRaw => "`splitbtf dump FILE` lists the types of a file with their sizes",
            Self::Upstream => "the pahole of the dwarves package does that",
            Self::Nothing => "there is no replacement",
        }
    }
}

const fn opt(long: &'static str, arg: Arg, kind: Kind, help: &'static str) -> Opt {
    Opt {
        long,
        short: None,
        arg,
        kind,
        help,
    }
}

const fn short(letter: u8, long: &'static str, arg: Arg, kind: Kind, help: &'static str) -> Opt {
    Opt {
        long,
        short: Some(letter),
        arg,
        kind,
        help,
    }
}

const fn refused(long: &'static str, arg: Arg, instead: Instead) -> Opt {
    opt(long, arg, Kind::Refused(instead), "")
}

const fn refused_short(letter: u8, long: &'static str, arg: Arg, instead: Instead) -> Opt {
    short(letter, long, arg, Kind::Refused(instead), "")
}

use Arg::{Attached, None as Plain, Required};
use Instead::{DumpC, DumpRaw, Nothing, Upstream};

/// The options, those that encode first and in the order of `--help`.
///
/// `--help`, `--usage` and `--version` are argp's own; the rest is upstream's table, so that
/// an abbreviation is exactly as ambiguous here as it is there.
pub(crate) static OPTIONS: &[Opt] = &[
    short(
        b'J',
        "btf_encode",
        Plain,
        Kind::Encode,
        "encode the DWARF of each FILE as BTF, in its .BTF section",
    ),
    opt(
        "btf_encode_detached",
        Required("FILE"),
        Kind::Detached,
        "same, but write the raw BTF to FILE (implies -J)",
    ),
    opt(
        "btf_base",
        Required("FILE"),
        Kind::Base,
        "encode split BTF on this base: an ELF file with .BTF, or raw BTF",
    ),
    short(
        b'j',
        "jobs",
        Attached("N"),
        Kind::Jobs,
        "use up to N threads; without N, one for each processor",
    ),
    opt(
        "btf_features",
        Required("LIST"),
        Kind::Features,
        "switch on the features of LIST, all others off; `default` and a leading `+` mean the default set; unknown names are passed over",
    ),
    opt(
        "btf_features_strict",
        Required("LIST"),
        Kind::FeaturesStrict,
        "same, but an unknown name is an error",
    ),
    opt(
        "supported_btf_features",
        Plain,
        Kind::SupportedFeatures,
        "print the features and exit",
    ),
    opt(
        "lang",
        Required("LIST"),
        Kind::Lang,
        "only encode CUs written in these languages",
    ),
    opt(
        "lang_exclude",
        Required("LIST"),
        Kind::LangExclude,
        "leave out CUs written in these languages",
    ),
    short(
        b'X',
        "cu_exclude",
        Required("PREFIX"),
        Kind::CuExclude,
        "leave out CUs whose name begins with PREFIX",
    ),
    opt(
        "kabi_prefix",
        Required("PREFIX"),
        Kind::KabiPrefix,
        "replace any name that begins with PREFIX by PREFIX",
    ),
    short(
        b'V',
        "verbose",
        Plain,
        Kind::Verbose,
        "say which functions are left out, and why",
    ),
    opt(
        "btf_encode_force",
        Plain,
        Kind::Switch,
        "feature encode_force on",
    ),
    opt("btf_gen_floats", Plain, Kind::Switch, "feature float on"),
    opt(
        "btf_gen_optimized",
        Plain,
        Kind::Switch,
        "feature optimized_func on",
    ),
    opt(
        "btf_gen_all",
        Plain,
        Kind::GenAll,
        "every feature on that no kernel rejects",
    ),
    opt(
        "btf_attributes",
        Plain,
        Kind::Switch,
        "feature attributes on",
    ),
    opt(
        "skip_encoding_btf_vars",
        Plain,
        Kind::Switch,
        "feature var off",
    ),
    opt(
        "skip_encoding_btf_decl_tag",
        Plain,
        Kind::Switch,
        "feature decl_tag off",
    ),
    opt(
        "skip_encoding_btf_type_tag",
        Plain,
        Kind::Switch,
        "feature type_tag off",
    ),
    opt(
        "skip_encoding_btf_enum64",
        Plain,
        Kind::Switch,
        "feature enum64 off",
    ),
    opt(
        "skip_encoding_btf_inconsistent_proto",
        Plain,
        Kind::Switch,
        "feature consistent_func on",
    ),
    opt(
        "reproducible_build",
        Plain,
        Kind::Switch,
        "no effect: output is always reproducible",
    ),
    short(
        b'F',
        "format_path",
        Required("LIST"),
        Kind::FormatPath,
        "debug formats to read; must contain dwarf",
    ),
    opt("hashbits", Required("BITS"), Kind::Hashbits, "no effect"),
    opt("fixup_silly_bitfields", Plain, Kind::Ignored, "no effect"),
    short(b'q', "quiet", Plain, Kind::Ignored, "no effect"),
    opt(
        "numeric_version",
        Plain,
        Kind::NumericVersion,
        "print the version as a number and exit",
    ),
    opt(
        "version",
        Plain,
        Kind::Version,
        "print the version and exit",
    ),
    short(b'?', "help", Plain, Kind::Help, "print this help and exit"),
    opt(
        "usage",
        Plain,
        Kind::Usage,
        "print a short usage message and exit",
    ),
    refused_short(b'B', "bit_holes", Required("NR_HOLES"), Upstream),
    refused_short(b'c', "cacheline_size", Required("SIZE"), Upstream),
    refused_short(b'C', "class_name", Required("CLASS_NAME"), DumpC),
    refused("count", Required("COUNT"), Upstream),
    refused("skip", Required("COUNT"), Upstream),
    refused("seek_bytes", Required("BYTES"), Upstream),
    refused("size_bytes", Required("BYTES"), Upstream),
    refused("range", Required("STRUCT"), Upstream),
    refused("header_type", Required("TYPE"), Upstream),
    refused_short(b'f', "find_pointers_to", Required("CLASS_NAME"), DumpC),
    refused_short(b'i', "contains", Required("CLASS_NAME"), DumpC),
    refused("contains_enumerator", Required("ENUMERATOR"), DumpC),
    refused_short(b'I', "show_decl_info", Plain, Upstream),
    refused_short(b'H', "holes", Required("NR_HOLES"), Upstream),
    refused("padding_ge", Required("SIZE_PADDING"), Upstream),
    refused_short(b'z', "hole_size_ge", Required("HOLE_SIZE"), Upstream),
    refused_short(b'P', "packable", Plain, Upstream),
    refused("with_flexible_array", Plain, DumpC),
    refused("with_embedded_flexible_array", Plain, DumpC),
    refused_short(b'E', "expand_types", Plain, DumpC),
    refused_short(b'n', "nr_members", Plain, DumpRaw),
    refused_short(b'r', "rel_offset", Plain, Upstream),
    refused_short(b'd', "recursive", Plain, Upstream),
    refused_short(b'R', "reorganize", Plain, Upstream),
    refused_short(b'S', "show_reorg_steps", Plain, Upstream),
    refused_short(b'N', "class_name_len", Plain, DumpRaw),
    refused_short(
        b'l',
        "show_first_biggest_size_base_type_member",
        Plain,
        Upstream,
    ),
    refused_short(b'm', "nr_methods", Plain, Upstream),
    refused_short(b'M', "show_only_data_members", Plain, DumpC),
    refused_short(b'p', "expand_pointers", Plain, DumpC),
    refused_short(b's', "sizes", Plain, DumpRaw),
    refused_short(b't', "separator", Required("SEP"), Upstream),
    refused_short(b'T', "nr_definitions", Plain, Upstream),
    refused_short(b'D', "decl_exclude", Required("PREFIX"), Upstream),
    refused_short(b'x', "exclude", Required("PREFIX"), DumpC),
    refused_short(b'y', "prefix_filter", Required("PREFIX"), DumpC),
    refused_short(b'a', "anon_include", Plain, DumpC),
    refused_short(b'A', "nested_anon_include", Plain, DumpC),
    refused_short(b'u', "defined_in", Plain, Upstream),
    refused_short(b'w', "word_size", Required("WORD_SIZE"), Upstream),
    refused_short(b'Z', "ctf_encode", Plain, Nothing),
    refused("flat_arrays", Plain, DumpC),
    refused("suppress_aligned_attribute", Plain, DumpC),
    refused("suppress_force_paddings", Plain, DumpC),
    refused("suppress_packed", Plain, DumpC),
    refused("show_private_classes", Plain, DumpC),
    refused("first_obj_only", Plain, Upstream),
    refused("classes_as_structs", Plain, DumpC),
    refused("hex", Plain, Upstream),
    refused("compile", Plain, DumpC),
    refused("structs", Plain, DumpC),
    refused("unions", Plain, DumpC),
    refused("packed", Plain, Upstream),
    refused("sort", Plain, DumpC),
    refused("prettify", Required("PATH"), Upstream),
    refused("ptr_table_stats", Plain, Nothing),
    refused("skip_missing", Plain, Upstream),
    refused("skip_emitting_atomic_typedefs", Plain, DumpC),
    refused("running_kernel_vmlinux", Plain, Upstream),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use splitbtf::features::Feature;

    use super::*;

    #[test]
    fn no_name_or_letter_occurs_twice() {
        let mut longs = BTreeSet::new();
        let mut shorts = BTreeSet::new();
        for opt in OPTIONS {
            assert!(longs.insert(opt.long), "--{}", opt.long);
            if let Some(letter) = opt.short {
                assert!(shorts.insert(letter), "-{}", char::from(letter));
            }
        }
    }

    #[test]
    fn every_switch_is_in_the_feature_table_and_back() {
        for opt in OPTIONS.iter().filter(|opt| opt.kind == Kind::Switch) {
            assert!(Feature::by_switch(opt.long).is_some(), "--{}", opt.long);
        }
        for row in &splitbtf::features::FEATURES {
            if let Some(switch) = row.switch {
                assert!(
                    OPTIONS
                        .iter()
                        .any(|opt| opt.long == switch.name && opt.kind == Kind::Switch),
                    "{}",
                    switch.name
                );
            }
        }
    }

    #[test]
    fn accepted_options_have_help_and_refused_ones_none() {
        for opt in OPTIONS {
            let refused = matches!(opt.kind, Kind::Refused(_));
            assert_eq!(opt.help.is_empty(), refused, "--{}", opt.long);
        }
    }
}
