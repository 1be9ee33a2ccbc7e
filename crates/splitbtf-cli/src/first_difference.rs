//! Where two types differ first.
//!
//! Deduplication only says that two graphs of types are not the same. What a person wants to
//! know is the smallest reason: not that `struct task_struct` differs, but that far inside it
//! a structure has one member more. The two graphs are walked side by side, nearest pairs
//! first, so that the difference found is one with the shortest path to it:
//!
//! ```text
//!   struct file ─ f_op ─▶ pointer ─▶ struct file_operations ─ splice_eof ─▶ only in the base
//! ```

use std::collections::{HashSet, VecDeque};

use btf_builder::{Btf, Kind, Type, TypeId};
use btf_diff::describe;

/// The nearest difference between two types.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The way to it, one step an element; empty if the types themselves differ.
    pub(crate) path: Vec<String>,
    /// What differs: the first type's side, then the second's.
    pub(crate) what: String,
}

/// Walks from `a` and `b` of `btf` to the first difference; `None` if there is none.
///
/// `a_name` and `b_name` say on which side something is, such as `the base`.
pub(crate) fn first_difference(
    btf: &Btf,
    (a, a_name): (TypeId, &str),
    (b, b_name): (TypeId, &str),
) -> Option<Difference> {
    let mut walk = Walk {
        btf,
        names: [a_name, b_name],
        seen: HashSet::new(),
        steps: Vec::new(),
    };
    walk.enqueue(usize::MAX, String::new(), a, b);
    let mut next = 0;
    let mut queue = VecDeque::new();
    loop {
        queue.extend(next..walk.steps.len());
        next = walk.steps.len();
        let at = queue.pop_front()?;
        if let Some(what) = walk.compare(at) {
            return Some(Difference {
                path: walk.path(at),
                what,
            });
        }
    }
}

/// A pair of types and how it was come to.
struct Step {
    from: usize,
    label: String,
    a: TypeId,
    b: TypeId,
}

