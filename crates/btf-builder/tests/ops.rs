//! Lookups by name, sizes, copying, reordering.

mod common;

use std::sync::Arc;

use btf_builder::{
    Btf, Endian, Error, FuncLinkage, FwdKind, Importer, IntEncoding, Kind, Limits, TypeId,
    VarLinkage,
};
use common::{raw_all, raw_own};

const NONE: IntEncoding = IntEncoding::NONE;

fn ids(list: &[u32]) -> Vec<TypeId> {
    list.iter().copied().map(TypeId).collect()
}

/// Names in an order that is not sorted, one of them twice.
fn unsorted() -> Btf {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.add_struct("zoo", 1).unwrap();
    btf.add_struct("ape", 2).unwrap();
    btf.add_ptr(TypeId(1)).unwrap();
    btf.add_typedef("zoo", TypeId(2)).unwrap();
    btf.add_union("bee", 3).unwrap();
    btf
}

#[test]
fn names_are_found_base_first_in_id_order() {
    let base = Arc::new(unsorted());
    let mut split = Btf::new_split(Arc::clone(&base));
    split.add_fwd("zoo", FwdKind::Struct).unwrap();
    split.add_struct("own", 1).unwrap();
    let split = Arc::new(split);
    let mut top = Btf::new_split(Arc::clone(&split));
    top.add_union("zoo", 1).unwrap();

    assert_eq!(
        top.ids_named(b"zoo").collect::<Vec<_>>(),
        ids(&[1, 4, 6, 8])
    );
    assert_eq!(top.find_by_name("zoo"), Some(TypeId(1)));
    assert_eq!(top.find_by_name_kind("zoo", Kind::Typedef), Some(TypeId(4)));
    assert_eq!(top.find_by_name_kind("zoo", Kind::Union), Some(TypeId(8)));
    assert_eq!(top.find_by_name_kind("zoo", Kind::Enum), None);
    assert_eq!(
        split.find_own_by_name_kind("zoo", Kind::Fwd),
        Some(TypeId(6))
    );
    assert_eq!(split.find_own_by_name_kind("zoo", Kind::Typedef), None);
    assert_eq!(top.find_by_name("nothing"), None);
    assert_eq!(top.find_by_name(""), None);
    assert_eq!(top.find_by_name("zo"), None);
    assert_eq!(base.find_by_name("own"), None);
}

#[test]
fn index_follows_changes() {
    let mut btf = unsorted();
    assert_eq!(btf.find_by_name("new"), None);
    let id = btf.add_struct("new", 1).unwrap();
    assert_eq!(btf.find_by_name("new"), Some(id));
    btf.visit_str_offs_mut(id, |off| *off = 0).unwrap();
    assert_eq!(btf.find_by_name("new"), None);
}

#[test]
fn bisection_and_index_agree() {
    let mut sorted = unsorted();
    assert!(!sorted.is_sorted_by_name());
    let new_ids = sorted.sort_by_name();
    assert_eq!(new_ids, ids(&[4, 2, 1, 5, 3]));
    assert!(sorted.is_sorted_by_name());
    assert_eq!(
        raw_all(&sorted),
        [
            "[1] PTR -> 4",
            "[2] STRUCT 'ape' size=2",
            "[3] UNION 'bee' size=3",
            "[4] STRUCT 'zoo' size=1",
            "[5] TYPEDEF 'zoo' -> 2",
        ]
    );
    let unsorted = unsorted();
    for name in ["zoo", "ape", "bee", "", "aaa", "cat", "zzz"] {
        let mut want: Vec<_> = unsorted
            .ids_named(name.as_bytes())
            .map(|id| new_ids[id.0 as usize - 1])
            .collect();
        want.sort();
        assert_eq!(
            sorted.ids_named(name.as_bytes()).collect::<Vec<_>>(),
            want,
            "{name}"
        );
    }
}

#[test]
fn names_at_different_offsets_but_equal_are_one_name() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.add_struct("dup", 1).unwrap();
    btf.add_union("xup", 1).unwrap();
    let mut bytes = btf.to_bytes();
    let at = bytes.windows(4).position(|w| w == b"xup\0").unwrap();
    bytes[at] = b'd';
    let btf = Btf::parse(&bytes).unwrap();
    assert_eq!(btf.ids_named(b"dup").count(), 2);
}

