//! Distilled bases and relocation: the cases of the kernel's `btf_distill`
//! selftest and of the faults in the incumbent that this library avoids.

mod common;

use std::sync::Arc;

use btf_builder::{
    Btf, Distilled, Endian, Error, FuncLinkage, FwdKind, IntEncoding, Kind, TypeId, VarLinkage,
};
use common::{raw_all, raw_own};

const SIGNED: IntEncoding = IntEncoding::SIGNED;

fn with_int() -> (Btf, TypeId) {
    let mut btf = Btf::new_empty(Endian::Little);
    let int = btf.add_int("int", 4, SIGNED).unwrap();
    (btf, int)
}

/// A base of the given types, a split BTF with a PTR to each of them, and that
/// split BTF distilled.
fn distilled_pointers<R>(build: impl FnOnce(&mut Btf) -> R) -> (Arc<Btf>, Distilled) {
    let mut base = Btf::new_empty(Endian::Little);
    build(&mut base);
    let base = Arc::new(base);
    let mut split = Btf::new_split(Arc::clone(&base));
    for id in 1..base.n_types() {
        split.add_ptr(TypeId(id)).unwrap();
    }
    let distilled = split.distill_base().unwrap();
    (base, distilled)
}

fn base_of<R>(build: impl FnOnce(&mut Btf) -> R) -> Arc<Btf> {
    let mut base = Btf::new_empty(Endian::Little);
    build(&mut base);
    Arc::new(base)
}

fn no_match(result: Result<Vec<TypeId>, Error>) -> Kind {
    match result {
        Err(Error::NoMatch { kind, .. }) => kind,
        other => panic!("expected NoMatch, got {other:?}"),
    }
}

