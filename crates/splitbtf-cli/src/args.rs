//! The command line of `splitbtf`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use btf_verify::KernelVersion;
use clap::{Args, Parser, Subcommand, ValueEnum};
use splitbtf::Arrays;
use splitbtf::features::Features;

use crate::lang;

/// Encode DWARF as BTF, split against a base, and look at what came out.
///
/// splitbtf turns the DWARF of a kernel and its modules into BTF: one base BTF for vmlinux
/// and, for each module, a split BTF that holds only what the base lacks. Called by the name
/// `pahole` it takes the encoding options of that program, so that a kernel builds with
/// `make PAHOLE=/path/to/pahole`.
#[derive(Debug, Parser)]
#[command(name = "splitbtf", version, max_term_width = 100, after_long_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  splitbtf encode vmlinux                           base BTF into vmlinux
  splitbtf encode --base vmlinux lib/modules/6.12   split BTF into each module
  splitbtf encode -B vmlinux -o ext4.btf ext4.ko    split BTF as a raw file
  splitbtf dump ext4.ko                             list its types
  splitbtf verify -B vmlinux ext4.ko                would the kernel take it?

Exit status: 0 all done; 1 something failed, or two inputs differ; 2 wrong usage.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Encode(EncodeArgs),
    Dump(DumpArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Size(SizeArgs),
    Explain(ExplainArgs),
}

/// Encode the DWARF of ELF files as BTF.
///
/// Without --base each PATH becomes a BTF of its own, as for vmlinux. With --base each
/// becomes a split BTF that continues the base. Results go into the .BTF section of the
/// files themselves unless -o, --out-dir or --into says otherwise; nothing else in a file is
/// changed, and a file whose encoding fails stays as it was.
///
/// A PATH may be a folder: it stands for all *.ko below it. Compressed modules (.ko.gz,
/// .ko.xz, .ko.zst) can be read, but not written into.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  Encode vmlinux, then all modules of a kernel build, in place:
      splitbtf encode vmlinux
      splitbtf encode --base vmlinux .

  Encode the debug files of a distribution; write the BTF elsewhere:
      splitbtf encode -B /usr/lib/debug/boot/vmlinux-6.12 --out-dir /tmp/btf \\
          /usr/lib/debug/lib/modules/6.12

  Put the BTF of a debug file into the stripped module beside it:
      splitbtf encode -B vmlinux --into ext4.ko ext4.ko.debug

  One module against the running kernel, without floating point types:
      splitbtf encode -B /sys/kernel/btf/vmlinux --features -float -o x.btf x.ko

Exit status: 0 all files encoded; 1 at least one failed; 2 wrong usage.")]
pub(crate) struct EncodeArgs {
    /// ELF files with DWARF, or folders of kernel modules.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Encode split BTF that continues this base.
    ///
    /// The base may be an ELF file with a .BTF section, a raw BTF file such as
    /// /sys/kernel/btf/vmlinux, or an ELF file with DWARF only, which is then encoded first.
    #[arg(short = 'B', long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Encode kernel modules without a base, in place.
    ///
    /// No kernel accepts such a module, so that this is refused unless asked for.
    #[arg(long, conflicts_with = "base")]
    pub(crate) no_base: bool,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// Let strings of split BTF end in one another.
    ///
    /// A name that is the end of another one then takes no bytes of its own, which makes the
    /// modules of a kernel 1.6 % smaller. Everything that reads BTF takes that, but few tools
    /// have seen it. Has no effect without a base: what others deduplicate against must have
    /// each name at an offset of its own.
    #[arg(long)]
    pub(crate) share_strings: bool,

    /// Leave the ids in .BTF_ids sections alone.
    ///
    /// Otherwise a module that has such a section gets its ids resolved again whenever its
    /// .BTF is rewritten, as the kernel build does with resolve_btfids.
    #[arg(long)]
    pub(crate) no_btf_ids: bool,

