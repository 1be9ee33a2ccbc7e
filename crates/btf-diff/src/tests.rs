//! Tests of the whole: small BTFs, and random graphs against a slow oracle.

use std::sync::Arc;

use btf_builder::{Btf, Endian, FuncLinkage, FwdKind, IntEncoding, Kind, TypeId, VarLinkage};
use proptest::prelude::*;

use crate::{BtfIdx, Diff, DiffOpts, Finding, IgnoreList, Universe, What, diff};

fn empty() -> Btf {
    Btf::new_empty(Endian::Little)
}

fn int(btf: &mut Btf) -> TypeId {
    btf.add_int("int", 4, IntEncoding::SIGNED).unwrap()
}

fn compare(left: &Btf, right: &Btf) -> Diff {
    diff(left, right, &DiffOpts::default())
}

/// `struct NAME { struct NAME *next; }` with the pointer before the struct.
fn add_list_node(btf: &mut Btf, name: &str) -> TypeId {
    let node = TypeId(btf.n_types() + 1);
    let ptr = btf.add_ptr(node).unwrap();
    assert_eq!(btf.add_struct(name, 8).unwrap(), node);
    btf.add_field("next", ptr, 0, 0).unwrap();
    node
}

fn names(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.any().name.as_str()).collect()
}

#[test]
fn order_of_types_and_strings_does_not_matter() {
    let mut left = empty();
    let i = int(&mut left);
    left.add_typedef("a", i).unwrap();
    left.add_typedef("b", i).unwrap();
    let mut right = empty();
    right.add_typedef("b", TypeId(3)).unwrap();
    right.add_typedef("a", TypeId(3)).unwrap();
    int(&mut right);
    let diff = compare(&left, &right);
    assert!(diff.is_equal());
    assert_eq!(diff.counts["TYPEDEF"].left, 2);
    assert_eq!(diff.text("l", "r").to_string(), "");
}

#[test]
fn an_array_that_one_side_has_flat_is_named_as_that() {
    let table = |dimensions: &[u32]| {
        let mut btf = empty();
        let int = int(&mut btf);
        let mut ty = int;
        for &n in dimensions.iter().rev() {
            ty = btf.add_array(int, ty, n).unwrap();
        }
        btf.add_struct("table", 24).unwrap();
        btf.add_field("rows", ty, 0, 0).unwrap();
        btf
    };
    let changes = |left: &[u32], right: &[u32]| {
        let diff = compare(&table(left), &table(right));
        let text = diff.text("l", "r").to_string();
        assert!(
            diff.only_left.is_empty() && diff.only_right.is_empty(),
            "{text}"
        );
        diff.changed[0].changes.clone()
    };
    assert_eq!(
        changes(&[6], &[2, 3]),
        ["member `rows`: `int[6]` -> `int[2][3]`, the same array flat and nested"]
    );
    assert_eq!(
        changes(&[2, 3, 4], &[24]),
        ["member `rows`: `int[2][3][4]` -> `int[24]`, the same array flat and nested"]
    );
    // Arrays of other dimensions are not.
    for (left, right) in [(&[6][..], &[2, 4][..]), (&[2, 3], &[3, 2])] {
        let changes = changes(left, right).join("\n");
        assert!(!changes.contains("same array"), "{changes}");
    }
}

#[test]
fn an_unrolled_cycle_equals_the_cycle() {
    let mut left = empty();
    add_list_node(&mut left, "n");
    // n' -> n'' -> n'', and a copy of the whole cycle.
    let mut right = empty();
    let inner = add_list_node(&mut right, "n");
    let ptr = right.add_ptr(inner).unwrap();
    let outer = right.add_struct("n", 8).unwrap();
    right.add_field("next", ptr, 0, 0).unwrap();
    add_list_node(&mut right, "n");

    let mut universe = Universe::new();
    let (l, r) = (universe.add(&left), universe.add(&right));
    let partition = universe.partition();
    for id in [inner, outer, TypeId(6)] {
        assert_eq!(partition.equal((l, TypeId(2)), (r, id)), Some(true), "{id}");
    }
    let duplicates = partition.duplicates(r);
    let ids: Vec<_> = duplicates.iter().map(|d| (d.id.0, d.of.0)).collect();
    assert_eq!(ids, [(3, 1), (4, 2), (5, 1), (6, 2)]);

    // As sets they are equal, but the right has each type three times.
    let diff = partition.diff(l, r, &DiffOpts::default());
    assert_eq!((diff.only_left.len(), diff.only_right.len()), (0, 0));
    assert_eq!(diff.placed.len(), 2);
    assert!(diff.placed.iter().all(|f| f.what == What::Repeated));
}

