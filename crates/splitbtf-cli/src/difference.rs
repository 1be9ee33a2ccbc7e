//! A difference between two types, in words.
//!
//! `btf_dedup` finds the nearest difference, as the way to it and what the two types there
//! disagree about. A person wants to know which types these are, and what one has that the
//! other lacks:
//!
//! ```text
//! f_op->splice_eof: struct file_operations: member `splice_eof` is only in the base
//! ```

use std::fmt::Write as _;

use btf_builder::{Btf, IntEncoding, Kind, Type, TypeId};
use btf_dedup::{Difference, Reason, Step};
use btf_diff::describe;

/// The most elements that are named as being on one side only.
const MOST_NAMES: usize = 3;

/// One line on `difference`; the sides are such as `the file` and `the base`.
pub(crate) fn in_words(btf: &Btf, difference: &Difference, sides: [&str; 2]) -> String {
    let way = way(&difference.path);
    let pair = Pair {
        btf,
        ids: difference.ids.into(),
        sides,
    };
    let what = pair.reason(&difference.reason);
    if way.is_empty() {
        what
    } else {
        format!("{way}: {what}")
    }
}

/// The way to a difference as an expression of C, as far as there is one.
fn way(path: &[Step]) -> String {
    let mut way = String::new();
    for step in path {
        match step {
            // Typedefs, qualifiers and a function's prototype have no notation.
            Step::Target => {}
            // `p->x` and not `p->.x`.
            Step::Member { .. } if way.is_empty() || way.ends_with("->") => {
                let member = step.to_string();
                way.push_str(member.strip_prefix('.').unwrap_or(&member));
            }
            step => {
                let _ = write!(way, "{step}");
            }
        }
    }
    way
}

/// The two types that differ.
struct Pair<'a> {
    btf: &'a Btf,
    ids: [TypeId; 2],
    sides: [&'a str; 2],
}