#[test]
fn every_kind_of_base_type_finds_its_place() {
    let (mut base, int) = with_int();
    let ptr = base.add_ptr(int).unwrap(); // 2
    let s1 = base.add_struct("s1", 8).unwrap(); // 3
    base.add_field("f1", ptr, 0, 0).unwrap();
    let anon_struct = base.add_struct("", 12).unwrap(); // 4
    base.add_field("f1", int, 0, 0).unwrap();
    base.add_field("f2", s1, 32, 0).unwrap();
    base.add_int("unsigned int", 4, IntEncoding::NONE).unwrap(); // 5
    let u1 = base.add_union("u1", 12).unwrap(); // 6
    base.add_field("f1", int, 0, 0).unwrap();
    base.add_field("f2", ptr, 0, 0).unwrap();
    let anon_union = base.add_union("", 4).unwrap(); // 7
    base.add_field("f1", int, 0, 0).unwrap();
    let e1 = base.add_enum("e1", 4).unwrap(); // 8
    base.add_enum_value("v1", 1).unwrap();
    let anon_enum = base.add_enum("", 4).unwrap(); // 9
    base.add_enum_value("av1", 2).unwrap();
    let e641 = base.add_enum64("e641", 8, true).unwrap(); // 10
    base.add_enum64_value("v1", 1024).unwrap();
    let anon_enum64 = base.add_enum64("", 8, true).unwrap(); // 11
    base.add_enum64_value("v1", 1025).unwrap();
    base.add_struct("unneeded", 4).unwrap(); // 12
    base.add_field("f1", int, 0, 0).unwrap();
    let embedded = base.add_struct("embedded", 4).unwrap(); // 13
    base.add_field("f1", int, 0, 0).unwrap();
    let proto = base.add_func_proto(int).unwrap(); // 14
    base.add_func_param("p1", int).unwrap();
    let array = base.add_array(int, int, 3).unwrap(); // 15
    let from_proto = base.add_struct("from_proto", 4).unwrap(); // 16
    base.add_field("f1", int, 0, 0).unwrap();
    base.add_union("u1", 4).unwrap(); // 17
    base.add_field("f1", int, 0, 0).unwrap();
    let base = Arc::new(base);

    let mut split = Btf::new_split(Arc::clone(&base));
    split.add_ptr(s1).unwrap(); // 18
    split.add_ptr(anon_struct).unwrap();
    split.add_const(u1).unwrap(); // 20
    split.add_restrict(anon_union).unwrap();
    split.add_volatile(e1).unwrap();
    split.add_typedef("et", anon_enum).unwrap();
    split.add_const(e641).unwrap();
    split.add_ptr(anon_enum64).unwrap();
    split.add_struct("with_embedded", 4).unwrap(); // 26
    split.add_field("f1", embedded, 0, 0).unwrap();
    split.add_func("fn", FuncLinkage::Static, proto).unwrap();
    split.add_typedef("arraytype", array).unwrap();
    split.add_func_proto(int).unwrap(); // 29
    split.add_func_param("p1", from_proto).unwrap();

    let mut distilled = split.distill_base().unwrap();
    assert_eq!(
        raw_all(&distilled.split),
        [
            "[1] INT 'int' size=4",
            "[2] STRUCT 's1' size=8",
            "[3] UNION 'u1' size=12",
            "[4] ENUM 'e1' size=4",
            "[5] ENUM 'e641' size=8",
            "[6] STRUCT 'embedded' size=4",
            "[7] STRUCT 'from_proto' size=4",
            "[8] PTR -> 2",
            "[9] PTR -> 20",
            "[10] CONST -> 3",
            "[11] RESTRICT -> 21",
            "[12] VOLATILE -> 4",
            "[13] TYPEDEF 'et' -> 22",
            "[14] CONST -> 5",
            "[15] PTR -> 23",
            "[16] STRUCT 'with_embedded' size=4\n\t'f1' -> 6 @0",
            "[17] FUNC 'fn' -> 24",
            "[18] TYPEDEF 'arraytype' -> 25",
            "[19] FUNC_PROTO -> 1\n\t'p1' -> 7",
            "[20] STRUCT size=12\n\t'f1' -> 1 @0\n\t'f2' -> 2 @32",
            "[21] UNION size=4\n\t'f1' -> 1 @0",
            "[22] ENUM size=4\n\t'av1' = 2",
            "[23] ENUM64 flag size=8\n\t'v1' = 1025",
            "[24] FUNC_PROTO -> 1\n\t'p1' -> 1",
            "[25] ARRAY elem=1 index=1 n=3",
        ]
    );
    assert_eq!(
        distilled.base.strings(),
        b"\0int\0s1\0u1\0e1\0e641\0embedded\0from_proto\0",
        "the kernel wants nothing but names of distilled types there"
    );

    // The kernel reads both from bytes.
    let bytes = (distilled.base.to_bytes(), distilled.split.to_bytes());
    let base_again = Arc::new(Btf::parse(&bytes.0).unwrap());
    let mut again = Btf::parse_split(&bytes.1, base_again).unwrap();

    let map = distilled.split.relocate(Arc::clone(&base)).unwrap();
    assert_eq!(map[..9], [0, 1, 3, 6, 8, 10, 13, 16, 18].map(TypeId));
    assert_eq!(
        raw_own(&distilled.split),
        [
            "[18] PTR -> 3",
            "[19] PTR -> 30",
            "[20] CONST -> 6",
            "[21] RESTRICT -> 31",
            "[22] VOLATILE -> 8",
            "[23] TYPEDEF 'et' -> 32",
            "[24] CONST -> 10",
            "[25] PTR -> 33",
            "[26] STRUCT 'with_embedded' size=4\n\t'f1' -> 13 @0",
            "[27] FUNC 'fn' -> 34",
            "[28] TYPEDEF 'arraytype' -> 35",
            "[29] FUNC_PROTO -> 1\n\t'p1' -> 16",
            "[30] STRUCT size=12\n\t'f1' -> 1 @0\n\t'f2' -> 3 @32",
            "[31] UNION size=4\n\t'f1' -> 1 @0",
            "[32] ENUM size=4\n\t'av1' = 2",
            "[33] ENUM64 flag size=8\n\t'v1' = 1025",
            "[34] FUNC_PROTO -> 1\n\t'p1' -> 1",
            "[35] ARRAY elem=1 index=1 n=3",
        ]
    );
    again.relocate(base).unwrap();
    assert_eq!(raw_own(&again), raw_own(&distilled.split));
}