#[test]
fn cycles_that_differ_far_from_the_start_are_unequal() {
    // A ring of pointers and structs of one name; the right has one typedef
    // in between instead of a pointer's target.
    let ring = |last_size: u32| {
        let mut btf = empty();
        for i in 0..50 {
            let next = TypeId(2 * ((i + 1) % 50) + 2);
            let ptr = btf.add_ptr(next).unwrap();
            btf.add_struct("n", if i == 49 { last_size } else { 8 })
                .unwrap();
            btf.add_field("next", ptr, 0, 0).unwrap();
        }
        btf
    };
    assert!(compare(&ring(8), &ring(8)).is_equal());
    assert!(compare(&ring(16), &ring(16)).is_equal());
    let diff = compare(&ring(8), &ring(16));
    assert_eq!(diff.counts["STRUCT"].only_left, 50);
    assert_eq!(diff.counts["STRUCT"].only_right, 50);
}

#[test]
fn the_smallest_changed_type_is_blamed() {
    // outer { struct inner *p; }, inner { int x; } with another size of x's
    // struct on the right.
    let build = |bits: u32| {
        let mut btf = empty();
        let i = int(&mut btf);
        let inner = btf.add_struct("inner", 8).unwrap();
        btf.add_field("x", i, bits, 0).unwrap();
        let ptr = btf.add_ptr(inner).unwrap();
        btf.add_struct("outer", 8).unwrap();
        btf.add_field("p", ptr, 0, 0).unwrap();
        btf
    };
    let diff = compare(&build(0), &build(32));
    assert_eq!(names(&diff.changed), ["inner"]);
    assert_eq!(diff.changed[0].changes, ["member `x`: bit offset 0 -> 32"]);
    let outer = diff
        .affected
        .iter()
        .find(|a| a.right.is_some() && a.left.is_some());
    let outer = outer.unwrap();
    assert_eq!(outer.left.as_ref().unwrap().name, "outer");
    assert_eq!(outer.because, "struct inner");
    // The pair, and the pointer of each side.
    assert_eq!(diff.affected.len(), 3);
    assert!(diff.only_left.is_empty() && diff.only_right.is_empty());
}

#[test]
fn a_changed_member_type_is_told_through_anonymous_types() {
    let build = |target: &str| {
        let mut btf = empty();
        let a = btf.add_struct("a", 4).unwrap();
        let b = btf.add_struct("b", 4).unwrap();
        let konst = btf.add_const(if target == "a" { a } else { b }).unwrap();
        let ptr = btf.add_ptr(konst).unwrap();
        btf.add_struct("user", 8).unwrap();
        btf.add_field("p", ptr, 0, 0).unwrap();
        btf
    };
    let diff = compare(&build("a"), &build("b"));
    assert_eq!(names(&diff.changed), ["user"]);
    assert_eq!(
        diff.changed[0].changes,
        ["member `p`: `struct a` -> `struct b`"]
    );
    // The pointers and the consts are there only because of it.
    assert_eq!(diff.affected.len(), 4);
    assert!(diff.only_left.is_empty() && diff.only_right.is_empty());
}

#[test]
fn a_forward_declaration_is_not_the_definition() {
    let mut left = empty();
    left.add_fwd("s", FwdKind::Struct).unwrap();
    let mut right = empty();
    right.add_struct("s", 4).unwrap();
    let diff = compare(&left, &right);
    assert_eq!(diff.changed[0].changes, ["kind FWD -> STRUCT"]);
    assert_eq!(diff.counts["FWD"].only_left, 1);
    assert_eq!(diff.counts["STRUCT"].only_right, 1);
}

/// `int f(int a)` on the left, `int f(int b)` on the right, a function each
/// that the other lacks, and a tag on the left.
fn function_sides() -> [Btf; 2] {
    ["a", "b"].map(|param| {
        let mut btf = empty();
        let i = int(&mut btf);
        let proto = btf.add_func_proto(i).unwrap();
        btf.add_func_param(param, i).unwrap();
        let f = btf.add_func("f", FuncLinkage::Static, proto).unwrap();
        btf.add_func(param, FuncLinkage::Static, proto).unwrap();
        if param == "a" {
            btf.add_decl_tag("tag", f, -1).unwrap();
        }
        btf
    })
}

