//! The combinations a case is built in.

use std::fmt;

use anyhow::{Result, bail};

/// Who compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "names of compilers")]
pub enum Compiler {
    Gcc,
    Clang,
    Rustc,
}

impl Compiler {
    /// Parses a word of the `compilers` directive.
    pub fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "gcc" => Self::Gcc,
            "clang" => Self::Clang,
            "rustc" => Self::Rustc,
            other => bail!("unknown compiler `{other}`"),
        })
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gcc => "gcc",
            Self::Clang => "clang",
            Self::Rustc => "rustc",
        })
    }
}

/// For which machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "names of architectures")]
pub enum Target {
    X86_64,
    I686,
    Aarch64,
    Arm,
    S390x,
    Riscv64,
    Powerpc64le,
    Mips,
    Loongarch64,
}

/// Every [`Target`] with its directive word, clang triple, and the prefix of
/// Debian's cross tools.
const TARGETS: [(Target, &str, &str, &str); 9] = [
    (
        Target::X86_64,
        "x86_64",
        "x86_64-linux-gnu",
        "x86_64-linux-gnu",
    ),
    (Target::I686, "i686", "i686-linux-gnu", "i686-linux-gnu"),
    (
        Target::Aarch64,
        "aarch64",
        "aarch64-linux-gnu",
        "aarch64-linux-gnu",
    ),
    (
        Target::Arm,
        "arm",
        "arm-linux-gnueabihf",
        "arm-linux-gnueabihf",
    ),
    (Target::S390x, "s390x", "s390x-linux-gnu", "s390x-linux-gnu"),
    (
        Target::Riscv64,
        "riscv64",
        "riscv64-linux-gnu",
        "riscv64-linux-gnu",
    ),
    (
        Target::Powerpc64le,
        "powerpc64le",
        "powerpc64le-linux-gnu",
        "powerpc64le-linux-gnu",
    ),
    (Target::Mips, "mips", "mips-linux-gnu", "mips-linux-gnu"),
    (
        Target::Loongarch64,
        "loongarch64",
        "loongarch64-linux-gnu",
        "loongarch64-linux-gnu",
    ),
];

impl Target {
    /// Parses a word of the `targets` directive; `native` is the host.
    pub fn parse(word: &str) -> Result<Self> {
        let word = if word == "native" {
            std::env::consts::ARCH
        } else {
            word
        };
        match TARGETS.iter().find(|row| row.1 == word) {
            Some(row) => Ok(row.0),
            None => bail!("unknown target `{word}`"),
        }
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        TARGETS
            .iter()
            .find(|row| row.0 == self)
            .unwrap_or_else(|| unreachable!("{self:?} has a row in TARGETS"))
    }

    /// The word of the `targets` directive.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The triple for clang's `--target=`.
    pub fn triple(self) -> &'static str {
        self.row().2
    }

    /// What GNU cross tools put before `-gcc` and `-objcopy`.
    pub fn gcc_prefix(self) -> &'static str {
        self.row().3
    }

    /// Whether it is the machine the test runs on.
    pub fn is_host(self) -> bool {
        self.name() == std::env::consts::ARCH
    }

    /// Whether its objects, and so their BTF, are big-endian.
    pub fn is_big_endian(self) -> bool {
        matches!(self, Self::S390x | Self::Mips)
    }
}

/// What the objects become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// The one object, as compiled.
    Object,
    /// All objects joined by `ld -r`, as a kernel module is.
    Relocatable,
    /// A static executable at fixed addresses, as `vmlinux` is.
    Executable,
}

impl Link {
    /// Parses a word of the `link` directive.
    pub fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "object" => Self::Object,
            "relocatable" => Self::Relocatable,
            "executable" => Self::Executable,
            other => bail!("unknown link form `{other}`"),
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Object => "object",
            Self::Relocatable => "relocatable",
            Self::Executable => "executable",
        })
    }
}

/// One combination of a case's matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Compiler of every source that does not name its own.
    pub compiler: Compiler,
    /// DWARF version asked of the compiler.
    pub dwarf: u8,
    /// Machine to compile for.
    pub target: Target,
    /// What the objects become.
    pub link: Link,
    /// Optimisation level, with its dash.
    pub opt: String,
    /// Name of the `variant` directive to apply, if the case has any.
    pub variant: Option<String>,
}

impl Leg {
    /// The words that conditions of directives can ask for.
    pub fn labels(&self) -> Vec<String> {
        let mut labels = vec![
            self.compiler.to_string(),
            format!("dwarf{}", self.dwarf),
            self.target.name().to_owned(),
            self.link.to_string(),
            self.opt.trim_start_matches('-').to_owned(),
        ];
        labels.extend(self.variant.clone());
        labels
    }

    /// Sets the member that `label` belongs to: the reverse of [`labels`](Self::labels).
    /// A word that fits no other is the name of a variant.
    pub fn set(&mut self, label: &str) -> Result<()> {
        if let Some(version) = label.strip_prefix("dwarf") {
            self.dwarf = version.parse()?;
        } else if let Ok(compiler) = Compiler::parse(label) {
            self.compiler = compiler;
        } else if let Ok(link) = Link::parse(label) {
            self.link = link;
        } else if let Ok(target) = Target::parse(label) {
            self.target = target;
        } else if label.starts_with('O') && label.len() == 2 {
            self.opt = format!("-{label}");
        } else {
            self.variant = Some(label.to_owned());
        }
        Ok(())
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.labels().join("-"))
    }
}
