//! A scratch folder with the small kernel of `testdata`, and programs run in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use elf_io::{Elf, FileMap, SectionEdit, WriteOptions};

/// The commands under test.
pub(crate) const SPLITBTF: &str = env!("CARGO_BIN_EXE_splitbtf");
#[allow(
    dead_code,
    reason = "each test binary uses what it needs of this module"
)]
pub(crate) const PAHOLE: &str = env!("CARGO_BIN_EXE_pahole");

/// Modules of the small kernel, sorted.
pub(crate) const MODULES: [&str; 12] = [
    "arrays.ko",
    "bitfields.ko",
    "char_driver.ko",
    "clones.ko",
    "conflicts.ko",
    "cycles.ko",
    "enums.ko",
    "forwards.ko",
    "kfuncs.ko",
    "nests.ko",
    "nothing.ko",
    "percpu.ko",
];

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Fails the test unless the program succeeded without a word of complaint.
    #[track_caller]
    pub(crate) fn quiet_success(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// Fails the test unless the program succeeded with no more to say than that ids in
    /// `.BTF_ids` cannot be resolved, which the small kernel provokes.
    #[allow(
        dead_code,
        reason = "each test binary uses what it needs of this module"
    )]
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        let expected = |line: &str| line.ends_with("of .BTF_ids is not in the BTF: its id is 0");
        assert!(self.stderr.lines().all(expected), "{self:?}");
        self
    }

    /// Fails the test unless the program ended with `code` and one line on standard error,
    /// which is returned.
    #[track_caller]
    pub(crate) fn one_complaint(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        self.stderr.trim_end().to_owned()
    }
}

/// A folder of its own for one test: `vmlinux`, and the modules in `mod/`.
pub(crate) struct Kernel {
    dir: tempfile::TempDir,
}

#[allow(
    dead_code,
    reason = "each test binary uses what it needs of this module"
)]
impl Kernel {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let prebuilt = test_kit::testdata().join("kernel/prebuilt");
        fs::create_dir(dir.path().join("mod")).unwrap();
        fs::copy(prebuilt.join("vmlinux"), dir.path().join("vmlinux")).unwrap();
        for module in MODULES {
            fs::copy(prebuilt.join(module), dir.path().join("mod").join(module)).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// A section of an ELF file, if it has it.
    pub(crate) fn section(&self, file: &str, name: &str) -> Option<Vec<u8>> {
        section(&self.path(file), name)
    }

    /// A copy of vmlinux without DWARF, and without BTF.
    pub(crate) fn write_stripped(&self, name: &str) {
        fs::copy(self.path("vmlinux"), self.path(name)).unwrap();
        let edits = [".debug_info", ".BTF"].map(|name| SectionEdit { name, data: None });
        let path = self.path(name);
        elf_io::write_sections(&path, &path, &edits, &[], WriteOptions::default()).unwrap();
    }

    /// The command `program` in this folder, with words separated by blanks and nothing of
    /// the environment that could change what it does.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, words: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(words.split_whitespace())
            .current_dir(self.dir.path());
        command
            .env_remove("MAKEFLAGS")
            .env_remove("PAHOLE_LANG_EXCLUDE");
        command.env_remove("RUST_BACKTRACE").stdin(Stdio::null());
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, program: impl AsRef<OsStr>, words: &str) -> Outcome {
        outcome(&mut self.command(program, words))
    }

    #[track_caller]
    pub(crate) fn splitbtf(&self, words: &str) -> Outcome {
        self.run(SPLITBTF, words)
    }

    #[track_caller]
    pub(crate) fn pahole(&self, words: &str) -> Outcome {
        self.run(PAHOLE, words)
    }
}

#[track_caller]
pub(crate) fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn section(path: &Path, name: &str) -> Option<Vec<u8>> {
    let file = FileMap::open(path).unwrap();
    let elf = Elf::parse(file.bytes()).unwrap();
    let idx = elf.section_by_name(name)?;
    Some(elf.section_data(idx).unwrap().into_owned())
}