#[test]
fn functions_compare_by_name_and_prototype() {
    let [left, right] = function_sides();
    let diff = compare(&left, &right);
    assert_eq!(names(&diff.changed), ["f"]);
    assert_eq!(diff.changed[0].changes, ["parameter 0 `a`: name -> `b`"]);
    assert_eq!(names(&diff.only_left), ["a"]);
    assert_eq!(names(&diff.only_right), ["b"]);
    // Both prototypes, and the tag because its function is another.
    assert_eq!(diff.affected.len(), 3);
}

#[test]
fn functions_and_their_prototypes_can_be_ignored_but_not_other_prototypes() {
    let [left, right] = function_sides();
    let opts = DiffOpts {
        ignore_functions: true,
        ..DiffOpts::default()
    };
    let result = diff(&left, &right, &opts);
    assert!(result.is_equal(), "{}", result.text("l", "r"));
    assert!(!result.counts.contains_key("FUNC"));

    // A pointer to the prototype makes it count.
    let mut left = left;
    left.add_ptr(TypeId(2)).unwrap();
    let result = diff(&left, &right, &opts);
    assert!(!result.is_equal());
    assert_eq!(result.counts["PTR"].only_left, 1);
    assert_eq!(result.counts["FUNC_PROTO"].only_left, 1);
}

#[test]
fn types_that_only_an_ignored_function_uses_are_compared() {
    let mut left = empty();
    let i = int(&mut left);
    let right = left.clone();
    let ptr = left.add_ptr(i).unwrap();
    let proto = left.add_func_proto(ptr).unwrap();
    left.add_func("f", FuncLinkage::Static, proto).unwrap();
    let opts = DiffOpts {
        ignore_functions: true,
        ..DiffOpts::default()
    };
    let diff = diff(&left, &right, &opts);
    assert_eq!(diff.only_left.len(), 1);
    assert_eq!(diff.only_left[0].any().decl, "int *");
}

#[test]
fn what_follows_from_an_ignored_kind_is_ignored_too() {
    let build = |name: &str| {
        let mut btf = empty();
        let e = btf.add_enum("e", 4).unwrap();
        btf.add_enum_value(name, 0).unwrap();
        btf.add_typedef("e_t", e).unwrap();
        btf
    };
    let (left, right) = (build("A"), build("B"));
    let all = compare(&left, &right);
    let expected = ["value `A`: only left", "value `B`: only right"];
    assert_eq!(all.changed[0].changes, expected);
    let opts = DiffOpts {
        ignore_kinds: vec![Kind::Enum],
        ..DiffOpts::default()
    };
    let diff = diff(&left, &right, &opts);
    assert!(diff.is_equal());
    assert_eq!(diff.affected.len(), 1);
    assert!(diff.affected[0].explained);
    assert!(!diff.counts.contains_key("ENUM"));
}

#[test]
fn explained_roots_explain_what_follows_but_no_more() {
    let build = |size: u32, other: u32| {
        let mut btf = empty();
        let a = btf.add_struct("a", size).unwrap();
        let b = btf.add_struct("b", other).unwrap();
        btf.add_typedef("a_t", a).unwrap();
        let both = btf.add_func_proto(a).unwrap();
        btf.add_func_param("b", b).unwrap();
        btf.add_typedef("both", both).unwrap();
        btf
    };
    let rules = IgnoreList::parse("changed STRUCT a # grew in 6.13").unwrap();
    let explain = |finding: &Finding| rules.reason(finding).map(str::to_owned);
    let opts = DiffOpts {
        explain: Some(&explain),
        ..DiffOpts::default()
    };
    let diff = diff(&build(4, 4), &build(8, 8), &opts);
    assert_eq!(names(&diff.explained), ["a"]);
    assert_eq!(diff.explained[0].reason.as_deref(), Some("grew in 6.13"));
    assert_eq!(names(&diff.changed), ["b"]);
    let explained = |name: &str| {
        let is_it = |a: &&crate::Affected| a.left.as_ref().is_some_and(|l| l.name == name);
        diff.affected.iter().find(is_it).unwrap().explained
    };
    assert!(explained("a_t"));
    assert!(!explained("both"));
}

