//! Patterns over dumps, and the verdict on a run.
//!
//! A pattern is words that a type must have; what it does not mention may be
//! anything:
//!
//! ```text
//! STRUCT 'S' size=8 vlen=2
//! VAR 'v' type_id={PTR type_id={CONST type_id={INT 'int'}}} linkage=global
//! FUNC 'f' type_id={FUNC_PROTO vlen=2 ('a' type_id=$t) ('b' type_id=$t)}
//! ```
//!
//! | word | holds if |
//! |---|---|
//! | `KIND` | the type has that kind |
//! | `'name'` | it has that name; `'(anon)'` is none |
//! | `key=value` | the dump has that word |
//! | `key=$x` | the value is that of every other `$x` of the run |
//! | `key={pattern}` | the id is of a type that matches; in a split BTF that may be one of the base |
//! | `key={void}` | the id is 0 |
//! | `#$x` | the type's own id is `$x` |
//! | `@base`, `@split` | the type belongs to the base, or to the split BTF itself |
//! | `(row)` | a member, value, parameter or variable has these words; rows are found in order, others may stand between |

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};

use crate::dump::{Dump, Line, Record};

/// Values of the `$x` so far.
type Env = BTreeMap<String, String>;

/// What a type must look like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    void: bool,
    kind: Option<String>,
    id: Option<String>,
    own: Option<bool>,
    line: LinePattern,
    rows: Vec<LinePattern>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct LinePattern {
    name: Option<String>,
    attrs: Vec<(String, Value)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Literal(String),
    Variable(String),
    Type(Box<Pattern>),
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// If it is not of the form the [module](self) describes.
    pub fn parse(text: &str) -> Result<Self> {
        let mut words = Words { rest: text.trim() };
        let pattern = words.pattern()?;
        ensure!(words.rest.is_empty(), "`{}` is left over", words.rest);
        Ok(pattern)
    }

    /// Adds a row given as a line of its own.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn push_row(&mut self, text: &str) -> Result<()> {
        let mut words = Words { rest: text.trim() };
        self.rows.push(words.line(None)?);
        ensure!(words.rest.is_empty(), "`{}` is left over", words.rest);
        Ok(())
    }

    /// Whether a directive's value is a row and not a pattern of its own.
    pub fn is_row(text: &str) -> bool {
        text.starts_with(|c: char| c == '\'' || c.is_ascii_lowercase())
    }

    /// Whether kind and name are those of the pattern, which has both.
    fn resembles(&self, record: &Record) -> bool {
        self.kind.as_ref() == Some(&record.kind)
            && self.line.name.is_some()
            && self.line.name == record.line.name
    }

    /// Every way in which `record` matches, as the variables it then has.
    fn matches(&self, dump: &Dump, record: &Record, env: &Env) -> Vec<Env> {
        let fits = !self.void
            && self.kind.as_ref().is_none_or(|kind| *kind == record.kind)
            && self.own.is_none_or(|own| own == dump.is_own(record.id));
        if !fits {
            return Vec::new();
        }
        let mut env = env.clone();
        if let Some(variable) = &self.id
            && !bind(&mut env, variable, &record.id.to_string())
        {
            return Vec::new();
        }
        let envs = self.line.matches(dump, &record.line, &env);
        envs.into_iter()
            .flat_map(|env| match_rows(dump, &self.rows, &record.rows, &env))
            .collect()
    }
}

/// Every way to find `patterns` in `rows`, in order.
fn match_rows(dump: &Dump, patterns: &[LinePattern], rows: &[Line], env: &Env) -> Vec<Env> {
    let Some((first, others)) = patterns.split_first() else {
        return vec![env.clone()];
    };
    let mut found = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for env in first.matches(dump, row, env) {
            found.extend(match_rows(dump, others, &rows[index + 1..], &env));
        }
    }
    found
}

