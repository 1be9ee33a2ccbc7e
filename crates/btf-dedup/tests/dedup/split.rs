//! Deduplication against a base. The first cases are those of the kernel's
//! selftests (`prog_tests/btf_dedup_split.c`).

use std::sync::Arc;

use btf_builder::{Btf, TypeId};
use btf_dedup::{BaseIndex, DedupOpts, Error, dedup_split};

use crate::notation::{add, btf, check_split, run, split, text, tidy};

#[test]
fn what_the_base_has_is_dropped() {
    check_split(
        "[1] INT int 4 signed
         [2] PTR 1
         [3] STRUCT s1 4 f1:1@0",
        "[4] STRUCT s2 16 f1:6@0 f2:5@32 f3:2@64
         [5] INT int 4 signed
         [6] STRUCT s1 4 f1:5@0",
        "[4] STRUCT s2 16 f1:3@0 f2:1@32 f3:2@64",
    );
}

#[test]
fn declarations_take_definitions_of_the_base() {
    // `s2` is met in the graph of `s1`; `s3` is found by name.
    check_split(
        "[1] INT int 4 signed
         [2] PTR 4
         [3] PTR 5
         [4] STRUCT s1 16 f1:2@0 f2:3@64
         [5] STRUCT s2 4 f1:1@0
         [6] STRUCT s3 4 f1:1@0",
        "[7] INT int 4 signed
         [8] PTR 11
         [9] FWD s2 struct
         [10] PTR 9
         [11] STRUCT s1 16 f1:8@0 f2:10@64
         [12] FWD s3 struct
         [13] PTR 12",
        "[7] PTR 6",
    );
}

#[test]
fn a_struct_stays_if_only_the_base_s_declaration_is_in_the_way() {
    check_split(
        "[1] INT int 4 signed
         [2] PTR 5
         [3] FWD s2 struct
         [4] PTR 3
         [5] STRUCT s1 16 f1:2@0 f2:4@64",
        "[6] INT int 4 signed
         [7] PTR 10
         [8] FWD s2 struct
         [9] PTR 11
         [10] STRUCT s1 16 f1:7@0 f2:9@64
         [11] STRUCT s2 40 f1:7@0 f2:9@64 f3:6@128 f4:10@192
         [12] PTR 8
         [13] STRUCT s3 8 f1:12@0",
        "[6] PTR 8
         [7] PTR 9
         [8] STRUCT s1 16 f1:6@0 f2:7@64
         [9] STRUCT s2 40 f1:6@0 f2:7@64 f3:1@128 f4:8@192
         [10] STRUCT s3 8 f1:7@0",
    );
}

#[test]
fn anonymous_structs_twice_in_a_cu_match_the_base() {
    let cu = |first: u32| {
        let [int, s, a, b] = [first, first + 1, first + 2, first + 3];
        format!(
            "[{int}] INT int 4 signed
             [{s}] STRUCT s 8 a:{a}@0 b:{b}@0
             [{a}] STRUCT _ 8 f1:{int}@0 f2:{int}@32
             [{b}] STRUCT _ 8 f1:{int}@0 f2:{int}@32"
        )
    };
    let mut base = btf(&cu(1));
    run(&mut base, false);
    let expected = "[1] INT int 4 signed
         [2] STRUCT s 8 a:3@0 b:3@0
         [3] STRUCT _ 8 f1:1@0 f2:1@32";
    assert_eq!(text(&base), tidy(expected));
    check_split(expected, &cu(4), "");
}

#[test]
fn a_typedef_matches_the_base() {
    // QUIRK-26: libbpf 1.7 hashed typedefs of the base with their targets.
    check_split(
        "[1] INT unsigned 8 none
         [2] TYPEDEF size_t 1
         [3] STRUCT s 8 n:2@0",
        "[4] INT unsigned 8 none
         [5] TYPEDEF size_t 4
         [6] STRUCT s 8 n:5@0
         [7] PTR 6",
        "[4] PTR 3",
    );
}

#[test]
fn an_enum_of_the_split_takes_over_the_base_s_declaration() {
    check_split(
        "[1] ENUM e 4
         [2] STRUCT s 4 e:1@0",
        "[3] ENUM e 4
         [4] TYPEDEF t 3
         [5] ENUM64 e 8 v=1
         [6] PTR 1",
        "[3] TYPEDEF t 4
         [4] ENUM64 e 8 v=1
         [5] PTR 4",
    );
}

