//! What the kernel never checks but users trip over.
//!
//! The kernel takes its own BTF on trust once phases H, S, M and T are
//! through; these findings are about what comes after.

use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet, HashTable};

use crate::breach::kind_name;
use crate::check::{As, Checked, Options};
use crate::fit::{member_bits, misfit_members};
use crate::raw::{MAX_TYPE, RECORD_HEAD, Raw, Rec, bitfield_size, kind};
use crate::resolve::{Mode, check_graph};
use crate::version::KernelVersion;

type Map<K, V> = HashMap<K, V, FixedState>;
type Set<K> = HashSet<K, FixedState>;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth knowing; harmless in many BTFs.
    Note,
    /// Something will not work: a lookup misses, a load fails later.
    Warning,
    /// The BTF describes nothing that can exist.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum LintKind {
    /// More types than ids: the kernel drops the rest without an error.
    TooManyTypes,
    /// A type id that does not exist.
    DanglingId,
    /// The type graph breaks a rule of phase R.
    TypeGraph,
    /// A member runs past the end of its struct or into the next member.
    MemberFit,
    /// vmlinux BTF not sorted by name: kernels from 7.0 on search it by
    /// bisection and miss names.
    Unsorted,
    /// vmlinux BTF without STRUCT `bpf_ctx_convert`: no program loads.
    NoCtxConvert,
    /// vmlinux BTF with variables but without DATASEC `.data..percpu`, the
    /// only one the kernel looks up.
    NoPercpu,
    /// BTF without a base and without an INT.
    NoInt,
    /// Two members of a struct have one name.
    DuplicateMember,
    /// Two enumerators of an enum have one name.
    DuplicateValue,
    /// Two FUNCs have one name; a lookup finds the first.
    DuplicateFunc,
    /// Two records are the same word for word: deduplication missed one.
    DuplicateType,
    /// A record is the same, word for word, as one of the base.
    RepeatsBase,
    /// A string is stored twice, or stored though the base has it.
    DuplicateString,
    /// A string that no type uses.
    UnusedString,
    /// A name that is the end of a longer string.
    MidString,
    /// A feature that kernels from 6.1 on do not all understand.
    NewerKernel,
}

impl LintKind {
    /// Short stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooManyTypes => "too-many-types",
            Self::DanglingId => "dangling-id",
            Self::TypeGraph => "type-graph",
            Self::MemberFit => "member-fit",
            Self::Unsorted => "unsorted",
            Self::NoCtxConvert => "no-ctx-convert",
            Self::NoPercpu => "no-percpu",
            Self::NoInt => "no-int",
            Self::DuplicateMember => "duplicate-member",
            Self::DuplicateValue => "duplicate-value",
            Self::DuplicateFunc => "duplicate-func",
            Self::DuplicateType => "duplicate-type",
            Self::RepeatsBase => "repeats-base",
            Self::DuplicateString => "duplicate-string",
            Self::UnusedString => "unused-string",
            Self::MidString => "mid-string",
            Self::NewerKernel => "newer-kernel",
        }
    }

    /// How bad it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::TooManyTypes | Self::DanglingId | Self::TypeGraph | Self::MemberFit => {
                Severity::Error
            }
            Self::Unsorted
            | Self::NoCtxConvert
            | Self::NoPercpu
            | Self::NoInt
            | Self::DuplicateMember
            | Self::DuplicateValue
            | Self::DuplicateType
            | Self::RepeatsBase => Severity::Warning,
            Self::DuplicateFunc
            | Self::DuplicateString
            | Self::UnusedString
            | Self::MidString
            | Self::NewerKernel => Severity::Note,
        }
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lint {
    /// What was found.
    pub kind: LintKind,
    /// Where, if at a type.
    pub type_id: Option<u32>,
    /// The finding in words.
    pub message: String,
}

/// `warning: duplicate-member: [12] STRUCT foo: ...`
impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.kind.severity(),
            self.kind,
            self.message
        )
    }
}

