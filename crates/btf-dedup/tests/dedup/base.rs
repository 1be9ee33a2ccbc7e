//! Deduplication of a BTF without base. The cases are those of the kernel's
//! selftests (`prog_tests/btf.c`, titles that begin with "dedup:"), each also
//! with all hash values equal.

use crate::notation::{btf, check, run, text};
use btf_builder::TypeId;

#[test]
fn a_cu_and_its_copy_become_one() {
    check(
        "[1] INT int 4 signed
         [2] ARRAY 1 1 16
         [3] STRUCT s 88 next:4@0 a:5@64 b:2@128 c:1@640 d:15@672
         [4] PTR 3
         [5] PTR 6
         [6] CONST 1
         [7] TAG s 3 -1
         [8] TAG s 3 1
         [9] INT int 4 signed
         [10] ARRAY 9 9 16
         [11] STRUCT s 88 next:12@0 a:13@64 b:10@128 c:9@640 d:15@672
         [12] PTR 11
         [13] PTR 14
         [14] CONST 9
         [15] FLOAT float 4
         [16] TAG s 11 -1
         [17] TAG s 11 1",
        "[1] INT int 4 signed
         [2] ARRAY 1 1 16
         [3] STRUCT s 88 next:4@0 a:5@64 b:2@128 c:1@640 d:9@672
         [4] PTR 3
         [5] PTR 6
         [6] CONST 1
         [7] TAG s 3 -1
         [8] TAG s 3 1
         [9] FLOAT float 4",
    );
}

#[test]
fn a_declaration_in_a_graph_takes_the_definition_met_in_its_place() {
    check(
        "[1] FWD x struct
         [2] PTR 1
         [3] STRUCT s 8 x:2@0
         [4] STRUCT x 0
         [5] PTR 4
         [6] STRUCT s 8 x:5@0",
        "[1] PTR 3
         [2] STRUCT s 8 x:1@0
         [3] STRUCT x 0",
    );
}

#[test]
fn a_declaration_in_the_candidate_takes_the_canonical_definition() {
    check(
        "[1] STRUCT x 0
         [2] PTR 1
         [3] STRUCT s 8 x:2@0
         [4] FWD x struct
         [5] PTR 4
         [6] STRUCT s 8 x:5@0",
        "[1] STRUCT x 0
         [2] PTR 1
         [3] STRUCT s 8 x:2@0",
    );
}

#[test]
fn void_is_not_an_anonymous_struct() {
    let unchanged = "[1] STRUCT _ 1
         [2] PTR 1
         [3] STRUCT s 8 x:2@0
         [4] PTR 0
         [5] STRUCT s 8 x:4@0";
    check(unchanged, unchanged);
    let the_other_way_round = "[1] PTR 0
         [2] STRUCT s 8 x:1@0
         [3] STRUCT _ 1
         [4] PTR 3
         [5] STRUCT s 8 x:4@0";
    check(the_other_way_round, the_other_way_round);
}

#[test]
fn every_kind_survives_once() {
    let unchanged = "[1] INT A 8 signed
         [2] ENUM B 4 C=0 D=1
         [3] FWD E union
         [4] ARRAY 2 1 7
         [5] STRUCT F 4 G:1@0
         [6] UNION H 4 I:1@0
         [7] TYPEDEF J 1
         [8] PTR 0
         [9] CONST 8
         [10] VOLATILE 8
         [11] RESTRICT 8
         [12] PROTO 1 K:1 L:18
         [13] FUNC M 12 0
         [14] FLOAT N 2
         [15] TAG O 13 -1
         [16] TAG P 13 1
         [17] TAG Q 7 -1
         [18] TYPETAG R 8
         [19] ENUM64 S 8 T=0 U=4294967297
         [20] VAR V 1 1
         [21] DATASEC W 8 20@0+8";
    check(unchanged, unchanged);
}

#[test]
fn every_kind_but_variables_merges_with_its_copy() {
    let one = "[1] INT A 8 signed
         [2] ENUM B 4 C=0 D=1
         [3] FWD E union
         [4] ARRAY 2 1 7
         [5] STRUCT F 4 G:1@0
         [6] UNION H 4 I:1@0
         [7] TYPEDEF J 1
         [8] PTR 0
         [9] CONST 8
         [10] VOLATILE 8
         [11] RESTRICT 8
         [12] PROTO 1 K:1 L:18
         [13] FUNC M 12 0
         [14] FLOAT N 2
         [15] TAG O 13 -1
         [16] TAG P 13 1
         [17] TAG Q 7 -1
         [18] TYPETAG R 8
         [19] ENUM64 S 8 T=0 U=4294967297";
    let copy = "
         [20] INT A 8 signed
         [21] ENUM B 4 C=0 D=1
         [22] FWD E union
         [23] ARRAY 21 20 7
         [24] STRUCT F 4 G:20@0
         [25] UNION H 4 I:20@0
         [26] TYPEDEF J 20
         [27] PTR 0
         [28] CONST 27
         [29] VOLATILE 27
         [30] RESTRICT 27
         [31] PROTO 20 K:20 L:37
         [32] FUNC M 31 0
         [33] FLOAT N 2
         [34] TAG O 32 -1
         [35] TAG P 32 1
         [36] TAG Q 26 -1
         [37] TYPETAG R 27
         [38] ENUM64 S 8 T=0 U=4294967297";
    check(&format!("{one}{copy}"), one);
}