#[test]
fn sizes_follow_typedefs_modifiers_arrays_and_variables() {
    let mut btf = Btf::new_empty(Endian::Little);
    let long = btf.add_int("long int", 4, IntEncoding::SIGNED).unwrap();
    assert_eq!(btf.pointer_size(), Some(4));
    let ptr = btf.add_ptr(TypeId::VOID).unwrap();
    let td = btf.add_typedef("t", ptr).unwrap();
    let cv = btf.add_const(td).unwrap();
    let inner = btf.add_array(long, cv, 3).unwrap();
    let outer = btf.add_array(long, inner, 5).unwrap();
    let var = btf.add_var("v", VarLinkage::Static, outer).unwrap();
    assert_eq!(btf.resolve_size(var), Ok(60));
    assert_eq!(btf.resolve_type(cv), Ok(ptr));
    btf.set_pointer_size(8).unwrap();
    assert_eq!(btf.resolve_size(var), Ok(120));
    assert!(btf.set_pointer_size(2).is_err());

    let proto = btf.add_func_proto(TypeId::VOID).unwrap();
    for (id, kind) in [(TypeId::VOID, Kind::Void), (proto, Kind::FuncProto)] {
        assert_eq!(btf.resolve_size(id), Err(Error::NoSize { id, kind }));
    }
    let huge = btf.add_array(long, inner, u32::MAX / 3).unwrap();
    assert_eq!(btf.resolve_size(huge), Err(Error::TooBig(huge)));
    assert_eq!(
        btf.resolve_size(TypeId(99)),
        Err(Error::NoSuchType(TypeId(99)))
    );
}

#[test]
fn pointer_size_comes_from_the_base() {
    let mut base = Btf::new_empty(Endian::Little);
    base.add_int("unsigned long", 8, NONE).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    split.add_int("long", 4, NONE).unwrap();
    assert_eq!(split.pointer_size(), Some(8));
    assert_eq!(Btf::new_empty(Endian::Little).pointer_size(), None);
}

#[test]
fn cyclic_types_have_neither_size_nor_alignment() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.add_typedef("a", TypeId(2)).unwrap();
    btf.add_typedef("b", TypeId(1)).unwrap();
    btf.add_struct("s", 4).unwrap();
    btf.add_field("s", TypeId(3), 0, 0).unwrap();
    for id in [TypeId(1), TypeId(2)] {
        assert_eq!(btf.resolve_size(id), Err(Error::TooDeep(id)));
        assert_eq!(btf.resolve_type(id), Err(Error::TooDeep(id)));
    }
    for id in [1, 2, 3] {
        assert!(matches!(btf.align_of(TypeId(id)), Err(Error::TooDeep(_))));
    }
}

#[test]
fn alignment_is_that_of_the_widest_member_unless_packed() {
    let mut btf = Btf::new_empty(Endian::Little);
    let c = btf.add_int("char", 1, NONE).unwrap();
    let l = btf.add_int("long", 8, NONE).unwrap();
    let natural = btf.add_struct("natural", 16).unwrap();
    btf.add_field("c", c, 0, 0).unwrap();
    btf.add_field("l", l, 64, 0).unwrap();
    let packed = btf.add_struct("packed", 9).unwrap();
    btf.add_field("c", c, 0, 0).unwrap();
    btf.add_field("l", l, 8, 0).unwrap();
    let cut = btf.add_struct("cut", 12).unwrap();
    btf.add_field("l", l, 0, 0).unwrap();
    let i128 = btf.add_int("__int128", 16, NONE).unwrap();
    let array = btf.add_array(l, natural, 2).unwrap();
    assert_eq!(btf.align_of(natural), Ok(8));
    assert_eq!(btf.align_of(packed), Ok(1));
    assert_eq!(btf.align_of(cut), Ok(1));
    assert_eq!(btf.align_of(array), Ok(8));
    assert_eq!(btf.align_of(i128), Ok(8), "capped at the pointer size");
}