#[test]
fn a_base_is_not_distilled() {
    let (btf, _) = with_int();
    assert_eq!(btf.distill_base().unwrap_err(), Error::NotSplit);
}

#[test]
fn reference_to_a_base_function_cannot_be_distilled() {
    let (mut base, int) = with_int();
    let proto = base.add_func_proto(int).unwrap();
    let func = base.add_func("f", FuncLinkage::Static, proto).unwrap();
    base.add_var("v", VarLinkage::Static, int).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    let tag = split.add_decl_tag("bpf_kfunc", func, -1).unwrap();
    assert_eq!(
        split.distill_base().unwrap_err(),
        Error::NotDistillable {
            id: tag,
            target: func,
            kind: Kind::Func
        }
    );
}

#[test]
fn members_of_named_composites_are_not_followed() {
    let (mut base, int) = with_int();
    let hidden = base.add_struct("hidden", 4).unwrap();
    base.add_field("x", int, 0, 0).unwrap();
    let shown = base.add_struct("shown", 4).unwrap();
    base.add_field("h", hidden, 0, 0).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    split.add_ptr(shown).unwrap();
    let distilled = split.distill_base().unwrap();
    assert_eq!(raw_own(&distilled.base), ["[1] STRUCT 'shown' size=4"]);
}

#[test]
fn cycles_through_anonymous_base_types_end() {
    let mut base = Btf::new_empty(Endian::Little);
    base.add_ptr(TypeId(2)).unwrap();
    base.add_struct("", 8).unwrap();
    base.add_field("self", TypeId(1), 0, 0).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    split.add_const(TypeId(1)).unwrap();
    let distilled = split.distill_base().unwrap();
    assert_eq!(
        raw_all(&distilled.split),
        [
            "[1] CONST -> 2",
            "[2] PTR -> 3",
            "[3] STRUCT size=8\n\t'self' -> 2 @0",
        ]
    );
}

#[test]
fn same_name_of_another_size_is_told_apart() {
    let (base, mut distilled) = distilled_pointers(|base| {
        base.add_int("int", 4, SIGNED).unwrap();
        base.add_int("int", 8, SIGNED).unwrap();
    });
    assert_eq!(distilled.base.n_own_types(), 2);
    distilled.split.relocate(base).unwrap();
    assert_eq!(raw_own(&distilled.split), ["[3] PTR -> 1", "[4] PTR -> 2"]);
}

#[test]
fn missing_type_is_an_error_and_changes_nothing() {
    let (_, mut distilled) = distilled_pointers(|base| {
        base.add_int("int", 4, SIGNED).unwrap();
        base.add_int("int", 8, SIGNED).unwrap();
    });
    let before = raw_all(&distilled.split);
    let other = base_of(|base| base.add_int("int", 4, SIGNED).unwrap());
    assert_eq!(no_match(distilled.split.relocate(other)), Kind::Int);
    assert_eq!(raw_all(&distilled.split), before);
}

#[test]
fn two_equal_types_in_the_base_are_ambiguous() {
    let (_, mut distilled) = distilled_pointers(|base| base.add_int("int", 4, SIGNED).unwrap());
    let other = base_of(|base| {
        base.add_int("int", 4, SIGNED).unwrap();
        base.add_int("int", 4, SIGNED).unwrap();
    });
    assert_eq!(
        distilled.split.relocate(other).unwrap_err(),
        Error::AmbiguousMatch {
            id: TypeId(1),
            kind: Kind::Int,
            name: "int".into(),
            first: TypeId(1),
            second: TypeId(2)
        }
    );
}

