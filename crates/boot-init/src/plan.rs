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
    /// Load a module with its init function, and without it if that fails; see
    /// whether its BTF appears in sysfs, and keep it.
    Live {
        /// The `.ko` file.
        path: String,
        /// The module's name in the kernel's spelling.
        name: String,
    },
    /// Lay a split BTF behind the kernel's own BTF and hand both to
    /// `BPF_BTF_LOAD`.
    Judge {
        /// A `.ko` file with a `.BTF` section, or raw split BTF.
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
    /// Attach a BPF program to the entry of a module's function, open a file
    /// so that the function runs, and see what the program saw.
    Trace {
        /// The module, which has been loaded with its init function.
        module: String,
        /// A function that runs when the file is opened and takes a `struct
        /// file *`.
        function: String,
        /// What to open.
        file: String,
    },
    /// As [`Step::Trace`], with a program that calls a kfunc of another module
    /// with the current task and keeps what it returns.
    Call {
        /// The module whose function is attached to.
        module: String,
        /// A function that runs when the file is opened.
        function: String,
        /// What to open.
        file: String,
        /// The module of the kfunc.
        provider: String,
        /// The kfunc, which takes a `struct task_struct *`.
        kfunc: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep { path, name } => write!(f, "keep {path} {name}"),
            Self::Drop { path, name, label } => write!(f, "drop {path} {name} {label}"),
            Self::Live { path, name } => write!(f, "live {path} {name}"),
            Self::Judge { path, label } => write!(f, "judge {path} {label}"),
            Self::Blob { path, label } => write!(f, "blob {path} {label}"),
            Self::Trace {
                module,
                function,
                file,
            } => write!(f, "trace {module} {function} {file}"),
            Self::Call {
                module,
                function,
                file,
                provider,
                kfunc,
            } => write!(f, "call {module} {function} {file} {provider} {kfunc}"),
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
            "live" => Some(Self::Live {
                path: owned(1)?,
                name: owned(2)?,
            }),
            "judge" => Some(Self::Judge {
                path: owned(1)?,
                label: owned(2)?,
            }),
            "blob" => Some(Self::Blob {
                path: owned(1)?,
                label: owned(2)?,
            }),
            "trace" => Some(Self::Trace {
                module: owned(1)?,
                function: owned(2)?,
                file: owned(3)?,
            }),
            "call" => Some(Self::Call {
                module: owned(1)?,
                function: owned(2)?,
                file: owned(3)?,
                provider: owned(4)?,
                kfunc: owned(5)?,
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
                name: name.clone(),
                label: label.clone(),
            },
            Step::Live {
                path: path.clone(),
                name: name.clone(),
            },
            Step::Trace {
                module: name.clone(),
                function: label.clone(),
                file: path.clone(),
            },
            Step::Call {
                module: name.clone(),
                function: label.clone(),
                file: path.clone(),
                provider: "b".to_owned(),
                kfunc: name,
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