impl LinePattern {
    fn matches(&self, dump: &Dump, line: &Line, env: &Env) -> Vec<Env> {
        if self.name.is_some() && self.name != line.name {
            return Vec::new();
        }
        let mut envs = vec![env.clone()];
        for (key, wanted) in &self.attrs {
            let Some(value) = line.attr(key) else {
                return Vec::new();
            };
            envs = match wanted {
                Value::Literal(literal) if literal == value => envs,
                Value::Literal(_) => return Vec::new(),
                Value::Variable(variable) => {
                    envs.retain_mut(|env| bind(env, variable, value));
                    envs
                }
                Value::Type(pattern) if pattern.void => {
                    if value != "0" {
                        return Vec::new();
                    }
                    envs
                }
                Value::Type(pattern) => {
                    let record = value.parse().ok().and_then(|id| dump.get(id));
                    let Some(record) = record else {
                        return Vec::new();
                    };
                    envs.iter()
                        .flat_map(|env| pattern.matches(dump, record, env))
                        .collect()
                }
            };
        }
        envs
    }
}

/// Sets `variable`, or says whether it already has that value.
fn bind(env: &mut Env, variable: &str, value: &str) -> bool {
    match env.get(variable) {
        Some(bound) => bound == value,
        None => {
            env.insert(variable.to_owned(), value.to_owned());
            true
        }
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn eat(&mut self, mark: char) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn quoted(&mut self) -> Result<String> {
        let end = self.rest.find('\'').context("unclosed quote")?;
        let name = self.rest[..end].to_owned();
        self.rest = &self.rest[end + 1..];
        Ok(name)
    }

    /// Up to a blank or one of the marks that can end a word. A value such as
    /// `encoding=(none)` keeps its parentheses.
    fn word(&mut self) -> Result<String> {
        self.rest = self.rest.trim_start();
        let mut depth = 0;
        let end = self
            .rest
            .find(|c: char| {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                c.is_whitespace() || c == '}' || depth < 0
            })
            .unwrap_or(self.rest.len());
        ensure!(end > 0, "a word was expected at `{}`", self.rest);
        let word = self.rest[..end].to_owned();
        self.rest = &self.rest[end..];
        Ok(word)
    }

    fn pattern(&mut self) -> Result<Pattern> {
        let mut pattern = Pattern::default();
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                None | Some('}') => return Ok(pattern),
                Some('(') => {
                    self.rest = &self.rest[1..];
                    pattern.rows.push(self.line(Some(')'))?);
                }
                Some('#') => {
                    self.rest = &self.rest[1..];
                    let word = self.word()?;
                    let variable = word.strip_prefix('$').context("`#` needs a `$variable`")?;
                    pattern.id = Some(variable.to_owned());
                }
                Some('@') => {
                    self.rest = &self.rest[1..];
                    pattern.own = Some(match self.word()?.as_str() {
                        "base" => false,
                        "split" => true,
                        other => bail!("`@{other}` is neither `@base` nor `@split`"),
                    });
                }
                Some(c) if c.is_ascii_uppercase() => pattern.kind = Some(self.word()?),
                Some(_) if self.rest.starts_with("void") => {
                    self.rest = &self.rest[4..];
                    pattern.void = true;
                }
                Some(_) => self.line_word(&mut pattern.line)?,
            }
        }
    }

    /// A row, up to `close` or the end.
    fn line(&mut self, close: Option<char>) -> Result<LinePattern> {
        let mut line = LinePattern::default();
        loop {
            self.rest = self.rest.trim_start();
            if close.is_some_and(|close| self.eat(close)) {
                return Ok(line);
            }
            if self.rest.is_empty() {
                ensure!(close.is_none(), "unclosed `(`");
                return Ok(line);
            }
            self.line_word(&mut line)?;
        }
    }

    fn line_word(&mut self, line: &mut LinePattern) -> Result<()> {
        if self.eat('\'') {
            line.name = Some(self.quoted()?);
            return Ok(());
        }
        let equals = self
            .rest
            .find('=')
            .with_context(|| format!("no `=` in `{}`", self.rest))?;
        let key = self.rest[..equals].to_owned();
        ensure!(
            key.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "`{key}` is no key, kind or quoted name"
        );
        self.rest = &self.rest[equals + 1..];
        let value = if self.eat('{') {
            let pattern = self.pattern()?;
            ensure!(self.eat('}'), "unclosed `{{`");
            Value::Type(Box::new(pattern))
        } else {
            let word = self.word()?;
            match word.strip_prefix('$') {
                Some(variable) => Value::Variable(variable.to_owned()),
                None => Value::Literal(word),
            }
        };
        line.attrs.push((key, value));
        Ok(())
    }
}