impl Pair<'_> {
    fn reason(&self, reason: &Reason) -> String {
        let [a, b] = self.sides;
        let whole = self.name(0);
        match reason {
            Reason::Kind(..) | Reason::Name(..) | Reason::Void(_) => {
                format!("{whole} in {a}, {} in {b}", self.name(1))
            }
            Reason::Declaration(first) => {
                let (declared, defined) = if *first { (a, b) } else { (b, a) };
                let definition = self.name(usize::from(*first));
                format!("{definition} is only declared in {declared}, and defined in {defined}")
            }
            Reason::Size(x, y) => {
                let mut text = format!("{whole}: size {x} in {a}, {y} in {b}");
                if let Some(extra) = self.one_sided() {
                    let _ = write!(text, "; {extra}");
                }
                text
            }
            Reason::Count(x, y) => match self.one_sided() {
                Some(extra) => format!("{whole}: {extra}"),
                None => format!("{whole}: {x} {} in {a}, {y} in {b}", self.elements()),
            },
            Reason::Flag(x, _) => {
                let (with, without) = match self.ty(0).map(|ty| ty.kind()) {
                    Some(Kind::Enum | Kind::Enum64) => ("signed", "unsigned"),
                    Some(Kind::Fwd) => ("a union", "a struct"),
                    Some(Kind::Struct | Kind::Union) => ("with bitfields", "without"),
                    _ => ("with kind_flag", "without"),
                };
                let (x, y) = if *x { (with, without) } else { (without, with) };
                format!("{whole}: {x} in {a}, {y} in {b}")
            }
            Reason::Encoding(..) => {
                let [x, y] = [0, 1].map(|side| self.encoding(side));
                format!("{whole}: {x} in {a}, {y} in {b}")
            }
            Reason::ElementName { index, names } => match self.one_sided() {
                Some(extra) => format!("{whole}: {extra}"),
                None => {
                    let [x, y] = [&names.0, &names.1].map(|name| String::from_utf8_lossy(name));
                    let element = self.element();
                    let n = index + 1;
                    format!("{whole}: {element} {n} is `{x}` in {a}, `{y}` in {b}")
                }
            },
            Reason::MemberOffset {
                index,
                bit_offsets: (x, y),
                bit_sizes,
            } => {
                let [wide_x, wide_y] = [bit_sizes.0, bit_sizes.1].map(width);
                let name = self.element_name(*index);
                format!("{whole}: {name} at bit {x}{wide_x} in {a}, at bit {y}{wide_y} in {b}")
            }
            Reason::EnumValue {
                index,
                values: (x, y),
            } => {
                let name = self.element_name(*index);
                format!("{whole}: {name} is {x} in {a}, {y} in {b}")
            }
            Reason::ArrayLen(x, y) => format!("{whole}: length {x} in {a}, {y} in {b}"),
            Reason::Linkage(x, y) => {
                let [x, y] = [x, y].map(|linkage| match linkage {
                    0 => "static",
                    1 => "global",
                    2 => "extern",
                    _ => "of unknown linkage",
                });
                format!("{whole}: {x} in {a}, {y} in {b}")
            }
            // What is left is about types that deduplication does not touch.
            other => format!("{whole}: {other}"),
        }
    }

    fn ty(&self, side: usize) -> Option<Type<'_>> {
        self.btf.ty(self.ids[side])
    }

    /// The type of a side as C names it.
    fn name(&self, side: usize) -> String {
        match self.ty(side) {
            Some(ty) if ty.kind() == Kind::Func => format!("function {}", ty.name_str()),
            Some(ty) if ty.kind() == Kind::Var => format!("variable {}", ty.name_str()),
            _ => describe(self.btf, self.ids[side]),
        }
    }

    /// What elements of these types are called.
    fn element(&self) -> &'static str {
        match self.ty(0).map(|ty| ty.kind()) {
            Some(Kind::Enum | Kind::Enum64) => "value",
            Some(Kind::FuncProto) => "parameter",
            _ => "member",
        }
    }

    fn elements(&self) -> String {
        format!("{}s", self.element())
    }

    /// The names of the elements of a side.
    fn names(&self, side: usize) -> Vec<String> {
        let Some(ty) = self.ty(side) else {
            return Vec::new();
        };
        let members = ty.members().map(|member| member.name_off);
        let values = ty.enum_values().map(|value| value.name_off);
        let params = ty.params().map(|param| param.name_off);
        let offs = members.chain(values).chain(params);
        offs.map(|off| String::from_utf8_lossy(self.btf.str_at(off).unwrap_or_default()).into())
            .collect()
    }

    /// ``member `x` ``, or its number if it has no name.
    fn element_name(&self, index: u32) -> String {
        let element = self.element();
        match self.names(0).get(index as usize) {
            Some(name) if !name.is_empty() => format!("{element} `{name}`"),
            _ => format!("{element} {}", index + 1),
        }
    }

    /// The named elements that only one side has; `None` if there are none. Parameters are
    /// told by place, not by name.
    fn one_sided(&self) -> Option<String> {
        if self.element() == "parameter" {
            return None;
        }
        let names = [self.names(0), self.names(1)];
        let mut text = String::new();
        for (side, other) in [(0, 1), (1, 0)] {
            let missing: Vec<_> = names[side]
                .iter()
                .filter(|name| !name.is_empty() && !names[other].contains(name))
                .map(|name| format!("`{name}`"))
                .collect();
            if missing.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            let (plural, verb) = match missing.len() {
                1 => ("", "is"),
                _ => ("s", "are"),
            };
            let listed = missing[..missing.len().min(MOST_NAMES)].join(", ");
            let _ = write!(text, "{}{plural} {listed}", self.element());
            if let more @ 1.. = missing.len().saturating_sub(MOST_NAMES) {
                let _ = write!(text, " and {more} more");
            }
            let _ = write!(text, " {verb} only in {}", self.sides[side]);
        }
        (!text.is_empty()).then_some(text)
    }

    /// ``signed, 8 bits``
    fn encoding(&self, side: usize) -> String {
        let Some(int) = self.ty(side).and_then(|ty| ty.int()) else {
            return String::new();
        };
        let encoding = match int.encoding {
            IntEncoding::NONE => "unsigned",
            IntEncoding::SIGNED => "signed",
            IntEncoding::CHAR => "char",
            IntEncoding::BOOL => "bool",
            _ => "of mixed encoding",
        };
        format!("{encoding}, {} bits", int.bits)
    }
}

/// ` of 3 bits`, for bitfields.
fn width(bits: u32) -> String {
    match bits {
        0 => String::new(),
        bits => format!(" of {bits} bits"),
    }
}

