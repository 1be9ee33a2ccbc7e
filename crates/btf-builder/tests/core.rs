//! Building, parsing and the numbering of split BTF, through the public API.

use std::sync::Arc;

use btf_builder::{
    Btf, CName, EmitOpts, Endian, Error, FuncLinkage, FwdKind, HDR_LEN, HDR_LEN_LAYOUT,
    IntEncoding, Kind, Limits, StrOff, TypeId, VarLinkage,
};

/// One type of each kind, in kind order where elements allow.
fn every_kind(endian: Endian) -> Btf {
    let mut btf = Btf::new_empty(endian);
    let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let ptr = btf.add_ptr(int).unwrap();
    btf.add_array(int, ptr, 7).unwrap();
    let st = btf.add_struct("s", 8).unwrap();
    btf.add_field("a", int, 0, 3).unwrap();
    btf.add_field("", int, 32, 0).unwrap();
    btf.add_union("u", 4).unwrap();
    btf.add_field("b", int, 0, 0).unwrap();
    btf.add_enum("e", 4).unwrap();
    btf.add_enum_value("E_MINUS", -1).unwrap();
    btf.add_enum_value("E_BIG", 0x7fff_ffff).unwrap();
    btf.add_fwd("f", FwdKind::Union).unwrap();
    let td = btf.add_typedef("t", st).unwrap();
    btf.add_volatile(td).unwrap();
    btf.add_const(td).unwrap();
    btf.add_restrict(ptr).unwrap();
    let proto = btf.add_func_proto(int).unwrap();
    btf.add_func_param("x", ptr).unwrap();
    btf.add_func_param("", TypeId::VOID).unwrap();
    let func = btf.add_func("fn", FuncLinkage::Global, proto).unwrap();
    let var = btf.add_var("v", VarLinkage::Static, int).unwrap();
    btf.add_datasec(".data", 16).unwrap();
    btf.add_datasec_var_info(var, 4, 4).unwrap();
    btf.add_float("double", 8).unwrap();
    btf.add_decl_tag("tag", func, 0).unwrap();
    btf.add_type_tag("rcu", int).unwrap();
    btf.add_enum64("e64", 8, true).unwrap();
    btf.add_enum64_value("E64", (-5_i64).cast_unsigned())
        .unwrap();
    btf
}

fn assert_same(a: &Btf, b: &Btf) {
    assert_eq!(a.type_words(), b.type_words());
    assert_eq!(a.type_index(), b.type_index());
    assert_eq!(a.strings(), b.strings());
    assert_eq!(a.endian(), b.endian());
}

#[test]
fn every_kind_survives_both_byte_orders() {
    for endian in [Endian::Little, Endian::Big] {
        let btf = every_kind(endian);
        let bytes = btf.to_bytes();
        let again = Btf::parse(&bytes).unwrap();
        assert_same(&btf, &again);
        assert_eq!(again.to_bytes(), bytes);
    }
    let mut kinds: Vec<_> = every_kind(Endian::Little)
        .own_types()
        .map(|ty| ty.kind())
        .collect();
    kinds.sort();
    assert_eq!(kinds, Kind::ALL);
}

#[test]
fn little_and_big_differ_in_bytes_only() {
    let little = every_kind(Endian::Little).to_bytes();
    let big = every_kind(Endian::Big).to_bytes();
    assert_ne!(little, big);
    assert_eq!(
        Btf::parse(&little).unwrap().type_words(),
        Btf::parse(&big).unwrap().type_words()
    );
}

