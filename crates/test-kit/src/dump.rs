//! The text of a BTF dump, parsed.
//!
//! The form is that of `bpftool btf dump file X format raw`:
//!
//! ```text
//! [7] STRUCT 'S' size=8 vlen=2
//!         'a' type_id=1 bits_offset=0
//!         'b' type_id=1 bits_offset=32 bitfield_size=3
//! ```

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, ensure};

/// One BTF type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Id in the combined space of base and split.
    pub id: u32,
    /// Kind in capitals, `STRUCT`.
    pub kind: String,
    /// What the kind line and its `key=value` words say.
    pub line: Line,
    /// Members, values, parameters or variables, in order.
    pub rows: Vec<Line>,
}

/// A name and the `key=value` words after it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Name without quotes; `(anon)` as the dump writes it, `None` where the
    /// dump has none (rows of a DATASEC).
    pub name: Option<String>,
    /// Words in dump order.
    pub attrs: Vec<(String, String)>,
}

impl Line {
    /// The value of `key`.
    pub fn attr(&self, key: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Result<Self> {
        let (name, rest) = match text.strip_prefix('\'') {
            None => (None, text),
            Some(tail) => {
                let end = tail.rfind('\'').context("unclosed quote")?;
                (Some(tail[..end].to_owned()), &tail[end + 1..])
            }
        };
        // A DATASEC row repeats its variable as `(VAR 'x')`: a convenience for
        // readers that the type id already says.
        let rest = if name.is_none() {
            rest.split(" (").next().unwrap_or(rest)
        } else {
            rest
        };
        let attrs = rest
            .split_whitespace()
            .map(|word| {
                let (key, value) = word.split_once('=').context("a word without `=`")?;
                // `type_id=1,` of a VAR and `val=1ULL` of an ENUM64.
                let value = value.trim_end_matches(',');
                let value = value
                    .strip_suffix("ULL")
                    .or(value.strip_suffix("LL"))
                    .unwrap_or(value);
                Ok((key.to_owned(), value.to_owned()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { name, attrs })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if let Some(name) = &self.name {
            write!(f, "'{name}'")?;
            gap = " ";
        }
        for (key, value) in &self.attrs {
            write!(f, "{gap}{key}={value}")?;
            gap = " ";
        }
        Ok(())
    }
}

impl Record {
    /// The ids it refers to, without void, once for each reference.
    fn refs(&self) -> Vec<u32> {
        std::iter::once(&self.line)
            .chain(&self.rows)
            .flat_map(|line| &line.attrs)
            .filter(|(name, _)| name.ends_with("type_id"))
            .filter_map(|(_, value)| value.parse().ok())
            .filter(|id| *id != 0)
            .collect()
    }

    /// The record's text with classes in place of ids.
    fn key(&self, class: &BTreeMap<u32, usize>) -> String {
        let mut key = format!("{} ", self.kind);
        for line in std::iter::once(&self.line).chain(&self.rows) {
            key += line.name.as_deref().unwrap_or_default();
            for (name, value) in &line.attrs {
                let id = if name.ends_with("type_id") {
                    value.parse().ok()
                } else {
                    None
                };
                match id {
                    Some(0) => key += &format!(" {name}=void"),
                    Some(id) => key += &format!(" {name}={:?}", class.get(&id)),
                    None => key += &format!(" {name}={value}"),
                }
            }
            key.push('\n');
        }
        key
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} {}", self.id, self.kind, self.line)?;
        for row in &self.rows {
            write!(f, "\n\t{row}")?;
        }
        Ok(())
    }
}

/// The types of one BTF, with those of its base behind them.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    records: BTreeMap<u32, Record>,
    first_own: u32,
}

impl Dump {
    /// Parses the dump of a base BTF.
    ///
    /// # Errors
    ///
    /// On a line that is not of the dump's form; the message has the line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut dump = Self {
            records: BTreeMap::new(),
            first_own: 1,
        };
        dump.append(text)?;
        Ok(dump)
    }

