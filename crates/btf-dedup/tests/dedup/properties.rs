//! What holds of any input.

use std::sync::Arc;

use btf_builder::{Btf, TypeId};
use btf_dedup::{DedupOpts, dedup, duplicates};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::notation::{btf, opts, run, split, text};
use crate::program::{append, compile, compile_all, cu, program, united, unmatched};

/// A record of any kind with any references: nothing a compiler would emit.
#[derive(Clone, Debug)]
pub(crate) struct Wild {
    kind: u8,
    refs: [u16; 3],
    name: u8,
    variant: bool,
}

impl Wild {
    /// As a line for type `id`, whose references are below `n`.
    fn line(&self, id: u32, n: u32) -> String {
        let [x, y, z] = self.refs.map(|at| u32::from(at) % n);
        let (name, variant) = (self.name, u8::from(self.variant));
        let line = match self.kind {
            0 => format!("INT i{name} 4 signed"),
            1 if self.variant => format!("FWD s{name} union"),
            1 => format!("FWD s{name} struct"),
            2 if self.variant => format!("ENUM e{name} 4 v=1"),
            2 => format!("ENUM e{name} 4"),
            3 | 4 => format!("PTR {x}"),
            5 => format!("CONST {x}"),
            6 => format!("TYPEDEF t{name} {x}"),
            7 => format!("ARRAY {x} {y} {variant}"),
            8 | 9 => format!("STRUCT s{name} 16 a:{x}@0 b:{y}@64"),
            10 => format!("UNION s{name} 8 a:{x}@0"),
            11 => format!("PROTO {x} p:{y} q:{z}"),
            12 => format!("TAG g{name} {x} {variant}"),
            _ => format!("STRUCT _ 16 a:{x}@0 b:{y}@64"),
        };
        format!("[{id}] {line}\n")
    }
}

pub(crate) fn wild() -> impl Strategy<Value = Vec<Wild>> {
    let one = (0..14_u8, any::<[u16; 3]>(), 0..3_u8, any::<bool>());
    let one = one.prop_map(|(kind, refs, name, variant)| Wild {
        kind,
        refs,
        name,
        variant,
    });
    vec(one, 1..40)
}

/// The types of a BTF, numbered from `first`; references lead anywhere.
pub(crate) fn lines(types: &[Wild], first: u32) -> String {
    let n = first + types.len() as u32;
    (first..)
        .zip(types)
        .map(|(id, wild)| wild.line(id, n))
        .collect()
}