#[test]
fn accessors_read_what_the_builder_wrote() {
    let btf = every_kind(Endian::NATIVE);
    let by_kind = |kind| btf.own_types().find(|ty| ty.kind() == kind).unwrap();

    let int = by_kind(Kind::Int);
    assert_eq!(int.name(), b"int");
    assert_eq!(int.size(), Some(4));
    assert_eq!(int.type_id(), None);
    let info = int.int().unwrap();
    assert_eq!(
        (info.encoding, info.bits, info.offset),
        (IntEncoding::SIGNED, 32, 0)
    );

    let array = by_kind(Kind::Array).array().unwrap();
    assert_eq!(
        (array.elem, array.index, array.nelems),
        (TypeId(2), TypeId(1), 7)
    );

    let st = by_kind(Kind::Struct);
    assert!(st.kind_flag());
    let members: Vec<_> = st
        .members()
        .map(|m| {
            (
                btf.str_at(m.name_off).unwrap(),
                m.bit_offset,
                m.bitfield_size,
            )
        })
        .collect();
    assert_eq!(members, [(&b"a"[..], 0, 3), (b"", 32, 0)]);

    let values: Vec<_> = by_kind(Kind::Enum)
        .enum_values()
        .map(|v| v.value())
        .collect();
    assert_eq!(values, [-1, 0x7fff_ffff]);
    let values: Vec<_> = by_kind(Kind::Enum64)
        .enum_values()
        .map(|v| v.as_i64())
        .collect();
    assert_eq!(values, [-5]);

    let params: Vec<_> = by_kind(Kind::FuncProto)
        .params()
        .map(|p| p.type_id)
        .collect();
    assert_eq!(params, [TypeId(2), TypeId::VOID]);
    assert_eq!(by_kind(Kind::Func).func_linkage(), Some(1));
    assert_eq!(by_kind(Kind::Var).var_linkage(), Some(0));
    let var = by_kind(Kind::Datasec).sec_vars().next().unwrap();
    assert_eq!((var.offset, var.size), (4, 4));
    assert_eq!(by_kind(Kind::DeclTag).component_idx(), Some(0));
    assert!(by_kind(Kind::Fwd).kind_flag());
}

#[test]
fn unsigned_enum_values_are_not_sign_extended() {
    let mut btf = Btf::new_empty(Endian::Little);
    let id = btf.add_enum("e", 4).unwrap();
    btf.add_enum_value("MAX", 0xffff_ffff).unwrap();
    let value = btf.ty(id).unwrap().enum_values().next().unwrap();
    assert_eq!(value.value(), 0xffff_ffff);
}

#[test]
fn refs_and_strings_are_those_of_the_record() {
    let btf = every_kind(Endian::Little);
    for ty in btf.own_types() {
        let mut refs = vec![];
        ty.for_each_ref(|id| refs.push(id));
        assert_eq!(refs, ty.refs().collect::<Vec<_>>(), "{ty:?}");
        let want: Vec<_> = match ty.kind() {
            Kind::Array => {
                let a = ty.array().unwrap();
                vec![a.elem, a.index]
            }
            Kind::Datasec => ty.sec_vars().map(|v| v.type_id).collect(),
            _ => (ty.type_id().into_iter())
                .chain(ty.members().map(|m| m.type_id))
                .chain(ty.params().map(|p| p.type_id))
                .collect(),
        };
        assert_eq!(refs, want, "{ty:?}");

        let mut strs = vec![];
        ty.for_each_str(|off| strs.push(off));
        let want: Vec<_> = [ty.name_off()]
            .into_iter()
            .chain(ty.members().map(|m| m.name_off))
            .chain(ty.params().map(|p| p.name_off))
            .chain(ty.enum_values().map(|v| v.name_off))
            .collect();
        assert_eq!(strs, want, "{ty:?}");
    }
}

#[test]
fn mutable_visitors_touch_what_the_read_only_ones_show() {
    let mut btf = every_kind(Endian::Little);
    let before: Vec<Vec<_>> = btf.own_types().map(|ty| ty.refs().collect()).collect();
    btf.for_each_type_id_mut(|id| *id += 100);
    let after: Vec<Vec<_>> = btf.own_types().map(|ty| ty.refs().collect()).collect();
    for (before, after) in before.iter().zip(&after) {
        let moved: Vec<_> = before.iter().map(|id| TypeId(id.0 + 100)).collect();
        assert_eq!(&moved, after);
    }
    btf.visit_str_offs_mut(TypeId(4), |off| *off = 0).unwrap();
    let st = btf.ty(TypeId(4)).unwrap();
    assert_eq!(st.name(), b"");
    assert!(st.members().all(|m| m.name_off.is_empty()));
    assert_eq!(
        btf.visit_type_ids_mut(TypeId(99), |_| ()),
        Err(Error::NoSuchType(TypeId(99)))
    );
}