#[test]
fn resized_struct_fits_behind_a_pointer_only() {
    let resized = || base_of(|base| base.add_struct("s", 16).unwrap());

    let (_, mut behind) = distilled_pointers(|base| base.add_struct("s", 8).unwrap());
    behind.split.relocate(resized()).unwrap();
    assert_eq!(raw_own(&behind.split), ["[2] PTR -> 1"]);

    let mut split = Btf::new_split(base_of(|base| base.add_struct("s", 8).unwrap()));
    let td = split.add_typedef("s_t", TypeId(1)).unwrap();
    let array = split.add_array(td, td, 2).unwrap();
    split.add_struct("outer", 16).unwrap();
    split.add_field("inner", array, 0, 0).unwrap();
    let mut embedded = split.distill_base().unwrap();
    assert_eq!(no_match(embedded.split.relocate(resized())), Kind::Struct);
}

#[test]
fn several_structs_of_one_name_are_told_apart_by_size() {
    let (_, mut distilled) = distilled_pointers(|base| base.add_struct("s", 8).unwrap());
    let other = base_of(|base| {
        base.add_struct("s", 4).unwrap();
        base.add_struct("s", 8).unwrap();
    });
    distilled.split.relocate(other).unwrap();
    assert_eq!(raw_own(&distilled.split), ["[3] PTR -> 2"]);
}

#[test]
fn encoding_of_an_int_must_agree() {
    let (_, mut distilled) = distilled_pointers(|base| base.add_int("int", 4, SIGNED).unwrap());
    let other = base_of(|base| base.add_int("int", 4, IntEncoding::NONE).unwrap());
    assert_eq!(no_match(distilled.split.relocate(other)), Kind::Int);
}

#[test]
fn fwd_matches_a_definition_of_its_own_kind_with_or_without_bitfields() {
    let definition = |union: bool, bits: u32| {
        base_of(|base| {
            let int = base.add_int("int", 4, SIGNED).unwrap();
            if union {
                base.add_union("foo", 4).unwrap();
            } else {
                base.add_struct("foo", 4).unwrap();
            }
            base.add_field("f", int, 0, bits).unwrap();
        })
    };
    for fwd in [FwdKind::Struct, FwdKind::Union] {
        for union in [false, true] {
            for bits in [0, 3] {
                let (_, mut distilled) =
                    distilled_pointers(|base| base.add_fwd("foo", fwd).unwrap());
                let result = distilled.split.relocate(definition(union, bits));
                if union == (fwd == FwdKind::Union) {
                    result.unwrap();
                    assert_eq!(raw_own(&distilled.split), ["[3] PTR -> 2"]);
                } else {
                    assert_eq!(no_match(result), Kind::Fwd);
                }
            }
        }
    }
}

#[test]
fn struct_matches_neither_enum_nor_union_nor_int_of_its_name() {
    let struct_foo = || {
        let (_, distilled) = distilled_pointers(|base| base.add_struct("foo", 4).unwrap());
        distilled.split
    };
    for build in [
        |base: &mut Btf| base.add_enum("foo", 4),
        |base: &mut Btf| base.add_union("foo", 4),
        |base: &mut Btf| base.add_int("foo", 4, SIGNED),
        |base: &mut Btf| base.add_fwd("foo", FwdKind::Union),
    ] {
        let base = base_of(|base| build(base).unwrap());
        assert_eq!(no_match(struct_foo().relocate(base)), Kind::Struct);
    }
}

#[test]
fn struct_falls_back_to_a_fwd_behind_a_pointer_only() {
    let fwd_only = || base_of(|base| base.add_fwd("foo", FwdKind::Struct).unwrap());
    let (base, mut behind) = distilled_pointers(|base| base.add_struct("foo", 4).unwrap());
    behind.split.relocate(fwd_only()).unwrap();

    let mut split = Btf::new_split(base);
    split.add_struct("outer", 4).unwrap();
    split.add_field("foo", TypeId(1), 0, 0).unwrap();
    let mut embedded = split.distill_base().unwrap();
    assert_eq!(no_match(embedded.split.relocate(fwd_only())), Kind::Struct);
}

