//! A text form of small BTFs: one type a line, its id in front.
//!
//! ```text
//! [1] INT int 4 signed
//! [2] STRUCT s 8 next:3@0 n:1@32 flag:1@62/2
//! [3] PTR 2
//! ```
//!
//! | kind | rest of the line |
//! |---|---|
//! | `INT` | name, size, encoding (`none`, `signed`, `char`, `bool`) |
//! | `FLOAT` | name, size |
//! | `PTR`, `CONST`, `VOLATILE`, `RESTRICT` | type |
//! | `TYPEDEF`, `TYPETAG` | name, type |
//! | `FWD` | name, `struct` or `union` |
//! | `ARRAY` | element type, index type, number of elements |
//! | `STRUCT`, `UNION` | name, size, members `name:type@bit` or `name:type@bit/width` |
//! | `ENUM`, `ENUM64` | name, size, values `name=value`; `signed` at the end |
//! | `PROTO` | return type, parameters `name:type` |
//! | `FUNC` | name, prototype, linkage |
//! | `VAR` | name, type, linkage |
//! | `DATASEC` | name, size, variables `var@offset+size` |
//! | `TAG` | value, type, component |
//!
//! `_` stands for no name. Reading and printing are inverse, so expectations
//! can be written as a dump reads.

use std::fmt::Write as _;
use std::sync::Arc;

use btf_builder::{Btf, Endian, Kind, StrOff, Type, make_info};
use btf_dedup::{BaseIndex, DedupMap, DedupOpts, dedup, dedup_split};

fn number<T: TryFrom<i64>>(text: &str) -> T {
    let value: i64 = text.parse().unwrap_or_else(|_| panic!("number: {text}"));
    T::try_from(value).unwrap_or_else(|_| panic!("range: {text}"))
}

fn intern(btf: &mut Btf, name: &str) -> u32 {
    let name = if name == "_" { "" } else { name };
    btf.intern_str(name.as_bytes()).unwrap().0
}

/// Appends the types of `text`, whose ids must go on where `btf` ends.
pub(crate) fn add(btf: &mut Btf, text: &str) {
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (id, rest) = line.split_once(' ').unwrap();
        let id: u32 = number(id.trim_matches(['[', ']']));
        assert_eq!(id, btf.n_types(), "the id of `{line}`");
        let words: Vec<&str> = rest.split_whitespace().collect();
        add_line(btf, &words);
    }
}

fn add_line(btf: &mut Btf, words: &[&str]) {
    let name_kind = |kind| match kind {
        "PROTO" => Kind::FuncProto,
        "TAG" => Kind::DeclTag,
        "TYPETAG" => Kind::TypeTag,
        kind => Kind::ALL
            .into_iter()
            .find(|k| k.name() == kind)
            .unwrap_or_else(|| panic!("kind: {kind}")),
    };
    let kind = name_kind(words[0]);
    let args = &words[1..];
    let mut record = vec![0, 0, 0];
    let (mut vlen, mut flag) = (0, false);
    match kind {
        Kind::Int => {
            let size: u32 = number(args[1]);
            let encoding = match args[2] {
                "none" => 0,
                "signed" => 1,
                "char" => 2,
                "bool" => 4,
                other => panic!("encoding: {other}"),
            };
            record[0] = intern(btf, args[0]);
            record[2] = size;
            record.push((encoding << 24) | (size * 8));
        }
        Kind::Float => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
        }
        Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict => record[2] = number(args[0]),
        Kind::Typedef | Kind::TypeTag => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
        }
        Kind::Fwd => {
            record[0] = intern(btf, args[0]);
            flag = args[1] == "union";
        }
        Kind::Array => record.extend([number(args[0]), number(args[1]), number::<u32>(args[2])]),
        Kind::Struct | Kind::Union => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
            flag = args[2..].iter().any(|member| member.contains('/'));
            for member in &args[2..] {
                let (name, rest) = member.split_once(':').unwrap();
                let (ty, place) = rest.split_once('@').unwrap();
                let (bit, width) = place.split_once('/').unwrap_or((place, "0"));
                record.extend([
                    intern(btf, name),
                    number(ty),
                    number::<u32>(width) << 24 | number::<u32>(bit),
                ]);
                vlen += 1;
            }
        }
        Kind::Enum | Kind::Enum64 => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
            for value in &args[2..] {
                let Some((name, value)) = value.split_once('=') else {
                    flag = true;
                    continue;
                };
                let value: i64 = number(value);
                record.extend([intern(btf, name), value as u32]);
                if kind == Kind::Enum64 {
                    record.push((value >> 32) as u32);
                }
                vlen += 1;
            }
        }
        Kind::FuncProto => {
            record[2] = number(args[0]);
            for param in &args[1..] {
                let (name, ty) = param.split_once(':').unwrap();
                record.extend([intern(btf, name), number(ty)]);
                vlen += 1;
            }
        }
        Kind::Func => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
            vlen = number(args[2]);
        }
        Kind::Var => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
            record.push(number(args[2]));
        }
        Kind::Datasec => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
            for var in &args[2..] {
                let (id, rest) = var.split_once('@').unwrap();
                let (offset, size) = rest.split_once('+').unwrap();
                record.extend([number(id), number(offset), number::<u32>(size)]);
                vlen += 1;
            }
        }
        Kind::DeclTag => {
            record[0] = intern(btf, args[0]);
            record[2] = number(args[1]);
            record.push(number::<i32>(args[2]).cast_unsigned());
        }
        _ => unreachable!("`name_kind` gives neither"),
    }
    record[1] = make_info(kind, vlen, flag);
    btf.push_raw(&record).unwrap();
}