#[test]
fn split_continues_ids_and_strings_of_its_base() {
    let mut base = Btf::new_empty(Endian::Little);
    let int = base.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let base = Arc::new(base);
    assert_eq!(base.strings(), b"\0int\0");

    let mut mid = Btf::new_split(Arc::clone(&base));
    let ptr = mid.add_ptr(int).unwrap();
    let st = mid.add_struct("outer", 8).unwrap();
    mid.add_field("int", ptr, 0, 0).unwrap();
    assert_eq!((ptr, st), (TypeId(2), TypeId(3)));
    assert_eq!(mid.strings(), b"outer\0", "the member's name is the base's");
    assert_eq!(mid.ty(st).unwrap().name_off(), StrOff(5));
    assert_eq!(mid.ty(int).unwrap().name(), b"int");
    let mid = Arc::new(mid);

    let mut top = Btf::new_split(Arc::clone(&mid));
    let td = top.add_typedef("top_t", st).unwrap();
    assert_eq!(td, TypeId(4));
    assert_eq!(top.start_str_off(), StrOff(11));
    let again = Btf::parse_split(&top.to_bytes(), mid).unwrap();
    assert_eq!(again.ty(td).unwrap().name(), b"top_t");
    assert_eq!(again.ty(st).unwrap().name(), b"outer");
    assert_eq!(again.ty(int).unwrap().name(), b"int");
    assert!(again.ty(TypeId(5)).is_none());
    assert_eq!(again.n_types(), 5);
    assert_eq!(again.all_types().count(), 4);
}

#[test]
fn empty_split_is_a_bare_header() {
    let base = Arc::new(every_kind(Endian::Little));
    let bytes = Btf::new_split(Arc::clone(&base)).to_bytes();
    assert_eq!(bytes.len(), HDR_LEN as usize);
    assert_eq!(Btf::parse_split(&bytes, base).unwrap().n_own_types(), 0);
    assert_eq!(
        Btf::parse(&bytes).unwrap_err(),
        Error::BadStrings("it is empty")
    );
}

#[test]
fn split_without_its_base_is_refused() {
    let base = Arc::new(every_kind(Endian::Little));
    let mut split = Btf::new_split(base);
    split.add_struct("only_here", 0).unwrap();
    assert!(matches!(
        Btf::parse(&split.to_bytes()),
        Err(Error::BadStrings(_))
    ));
}

#[test]
fn string_limit_fails_instead_of_wrapping() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.set_limits(Limits::KERNEL.with_max_str_off(5));
    assert_eq!(btf.intern_str(b"abcd"), Ok(StrOff(1)));
    assert_eq!(btf.intern_str(b"efgh"), Err(Error::StringsTooBig(6)));
    assert_eq!(btf.intern_str(b"abcd"), Ok(StrOff(1)));
    assert_eq!(btf.strings(), b"\0abcd\0");
}

#[test]
fn type_limit_fails_and_counts_the_base() {
    let mut base = Btf::new_empty(Endian::Little);
    base.set_limits(Limits::KERNEL.with_max_type_id(2));
    base.add_ptr(TypeId::VOID).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    split.add_ptr(TypeId::VOID).unwrap();
    assert_eq!(split.add_ptr(TypeId::VOID), Err(Error::TooManyTypes(3)));
    assert_eq!(
        split.add_struct("s", 0),
        Err(Error::TooManyTypes(3)),
        "and no string is left behind"
    );
    assert_eq!(split.strings(), b"");
}

#[test]
fn vlen_limit_fails() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.set_limits(Limits::KERNEL.with_max_vlen(1));
    btf.add_func_proto(TypeId::VOID).unwrap();
    btf.add_func_param("a", TypeId(1)).unwrap();
    assert_eq!(
        btf.add_func_param("b", TypeId(1)),
        Err(Error::TooManyElements(2))
    );
    assert_eq!(btf.ty(TypeId(1)).unwrap().params().len(), 1);
}

#[test]
fn check_limits_finds_what_a_lenient_builder_let_through() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.set_limits(Limits::FORMAT);
    btf.add_struct("abc", 0).unwrap();
    btf.add_struct("d", 0).unwrap();
    let limits = |id, off| {
        Limits::FORMAT
            .with_max_type_id(id)
            .with_max_str_off(off)
            .with_max_vlen(0)
    };
    assert_eq!(btf.check_limits(&limits(2, 5)), Ok(()));
    assert_eq!(btf.check_limits(&limits(1, 5)), Err(Error::TooManyTypes(2)));
    assert_eq!(
        btf.check_limits(&limits(2, 4)),
        Err(Error::StringsTooBig(5))
    );
}