    /// Use up to N threads instead of one for each processor.
    ///
    /// Under make, threads beyond the first are only started for tokens that the jobserver
    /// has to spare.
    #[arg(short, long, value_name = "N", value_parser = at_least_one)]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// Print one JSON object a line: a row for each file, in the order of the files, and a
    /// summary at the end.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print where the time went, as a tree of phases, on standard error.
    #[arg(long)]
    pub(crate) time: bool,

    /// Print a row for each file, its warnings, and the functions that were left out.
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Print errors only.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Where results go.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct OutputArgs {
    /// Write the BTF of the one input to FILE, raw, and leave the input alone.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Write the BTF of each input to DIR/<name>.btf, raw, and leave the inputs alone.
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,

    /// Put the BTF of the one input into FILE, another ELF file.
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,
}

/// Heading of the options in [`RuleArgs`].
const RULES: &str = "Encoding rules";

/// What is encoded, and how.
#[derive(Debug, Args)]
pub(crate) struct RuleArgs {
    /// What to encode beyond plain types [default: default].
    ///
    /// LIST is comma separated and made of the names below and the sets `default`, `all` and
    /// `none`. `+NAME` adds and `-NAME` removes; a list that begins so changes the default
    /// set. The names are pahole's.
    ///
    ///   encode_force        leave out what BTF cannot express instead of failing
    ///   var                 per-CPU variables
    ///   float               FLOAT for floating point types
    ///   decl_tag, type_tag  DECL_TAG and TYPE_TAG
    ///   enum64              ENUM64, and the sign of enums
    ///   optimized_func      no effect
    ///   consistent_func     leave out functions whose prototypes differ
    ///   decl_tag_kfuncs     DECL_TAG bpf_kfunc for each kfunc
    ///
    /// and, not in the default set:
    ///
    ///   reproducible_build  no effect: output always is
    ///   distilled_base      split BTF on a distilled base (Linux 6.11)
    ///   global_var          variables of all sections
    ///   attributes          tags with the kind flag (Linux 6.15)
    ///   true_signature      optimised functions by their full names
    ///   layout              a layout section (Linux 7.1)
    #[arg(
        long,
        help_heading = RULES,
        value_name = "LIST",
        default_value_t = Features::DEFAULT,
        hide_default_value = true,
        allow_hyphen_values = true,
        verbatim_doc_comment
    )]
    pub(crate) features: Features,

    /// Only encode CUs written in these languages (c, c11, rust, asm, …).
    #[arg(long, help_heading = RULES, value_name = "LIST", value_parser = lang::parse_value)]
    pub(crate) lang: Option<lang::Languages>,

    /// Leave out CUs written in these languages [default: rust, unless --lang is given].
    #[arg(long, help_heading = RULES, value_name = "LIST", value_parser = lang::parse_value)]
    pub(crate) lang_exclude: Option<lang::Languages>,

    /// Leave out CUs whose name begins with PREFIX; may be given several times.
    #[arg(long, help_heading = RULES, value_name = "PREFIX")]
    pub(crate) exclude_cu: Vec<String>,

    /// Cut names that begin with PREFIX to it, whatever they name.
    #[arg(long, help_heading = RULES, value_name = "PREFIX")]
    pub(crate) kabi_prefix: Option<String>,

    /// Leave out functions of assembler CUs, whose prototypes DWARF does not know.
    #[arg(long, help_heading = RULES)]
    pub(crate) drop_asm_functions: bool,

    /// How to encode arrays of several dimensions [default: as the base has them, flat in a base].
    ///
    /// pahole writes them flat up to 1.31 and nested since 1.32. Modules need the form of
    /// their kernel's BTF, or repeat the types that hold such arrays.
    #[arg(long, help_heading = RULES, value_enum, value_name = "FORM")]
    pub(crate) arrays: Option<ArrayForm>,
}

/// Forms of arrays of several dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrayForm {
    /// `int a[2][3]` as one array of six.
    Flat,
    /// As an array of two arrays of three.
    Nested,
}

impl From<ArrayForm> for Arrays {
    fn from(form: ArrayForm) -> Self {
        match form {
            ArrayForm::Flat => Self::Flat,
            ArrayForm::Nested => Self::Nested,
        }
    }
}