    /// Parses the dump of a split BTF over this base. The text may repeat the
    /// base's types or leave them out.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_split(&self, text: &str) -> Result<Self> {
        let first_own = self.records.keys().next_back().map_or(1, |last| last + 1);
        let mut dump = Self {
            records: self.records.clone(),
            first_own,
        };
        dump.append(text)?;
        Ok(dump)
    }

    fn append(&mut self, text: &str) -> Result<()> {
        let mut current: Option<Record> = None;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let at = || format!("dump line `{line}`");
            if line.starts_with([' ', '\t']) {
                let record = current.as_mut().with_context(at)?;
                record
                    .rows
                    .push(Line::parse(line.trim_start()).with_context(at)?);
                continue;
            }
            let (id, rest) = line
                .strip_prefix('[')
                .and_then(|l| l.split_once("] "))
                .with_context(at)?;
            let (kind, rest) = rest.split_once(' ').with_context(at)?;
            let record = Record {
                id: id.parse().with_context(at)?,
                kind: kind.to_owned(),
                line: Line::parse(rest).with_context(at)?,
                rows: Vec::new(),
            };
            if let Some(done) = current.replace(record) {
                self.records.insert(done.id, done);
            }
        }
        if let Some(done) = current {
            self.records.insert(done.id, done);
        }
        let dense = self
            .records
            .keys()
            .copied()
            .eq(1..=self.records.len() as u32);
        ensure!(dense, "type ids are not dense from 1");
        Ok(())
    }

    /// The type with this id, of base or split.
    pub fn get(&self, id: u32) -> Option<&Record> {
        self.records.get(&id)
    }

    /// The types of the BTF itself, without its base, in id order.
    pub fn own(&self) -> impl Iterator<Item = &Record> {
        self.records
            .range(self.first_own..)
            .map(|(_, record)| record)
    }

    /// Types of the BTF that equal another type of it or of its base, whatever
    /// their ids: pairs of a superfluous id and the lowest one equal to it. A
    /// deduplicated BTF has none.
    ///
    /// Two types are equal if nothing that can be reached from them tells them
    /// apart. Types that reach no cycle get the class of their text with classes
    /// in place of ids, what they refer to first. The others begin in one class per
    /// text without ids, and classes are split by the classes of what their members
    /// refer to until none splits (partition refinement), so cycles count as equal
    /// unless something differs. Variables and sections are left out, since each is
    /// its own thing.
    pub fn duplicates(&self) -> Vec<(u32, u32)> {
        let mut keys: BTreeMap<String, usize> = BTreeMap::new();
        let mut class: BTreeMap<u32, usize> = BTreeMap::new();
        let mut users: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut open: BTreeMap<u32, usize> = BTreeMap::new();
        let mut ready = Vec::new();
        for record in self.records.values() {
            let mut refs = record.refs();
            refs.retain(|id| self.records.contains_key(id));
            for id in &refs {
                users.entry(*id).or_default().push(record.id);
            }
            if refs.is_empty() {
                ready.push(record.id);
            }
            open.insert(record.id, refs.len());
        }
        while let Some(id) = ready.pop() {
            let number = keys.len();
            let key = self.records[&id].key(&class);
            class.insert(id, *keys.entry(key).or_insert(number));
            for user in users.get(&id).into_iter().flatten() {
                let left = open.entry(*user).or_default();
                *left -= 1;
                if *left == 0 {
                    ready.push(*user);
                }
            }
        }

        let finished = class.clone();
        let mut count = 0;
        loop {
            let mut keys: BTreeMap<String, usize> = BTreeMap::new();
            let mut next = finished.clone();
            for record in self.records.values() {
                if !finished.contains_key(&record.id) {
                    let number = finished.len() + keys.len();
                    next.insert(record.id, *keys.entry(record.key(&class)).or_insert(number));
                }
            }
            class = next;
            if keys.len() == count {
                break;
            }
            count = keys.len();
        }
        let mut first: BTreeMap<usize, u32> = BTreeMap::new();
        let mut duplicates = Vec::new();
        for record in self.records.values() {
            let lowest = *first.entry(class[&record.id]).or_insert(record.id);
            let own = matches!(record.kind.as_str(), "VAR" | "DATASEC");
            if lowest != record.id && self.is_own(record.id) && !own {
                duplicates.push((record.id, lowest));
            }
        }
        duplicates
    }

    /// Every name and member name of the BTF's own types.
    pub fn names(&self) -> std::collections::BTreeSet<&str> {
        self.own()
            .flat_map(|record| std::iter::once(&record.line).chain(&record.rows))
            .filter_map(|line| line.name.as_deref())
            .collect()
    }

    /// Whether the id is one of the BTF itself.
    pub fn is_own(&self, id: u32) -> bool {
        id >= self.first_own
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for record in self.own() {
            writeln!(f, "{record}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "\
[1] INT 'long unsigned int' size=8 bits_offset=0 nr_bits=64 encoding=(none)
[2] STRUCT '(anon)' size=8 vlen=1
\t'a' type_id=1 bits_offset=0
[3] VAR 'v' type_id=1, linkage=global
[4] DATASEC '.data..percpu' size=8 vlen=1
\ttype_id=3 offset=0 size=8 (VAR 'v')
";

    #[test]
    fn every_form_of_line_is_read() {
        let dump = Dump::parse(BASE).unwrap();
        assert_eq!(
            dump.get(1).unwrap().line.name.as_deref(),
            Some("long unsigned int")
        );
        assert_eq!(dump.get(2).unwrap().rows[0].attr("bits_offset"), Some("0"));
        assert_eq!(dump.get(3).unwrap().line.attr("type_id"), Some("1"));
        let row = &dump.get(4).unwrap().rows[0];
        assert_eq!((row.name.as_deref(), row.attr("size")), (None, Some("8")));
    }

    #[test]
    fn a_split_dump_owns_only_its_types() {
        let split = Dump::parse(BASE)
            .unwrap()
            .parse_split("[5] PTR '(anon)' type_id=2\n")
            .unwrap();
        assert_eq!(split.own().map(|record| record.id).collect::<Vec<_>>(), [5]);
        assert!(split.get(2).is_some());
        assert!(!split.is_own(4));
    }

    #[test]
    fn duplicates_are_found_through_cycles() {
        let cycle = |id: u32, name: &str| {
            format!(
                "[{id}] STRUCT 's' size=8 vlen=1\n\t'{name}' type_id={} bits_offset=0\n\
                 [{}] PTR '(anon)' type_id={id}\n",
                id + 1,
                id + 1
            )
        };
        let dump = Dump::parse(&(cycle(1, "a") + &cycle(3, "a"))).unwrap();
        assert_eq!(dump.duplicates(), [(3, 1), (4, 2)]);
        let dump = Dump::parse(&(cycle(1, "a") + &cycle(3, "b"))).unwrap();
        assert_eq!(dump.duplicates(), []);
        // A chain is compared in one pass, a cycle behind it as a cycle.
        let chain = "[5] PTR '(anon)' type_id=1\n[6] PTR '(anon)' type_id=3\n\
                     [7] PTR '(anon)' type_id=0\n[8] PTR '(anon)' type_id=0\n\
                     [9] PTR '(anon)' type_id=7\n";
        let dump = Dump::parse(&(cycle(1, "a") + &cycle(3, "b") + chain)).unwrap();
        assert_eq!(dump.duplicates(), [(5, 2), (6, 4), (8, 7)]);
        // In a split BTF only its own types can be too many.
        let split = Dump::parse(&cycle(1, "a"))
            .unwrap()
            .parse_split(&cycle(3, "a"))
            .unwrap();
        assert_eq!(split.duplicates().len(), 2);
    }

    #[test]
    fn a_gap_in_the_ids_is_an_error() {
        assert!(Dump::parse("[2] PTR '(anon)' type_id=0").is_err());
    }
}
