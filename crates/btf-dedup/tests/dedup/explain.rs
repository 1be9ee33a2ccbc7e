//! Why a type was not deduplicated.

use std::sync::Arc;

use btf_builder::{Kind, TypeId};
use btf_dedup::{Reason, Step, explain, explain_kept};

use crate::notation::{btf, run, split};

#[test]
fn equal_types_have_no_difference() {
    let btf = btf("[1] STRUCT s 8 p:2@0
         [2] PTR 1
         [3] STRUCT s 8 p:4@0
         [4] PTR 3");
    assert_eq!(explain(&btf, TypeId(1), TypeId(3)), None);
    assert_eq!(explain(&btf, TypeId(2), TypeId(2)), None);
}

#[test]
fn the_nearest_difference_is_named_with_the_way_to_it() {
    let btf = btf("[1] INT int 4 signed
         [2] INT int 4 none
         [3] STRUCT in 8 a:1@0 b:1@32
         [4] STRUCT in 8 a:1@0 b:2@32
         [5] PTR 3
         [6] PTR 4
         [7] STRUCT out 16 x:1@0 p:5@64
         [8] STRUCT out 16 x:1@0 p:6@64");
    let difference = explain(&btf, TypeId(7), TypeId(8)).unwrap();
    let member = |index, name: &[u8]| Step::Member {
        index,
        name: name.to_vec(),
    };
    assert_eq!(
        difference.path,
        [member(1, b"p"), Step::Pointee, member(1, b"b")]
    );
    assert_eq!(difference.ids, (TypeId(1), TypeId(2)));
    assert_eq!(
        difference.to_string(),
        ".p->.b: encoding 0x1000020 here, 0x20 there"
    );
}

#[test]
fn each_kind_of_difference_has_its_reason() {
    let cases = [
        (
            "INT a 4 signed",
            "INT b 4 signed",
            "named 'a' here, 'b' there",
        ),
        (
            "INT a 4 signed",
            "INT a 8 signed",
            "4 bytes here, 8 bytes there",
        ),
        ("INT a 4 signed", "FLOAT a 4", "INT here, FLOAT there"),
        ("FWD s struct", "STRUCT s 4", "declared here, defined there"),
        ("STRUCT s 4", "FWD s struct", "defined here, declared there"),
        ("ENUM e 4", "ENUM64 e 8 v=1", "declared here, defined there"),
        ("FWD s struct", "FWD s union", "kind_flag 0 here, 1 there"),
        ("FWD s struct", "UNION s 4", "FWD here, UNION there"),
        (
            "STRUCT s 4 a:0@0",
            "STRUCT s 4 a:0@0 b:0@8",
            "1 elements here, 2 there",
        ),
        (
            "STRUCT s 4 a:0@0",
            "STRUCT s 4 b:0@0",
            "element 0 is 'a' here, 'b' there",
        ),
        (
            "STRUCT s 4 a:0@0",
            "STRUCT s 4 a:0@8",
            "member 0 is at bit 0 here, 8 there",
        ),
        (
            "STRUCT s 4 a:0@0/3",
            "STRUCT s 4 a:0@0/4",
            "member 0 is at bit 0, 3 bits wide, here, at 0, 4 wide, there",
        ),
        ("ENUM e 4 v=1", "ENUM e 4 v=2", "value 0 is 1 here, 2 there"),
        (
            "ENUM e 4 v=1",
            "ENUM e 4 v=1 signed",
            "kind_flag 0 here, 1 there",
        ),
        (
            "ARRAY 0 0 4",
            "ARRAY 0 0 5",
            "4 array elements here, 5 there",
        ),
        ("FUNC f 0 0", "FUNC f 0 1", "linkage 0 here, 1 there"),
        (
            "PROTO 0 a:0",
            "PROTO 0 b:0",
            "element 0 is 'a' here, 'b' there",
        ),
        ("TAG t 0 0", "TAG t 0 1", "component 0 here, 1 there"),
        ("VAR v 0 0", "VAR v 0 0", "a VAR is never merged"),
        ("PTR 0", "PTR 1", "->: void here, a type there"),
    ];
    for (a, b, reason) in cases {
        let btf = btf(&format!("[1] {a}\n[2] {b}"));
        let difference = explain(&btf, TypeId(1), TypeId(2)).unwrap();
        assert_eq!(difference.to_string(), reason, "{a} and {b}");
    }
}

#[test]
fn steps_read_like_c() {
    let btf = btf("[1] INT a 4 signed
         [2] INT b 4 signed
         [3] ARRAY 1 1 4
         [4] ARRAY 2 1 4
         [5] PROTO 0 x:3 _:0
         [6] PROTO 0 x:4 _:0
         [7] TYPEDEF t 5
         [8] TYPEDEF t 6");
    let difference = explain(&btf, TypeId(7), TypeId(8)).unwrap();
    assert_eq!(difference.to_string(), "~(x)[]: named 'a' here, 'b' there");
}

#[test]
fn an_id_that_does_not_exist_is_a_reason() {
    let btf = btf("[1] PTR 0");
    let difference = explain(&btf, TypeId(1), TypeId(9)).unwrap();
    assert_eq!(difference.reason, Reason::Missing(TypeId(9)));
}

#[test]
fn kept_types_are_listed_with_their_namesakes() {
    let base = Arc::new(btf("[1] FWD x struct
         [2] PTR 1
         [3] STRUCT s 8 x:2@0
         [4] INT int 4 signed
         [5] STRUCT v 4 a:4@0
         [6] TYPEDEF t 4"));
    let mut module = split(
        &base,
        "[7] STRUCT x 0
         [8] PTR 7
         [9] STRUCT s 8 x:8@0
         [10] STRUCT v 8 a:4@0
         [11] STRUCT own 4
         [12] FLOAT t 4",
    );
    run(&mut module, false);
    let kept = explain_kept(&module);
    let lines: Vec<String> = kept
        .iter()
        .map(|k| {
            let name = module.ty(k.id).unwrap().name_str().into_owned();
            format!("{name} {} {}", k.base_id, k.difference)
        })
        .collect();
    assert_eq!(
        lines,
        [
            "s [3] .x->: defined here, declared there",
            "v [5] 8 bytes here, 4 bytes there"
        ]
    );
    assert_eq!(
        module.ty(kept[0].difference.ids.1).unwrap().kind(),
        Kind::Fwd
    );
    assert_eq!(explain_kept(&base), []);
}