/// Print the types of a BTF.
///
/// The default is the listing of `bpftool btf dump`, byte for byte; its command line, `file
/// FILE format c`, is understood as well.
#[derive(Debug, Args)]
#[command(
    override_usage = "splitbtf dump [OPTIONS] FILE",
    after_long_help = "\
Examples:
  splitbtf dump vmlinux                         all types, one after the other
  splitbtf dump --format c vmlinux > vmlinux.h  a header for BPF programs
  splitbtf dump --type 'struct file' vmlinux    one type
  splitbtf dump -f c -t sk_buff vmlinux         one type as C, with all it needs
  splitbtf dump -j /sys/kernel/btf/ext4         a module of the running kernel, as JSON"
)]
pub(crate) struct DumpArgs {
    /// An ELF file with .BTF, or a raw BTF file.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) words: Vec<PathBuf>,

    /// The base of a split BTF.
    ///
    /// Without it, a split BTF gets the distilled base in its own file, or a `vmlinux` beside
    /// the file or above it, or that of its kernel release.
    #[arg(short = 'B', long, visible_alias = "base-btf", value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,

    /// Which form to print [default: raw].
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<DumpFormat>,

    /// JSON, the same as `--format json`.
    #[arg(short, long, conflicts_with = "format")]
    pub(crate) json: bool,

    /// Indented JSON.
    #[arg(short, long, conflicts_with = "format")]
    pub(crate) pretty: bool,

    /// Only the types of this name, in C with all they need; may be given several times.
    ///
    /// `struct`, `union`, `enum`, `typedef`, `func` or `var` before the name picks one kind.
    #[arg(short, long = "type", value_name = "NAME")]
    pub(crate) types: Vec<String>,

    /// Only the type of this id; may be given several times.
    #[arg(long = "id", value_name = "ID")]
    pub(crate) ids: Vec<u32>,

    /// In C, keep the order of ids instead of sorting by name.
    #[arg(long)]
    pub(crate) unsorted: bool,

    /// In C, begin with the types of a split BTF itself, not with those of its base too.
    #[arg(long)]
    pub(crate) own: bool,
}

/// Forms of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// One line for each type, as bpftool prints it.
    Raw,
    /// The same as JSON.
    Json,
    /// Compilable C declarations.
    C,
}

/// Compare two BTFs, or the modules of two folders, by meaning.
///
/// Ids, order and string offsets do not count. A difference is reported at the smallest type
/// that changed, not at every type that contains it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  splitbtf diff old/vmlinux new/vmlinux
  splitbtf diff -B vmlinux ext4.ko ext4.btf       two encodings of one module
  splitbtf diff --base-a old/vmlinux --base-b new/vmlinux old/modules new/modules

Exit status: 0 same; 1 different; 2 trouble.")]
pub(crate) struct DiffArgs {
    /// A file or a folder.
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,

    /// A file or a folder.
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,

    /// The base of both, if they are split.
    #[arg(short = 'B', long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,

    /// The base of A, if it is not that of B.
    #[arg(
        long,
        value_name = "FILE",
        requires = "base_b",
        conflicts_with = "base"
    )]
    pub(crate) base_a: Option<PathBuf>,

    /// The base of B, if it is not that of A.
    #[arg(
        long,
        value_name = "FILE",
        requires = "base_a",
        conflicts_with = "base"
    )]
    pub(crate) base_b: Option<PathBuf>,

    /// Leave out functions, their prototypes and their tags.
    #[arg(long)]
    pub(crate) no_functions: bool,

    /// A file of differences that are expected, each with its reason; they are printed but do
    /// not count.
    #[arg(long, value_name = "FILE")]
    pub(crate) ignore: Option<PathBuf>,

    /// One JSON object a line, for each pair of files.
    #[arg(long)]
    pub(crate) json: bool,

    /// Also list the types that differ only because of another that does.
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Only the exit status.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Apply the kernel's own checks to BTF.
///
/// Says whether a kernel would take the BTF, and if not, which rule breaks, where, and what
/// dmesg would show.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  splitbtf verify vmlinux
  splitbtf verify -B vmlinux --kernel 6.1 ext4.ko
  sudo splitbtf verify --live -B /sys/kernel/btf/vmlinux ext4.ko

