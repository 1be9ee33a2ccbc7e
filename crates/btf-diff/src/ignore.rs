//! Lists of expected differences, each with its reason.
//!
//! One rule a line: what, kind, name, and after a `#` the reason.
//!
//! ```text
//! # Newer encoders tag kfuncs.
//! right DECL_TAG bpf_kfunc      # kfunc decl tags, pahole 1.27
//! changed *      foo_*          # our own patch to foo
//! ```
//!
//! *What* is `left` or `right` (only there), `changed`, `repeated`, `moved` or
//! `*`. Kind is a kind's name or `*`, the name may hold `*` and `?`.

use btf_builder::Kind;

use crate::diff::{Finding, Side, What};

/// Expected differences, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct IgnoreList {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    what: Option<(What, Option<Side>)>,
    kind: Option<Kind>,
    name: String,
    reason: String,
}

/// A line of an ignore list that is not a rule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct IgnoreError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: IgnoreFault,
}

/// What is wrong with a line of an ignore list.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IgnoreFault {
    /// Not three words.
    #[error("want: what, kind, name # reason")]
    Fields,
    /// The first word.
    #[error("'{0}' is none of left, right, changed, repeated, moved, *")]
    What(String),
    /// The second word.
    #[error("'{0}' is no kind")]
    Kind(String),
    /// Nothing behind a `#`.
    #[error("no reason given")]
    NoReason,
}

impl IgnoreList {
    /// Parses a list; empty lines and lines that start with `#` are comments.
    ///
    /// # Errors
    /// The first line that is not a rule.
    pub fn parse(text: &str) -> Result<Self, IgnoreError> {
        let mut rules = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let rule = Rule::parse(line);
            rules.push(rule.map_err(|fault| IgnoreError { line: i + 1, fault })?);
        }
        Ok(Self { rules })
    }

    /// The reason of the first rule that covers this difference.
    pub fn reason(&self, finding: &Finding) -> Option<&str> {
        let rule = self.rules.iter().find(|rule| rule.covers(finding))?;
        Some(&rule.reason)
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Self, IgnoreFault> {
        let (rule, reason) = line.split_once('#').ok_or(IgnoreFault::NoReason)?;
        if reason.trim().is_empty() {
            return Err(IgnoreFault::NoReason);
        }
        let words: Vec<_> = rule.split_whitespace().collect();
        let [what, kind, name] = words[..] else {
            return Err(IgnoreFault::Fields);
        };
        let what = match what {
            "*" => None,
            "left" => Some((What::Missing, Some(Side::Left))),
            "right" => Some((What::Missing, Some(Side::Right))),
            "changed" => Some((What::Changed, None)),
            "repeated" => Some((What::Repeated, None)),
            "moved" => Some((What::Moved, None)),
            other => return Err(IgnoreFault::What(other.to_owned())),
        };
        let kind = match kind {
            "*" => None,
            other => Some(
                *Kind::ALL
                    .iter()
                    .find(|kind| kind.name() == other)
                    .ok_or_else(|| IgnoreFault::Kind(other.to_owned()))?,
            ),
        };
        Ok(Self {
            what,
            kind,
            name: name.to_owned(),
            reason: reason.trim().to_owned(),
        })
    }

    fn covers(&self, finding: &Finding) -> bool {
        let what = self.what.is_none_or(|(what, side)| {
            what == finding.what && (side.is_none() || side == finding.side())
        });
        let info = finding.any();
        let kind = self.kind.is_none_or(|kind| {
            let mut infos = finding.left.iter().chain(&finding.right);
            infos.any(|info| info.kind == kind)
        });
        what && kind && matches_glob(self.name.as_bytes(), info.name.as_bytes())
    }
}

/// Whether `name` matches a pattern of `*` (any bytes) and `?` (any one byte).
fn matches_glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on if the current try fails: behind the last star, one byte
    // further in the name.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n + 1));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, next)) => {
                    (p, n) = (star, next);
                    retry = Some((star, next + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("", "a", false),
        ] {
            let got = matches_glob(pattern.as_bytes(), name.as_bytes());
            assert_eq!(got, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_rule_needs_a_reason_and_known_words() {
        let fault = |text| IgnoreList::parse(text).unwrap_err();
        assert_eq!(fault("\nleft FUNC x").line, 2);
        assert_eq!(fault("left FUNC x").fault, IgnoreFault::NoReason);
        assert_eq!(fault("left FUNC x # ").fault, IgnoreFault::NoReason);
        assert_eq!(fault("left x # y").fault, IgnoreFault::Fields);
        assert_eq!(fault("up FUNC x # y").fault, IgnoreFault::What("up".into()));
        assert_eq!(
            fault("left FUN x # y").fault,
            IgnoreFault::Kind("FUN".into())
        );
        assert!(IgnoreList::parse("# comment\n\n* * x # y").is_ok());
    }
}