fn print(ty: Type<'_>) -> String {
    let name_at = |off: StrOff| match ty.btf().str_at(off).unwrap() {
        b"" => "_".to_owned(),
        name => String::from_utf8_lossy(name).into_owned(),
    };
    let name = name_at(ty.name_off());
    let word = ty.size_or_type();
    let mut out = format!("[{}] ", ty.id().0);
    let kind = match ty.kind() {
        Kind::FuncProto => "PROTO",
        Kind::DeclTag => "TAG",
        Kind::TypeTag => "TYPETAG",
        kind => kind.name(),
    };
    out += kind;
    match ty.kind() {
        Kind::Int => {
            let encoding = match ty.int().unwrap().encoding.0 {
                0 => "none",
                1 => "signed",
                2 => "char",
                4 => "bool",
                other => panic!("encoding {other}"),
            };
            write!(out, " {name} {word} {encoding}").unwrap();
        }
        Kind::Float | Kind::Typedef | Kind::TypeTag => write!(out, " {name} {word}").unwrap(),
        Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict => {
            write!(out, " {word}").unwrap();
        }
        Kind::Fwd => {
            let what = if ty.kind_flag() { "union" } else { "struct" };
            write!(out, " {name} {what}").unwrap();
        }
        Kind::Array => {
            let array = ty.array().unwrap();
            write!(out, " {} {} {}", array.elem.0, array.index.0, array.nelems).unwrap();
        }
        Kind::Struct | Kind::Union => {
            write!(out, " {name} {word}").unwrap();
            for m in ty.members() {
                let name = name_at(m.name_off);
                write!(out, " {name}:{}@{}", m.type_id.0, m.bit_offset).unwrap();
                if m.bitfield_size != 0 {
                    write!(out, "/{}", m.bitfield_size).unwrap();
                }
            }
        }
        Kind::Enum | Kind::Enum64 => {
            write!(out, " {name} {word}").unwrap();
            for value in ty.enum_values() {
                write!(out, " {}={}", name_at(value.name_off), value.value()).unwrap();
            }
            if ty.kind_flag() {
                out += " signed";
            }
        }
        Kind::FuncProto => {
            write!(out, " {word}").unwrap();
            for param in ty.params() {
                write!(out, " {}:{}", name_at(param.name_off), param.type_id.0).unwrap();
            }
        }
        Kind::Func => write!(out, " {name} {word} {}", ty.vlen()).unwrap(),
        Kind::Var => write!(out, " {name} {word} {}", ty.var_linkage().unwrap()).unwrap(),
        Kind::Datasec => {
            write!(out, " {name} {word}").unwrap();
            for var in ty.sec_vars() {
                write!(out, " {}@{}+{}", var.type_id.0, var.offset, var.size).unwrap();
            }
        }
        Kind::DeclTag => {
            write!(out, " {name} {word} {}", ty.component_idx().unwrap()).unwrap();
        }
        _ => panic!("no notation for {ty:?}"),
    }
    out
}

/// A base BTF of the types in `text`.
pub(crate) fn btf(text: &str) -> Btf {
    let mut btf = Btf::new_empty(Endian::Little);
    add(&mut btf, text);
    btf
}

/// A split BTF on `base` of the types in `text`.
pub(crate) fn split(base: &Arc<Btf>, text: &str) -> Btf {
    let mut btf = Btf::new_split(Arc::clone(base));
    add(&mut btf, text);
    btf
}

/// The own types of `btf`.
pub(crate) fn text(btf: &Btf) -> String {
    btf.own_types().map(|ty| print(ty) + "\n").collect()
}

/// `text` as [`text`] prints it.
pub(crate) fn tidy(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n")
        .collect()
}

pub(crate) fn opts(force_collisions: bool) -> DedupOpts {
    let mut opts = DedupOpts::default();
    opts.force_collisions = force_collisions;
    opts
}

/// Deduplicates, and checks what holds of every result: the audit finds
/// nothing, and deduplicating again changes nothing.
pub(crate) fn run(btf: &mut Btf, force_collisions: bool) -> DedupMap {
    let map = dedup(btf, &opts(force_collisions)).unwrap();
    assert_eq!(btf_dedup::duplicates(btf), [], "{}", text(btf));
    assert_eq!(map.n_after(), btf.n_own_types());
    let mut again = btf.clone();
    dedup(&mut again, &opts(force_collisions)).unwrap();
    assert_eq!(text(&again), text(btf), "deduplicating again");
    map
}

/// Checks that a base BTF of `input` deduplicates to `expected`, whatever the
/// hash values.
#[track_caller]
pub(crate) fn check(input: &str, expected: &str) {
    for force_collisions in [false, true] {
        let mut btf = btf(input);
        run(&mut btf, force_collisions);
        assert_eq!(text(&btf), tidy(expected), "collisions {force_collisions}");
    }
}

/// As [`check`], for a split BTF on a base taken as it is.
#[track_caller]
pub(crate) fn check_split(base: &str, input: &str, expected: &str) {
    let base = Arc::new(btf(base));
    for force_collisions in [false, true] {
        let mut btf = split(&base, input);
        run(&mut btf, force_collisions);
        assert_eq!(text(&btf), tidy(expected), "collisions {force_collisions}");

        let index = if force_collisions {
            BaseIndex::with_forced_collisions(Arc::clone(&base)).unwrap()
        } else {
            BaseIndex::new(Arc::clone(&base)).unwrap()
        };
        let mut btf = split(&base, input);
        dedup_split(&mut btf, &index, &DedupOpts::default()).unwrap();
        assert_eq!(text(&btf), tidy(expected), "with an index made before");
    }
}