/// `n` cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(n: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked_for = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if asked_for { default.cases } else { n },
        ..default
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn wild_graphs_end_up_without_duplicates_for_any_hash(types in wild()) {
        let input = lines(&types, 1);
        let mut plain = btf(&input);
        run(&mut plain, false);
        let mut colliding = btf(&input);
        run(&mut colliding, true);
        prop_assert_eq!(text(&plain), text(&colliding));
    }

    #[test]
    fn wild_graphs_end_up_without_types_of_the_base(
        base in wild(),
        own in wild(),
    ) {
        let base = Arc::new(btf(&lines(&base, 1)));
        let input = lines(&own, base.n_types());
        let before = base.to_bytes();
        let mut plain = split(&base, &input);
        run(&mut plain, false);
        let mut colliding = split(&base, &input);
        run(&mut colliding, true);
        prop_assert_eq!(text(&plain), text(&colliding));
        prop_assert_eq!(base.to_bytes(), before);
    }

    #[test]
    fn the_map_leads_to_types_that_say_the_same(types in wild()) {
        let input = lines(&types, 1);
        let before = btf(&input);
        let mut after = before.clone();
        let map = dedup(&mut after, &DedupOpts::default()).unwrap();
        for old in before.own_types() {
            let new = after.ty(map.get(old.id())).unwrap();
            prop_assert_eq!(old.name(), new.name());
            // Declarations may have become definitions, nothing else changes.
            if old.kind() == new.kind() && old.vlen() == new.vlen() {
                prop_assert_eq!(old.info(), new.info());
                for (to_old, to_new) in old.refs().zip(new.refs()) {
                    prop_assert_eq!(
                        after.ty(map.get(to_old)).unwrap().name(),
                        after.ty(to_new).unwrap().name()
                    );
                }
            }
        }
    }

    #[test]
    fn the_audit_agrees_with_a_naive_one(types in wild()) {
        let input = lines(&types, 1);
        let btf = btf(&input);
        let found = duplicates(&btf);
        prop_assert_eq!(found, naive_duplicates(&btf));
    }

    #[test]
    fn all_cus_give_the_program_in_one(
        program in program(),
        cus in vec(cu(), 1..6),
    ) {
        let mut all = btf(&compile_all(&program, &cus, 1));
        run(&mut all, false);
        let mut one = btf(&compile(&program, &united(&program, &cus), 1));
        run(&mut one, false);
        prop_assert_eq!(unmatched(&all, &one), Vec::<String>::new(), "{}", text(&all));
    }

    #[test]
    fn the_order_of_cus_does_not_matter(
        program in program(),
        cus in vec(cu(), 2..6),
    ) {
        let mut forward = btf(&compile_all(&program, &cus, 1));
        run(&mut forward, false);
        let reversed: Vec<_> = cus.into_iter().rev().collect();
        let mut backward = btf(&compile_all(&program, &reversed, 1));
        run(&mut backward, false);
        prop_assert_eq!(unmatched(&forward, &backward), Vec::<String>::new());
    }

    #[test]
    fn a_cu_seen_before_adds_nothing(
        program in program(),
        cus in vec(cu(), 1..5),
    ) {
        let once = btf(&compile_all(&program, &cus, 1));
        let mut twice = once.clone();
        append(&mut twice, &btf(&compile(&program, &cus[0], 1)));
        let mut once = once;
        run(&mut once, false);
        run(&mut twice, false);
        prop_assert_eq!(text(&once), text(&twice));
    }

    #[test]
    fn deduplicating_in_steps_is_deduplicating_at_once(
        program in program(),
        cus in vec(cu(), 2..6),
    ) {
        let mut at_once = btf(&compile_all(&program, &cus, 1));
        run(&mut at_once, false);
        let mut in_steps = btf("");
        for cu in &cus {
            append(&mut in_steps, &btf(&compile(&program, cu, 1)));
            run(&mut in_steps, false);
        }
        prop_assert_eq!(unmatched(&at_once, &in_steps), Vec::<String>::new());
    }

    #[test]
    fn a_split_has_what_a_base_without_declarations_has_not(
        program in program(),
        base_cus in vec(cu(), 1..4),
        cus in vec(cu(), 1..4),
    ) {
        // The base defines all it mentions, so it never needs to change.
        let mut base_cu = united(&program, &base_cus);
        base_cu.defines = (0..6).collect();
        base_cu.defines_enums = (0..6).collect();
        let base = Arc::new({
            let mut base = btf(&compile(&program, &base_cu, 1));
            run(&mut base, false);
            base
        });
        let mut module = split(&base, &compile_all(&program, &cus, base.n_types()));
        run(&mut module, false);

        // What module and base make together is the program in one CU.
        let mut together = btf(&text(&base));
        append(&mut together, &module);
        prop_assert_eq!(duplicates(&together), []);
        let mut all = cus;
        all.push(base_cu);
        let mut one = btf(&compile(&program, &united(&program, &all), 1));
        run(&mut one, false);
        prop_assert_eq!(unmatched(&together, &one), Vec::<String>::new());
    }
}

/// The audit by definition: start from all pairs of records that say the same,
/// and strike out pairs with a struck out pair of references until nothing
/// changes.
fn naive_duplicates(btf: &Btf) -> Vec<(TypeId, TypeId)> {
    let n = btf.n_types() as usize;
    let ty = |i: usize| btf.ty(TypeId(i as u32)).unwrap();
    let content = |i: usize| {
        let mut words = ty(i).words().to_vec();
        let shape = btf_builder::record_shape(ty(i).kind());
        for &at in shape.ids {
            words[at] = 0;
        }
        if let Some(at) = shape.elem_id {
            for elem in words[shape.elems..].chunks_exact_mut(shape.stride) {
                elem[at] = 0;
            }
        }
        words
    };
    let mut equal: Vec<Vec<bool>> = (0..n)
        .map(|i| (0..n).map(|j| content(i) == content(j)).collect())
        .collect();
    loop {
        let mut changed = false;
        for i in 0..n {
            for j in 0..n {
                let holds = ty(i)
                    .refs()
                    .zip(ty(j).refs())
                    .all(|(a, b)| equal[a.0 as usize][b.0 as usize]);
                if equal[i][j] && !holds {
                    equal[i][j] = false;
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    (1..n)
        .filter_map(|i| {
            let oldest = (0..i).find(|&j| equal[i][j])?;
            Some((TypeId(i as u32), TypeId(oldest as u32)))
        })
        .collect()
}

#[test]
fn forced_collisions_are_an_option_like_any_other() {
    let mut btf = btf("[1] PTR 0\n[2] PTR 0");
    dedup(&mut btf, &opts(true)).unwrap();
    assert_eq!(text(&btf), "[1] PTR 0\n");
}
