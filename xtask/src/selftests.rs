//! The kernel's selftests of libbpf's BTF functions, on our C library.
//!
//! The tests that are only about data need neither a kernel nor the rest of
//! libbpf. Each is compiled as it stands in the tree, with the tree's
//! `test_progs.h` for its checks and our header in the place of `<bpf/btf.h>`,
//! and linked with the C library, once the static and once the shared one.
//! What else a test file refers to is dropped by the linker.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use fs_err as fs;

use crate::text::Table;

/// Run the kernel's selftests of BTF data on the C library.
///
/// Wants an unpacked kernel source (tools/ is enough), such as that of
/// Debian's package linux-source-6.12.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The kernel's source.
    tree: PathBuf,

    /// C compiler for the tests.
    #[arg(long, default_value = "gcc", value_name = "CC")]
    cc: String,

    /// Clang for the BPF object that one test reads.
    #[arg(long, default_value = "clang", value_name = "CLANG")]
    clang: String,
}

const DRIVER: &str = include_str!("../selftests/driver.c");
const INTERNAL: &str = include_str!("../selftests/libbpf_internal.h");
const DEDUP_TABLE: &str = "btf_dedup_table";
const DEDUP_TABLE_SOURCE: &str = include_str!("../selftests/btf_dedup_table.c");

/// The tests, each a file of `prog_tests` and a function `test_` of its name.
const TESTS: [&str; 9] = [
    "btf_write",
    "btf_split",
    "btf_dedup_split",
    "btf_distill",
    "btf_endian",
    "btf_field_iter",
    DEDUP_TABLE,
    // Since Linux 7.0.
    "btf_permute",
    "btf_kind",
];

/// A BPF program, and the object that `btf_endian` reads.
const BPF_SOURCE: &str = "progs/btf_dump_test_case_syntax.c";
const BPF_OBJECT: &str = "btf_dump_test_case_syntax.bpf.o";

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let tree = fs::canonicalize(&args.tree)?;
    let selftests = tree.join("tools/testing/selftests/bpf");
    ensure!(
        selftests.join("test_progs.h").is_file(),
        "{}: no tools/testing/selftests/bpf in there",
        tree.display()
    );
    let scratch = tempfile::tempdir()?;
    let bench = Bench {
        cc: &args.cc,
        tree: &tree,
        selftests: &selftests,
        dir: scratch.path(),
        library: build_library()?,
    };
    bench.prepare()?;
    compile_bpf(&args.clang, &tree, &selftests, scratch.path())?;

    let mut table = Table::new(&["test", "static", "shared", "failed"]);
    let mut n_failed = 0;
    let mut n_run = 0;
    for test in TESTS {
        let Some(source) = bench.source(test) else {
            table.row([test, "not in this tree", "", ""].map(str::to_owned));
            continue;
        };
        n_run += 1;
        let outcomes = [Link::Static, Link::Shared].map(|link| bench.outcome(test, &source, link));
        let [fixed, shared] = outcomes;
        let (fixed, shared) = (fixed?, shared?);
        let failed = fixed.failed + shared.failed;
        n_failed += failed;
        table.row([
            test.to_owned(),
            fixed.passed.to_string(),
            shared.passed.to_string(),
            failed.to_string(),
        ]);
    }
    print!("{}", table.plain());
    ensure!(n_run > 0, "{}: none of the tests", selftests.display());
    Ok(ExitCode::from(u8::from(n_failed > 0)))
}

/// How the library gets into a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Static,
    Shared,
}

/// What the checks of a test said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: usize,
    failed: usize,
}

impl Outcome {
    /// Counts the lines that `test_progs.h` prints, `FUNCTION:PASS:…` and
    /// `FUNCTION:FAIL:…`.
    fn of(output: &str) -> Self {
        let mut outcome = Self::default();
        for line in output.lines() {
            match line.split(':').nth(1) {
                Some("PASS") => outcome.passed += 1,
                Some("FAIL") => outcome.failed += 1,
                _ => {}
            }
        }
        outcome
    }
}

/// What all tests are compiled with.
struct Bench<'a> {
    cc: &'a str,
    tree: &'a Path,
    selftests: &'a Path,
    dir: &'a Path,
    library: PathBuf,
}