#[test]
fn builder_refuses_what_libbpf_refuses() {
    let mut btf = Btf::new_empty(Endian::Little);
    let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    for size in [0, 3, 32] {
        assert!(matches!(
            btf.add_int("x", size, IntEncoding::NONE),
            Err(Error::BadSize { .. })
        ));
    }
    assert_eq!(
        btf.add_int("x", 4, IntEncoding(8)),
        Err(Error::BadIntEncoding(8))
    );
    assert_eq!(
        btf.add_int("", 4, IntEncoding::NONE),
        Err(Error::NameMissing("INT"))
    );
    assert!(matches!(btf.add_float("x", 10), Err(Error::BadSize { .. })));
    assert!(matches!(btf.add_enum("x", 16), Err(Error::BadSize { .. })));
    assert_eq!(btf.add_typedef("", int), Err(Error::NameMissing("TYPEDEF")));
    assert_eq!(
        btf.add_fwd("", FwdKind::Struct),
        Err(Error::NameMissing("FWD"))
    );
    assert_eq!(
        btf.add_decl_tag("x", int, -2),
        Err(Error::BadComponentIdx(-2))
    );
    assert_eq!(
        btf.add_field("x", int, 0, 0),
        Err(Error::LastTypeMismatch("STRUCT or UNION"))
    );
    assert_eq!(
        btf.add_enum_value("x", 0),
        Err(Error::LastTypeMismatch("ENUM"))
    );
    btf.add_enum("e", 4).unwrap();
    assert_eq!(
        btf.add_enum_value("x", 1 << 32),
        Err(Error::BadEnumValue(1 << 32))
    );
    btf.add_union("u", 4).unwrap();
    assert!(matches!(
        btf.add_field("x", int, 8, 0),
        Err(Error::BadMember { .. })
    ));
    assert_eq!(btf.intern_str(b"a\0b"), Err(Error::NulInString));
    assert!(btf.add_ptr(TypeId(u32::MAX)).is_err());
    assert_eq!(btf.find_str(b"x"), None, "refused calls leave no string");
}

#[test]
fn members_that_kind_flag_cannot_hold_are_refused() {
    let mut btf = Btf::new_empty(Endian::Little);
    let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let bad = |r: Result<(), Error>| assert!(matches!(r, Err(Error::BadMember { .. })), "{r:?}");
    btf.add_struct("bitfield_first", 0x30_0000).unwrap();
    btf.add_field("a", int, 0, 3).unwrap();
    bad(btf.add_field("z", int, 0x0100_0000, 0));
    btf.add_struct("bitfield_last", 0x30_0000).unwrap();
    btf.add_field("z", int, 0x0100_0000, 0).unwrap();
    bad(btf.add_field("a", int, 0x20, 3));
    bad(btf.add_field("b", int, 1, 0));
    bad(btf.add_field("c", int, 0, 256));
}

#[test]
fn records_are_pushed_together_as_one_by_one() {
    let all = every_kind(Endian::Little);
    let mut one_by_one = Btf::new_empty(Endian::Little);
    let mut together = one_by_one.clone();
    for times in 1..=2 {
        for ty in all.own_types() {
            one_by_one.push_raw(ty.words()).unwrap();
        }
        together.push_records(all.type_words().to_vec()).unwrap();
        assert_eq!(together.n_own_types(), times * all.n_own_types());
        assert_eq!(together.type_words(), one_by_one.type_words());
        assert_eq!(together.type_index(), one_by_one.type_index());
    }
    let funcs = all.own_types().filter(|ty| ty.kind() == Kind::Func).count();
    assert_eq!(together.n_own_of_kind(Kind::Func), 2 * funcs);
}

#[test]
fn records_with_one_at_fault_leave_the_btf_as_it_was() {
    let mut btf = every_kind(Endian::Little);
    let before = (btf.type_words().to_vec(), btf.type_index().to_vec());
    let ptr = [0, btf_builder::make_info(Kind::Ptr, 0, false), 0];
    let proto = btf_builder::make_info(Kind::FuncProto, 1, false);
    let unknown = Error::UnknownKind {
        id: TypeId(btf.n_types() + 1),
        kind: 20,
    };
    for (bad, error) in [
        (
            &[0, proto, 0, 0][..],
            Error::BadRecordLen { len: 4, need: 5 },
        ),
        (&[0, 2 << 24], Error::BadRecordLen { len: 2, need: 3 }),
        (&[0, 20 << 24, 0], unknown),
        (
            &[0, 4 << 24 | 0x1_0000, 4],
            Error::TooManyElements(0x1_0000),
        ),
    ] {
        assert_eq!(btf.push_records([&ptr, bad].concat()), Err(error));
        assert_eq!(
            (btf.type_words(), btf.type_index()),
            (&before.0[..], &before.1[..])
        );
    }
    btf.set_limits(btf.limits().with_max_type_id(btf.n_types()));
    let error = Error::TooManyTypes(u64::from(btf.n_types()) + 1);
    assert_eq!(btf.push_records([ptr, ptr].concat()), Err(error));
    assert_eq!(btf.push_records(ptr.to_vec()), Ok(()));
}