#[test]
fn variables_of_a_section_are_compared_by_name() {
    let build = |names: &[(&str, u32)]| {
        let mut btf = empty();
        let i = int(&mut btf);
        let vars: Vec<_> = names
            .iter()
            .map(|(name, _)| btf.add_var(name, VarLinkage::Global, i).unwrap())
            .collect();
        btf.add_datasec(".data..percpu", 64).unwrap();
        for (var, (_, offset)) in vars.into_iter().zip(names) {
            btf.add_datasec_var_info(var, *offset, 4).unwrap();
        }
        btf
    };
    let left = build(&[("a", 0), ("b", 8)]);
    let right = build(&[("zero", 0), ("a", 4), ("b", 8)]);
    let diff = compare(&left, &right);
    assert_eq!(names(&diff.only_right), ["zero"]);
    let expected = ["variable `a`: offset 0 -> 4", "variable `zero`: only right"];
    assert_eq!(diff.changed[0].changes, expected);
}

#[test]
fn split_btfs_compare_by_content_across_different_bases() {
    // The same struct, once with its int in the base as type 1, once as type 2.
    let mut base = empty();
    int(&mut base);
    let mut shifted = empty();
    shifted.add_int("char", 1, IntEncoding::SIGNED).unwrap();
    int(&mut shifted);
    let split = |base: Btf, int: u32| {
        let mut split = Btf::new_split(Arc::new(base));
        split.add_struct("s", 4).unwrap();
        split.add_field("x", TypeId(int), 0, 0).unwrap();
        split
    };
    let (left, right) = (split(base, 1), split(shifted, 2));
    let diff = compare(&left, &right);
    assert!(diff.is_equal());
    // Only own types count.
    assert!(!diff.counts.contains_key("INT"));
}

#[test]
fn a_copy_of_a_base_type_is_found() {
    let mut base = empty();
    add_list_node(&mut base, "n");
    let base = Arc::new(base);
    let mut left = Btf::new_split(Arc::clone(&base));
    add_list_node(&mut left, "n");
    let right = Btf::new_split(base);

    let mut universe = Universe::new();
    let (l, r) = (universe.add(&left), universe.add(&right));
    let partition = universe.partition();
    let of: Vec<_> = partition.duplicates(l).iter().map(|d| d.of).collect();
    assert_eq!(of, [TypeId(1), TypeId(2)]);
    assert!(partition.duplicates(r).is_empty());
    let diff = partition.diff(l, r, &DiffOpts::default());
    assert_eq!(diff.placed.len(), 2);
    assert!(diff.placed.iter().all(|f| f.what == What::Repeated));
    assert!(!diff.is_equal());
}

#[test]
fn a_type_that_one_side_has_in_its_base_is_moved_not_missing() {
    let mut full = empty();
    int(&mut full);
    full.add_struct("s", 4).unwrap();
    let mut small = empty();
    int(&mut small);
    let left = Btf::new_split(Arc::new(full));
    let mut right = Btf::new_split(Arc::new(small));
    right.add_struct("s", 4).unwrap();
    let diff = compare(&left, &right);
    assert_eq!(diff.placed[0].what, What::Moved);
    assert!(diff.only_right.is_empty());
}

#[test]
fn an_orphan_stands_for_its_likeness_on_the_other_side() {
    // Both sides have a pointer to a function that takes `struct bus *` and a
    // definition of `struct dimm`. The left has its own copy of `bus`, the
    // right takes the one of the base, and there nothing needs the pointer.
    let mut base = empty();
    let fwd = base.add_fwd("dimm", FwdKind::Struct).unwrap();
    let ptr = base.add_ptr(fwd).unwrap();
    base.add_struct("bus", 8).unwrap();
    base.add_field("dimm", ptr, 0, 0).unwrap();
    let base = Arc::new(base);
    let build = |own: bool| {
        let mut btf = Btf::new_split(Arc::clone(&base));
        let dimm = btf.add_struct("dimm", 4).unwrap();
        let ptr = btf.add_ptr(dimm).unwrap();
        let mut bus = TypeId(3);
        if own {
            bus = btf.add_struct("bus", 8).unwrap();
            btf.add_field("dimm", ptr, 0, 0).unwrap();
        }
        let bus_ptr = btf.add_ptr(bus).unwrap();
        let proto = btf.add_func_proto(TypeId::VOID).unwrap();
        btf.add_func_param("", bus_ptr).unwrap();
        btf.add_func_param("", ptr).unwrap();
        btf.add_ptr(proto).unwrap();
        btf
    };
    let diff = compare(&build(true), &build(false));
    assert_eq!(names(&diff.only_left), ["bus"]);
    assert!(diff.only_right.is_empty(), "{}", diff.text("l", "r"));
    assert!(diff.affected.iter().all(|a| a.because == "struct bus"));
}