Exit status: 0 accepted; 1 rejected, or not readable; 2 wrong usage.")]
pub(crate) struct VerifyArgs {
    /// ELF files with .BTF, raw BTF files, or folders of kernel modules.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The base of split BTF.
    #[arg(short = 'B', long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,

    /// The kernel version whose rules apply, such as 6.1; the newest known without it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) kernel: Option<KernelVersion>,

    /// As what the kernel would read it; guessed from the file without it.
    #[arg(long = "as", value_enum, value_name = "ROLE")]
    pub(crate) role: Option<Role>,

    /// Also report what the kernel does not check but users trip over.
    #[arg(long)]
    pub(crate) lint: bool,

    /// Ask the running kernel too (needs root).
    ///
    /// Base and module are handed to it in one piece, as the BTF of a program, which it
    /// checks in full.
    #[arg(long)]
    pub(crate) live: bool,

    /// Print one JSON object a line, for each file.
    #[arg(long)]
    pub(crate) json: bool,

    /// Also name the files that are accepted.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Ways into the kernel, which differ in what is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The kernel's own BTF.
    Vmlinux,
    /// A module's .BTF.
    Module,
    /// A module's .BTF.base.
    Base,
    /// BTF loaded by a program with BPF_BTF_LOAD.
    User,
}

/// Say what takes the space in a BTF.
///
/// Prints types and bytes by kind, with the strings; for several files a line each and then
/// the sum of all.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  splitbtf size vmlinux
  splitbtf size -B vmlinux lib/modules/6.12
  splitbtf size --json ext4.ko | jq .kinds.STRUCT")]
pub(crate) struct SizeArgs {
    /// ELF files with .BTF, raw BTF files, or folders of kernel modules.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The base of split BTF.
    #[arg(short = 'B', long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,

    /// JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say why something is in a split BTF, or is not.
///
/// For a type: why it was not found in the base, named at the first member that differs. For
/// a function: whether it was encoded, and if not, why.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  splitbtf explain -B vmlinux ext4.ko 'struct inode'   why is it in the module?
  splitbtf explain vmlinux tcp_v4_rcv                  why is it not in the BTF?")]
pub(crate) struct ExplainArgs {
    /// An ELF file with DWARF, such as a module.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Names of types (`struct sk_buff` or `sk_buff`) or functions.
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// The base that FILE is encoded against.
    #[arg(short = 'B', long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,
}

/// A number of threads.
fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number of 1 or more is wanted")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;

    use super::*;

    fn encode(line: &str) -> Result<EncodeArgs, clap::Error> {
        let cli = Cli::try_parse_from(["splitbtf", "encode"].into_iter().chain(line.split(' ')))?;
        match cli.command {
            Command::Encode(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_of_encode_names_every_feature() {
        let help = Cli::command()
            .find_subcommand_mut("encode")
            .unwrap()
            .render_long_help()
            .to_string();
        for row in &splitbtf::features::FEATURES {
            assert!(help.contains(row.name), "{}", row.name);
        }
    }

    #[test]
    fn feature_lists_may_begin_with_a_minus() {
        let args = encode("--features -float,+layout vmlinux").unwrap();
        assert_eq!(
            args.rules.features,
            Features {
                float: false,
                layout: true,
                ..Features::DEFAULT
            }
        );
        assert_eq!(encode("vmlinux").unwrap().rules.features, Features::DEFAULT);
    }

    #[test]
    fn one_place_for_results_at_most() {
        let error = encode("-o x --out-dir y vmlinux").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
        assert_eq!(encode("").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn misspelt_features_are_suggested() {
        let text = encode("--features +enum46 vmlinux")
            .unwrap_err()
            .to_string();
        assert!(text.contains("did you mean 'enum64'?"), "{text}");
    }
}
