//! Graphs that no compiler emits: deduplication ends on all of them, and still
//! leaves no type twice.

use crate::notation::{btf, check, check_split, run};

#[test]
fn types_that_refer_to_themselves_merge() {
    check(
        "[1] PTR 1
         [2] PTR 2
         [3] CONST 3
         [4] TYPEDEF t 4
         [5] TYPEDEF t 5
         [6] ARRAY 6 6 1
         [7] ARRAY 7 6 1
         [8] STRUCT s 4 s:8@0
         [9] STRUCT s 4 s:9@0",
        "[1] PTR 1
         [2] CONST 2
         [3] TYPEDEF t 3
         [4] ARRAY 4 4 1
         [5] STRUCT s 4 s:5@0",
    );
}

#[test]
fn pointer_cycles_of_any_length_are_one_type() {
    // Each of these is "a pointer to a pointer to a pointer ...".
    check(
        "[1] PTR 2
         [2] PTR 3
         [3] PTR 1
         [4] PTR 5
         [5] PTR 4
         [6] PTR 6
         [7] CONST 2
         [8] CONST 4
         [9] PTR 0",
        "[1] PTR 1
         [2] CONST 1
         [3] PTR 0",
    );
}

#[test]
fn unrolled_structs_are_one_type() {
    check(
        "[1] STRUCT list 8 next:2@0
         [2] PTR 3
         [3] STRUCT list 8 next:4@0
         [4] PTR 5
         [5] STRUCT list 8 next:6@0
         [6] PTR 1",
        "[1] STRUCT list 8 next:2@0
         [2] PTR 1",
    );
}

#[test]
fn cycles_of_different_content_stay_apart() {
    let unchanged = "[1] PTR 2
         [2] CONST 1
         [3] PTR 4
         [4] VOLATILE 3
         [5] PTR 6
         [6] CONST 7
         [7] PTR 8
         [8] VOLATILE 5";
    check(unchanged, unchanged);
}

#[test]
fn a_cycle_matches_the_base_whatever_its_length() {
    check_split(
        "[1] PTR 2
         [2] PTR 1
         [3] STRUCT list 8 next:4@0
         [4] PTR 3",
        "[5] PTR 6
         [6] PTR 7
         [7] PTR 5
         [8] STRUCT list 8 next:9@0
         [9] PTR 10
         [10] STRUCT list 8 next:11@0
         [11] PTR 8
         [12] TYPEDEF t 11
         [13] TYPEDEF p 5",
        "[5] TYPEDEF t 4
         [6] TYPEDEF p 1",
    );
}

#[test]
fn prototypes_and_tags_form_cycles() {
    check(
        "[1] PROTO 2 a:3
         [2] PTR 1
         [3] TYPETAG t 2
         [4] PROTO 5 a:6
         [5] PTR 4
         [6] TYPETAG t 5
         [7] TYPEDEF f 1
         [8] TYPEDEF f 4",
        "[1] PROTO 2 a:3
         [2] PTR 1
         [3] TYPETAG t 2
         [4] TYPEDEF f 1",
    );
}

#[test]
fn a_long_chain_does_not_exhaust_the_stack() {
    // One struct at the end of 200,000 typedefs, twice.
    let n = 200_000_u32;
    let chain = |first: u32| -> String {
        let mut out = String::new();
        for id in first..first + n {
            out += &format!("[{id}] TYPEDEF t{} {}\n", id - first, id + 1);
        }
        out + &format!("[{}] STRUCT end 4 self:{first}@0\n", first + n)
    };
    let mut btf = btf(&(chain(1) + &chain(n + 2)));
    run(&mut btf, false);
    assert_eq!(btf.n_own_types(), n + 1);
}

#[test]
fn a_deep_graph_does_not_exhaust_the_stack() {
    // Structs whose first reference goes down, so that the second is pending.
    let n = 100_000_u32;
    let chain = |first: u32| -> String {
        (first..first + n)
            .map(|id| {
                let next = if id + 1 == first + n { first } else { id + 1 };
                format!("[{id}] STRUCT s{} 8 a:{next}@0 b:{first}@32\n", id - first)
            })
            .collect()
    };
    let mut btf = btf(&(chain(1) + &chain(n + 1)));
    run(&mut btf, false);
    assert_eq!(btf.n_own_types(), n);
}

#[test]
fn many_types_of_one_shape_take_no_quadratic_time() {
    // Half a million comparisons a piece if each were tried with each.
    let n = 20_000_u32;
    let cu = |first: u32| -> String {
        (0..n)
            .map(|i| {
                let (x, p, s) = (first + 3 * i, first + 3 * i + 1, first + 3 * i + 2);
                format!("[{x}] STRUCT x{i} 4\n[{p}] PTR {x}\n[{s}] STRUCT s 8 p:{p}@0\n")
            })
            .collect()
    };
    let mut btf = btf(&(cu(1) + &cu(3 * n + 1)));
    run(&mut btf, false);
    assert_eq!(btf.n_own_types(), 3 * n);
}
