//! Replacing files: contents, attributes, links, and what is left behind when it fails.

#![allow(clippy::print_stderr, reason = "skips are for the reader")]

mod common;

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use common::{Builder, LE64, progbits};
use elf_io::consts as c;
use elf_io::{
    Elf, ErrorKind, ImageOverflow, Patch, Rewrite, SectionEdit, SectionIdx, WriteOptions,
    WriteReport, write_file, write_sections,
};
use test_kit::scratch::Scratch;
use test_kit::tool;

fn module() -> Vec<u8> {
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.add(progbits(".text", &[0x90; 20]));
    b.add(progbits(".debug_info", &vec![0x33; 100_000]));
    b.build()
}

fn planned(bytes: &[u8], btf: &[u8]) -> Vec<u8> {
    let elf = Elf::parse(bytes).unwrap();
    let edits = [SectionEdit {
        name: ".BTF",
        data: Some(btf),
    }];
    Rewrite::plan(&elf, &edits, &[], ImageOverflow::Refuse)
        .unwrap()
        .to_vec()
        .unwrap()
}

fn set(input: &Path, target: &Path, btf: &[u8]) -> elf_io::Result<WriteReport> {
    let edits = [SectionEdit {
        name: ".BTF",
        data: Some(btf),
    }];
    write_sections(input, target, &edits, &[], WriteOptions::default())
}

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entry = |entry: std::io::Result<fs_err::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<_> = fs_err::read_dir(folder).unwrap().map(entry).collect();
    names.sort();
    names
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn the_file_is_the_plan_and_nothing_else_is_left() {
    let scratch = Scratch::new("plan");
    let path = scratch.join("a.ko");
    fs_err::write(&path, module()).unwrap();
    let report = set(&path, &path, b"contents").unwrap();
    let expected = planned(&module(), b"contents");
    assert!(fs_err::read(&path).unwrap() == expected);
    assert_eq!(names(scratch.path()), ["a.ko"]);
    assert_eq!(
        (report.file_bytes, report.unchanged),
        (expected.len() as u64, false)
    );
    assert_eq!(report.path, fs_err::canonicalize(&path).unwrap());
}

#[test]
fn patches_and_a_new_target() {
    let scratch = Scratch::new("target");
    let (input, target) = (scratch.join("a.ko"), scratch.join("b.ko"));
    fs_err::write(&input, module()).unwrap();
    fs_err::set_permissions(&input, std::fs::Permissions::from_mode(0o750)).unwrap();
    let patches = [Patch {
        section: SectionIdx(1),
        offset: 3,
        bytes: b"xyz",
    }];
    let options = WriteOptions::default();
    write_sections(&input, &target, &[], &patches, options).unwrap();
    let bytes = fs_err::read(&target).unwrap();
    assert_eq!(
        Elf::parse(&bytes)
            .unwrap()
            .section_data(SectionIdx(1))
            .unwrap()[2..7],
        *b"\x90xyz\x90"
    );
    assert!(fs_err::read(&input).unwrap() == module());
    // The umask takes bits away, it adds none.
    let mode = fs_err::metadata(&target).unwrap().mode() & 0o777;
    assert_eq!((mode & 0o700, mode & !0o750), (0o700, 0));
    assert_eq!(names(scratch.path()), ["a.ko", "b.ko"]);
}

#[test]
fn mode_owner_and_extended_attributes_are_kept() {
    let scratch = Scratch::new("attributes");
    let path = scratch.join("a.ko");
    fs_err::write(&path, module()).unwrap();
    if is_root() {
        chown(&path, Some(1234), Some(4321)).unwrap();
    }
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o6751)).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    let has_xattrs = rustix::fs::setxattr(&path, "user.splitbtf", b"value", flags).is_ok();
    let before = fs_err::metadata(&path).unwrap();
    set(&path, &path, b"contents").unwrap();
    let after = fs_err::metadata(&path).unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!(after.mode() & 0o7777, 0o6751);
    assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
    if has_xattrs {
        let mut value = [0; 16];
        let len = rustix::fs::getxattr(&path, "user.splitbtf", &mut value).unwrap();
        assert_eq!(value[..len], *b"value");
    } else {
        eprintln!("SKIP: extended attributes: the file system has none");
    }
}

