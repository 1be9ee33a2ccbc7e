//! libbpf as the oracle: what `btf__dedup` makes of the same types.
//!
//! Where libbpf is right, results are to be equal to the last id. Where it is
//! wrong, a test named for that shows both results; it fails as soon as a newer
//! libbpf does better. Two things keep whole classes of input from being equal:
//!
//! * libbpf 1.7 hashes a typedef of the base with its target's id, so that one
//!   of the split never meets it (corrected upstream since). All it costs is
//!   types left over: when the result is deduplicated by us, they are gone.
//! * A split BTF that defines what its base only declares. libbpf's result
//!   depends on which types meet ([`crate::split`] has our rules).
//!
//! Where libbpf does not come to an end (cycles of pointers, modifiers and
//! typedefs, see [`crate::quirks`]), there is nothing to compare.

use std::sync::Arc;

use btf_builder::{Btf, Kind, Limits};
use btf_dedup::{BaseIndex, DedupOpts, dedup_split};
use proptest::collection::vec;
use proptest::prelude::*;
use test_kit::libbpf;

use crate::kernel::{append_as_cu, kernel};
use crate::notation::{btf, run, split, text, tidy};
use crate::program::{Cu, Expr, Program, compile_all, cu, program, unmatched};
use crate::properties::{cases, lines, wild};

/// What libbpf makes of `input`.
fn by_libbpf(input: &Btf, collide: bool) -> Result<Btf, i32> {
    let base = input.base().map(|base| base.to_bytes());
    let out = libbpf::dedup(&input.to_bytes(), base.as_deref(), collide)?;
    let mut btf = match input.base() {
        Some(base) => Btf::parse_split(&out.bytes, Arc::clone(base)).unwrap(),
        None => Btf::parse(&out.bytes).unwrap(),
    };
    btf.set_limits(Limits::FORMAT);
    Ok(btf)
}

/// What we make of it.
fn by_us(input: &Btf) -> Btf {
    let mut btf = input.clone();
    run(&mut btf, false);
    btf
}

/// A split BTF of `cus` on the deduplicated BTF of `base_cus`, in which nothing
/// defines what the base only declares.
fn split_of(program: &Program, base_cus: &[Cu], mut cus: Vec<Cu>) -> Btf {
    let base = Arc::new(by_us(&btf(&compile_all(program, base_cus, 1))));
    for cu in &mut cus {
        cu.defines
            .retain(|i| base.find_by_name_kind(format!("c{i}"), Kind::Fwd).is_none());
        cu.defines_enums.retain(|i| {
            let name = format!("e{i}");
            let declared = base.find_by_name_kind(name, Kind::Enum);
            declared.is_none_or(|id| base.ty(id).unwrap().vlen() > 0)
        });
    }
    split(&base, &compile_all(program, &cus, base.n_types()))
}

/// The program with an int for each typedef.
fn without_typedefs(mut program: Program) -> Program {
    fn strip(expr: &mut Expr) {
        match expr {
            Expr::Typedef(i) => *expr = Expr::Int(*i % 3),
            Expr::Ptr(e) | Expr::Const(e) | Expr::Array(e, _) => strip(e),
            Expr::Proto(es) | Expr::Anon(es) => es.iter_mut().for_each(strip),
            Expr::Void | Expr::Int(_) | Expr::Composite(_) | Expr::Enum(_) => {}
        }
    }
    program.composites.iter_mut().flatten().for_each(strip);
    program
}

fn cus_without_typedefs(mut cus: Vec<Cu>) -> Vec<Cu> {
    let program = without_typedefs(Program {
        composites: cus.iter().map(|cu| cu.variables.clone()).collect(),
        typedefs: Vec::new(),
    });
    for (cu, variables) in cus.iter_mut().zip(program.composites) {
        cu.variables = variables;
    }
    cus
}

/// Runs a property on random input, if libbpf is here.
fn property<S: Strategy>(
    test: &'static str,
    n: u32,
    strategy: S,
    holds: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    if !libbpf::is_here(test) {
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        test_name: Some(test),
        source_file: Some(file!()),
        ..cases(n)
    });
    if let Err(failure) = runner.run(&strategy, holds) {
        panic!("{failure}");
    }
}

#[test]
fn programs_come_out_as_from_libbpf() {
    let strategy = (program(), vec(cu(), 1..6), any::<bool>());
    property(
        "programs_come_out_as_from_libbpf",
        1_000,
        strategy,
        |(program, cus, collide)| {
            let input = btf(&compile_all(&program, &cus, 1));
            let theirs = by_libbpf(&input, collide).expect("a program that libbpf takes");
            prop_assert_eq!(text(&by_us(&input)), text(&theirs));
            Ok(())
        },
    );
}