#[test]
fn scalars_differ_by_name_size_and_encoding() {
    let unchanged = "[1] INT int 8 signed
         [2] INT other 8 signed
         [3] INT int 8 char
         [4] INT int 8 bool
         [5] INT int 4 signed
         [6] FLOAT float 2
         [7] FLOAT float 4
         [8] FLOAT float 8
         [9] FLOAT float 12
         [10] FLOAT float 16";
    check(unchanged, unchanged);
}

#[test]
fn ints_differ_by_width_and_bit_offset() {
    let mut btf = btf("[1] INT int 8 signed");
    let words = btf.ty(TypeId(1)).unwrap().words().to_vec();
    for data in [1 << 24 | 8 << 16 | 64, 1 << 24 | 27] {
        btf.push_raw(&[words[0], words[1], words[2], data]).unwrap();
    }
    run(&mut btf, false);
    assert_eq!(btf.n_own_types(), 3);
}

#[test]
fn enum_declarations_take_the_enum_of_their_name() {
    check(
        "[1] ENUM e1 4
         [2] ENUM e1 4 v1=123
         [3] ENUM e2 4 v2=456
         [4] ENUM e2 4
         [5] ENUM e1 1
         [6] ENUM e1 4 v1=321",
        "[1] ENUM e1 4 v1=123
         [2] ENUM e2 4 v2=456
         [3] ENUM e1 4 v1=321",
    );
    check(
        "[1] ENUM64 e1 8
         [2] ENUM64 e1 8 v1=528280977409
         [3] ENUM64 e2 8 v2=1958505086976
         [4] ENUM64 e2 8
         [5] ENUM64 e1 8 v1=1378684502016",
        "[1] ENUM64 e1 8 v1=528280977409
         [2] ENUM64 e2 8 v2=1958505086976
         [3] ENUM64 e1 8 v1=1378684502016",
    );
}

#[test]
fn enum_declarations_take_the_enum_whatever_its_kind() {
    check(
        "[1] ENUM64 e1 8 v1=1
         [2] ENUM e1 4
         [3] TYPEDEF td 2",
        "[1] ENUM64 e1 8 v1=1
         [2] TYPEDEF td 1",
    );
    check(
        "[1] ENUM e1 4 v1=1
         [2] ENUM64 e1 8
         [3] TYPEDEF td 2",
        "[1] ENUM e1 4 v1=1
         [2] TYPEDEF td 1",
    );
    check(
        "[1] ENUM e1 4
         [2] TYPEDEF td 1
         [3] ENUM64 e1 8 v1=1",
        "[1] TYPEDEF td 2
         [2] ENUM64 e1 8 v1=1",
    );
}

/// `struct s { enum e *e; }` of one CU.
fn user_of_an_enum(first: u32, values: &str) -> String {
    let [e, ptr, s] = [first, first + 1, first + 2];
    format!(
        "[{e}] ENUM e 4 {values}
         [{ptr}] PTR {e}
         [{s}] STRUCT s 8 e:{ptr}@0\n"
    )
}

#[test]
fn an_enum_declared_where_its_user_is_first_seen_fits_each_definition() {
    let [declared, two, three] = ["", "a=1 b=2", "a=1 b=2 c=3"];
    check(
        &(user_of_an_enum(1, declared) + &user_of_an_enum(4, two) + &user_of_an_enum(7, three)),
        "[1] PTR 5
         [2] STRUCT s 8 e:1@0
         [3] ENUM e 4 a=1 b=2
         [4] PTR 3
         [5] ENUM e 4 a=1 b=2 c=3",
    );
    // Where it is defined, its user is another one for each definition.
    let differ = user_of_an_enum(1, two) + &user_of_an_enum(4, three);
    check(&(differ.clone() + &user_of_an_enum(7, declared)), &differ);
}

