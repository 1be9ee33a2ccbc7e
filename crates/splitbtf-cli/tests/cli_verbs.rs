//! `splitbtf` from the outside: results, exit codes, and what is said about mistakes.

mod cli_common;

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

use btf_builder::Btf;
use cli_common::{Kernel, MODULES, SPLITBTF, outcome};

/// The kernel with BTF in vmlinux.
fn kernel_with_base() -> Kernel {
    let kernel = Kernel::new();
    kernel.splitbtf("encode vmlinux").success();
    kernel
}

#[test]
fn a_kernel_is_encoded_in_place_in_two_commands() {
    let kernel = Kernel::new();
    let told = kernel.splitbtf("encode vmlinux").success().stdout;
    assert!(told.starts_with("vmlinux: "), "{told}");
    let told = kernel
        .splitbtf("encode --base vmlinux mod")
        .quiet_success()
        .stdout;
    assert!(told.starts_with("12 of 12 files encoded in "), "{told}");

    let base = Btf::parse(&kernel.section("vmlinux", ".BTF").unwrap()).unwrap();
    let base = Arc::new(base);
    for module in MODULES {
        let btf = kernel
            .section(&format!("mod/{module}"), ".BTF")
            .expect(module);
        Btf::parse_split(&btf, Arc::clone(&base)).expect(module);
    }
    // Nothing is left lying about.
    assert_eq!(
        fs::read_dir(kernel.path("mod")).unwrap().count(),
        MODULES.len()
    );
}

#[test]
fn encoding_twice_changes_nothing() {
    let kernel = kernel_with_base();
    kernel.splitbtf("encode -B vmlinux mod").success();
    let first: Vec<_> = MODULES
        .map(|module| kernel.read(&format!("mod/{module}")))
        .into_iter()
        .collect();
    let vmlinux = kernel.read("vmlinux");
    kernel.splitbtf("encode vmlinux").success();
    kernel.splitbtf("encode -B vmlinux mod").success();
    assert!(kernel.read("vmlinux") == vmlinux);
    for (module, first) in MODULES.iter().zip(first) {
        assert!(kernel.read(&format!("mod/{module}")) == first, "{module}");
    }
}

#[test]
fn results_do_not_depend_on_threads_nor_on_the_form_of_the_base() {
    let kernel = kernel_with_base();
    kernel.write("base.btf", &kernel.section("vmlinux", ".BTF").unwrap());
    fs::copy(kernel.path("vmlinux"), kernel.path("dwarf-only")).unwrap();
    kernel.write_stripped("stripped");
    kernel
        .splitbtf("encode -B vmlinux -j1 --out-dir one mod")
        .quiet_success();
    kernel
        .splitbtf("encode -B vmlinux -j8 --out-dir eight mod")
        .quiet_success();
    kernel
        .splitbtf("encode -B base.btf --out-dir raw mod")
        .quiet_success();
    let fresh = Kernel::new();
    fresh
        .splitbtf("encode -B vmlinux --out-dir dwarf mod")
        .quiet_success();
    for module in MODULES {
        let one = kernel.read(&format!("one/{module}.btf"));
        assert!(
            kernel.read(&format!("eight/{module}.btf")) == one,
            "{module}: -j8"
        );
        assert!(
            kernel.read(&format!("raw/{module}.btf")) == one,
            "{module}: raw base"
        );
        assert!(
            fresh.read(&format!("dwarf/{module}.btf")) == one,
            "{module}: DWARF base"
        );
    }
}

#[test]
fn detached_output_leaves_the_input_alone_and_is_what_goes_into_it() {
    let kernel = kernel_with_base();
    let before = kernel.read("mod/arrays.ko");
    kernel
        .splitbtf("encode -B vmlinux -o arrays.btf mod/arrays.ko")
        .quiet_success();
    assert!(kernel.read("mod/arrays.ko") == before);
    let detached = kernel.read("arrays.btf");
    // Into another file: the rest of it stays.
    kernel
        .splitbtf("encode -B vmlinux --into mod/enums.ko mod/arrays.ko")
        .quiet_success();
    assert_eq!(kernel.section("mod/enums.ko", ".BTF").unwrap(), detached);
    assert!(kernel.read("mod/arrays.ko") == before);
    kernel
        .splitbtf("encode -B vmlinux mod/arrays.ko")
        .quiet_success();
    assert_eq!(kernel.section("mod/arrays.ko", ".BTF").unwrap(), detached);
}