/// Looks for what the kernel does not check, in the own types and strings of
/// `checked`. Findings come in the order of [`LintKind`], then of type ids.
pub fn lint(checked: &Checked<'_>, role: As, options: &Options) -> Vec<Lint> {
    let mut linter = Linter {
        raw: &checked.raw,
        found: Vec::new(),
    };
    linter.counts();
    linter.references();
    linter.graph();
    if role == As::Vmlinux {
        linter.lookups(options.kernel);
    }
    linter.names();
    linter.repetitions();
    linter.strings();
    linter.newer_features();
    let mut found = linter.found;
    found.sort_by_key(|lint| (lint.kind, lint.type_id));
    found
}

struct Linter<'r, 'a> {
    raw: &'r Raw<'a>,
    found: Vec<Lint>,
}

impl<'r> Linter<'r, '_> {
    /// The bases, from the nearest on.
    fn bases(&self) -> impl Iterator<Item = &'r Raw<'r>> + use<'r> {
        std::iter::successors(self.raw.base, |raw| raw.base)
    }

    fn add(&mut self, kind: LintKind, message: String) {
        self.found.push(Lint {
            kind,
            type_id: None,
            message,
        });
    }

    fn add_at(&mut self, kind: LintKind, rec: &Rec<'_>, message: &str) {
        let name = String::from_utf8_lossy(self.raw.log_name(rec.name_off())).into_owned();
        let (id, kind_text) = (rec.id, kind_name(rec.kind()));
        self.found.push(Lint {
            kind,
            type_id: Some(id),
            message: format!("[{id}] {kind_text} {name}: {message}"),
        });
    }

    fn text(&self, off: u32) -> String {
        String::from_utf8_lossy(self.raw.str_at(off).unwrap_or(b"")).into_owned()
    }

    fn counts(&mut self) {
        let n_types = self.raw.n_types();
        if n_types > MAX_TYPE {
            self.add(
                LintKind::TooManyTypes,
                format!("{n_types} type ids, the kernel keeps {MAX_TYPE}"),
            );
        }
        let has_int = || self.raw.own().any(|rec| rec.kind() == kind::INT);
        if self.raw.base.is_none() && self.raw.n_types() > 1 && !has_int() {
            self.add(LintKind::NoInt, "no INT among the types".to_owned());
        }
    }

    fn references(&mut self) {
        for rec in self.raw.own() {
            let mut dangling = Vec::new();
            rec.each_ref(|place, idx, id| {
                if !self.raw.exists(id) {
                    dangling.push((place, idx, id));
                }
            });
            for (place, idx, id) in dangling {
                let index = if place.ends_with("of member")
                    || place.ends_with("of parameter")
                    || place.ends_with("of variable")
                {
                    format!(" {idx}")
                } else {
                    String::new()
                };
                let message = format!("{place}{index} is [{id}], which does not exist");
                self.add_at(LintKind::DanglingId, &rec, &message);
            }
        }
    }

    fn graph(&mut self) {
        if let Err(breach) = check_graph(self.raw, Mode::Lint) {
            self.found.push(Lint {
                kind: LintKind::TypeGraph,
                type_id: breach.type_id,
                message: format!(
                    "{} ({}): {}",
                    breach.rule,
                    breach.line().trim(),
                    breach.rule.meaning()
                ),
            });
        }
        for rec in self.raw.own() {
            if misfit_members(self.raw, &rec) > 0 {
                let message = self.describe_misfit(&rec);
                self.add_at(LintKind::MemberFit, &rec, &message);
            }
        }
    }

    /// Names the first member that does not fit.
    fn describe_misfit(&self, rec: &Rec<'_>) -> String {
        let struct_bits = u64::from(rec.size()) * 8;
        let mut members = rec.elems::<3>().peekable();
        while let Some([name, ty, word]) = members.next() {
            let start = u64::from(rec.member_offset(word));
            let width = match bitfield_size(rec.kflag(), word) {
                0 => member_bits(self.raw, ty).unwrap_or(0),
                width => u64::from(width),
            };
            let end = start + width;
            let name = self.text(name);
            if end > struct_bits {
                return format!(
                    "member `{name}` ends at bit {end} of a type of {struct_bits} bits"
                );
            }
            if rec.kind() == kind::STRUCT
                && let Some([next_name, _, next_word]) = members.peek()
            {
                let next = u64::from(rec.member_offset(*next_word));
                if end > next {
                    let next_name = self.text(*next_name);
                    return format!(
                        "member `{name}` ends at bit {end}, \
                         but `{next_name}` starts at bit {next}"
                    );
                }
            }
        }
        "members do not fit".to_owned()
    }

    /// What a running kernel looks up in its own BTF by name.
    fn lookups(&mut self, kernel: KernelVersion) {
        let raw = self.raw;
        if kernel.expects_sorted_base() {
            let names = |id: u32| {
                let rec = raw.rec(id);
                rec.and_then(|rec| raw.str_at(rec.name_off()))
                    .unwrap_or(b"")
            };
            let mut ids = raw.first_own()..raw.n_types().saturating_sub(1);
            if let Some(id) = ids.find(|&id| names(id) > names(id + 1)) {
                let message = format!(
                    "kernel {kernel} bisects for names, but [{id}] `{}` comes before [{}] `{}`",
                    String::from_utf8_lossy(names(id)),
                    id + 1,
                    String::from_utf8_lossy(names(id + 1)),
                );
                self.add(LintKind::Unsorted, message);
            }
        }
        let has = |number: u32, name: &[u8]| {
            raw.own()
                .any(|rec| rec.kind() == number && raw.str_at(rec.name_off()) == Some(name))
        };
        if !has(kind::STRUCT, b"bpf_ctx_convert") {
            self.add(
                LintKind::NoCtxConvert,
                "no STRUCT bpf_ctx_convert; the kernel calls such BTF malformed \
                 when a program is loaded"
                    .to_owned(),
            );
        }
        if !has(kind::DATASEC, b".data..percpu") && raw.own().any(|rec| rec.kind() == kind::VAR) {
            self.add(
                LintKind::NoPercpu,
                "variables, but no DATASEC .data..percpu".to_owned(),
            );
        }
    }

    fn names(&mut self) {
        let mut funcs: Map<u32, u32> = Map::default();
        let mut seen: Set<u32> = Set::default();
        for rec in self.raw.own() {
            let (lint, what) = match rec.kind() {
                kind::STRUCT | kind::UNION => (LintKind::DuplicateMember, "member"),
                kind::ENUM | kind::ENUM64 => (LintKind::DuplicateValue, "enumerator"),
                kind::FUNC => {
                    // Strings are deduplicated, so equal names have equal
                    // offsets; DuplicateString says where they have not.
                    let first = *funcs.entry(rec.name_off()).or_insert(rec.id);
                    if first != rec.id {
                        let message = format!("same name as [{first}]");
                        self.add_at(LintKind::DuplicateFunc, &rec, &message);
                    }
                    continue;
                }
                _ => continue,
            };
            seen.clear();
            let mut twice = None;
            let mut is_own_name = true;
            rec.each_str(|off| {
                let skip = std::mem::take(&mut is_own_name);
                if !skip && off != 0 && !seen.insert(off) {
                    twice.get_or_insert(off);
                }
            });
            if let Some(off) = twice {
                let message = format!("{what} `{}` occurs twice", self.text(off));
                self.add_at(lint, &rec, &message);
            }
        }
    }

    fn repetitions(&mut self) {
        let raw = self.raw;
        let mut own: Map<&[u8], u32> = Map::default();
        for rec in raw.own() {
            let Some(bytes) = rec.bytes() else { continue };
            if let Some(first) = self
                .bases()
                .find_map(|base| base.contents().record(base, bytes))
            {
                let message = format!("same as [{first}] of the base");
                self.add_at(LintKind::RepeatsBase, &rec, &message);
            }
            let first = *own.entry(bytes).or_insert(rec.id);
            if first != rec.id {
                let message = format!("same as [{first}]");
                self.add_at(LintKind::DuplicateType, &rec, &message);
            }
        }
    }

    fn strings(&mut self) {
        let raw = self.raw;
        let mut used: Set<u32> = Set::default();
        let mut mid = Vec::new();
        for rec in raw.own() {
            rec.each_str(|off| {
                if used.insert(off) && !raw.is_str_start(off) {
                    mid.push((rec, off));
                }
            });
        }
        for (rec, off) in mid {
            let message = format!("`{}` is the end of a longer string", self.text(off));
            self.add_at(LintKind::MidString, &rec, &message);
        }

        let mut known: Map<&[u8], u32> = Map::default();
        let (mut n_unused, mut unused_bytes, mut example) = (0_u32, 0_usize, None);
        for (off, text) in strings_of(raw) {
            let in_base = || {
                self.bases()
                    .find_map(|base| base.contents().string(base, text))
            };
            if let Some(first) = known.insert(text, off).or_else(in_base) {
                let text = String::from_utf8_lossy(text).into_owned();
                self.add(
                    LintKind::DuplicateString,
                    format!("`{text}` at offset {off} is also at offset {first}"),
                );
            }
            if !text.is_empty() && !used.contains(&off) {
                n_unused += 1;
                unused_bytes += text.len() + 1;
                example.get_or_insert(text);
            }
        }
        if let Some(example) = example {
            let example = String::from_utf8_lossy(example).into_owned();
            self.add(
                LintKind::UnusedString,
                format!("{n_unused} strings of {unused_bytes} bytes, such as `{example}`"),
            );
        }
    }

    fn newer_features(&mut self) {
        if self.raw.hdr.layout_len != 0 {
            let since = KernelVersion::V7_1;
            self.add(
                LintKind::NewerKernel,
                format!("layout section, refused by kernels before {since}"),
            );
        }
        let kernels = |feature, since| format!("{feature}, refused by kernels before {since}");
        for rec in self.raw.own() {
            let is_tag = matches!(rec.kind(), kind::TYPE_TAG | kind::DECL_TAG);
            if is_tag && rec.kflag() {
                let message = kernels("attribute", KernelVersion::V6_15);
                self.add_at(LintKind::NewerKernel, &rec, &message);
            }
            if rec.vlen() > 0xffff {
                let message = kernels("more than 65535 elements", KernelVersion::V7_2);
                self.add_at(LintKind::NewerKernel, &rec, &message);
            }
            let name = self.raw.str_at(rec.name_off()).unwrap_or(b"");
            if rec.kind() == kind::DATASEC && !crate::names::is_identifier(name) {
                let message = kernels("section name that is no identifier", KernelVersion::V6_12);
                self.add_at(LintKind::NewerKernel, &rec, &message);
            }
        }
    }
}