struct Walk<'a> {
    btf: &'a Btf,
    names: [&'a str; 2],
    seen: HashSet<(TypeId, TypeId)>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn enqueue(&mut self, from: usize, label: String, a: TypeId, b: TypeId) {
        if a != b && self.seen.insert((a, b)) {
            self.steps.push(Step { from, label, a, b });
        }
    }

    /// The labels from the start to a step.
    fn path(&self, mut at: usize) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(step) = self.steps.get(at) {
            if !step.label.is_empty() {
                path.push(step.label.clone());
            }
            at = step.from;
        }
        path.reverse();
        path
    }

    /// How the records of a pair differ; if they do not, the pairs they refer to follow.
    fn compare(&mut self, at: usize) -> Option<String> {
        let Step { a, b, .. } = self.steps[at];
        let [a_name, b_name] = self.names;
        let (Some(ta), Some(tb)) = (self.btf.ty(a), self.btf.ty(b)) else {
            let name = |id| {
                if self.btf.ty(id).is_some() {
                    describe(self.btf, id)
                } else {
                    "void".into()
                }
            };
            return (a.is_void() != b.is_void())
                .then(|| format!("{} in {a_name}, {} in {b_name}", name(a), name(b)));
        };
        if let Some(what) = self.forward(ta, tb) {
            return Some(what);
        }
        if ta.kind() != tb.kind() || ta.name() != tb.name() {
            return Some(format!(
                "{} in {a_name}, {} in {b_name}",
                full(self.btf, ta),
                full(self.btf, tb)
            ));
        }
        let differ = |what: &str, a: u32, b: u32| {
            (a != b).then(|| {
                format!(
                    "{}: {what} {a} in {a_name}, {b} in {b_name}",
                    full(self.btf, ta)
                )
            })
        };
        match ta.kind() {
            Kind::Struct | Kind::Union => differ("size", ta.size_or_type(), tb.size_or_type())
                .or_else(|| self.members(at, ta, tb)),
            Kind::Enum | Kind::Enum64 => {
                differ("size", ta.size_or_type(), tb.size_or_type()).or_else(|| self.values(ta, tb))
            }
            Kind::Int | Kind::Float => differ("size", ta.size_or_type(), tb.size_or_type())
                .or_else(|| {
                    (ta.words().get(3) != tb.words().get(3)).then(|| {
                        format!(
                            "{}: another encoding in {a_name} than in {b_name}",
                            full(self.btf, ta)
                        )
                    })
                }),
            Kind::Array => {
                let (x, y) = (ta.array()?, tb.array()?);
                let what = differ("length", x.nelems, y.nelems);
                self.enqueue(at, "element".into(), x.elem, y.elem);
                self.enqueue(at, "index".into(), x.index, y.index);
                what
            }
            Kind::FuncProto => self.parameters(at, ta, tb),
            kind => {
                let label = match kind {
                    Kind::Ptr => "pointer".to_owned(),
                    Kind::Func | Kind::Var => String::new(),
                    _ => kind.name().to_lowercase(),
                };
                self.enqueue(at, label, ta.type_id()?, tb.type_id()?);
                None
            }
        }
    }

    /// A definition on one side and only a declaration on the other.
    fn forward(&self, ta: Type<'_>, tb: Type<'_>) -> Option<String> {
        let is_declaration =
            |ty: Type<'_>| ty.kind() == Kind::Fwd || ty.kind().is_any_enum() && ty.vlen() == 0;
        let [a_name, b_name] = self.names;
        if ta.name() != tb.name() || is_declaration(ta) == is_declaration(tb) {
            return None;
        }
        let (declared, defined) = if is_declaration(ta) {
            (a_name, b_name)
        } else {
            (b_name, a_name)
        };
        let definition = if is_declaration(ta) { tb } else { ta };
        Some(format!(
            "{} is only declared in {declared}, and defined in {defined}",
            full(self.btf, definition)
        ))
    }

    fn members(&mut self, at: usize, ta: Type<'_>, tb: Type<'_>) -> Option<String> {
        let [a_name, b_name] = self.names;
        let btf = self.btf;
        let whole = full(btf, ta);
        for (i, (x, y)) in ta.members().zip(tb.members()).enumerate() {
            let (x_name, y_name) = (text(btf, x.name_off), text(btf, y.name_off));
            if x_name != y_name {
                return Some(format!(
                    "{whole}: member {} is `{x_name}` in {a_name}, `{y_name}` in {b_name}",
                    i + 1
                ));
            }
            if (x.bit_offset, x.bitfield_size) != (y.bit_offset, y.bitfield_size) {
                return Some(format!(
                    "{whole}: member `{x_name}` at bit {}{} in {a_name}, at bit {}{} in {b_name}",
                    x.bit_offset,
                    width(x.bitfield_size),
                    y.bit_offset,
                    width(y.bitfield_size)
                ));
            }
            let label = if x_name.is_empty() {
                format!("member {}", i + 1)
            } else {
                format!("member `{x_name}`")
            };
            self.enqueue(at, label, x.type_id, y.type_id);
        }
        extra(
            &whole,
            "member",
            [ta, tb].map(|ty| {
                ty.members()
                    .map(|member| text(btf, member.name_off))
                    .collect()
            }),
            self.names,
        )
    }

    fn values(&self, ta: Type<'_>, tb: Type<'_>) -> Option<String> {
        let [a_name, b_name] = self.names;
        let whole = full(self.btf, ta);
        for (x, y) in ta.enum_values().zip(tb.enum_values()) {
            let (x_name, y_name) = (text(self.btf, x.name_off), text(self.btf, y.name_off));
            if x_name != y_name {
                return Some(format!(
                    "{whole}: `{x_name}` in {a_name}, `{y_name}` in {b_name}"
                ));
            }
            if x.value() != y.value() {
                return Some(format!(
                    "{whole}: `{x_name}` is {} in {a_name}, {} in {b_name}",
                    x.value(),
                    y.value()
                ));
            }
        }
        extra(
            &whole,
            "value",
            [ta, tb].map(|ty| {
                ty.enum_values()
                    .map(|value| text(self.btf, value.name_off))
                    .collect()
            }),
            self.names,
        )
    }

    fn parameters(&mut self, at: usize, ta: Type<'_>, tb: Type<'_>) -> Option<String> {
        let [a_name, b_name] = self.names;
        let btf = self.btf;
        self.enqueue(
            at,
            "return type".into(),
            TypeId(ta.size_or_type()),
            TypeId(tb.size_or_type()),
        );
        for (i, (x, y)) in ta.params().zip(tb.params()).enumerate() {
            let (x_name, y_name) = (text(btf, x.name_off), text(btf, y.name_off));
            if x_name != y_name {
                return Some(format!(
                    "parameter {} is `{x_name}` in {a_name}, `{y_name}` in {b_name}",
                    i + 1
                ));
            }
            self.enqueue(at, format!("parameter {}", i + 1), x.type_id, y.type_id);
        }
        (ta.vlen() != tb.vlen()).then(|| {
            format!(
                "{} parameters in {a_name}, {} in {b_name}",
                ta.vlen(),
                tb.vlen()
            )
        })
    }
}

