//! A [`Diff`] as text.

use std::fmt;

use crate::diff::{Affected, Diff, Finding, KindCount, TypeInfo, What};

impl Diff {
    /// The difference as text for people, `left` and `right` being the names
    /// of the sides. Empty if nothing differs and nothing was explained.
    pub fn text(&self, left: &str, right: &str) -> Text<'_> {
        Text {
            diff: self,
            names: [left.to_owned(), right.to_owned()],
            affected: false,
            explained: true,
        }
    }
}

/// Displays a [`Diff`]; made by [`Diff::text`].
#[derive(Clone, Debug)]
pub struct Text<'d> {
    diff: &'d Diff,
    names: [String; 2],
    affected: bool,
    explained: bool,
}

impl Text<'_> {
    /// Whether types that differ only as a consequence are listed, not only
    /// counted. Off at first.
    pub fn with_affected(mut self, yes: bool) -> Self {
        self.affected = yes;
        self
    }

    /// Whether explained differences are listed, not only counted. On at
    /// first.
    pub fn with_explained(mut self, yes: bool) -> Self {
        self.explained = yes;
        self
    }
}

/// The kind, unless the declaration says it.
fn title(info: &TypeInfo) -> String {
    format!("{} {}", info.kind, info.decl)
}

fn finding(f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
    let (mark, id) = match (&finding.left, &finding.right) {
        (Some(l), Some(r)) => ('!', format!("{} {}", l.id, r.id)),
        (Some(l), None) => ('-', l.id.to_string()),
        (None, Some(r)) => ('+', r.id.to_string()),
        (None, None) => ('?', String::new()),
    };
    writeln!(f, "{mark} {}  {id}", title(finding.any()))?;
    match finding.what {
        What::Repeated => writeln!(f, "    repeated")?,
        What::Moved => writeln!(f, "    elsewhere")?,
        What::Missing | What::Changed => {}
    }
    for change in &finding.changes {
        writeln!(f, "    {change}")?;
    }
    if let Some(reason) = &finding.reason {
        writeln!(f, "    expected: {reason}")?;
    }
    Ok(())
}

fn affected(f: &mut fmt::Formatter<'_>, affected: &Affected) -> fmt::Result {
    let (mark, info) = match (&affected.left, &affected.right) {
        (Some(l), Some(_)) => ('!', l),
        (Some(l), None) => ('-', l),
        (None, Some(r)) => ('+', r),
        (None, None) => return Ok(()),
    };
    writeln!(f, "{mark} {}  because of {}", title(info), affected.because)
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diff = self.diff;
        if diff.is_equal() && diff.explained.is_empty() {
            return Ok(());
        }
        writeln!(f, "--- {}", self.names[0])?;
        writeln!(f, "+++ {}", self.names[1])?;
        for root in diff.unexplained() {
            finding(f, root)?;
        }
        if self.explained {
            for root in &diff.explained {
                finding(f, root)?;
            }
        }
        if self.affected {
            for entry in &diff.affected {
                affected(f, entry)?;
            }
        }
        let n_explained = diff.explained.len();
        writeln!(
            f,
            "{} only left, {} only right, {} changed, {} elsewhere or repeated, {n_explained} expected, {} affected by these",
            diff.only_left.len(),
            diff.only_right.len(),
            diff.changed.len(),
            diff.placed.len(),
            diff.affected.len(),
        )?;
        for (kind, count) in &diff.counts {
            let KindCount {
                left,
                right,
                only_left,
                only_right,
            } = count;
            if only_left + only_right > 0 {
                writeln!(
                    f,
                    "{kind:<12} {left:>7} -> {right:>7}   -{only_left} +{only_right}"
                )?;
            }
        }
        Ok(())
    }
}