#[cfg(test)]
mod tests {
    use btf_builder::{Endian, FwdKind};

    use super::*;

    /// `struct outer { struct inner *p; }` with what `inner` is made by `inner`.
    fn outer(btf: &mut Btf, inner: impl FnOnce(&mut Btf) -> TypeId) -> TypeId {
        let inner = inner(btf);
        let ptr = btf.add_ptr(inner).unwrap();
        let outer = btf.add_struct("outer", 8).unwrap();
        btf.add_field("p", ptr, 0, 0).unwrap();
        outer
    }

    fn inner(btf: &mut Btf, size: u32, members: &[&str]) -> TypeId {
        let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let id = btf.add_struct("inner", size).unwrap();
        for (i, name) in members.iter().enumerate() {
            btf.add_field(name, int, 32 * i as u32, 0).unwrap();
        }
        id
    }

    fn told(
        one: impl FnOnce(&mut Btf) -> TypeId,
        other: impl FnOnce(&mut Btf) -> TypeId,
    ) -> Option<String> {
        let mut btf = Btf::new_empty(Endian::Little);
        let a = outer(&mut btf, one);
        let b = outer(&mut btf, other);
        let difference = btf_dedup::explain(&btf, a, b)?;
        Some(in_words(&btf, &difference, ["A", "B"]))
    }

    #[test]
    fn the_way_to_the_smallest_difference_is_told() {
        let cases: [(&[&str], &[&str], &str); 4] = [
            (
                &["x", "y"],
                &["x"],
                "p->: struct inner: member `y` is only in A",
            ),
            (
                &["x"],
                &["z"],
                "p->: struct inner: member `x` is only in A, member `z` is only in B",
            ),
            (
                &["x", "y"],
                &["y", "x"],
                "p->: struct inner: member 1 is `x` in A, `y` in B",
            ),
            (
                &["x"],
                &["x", "a", "b", "c", "d"],
                "p->: struct inner: members `a`, `b`, `c` and 1 more are only in B",
            ),
        ];
        for (one, other, expected) in cases {
            let told = told(|btf| inner(btf, 20, one), |btf| inner(btf, 20, other));
            assert_eq!(told.as_deref(), Some(expected));
        }
        let told = told(
            |btf| inner(btf, 4, &["x"]),
            |btf| inner(btf, 8, &["x", "y"]),
        );
        assert_eq!(
            told.as_deref(),
            Some("p->: struct inner: size 4 in A, 8 in B; member `y` is only in B")
        );
    }

    #[test]
    fn a_declaration_is_told_from_a_definition() {
        let declared = |btf: &mut Btf| btf.add_fwd("inner", FwdKind::Struct).unwrap();
        let defined = |btf: &mut Btf| inner(btf, 4, &["x"]);
        assert_eq!(
            told(declared, defined).as_deref(),
            Some("p->: struct inner is only declared in A, and defined in B")
        );
        assert_eq!(
            told(defined, declared).as_deref(),
            Some("p->: struct inner is only declared in B, and defined in A")
        );
    }

    #[test]
    fn values_and_places_are_told_with_their_names() {
        let number = |value: i64| {
            move |btf: &mut Btf| {
                let id = btf.add_enum("inner", 4).unwrap();
                btf.add_enum_value("LOW", value).unwrap();
                id
            }
        };
        assert_eq!(
            told(number(1), number(2)).as_deref(),
            Some("p->: enum inner: value `LOW` is 1 in A, 2 in B")
        );
        let bits = |at, size| {
            move |btf: &mut Btf| {
                let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
                let id = btf.add_struct("inner", 4).unwrap();
                btf.add_field("flags", int, at, size).unwrap();
                id
            }
        };
        assert_eq!(
            told(bits(3, 2), bits(4, 2)).as_deref(),
            Some(
                "p->: struct inner: member `flags` at bit 3 of 2 bits in A, at bit 4 of 2 bits \
                 in B"
            )
        );
        let int = |encoding| move |btf: &mut Btf| btf.add_int("inner", 4, encoding).unwrap();
        assert_eq!(
            told(int(IntEncoding::SIGNED), int(IntEncoding::NONE)).as_deref(),
            Some("p->: inner: signed, 32 bits in A, unsigned, 32 bits in B")
        );
    }
}