#[test]
fn names_of_a_section_are_interned_as_any_string() {
    let names: Vec<String> = (0..70)
        .map(|n| "abcdefg"[..1 + n % 7].repeat(n / 7 + 1))
        .collect();
    let section: Vec<u8> = names.join("\0").into_bytes();
    let mut expected = Btf::new_empty(Endian::Little);
    let mut btf = expected.clone();
    btf.reserve_strs(3, 0);
    let mut start = 0;
    for name in &names {
        let off = expected.intern_str(name.as_bytes()).unwrap();
        match CName::first_of(&section[start..]) {
            Some(found) => {
                assert_eq!(found.bytes(), name.as_bytes());
                assert_eq!(found.hash(), btf_builder::name_hash(name.as_bytes()));
                assert_eq!(btf.intern_name(found), Ok(off));
                assert_eq!(btf.intern_name(found), Ok(off), "again");
            }
            None => {
                assert_eq!(
                    start + name.len(),
                    section.len(),
                    "only the last has no NUL"
                );
                assert_eq!(btf.intern_str(name.as_bytes()), Ok(off));
            }
        }
        start += name.len() + 1;
    }
    assert_eq!(btf.strings(), expected.strings());
    let empty = CName::first_of(b"\0abc\0").unwrap();
    assert_eq!(btf.intern_name(empty), Ok(StrOff::EMPTY));
}

#[test]
fn raw_records_must_have_the_length_of_their_kind() {
    let mut btf = Btf::new_empty(Endian::Little);
    let ptr = btf_builder::make_info(Kind::Ptr, 0, false);
    let proto = btf_builder::make_info(Kind::FuncProto, 1, false);
    assert_eq!(btf.push_raw(&[0, ptr, 0]), Ok(TypeId(1)));
    assert_eq!(btf.push_raw(&[0, proto, 0, 0, 1]), Ok(TypeId(2)));
    assert_eq!(
        btf.push_raw(&[0, proto, 0]),
        Err(Error::BadRecordLen { len: 3, need: 5 })
    );
    assert_eq!(
        btf.push_raw(&[0]),
        Err(Error::BadRecordLen { len: 1, need: 3 })
    );
    for kind in [0, 20] {
        assert_eq!(
            btf.push_raw(&[0, kind << 24, 0]),
            Err(Error::UnknownKind {
                id: TypeId(3),
                kind
            })
        );
    }
}

#[test]
fn layout_is_written_only_on_request_and_kept_once_read() {
    let btf = every_kind(Endian::Little);
    assert_eq!(btf.to_bytes()[4], HDR_LEN as u8);
    for endian in [Endian::Little, Endian::Big] {
        let bytes = btf.to_bytes_with(EmitOpts::default().with_layout(true).with_endian(endian));
        let again = Btf::parse(&bytes).unwrap();
        assert_eq!(again.layout().unwrap().len(), 20);
        assert_eq!(again.endian(), endian);
        assert_eq!(again.to_bytes(), bytes);
        assert_eq!(
            bytes.len(),
            btf.to_bytes().len() + (HDR_LEN_LAYOUT - HDR_LEN) as usize + 80
        );
    }
}

#[test]
fn dangling_references_and_strings_are_named() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.add_ptr(TypeId(9)).unwrap();
    assert_eq!(
        Btf::parse(&btf.to_bytes()).unwrap_err(),
        Error::BadReference {
            id: TypeId(1),
            target: TypeId(9)
        }
    );
    btf.visit_type_ids_mut(TypeId(1), |id| *id = 0).unwrap();
    btf.visit_str_offs_mut(TypeId(1), |off| *off = 1).unwrap();
    assert_eq!(
        Btf::parse(&btf.to_bytes()).unwrap_err(),
        Error::BadStringOffset {
            id: TypeId(1),
            off: StrOff(1)
        }
    );
}

#[test]
fn func_of_a_non_prototype_is_refused() {
    let mut btf = Btf::new_empty(Endian::Little);
    let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    btf.add_func("f", FuncLinkage::Static, int).unwrap();
    assert_eq!(
        Btf::parse(&btf.to_bytes()).unwrap_err(),
        Error::FuncWithoutProto {
            id: TypeId(2),
            target: int
        }
    );
}