#[test]
fn split_programs_come_out_as_from_libbpf() {
    let strategy = (program(), vec(cu(), 1..4), vec(cu(), 1..4), any::<bool>());
    property(
        "split_programs_come_out_as_from_libbpf",
        1_000,
        strategy,
        |(program, base_cus, cus, collide)| {
            let program = without_typedefs(program);
            let (base_cus, cus) = (cus_without_typedefs(base_cus), cus_without_typedefs(cus));
            let input = split_of(&program, &base_cus, cus);
            let theirs = by_libbpf(&input, collide).expect("a program that libbpf takes");
            prop_assert_eq!(text(&by_us(&input)), text(&theirs));
            Ok(())
        },
    );
}

#[test]
fn split_programs_with_typedefs_lack_what_libbpf_leaves_twice() {
    let strategy = (program(), vec(cu(), 1..4), vec(cu(), 1..4));
    property(
        "split_programs_with_typedefs_lack_what_libbpf_leaves_twice",
        1_000,
        strategy,
        |(program, base_cus, cus)| {
            let input = split_of(&program, &base_cus, cus);
            let theirs = by_libbpf(&input, false).expect("a program that libbpf takes");
            prop_assert_eq!(text(&by_us(&input)), text(&by_us(&theirs)));
            Ok(())
        },
    );
}

/// Whether pointers, modifiers and typedefs form a cycle of their own.
fn has_endless_chain(btf: &Btf) -> bool {
    btf.own_types().any(|ty| {
        let mut end = Some(ty);
        for _ in 0..btf.n_types() {
            end = end
                .and_then(|ty| ty.type_id().filter(|_| ty.kind() != Kind::FuncProto))
                .and_then(|id| btf.ty(id));
        }
        end.is_some_and(|ty| ty.kind() != Kind::Void)
    })
}

#[test]
fn wild_graphs_lack_what_libbpf_leaves_twice() {
    property(
        "wild_graphs_lack_what_libbpf_leaves_twice",
        2_000,
        wild(),
        |types| {
            let input = btf(&lines(&types, 1));
            let ours = by_us(&input);
            // libbpf follows chains without counting. Where it leaves a copy
            // behind, the order of what is left can differ too.
            if !has_endless_chain(&input)
                && let Ok(theirs) = by_libbpf(&input, false)
            {
                prop_assert_eq!(unmatched(&ours, &by_us(&theirs)), Vec::<String>::new());
            }
            Ok(())
        },
    );
}

/// Checks both results for the types in `input`, on a base of `base`.
#[track_caller]
fn differs(test: &str, base: &str, input: &str, ours: &str, theirs: Result<&str, i32>) {
    if !libbpf::is_here(test) {
        return;
    }
    let input = match base {
        "" => btf(input),
        base => split(&Arc::new(btf(base)), input),
    };
    assert_eq!(text(&by_us(&input)), tidy(ours), "ours");
    let found = by_libbpf(&input, false).map(|btf| text(&btf));
    assert_eq!(found, theirs.map(tidy), "libbpf's");
}

