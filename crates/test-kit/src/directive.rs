//! The `//#` comments of test sources.
//!
//! ```text
//! //#key: value
//! //#key(condition, !condition): value
//! ```
//!
//! A directive with conditions holds in those legs of the matrix where every
//! condition is a label of the leg (`gcc`, `clang`, `dwarf4`, `s390x`, `object`,
//! `executable`, `O2`, the name of a variant …), or with `!` is not one.
//!
//! What to build (conditions are not allowed on the first five):
//!
//! | key | value | default |
//! |---|---|---|
//! | `compilers` | `gcc`, `clang`, `rustc`; in a further source: the one compiler of that file | `gcc clang` |
//! | `dwarf` | DWARF versions | `4 5` |
//! | `targets` | `native`, `x86_64`, `s390x`, … | `native` |
//! | `link` | `object`, `relocatable` (`ld -r`), `executable` | `object`; several sources: `relocatable` |
//! | `opt` | optimisation levels | `-O2` |
//! | `variant NAME` | commands on the finished file, `@` is its path, `;` between commands | none |
//! | `sources` | the sources in link order | the main source, then the rest by name |
//! | `base` | sources of the base image; the case is then a module on it, and the base is encoded with the `--features` of the `run` | none |
//! | `cflags` | flags for this source (main source: for all) | |
//! | `ldflags` | flags for the link | |
//! | `needs` | a tool, or `clang>=15`: legs without it are skipped | |
//! | `debug` | `none`: the source brings its own DWARF, no `-g` | |
//!
//! What to run and what must come of it:
//!
//! | key | value |
//! |---|---|
//! | `run` | arguments of one run of `splitbtf encode`; the directives that follow are for this run, those before the first `run` for all runs. Without any there is one run without arguments |
//! | `base-args` | further arguments for encoding the base |
//! | `expect` | a [pattern](crate::expect) that a type of the result must match; a value that begins with a quote or a small letter is a row (member, parameter …) of the pattern before it |
//! | `reject` | a pattern that no type may match |
//! | `count N` | a pattern that exactly N types match |
//! | `types` | the number of types |
//! | `exit` | the exit code, 0 unless said |
//! | `warn` | text that stderr must contain |
//! | `silent` | text that stderr must not contain |

use anyhow::{Context as _, Result, bail, ensure};

/// One `//#` comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// 1-based line in its source.
    pub line: usize,
    /// What it sets.
    pub key: Key,
    /// Labels that must hold (or, with `true`, must not hold) in the leg.
    pub when: Vec<(String, bool)>,
    /// Text after the colon, trimmed.
    pub value: String,
}

impl Directive {
    /// Whether it applies to a leg with these labels.
    pub fn holds(&self, labels: &[String]) -> bool {
        self.when
            .iter()
            .all(|(label, negated)| labels.contains(label) != *negated)
    }
}

/// What a directive sets; see the [module](self) for the meanings.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the keys of the tables above")]
pub enum Key {
    Compilers,
    Dwarf,
    Targets,
    Link,
    Opt,
    Variant(String),
    Sources,
    Base,
    Cflags,
    Ldflags,
    Needs,
    Debug,
    Run,
    BaseArgs,
    Expect,
    Reject,
    Count(usize),
    Types,
    Exit,
    Warn,
    Silent,
}

impl Key {
    fn parse(text: &str) -> Result<Self> {
        if let Some(name) = text.strip_prefix("variant ") {
            return Ok(Self::Variant(name.trim().to_owned()));
        }
        if let Some(n) = text.strip_prefix("count ") {
            return Ok(Self::Count(
                n.trim().parse().context("count needs a number")?,
            ));
        }
        Ok(match text {
            "compilers" => Self::Compilers,
            "dwarf" => Self::Dwarf,
            "targets" => Self::Targets,
            "link" => Self::Link,
            "opt" => Self::Opt,
            "sources" => Self::Sources,
            "base" => Self::Base,
            "cflags" => Self::Cflags,
            "ldflags" => Self::Ldflags,
            "needs" => Self::Needs,
            "debug" => Self::Debug,
            "run" => Self::Run,
            "base-args" => Self::BaseArgs,
            "expect" => Self::Expect,
            "reject" => Self::Reject,
            "types" => Self::Types,
            "exit" => Self::Exit,
            "warn" => Self::Warn,
            "silent" => Self::Silent,
            other => bail!("unknown directive `{other}`"),
        })
    }

    /// Whether it shapes the matrix and so cannot depend on a leg.
    fn is_matrix(&self) -> bool {
        matches!(
            self,
            Self::Compilers | Self::Dwarf | Self::Targets | Self::Link | Self::Opt | Self::Base
        )
    }
}

/// All directives of a source, in order.
///
/// # Errors
///
/// On an unknown key, a malformed condition, or conditions on a key of the
/// matrix; the message has the line.
pub fn parse(source: &str) -> Result<Vec<Directive>> {
    let mut directives = Vec::new();
    for (index, text) in source.lines().enumerate() {
        let Some(body) = text.trim_start().strip_prefix("//#") else {
            continue;
        };
        let line = index + 1;
        let directive =
            parse_one(line, body).with_context(|| format!("line {line}: `{}`", text.trim()))?;
        directives.push(directive);
    }
    Ok(directives)
}

fn parse_one(line: usize, body: &str) -> Result<Directive> {
    let (head, value) = body.split_once(':').context("a directive needs a colon")?;
    let (key, when) = match head.split_once('(') {
        None => (head.trim(), Vec::new()),
        Some((key, conditions)) => {
            let conditions = conditions
                .trim()
                .strip_suffix(')')
                .context("unclosed `(`")?;
            let when = conditions
                .split(',')
                .map(|condition| {
                    let condition = condition.trim();
                    match condition.strip_prefix('!') {
                        Some(label) => (label.to_owned(), true),
                        None => (condition.to_owned(), false),
                    }
                })
                .collect();
            (key.trim(), when)
        }
    };
    let key = Key::parse(key)?;
    ensure!(
        when.is_empty() || !key.is_matrix(),
        "no conditions on this key"
    );
    Ok(Directive {
        line,
        key,
        when,
        value: value.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_conditions_and_value_are_read() {
        let found = parse("int x; //# no\n//#expect(gcc, !dwarf4): INT 'a:b'\n").unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].key, Key::Expect);
        assert_eq!(found[0].line, 2);
        assert_eq!(
            found[0].when,
            [("gcc".into(), false), ("dwarf4".into(), true)]
        );
        assert_eq!(found[0].value, "INT 'a:b'");
    }

    #[test]
    fn a_directive_holds_only_where_all_its_conditions_do() {
        let labels = ["gcc".to_owned(), "dwarf5".to_owned()];
        let holds = |text: &str| parse(text).unwrap()[0].holds(&labels);
        assert!(holds("//#exit: 1"));
        assert!(holds("//#exit(gcc): 1"));
        assert!(holds("//#exit(gcc,!clang): 1"));
        assert!(!holds("//#exit(gcc,dwarf4): 1"));
        assert!(!holds("//#exit(!gcc): 1"));
    }

    #[test]
    fn mistakes_are_errors_with_their_line() {
        for bad in [
            "//#expct: INT",
            "//#expect INT",
            "//#link(gcc): object",
            "//#count x: INT",
        ] {
            let error = parse(&format!("\n{bad}")).unwrap_err();
            assert!(error.to_string().contains("line 2"), "{bad}: {error}");
        }
    }
}