#[test]
fn distilled_results_are_two_sections_or_two_files() {
    let kernel = kernel_with_base();
    let encode = "encode -B vmlinux --features +distilled_base";
    kernel
        .splitbtf(&format!("{encode} -o x.btf mod/char_driver.ko"))
        .quiet_success();
    kernel
        .splitbtf(&format!("{encode} mod/char_driver.ko"))
        .success();
    let base = kernel.section("mod/char_driver.ko", ".BTF.base").unwrap();
    assert_eq!(
        kernel.section("mod/char_driver.ko", ".BTF").unwrap(),
        kernel.read("x.btf")
    );
    assert_eq!(kernel.read("x.btf.base"), base);
    let base = Arc::new(Btf::parse(&base).unwrap());
    Btf::parse_split(&kernel.read("x.btf"), base).unwrap();

    // Without the feature the distilled base must go: the kernel would still use it.
    kernel
        .splitbtf("encode -B vmlinux mod/char_driver.ko")
        .quiet_success();
    assert_eq!(kernel.section("mod/char_driver.ko", ".BTF.base"), None);
}

#[test]
fn one_bad_module_does_not_end_the_batch() {
    let kernel = kernel_with_base();
    let broken = kernel.read("mod/enums.ko")[..2000].to_vec();
    kernel.write("mod/enums.ko", &broken);
    let outcome = kernel.splitbtf("encode -B vmlinux mod");
    assert!(
        outcome.stdout.starts_with("11 of 12 files encoded"),
        "{outcome:?}"
    );
    assert!(
        outcome.stdout.contains("1 failed:\n    mod/enums.ko\n"),
        "{outcome:?}"
    );
    let complaint = outcome.one_complaint(1);
    assert!(
        complaint.starts_with("splitbtf: mod/enums.ko: truncated ELF file"),
        "{complaint}"
    );
    assert!(kernel.read("mod/enums.ko") == broken);
    assert!(kernel.section("mod/percpu.ko", ".BTF").is_some());
}

#[test]
fn json_has_a_row_for_each_file_in_order_and_a_summary() {
    let kernel = kernel_with_base();
    kernel.write("mod/b.ko", b"no module");
    let outcome = kernel.splitbtf("encode -B vmlinux -j4 --json --out-dir out mod");
    assert_eq!(outcome.code, Some(1));
    let rows: Vec<serde_json::Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let (summary, rows) = rows.split_last().unwrap();
    let paths: Vec<_> = rows
        .iter()
        .map(|row| row["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths[..3],
        ["mod/arrays.ko", "mod/b.ko", "mod/bitfields.ko"]
    );
    assert_eq!(rows.len(), 13);
    assert_eq!(rows[1]["ok"], false);
    assert!(
        rows[1]["error"]
            .as_str()
            .unwrap()
            .contains("not an ELF file")
    );
    assert_eq!(rows[0]["output"], "out/arrays.ko.btf");
    let len = kernel.read("out/arrays.ko.btf").len();
    assert_eq!(rows[0]["btf_bytes"], len);
    assert_eq!(summary["row"], "summary");
    assert_eq!(
        (&summary["files"], &summary["failed"]),
        (&13.into(), &1.into())
    );
    let sum: u64 = rows
        .iter()
        .filter_map(|row| row["btf_bytes"].as_u64())
        .sum();
    assert_eq!(summary["btf_bytes"], sum);
}

#[test]
fn compressed_modules_are_read_but_not_written_into() {
    let kernel = kernel_with_base();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&kernel.read("mod/arrays.ko")).unwrap();
    fs::create_dir(kernel.path("gz")).unwrap();
    kernel.write("gz/arrays.ko.gz", &gz.finish().unwrap());
    kernel
        .splitbtf("encode -B vmlinux --out-dir out gz")
        .quiet_success();
    kernel
        .splitbtf("encode -B vmlinux -o plain.btf mod/arrays.ko")
        .quiet_success();
    assert_eq!(kernel.read("out/arrays.ko.btf"), kernel.read("plain.btf"));

    let complaint = kernel.splitbtf("encode -B vmlinux gz").one_complaint(2);
    assert!(
        complaint.contains("cannot write into a compressed module"),
        "{complaint}"
    );
    assert!(complaint.contains("--out-dir"), "{complaint}");
}