#[test]
fn a_link_stays_a_link_and_the_file_behind_it_is_replaced() {
    let scratch = Scratch::new("links");
    let (folder, link) = (scratch.join("real"), scratch.join("link.ko"));
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("a.ko"), module()).unwrap();
    symlink("real/a.ko", &link).unwrap();
    let report = set(&link, &link, b"contents").unwrap();
    assert!(link.is_symlink());
    assert!(fs_err::read(folder.join("a.ko")).unwrap() == planned(&module(), b"contents"));
    assert_eq!(
        report.path,
        fs_err::canonicalize(folder.join("a.ko")).unwrap()
    );
    assert_eq!(
        (names(scratch.path()), names(&folder)),
        (vec!["link.ko".into(), "real".into()], vec!["a.ko".into()])
    );

    // A link to nowhere is not a place for a file.
    let dangling = scratch.join("dangling");
    symlink("nowhere", &dangling).unwrap();
    assert!(set(&link, &dangling, b"contents").is_err());
    assert!(dangling.is_symlink());
}

#[test]
fn a_file_that_is_as_wanted_only_becomes_newer() {
    let scratch = Scratch::new("unchanged");
    let path = scratch.join("a.ko");
    fs_err::write(&path, module()).unwrap();
    set(&path, &path, b"contents").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let before = fs_err::metadata(&path).unwrap();
    let report = set(&path, &path, b"contents").unwrap();
    let after = fs_err::metadata(&path).unwrap();
    assert!(report.unchanged);
    assert_eq!(before.ino(), after.ino());
    assert!(after.modified().unwrap() > before.modified().unwrap() + Duration::from_secs(900_000));
    // Another target needs the bytes all the same.
    let other = scratch.join("b.ko");
    assert!(!set(&path, &other, b"contents").unwrap().unchanged);
    assert!(fs_err::read(&other).unwrap() == fs_err::read(&path).unwrap());
}

/// Runs this test binary's `case` in a shell that first runs `setup`, with `path` in the environment.
fn in_a_shell(setup: &str, case: &str, path: &Path) -> std::process::Output {
    std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{setup} exec \"$0\" --exact {case} --nocapture --include-ignored"
        ))
        .arg(std::env::current_exe().unwrap())
        .env("SPLITBTF_TEST_PATH", path)
        .output()
        .unwrap()
}

/// Only does something when [`in_a_shell`] runs it.
#[test]
#[ignore = "a part of other tests"]
#[expect(clippy::print_stdout, reason = "the other test reads it")]
fn write_in_a_shell() {
    let path = std::env::var_os("SPLITBTF_TEST_PATH").expect("run by another test");
    match set(path.as_ref(), path.as_ref(), b"contents") {
        Ok(_) => println!("WRITTEN"),
        Err(error) => println!("REFUSED {error}"),
    }
}

#[test]
fn a_disk_that_is_too_small_leaves_the_target_as_it_was() {
    let scratch = Scratch::new("full");
    let path = scratch.join("a.ko");
    fs_err::write(&path, module()).unwrap();
    // In blocks of 512 bytes, or 1024 in some shells: both are less than the file.
    let output = in_a_shell("trap '' XFSZ; ulimit -f 50;", "write_in_a_shell", &path);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("REFUSED ") && text.contains("a.ko: cannot write: File too large"),
        "{text}"
    );
    assert!(fs_err::read(&path).unwrap() == module());
    assert_eq!(names(scratch.path()), ["a.ko"]);
    let output = in_a_shell("", "write_in_a_shell", &path);
    assert!(String::from_utf8_lossy(&output.stdout).contains("WRITTEN"));
}

#[test]
fn a_read_only_file_or_folder_is_refused() {
    let scratch = Scratch::new("read-only");
    let (folder, path) = (scratch.join("folder"), scratch.join("folder/a.ko"));
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(&path, module()).unwrap();
    let mode = |path: &Path, mode| {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
    };
    // Permissions do not bind root, who can become somebody else.
    let setup = if !is_root() {
        String::new()
    } else if tool::find("setpriv").is_some() {
        for path in [&folder, &path] {
            chown(path, Some(65534), Some(65534)).unwrap();
        }
        mode(scratch.path(), 0o755);
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups ".to_owned()
    } else {
        return tool::skip("a_read_only_file_or_folder_is_refused", "setpriv");
    };
    let run = || {
        let command =
            format!("{setup}\"$0\" --exact write_in_a_shell --nocapture --include-ignored");
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(command)
            .arg(readable_copy_of_this_program(scratch.path()))
            .env("SPLITBTF_TEST_PATH", &path)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr)
    };
    mode(&folder, 0o555);
    let text = run();
    mode(&folder, 0o755);
    assert!(
        text.contains("a.ko: cannot create a temporary file beside it: permission denied\n"),
        "{text}"
    );
    mode(&path, 0o444);
    let text = run();
    assert!(
        text.contains("a.ko: cannot open it for writing: Permission denied"),
        "{text}"
    );
    assert!(fs_err::read(&path).unwrap() == module());
    assert_eq!(names(&folder), ["a.ko"]);
    mode(&path, 0o644);
    assert!(run().contains("WRITTEN"));
}