#[test]
fn definition_is_preferred_to_a_fwd_of_the_same_name() {
    let (_, mut distilled) = distilled_pointers(|base| base.add_struct("foo", 4).unwrap());
    let other = base_of(|base| {
        base.add_fwd("foo", FwdKind::Struct).unwrap();
        base.add_struct("foo", 4).unwrap();
    });
    distilled.split.relocate(other).unwrap();
    assert_eq!(raw_own(&distilled.split), ["[3] PTR -> 2"]);
}

#[test]
fn enum_matches_an_enum64_of_its_size() {
    let (_, mut distilled) = distilled_pointers(|base| base.add_enum("e", 8).unwrap());
    let other = base_of(|base| base.add_enum64("e", 8, true).unwrap());
    distilled.split.relocate(other).unwrap();
    let (_, mut distilled) = distilled_pointers(|base| base.add_enum("e", 4).unwrap());
    let other = base_of(|base| base.add_enum64("e", 8, true).unwrap());
    assert_eq!(no_match(distilled.split.relocate(other)), Kind::Enum);
}

#[test]
fn ordinary_base_is_no_distilled_base() {
    let (mut base, int) = with_int();
    base.add_ptr(int).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    assert_eq!(
        split.relocate(with_int().0.into()).unwrap_err(),
        Error::BadDistilledType {
            id: TypeId(2),
            kind: Kind::Ptr
        }
    );
    let mut anonymous = Btf::new_empty(Endian::Little);
    anonymous.add_struct("", 4).unwrap();
    let mut split = Btf::new_split(Arc::new(anonymous));
    assert!(matches!(
        split.relocate(with_int().0.into()),
        Err(Error::BadDistilledType { .. })
    ));
}

#[test]
fn typedef_cycle_in_a_struct_does_not_hang_relocation() {
    let base = base_of(|base| base.add_int("int", 4, SIGNED).unwrap());
    let mut split = Btf::new_split(Arc::clone(&base));
    split.add_typedef("a", TypeId(3)).unwrap();
    split.add_typedef("b", TypeId(2)).unwrap();
    split.add_struct("s", 4).unwrap();
    split.add_field("m", TypeId(2), 0, 0).unwrap();
    split.relocate(base).unwrap();
}

#[test]
fn byte_order_is_inherited() {
    let mut base = Btf::new_empty(Endian::Big);
    base.add_int("int", 4, SIGNED).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    split.add_ptr(TypeId(1)).unwrap();
    let distilled = split.distill_base().unwrap();
    assert_eq!(distilled.base.endian(), Endian::Big);
    assert_eq!(distilled.split.endian(), Endian::Big);
    let base = Btf::parse(&distilled.base.to_bytes()).unwrap();
    assert_eq!(base.endian(), Endian::Big);
    let split = Btf::parse_split(&distilled.split.to_bytes(), Arc::new(base)).unwrap();
    assert_eq!(split.endian(), Endian::Big);
}

#[test]
fn names_shared_by_base_and_split_survive_a_shift_of_strings() {
    let base = base_of(|base| {
        base.add_struct("padding_before", 1).unwrap();
        base.add_struct("shared", 4).unwrap();
    });
    let mut split = Btf::new_split(Arc::clone(&base));
    split.add_struct("mine", 8).unwrap();
    split.add_field("shared", TypeId(2), 0, 0).unwrap();
    split.add_field("own_name", TypeId(2), 32, 0).unwrap();
    let before = raw_own(&split);
    let mut distilled = split.distill_base().unwrap();
    distilled.split.relocate(base).unwrap();
    assert_eq!(raw_own(&distilled.split), before);
}
