//! What the init process is to do: one step a line in `/plan`.

use std::fmt;

/// A step; paths are those in the initramfs and hold no spaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Load a module, see whether its BTF appears in sysfs, and keep it.
    Keep {
        /// The `.ko` file.
        path: String,
        /// The module's name in the kernel's spelling.
        name: String,
    },
    /// As [`Step::Keep`], and unload it again.
    Drop {
        /// The `.ko` file.
        path: String,
        /// The module's name in the kernel's spelling.
        name: String,
        /// What the report calls this step.
        label: String,
    },
    /// Lay a module's `.BTF` section behind the kernel's own BTF and hand both
    /// to `BPF_BTF_LOAD`.
    Judge {
        /// The `.ko` file.
        path: String,
        /// What the report calls this step.
        label: String,
    },
    /// Hand a blob to `BPF_BTF_LOAD`.
    Blob {
        /// The file.
        path: String,
        /// What the report calls this step.
        label: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep { path, name } => write!(f, "keep {path} {name}"),
            Self::Drop { path, name, label } => write!(f, "drop {path} {name} {label}"),
            Self::Judge { path, label } => write!(f, "judge {path} {label}"),
            Self::Blob { path, label } => write!(f, "blob {path} {label}"),
        }
    }
}

impl Step {
    /// Reads a line of the plan; `None` if it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let owned = |at: usize| words.get(at).map(|word| (*word).to_owned());
        match *words.first()? {
            "keep" => Some(Self::Keep {
                path: owned(1)?,
                name: owned(2)?,
            }),
            "drop" => Some(Self::Drop {
                path: owned(1)?,
                name: owned(2)?,
                label: owned(3)?,
            }),
            "judge" => Some(Self::Judge {
                path: owned(1)?,
                label: owned(2)?,
            }),
            "blob" => Some(Self::Blob {
                path: owned(1)?,
                label: owned(2)?,
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_as_it_was_written() {
        let [path, name, label] = ["/m/a.ko", "a", "l"].map(str::to_owned);
        for step in [
            Step::Keep {
                path: path.clone(),
                name: name.clone(),
            },
            Step::Drop {
                path: path.clone(),
                name,
                label: label.clone(),
            },
            Step::Judge {
                path: path.clone(),
                label: label.clone(),
            },
            Step::Blob { path, label },
        ] {
            assert_eq!(Step::parse(&step.to_string()), Some(step));
        }
        assert_eq!(Step::parse("dance"), None);
        assert_eq!(Step::parse("keep /m/a.ko"), None);
    }
}