/// Another user may not be allowed into the folder that this program is in.
///
/// Another process writes it: a descriptor of this one could be inherited by what another test starts just then, and
/// what is open for writing cannot be executed.
fn readable_copy_of_this_program(folder: &Path) -> std::path::PathBuf {
    let copy = folder.join("test-program");
    let mut cp = std::process::Command::new("cp");
    cp.arg(std::env::current_exe().unwrap()).arg(&copy);
    assert!(cp.status().unwrap().success());
    fs_err::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

#[test]
fn an_owner_that_cannot_be_kept_is_an_error() {
    if !is_root() || tool::find("setpriv").is_none() {
        return tool::skip(
            "an_owner_that_cannot_be_kept_is_an_error",
            "root or setpriv",
        );
    }
    let scratch = Scratch::new("owner");
    let (folder, path) = (scratch.join("folder"), scratch.join("folder/a.ko"));
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(&path, module()).unwrap();
    for (path, mode) in [(scratch.path(), 0o755), (&folder, 0o777), (&path, 0o666)] {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = std::process::Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(readable_copy_of_this_program(scratch.path()))
        .args([
            "--exact",
            "write_in_a_shell",
            "--nocapture",
            "--include-ignored",
        ])
        .env("SPLITBTF_TEST_PATH", &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("cannot keep the owner"), "{text}");
    assert_eq!(fs_err::metadata(&path).unwrap().uid(), 0);
    assert_eq!(names(&folder), ["a.ko"]);
}

#[test]
fn what_is_no_elf_file_or_no_file_is_refused() {
    let scratch = Scratch::new("refused");
    let (module_path, other) = (scratch.join("a.ko"), scratch.join("other"));
    fs_err::write(&module_path, module()).unwrap();
    fs_err::write(&other, b"text").unwrap();
    assert!(matches!(
        set(&other, &other, b"x").unwrap_err().kind(),
        ErrorKind::NotElf
    ));
    let error = set(&module_path, scratch.path(), b"x").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotRegularFile { .. }));
    let error = set(&module_path, &scratch.join("no/such/folder"), b"x").unwrap_err();
    assert!(error.to_string().contains("no/such"), "{error}");
    let compressed = scratch.join("a.ko.zst");
    fs_err::write(&compressed, zstd::encode_all(&module()[..], 1).unwrap()).unwrap();
    let error = set(&compressed, &compressed, b"x").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::CompressedTarget { .. }));
    assert_eq!(names(scratch.path()), ["a.ko", "a.ko.zst", "other"]);
}

#[test]
fn detached_files_replace_and_special_files_are_written_to() {
    let scratch = Scratch::new("detached");
    let path = scratch.join("a.btf");
    let options = WriteOptions::default();
    write_file(&path, b"first", options).unwrap();
    assert_eq!(fs_err::metadata(&path).unwrap().mode() & 0o133, 0);
    fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    write_file(&path, b"second", options).unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"second");
    assert_eq!(fs_err::metadata(&path).unwrap().mode() & 0o777, 0o640);
    write_file(Path::new("/dev/null"), b"gone", options).unwrap();
    assert!(write_file(Path::new("/dev/full"), b"refused", options).is_err());
    assert!(write_file(scratch.path(), b"refused", options).is_err());
    assert_eq!(names(scratch.path()), ["a.btf"]);
}

#[test]
fn a_name_without_a_folder_is_in_the_current_one() {
    // `Path::parent` of such a name is empty, which no system call takes for a folder.
    let name = format!("splitbtf-write-test-{}.btf", std::process::id());
    write_file(Path::new(&name), b"contents", WriteOptions::default()).unwrap();
    assert_eq!(fs_err::read(&name).unwrap(), b"contents");
    fs_err::remove_file(&name).unwrap();
}
