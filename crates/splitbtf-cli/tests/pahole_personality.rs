//! `pahole` from the outside: the command lines of kernel builds, files and exit codes.

mod cli_common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use btf_builder::{Btf, Kind};
use cli_common::{Kernel, SPLITBTF, outcome};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};

/// The list of Linux 6.12 `scripts/Makefile.btf`.
const FEATURES: &str = "--btf_features=encode_force,var,float,enum64,decl_tag,type_tag,\
                        optimized_func,consistent_func,decl_tag_kfuncs";

fn kernel_with_base() -> Kernel {
    let kernel = Kernel::new();
    kernel
        .pahole(&format!("-J -j {FEATURES} --lang_exclude=rust vmlinux"))
        .quiet_success();
    kernel
}

fn base(kernel: &Kernel) -> Arc<Btf> {
    Arc::new(Btf::parse(&kernel.section("vmlinux", ".BTF").unwrap()).unwrap())
}

#[test]
fn versions_are_what_the_kernels_scripts_take() {
    let kernel = Kernel::new();
    assert_eq!(kernel.pahole("--version").quiet_success().stdout, "v1.31\n");
    assert_eq!(
        kernel.pahole("--numeric_version").quiet_success().stdout,
        "131\n"
    );
    assert!(
        kernel
            .pahole("--help")
            .quiet_success()
            .stdout
            .contains("BTF")
    );
    assert!(
        kernel
            .pahole("--usage")
            .quiet_success()
            .stdout
            .starts_with("Usage: pahole ")
    );
    assert_eq!(
        kernel
            .pahole("--supported_btf_features")
            .quiet_success()
            .stdout,
        "encode_force,var,float,decl_tag,type_tag,enum64,optimized_func,consistent_func,\
         decl_tag_kfuncs,reproducible_build,distilled_base,global_var,attributes,\
         true_signature,layout\n"
    );
}

#[test]
fn a_link_called_pahole_is_pahole() {
    let kernel = Kernel::new();
    symlink(SPLITBTF, kernel.path("pahole")).unwrap();
    let link = kernel.path("pahole");
    assert_eq!(
        kernel.run(&link, "--version").quiet_success().stdout,
        "v1.31\n"
    );
    assert!(
        kernel
            .splitbtf("--version")
            .quiet_success()
            .stdout
            .starts_with("splitbtf ")
    );
}

#[test]
fn linux_6_1_encodes_in_place() {
    let kernel = Kernel::new();
    let flags = "--btf_gen_floats -j --lang_exclude=rust \
                 --skip_encoding_btf_inconsistent_proto --btf_gen_optimized";
    let told = kernel
        .pahole(&format!("-J {flags} vmlinux"))
        .quiet_success()
        .stdout;
    assert_eq!(told, "");
    kernel
        .pahole(&format!("-J {flags} --btf_base vmlinux mod/char_driver.ko"))
        .quiet_success();
    let btf = kernel.section("mod/char_driver.ko", ".BTF").unwrap();
    Btf::parse_split(&btf, base(&kernel)).unwrap();
    // Before lists of features there were no tags for kfuncs.
    assert!(
        base(&kernel)
            .own_types()
            .all(|ty| ty.name() != b"bpf_kfunc")
    );
}

#[test]
fn linux_6_12_encodes_external_modules_with_a_distilled_base() {
    let kernel = kernel_with_base();
    let encode = format!("-J -j {FEATURES} --lang_exclude=rust");
    let module = "--btf_base vmlinux mod/char_driver.ko";
    kernel
        .pahole(&format!("{encode} --btf_features=distilled_base {module}"))
        .quiet_success();
    let distilled = kernel.section("mod/char_driver.ko", ".BTF.base").unwrap();
    let distilled = Arc::new(Btf::parse(&distilled).unwrap());
    Btf::parse_split(
        &kernel.section("mod/char_driver.ko", ".BTF").unwrap(),
        distilled,
    )
    .unwrap();
    // In the tree again: a distilled base left behind would be taken for the base.
    kernel.pahole(&format!("{encode} {module}")).quiet_success();
    assert_eq!(kernel.section("mod/char_driver.ko", ".BTF.base"), None);
    Btf::parse_split(
        &kernel.section("mod/char_driver.ko", ".BTF").unwrap(),
        base(&kernel),
    )
    .unwrap();
}