#[test]
fn of_several_definitions_a_declaration_takes_the_newest() {
    let user_of_a_struct = |first: u32, size: u32| {
        let [x, ptr, s] = [first, first + 1, first + 2];
        format!(
            "[{x}] STRUCT x {size}
             [{ptr}] PTR {x}
             [{s}] STRUCT s 8 x:{ptr}@0\n"
        )
    };
    let defined = user_of_a_struct(1, 4) + &user_of_a_struct(4, 8);
    check(
        &(defined.clone()
            + "[7] FWD x struct
               [8] PTR 7
               [9] STRUCT s 8 x:8@0
               [10] TYPEDEF t 9"),
        &(defined + "[7] TYPEDEF t 6"),
    );
}

#[test]
fn enums_differ_by_kind_size_and_sign() {
    let unchanged = "[1] ENUM e1 4 v1=1
         [2] ENUM64 e1 4 v1=1
         [3] ENUM e1 2 v1=1
         [4] ENUM e1 4 v1=1 signed";
    check(unchanged, unchanged);
    check(
        "[1] ENUM64 e1 8 v1=123
         [2] ENUM64 e1 8 v1=123",
        "[1] ENUM64 e1 8 v1=123",
    );
}

#[test]
fn anonymous_enums_without_values_declare_nothing() {
    let unchanged = "[1] ENUM _ 4 a=1
         [2] ENUM _ 4";
    check(unchanged, unchanged);
}

#[test]
fn variables_and_sections_pass_through() {
    check(
        "[1] INT _ 4 signed
         [2] VAR t 1 0
         [3] DATASEC .bss 4 2@0+4
         [4] INT _ 4 signed
         [5] VAR t 4 0
         [6] DATASEC .bss 4 5@0+4",
        "[1] INT _ 4 signed
         [2] VAR t 1 0
         [3] DATASEC .bss 4 2@0+4
         [4] VAR t 1 0
         [5] DATASEC .bss 4 4@0+4",
    );
}

#[test]
fn tags_of_functions_arguments_and_variables_merge_where_equal() {
    check(
        "[1] INT _ 4 signed
         [2] VAR t 1 0
         [3] PROTO 0 a1:1 a2:1
         [4] FUNC f 3 0
         [5] TAG tag 2 -1
         [6] TAG tag 2 -1
         [7] TAG tag 4 -1
         [8] TAG tag 4 -1
         [9] TAG tag 4 1
         [10] TAG tag 4 1",
        "[1] INT _ 4 signed
         [2] VAR t 1 0
         [3] PROTO 0 a1:1 a2:1
         [4] FUNC f 3 0
         [5] TAG tag 2 -1
         [6] TAG tag 4 -1
         [7] TAG tag 4 1",
    );
}

#[test]
fn tags_of_merged_functions_are_united() {
    check(
        "[1] INT _ 4 signed
         [2] PROTO 0 a1:1 a2:1
         [3] FUNC f 2 0
         [4] PROTO 0 a1:1 a2:1
         [5] FUNC f 4 0
         [6] TAG tag1 3 -1
         [7] TAG tag2 3 -1
         [8] TAG tag1 5 -1
         [9] TAG tag3 5 -1
         [10] TAG tag1 5 1",
        "[1] INT _ 4 signed
         [2] PROTO 0 a1:1 a2:1
         [3] FUNC f 2 0
         [4] TAG tag1 3 -1
         [5] TAG tag2 3 -1
         [6] TAG tag3 3 -1
         [7] TAG tag1 3 1",
    );
}

#[test]
fn tags_of_merged_structs_are_united() {
    check(
        "[1] INT _ 4 signed
         [2] STRUCT t 8 m1:1@0 m2:1@32
         [3] STRUCT t 8 m1:1@0 m2:1@32
         [4] TAG tag1 2 -1
         [5] TAG tag2 2 1
         [6] TAG tag1 3 -1
         [7] TAG tag3 3 -1
         [8] TAG tag2 3 1",
        "[1] INT _ 4 signed
         [2] STRUCT t 8 m1:1@0 m2:1@32
         [3] TAG tag1 2 -1
         [4] TAG tag2 2 1
         [5] TAG tag3 2 -1",
    );
}

#[test]
fn tags_of_merged_typedefs_are_united() {
    check(
        "[1] INT _ 4 signed
         [2] TYPEDEF t 1
         [3] TYPEDEF t 1
         [4] TAG tag1 2 -1
         [5] TAG tag2 2 -1
         [6] TAG tag1 3 -1
         [7] TAG tag3 3 -1",
        "[1] INT _ 4 signed
         [2] TYPEDEF t 1
         [3] TAG tag1 2 -1
         [4] TAG tag2 2 -1
         [5] TAG tag3 2 -1",
    );
}

#[test]
fn chains_of_type_tags_merge_where_equal_throughout() {
    check(
        "[1] INT _ 4 signed
         [2] TYPETAG tag1 1
         [3] TYPETAG tag2 2
         [4] PTR 3
         [5] TYPETAG tag1 1
         [6] TYPETAG tag2 5
         [7] PTR 6
         [8] TYPETAG tag1 1
         [9] PTR 8",
        "[1] INT _ 4 signed
         [2] TYPETAG tag1 1
         [3] TYPETAG tag2 2
         [4] PTR 3
         [5] PTR 2",
    );
    let other_order = "[1] INT _ 4 signed
         [2] TYPETAG tag1 1
         [3] TYPETAG tag2 2
         [4] PTR 3
         [5] TYPETAG tag2 1
         [6] TYPETAG tag1 5
         [7] PTR 6";
    check(other_order, other_order);
    let other_type = "[1] INT _ 4 signed
         [2] TYPETAG tag1 1
         [3] PTR 2
         [4] INT _ 8 signed
         [5] TYPETAG tag1 4
         [6] PTR 5";
    check(other_type, other_type);
    check(
        "[1] INT _ 4 signed
         [2] TYPETAG tag1 1
         [3] STRUCT t 4 m:2@0/0
         [4] TYPETAG tag1 1
         [5] STRUCT t 4 m:4@0/0",
        "[1] INT _ 4 signed
         [2] TYPETAG tag1 1
         [3] STRUCT t 4 m:2@0",
    );
}

#[test]
fn a_lone_declaration_takes_the_only_definition_of_its_name() {
    check(
        "[1] STRUCT foo 4 x:2@0
         [2] INT _ 4 signed
         [3] FWD foo struct
         [4] PTR 3
         [5] TYPEDEF foo_ptr 4",
        "[1] STRUCT foo 4 x:2@0
         [2] INT _ 4 signed
         [3] PTR 1
         [4] TYPEDEF foo_ptr 3",
    );
    check(
        "[1] UNION foo 4 x:2@0
         [2] INT _ 4 signed
         [3] FWD foo union
         [4] PTR 3
         [5] TYPEDEF foo_ptr 4",
        "[1] UNION foo 4 x:2@0
         [2] INT _ 4 signed
         [3] PTR 1
         [4] TYPEDEF foo_ptr 3",
    );
}

#[test]
fn a_lone_declaration_stays_if_the_definition_has_another_kind() {
    let unchanged = "[1] STRUCT foo 4 x:2@0
         [2] INT _ 4 signed
         [3] FWD foo union
         [4] PTR 3
         [5] TYPEDEF foo_ptr 4";
    check(unchanged, unchanged);
}

#[test]
fn a_lone_declaration_stays_if_its_name_is_ambiguous() {
    let two_structs = "[1] STRUCT foo 4 x:2@0
         [2] INT _ 4 signed
         [3] FWD foo struct
         [4] PTR 3
         [5] TYPEDEF foo_ptr 4
         [6] STRUCT foo 8 x:2@0 y:2@0";
    check(two_structs, two_structs);
    let struct_and_union = "[1] STRUCT foo 4 x:2@0
         [2] INT _ 4 signed
         [3] FWD foo struct
         [4] PTR 3
         [5] UNION foo 4 x:2@0";
    check(struct_and_union, struct_and_union);
}

#[test]
fn prototypes_differ_by_the_names_of_parameters() {
    let unchanged = "[1] INT int 4 signed
         [2] PROTO 1 a:1
         [3] PROTO 1 b:1
         [4] PROTO 1 _:1
         [5] PROTO 1 a:1 _:0";
    check(unchanged, unchanged);
}

#[test]
fn functions_differ_by_linkage() {
    let unchanged = "[1] PROTO 0
         [2] FUNC f 1 0
         [3] FUNC f 1 1";
    check(unchanged, unchanged);
}

#[test]
fn bitfields_are_told_from_plain_members() {
    let unchanged = "[1] INT int 4 signed
         [2] STRUCT s 4 a:1@0/3
         [3] STRUCT s 4 a:1@0
         [4] STRUCT s 4 a:1@0/4";
    check(unchanged, unchanged);
}

#[test]
fn the_map_leads_each_old_id_to_its_final_one() {
    let mut btf = btf("[1] FWD s struct
         [2] PTR 1
         [3] INT int 4 signed
         [4] INT int 4 signed
         [5] STRUCT s 4 x:4@0
         [6] PTR 5");
    let map = run(&mut btf, false);
    assert_eq!(
        text(&btf),
        "[1] PTR 3\n[2] INT int 4 signed\n[3] STRUCT s 4 x:2@0\n"
    );
    let ids = [3, 1, 2, 2, 3, 1].map(TypeId);
    assert_eq!(map.own_ids(), ids);
    assert_eq!((map.n_before(), map.n_after()), (6, 3));
    assert_eq!(map.get(TypeId(0)), TypeId(0));
    assert_eq!(map.get(TypeId(7)), TypeId(7));
}

#[test]
fn an_empty_btf_stays_empty() {
    check("", "");
}