#[test]
fn a_compressed_module_that_is_cut_off_is_named_once_and_with_the_cause() {
    let kernel = kernel_with_base();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&kernel.read("mod/arrays.ko")).unwrap();
    let whole = gz.finish().unwrap();
    kernel.write("cut.ko.gz", &whole[..whole.len() / 2]);
    for words in [
        "encode -B vmlinux -o out.btf cut.ko.gz",
        "dump -B vmlinux cut.ko.gz",
    ] {
        let complaint = kernel.splitbtf(words).one_complaint(1);
        assert_eq!(complaint.matches("cut.ko.gz").count(), 1, "{complaint}");
        let (_, cause) = complaint
            .split_once("cannot decompress as gzip: ")
            .expect("a cause");
        assert!(!cause.trim().is_empty(), "{complaint}");
    }
}

#[test]
fn likely_mistakes_of_encode_are_named_with_what_to_do() {
    let kernel = kernel_with_base();
    kernel
        .splitbtf("encode -B vmlinux -o split.btf mod/arrays.ko")
        .quiet_success();
    kernel.write_stripped("stripped");
    fs::create_dir(kernel.path("empty")).unwrap();
    let before = kernel.read("mod/arrays.ko");
    for (words, code, texts) in [
        (
            "mod/arrays.ko",
            2,
            ["a kernel module needs", "--base vmlinux"],
        ),
        (
            "-B vmlinux vmlinux",
            2,
            ["cannot be its own base", "leave --base away"],
        ),
        (
            "-B vmlinux --into vmlinux mod/arrays.ko",
            2,
            ["its own base", "elsewhere"],
        ),
        (
            "-B vmlinux -o ./vmlinux mod/arrays.ko",
            2,
            ["its own base", "elsewhere"],
        ),
        (
            "-B mod mod/arrays.ko",
            2,
            ["the base must be a file", "vmlinux"],
        ),
        ("-B vmlinux -o x.btf mod", 2, ["there are 12", "--out-dir"]),
        (
            "-B vmlinux -o mod/arrays.ko mod/arrays.ko",
            2,
            ["would overwrite", "leave -o away"],
        ),
        (
            "-B vmlinux -o no/x.btf mod/arrays.ko",
            2,
            ["no/x.btf", "no folder no"],
        ),
        ("-B nowhere mod/arrays.ko", 1, ["nowhere: ", "No such file"]),
        (
            "-B stripped mod/arrays.ko",
            1,
            ["stripped: no .BTF section", "nor DWARF"],
        ),
        (
            "-B split.btf mod/arrays.ko",
            1,
            ["split.btf: is split BTF itself", "vmlinux"],
        ),
        ("-B vmlinux nowhere.ko", 1, ["nowhere.ko: ", "No such file"]),
        (
            "-B vmlinux empty",
            1,
            ["empty: ", "no kernel module (*.ko)"],
        ),
        ("stripped", 1, ["stripped: no DWARF", "build with -g"]),
        (
            "split.btf",
            1,
            ["split.btf: not an ELF file", "to encode, give"],
        ),
    ] {
        let complaint = kernel
            .splitbtf(&format!("encode {words}"))
            .one_complaint(code);
        assert!(complaint.starts_with("splitbtf: "), "{words}: {complaint}");
        for text in texts {
            assert!(complaint.contains(text), "{words}: {complaint}");
        }
    }
    assert!(kernel.read("mod/arrays.ko") == before);
    let outcome = kernel.splitbtf("encode --features +enum46 vmlinux");
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("did you mean 'enum64'?"),
        "{outcome:?}"
    );
}