impl Bench<'_> {
    /// Writes the files that stand in for the tree's.
    fn prepare(&self) -> Result<()> {
        fs::create_dir_all(self.dir.join("include/bpf"))?;
        fs::write(self.dir.join("include/bpf/libbpf_internal.h"), INTERNAL)?;
        fs::write(self.dir.join("driver.c"), DRIVER)?;
        fs::write(self.dir.join("btf_dedup_table.c"), DEDUP_TABLE_SOURCE)?;
        // The loader looks for the soname, which only an installed library has
        // as a file.
        std::os::unix::fs::symlink(
            self.library.join("libsplitbtf.so"),
            self.dir.join("libsplitbtf.so.0"),
        )?;
        Ok(())
    }

    /// The source of a test; `None` if the tree is older than that.
    fn source(&self, test: &str) -> Option<PathBuf> {
        let source = match test {
            DEDUP_TABLE => self.dir.join("btf_dedup_table.c"),
            _ => self.selftests.join(format!("prog_tests/{test}.c")),
        };
        source.is_file().then_some(source)
    }

    /// Compiles and runs a test.
    fn outcome(&self, test: &str, source: &Path, link: Link) -> Result<Outcome> {
        let exe = self.dir.join(format!("{test}.{link:?}"));
        let mut cc = Command::new(self.cc);
        // What is unused of a test file refers to functions that nobody has.
        cc.args(["-g", "-O1", "-w", "-std=gnu11", "-D_GNU_SOURCE"])
            .args([
                "-ffunction-sections",
                "-fdata-sections",
                "-Wl,--gc-sections",
            ])
            .arg(format!("-DTEST=test_{test}"));
        for include in self.includes() {
            cc.arg("-I").arg(include);
        }
        cc.arg(self.dir.join("driver.c"))
            .arg(source)
            .arg(self.selftests.join("btf_helpers.c"));
        match link {
            Link::Static => cc.arg(self.library.join("libsplitbtf.a")),
            Link::Shared => cc
                .arg(self.library.join("libsplitbtf.so"))
                .arg(format!("-Wl,-rpath,{}", self.dir.display())),
        };
        cc.args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&exe);
        check(&mut cc)?;

        let output = Command::new(&exe)
            .current_dir(self.dir)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| exe.display().to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut outcome = Outcome::of(&text);
        // A test that dies says nothing of the checks that it did not get to.
        if outcome.failed == 0 && !output.status.success() {
            outcome.failed = 1;
        }
        if outcome.failed > 0 {
            complain(test, link, &text, output.status);
        }
        Ok(outcome)
    }

    /// Folders of headers, ours before the tree's.
    fn includes(&self) -> [PathBuf; 7] {
        let tools = self.tree.join("tools");
        [
            self.dir.join("include"),
            manifest_dir().join("../crates/btf-capi/include/splitbtf"),
            self.selftests.to_owned(),
            tools.join("lib"),
            tools.join("include"),
            tools.join(format!("arch/{}/include", kernel_arch())),
            tools.join("include/uapi"),
        ]
    }
}

#[expect(clippy::print_stderr, reason = "the reasons for the verb's result")]
fn complain(test: &str, link: Link, output: &str, status: std::process::ExitStatus) {
    eprintln!("{test} ({link:?}): {status}");
    for line in output.lines().filter(|line| line.contains(":FAIL:")) {
        eprintln!("    {line}");
    }
}

fn manifest_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The kernel's name for this machine.
fn kernel_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        "s390x" => "s390",
        "riscv64" => "riscv",
        "powerpc64" => "powerpc",
        "loongarch64" => "loongarch",
        arch => arch,
    }
}

fn check(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| program.clone())?;
    ensure!(status.success(), "{program}: {status}");
    Ok(())
}

/// Builds the C library; returns the folder it is in.
fn build_library() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    check(Command::new(cargo).args(["build", "--release", "--package", "btf-capi"]))?;
    let library = crate::encoder::target_dir().join("release");
    if !library.join("libsplitbtf.so").is_file() {
        bail!("cargo put no libsplitbtf.so into {}", library.display());
    }
    Ok(library)
}

/// Compiles the program whose object `btf_endian` reads.
fn compile_bpf(clang: &str, tree: &Path, selftests: &Path, dir: &Path) -> Result<()> {
    check(
        Command::new(clang)
            .args(["-target", "bpf", "-g", "-O2", "-w", "-I"])
            .arg(tree.join("tools/include/uapi"))
            .arg("-c")
            .arg(selftests.join(BPF_SOURCE))
            .arg("-o")
            .arg(dir.join(BPF_OBJECT)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_checks_are_counted() {
        let output = "test_x:PASS:id 0 nsec\n\
                      noise: PASS\n\
                      test_x:FAIL:id unexpected id: actual 1 != expected 2\n\
                      test_x:PASS:a:FAIL: 0 nsec\n";
        let outcome = Outcome::of(output);
        assert_eq!((outcome.passed, outcome.failed), (2, 1));
    }
}