#[test]
fn linux_7_encodes_detached_and_leaves_the_elf_file_alone() {
    let kernel = Kernel::new();
    let before = kernel.read("vmlinux");
    let detached = format!(
        "-J -j6 {FEATURES} --btf_features=attributes --btf_features=layout -j6 \
         --btf_features=+reproducible_build --lang_exclude=rust --btf_encode_detached=v.BTF.1 \
         vmlinux"
    );
    assert_eq!(kernel.pahole(&detached).quiet_success().stdout, "");
    assert!(kernel.read("vmlinux") == before);
    let btf = Btf::parse(&kernel.read("v.BTF.1")).unwrap();
    assert!(btf.layout().is_some());
    assert!(btf.own_types().any(|ty| ty.kind() == Kind::Func));
    // No fixed place for a second section: distilling is left to resolve_btfids, as upstream.
    kernel
        .pahole(
            "-J --btf_features=default,distilled_base --btf_base v.BTF.1 \
             --btf_encode_detached m.BTF.1 mod/char_driver.ko",
        )
        .quiet_success();
    Btf::parse_split(&kernel.read("m.BTF.1"), Arc::new(btf)).unwrap();
    assert!(!kernel.path("m.BTF.1.base").exists());
}

#[test]
fn a_detached_file_is_readable_by_the_group_unless_it_was_there() {
    let kernel = Kernel::new();
    let mode = |name: &str| {
        fs::metadata(kernel.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    kernel.write("old.btf", &[0xff; 100_000]);
    fs::set_permissions(kernel.path("old.btf"), fs::Permissions::from_mode(0o604)).unwrap();
    kernel
        .pahole("--btf_encode_detached=new.btf vmlinux")
        .quiet_success();
    kernel
        .pahole("--btf_encode_detached=old.btf vmlinux")
        .quiet_success();
    // The process' umask may take away more.
    assert_eq!(mode("new.btf") & !0o640, 0);
    assert_eq!(mode("old.btf"), 0o604);
    assert_eq!(kernel.read("new.btf"), kernel.read("old.btf"));
}

#[test]
fn without_debug_information_detached_output_is_valid_and_empty() {
    let kernel = kernel_with_base();
    kernel.write_stripped("stripped");
    let note = kernel
        .pahole("-J --btf_encode_detached=e.btf stripped")
        .one_complaint(0);
    assert_eq!(note, "pahole: stripped: no DWARF, nothing to encode");
    assert_eq!(Btf::parse(&kernel.read("e.btf")).unwrap().n_own_types(), 0);
    kernel
        .pahole("-J --btf_base vmlinux --btf_encode_detached=s.btf stripped")
        .one_complaint(0);
    assert_eq!(kernel.read("s.btf").len(), 24);
    assert_eq!(
        Btf::parse_split(&kernel.read("s.btf"), base(&kernel))
            .unwrap()
            .n_own_types(),
        0
    );
    // In place there is nothing to write.
    let before = kernel.read("stripped");
    kernel.pahole("-J stripped").one_complaint(0);
    assert!(kernel.read("stripped") == before);
    // All CUs filtered out: nothing to complain of either.
    kernel
        .pahole("-J --lang=rust --btf_encode_detached=f.btf vmlinux")
        .quiet_success();
    assert_eq!(Btf::parse(&kernel.read("f.btf")).unwrap().n_own_types(), 0);
}

#[test]
fn failures_are_failures_and_leave_nothing_behind() {
    let kernel = kernel_with_base();
    kernel.write_stripped("stripped");
    kernel
        .pahole("-J --btf_base vmlinux --btf_encode_detached=split.btf mod/arrays.ko")
        .quiet_success();
    kernel.write("text", b"some text");
    kernel.write("empty.ko", b"");
    let broken = kernel.read("mod/enums.ko")[..2000].to_vec();
    kernel.write("mod/enums.ko", &broken);
    let before = kernel.read("mod/arrays.ko");
    for (words, code, text) in [
        (
            "-J nowhere.ko",
            1,
            "pahole: nowhere.ko: cannot read: No such file",
        ),
        (
            "-J empty.ko",
            1,
            "pahole: empty.ko: not an ELF file; the file is empty",
        ),
        (
            "--btf_encode_detached=x.btf empty.ko",
            1,
            "pahole: empty.ko: not an ELF file; the file is empty",
        ),
        (
            "-J --btf_base=mod mod/arrays.ko",
            1,
            "--btf_base: mod: is a directory",
        ),
        ("-J mod/enums.ko", 1, "mod/enums.ko: truncated ELF file"),
        ("-J text", 0, "text: not an ELF file, nothing to encode"),
        (
            "-J --btf_base=nowhere mod/arrays.ko",
            1,
            "--btf_base: nowhere: No such file",
        ),
        (
            "-J --btf_base=text mod/arrays.ko",
            1,
            "text: neither an ELF file nor raw BTF",
        ),
        (
            "-J --btf_base=stripped mod/arrays.ko",
            1,
            "stripped: no .BTF section",
        ),
        (
            "-J --btf_base=mod/nests.ko mod/arrays.ko",
            1,
            "build it with CONFIG_DEBUG_INFO_BTF",
        ),
        (
            "-J --btf_base=split.btf mod/arrays.ko",
            1,
            "split.btf: is split BTF itself",
        ),
        (
            "-J --lang_exclude=rusty mod/arrays.ko",
            1,
            "unknown language \"rusty\"",
        ),
        (
            "-J --btf_features_strict=float,x mod/arrays.ko",
            1,
            "Feature 'x' in 'float,x'",
        ),
        (
            "-J --btf_features=distilled_base mod/arrays.ko",
            1,
            "add --btf_base",
        ),
        (
            "-J --hashbits=40 mod/arrays.ko",
            1,
            "should be less than 32",
        ),
        (
            "-J --btf_encode_detached=no/x vmlinux",
            1,
            "there is no folder no",
        ),
        (
            "-J --btf_encode_detached=x.btf mod/enums.ko",
            1,
            "mod/enums.ko: truncated",
        ),
        (
            "-J --sort vmlinux",
            64,
            "option '--sort' is not about encoding BTF",
        ),
    ] {
        let complaint = kernel.pahole(words).one_complaint(code);
        assert!(complaint.starts_with("pahole: "), "{words}: {complaint}");
        assert!(complaint.contains(text), "{words}: {complaint}");
    }
    assert!(kernel.read("mod/arrays.ko") == before);
    assert!(kernel.read("mod/enums.ko") == broken);
    assert!(!kernel.path("x.btf").exists());
}

#[test]
fn misused_options_point_to_the_help_as_argp_does() {
    let kernel = Kernel::new();
    for (words, text) in [
        ("--bogus", "unrecognized option '--bogus'"),
        ("-JQ vmlinux", "invalid option -- 'Q'"),
        ("--btf_g", "option '--btf_g' is ambiguous"),
        ("--btf_base", "option '--btf_base' requires an argument"),
        ("vmlinux", "give -J"),
        ("-J", "no input file"),
        ("-J -jx vmlinux", "'x' is not a number of jobs"),
    ] {
        let outcome = kernel.pahole(words);
        assert_eq!(outcome.code, Some(64), "{words}: {outcome:?}");
        let lines: Vec<_> = outcome.stderr.lines().collect();
        assert!(
            lines[0].starts_with("pahole: ") && lines[0].contains(text),
            "{outcome:?}"
        );
        assert_eq!(
            lines[1],
            "Try `pahole --help' or `pahole --usage' for more information."
        );
    }
}

#[test]
fn each_input_gets_its_own_btf_and_a_bad_one_spoils_only_itself() {
    let kernel = kernel_with_base();
    kernel.write("mod/enums.ko", b"\x7fELF");
    let outcome = kernel.pahole("-J --btf_base vmlinux mod/arrays.ko mod/enums.ko mod/nests.ko");
    let complaint = outcome.one_complaint(1);
    assert!(complaint.contains("mod/enums.ko"), "{complaint}");
    for module in ["arrays", "nests"] {
        let both = kernel.section(&format!("mod/{module}.ko"), ".BTF").unwrap();
        kernel
            .pahole(&format!(
                "-J --btf_base vmlinux --btf_encode_detached=x.btf mod/{module}.ko"
            ))
            .quiet_success();
        assert_eq!(both, kernel.read("x.btf"), "{module}");
    }
}

#[test]
fn several_inputs_make_one_detached_btf_without_repetition() {
    let kernel = kernel_with_base();
    let encode = |file: &str, inputs: &str| {
        kernel
            .pahole(&format!(
                "-J --btf_base vmlinux --btf_encode_detached={file} {inputs}"
            ))
            .quiet_success();
        Btf::parse_split(&kernel.read(file), base(&kernel)).unwrap()
    };
    let arrays = encode("a.btf", "mod/arrays.ko");
    let nests = encode("n.btf", "mod/nests.ko");
    let both = encode("b.btf", "mod/arrays.ko mod/nests.ko");
    let names = |btf: &Btf| -> std::collections::BTreeSet<_> {
        btf.own_types()
            .map(|ty| (ty.kind().name(), ty.name().to_owned()))
            .collect()
    };
    assert_eq!(
        names(&both),
        names(&arrays).union(&names(&nests)).cloned().collect()
    );
    let twice = encode("t.btf", "mod/arrays.ko mod/arrays.ko");
    assert_eq!(twice.n_own_types(), arrays.n_own_types());
}

#[test]
fn verbose_names_skipped_functions_in_upstreams_words() {
    let kernel = kernel_with_base();
    let told = kernel
        .pahole("-JV --btf_features=default --btf_base=vmlinux --btf_encode_detached=x.btf mod/conflicts.ko")
        .quiet_success()
        .stdout;
    let skips: Vec<_> = told
        .lines()
        .filter(|line| line.contains("skipping BTF encoding of function"))
        .collect();
    assert!(!skips.is_empty(), "{told}");
    for line in skips {
        let (name, rest) = line.split_once(' ').unwrap();
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
            "{line}"
        );
        assert!(
            rest.starts_with(": skipping BTF encoding of function due to "),
            "{line}"
        );
    }
}

#[test]
fn languages_are_left_out_by_option_or_environment() {
    let kernel = Kernel::new();
    let types = |words: &str, env: Option<&str>| {
        let mut command = kernel.command(
            cli_common::PAHOLE,
            &format!("--btf_encode_detached=x.btf {words} vmlinux"),
        );
        command.envs(env.map(|list| ("PAHOLE_LANG_EXCLUDE", list)));
        outcome(&mut command).quiet_success();
        Btf::parse(&kernel.read("x.btf")).unwrap().n_own_types()
    };
    let all = types("", None);
    assert!(all > 0);
    assert_eq!(types("", Some("rust")), all);
    assert_eq!(
        types("", Some("c,c89,c99,c11,c17")),
        types("--lang=asm", None)
    );
    // The options count more than the environment.
    assert_eq!(types("--lang_exclude=rust", Some("c,c89,c99,c11,c17")), all);
}

#[test]
fn names_that_begin_with_a_prefix_are_cut_to_it_by_option() {
    let kernel = Kernel::new();
    let structs = |words: &str| {
        let line = format!("--btf_encode_detached=x.btf {words} vmlinux");
        kernel.pahole(&line).quiet_success();
        let btf = Btf::parse(&kernel.read("x.btf")).unwrap();
        let named = btf.own_types().filter(|t| t.kind() == Kind::Struct);
        let mut names: Vec<Vec<u8>> = named.map(|t| t.name().to_owned()).collect();
        names.sort_unstable();
        names
    };
    let cut = |name: Vec<u8>| match name.starts_with(b"wait") {
        true => b"wait".to_vec(),
        false => name,
    };
    let (all, some) = (structs(""), structs("--kabi_prefix=wait"));
    assert!(some.contains(&b"wait".to_vec()) && !all.contains(&b"wait".to_vec()));
    let expected: Vec<_> = all.into_iter().map(cut).collect();
    assert_eq!(some, expected);
}

/// A jobserver with three tokens, open at both ends as make has it, so that nobody waits.
fn jobserver(kernel: &Kernel) -> fs::File {
    let fifo = kernel.path("jobserver");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let mut server = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(&fifo)
        .unwrap();
    server.write_all(b"abc").unwrap();
    server
}

/// `pahole` under that jobserver, with an input that is large enough for four threads.
fn under_make(kernel: &Kernel, words: &str) -> Command {
    let input = fs::OpenOptions::new()
        .write(true)
        .open(kernel.path("vmlinux"))
        .unwrap();
    input.set_len(8 << 20).unwrap();
    let mut command = kernel.command(cli_common::PAHOLE, words);
    let fifo = kernel.path("jobserver");
    let auth = format!(" -j4 --jobserver-auth=fifo:{}", fifo.display());
    command.env("MAKEFLAGS", auth);
    command
}

/// The tokens that lie in the jobserver, in alphabetical order; they are put back.
fn tokens(server: &mut fs::File) -> String {
    let mut tokens = [0; 16];
    let n = server.read(&mut tokens).unwrap_or(0);
    server.write_all(&tokens[..n]).unwrap();
    tokens[..n].sort_unstable();
    String::from_utf8(tokens[..n].to_vec()).unwrap()
}

#[test]
fn tokens_of_makes_jobserver_are_given_back() {
    let kernel = Kernel::new();
    let mut server = jobserver(&kernel);
    for words in [
        "-J -j8 --btf_encode_detached=x.btf vmlinux",
        "-J -j8 vmlinux nowhere",
        "-J -j8 --btf_base=nowhere vmlinux",
    ] {
        outcome(&mut under_make(&kernel, words));
        assert_eq!(tokens(&mut server), "abc", "{words}");
    }
}

#[test]
fn tokens_of_makes_jobserver_are_given_back_when_a_signal_ends_the_process() {
    let kernel = Kernel::new();
    let mut server = jobserver(&kernel);
    // Nobody reads it, so that the encoder waits there with its tokens in hand.
    let out = kernel.path("out");
    mknodat(CWD, &out, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let words = "-J -j8 --btf_encode_detached=out vmlinux";
        let mut child = under_make(&kernel, words).spawn().unwrap();
        let start = Instant::now();
        while ioctl_fionread(&server).unwrap() > 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "takes no tokens");
            thread::sleep(Duration::from_millis(1));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        assert_eq!(tokens(&mut server), "abc");
    }
}