#[test]
fn libbpf_loses_a_struct_with_an_array_of_floats_to_one_with_ints() {
    differs(
        "libbpf_loses_a_struct_with_an_array_of_floats_to_one_with_ints",
        "",
        "[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] STRUCT S 32 a:2@0 b:2@128
         [4] INT int 4 signed
         [5] FLOAT float 4
         [6] ARRAY 4 4 4
         [7] ARRAY 5 4 4
         [8] STRUCT S 32 a:6@0 b:7@128",
        "[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] STRUCT S 32 a:2@0 b:2@128
         [4] FLOAT float 4
         [5] ARRAY 4 1 4
         [6] STRUCT S 32 a:2@0 b:5@128",
        Ok("[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] STRUCT S 32 a:2@0 b:2@128
         [4] FLOAT float 4
         [5] ARRAY 4 1 4"),
    );
}

#[test]
fn libbpf_loses_a_struct_whose_arrays_differ_by_index_type() {
    differs(
        "libbpf_loses_a_struct_whose_arrays_differ_by_index_type",
        "",
        "[1] INT int 4 signed
         [2] INT long 8 signed
         [3] ARRAY 1 1 4
         [4] STRUCT S 32 a:3@0 b:3@128
         [5] ARRAY 1 1 4
         [6] ARRAY 1 2 4
         [7] STRUCT S 32 a:5@0 b:6@128",
        "[1] INT int 4 signed
         [2] INT long 8 signed
         [3] ARRAY 1 1 4
         [4] STRUCT S 32 a:3@0 b:3@128
         [5] ARRAY 1 2 4
         [6] STRUCT S 32 a:3@0 b:5@128",
        Ok("[1] INT int 4 signed
         [2] INT long 8 signed
         [3] ARRAY 1 1 4
         [4] STRUCT S 32 a:3@0 b:3@128
         [5] ARRAY 1 2 4"),
    );
}

#[test]
fn libbpf_1_7_does_not_find_typedefs_of_the_base() {
    differs(
        "libbpf_1_7_does_not_find_typedefs_of_the_base",
        "[1] INT unsigned 8 none
         [2] TYPEDEF size_t 1
         [3] STRUCT s 8 n:2@0",
        "[4] INT unsigned 8 none
         [5] TYPEDEF size_t 4
         [6] STRUCT s 8 n:5@0
         [7] PTR 5",
        "[4] PTR 2",
        Ok("[4] TYPEDEF size_t 1
            [5] PTR 4"),
    );
}

#[test]
fn libbpf_leaves_what_lies_before_a_completed_declaration() {
    differs(
        "libbpf_leaves_what_lies_before_a_completed_declaration",
        "[1] FWD x struct
         [2] PTR 1
         [3] STRUCT inner 8 x:2@0
         [4] PTR 3
         [5] STRUCT outer 8 inner:4@0",
        "[6] STRUCT outer 8 inner:7@0
         [7] PTR 8
         [8] STRUCT inner 8 x:9@0
         [9] PTR 10
         [10] STRUCT x 0",
        "[6] PTR 7
         [7] STRUCT x 0",
        Ok("[6] STRUCT outer 8 inner:4@0
         [7] PTR 8
         [8] STRUCT x 0"),
    );
}

#[test]
fn libbpf_leaves_a_declaration_that_the_base_has_too() {
    differs(
        "libbpf_leaves_a_declaration_that_the_base_has_too",
        "[1] INT int 4 signed
         [2] FWD tipc_net struct
         [3] PTR 2
         [4] PROTO 3",
        "[5] FWD tipc_net struct
         [6] FUNC get 7 0
         [7] PROTO 8
         [8] PTR 5
         [9] INT int 4 signed
         [10] STRUCT tipc_net 4 id:9@0
         [11] VAR tipc_net_id 10 0",
        "[5] FUNC get 6 0
         [6] PROTO 7
         [7] PTR 8
         [8] STRUCT tipc_net 4 id:1@0
         [9] VAR tipc_net_id 8 0",
        Ok("[5] FUNC get 4 0
         [6] STRUCT tipc_net 4 id:1@0
         [7] VAR tipc_net_id 6 0"),
    );
}

#[test]
fn libbpf_leaves_copies_of_a_struct_that_wait_for_another() {
    differs(
        "libbpf_leaves_copies_of_a_struct_that_wait_for_another",
        "",
        "[1] UNION s 8 a:1@0
         [2] CONST 4
         [3] FWD s union
         [4] UNION s 8 a:3@0
         [5] STRUCT t 8 a:3@0",
        "[1] UNION s 8 a:1@0
         [2] CONST 1
         [3] STRUCT t 8 a:1@0",
        Ok("[1] UNION s 8 a:1@0
         [2] CONST 4
         [3] FWD s union
         [4] UNION s 8 a:3@0
         [5] STRUCT t 8 a:3@0"),
    );
}

#[test]
fn libbpf_refuses_a_cycle_of_pointers() {
    const ELOOP: i32 = 40;
    differs(
        "libbpf_refuses_a_cycle_of_pointers",
        "",
        "[1] PTR 2
         [2] CONST 1
         [3] PTR 4
         [4] CONST 3",
        "[1] PTR 2
         [2] CONST 1",
        Err(ELOOP),
    );
}

#[test]
fn modules_compiled_without_a_base_come_out_as_from_libbpf() {
    let test = "modules_compiled_without_a_base_come_out_as_from_libbpf";
    if !libbpf::is_here(test) {
        return;
    }
    let Some((base, modules)) = kernel(test, 12) else {
        return;
    };
    let index = BaseIndex::new(Arc::clone(&base)).unwrap();
    let dedup = |btf: &mut Btf| {
        dedup_split(btf, &index, &DedupOpts::default()).unwrap();
    };
    for (name, module) in &modules {
        let mut ours = Btf::new_split(Arc::clone(&base));
        ours.set_limits(Limits::FORMAT);
        append_as_cu(&mut ours, module);
        let before = ours.n_own_types();
        let mut theirs = by_libbpf(&ours, false).unwrap();
        let left_over = theirs.n_own_types();
        dedup(&mut ours);
        dedup(&mut theirs);
        eprintln!(
            "{name}: {before} types, {} kept, {left_over} by libbpf",
            ours.n_own_types()
        );
        assert!(text(&ours) == text(&theirs), "{name}");
    }
}