#[test]
fn dwarf_is_not_awaited_from_a_pipe() {
    let kernel = kernel_with_base();
    let made = Command::new("mkfifo").arg(kernel.path("pipe.ko")).status();
    assert!(made.unwrap().success());
    for outcome in [
        kernel.splitbtf("encode -B vmlinux pipe.ko"),
        kernel.pahole("-J --btf_base vmlinux pipe.ko"),
    ] {
        let complaint = outcome.one_complaint(1);
        assert!(
            complaint.ends_with(": pipe.ko: not a regular file"),
            "{complaint}"
        );
    }
}

#[test]
fn btf_comes_through_a_pipe() {
    let kernel = kernel_with_base();
    kernel
        .splitbtf("encode -q -B vmlinux -o split.btf mod/arrays.ko")
        .quiet_success();
    let piped = |words: &str| {
        let line = format!("cat split.btf | {SPLITBTF} {words}");
        outcome(
            Command::new("sh")
                .args(["-c", &line])
                .current_dir(kernel.path("")),
        )
        .quiet_success()
        .stdout
    };
    let from_file = kernel.splitbtf("dump -B vmlinux split.btf").stdout;
    assert!(from_file.contains("STRUCT"), "{from_file}");
    assert_eq!(piped("dump -B vmlinux /dev/stdin"), from_file);
    assert_eq!(piped("diff -B vmlinux split.btf /dev/stdin"), "");
}

#[test]
fn a_target_that_cannot_be_written_is_said_to_be_just_that() {
    let kernel = kernel_with_base();
    kernel.write("file", b"");
    let before = kernel.read("mod/arrays.ko");
    for (words, text) in [
        (
            "-B vmlinux --out-dir file mod/arrays.ko",
            "file: is not a folder",
        ),
        (
            "-B vmlinux -o /dev/full mod/arrays.ko",
            "/dev/full: cannot write: No space left",
        ),
    ] {
        let complaint = kernel.splitbtf(&format!("encode {words}")).one_complaint(1);
        assert!(complaint.contains(text), "{words}: {complaint}");
    }
    // A limit on the size of files fails as a full disk does. Nothing is said of reading.
    let line =
        format!("trap '' XFSZ; ulimit -f 8; exec {SPLITBTF} encode -B vmlinux mod/arrays.ko");
    let complaint = outcome(
        Command::new("sh")
            .args(["-c", &line])
            .current_dir(kernel.path("")),
    )
    .one_complaint(1);
    assert!(
        complaint.starts_with("splitbtf: mod/arrays.ko: cannot write: File too large"),
        "{complaint}"
    );
    assert!(kernel.read("mod/arrays.ko") == before);
}

#[test]
fn two_modules_of_one_name_are_not_written_over_each_other() {
    let kernel = kernel_with_base();
    fs::create_dir(kernel.path("other")).unwrap();
    fs::copy(kernel.path("mod/arrays.ko"), kernel.path("other/arrays.ko")).unwrap();
    let complaint = kernel
        .splitbtf("encode -B vmlinux --out-dir out mod other")
        .one_complaint(2);
    assert!(
        complaint.contains("mod/arrays.ko and other/arrays.ko"),
        "{complaint}"
    );
    assert!(!kernel.path("out").exists());
}

#[test]
fn file_names_may_hold_anything() {
    let kernel = kernel_with_base();
    let name = "a b'$(x)\n.ko";
    fs::rename(kernel.path("mod/arrays.ko"), kernel.path(name)).unwrap();
    let mut command = kernel.command(SPLITBTF, "encode -B vmlinux");
    outcome(command.arg(name)).quiet_success();
    assert!(kernel.section(name, ".BTF").is_some());
    kernel.write(name, b"");
    let mut command = kernel.command(SPLITBTF, "encode -B vmlinux");
    let complaint = outcome(command.arg(name)).one_complaint(1);
    assert!(
        complaint.contains("a b'$(x)\\n.ko: not an ELF file"),
        "{complaint}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let kernel = kernel_with_base();
    for words in [
        "dump vmlinux",
        "encode -B vmlinux --json mod",
        "size vmlinux",
        "--help",
    ] {
        let mut child = kernel
            .command(SPLITBTF, words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), stderr.as_str()),
            (Some(0), ""),
            "{words}"
        );
    }
    // What was to be done has been done.
    assert!(kernel.section("mod/percpu.ko", ".BTF").is_some());
}