#[test]
fn an_enum_declaration_takes_the_base_s_enum() {
    check_split(
        "[1] ENUM e 4 v=1",
        "[2] ENUM64 e 8
         [3] TYPEDEF t 2",
        "[2] TYPEDEF t 1",
    );
}

#[test]
fn references_to_the_base_s_declaration_follow_it_to_the_split_s_definition() {
    // The comparison of the two `s` fails, but shows what `x` is.
    check_split(
        "[1] FWD x struct
         [2] PTR 1
         [3] STRUCT s 8 x:2@0",
        "[4] STRUCT x 0
         [5] PTR 4
         [6] STRUCT s 8 x:5@0
         [7] PTR 1
         [8] CONST 7",
        "[4] STRUCT x 0
         [5] PTR 4
         [6] STRUCT s 8 x:5@0
         [7] CONST 5",
    );
}

#[test]
fn a_declaration_that_the_base_has_too_takes_the_definition_of_the_split() {
    // `struct tipc_net` in Linux 6.12: the base has pointers to its declaration
    // for what `struct net` holds, and only tipc.ko knows the definition. In
    // one CU of the module it is declared, in another defined, and no struct
    // that both CUs have leads there. libbpf merges the declaration with the
    // base's and stops, so that `get` gives a pointer to nothing known.
    let base = "[1] INT int 4 signed
         [2] FWD tipc_net struct
         [3] PTR 2
         [4] PROTO 3";
    let kept = "[5] FUNC get 6 0
         [6] PROTO 7
         [7] PTR 8
         [8] STRUCT tipc_net 4 id:1@0
         [9] VAR tipc_net_id 8 0";
    check_split(
        base,
        "[5] FWD tipc_net struct
         [6] FUNC get 7 0
         [7] PROTO 8
         [8] PTR 5
         [9] INT int 4 signed
         [10] STRUCT tipc_net 4 id:9@0
         [11] VAR tipc_net_id 10 0",
        kept,
    );
    // The same if the split refers to the base's types from the start.
    check_split(
        base,
        "[5] FUNC get 4 0
         [6] FUNC put 7 0
         [7] PROTO 1 net:8
         [8] PTR 2
         [9] STRUCT tipc_net 4 id:1@0",
        "[5] FUNC get 4 0
         [6] FUNC put 7 0
         [7] PROTO 1 net:8
         [8] PTR 9
         [9] STRUCT tipc_net 4 id:1@0",
    );
}

#[test]
fn a_declaration_that_base_and_split_define_differently_stays_one() {
    for definitions in [
        "[4] STRUCT x 4\n[5] STRUCT x 8",
        "[4] STRUCT x 4\n[5] UNION x 4",
    ] {
        let own = format!("{definitions}\n[6] FWD x struct\n[7] PTR 6\n[8] CONST 7");
        let kept = format!("{definitions}\n[6] CONST 2");
        check_split("[1] FWD x struct\n[2] PTR 1\n[3] PTR 0", &own, &kept);
    }
    check_split(
        "[1] FWD x struct\n[2] PTR 1",
        "[3] UNION x 4\n[4] FWD x struct\n[5] PTR 4\n[6] CONST 5",
        "[3] UNION x 4\n[4] CONST 2",
    );
}

#[test]
fn what_lies_between_two_kept_types_is_not_kept_for_their_sake() {
    // `outer` is compared first and needs the base's `x` to be defined. From
    // then on the definition is known, `inner` equals the base's, and `outer`,
    // which does not refer to `x` but to `inner`, has nothing of its own left.
    // libbpf leaves it (`rcuwait` in Linux 6.12, for the sake of something far
    // behind `task_struct`).
    check_split(
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
    );
}

#[test]
fn a_second_copy_of_a_kept_struct_matches_the_first() {
    check_split(
        "[1] FWD x struct
         [2] PTR 1
         [3] STRUCT s 8 x:2@0",
        "[4] STRUCT x 0
         [5] PTR 4
         [6] STRUCT s 8 x:5@0
         [7] STRUCT x 0
         [8] PTR 7
         [9] STRUCT s 8 x:8@0
         [10] VAR v 9 0",
        "[4] STRUCT x 0
         [5] PTR 4
         [6] STRUCT s 8 x:5@0
         [7] VAR v 6 0",
    );
}