#[test]
fn damaged_ids_compare_without_a_panic() {
    // Ids past the end get in through the builder, which does not look.
    let mut left = empty();
    left.add_ptr(TypeId(77)).unwrap();
    let mut right = empty();
    right.add_ptr(TypeId(0)).unwrap();
    let diff = compare(&left, &right);
    assert_eq!(diff.only_left.len(), 1);
    assert_eq!(diff.only_left[0].any().decl, "[missing type [77]] *");
}

/// One record of a random graph: what it is, and where it refers to.
#[derive(Clone, Debug)]
struct Spec {
    what: u8,
    refs: [usize; 2],
}

fn graph() -> impl Strategy<Value = Vec<Spec>> {
    let spec = (0_u8..6, [0_usize..12, 0_usize..12]).prop_map(|(what, refs)| Spec { what, refs });
    prop::collection::vec(spec, 1..12)
}

/// Builds the graph with node `i` as type `order[i]` + 1.
fn build(graph: &[Spec], order: &[usize]) -> Btf {
    let id = |r: usize| match r % (graph.len() + 1) {
        0 => TypeId::VOID,
        n => TypeId(order[n - 1] as u32 + 1),
    };
    let mut at = vec![0; graph.len()];
    for (i, &o) in order.iter().enumerate() {
        at[o] = i;
    }
    let mut btf = empty();
    for i in at {
        let Spec { what, refs } = &graph[i];
        let [a, b] = refs.map(id);
        match what {
            0 => btf.add_ptr(a),
            1 => btf.add_const(a),
            2 => btf.add_typedef("t", a),
            3 => btf.add_array(a, b, 3),
            _ => btf.add_struct(if *what == 4 { "s" } else { "" }, 16),
        }
        .unwrap();
        if *what >= 4 {
            btf.add_field("a", a, 0, 0).unwrap();
            btf.add_field("b", b, 64, 0).unwrap();
        }
    }
    btf
}

/// The greatest bisimulation by its definition: start from "all pairs are
/// equal" and strike out pairs until nothing changes.
fn oracle(left: &Btf, right: &Btf) -> Vec<Vec<bool>> {
    let n = |btf: &Btf| btf.n_types() as usize;
    let content = |btf: &Btf, id: usize| {
        let ty = btf.ty(TypeId(id as u32)).unwrap();
        (ty.kind(), ty.name().to_vec(), ty.vlen())
    };
    let refs = |btf: &Btf, id: usize| -> Vec<usize> {
        let ty = btf.ty(TypeId(id as u32)).unwrap();
        ty.refs().map(|id| id.0 as usize).collect()
    };
    let mut equal = vec![vec![true; n(right)]; n(left)];
    loop {
        let mut changed = false;
        for l in 0..n(left) {
            for r in 0..n(right) {
                let still = content(left, l) == content(right, r)
                    && refs(left, l)
                        .into_iter()
                        .zip(refs(right, r))
                        .all(|(l, r)| equal[l][r]);
                if equal[l][r] && !still {
                    equal[l][r] = false;
                    changed = true;
                }
            }
        }
        if !changed {
            return equal;
        }
    }
}

fn equal_by_partition(left: &Btf, right: &Btf) -> Vec<Vec<bool>> {
    let mut universe = Universe::new();
    let (l, r): (BtfIdx, BtfIdx) = (universe.add(left), universe.add(right));
    let partition = universe.partition();
    (0..left.n_types())
        .map(|i| {
            (0..right.n_types())
                .map(|j| {
                    let void = (i == 0) as u8 + (j == 0) as u8;
                    match void {
                        0 => partition.equal((l, TypeId(i)), (r, TypeId(j))).unwrap(),
                        1 => false,
                        _ => true,
                    }
                })
                .collect()
        })
        .collect()
}