#[test]
fn dump_finds_the_base_above_a_module() {
    let kernel = kernel_with_base();
    kernel.splitbtf("encode -B vmlinux mod").success();
    let found = kernel
        .splitbtf("dump mod/char_driver.ko")
        .quiet_success()
        .stdout;
    let given = kernel
        .splitbtf("dump -B vmlinux mod/char_driver.ko")
        .quiet_success()
        .stdout;
    assert_eq!(found, given);
    assert!(!found.is_empty());
    let c = kernel
        .splitbtf("dump --format c vmlinux")
        .quiet_success()
        .stdout;
    assert_eq!(
        kernel
            .splitbtf("dump file vmlinux format c")
            .quiet_success()
            .stdout,
        c
    );
    assert!(c.contains("#ifndef __VMLINUX_H__"));

    fs::rename(kernel.path("vmlinux"), kernel.path("elsewhere")).unwrap();
    let complaint = kernel.splitbtf("dump mod/char_driver.ko").one_complaint(1);
    assert!(
        complaint.contains("give its base with --base"),
        "{complaint}"
    );
}

#[test]
fn likely_mistakes_of_dump_are_named() {
    let kernel = kernel_with_base();
    for (words, code, text) in [
        ("vmlinux mod/arrays.ko", 2, "one file at a time"),
        ("vmlinux format c++", 2, "known are raw, json, c"),
        ("mod/arrays.ko", 1, "no .BTF section; it has DWARF"),
        (
            "--type no_such_type vmlinux",
            1,
            "no type is called 'no_such_type'",
        ),
        ("--id 4000000 vmlinux", 1, "there is no type 4000000"),
        ("nowhere", 1, "nowhere: No such file"),
    ] {
        let complaint = kernel
            .splitbtf(&format!("dump {words}"))
            .one_complaint(code);
        assert!(complaint.contains(text), "{words}: {complaint}");
    }
}

/// As `make M=...` leaves a module outside of the kernel's tree.
#[test]
fn diff_asks_for_no_base_where_modules_bring_a_distilled_one() {
    let kernel = kernel_with_base();
    fs::create_dir(kernel.path("far")).unwrap();
    for (at, module) in ["a.ko", "b.ko"].into_iter().zip(["arrays.ko", "enums.ko"]) {
        kernel.write(&format!("far/{at}"), &kernel.read(&format!("mod/{module}")));
        kernel
            .splitbtf(&format!(
                "encode -B vmlinux --features +distilled_base far/{at}"
            ))
            .success();
    }
    fs::remove_file(kernel.path("vmlinux")).unwrap();
    kernel.splitbtf("diff far/a.ko far/a.ko").quiet_success();
    let outcome = kernel.splitbtf("diff far/a.ko far/b.ko");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
}

#[test]
fn diff_exits_as_diff_does() {
    let kernel = kernel_with_base();
    kernel
        .splitbtf("encode -B vmlinux --out-dir a mod")
        .quiet_success();
    kernel
        .splitbtf("encode -B vmlinux --out-dir b mod")
        .quiet_success();
    assert_eq!(
        kernel
            .splitbtf("diff -B vmlinux a b")
            .quiet_success()
            .stdout,
        ""
    );
    fs::copy(
        kernel.path("a/arrays.ko.btf"),
        kernel.path("b/enums.ko.btf"),
    )
    .unwrap();
    let outcome = kernel.splitbtf("diff -B vmlinux a b");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
    assert!(outcome.stdout.contains("== enums\n"), "{outcome:?}");
    assert_eq!(kernel.splitbtf("diff -q -B vmlinux a b").stdout, "");
    kernel
        .splitbtf("diff -B vmlinux a nowhere")
        .one_complaint(2);
    kernel.splitbtf("diff -B nowhere a b").one_complaint(2);
    // A base that is not theirs, and a file with a folder.
    let mut small = Btf::new_empty(btf_builder::Endian::Little);
    small.add_ptr(btf_builder::TypeId::VOID).unwrap();
    kernel.write("small.btf", &small.to_bytes());
    for (words, code) in [
        ("diff -B small.btf a b", 2),
        ("dump -B small.btf a/enums.ko.btf", 1),
    ] {
        let complaint = kernel.splitbtf(words).one_complaint(code);
        assert!(
            complaint.ends_with("is it made for this base? `splitbtf verify --base` knows more"),
            "{words}: {complaint}"
        );
    }
    kernel
        .splitbtf("diff -B vmlinux a b/enums.ko.btf")
        .one_complaint(2);
    // Without a base given, that of the folder above is found.
    assert_eq!(kernel.splitbtf("diff a b").stdout, outcome.stdout);
    fs::rename(kernel.path("vmlinux"), kernel.path("elsewhere")).unwrap();
    let complaint = kernel.splitbtf("diff a b").one_complaint(2);
    assert!(
        complaint.contains("give its base with --base"),
        "{complaint}"
    );
}