impl<'a> Rec<'a> {
    /// Head and tail of the record.
    fn bytes(&self) -> Option<&'a [u8]> {
        let len = RECORD_HEAD as u64 + self.tail_len()?;
        self.prefix(usize::try_from(len).ok()?)
    }
}

/// The strings of a section with their offsets.
fn strings_of<'a>(raw: &Raw<'a>) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
    let strings = raw.strings;
    let start = raw.start_str;
    let mut at = 0;
    memchr::memchr_iter(0, strings).map(move |nul| {
        let off = start + at as u32;
        let text = &strings[at..nul];
        at = nul + 1;
        (off, text)
    })
}

/// The records and strings of a BTF that serves as base, by their bytes; the
/// lowest id or offset of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    records: HashTable<u32>,
    strings: HashTable<u32>,
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

impl Contents {
    pub(crate) fn of(raw: &Raw<'_>) -> Self {
        let mut contents = Self::default();
        let bytes_of = |id: u32| raw.rec(id).and_then(|rec| rec.bytes()).unwrap_or(b"");
        for rec in raw.own() {
            let Some(bytes) = rec.bytes() else { continue };
            contents
                .records
                .entry(
                    hash(bytes),
                    |&id| bytes_of(id) == bytes,
                    |&id| hash(bytes_of(id)),
                )
                .or_insert(rec.id);
        }
        let text_of = |off: u32| raw.str_at(off).unwrap_or(b"");
        for (off, text) in strings_of(raw) {
            contents
                .strings
                .entry(
                    hash(text),
                    |&off| text_of(off) == text,
                    |&off| hash(text_of(off)),
                )
                .or_insert(off);
        }
        contents
    }

    fn record(&self, raw: &Raw<'_>, bytes: &[u8]) -> Option<u32> {
        let same = |&id: &u32| raw.rec(id).and_then(|rec| rec.bytes()) == Some(bytes);
        self.records.find(hash(bytes), same).copied()
    }

    fn string(&self, raw: &Raw<'_>, text: &[u8]) -> Option<u32> {
        let same = |&off: &u32| raw.str_at(off) == Some(text);
        self.strings.find(hash(text), same).copied()
    }
}