proptest! {
    #[test]
    fn classes_are_those_of_the_definition(a in graph(), b in graph()) {
        let order = |graph: &[Spec]| (0..graph.len()).collect::<Vec<_>>();
        let (left, right) = (build(&a, &order(&a)), build(&b, &order(&b)));
        prop_assert_eq!(equal_by_partition(&left, &right), oracle(&left, &right));
        prop_assert_eq!(equal_by_partition(&left, &left), oracle(&left, &left));
    }

    #[test]
    fn a_permuted_copy_is_equal(graph in graph(), seed in any::<u64>()) {
        let identity: Vec<_> = (0..graph.len()).collect();
        let mut order = identity.clone();
        let mut state = seed;
        for i in (1..order.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        let diff = compare(&build(&graph, &identity), &build(&graph, &order));
        prop_assert!(diff.is_equal(), "{}", diff.text("l", "r"));
    }

    #[test]
    fn sides_without_findings_have_equal_sets(a in graph(), b in graph()) {
        let order = |graph: &[Spec]| (0..graph.len()).collect::<Vec<_>>();
        let (left, right) = (build(&a, &order(&a)), build(&b, &order(&b)));
        let oracle = oracle(&left, &right);
        let all = (1..oracle.len()).all(|l| oracle[l].iter().any(|&e| e))
            && (1..right.n_types() as usize).all(|r| oracle.iter().any(|row| row[r]));
        let diff = compare(&left, &right);
        let missing = diff.counts.values().map(|c| c.only_left + c.only_right).sum::<u32>();
        prop_assert_eq!(missing == 0, all);
        // Nothing unequal goes unreported.
        if missing > 0 {
            prop_assert!(!diff.is_equal());
        }
    }
}

mod folders {
    use std::path::Path;

    use btf_builder::Btf;

    use super::{empty, int};
    use crate::DiffOpts;
    use crate::files::{FileFault, FileResult, Input, diff_files};

    fn input(path: &Path) -> Input {
        Input {
            path: path.to_owned(),
            base: None,
        }
    }

    fn write(path: &Path, btf: &Btf) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, btf.to_bytes()).unwrap();
    }

    #[test]
    fn files_pair_by_name_through_subfolders() {
        let dir = tempfile::tempdir().unwrap();
        let (left, right) = (dir.path().join("l"), dir.path().join("r"));
        let one = empty();
        let mut other = empty();
        int(&mut other);
        write(&left.join("net/same.ko.btf"), &one);
        write(&right.join("same.btf"), &one);
        write(&left.join("changed.btf"), &one);
        write(&right.join("deep/er/changed.ko.btf"), &other);
        write(&left.join("gone.btf"), &one);
        write(&right.join("new.ko.btf"), &one);
        // Neither a module nor raw BTF by its name.
        fs_err::write(left.join("modules.dep"), "x").unwrap();

        let diffs = diff_files(&input(&left), &input(&right), &DiffOpts::default()).unwrap();
        let summary: Vec<_> = diffs
            .iter()
            .map(|d| (d.name.as_str(), d.is_equal()))
            .collect();
        let expected = [
            ("changed", false),
            ("gone", false),
            ("new", false),
            ("same", true),
        ];
        assert_eq!(summary, expected);
        assert_eq!(diffs[1].result, FileResult::OnlyLeft);
        assert_eq!(diffs[2].result, FileResult::OnlyRight);
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.btf");
        fs_err::write(&path, "no BTF").unwrap();
        let error = diff_files(&input(&path), &input(&path), &DiffOpts::default()).unwrap_err();
        assert_eq!(error.path, path);
        assert!(matches!(error.fault, FileFault::File(_)));
        let source = std::error::Error::source(&error);
        assert!(source.is_none(), "the fault is said once: {source:?}");

        let error = diff_files(&input(&path), &input(dir.path()), &DiffOpts::default());
        assert!(matches!(error.unwrap_err().fault, FileFault::FileAndFolder));

        write(&dir.path().join("a.btf"), &empty());
        write(&dir.path().join("sub/a.ko.btf"), &empty());
        let error = diff_files(&input(dir.path()), &input(dir.path()), &DiffOpts::default());
        assert!(matches!(error.unwrap_err().fault, FileFault::SameName(name) if name == "a"));
    }
}
