//! The BTF of a real kernel ([`test_kit::real_kernel`]).

#![allow(clippy::print_stderr, reason = "skips and counts are for the reader")]

use std::sync::Arc;

use btf_builder::{Btf, Endian, Kind, TypeId};
use test_kit::real_kernel::{RealKernel, btf_of, file_name};

#[test]
fn vmlinux_and_modules_come_out_as_they_went_in() {
    let Some(kernel) = RealKernel::first("vmlinux_and_modules_come_out_as_they_went_in") else {
        return;
    };
    let data = btf_of(&kernel.vmlinux);
    let base = Btf::parse(&data).unwrap();
    assert!(base.to_bytes() == data, "vmlinux");

    let mut swapped = base.clone();
    swapped.set_endian(Endian::Big);
    let big = swapped.to_bytes();
    let again = Btf::parse(&big).unwrap();
    assert_eq!(again.endian(), Endian::Big);
    assert!(again.type_words() == base.type_words());
    assert!(again.to_bytes() == big);

    assert_eq!(base.pointer_size(), Some(8));
    let task = base.find_by_name_kind("task_struct", Kind::Struct).unwrap();
    assert_eq!(base.resolve_size(task).ok(), base.ty(task).unwrap().size());
    for ty in base.own_types() {
        if ty.name_off().is_empty() {
            continue;
        }
        let first = base.find_by_name_kind(ty.name(), ty.kind()).unwrap();
        assert!(first <= ty.id());
        assert_eq!(base.ty(first).unwrap().name(), ty.name());
    }

    let base = Arc::new(base);
    let (mut modules, mut distilled, mut refused) = (0, 0, 0);
    for path in &kernel.modules {
        let data = btf_of(path);
        let name = file_name(path);
        let split =
            Btf::parse_split(&data, Arc::clone(&base)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(split.to_bytes() == data, "{name}");
        modules += 1;

        // Distilled and moved back to the same base, the own types are what
        // they were, up to the copies of base types they now go through.
        let small = split
            .distill_base()
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let bytes = (small.base.to_bytes(), small.split.to_bytes());
        let small_base = Arc::new(Btf::parse(&bytes.0).unwrap());
        let mut moved = Btf::parse_split(&bytes.1, small_base).unwrap();
        match moved.relocate(Arc::clone(&base)) {
            Ok(_) => {
                distilled += 1;
                for ty in split.own_types() {
                    let back = moved.ty(ty.id()).unwrap();
                    assert_eq!((ty.kind(), ty.name()), (back.kind(), back.name()), "{name}");
                    assert_eq!(ty.info(), back.info(), "{name} {}", ty.id());
                    for (a, b) in ty.refs().zip(back.refs()) {
                        let named = |btf: &Btf, id: TypeId| {
                            let ty = btf.ty(id).unwrap();
                            (ty.kind(), ty.name().to_vec())
                        };
                        assert!(
                            a == b
                                || b.0 >= split.n_types() && named(&split, a) == named(&moved, b),
                            "{name} {}",
                            ty.id()
                        );
                    }
                }
            }
            Err(err) => {
                assert!(
                    matches!(err, btf_builder::Error::AmbiguousMatch { .. }),
                    "{name}: {err}"
                );
                refused += 1;
            }
        }
    }
    eprintln!("{modules} modules, {distilled} relocated to their base, {refused} ambiguous there");
    assert!(modules > 0);
}