/// That one side has more elements, naming the first that the other lacks.
fn extra(
    whole: &str,
    what: &str,
    [a, b]: [Vec<String>; 2],
    [a_name, b_name]: [&str; 2],
) -> Option<String> {
    let (name, side) = match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => (&a[b.len()], a_name),
        std::cmp::Ordering::Less => (&b[a.len()], b_name),
    };
    Some(format!("{whole}: {what} `{name}` is only in {side}"))
}

fn text(btf: &Btf, off: btf_builder::StrOff) -> String {
    String::from_utf8_lossy(btf.str_at(off).unwrap_or_default()).into_owned()
}

/// ` of 3 bits`, for bitfields.
fn width(bits: u32) -> String {
    if bits == 0 {
        String::new()
    } else {
        format!(" of {bits} bits")
    }
}

/// The type as C names it.
fn full(btf: &Btf, ty: Type<'_>) -> String {
    match ty.kind() {
        Kind::Func => format!("function {}", ty.name_str()),
        Kind::Var => format!("variable {}", ty.name_str()),
        _ => describe(btf, ty.id()),
    }
}

#[cfg(test)]
mod tests {
    use btf_builder::{Endian, FwdKind, IntEncoding};

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

    fn difference(
        one: impl FnOnce(&mut Btf) -> TypeId,
        other: impl FnOnce(&mut Btf) -> TypeId,
    ) -> Option<(String, String)> {
        let mut btf = Btf::new_empty(Endian::Little);
        let a = outer(&mut btf, one);
        let b = outer(&mut btf, other);
        first_difference(&btf, (a, "A"), (b, "B"))
            .map(|difference| (difference.path.join(", "), difference.what))
    }

    #[test]
    fn the_way_to_the_smallest_difference_is_told() {
        let found = difference(
            |btf| inner(btf, 4, &["x"]),
            |btf| inner(btf, 8, &["x", "y"]),
        );
        assert_eq!(
            found,
            Some((
                "member `p`, pointer".into(),
                "struct inner: size 4 in A, 8 in B".into()
            ))
        );
        let found = difference(
            |btf| inner(btf, 8, &["x"]),
            |btf| inner(btf, 8, &["x", "y"]),
        );
        assert_eq!(found.unwrap().1, "struct inner: member `y` is only in B");
        let found = difference(|btf| inner(btf, 8, &["x"]), |btf| inner(btf, 8, &["z"]));
        assert_eq!(
            found.unwrap().1,
            "struct inner: member 1 is `x` in A, `z` in B"
        );
    }

    #[test]
    fn a_declaration_is_told_from_a_definition() {
        let found = difference(
            |btf| btf.add_fwd("inner", FwdKind::Struct).unwrap(),
            |btf| inner(btf, 4, &["x"]),
        );
        assert_eq!(
            found.unwrap().1,
            "struct inner is only declared in A, and defined in B"
        );
    }

    #[test]
    fn equal_graphs_have_no_difference_and_cycles_end() {
        let same = |btf: &mut Btf| inner(btf, 4, &["x"]);
        assert_eq!(difference(same, same), None);

        let mut btf = Btf::new_empty(Endian::Little);
        let mut list = || {
            let id = btf.add_struct("list", 8).unwrap();
            btf.add_field("next", TypeId(id.0 + 1), 0, 0).unwrap();
            btf.add_ptr(id).unwrap();
            id
        };
        let (a, b) = (list(), list());
        assert_eq!(first_difference(&btf, (a, "A"), (b, "B")), None);
    }
}
