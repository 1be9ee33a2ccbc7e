//! What the init process reports: one event a line.
//!
//! ```text
//! kernel 6.12.117+deb12-cloud-amd64
//! log foo BPF: [107001] Invalid name_offset:99      kernel log during a step
//! init foo 19                                       errno of the init function
//! load foo 0 same                                   errno, BTF in sysfs
//! verdict row-12 22 Invalid magic                   errno, last line of the log
//! trace foo:bar 0 1 8c02                            errno, runs, flags of the file
//! call foo:bar 0 1 1                                errno, runs, what the kfunc returned
//! end
//! ```

use std::collections::BTreeMap;

/// A line of the report that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportError(String);

impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unreadable line in the report: `{}`", self.0)
    }
}

impl std::error::Error for ReportError {}

/// `/sys/kernel/btf/<module>` after a module was loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BtfSeen {
    /// It holds what the `.BTF` section held.
    Same,
    /// It holds something else.
    Differs,
    /// It is not there.
    Absent,
}

/// What became of a module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// Error number of `finit_module`, 0 if it succeeded.
    pub errno: i32,
    /// The module's BTF in sysfs.
    pub btf: BtfSeen,
}

impl Loaded {
    /// Whether the kernel took module and BTF.
    pub fn is_accepted(&self) -> bool {
        self.errno == 0 && self.btf != BtfSeen::Absent
    }
}

/// What `BPF_BTF_LOAD` said about a blob.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Error number, 0 if the BTF was accepted.
    pub errno: i32,
    /// Last line of the verifier's log.
    pub line: String,
}

/// What a BPF program saw at the entry of a module's function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traced {
    /// Error number, 0 if the program was loaded and attached.
    pub errno: i32,
    /// How often it ran.
    pub runs: u64,
    /// What it kept when it last ran: `f_flags` of the `struct file` that the
    /// function was given, or what the kfunc returned.
    pub value: u64,
    /// The end of the verifier's log, or the step that failed; empty if none.
    pub line: String,
}

/// All that was reported, by the names of the steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Release of the booted kernel.
    pub kernel: String,
    /// Modules.
    pub loaded: BTreeMap<String, Loaded>,
    /// Error numbers of modules' init functions, where they were run; 0 for
    /// success.
    pub inits: BTreeMap<String, i32>,
    /// Programs on functions, by `<module>:<function>`.
    pub traced: BTreeMap<String, Traced>,
    /// Programs that call kfuncs, by `<module>:<kfunc>`.
    pub called: BTreeMap<String, Traced>,
    /// Blobs.
    pub verdicts: BTreeMap<String, Verdict>,
    /// Lines of the kernel log that belong to a step.
    pub logs: BTreeMap<String, Vec<String>>,
    /// The plan was carried out to the end.
    pub is_complete: bool,
}

impl Report {
    /// Reads a report; it may have been cut short.
    ///
    /// # Errors
    /// [`ReportError`] for the first line that makes no sense.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        let mut report = Self::default();
        for line in text.lines().map(str::trim_end) {
            report
                .line(line)
                .ok_or_else(|| ReportError(line.to_owned()))?;
        }
        Ok(report)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (event, rest) = line.split_once(' ').unwrap_or((line, ""));
        match event {
            "" => {}
            "kernel" => rest.clone_into(&mut self.kernel),
            "end" => self.is_complete = true,
            "log" => {
                let (step, text) = rest.split_once(' ').unwrap_or((rest, ""));
                let lines = self.logs.entry(step.to_owned()).or_default();
                lines.push(text.to_owned());
            }
            "load" => {
                let mut words = rest.split(' ');
                let step = words.next()?.to_owned();
                let errno = words.next()?.parse().ok()?;
                let btf = match words.next()? {
                    "same" => BtfSeen::Same,
                    "differs" => BtfSeen::Differs,
                    "absent" => BtfSeen::Absent,
                    _ => return None,
                };
                self.loaded.insert(step, Loaded { errno, btf });
            }
            "init" => {
                let (step, errno) = rest.split_once(' ')?;
                self.inits.insert(step.to_owned(), errno.parse().ok()?);
            }
            "trace" | "call" => {
                let mut words = rest.splitn(5, ' ');
                let step = words.next()?.to_owned();
                let traced = Traced {
                    errno: words.next()?.parse().ok()?,
                    runs: words.next()?.parse().ok()?,
                    value: u64::from_str_radix(words.next()?, 16).ok()?,
                    line: words.next().unwrap_or("").to_owned(),
                };
                match event {
                    "trace" => self.traced.insert(step, traced),
                    _ => self.called.insert(step, traced),
                };
            }
            "verdict" => {
                let (step, rest) = rest.split_once(' ')?;
                let (errno, line) = rest.split_once(' ').unwrap_or((rest, ""));
                let verdict = Verdict {
                    errno: errno.parse().ok()?,
                    line: line.to_owned(),
                };
                self.verdicts.insert(step.to_owned(), verdict);
            }
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_collected_by_step() {
        let report = Report::parse(
            "kernel 6.12.117\nlog foo BPF: a\nlog foo BPF: b\nload foo 0 absent\r\n\
             load bar 0 same\ninit bar 19\ntrace bar:f 22 0 0 no such  id\ntrace bar:g 0 1 8c02\ncall bar:g 0 2 1\nverdict row-1 22 [2] INT x  y\nverdict row-2 0\nend\n",
        )
        .unwrap();
        assert_eq!(report.kernel, "6.12.117");
        assert_eq!(report.logs["foo"], ["BPF: a", "BPF: b"]);
        assert!(!report.loaded["foo"].is_accepted());
        assert!(report.loaded["bar"].is_accepted());
        assert_eq!(report.inits["bar"], 19);
        assert_eq!(report.traced["bar:f"].line, "no such  id");
        assert_eq!(report.traced["bar:g"].value, 0x8c02);
        assert_eq!(report.called["bar:g"].runs, 2);
        assert_eq!(report.verdicts["row-1"].line, "[2] INT x  y");
        assert_eq!(report.verdicts["row-2"].errno, 0);
        assert!(report.is_complete);
    }

    #[test]
    fn a_strange_line_is_an_error() {
        assert!(Report::parse("load foo zero same").is_err());
        assert!(Report::parse("panic").is_err());
    }
}