#[test]
fn rebuild_strings_drops_the_unused_and_keeps_first_use_order() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.intern_str(b"unused").unwrap();
    btf.intern_str(b"second").unwrap();
    let a = btf.add_struct("first", 4).unwrap();
    btf.add_field("second", a, 0, 0).unwrap();
    let b = btf.add_union("first", 4).unwrap();
    btf.rebuild_strings().unwrap();
    assert_eq!(btf.strings(), b"\0first\0second\0");
    assert_eq!(btf.ty(a).unwrap().name(), b"first");
    assert_eq!(btf.ty(b).unwrap().name(), b"first");
    assert_eq!(btf.find_str(b"second"), Some(StrOff(7)));
    assert_eq!(btf.find_str(b"unused"), None);
}

#[test]
fn many_threads_share_one_base() {
    fn shared<T: Send + Sync>(_: &T) {}
    let mut base = Btf::new_empty(Endian::Little);
    for i in 0..1000 {
        base.add_struct(format!("s{i}"), 0).unwrap();
    }
    shared(&base);
    let base = Arc::new(base);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut split = Btf::new_split(Arc::clone(&base));
                for i in 0..1000 {
                    split.intern_str(format!("s{i}").as_bytes()).unwrap();
                }
                assert!(split.strings().is_empty());
            });
        }
    });
}

#[test]
fn strings_that_end_others_share_their_bytes() {
    let mut base = Btf::new_empty(Endian::Little);
    base.add_int("unused_lock", 4, IntEncoding::SIGNED).unwrap();
    let mut split = Btf::new_split(Arc::new(base));
    let names = ["lock", "spin_lock", "k", "block", "other", "spin_lock"];
    for name in names {
        split.add_fwd(name, FwdKind::Struct).unwrap();
    }
    let before: Vec<_> = split.own_types().map(|t| t.name().to_vec()).collect();
    split.share_string_ends().unwrap();
    // In order of first use; the base's strings are not touched.
    assert_eq!(split.strings(), b"spin_lock\0block\0other\0");
    let after: Vec<_> = split.own_types().map(|t| t.name().to_vec()).collect();
    assert_eq!(after, before);
    let again = Btf::parse_split(&split.to_bytes(), Arc::clone(split.base().unwrap())).unwrap();
    assert_eq!(again.own_types().next().unwrap().name(), b"lock");
    // Strings that lie inside of others are found by nobody, so that they are not shared twice.
    assert_eq!(split.find_str(b"lock"), None);
    // Undone by giving each its own again.
    split.rebuild_strings().unwrap();
    assert_eq!(split.find_str(b"lock"), Some(split.start_str_off()));
}

#[test]
fn shared_sections_are_copied_when_they_are_changed() {
    for endian in [Endian::Little, Endian::Big] {
        let mut btf = Btf::new_empty(endian);
        let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        btf.add_ptr(int).unwrap();
        let bytes = btf.to_bytes();
        // At every alignment, as a section may lie in a file.
        for pad in 0..4 {
            let mut file = vec![0xff; pad];
            file.extend_from_slice(&bytes);
            let data = bytes::Bytes::from(file).slice(pad..);
            let mut shared = Btf::parse_shared(&data).unwrap();
            assert_eq!(shared.to_bytes(), bytes);
            let typedef = shared.add_typedef("mine", int).unwrap();
            shared.set_pointer_size(8).unwrap();
            assert_eq!(shared.ty(typedef).unwrap().name(), b"mine");
            assert_eq!(shared.n_own_types(), 3);
            assert_eq!(data, bytes);
            let cut = data.slice(..data.len() - 1);
            assert!(Btf::parse_shared(&cut).is_err());
        }
    }
}

#[test]
fn names_are_found_whole_sorted_or_not() {
    let mut btf = Btf::new_empty(Endian::Little);
    for name in ["ab", "abc", "a", "b"] {
        btf.add_struct(name, 0).unwrap();
    }
    for sorted in [false, true] {
        if sorted {
            btf.sort_by_name();
        }
        assert_eq!(btf.is_sorted_by_name(), sorted);
        for name in ["a", "ab", "abc", "b"] {
            let id = btf.find_by_name(name).unwrap();
            assert_eq!(btf.ty(id).unwrap().name(), name.as_bytes());
        }
        // The strings lie one behind the other, and end with the last one.
        for name in ["", "abcd", "aa", "b\0", "ab\0abc", "\0", "bb"] {
            assert_eq!(btf.find_by_name(name), None, "{name:?}");
        }
    }
}