#[test]
fn verify_accepts_what_encode_makes_and_tells_a_wrong_base() {
    let kernel = kernel_with_base();
    kernel.splitbtf("encode -B vmlinux mod").success();
    let told = kernel.splitbtf("verify vmlinux").quiet_success().stdout;
    assert!(told.starts_with("vmlinux: accepted by Linux "), "{told}");
    let told = kernel
        .splitbtf("verify --kernel 6.1 mod")
        .quiet_success()
        .stdout;
    assert_eq!(told, "12 of 12 accepted by Linux 6.1\n");

    // A base of another build: one type more at the front.
    let mut other = Btf::new_empty(btf_builder::Endian::Little);
    other
        .add_int("other", 4, btf_builder::IntEncoding::NONE)
        .unwrap();
    let base = Btf::parse(&kernel.section("vmlinux", ".BTF").unwrap()).unwrap();
    other.add_btf(&base).unwrap();
    kernel.write("other.btf", &other.to_bytes());
    let outcome = kernel.splitbtf("verify -B other.btf mod/char_driver.ko");
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stdout
            .contains("evidently not made for the base other.btf"),
        "{outcome:?}"
    );
}

#[test]
fn verify_says_of_a_module_that_it_was_built_without_a_base() {
    let kernel = kernel_with_base();
    kernel
        .splitbtf("encode --no-base mod/cycles.ko")
        .quiet_success();
    fs::create_dir(kernel.path("alone")).unwrap();
    kernel.write("alone/cycles.ko", &kernel.read("mod/cycles.ko"));
    fs::rename(kernel.path("vmlinux"), kernel.path("base")).unwrap();
    let complaint = kernel.splitbtf("verify alone/cycles.ko").one_complaint(1);
    assert!(complaint.contains("built without a base"), "{complaint}");
    assert!(!complaint.contains("is split BTF"), "{complaint}");
    let outcome = kernel.splitbtf("verify -B base alone/cycles.ko");
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stdout.contains("built without a base"),
        "{outcome:?}"
    );
}

#[test]
fn verify_says_which_rule_breaks_and_what_dmesg_would_show() {
    let kernel = kernel_with_base();
    kernel
        .splitbtf("encode -B vmlinux -o char_driver.btf mod/char_driver.ko")
        .quiet_success();
    let mut bytes = kernel.read("char_driver.btf");
    bytes[2] = 9;
    kernel.write("char_driver.btf", &bytes);
    let outcome = kernel.splitbtf("verify -B vmlinux char_driver.btf");
    assert_eq!(outcome.code, Some(1));
    for text in [
        "rejected by Linux",
        "H5: Unsupported version",
        "module [char_driver] BTF: -524",
    ] {
        assert!(outcome.stdout.contains(text), "{text}: {outcome:?}");
    }
    let outcome = kernel.splitbtf("verify --json -B vmlinux char_driver.btf");
    let row: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(row["accepted"], false);
    assert_eq!(row["breach"]["rule"], "H5");
    assert_eq!(row["as"], "module");
    let outcome = kernel.splitbtf("verify --kernel six mod");
    assert_eq!(outcome.code, Some(2));
    kernel.splitbtf("verify mod/arrays.ko").one_complaint(1);
}

