//! The audit: it must find what is there, and nothing else.

use std::sync::Arc;

use btf_builder::TypeId;
use btf_dedup::duplicates;

use crate::notation::{btf, split};

fn pairs(found: &[(TypeId, TypeId)]) -> Vec<(u32, u32)> {
    found.iter().map(|&(a, b)| (a.0, b.0)).collect()
}

#[test]
fn equal_types_are_paired_with_the_oldest() {
    let btf = btf("[1] INT int 4 signed
         [2] INT int 4 signed
         [3] PTR 1
         [4] PTR 2
         [5] INT int 4 signed");
    assert_eq!(pairs(&duplicates(&btf)), [(2, 1), (4, 3), (5, 1)]);
}

#[test]
fn cycles_of_different_length_are_equal() {
    let btf = btf("[1] STRUCT s 8 p:2@0
         [2] PTR 1
         [3] STRUCT s 8 p:4@0
         [4] PTR 5
         [5] STRUCT s 8 p:6@0
         [6] PTR 3
         [7] PTR 7
         [8] PTR 9
         [9] PTR 8");
    assert_eq!(
        pairs(&duplicates(&btf)),
        [(3, 1), (4, 2), (5, 1), (6, 2), (8, 7), (9, 7)]
    );
}

#[test]
fn a_difference_far_away_tells_types_apart() {
    let chain = |first: u32, end: &str| -> String {
        let mut out = String::new();
        for i in 0..50 {
            out += &format!("[{}] CONST {}\n", first + i, first + i + 1);
        }
        out + &format!("[{}] {end}\n", first + 50)
    };
    let differ = btf(&(chain(1, "FLOAT f 4") + &chain(52, "FLOAT f 8")));
    assert_eq!(duplicates(&differ), []);
    let agree = btf(&(chain(1, "FLOAT f 4") + &chain(52, "FLOAT f 4")));
    assert_eq!(duplicates(&agree).len(), 51);
}

#[test]
fn the_position_of_a_reference_counts() {
    let btf = btf("[1] INT a 4 signed
         [2] INT b 4 signed
         [3] STRUCT s 8 x:1@0 y:2@32
         [4] STRUCT s 8 x:2@0 y:1@32
         [5] ARRAY 1 2 4
         [6] ARRAY 2 1 4");
    assert_eq!(duplicates(&btf), []);
}

#[test]
fn declarations_do_not_equal_definitions() {
    let btf = btf("[1] FWD s struct
         [2] STRUCT s 0
         [3] ENUM e 4
         [4] ENUM e 4 v=1
         [5] PTR 1
         [6] PTR 2");
    assert_eq!(duplicates(&btf), []);
}

#[test]
fn variables_and_sections_equal_nothing() {
    let btf = btf("[1] INT int 4 signed
         [2] VAR v 1 0
         [3] VAR v 1 0
         [4] DATASEC d 4 2@0+4
         [5] DATASEC d 4 2@0+4
         [6] TAG t 2 -1
         [7] TAG t 3 -1
         [8] TAG t 3 -1");
    assert_eq!(pairs(&duplicates(&btf)), [(8, 7)]);
}

#[test]
fn types_of_the_base_count_and_its_own_duplicates_do_not() {
    let base = Arc::new(btf("[1] INT int 4 signed
         [2] PTR 1
         [3] PTR 1"));
    let module = split(
        &base,
        "[4] PTR 1
         [5] CONST 3
         [6] CONST 2",
    );
    assert_eq!(pairs(&duplicates(&module)), [(4, 2), (6, 5)]);
}

#[test]
fn names_are_compared_by_content() {
    let mut btf = btf("[1] INT long_int 4 signed\n[2] INT int 4 signed");
    let at = btf.find_str(b"long_int").unwrap().0 + 5;
    btf.visit_str_offs_mut(TypeId(1), |off| *off = at).unwrap();
    assert_eq!(pairs(&duplicates(&btf)), [(2, 1)]);
}
