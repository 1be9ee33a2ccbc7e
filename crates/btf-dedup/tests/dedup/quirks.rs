//! Where libbpf is wrong: types duplicated within a CU, and references that
//! lead nowhere.

use btf_builder::{Btf, Endian, Kind, TypeId, make_info};
use btf_dedup::{DedupOpts, Error, dedup};

use crate::notation::{btf, check, check_split};

/// `struct S { int a[4]; int b[4]; }` with an array type each.
fn two_int_arrays(first: u32) -> String {
    let [int, a, b, s] = [first, first + 1, first + 2, first + 3];
    format!(
        "[{int}] INT int 4 signed
         [{a}] ARRAY {int} {int} 4
         [{b}] ARRAY {int} {int} 4
         [{s}] STRUCT S 32 a:{a}@0 b:{b}@128\n"
    )
}

/// `struct S { int a[4]; float b[4]; }`.
fn int_and_float_array(first: u32) -> String {
    let [int, float, a, b, s] = [first, first + 1, first + 2, first + 3, first + 4];
    format!(
        "[{int}] INT int 4 signed
         [{float}] FLOAT float 4
         [{a}] ARRAY {int} {int} 4
         [{b}] ARRAY {float} {int} 4
         [{s}] STRUCT S 32 a:{a}@0 b:{b}@128\n"
    )
}

#[test]
fn quirk_22_an_array_of_floats_is_not_swallowed_by_one_of_ints() {
    check(
        &(two_int_arrays(1) + &int_and_float_array(5)),
        "[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] STRUCT S 32 a:2@0 b:2@128
         [4] FLOAT float 4
         [5] ARRAY 4 1 4
         [6] STRUCT S 32 a:2@0 b:5@128",
    );
    check(
        &(int_and_float_array(1) + &two_int_arrays(6)),
        "[1] INT int 4 signed
         [2] FLOAT float 4
         [3] ARRAY 1 1 4
         [4] ARRAY 2 1 4
         [5] STRUCT S 32 a:3@0 b:4@128
         [6] STRUCT S 32 a:3@0 b:3@128",
    );
}

#[test]
fn quirk_22_also_where_one_array_type_serves_both_members() {
    // The canonical CU has one array type for `a` and `b`, and meets two.
    check(
        &("[1] INT int 4 signed
           [2] ARRAY 1 1 4
           [3] STRUCT S 32 a:2@0 b:2@128\n"
            .to_owned()
            + &int_and_float_array(4)),
        "[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] STRUCT S 32 a:2@0 b:2@128
         [4] FLOAT float 4
         [5] ARRAY 4 1 4
         [6] STRUCT S 32 a:2@0 b:5@128",
    );
}

#[test]
fn quirk_22_index_types_count() {
    check(
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
    );
}

#[test]
fn arrays_structs_and_pointers_twice_in_a_cu_match_a_cu_that_has_them_once() {
    let once = "[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] PTR 5
         [4] STRUCT s 56 a:2@0 b:2@128 p:3@256 q:3@320 x:5@384 y:5@416
         [5] STRUCT _ 4 i:1@0\n";
    let twice = |first: u32| {
        let id = |n: u32| first + n - 1;
        format!(
            "[{}] INT int 4 signed
             [{}] ARRAY {} {} 4
             [{}] ARRAY {} {} 4
             [{}] PTR {}
             [{}] PTR {}
             [{}] STRUCT s 56 a:{}@0 b:{}@128 p:{}@256 q:{}@320 x:{}@384 y:{}@416
             [{}] STRUCT _ 4 i:{}@0
             [{}] STRUCT _ 4 i:{}@0\n",
            id(1),
            id(2),
            id(1),
            id(1),
            id(3),
            id(1),
            id(1),
            id(4),
            id(7),
            id(5),
            id(8),
            id(6),
            id(2),
            id(3),
            id(4),
            id(5),
            id(7),
            id(8),
            id(7),
            id(1),
            id(8),
            id(1),
        )
    };
    check(&(once.to_owned() + &twice(6)), once);
    check_split(once, &twice(6), "");
    check(
        &twice(1),
        "[1] INT int 4 signed
         [2] ARRAY 1 1 4
         [3] PTR 5
         [4] STRUCT s 56 a:2@0 b:2@128 p:3@256 q:3@320 x:5@384 y:5@416
         [5] STRUCT _ 4 i:1@0",
    );
}

