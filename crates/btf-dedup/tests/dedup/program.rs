//! Random C-like programs, and the BTF that a compiler makes of their CUs.
//!
//! A program has structs, unions, enums and typedefs, each with one definition.
//! A CU mentions some of them, defines some of those and only declares the
//! rest. Deduplicating all CUs must give the BTF of the program in one CU.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use btf_builder::{Btf, Kind, TypeId};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// Number of composites, enums and typedefs that expressions can name.
const N: u8 = 6;

/// A type as it is written in C.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Void,
    Int(u8),
    Composite(u8),
    Enum(u8),
    Typedef(u8),
    Ptr(Box<Self>),
    Const(Box<Self>),
    Array(Box<Self>, u8),
    Proto(Vec<Self>),
    Anon(Vec<Self>),
}

/// Composites by their member types, and typedefs by their targets.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) composites: Vec<Vec<Expr>>,
    pub(crate) typedefs: Vec<Expr>,
}

/// What a CU mentions, and which composites and enums it defines.
#[derive(Clone, Debug)]
pub(crate) struct Cu {
    pub(crate) variables: Vec<Expr>,
    pub(crate) defines: BTreeSet<u8>,
    pub(crate) defines_enums: BTreeSet<u8>,
    /// The compiler emits anonymous types anew wherever they occur.
    pub(crate) repeats: bool,
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        1 => Just(Expr::Void),
        2 => (0..3_u8).prop_map(Expr::Int),
        6 => (0..N).prop_map(Expr::Composite),
        1 => (0..N).prop_map(Expr::Enum),
        2 => (0..N).prop_map(Expr::Typedef),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            4 => inner.clone().prop_map(|e| Expr::Ptr(Box::new(e))),
            1 => inner.clone().prop_map(|e| Expr::Const(Box::new(e))),
            1 => (inner.clone(), 1..4_u8).prop_map(|(e, n)| Expr::Array(Box::new(e), n)),
            1 => vec(inner.clone(), 1..4).prop_map(Expr::Proto),
            1 => vec(inner, 1..4).prop_map(Expr::Anon),
        ]
    })
}

pub(crate) fn program() -> impl Strategy<Value = Program> {
    let composites = vec(vec(expr(), 0..4), usize::from(N));
    let typedefs = vec(expr(), usize::from(N));
    (composites, typedefs).prop_map(|(composites, mut typedefs)| {
        // A typedef only names earlier ones, as C has it.
        for (i, target) in typedefs.iter_mut().enumerate() {
            limit_typedefs(target, i as u8);
        }
        Program {
            composites,
            typedefs,
        }
    })
}

fn limit_typedefs(expr: &mut Expr, below: u8) {
    match expr {
        Expr::Typedef(i) if below == 0 => *expr = Expr::Int(*i % 3),
        Expr::Typedef(i) => *i %= below,
        Expr::Ptr(e) | Expr::Const(e) | Expr::Array(e, _) => limit_typedefs(e, below),
        Expr::Proto(es) | Expr::Anon(es) => {
            es.iter_mut().for_each(|e| limit_typedefs(e, below));
        }
        Expr::Void | Expr::Int(_) | Expr::Composite(_) | Expr::Enum(_) => {}
    }
}

pub(crate) fn cu() -> impl Strategy<Value = Cu> {
    (
        vec(expr(), 1..4),
        btree_set(0..N, 0..usize::from(N)),
        btree_set(0..N, 0..usize::from(N)),
        any::<bool>(),
    )
        .prop_map(|(variables, defines, defines_enums, repeats)| Cu {
            variables,
            defines,
            defines_enums,
            repeats,
        })
}

/// All CUs as one: what any of them mentions, defined if one that mentions it
/// defines it.
pub(crate) fn united(program: &Program, cus: &[Cu]) -> Cu {
    let mut all = Cu {
        variables: Vec::new(),
        defines: BTreeSet::new(),
        defines_enums: BTreeSet::new(),
        repeats: false,
    };
    for cu in cus {
        all.variables.extend(cu.variables.iter().cloned());
        let mut emitter = Emitter::new(program, cu, 1);
        emitter.run();
        let mentions = |key: String| emitter.known.contains_key(&key);
        let defines = cu.defines.iter().filter(|i| mentions(format!("c{i}")));
        all.defines.extend(defines);
        let enums = cu
            .defines_enums
            .iter()
            .filter(|i| mentions(format!("e{i}")));
        all.defines_enums.extend(enums);
    }
    all
}

/// The compiler: collects the lines of one CU.
struct Emitter<'a> {
    program: &'a Program,
    cu: &'a Cu,
    first: u32,
    lines: Vec<String>,
    known: BTreeMap<String, u32>,
}