#[test]
fn a_lone_declaration_counts_definitions_of_base_and_split() {
    check_split(
        "[1] STRUCT foo 4",
        "[2] STRUCT foo 8
         [3] FWD foo struct
         [4] PTR 3",
        "[2] STRUCT foo 8
         [3] FWD foo struct
         [4] PTR 3",
    );
    check_split(
        "[1] STRUCT foo 4
         [2] STRUCT foo 8",
        "[3] FWD foo struct
         [4] PTR 3",
        "[3] FWD foo struct
         [4] PTR 3",
    );
}

#[test]
fn functions_prototypes_and_tags_match_the_base() {
    check_split(
        "[1] INT int 4 signed
         [2] PROTO 1 a:1
         [3] FUNC f 2 0
         [4] TAG kfunc 3 -1
         [5] TYPETAG user 1
         [6] ARRAY 5 1 4",
        "[7] INT int 4 signed
         [8] PROTO 7 a:7
         [9] FUNC f 8 0
         [10] FUNC g 8 0
         [11] TAG kfunc 9 -1
         [12] TAG kfunc 10 -1
         [13] TYPETAG user 7
         [14] ARRAY 13 7 4",
        "[7] FUNC g 2 0
         [8] TAG kfunc 7 -1",
    );
}

#[test]
fn the_base_is_never_changed() {
    let base = Arc::new(btf("[1] FWD x struct
         [2] PTR 1
         [3] STRUCT s 8 x:2@0
         [4] PTR 1"));
    let before = text(&base);
    let mut module = split(
        &base,
        "[5] STRUCT x 0
         [6] PTR 5
         [7] STRUCT s 8 x:6@0
         [8] CONST 4",
    );
    run(&mut module, false);
    assert_eq!(text(&base), before);
}

#[test]
fn duplicates_in_the_base_are_one_to_the_split() {
    check_split(
        "[1] INT int 4 signed
         [2] PTR 1
         [3] PTR 1
         [4] STRUCT s 8 next:5@0
         [5] PTR 4
         [6] STRUCT s 8 next:7@0
         [7] PTR 6
         [8] CONST 2",
        "[9] STRUCT s 8 next:10@0
         [10] PTR 9
         [11] CONST 3
         [12] VOLATILE 7
         [13] PTR 12",
        "[9] VOLATILE 5
         [10] PTR 9",
    );
}

#[test]
fn a_split_on_a_split_matches_both() {
    let vmlinux = Arc::new(btf("[1] INT int 4 signed\n[2] PTR 1"));
    let module = Arc::new(split(
        &vmlinux,
        "[3] STRUCT s 4 a:1@0\n[4] PTR 3\n[5] TYPEDEF t 4",
    ));
    let index = BaseIndex::new(Arc::clone(&module)).unwrap();
    let mut top = split(
        &module,
        "[6] INT int 4 signed
         [7] STRUCT s 4 a:6@0
         [8] PTR 7
         [9] TYPEDEF t 8
         [10] PTR 6
         [11] CONST 9",
    );
    let map = dedup_split(&mut top, &index, &DedupOpts::default()).unwrap();
    assert_eq!(text(&top), "[6] CONST 5\n");
    assert_eq!(map.own_ids(), [1, 3, 4, 5, 2, 6].map(TypeId));
}

#[test]
fn one_index_serves_many_threads() {
    let base = Arc::new(btf("[1] INT int 4 signed\n[2] PTR 1\n[3] STRUCT s 8 p:2@0"));
    let index = BaseIndex::new(Arc::clone(&base)).unwrap();
    let deduplicate = |i: u32| {
        let mut module = split(
            &base,
            "[4] INT int 4 signed\n[5] PTR 4\n[6] STRUCT s 8 p:5@0",
        );
        add(&mut module, &format!("[7] STRUCT own{i} 8 p:5@0"));
        dedup_split(&mut module, &index, &DedupOpts::default()).unwrap();
        text(&module)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|i| scope.spawn(move || deduplicate(i)))
            .collect();
        for (i, thread) in threads.into_iter().enumerate() {
            let expected = format!("[4] STRUCT own{i} 8 p:2@0\n");
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_btf_on_another_base_is_refused() {
    let text = "[1] INT int 4 signed";
    let (indexed, other) = (Arc::new(btf(text)), Arc::new(btf(text)));
    let index = BaseIndex::new(indexed).unwrap();
    let mut module = Btf::new_split(other);
    let result = dedup_split(&mut module, &index, &DedupOpts::default());
    assert_eq!(result, Err(Error::BaseMismatch));
    let mut base = btf(text);
    let result = dedup_split(&mut base, &index, &DedupOpts::default());
    assert_eq!(result, Err(Error::NotSplit));
}
