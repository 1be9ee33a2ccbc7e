//! C programs against the header and the library, as a C user would build
//! them.

#![allow(clippy::print_stderr, reason = "skips are for the reader")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const INCLUDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/splitbtf");

/// Whether `tool` runs; says so if not, or fails where tools are required.
fn have(tool: &str) -> bool {
    let there = Command::new(tool)
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success());
    if !there {
        let required = std::env::var_os("SPLITBTF_REQUIRE_TOOLS").is_some_and(|v| v == "1");
        assert!(!required, "{tool} is missing");
        eprintln!("SKIP: {tool} is missing");
    }
    there
}

/// The static library, built in the profile of this test. Cargo does not build
/// for a test what no Rust test can link.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // <target>/<profile>/deps/<test>
        let exe = std::env::current_exe().unwrap();
        let dir = exe.ancestors().nth(2).unwrap();
        let profile = match dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        run(
            Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
                .args(["build", "--offline", "--lib", "--profile", profile])
                .arg("--target-dir")
                .arg(dir.parent().unwrap())
                .arg("--manifest-path")
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")),
        );
        dir.join("libsplitbtf.a")
    })
}

fn run(command: &mut Command) {
    let out = command.output().unwrap();
    assert!(
        out.status.success(),
        "{command:?}: {}\n{}{}",
        out.status,
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Builds and runs `tests/c/<name>.c`.
fn c_program(name: &str) {
    if !have("cc") {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/c")
        .join(name)
        .with_extension("c");
    let exe = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    run(Command::new("cc")
        .args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror"])
        .args(["-Wno-missing-field-initializers", "-I", INCLUDE])
        .arg(source)
        .arg(library())
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(&exe));
    run(&mut Command::new(&exe));
}

#[test]
fn build_split() {
    c_program("build_split");
}

#[test]
fn opts() {
    c_program("opts");
}

#[test]
fn lifetimes() {
    c_program("lifetimes");
}

#[test]
fn ext() {
    c_program("ext");
}

#[test]
fn dump() {
    c_program("dump");
}

#[test]
fn header() {
    c_program("header");
}

#[test]
fn header_is_cxx_too() {
    if !have("c++") {
        return;
    }
    let header = Path::new(INCLUDE).join("bpf/btf.h");
    run(Command::new("c++")
        .args(["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++"])
        .args(["-I", INCLUDE])
        .args(["-Wno-pragma-once-outside-header"])
        .arg(header));
}

/// Every function the header declares is in the library.
#[test]
fn header_declares_what_the_library_has() {
    if !have("nm") {
        return;
    }
    let out = Command::new("nm")
        .args(["--defined-only", "--extern-only"])
        .arg(library())
        .output()
        .unwrap();
    let symbols = String::from_utf8_lossy(&out.stdout);
    let defined: Vec<&str> = symbols
        .lines()
        .filter_map(|line| line.split_once(" T ").map(|(_, name)| name))
        .collect();
    let header = std::fs::read_to_string(Path::new(INCLUDE).join("bpf/btf.h")).unwrap();
    let mut declared = Vec::new();
    for statement in header.split("LIBBPF_API").skip(1) {
        let head = statement.split('(').next().unwrap();
        declared.push(head.rsplit([' ', '*', '\n']).next().unwrap());
    }
    assert!(declared.len() > 60);
    for name in &declared {
        assert!(defined.contains(name), "{name} is not defined");
    }
    for name in defined {
        if ["btf_", "libbpf_", "splitbtf_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        {
            assert!(declared.contains(&name), "{name} is not declared");
        }
    }
}