#[test]
fn doubly_nested_structs_do_not_blow_up() {
    // Each level holds the one below twice: 2^60 paths.
    let mut btf = Btf::new_empty(Endian::Little);
    let mut inner = btf.add_int("int", 4, NONE).unwrap();
    for _ in 0..60 {
        let outer = btf.add_struct("", 4).unwrap();
        btf.add_field("a", inner, 0, 0).unwrap();
        btf.add_field("b", inner, 0, 0).unwrap();
        inner = outer;
    }
    assert_eq!(btf.align_of(inner), Ok(4));
}

#[test]
fn add_type_copies_strings_and_keeps_ids() {
    let mut src = Btf::new_empty(Endian::Little);
    src.intern_str(b"shift offsets").unwrap();
    let id = src.add_struct("s", 8).unwrap();
    src.add_field("m", TypeId(7), 0, 3).unwrap();
    let mut dst = Btf::new_empty(Endian::Little);
    let copy = dst.add_type(src.ty(id).unwrap()).unwrap();
    assert_eq!(raw_own(&dst), ["[1] STRUCT 's' size=8\n\t'm' -> 7 @0:3"]);
    assert_eq!(copy, TypeId(1));
    assert_eq!(dst.strings(), b"\0s\0m\0");
}

#[test]
fn add_btf_shifts_ids_and_shares_strings() {
    let mut src = Btf::new_empty(Endian::Little);
    let int = src.add_int("int", 4, NONE).unwrap();
    src.add_ptr(int).unwrap();
    src.add_ptr(TypeId::VOID).unwrap();
    src.intern_str(b"unused").unwrap();
    let mut dst = Btf::new_empty(Endian::Little);
    dst.add_typedef("int", TypeId::VOID).unwrap();
    assert_eq!(dst.add_btf(&src), Ok(TypeId(2)));
    assert_eq!(dst.add_btf(&src), Ok(TypeId(5)));
    assert_eq!(
        raw_all(&dst),
        [
            "[1] TYPEDEF 'int' -> 0",
            "[2] INT 'int' size=4",
            "[3] PTR -> 2",
            "[4] PTR -> 0",
            "[5] INT 'int' size=4",
            "[6] PTR -> 5",
            "[7] PTR -> 0",
        ]
    );
    assert_eq!(dst.strings(), b"\0int\0");
}

#[test]
fn add_btf_keeps_references_into_a_shared_base() {
    let mut base = Btf::new_empty(Endian::Little);
    let int = base.add_int("int", 4, NONE).unwrap();
    let base = Arc::new(base);
    let mut src = Btf::new_split(Arc::clone(&base));
    let ptr = src.add_ptr(int).unwrap();
    src.add_typedef("int", ptr).unwrap();
    let mut dst = Btf::new_split(Arc::clone(&base));
    dst.add_struct("first", 1).unwrap();
    dst.add_btf(&src).unwrap();
    assert_eq!(
        raw_own(&dst),
        [
            "[2] STRUCT 'first' size=1",
            "[3] PTR -> 1",
            "[4] TYPEDEF 'int' -> 3"
        ]
    );
    let mut stranger = Btf::new_split(Arc::new((*base).clone()));
    assert_eq!(stranger.add_btf(&src), Err(Error::BaseMismatch));
    assert_eq!(
        Btf::new_empty(Endian::Little).add_btf(&src),
        Err(Error::BaseMismatch)
    );
}

#[test]
fn failed_additions_leave_nothing_behind() {
    let mut src = Btf::new_empty(Endian::Little);
    src.add_struct("fits", 1).unwrap();
    src.add_struct("does not fit", 1).unwrap();
    src.add_struct("never reached", 1).unwrap();
    let mut dst = Btf::new_empty(Endian::Little);
    dst.add_struct("old", 1).unwrap();
    dst.set_limits(Limits::KERNEL.with_max_str_off(5));
    let before = dst.to_bytes();
    assert!(matches!(dst.add_btf(&src), Err(Error::StringsTooBig(_))));
    assert_eq!(dst.to_bytes(), before);
    assert_eq!(dst.find_str(b"fits"), None);
    let result = dst
        .add_type(src.ty(TypeId(2)).unwrap())
        .and_then(|_| dst.add_type(src.ty(TypeId(3)).unwrap()));
    assert!(matches!(result, Err(Error::StringsTooBig(_))));
    dst.set_limits(Limits::KERNEL.with_max_type_id(2));
    assert!(dst.add_btf(&src).is_err());
}