/// What a directive demands of the dump of one run.
#[derive(Debug, Clone)]
pub struct Checks {
    checks: Vec<(String, Check)>,
}

#[derive(Debug, Clone)]
enum Check {
    Expect(Pattern),
    Count(usize, Pattern),
    Types(usize),
}

impl Checks {
    /// None so far.
    pub const fn new() -> Self {
        Self { checks: Vec::new() }
    }

    /// Adds a demand; `text` is the directive as messages shall show it.
    ///
    /// # Errors
    ///
    /// If the pattern does not parse, or a row has no pattern before it.
    pub fn expect(&mut self, text: &str, pattern: &str) -> Result<()> {
        if Pattern::is_row(pattern) {
            let last = self
                .checks
                .iter_mut()
                .rev()
                .find_map(|(text, check)| match check {
                    Check::Expect(pattern) => Some((text, pattern)),
                    _ => None,
                });
            let (whole, last) = last.context("a row without a pattern before it")?;
            whole.push_str("\n    ");
            whole.push_str(pattern);
            return last.push_row(pattern);
        }
        self.checks
            .push((text.to_owned(), Check::Expect(Pattern::parse(pattern)?)));
        Ok(())
    }

    /// Demands that exactly `n` types match.
    ///
    /// # Errors
    ///
    /// If the pattern does not parse.
    pub fn count(&mut self, text: &str, n: usize, pattern: &str) -> Result<()> {
        self.checks
            .push((text.to_owned(), Check::Count(n, Pattern::parse(pattern)?)));
        Ok(())
    }

    /// Demands that there are exactly `n` types.
    pub fn types(&mut self, text: &str, n: usize) {
        self.checks.push((text.to_owned(), Check::Types(n)));
    }

    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// One message for each demand that `dump` does not meet. Variables are
    /// shared by all patterns, so of a chain of patterns that cannot hold
    /// together the first that no choice satisfies is named.
    pub fn unmet(&self, dump: &Dump) -> Vec<String> {
        let mut unmet = Vec::new();
        let expected: Vec<(&str, &Pattern)> = self
            .checks
            .iter()
            .filter_map(|(text, check)| match check {
                Check::Expect(pattern) => Some((text.as_str(), pattern)),
                _ => None,
            })
            .collect();
        let mut deepest = 0;
        let env = solve(dump, &expected, 0, &Env::new(), &mut deepest);
        if env.is_none() {
            let (text, pattern) = expected[deepest];
            let mut message = format!("nothing matches: {text}");
            for record in dump.own().filter(|record| pattern.resembles(record)) {
                message += &format!("\nnot even {record}");
            }
            unmet.push(message);
        }
        let env = env.unwrap_or_default();
        for (text, check) in &self.checks {
            match check {
                Check::Expect(_) => {}
                Check::Count(n, pattern) => {
                    let found: Vec<String> = dump
                        .own()
                        .filter(|record| !pattern.matches(dump, record, &env).is_empty())
                        .map(ToString::to_string)
                        .collect();
                    if found.len() != *n {
                        let found = found.join("\n");
                        unmet.push(format!("{n} wanted, not these: {text}\n{found}"));
                    }
                }
                Check::Types(n) => {
                    let found = dump.own().count();
                    if found != *n {
                        unmet.push(format!("{found} types, not {n}: {text}"));
                    }
                }
            }
        }
        unmet
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self::new()
    }
}

