//! The BTF of a real kernel ([`test_kit::real_kernel`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use btf_builder::{Btf, Endian, Limits, TypeId};
use btf_dedup::{BaseIndex, DedupOpts, dedup, dedup_split, duplicates, explain_kept};
use test_kit::real_kernel::{RealKernel, btf_of, file_name};

use crate::program::{append, unmatched};

/// vmlinux and `n` modules spread over all, or `None` after saying so.
pub(crate) fn kernel(test: &str, n: usize) -> Option<(Arc<Btf>, Vec<(String, Btf)>)> {
    let files = RealKernel::first(test)?;
    let base = Arc::new(Btf::parse(&btf_of(&files.vmlinux)).unwrap());
    let modules = files
        .sample(n)
        .map(|path| {
            let split = Btf::parse_split(&btf_of(path), Arc::clone(&base)).unwrap();
            (file_name(path), split)
        })
        .collect();
    Some((base, modules))
}

/// Appends to `dst` all types that the own types of `module` reach, those of
/// the base included, as the CU of a compiler that knows no base.
pub(crate) fn append_as_cu(dst: &mut Btf, module: &Btf) {
    let mut new_ids = BTreeMap::from([(TypeId::VOID, TypeId::VOID)]);
    let mut ids: Vec<TypeId> = module.own_types().map(|ty| ty.id()).collect();
    let mut at = 0;
    while let Some(&id) = ids.get(at) {
        at += 1;
        let first = dst.n_types() - new_ids.len() as u32 + 1;
        if new_ids.contains_key(&id) {
            continue;
        }
        new_ids.insert(id, TypeId(first + new_ids.len() as u32 - 1));
        ids.extend(module.ty(id).unwrap().refs());
        let words = module.ty(id).unwrap().words();
        dst.push_raw(words).unwrap();
    }
    // The records went in in the order of their new ids.
    let mut olds: Vec<_> = new_ids.iter().map(|(&old, &new)| (new, old)).collect();
    olds.sort();
    for (new, old) in olds.into_iter().skip(1) {
        dst.visit_type_ids_mut(new, |target| *target = new_ids[&TypeId(*target)].0)
            .unwrap();
        let mut strings = Vec::new();
        module.ty(old).unwrap().for_each_str(|off| {
            strings.push(module.str_at(off).unwrap());
        });
        let mut offsets = Vec::new();
        for s in strings {
            offsets.push(dst.intern_str(s).unwrap().0);
        }
        let mut offsets = offsets.into_iter();
        dst.visit_str_offs_mut(new, |off| *off = offsets.next().unwrap())
            .unwrap();
    }
}

#[test]
fn the_kernel_s_own_btf_has_nothing_to_deduplicate() {
    let Some((base, _)) = kernel("the_kernel_s_own_btf_has_nothing_to_deduplicate", 1) else {
        return;
    };
    assert_eq!(duplicates(&base), []);
    let mut again = Btf::clone(&base);
    dedup(&mut again, &DedupOpts::default()).unwrap();
    assert!(again.type_words() == base.type_words());
}

#[test]
fn modules_compiled_without_a_base_give_back_what_is_theirs() {
    let test = "modules_compiled_without_a_base_give_back_what_is_theirs";
    let Some((base, modules)) = kernel(test, 6) else {
        return;
    };
    let index = BaseIndex::new(Arc::clone(&base)).unwrap();
    for (name, module) in &modules {
        let mut flat = Btf::new_split(Arc::clone(&base));
        flat.set_limits(Limits::FORMAT);
        append_as_cu(&mut flat, module);
        let before = flat.n_own_types();
        dedup_split(&mut flat, &index, &DedupOpts::default()).unwrap();
        assert_eq!(duplicates(&flat), [], "{name}");

        // The module's own BTF may have duplicates: incumbent encoders leave
        // some.
        let mut expected = module.clone();
        dedup_split(&mut expected, &index, &DedupOpts::default()).unwrap();
        assert_eq!(unmatched(&flat, &expected), Vec::<String>::new(), "{name}");
        eprintln!(
            "{name}: {before} types, {} kept, {} with a namesake in the base",
            flat.n_own_types(),
            explain_kept(&flat).len()
        );
    }
}

#[test]
fn cus_in_any_order_give_the_same_types() {
    let Some((_, modules)) = kernel("cus_in_any_order_give_the_same_types", 4) else {
        return;
    };
    let mut forward = Btf::new_empty(Endian::Little);
    let mut backward = Btf::new_empty(Endian::Little);
    for btf in [&mut forward, &mut backward] {
        btf.set_limits(Limits::FORMAT);
    }
    for (_, module) in &modules {
        append_as_cu(&mut forward, module);
    }
    for (_, module) in modules.iter().rev() {
        append_as_cu(&mut backward, module);
    }
    let mut twice = forward.clone();
    append(&mut twice, &forward);
    for btf in [&mut forward, &mut backward, &mut twice] {
        dedup(btf, &DedupOpts::default()).unwrap();
        assert_eq!(duplicates(btf), []);
    }
    assert_eq!(unmatched(&forward, &backward), Vec::<String>::new());
    assert!(twice.type_words() == forward.type_words());
}