impl<'a> Emitter<'a> {
    fn new(program: &'a Program, cu: &'a Cu, first: u32) -> Self {
        Self {
            program,
            cu,
            first,
            lines: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    fn run(&mut self) {
        let cu = self.cu;
        for variable in &cu.variables {
            self.emit(variable);
        }
    }

    fn emit(&mut self, expr: &Expr) -> u32 {
        let (key, anonymous) = match expr {
            Expr::Void => return 0,
            Expr::Int(i) => (format!("int{i}"), false),
            Expr::Composite(i) => (format!("c{i}"), false),
            Expr::Enum(i) => (format!("e{i}"), false),
            Expr::Typedef(i) => (format!("t{i}"), false),
            other => (format!("{other:?}"), true),
        };
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = self.first + self.lines.len() as u32;
        // The place is taken before the line is known, so that cycles close.
        self.lines.push(String::new());
        if !(anonymous && self.cu.repeats) {
            self.known.insert(key, id);
        }
        let members = |this: &mut Self, members: &[Expr]| -> String {
            let mut out = String::new();
            for (i, member) in members.iter().enumerate() {
                let ty = this.emit(member);
                write!(out, " m{i}:{ty}@{}", 64 * i).unwrap();
            }
            out
        };
        let line = match expr {
            Expr::Void => String::new(),
            Expr::Int(i) => format!("INT int{i} {} signed", 1 << i),
            Expr::Composite(i) => {
                let (kind, word) = if i % 3 == 2 {
                    ("UNION", "union")
                } else {
                    ("STRUCT", "struct")
                };
                if self.cu.defines.contains(i) {
                    let program = self.program;
                    let fields = &program.composites[usize::from(*i)];
                    let members = members(self, fields);
                    format!("{kind} c{i} {}{members}", 8 * fields.len())
                } else {
                    format!("FWD c{i} {word}")
                }
            }
            Expr::Enum(i) => {
                let kind = if i % 2 == 0 { "ENUM" } else { "ENUM64" };
                if self.cu.defines_enums.contains(i) {
                    format!("{kind} e{i} 8 v{i}={i}")
                } else {
                    format!("ENUM e{i} 4")
                }
            }
            Expr::Typedef(i) => {
                let program = self.program;
                let target = self.emit(&program.typedefs[usize::from(*i)]);
                format!("TYPEDEF t{i} {target}")
            }
            Expr::Ptr(e) => format!("PTR {}", self.emit(e)),
            Expr::Const(e) => format!("CONST {}", self.emit(e)),
            Expr::Array(e, n) => {
                let elem = self.emit(e);
                let index = self.emit(&Expr::Int(2));
                format!("ARRAY {elem} {index} {n}")
            }
            Expr::Proto(types) => {
                let ret = self.emit(&types[0]);
                let mut out = format!("PROTO {ret}");
                for (i, ty) in types[1..].iter().enumerate() {
                    let ty = self.emit(ty);
                    write!(out, " p{i}:{ty}").unwrap();
                }
                out
            }
            Expr::Anon(types) => {
                let members = members(self, types);
                format!("STRUCT _ {}{members}", 8 * types.len())
            }
        };
        self.lines[(id - self.first) as usize] = format!("[{id}] {line}\n");
        id
    }
}

/// The types of a CU, numbered from `first`, in the tests' notation.
pub(crate) fn compile(program: &Program, cu: &Cu, first: u32) -> String {
    let mut emitter = Emitter::new(program, cu, first);
    emitter.run();
    emitter.lines.concat()
}

/// The types of all CUs one after the other, numbered from `first`.
pub(crate) fn compile_all(program: &Program, cus: &[Cu], first: u32) -> String {
    let mut out = String::new();
    for cu in cus {
        let next = first + out.lines().count() as u32;
        out += &compile(program, cu, next);
    }
    out
}

/// Appends the own types of `src`, a BTF on the same base or none, to `dst`.
pub(crate) fn append(dst: &mut Btf, src: &Btf) {
    let shift = dst.n_types() - src.start_id().0;
    for ty in src.own_types() {
        let id = dst.push_raw(ty.words()).unwrap();
        dst.visit_type_ids_mut(id, |target| {
            if *target >= src.start_id().0 {
                *target += shift;
            }
        })
        .unwrap();
        let mut strings = Vec::new();
        ty.for_each_str(|off| strings.push(src.str_at(off).unwrap()));
        let offsets: Vec<u32> = strings
            .into_iter()
            .map(|s| dst.intern_str(s).unwrap().0)
            .collect();
        let mut offsets = offsets.into_iter();
        dst.visit_str_offs_mut(id, |off| *off = offsets.next().unwrap())
            .unwrap();
    }
}

/// Own types of `a` or `b`, both on the same base or none, that have no equal
/// in the other, VARs and DATASECs aside; described for a failing test.
pub(crate) fn unmatched(a: &Btf, b: &Btf) -> Vec<String> {
    let mut both = a.clone();
    append(&mut both, b);
    let start = a.start_id().0;
    let second = a.n_types();
    // Of each class of equal types, whether there is one in `a` and in `b`.
    let mut oldest: Vec<u32> = (0..both.n_types()).collect();
    for (id, equal) in btf_dedup::duplicates(&both) {
        oldest[id.0 as usize] = equal.0;
    }
    let mut sides = vec![(false, false); oldest.len()];
    for id in start..both.n_types() {
        let side = &mut sides[oldest[id as usize] as usize];
        if id < second {
            side.0 = true;
        } else {
            side.1 = true;
        }
    }
    (start..both.n_types())
        .filter(|&id| {
            let class = oldest[id as usize];
            let kind = both.ty(TypeId(id)).unwrap().kind();
            class >= start
                && sides[class as usize] != (true, true)
                && !matches!(kind, Kind::Var | Kind::Datasec)
        })
        .map(|id| {
            let side = if id < second { "first" } else { "second" };
            format!("only in the {side}: {:?}", both.ty(TypeId(id)).unwrap())
        })
        .collect()
}