fn solve(
    dump: &Dump,
    patterns: &[(&str, &Pattern)],
    index: usize,
    env: &Env,
    deepest: &mut usize,
) -> Option<Env> {
    let Some((_, pattern)) = patterns.get(index) else {
        return Some(env.clone());
    };
    *deepest = (*deepest).max(index);
    let mut tried: Vec<Env> = Vec::new();
    for record in dump.own() {
        for env in pattern.matches(dump, record, env) {
            // Another type that leaves the same variables cannot do better.
            if tried.contains(&env) {
                continue;
            }
            if let Some(solved) = solve(dump, patterns, index + 1, &env, deepest) {
                return Some(solved);
            }
            tried.push(env);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
[2] INT 'unsigned char' size=1 bits_offset=0 nr_bits=8 encoding=(none)
[3] PTR '(anon)' type_id=5
[4] STRUCT 'S' size=8 vlen=2
\t'a' type_id=1 bits_offset=0
\t'b' type_id=1 bits_offset=32
[5] CONST '(anon)' type_id=1
[6] VAR 'v' type_id=3, linkage=static
[7] PTR '(anon)' type_id=0
[8] FUNC_PROTO '(anon)' ret_type_id=0 vlen=1
\t'x' type_id=7
";

    fn unmet(patterns: &[&str]) -> Vec<String> {
        let mut checks = Checks::new();
        for pattern in patterns {
            checks.expect(pattern, pattern).unwrap();
        }
        checks.unmet(&Dump::parse(DUMP).unwrap())
    }

    #[test]
    fn unmentioned_words_do_not_matter() {
        assert!(unmet(&["STRUCT 'S'", "STRUCT size=8", "INT encoding=(none)"]).is_empty());
        assert_eq!(unmet(&["STRUCT 'S' size=9"]).len(), 1);
        assert_eq!(unmet(&["UNION 'S'"]).len(), 1);
    }

    #[test]
    fn nested_patterns_follow_ids() {
        assert!(unmet(&["VAR type_id={PTR type_id={CONST type_id={INT 'int'}}}"]).is_empty());
        assert_eq!(unmet(&["VAR type_id={PTR type_id={INT 'int'}}"]).len(), 1);
        assert!(unmet(&["PTR type_id={void}", "PTR type_id=0"]).is_empty());
        assert!(
            unmet(&["FUNC_PROTO ret_type_id={void} ('x' type_id={PTR type_id={void}})"]).is_empty()
        );
    }

    #[test]
    fn rows_are_found_in_order_on_the_line_or_below() {
        assert!(unmet(&["STRUCT 'S' ('a' bits_offset=0) ('b' bits_offset=32)"]).is_empty());
        assert!(unmet(&["STRUCT 'S'", "'a' bits_offset=0", "'b' bits_offset=32"]).is_empty());
        assert_eq!(unmet(&["STRUCT 'S' ('b') ('a')"]).len(), 1);
        assert_eq!(unmet(&["STRUCT 'S' ('a' bits_offset=32)"]).len(), 1);
    }

    #[test]
    fn variables_hold_across_patterns() {
        assert!(
            unmet(&[
                "INT 'int' #$i",
                "STRUCT 'S' ('a' type_id=$i) ('b' type_id=$i)"
            ])
            .is_empty()
        );
        assert_eq!(
            unmet(&["INT 'unsigned char' #$i", "STRUCT 'S' ('a' type_id=$i)"]).len(),
            1
        );
        // The first INT is the wrong choice for the second pattern.
        assert!(unmet(&["INT #$i", "INT 'unsigned char' #$i"]).is_empty());
    }

    #[test]
    fn counts_and_totals() {
        let dump = Dump::parse(DUMP).unwrap();
        let mut checks = Checks::new();
        checks.count("c", 2, "PTR").unwrap();
        checks.count("c", 0, "FUNC 'gone'").unwrap();
        checks.types("t", 8);
        assert_eq!(checks.unmet(&dump), Vec::<String>::new());
        checks.count("c", 1, "PTR").unwrap();
        checks.types("t", 9);
        assert_eq!(checks.unmet(&dump).len(), 2);
    }

    #[test]
    fn base_and_split_are_told_apart() {
        let split = Dump::parse(DUMP)
            .unwrap()
            .parse_split("[9] PTR '(anon)' type_id=4\n")
            .unwrap();
        let unmet = |pattern: &str| {
            let mut checks = Checks::new();
            checks.expect(pattern, pattern).unwrap();
            checks.unmet(&split)
        };
        assert!(unmet("PTR @split type_id={@base STRUCT}").is_empty());
        assert_eq!(
            unmet("STRUCT 'S'").len(),
            1,
            "only the split's own types are candidates"
        );
    }

    #[test]
    fn mistakes_in_patterns_are_errors() {
        for bad in [
            "STRUCT 'S",
            "VAR type_id={PTR",
            "STRUCT ('a'",
            "STRUCT size",
            "#x",
            "@here",
        ] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
        assert!(Checks::new().expect("row", "'a'").is_err());
    }
}