#[test]
fn identity_is_not_limited_in_depth() {
    // Two copies of a chain of 40 structs within one CU; libbpf gives up at 16.
    let chain = |first: u32| -> String {
        (0..40)
            .map(|i| {
                let (s, p) = (first + 2 * i, first + 2 * i + 1);
                let next = if i == 39 { 1 } else { s + 2 };
                format!("[{s}] STRUCT c{i} 8 p:{p}@0\n[{p}] PTR {next}\n")
            })
            .collect()
    };
    let once = format!(
        "[1] INT int 4 signed\n{}[82] STRUCT top 16 a:2@0 b:2@64\n",
        chain(2)
    );
    let twice = format!(
        "[83] INT int 4 signed\n{}{}[244] STRUCT top 16 a:84@0 b:164@64\n",
        chain(84).replace("PTR 1\n", "PTR 83\n"),
        chain(164).replace("PTR 1\n", "PTR 83\n"),
    );
    check(&(once.clone() + &twice), &once);
}

#[test]
fn quirk_23_typedef_cycles_without_a_struct_come_to_an_end() {
    check(
        "[1] TYPEDEF T 2
         [2] PTR 1
         [3] STRUCT S 16 a:1@0 b:1@64
         [4] STRUCT S 16 a:5@0 b:7@64
         [5] TYPEDEF T 6
         [6] PTR 5
         [7] TYPEDEF T 8
         [8] PTR 7",
        "[1] TYPEDEF T 2
         [2] PTR 1
         [3] STRUCT S 16 a:1@0 b:1@64",
    );
}

#[test]
fn duplicates_in_the_candidate_are_compared_once_each() {
    // A ladder: both references of a struct lead to two copies of the next.
    // Without memory of pairs the comparison takes 2^40 steps.
    let mut input = String::from("[1] INT int 4 signed\n");
    let mut expected = input.clone();
    let rung = |i: u32, id: u32, a: u32, b: u32| format!("[{id}] STRUCT r{i} 8 a:{a}@0 b:{b}@32\n");
    for i in 0..40 {
        let next = if i == 39 { 1 } else { i + 3 };
        expected += &rung(i, i + 2, next, next);
    }
    input.clone_from(&expected);
    for i in 0..40 {
        let (one, two) = (42 + 2 * i, 43 + 2 * i);
        let (a, b) = if i == 39 { (1, 1) } else { (one + 2, two + 2) };
        input += &rung(i, one, a, b);
        input += &rung(i, two, a, b);
    }
    check(&input, &expected);
}

#[test]
fn a_reference_to_nowhere_is_an_error() {
    for (record, id) in [
        (vec![0, make_info(Kind::Ptr, 0, false), 9], 1),
        (vec![0, make_info(Kind::Array, 0, false), 0, 0, 9, 1], 1),
        (
            vec![0, make_info(Kind::Struct, 1, false), 4, 0, 0xffff_ffff, 0],
            1,
        ),
        (vec![0, make_info(Kind::FuncProto, 1, false), 0, 0, 2], 1),
        (vec![0, make_info(Kind::Datasec, 1, false), 0, 3, 0, 0], 1),
        (vec![0, make_info(Kind::Var, 0, false), 0x8000_0000, 0], 1),
    ] {
        let mut btf = Btf::new_empty(Endian::Little);
        btf.push_raw(&record).unwrap();
        let before = btf.to_bytes();
        let result = dedup(&mut btf, &DedupOpts::default());
        assert!(
            matches!(result, Err(Error::BadReference { id: TypeId(n), .. }) if n == id),
            "{result:?}"
        );
        assert_eq!(btf.to_bytes(), before);
    }
}

#[test]
fn a_string_from_nowhere_is_an_error() {
    let mut btf = btf("[1] INT int 4 signed");
    btf.push_raw(&[99, make_info(Kind::Float, 0, false), 4])
        .unwrap();
    let before = btf.to_bytes();
    let result = dedup(&mut btf, &DedupOpts::default());
    assert!(
        matches!(
            result,
            Err(Error::Btf(btf_builder::Error::BadStringOffset {
                id: TypeId(2),
                ..
            }))
        ),
        "{result:?}"
    );
    assert_eq!(btf.to_bytes(), before);
}