#[test]
fn shared_strings_change_nothing_but_the_size() {
    let kernel = kernel_with_base();
    let size_of = |dir: &str| -> u64 {
        let files = std::fs::read_dir(kernel.path(dir)).unwrap();
        files.map(|f| f.unwrap().metadata().unwrap().len()).sum()
    };
    kernel
        .splitbtf("encode -B vmlinux --out-dir plain mod")
        .success();
    let share = "encode -B vmlinux --share-strings --out-dir shared mod";
    kernel.splitbtf(share).success();
    assert!(size_of("shared") < size_of("plain"));
    for module in MODULES {
        let (plain, shared) = (
            format!("plain/{module}.btf"),
            format!("shared/{module}.btf"),
        );
        let words = format!("diff -B vmlinux {plain} {shared}");
        kernel.splitbtf(&words).quiet_success();
        let dump = |file: &str| kernel.splitbtf(&format!("dump -B vmlinux {file}")).stdout;
        assert_eq!(dump(&plain), dump(&shared), "{module}");
        let words = format!("verify -B vmlinux {shared}");
        kernel.splitbtf(&words).quiet_success();
    }
    // What others deduplicate against is left alone.
    kernel.splitbtf("encode -o plain.btf vmlinux").success();
    kernel
        .splitbtf("encode --share-strings -o shared.btf vmlinux")
        .success();
    assert!(kernel.read("plain.btf") == kernel.read("shared.btf"));
}

#[test]
fn size_adds_up() {
    let kernel = kernel_with_base();
    kernel.splitbtf("encode -B vmlinux mod").success();
    let told = kernel
        .splitbtf("size --json vmlinux mod")
        .quiet_success()
        .stdout;
    let rows: Vec<serde_json::Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 13);
    for row in &rows {
        let kinds: u64 = row["kinds"]
            .as_object()
            .unwrap()
            .values()
            .map(|kind| kind["bytes"].as_u64().unwrap())
            .sum();
        let parts = kinds + row["strings_bytes"].as_u64().unwrap() + 24;
        assert_eq!(row["total_bytes"], parts, "{row}");
        assert_eq!(row["header_bytes"], 24);
    }
    let text = kernel.splitbtf("size vmlinux").quiet_success().stdout;
    assert!(text.contains("STRUCT") && text.contains("total"), "{text}");
}

#[test]
fn explain_tells_why_a_function_is_missing_and_a_type_is_not_shared() {
    let kernel = kernel_with_base();
    let json = kernel
        .splitbtf("encode -B vmlinux --json -o x.btf mod/conflicts.ko")
        .stdout;
    let row: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    let skipped = row["skipped"][0]["function"]
        .as_str()
        .expect("a function is left out")
        .to_owned();
    let told = kernel
        .splitbtf(&format!("explain -B vmlinux mod/conflicts.ko {skipped}"))
        .quiet_success();
    assert!(
        told.stdout
            .starts_with(&format!("function {skipped}: left out\n")),
        "{told:?}"
    );
    let told = kernel
        .splitbtf("explain -B vmlinux mod/conflicts.ko int")
        .quiet_success()
        .stdout;
    assert!(told.starts_with("int: in the base as ["), "{told}");
    // Two CUs of the module mean different things by it.
    let told = kernel
        .splitbtf("explain -B vmlinux mod/conflicts.ko state")
        .quiet_success()
        .stdout;
    let difference = "struct state: size 8 in [";
    assert!(
        told.contains(" of the file\n    ") && told.contains(difference),
        "{told}"
    );
    let complaint = kernel
        .splitbtf("explain -B vmlinux mod/conflicts.ko no_such_thing")
        .one_complaint(1);
    assert!(
        complaint.contains("no type is called 'no_such_thing'"),
        "{complaint}"
    );
}

#[test]
fn help_of_every_verb_has_a_short_and_a_long_form() {
    let kernel = Kernel::new();
    for verb in ["", "encode", "dump", "diff", "verify", "size", "explain"] {
        let short = kernel
            .splitbtf(&format!("{verb} -h"))
            .quiet_success()
            .stdout;
        let long = kernel
            .splitbtf(&format!("{verb} --help"))
            .quiet_success()
            .stdout;
        assert!(long.len() > short.len(), "{verb}");
        assert!(short.contains("Usage: splitbtf"), "{short}");
    }
}