#[test]
fn importer_copies_cycles_once() {
    let mut src = Btf::new_empty(Endian::Little);
    src.add_int("unrelated", 4, NONE).unwrap();
    let list = src.add_struct("list", 8).unwrap();
    src.add_field("next", TypeId(3), 0, 0).unwrap();
    let ptr = src.add_ptr(list).unwrap();
    let proto = src.add_func_proto(ptr).unwrap();
    let func = src.add_func("f", FuncLinkage::Static, proto).unwrap();

    let mut dst = Btf::new_empty(Endian::Little);
    dst.add_struct("already here", 1).unwrap();
    let mut importer = Importer::new(&src);
    let new = importer.import(&mut dst, list).unwrap();
    assert_eq!(importer.import(&mut dst, list), Ok(new));
    importer.import(&mut dst, func).unwrap();
    assert_eq!(importer.imported(ptr), Some(TypeId(3)));
    assert_eq!(
        raw_own(&dst),
        [
            "[1] STRUCT 'already here' size=1",
            "[2] STRUCT 'list' size=8\n\t'next' -> 3 @0",
            "[3] PTR -> 2",
            "[4] FUNC 'f' -> 5",
            "[5] FUNC_PROTO -> 3",
        ]
    );
    assert_eq!(importer.import(&mut dst, TypeId::VOID), Ok(TypeId::VOID));
    assert_eq!(
        importer.import(&mut dst, TypeId(77)),
        Err(Error::NoSuchType(TypeId(77)))
    );
}

#[test]
fn importer_copies_from_a_base_that_is_not_shared() {
    let mut base = Btf::new_empty(Endian::Little);
    let int = base.add_int("int", 4, NONE).unwrap();
    let base = Arc::new(base);
    let mut src = Btf::new_split(Arc::clone(&base));
    let ptr = src.add_ptr(int).unwrap();

    let mut alone = Btf::new_empty(Endian::Little);
    Importer::new(&src).import(&mut alone, ptr).unwrap();
    assert_eq!(raw_own(&alone), ["[1] PTR -> 2", "[2] INT 'int' size=4"]);

    let mut sibling = Btf::new_split(base);
    Importer::new(&src).import(&mut sibling, ptr).unwrap();
    assert_eq!(raw_own(&sibling), ["[2] PTR -> 1"]);
}

#[test]
fn permute_moves_records_and_references() {
    let base = Arc::new(unsorted());
    let mut split = Btf::new_split(base);
    split.add_ptr(TypeId(7)).unwrap(); // 6
    split.add_const(TypeId(2)).unwrap(); // 7
    split.add_typedef("t", TypeId(6)).unwrap(); // 8
    split.permute(&ids(&[8, 6, 7])).unwrap();
    assert_eq!(
        raw_own(&split),
        ["[6] CONST -> 2", "[7] TYPEDEF 't' -> 8", "[8] PTR -> 6"]
    );
    let before = raw_own(&split);
    for (bad, id) in [([6, 6, 7], 7), ([5, 6, 7], 6), ([6, 7, 9], 8)] {
        assert!(
            matches!(split.permute(&ids(&bad)), Err(Error::BadPermutation { id: at, .. }) if at == TypeId(id))
        );
    }
    assert!(matches!(
        split.permute(&ids(&[6, 7])),
        Err(Error::BadPermutationLen { len: 2, need: 3 })
    ));
    assert_eq!(raw_own(&split), before);
}

#[test]
fn retain_types_closes_gaps() {
    let mut btf = unsorted();
    btf.retain_types(|id| id.0 % 2 == 1);
    assert_eq!(
        raw_own(&btf),
        [
            "[1] STRUCT 'zoo' size=1",
            "[2] PTR -> 1",
            "[3] UNION 'bee' size=3"
        ]
    );
    let id = btf.add_ptr(TypeId::VOID).unwrap();
    assert_eq!(id, TypeId(4));
    btf.retain_types(|_| false);
    assert_eq!(btf.n_own_types(), 0);
}
