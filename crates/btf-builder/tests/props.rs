//! Properties of random BTF, and of damaged BTF.

mod common;

use std::sync::Arc;

use btf_builder::{
    Btf, EmitOpts, Endian, Error, FuncLinkage, FwdKind, Importer, IntEncoding, Kind, TypeId,
    VarLinkage,
};
use common::{raw_all, raw_own};
use proptest::collection::vec;
use proptest::prelude::*;

/// A type to add, with numbers that are reduced to fit when it is.
#[derive(Clone, Debug)]
struct Spec {
    kind: Kind,
    name: u8,
    a: u32,
    elems: Vec<(u8, u32, u32)>,
}

fn spec() -> impl Strategy<Value = Spec> {
    (
        proptest::sample::select(&Kind::ALL[..]),
        any::<u8>(),
        any::<u32>(),
        vec((any::<u8>(), any::<u32>(), any::<u32>()), 0..4),
    )
        .prop_map(|(kind, name, a, elems)| Spec {
            kind,
            name,
            a,
            elems,
        })
}

fn specs() -> impl Strategy<Value = Vec<Spec>> {
    vec(spec(), 1..30)
}

/// One of a few names, so that they repeat; now and then none.
fn name_of(n: u8) -> String {
    match n % 64 {
        0 => String::new(),
        _ => format!("n{n}"),
    }
}

/// Adds `specs` to `btf`; all references are to types that will exist.
fn build(mut btf: Btf, specs: &[Spec]) -> Btf {
    let start = btf.n_types();
    let n_types = start + specs.len() as u32;
    // A FUNC needs a FUNC_PROTO; without one it becomes a PTR.
    let proto = specs
        .iter()
        .position(|spec| spec.kind == Kind::FuncProto)
        .map(|i| TypeId(start + i as u32));
    for spec in specs {
        let to = TypeId(spec.a % n_types);
        let name = name_of(spec.name);
        let must = format!("x{}", spec.name % 64);
        match spec.kind {
            Kind::Int => btf.add_int(must, 1 << (spec.a % 5), IntEncoding((spec.a % 2) as u8)),
            Kind::Ptr => btf.add_ptr(to),
            Kind::Array => btf.add_array(to, to, spec.a),
            Kind::Struct => btf.add_struct(name, spec.a),
            Kind::Union => btf.add_union(name, spec.a),
            Kind::Enum => btf.add_enum(name, 1 << (spec.a % 4)),
            Kind::Enum64 => btf.add_enum64(name, 8, spec.a % 2 == 0),
            Kind::Fwd if spec.a % 2 == 0 => btf.add_fwd(must, FwdKind::Struct),
            Kind::Fwd => btf.add_fwd(must, FwdKind::Union),
            Kind::Typedef => btf.add_typedef(must, to),
            Kind::Volatile => btf.add_volatile(to),
            Kind::Const => btf.add_const(to),
            Kind::Restrict => btf.add_restrict(to),
            Kind::Func => match proto {
                Some(proto) => btf.add_func(must, FuncLinkage::Static, proto),
                None => btf.add_ptr(to),
            },
            Kind::FuncProto => btf.add_func_proto(to),
            Kind::Var => btf.add_var(must, VarLinkage::Global, to),
            Kind::Datasec => btf.add_datasec(must, spec.a),
            Kind::Float => btf.add_float(must, 4),
            Kind::DeclTag => btf.add_decl_tag(must, to, -1),
            Kind::TypeTag => btf.add_type_tag(must, to),
            _ => unreachable!("not in Kind::ALL"),
        }
        .unwrap();
        for &(n, x, y) in &spec.elems {
            let to = TypeId(x % n_types);
            let (name, must) = (name_of(n), format!("e{}", n % 16));
            match spec.kind {
                Kind::Struct => btf.add_field(name, to, y % 0x0100_0000, x % 3 * 7 + 1),
                Kind::Union => btf.add_field(name, to, 0, 0),
                Kind::Enum => btf.add_enum_value(must, i64::from(x.cast_signed())),
                Kind::Enum64 => btf.add_enum64_value(must, u64::from(x) << 32 | u64::from(y)),
                Kind::FuncProto => btf.add_func_param(name, to),
                Kind::Datasec => btf.add_datasec_var_info(to, x, y),
                _ => Ok(()),
            }
            .unwrap();
        }
    }
    btf
}

fn base_and_split(base: &[Spec], split: &[Spec]) -> (Arc<Btf>, Btf) {
    let base = Arc::new(build(Btf::new_empty(Endian::Little), base));
    let split = build(Btf::new_split(Arc::clone(&base)), split);
    (base, split)
}

/// A type with all it refers to, up to `depth` steps, without ids.
fn unfold(btf: &Btf, id: TypeId, depth: u32) -> String {
    let ty = btf.ty(id).unwrap();
    // The own dump holds ids; keep what is not one.
    let mut out = format!("{} {:?} {:x}", ty.kind(), ty.name_str(), ty.info());
    if ty.kind().has_size() {
        out += &format!(" {}", ty.size_or_type());
    }
    for m in ty.members() {
        out += &format!(
            " {:?}@{}:{}",
            btf.str_at(m.name_off),
            m.bit_offset,
            m.bitfield_size
        );
    }
    for v in ty.enum_values() {
        out += &format!(" {:?}={}", btf.str_at(v.name_off), v.value());
    }
    for p in ty.params() {
        out += &format!(" {:?}", btf.str_at(p.name_off));
    }
    for v in ty.sec_vars() {
        out += &format!(" {}+{}", v.offset, v.size);
    }
    if depth > 0 {
        for to in ty.refs() {
            out += &format!("({})", unfold(btf, to, depth - 1));
        }
    }
    out
}

proptest! {
    #[test]
    fn parse_inverts_emit(base in specs(), split in specs(), big: bool, layout: bool) {
        let endian = if big { Endian::Big } else { Endian::Little };
        let (base, split) = base_and_split(&base, &split);
        let opts = EmitOpts::default().with_layout(layout).with_endian(endian);
        let bytes = base.to_bytes_with(opts);
        let base_again = Btf::parse(&bytes).unwrap();
        prop_assert_eq!(raw_all(&base_again), raw_all(&base));
        prop_assert_eq!(base_again.to_bytes(), bytes);
        let bytes = split.to_bytes_with(opts);
        let again = Btf::parse_split(&bytes, Arc::new(base_again)).unwrap();
        prop_assert_eq!(raw_all(&again), raw_all(&split));
        prop_assert_eq!(again.to_bytes(), bytes);
    }

    #[test]
    fn permuting_keeps_every_graph(base in specs(), split in specs(), seed: u64) {
        let (_, mut split) = base_and_split(&base, &split);
        let mut new_ids: Vec<TypeId> = split.own_types().map(|ty| ty.id()).collect();
        // A deterministic shuffle; the quality does not matter.
        for i in (1..new_ids.len()).rev() {
            let j = (seed.rotate_left(i as u32 % 64) % (i as u64 + 1)) as usize;
            new_ids.swap(i, j);
        }
        let before: Vec<_> = split.own_types().map(|ty| unfold(&split, ty.id(), 3)).collect();
        split.permute(&new_ids).unwrap();
        for (graph, new) in before.iter().zip(&new_ids) {
            prop_assert_eq!(graph, &unfold(&split, *new, 3));
        }
        split.sort_by_name();
        prop_assert!(split.is_sorted_by_name());
    }

    #[test]
    fn lookup_equals_a_linear_scan(base in specs(), split in specs(), sort: bool) {
        let (_, mut split) = base_and_split(&base, &split);
        if sort {
            split.sort_by_name();
        }
        for name in ["x0", "x1", "x7", "n3", "n9"] {
            let want: Vec<_> = split
                .all_types()
                .filter(|ty| ty.name() == name.as_bytes())
                .map(|ty| ty.id())
                .collect();
            prop_assert_eq!(split.ids_named(name.as_bytes()).collect::<Vec<_>>(), want);
        }
    }

    #[test]
    fn rebuilding_strings_keeps_names(base in specs(), split in specs()) {
        let (_, mut split) = base_and_split(&base, &split);
        split.intern_str(b"nobody uses this").unwrap();
        let before = raw_all(&split);
        split.rebuild_strings().unwrap();
        prop_assert_eq!(raw_all(&split), before);
        prop_assert!(split.find_str(b"nobody uses this").is_none());
    }

    #[test]
    fn imported_graphs_are_equal(src in specs(), dst in specs(), pick: u32) {
        let src = build(Btf::new_empty(Endian::Little), &src);
        let mut dst = build(Btf::new_empty(Endian::Little), &dst);
        let id = TypeId(pick % src.n_types());
        let copy = Importer::new(&src).import(&mut dst, id).unwrap();
        prop_assert_eq!(unfold(&src, id, 3), unfold(&dst, copy, 3));
        Btf::parse(&dst.to_bytes()).unwrap();
    }

    #[test]
    fn add_btf_keeps_every_graph(src in specs(), dst in specs()) {
        let src = build(Btf::new_empty(Endian::Little), &src);
        let mut dst = build(Btf::new_empty(Endian::Little), &dst);
        let first = dst.add_btf(&src).unwrap();
        for ty in src.own_types() {
            let copy = TypeId(first.0 + ty.id().0 - 1);
            prop_assert_eq!(unfold(&src, ty.id(), 3), unfold(&dst, copy, 3));
        }
        Btf::parse(&dst.to_bytes()).unwrap();
    }

    #[test]
    fn relocating_to_the_same_base_restores_the_split(base in specs(), split in specs()) {
        let (base, split) = base_and_split(&base, &split);
        match split.distill_base() {
            Ok(mut distilled) => {
                Btf::parse_split(&distilled.split.to_bytes(), Arc::clone(&distilled.base)).unwrap();
                match distilled.split.relocate(base) {
                    // What comes back is the split, followed by copies of
                    // anonymous and reference types of the base.
                    Ok(_) => for ty in split.own_types() {
                        prop_assert_eq!(
                            unfold(&split, ty.id(), 3),
                            unfold(&distilled.split, ty.id(), 3)
                        );
                    },
                    // Random bases have plenty of equal names.
                    Err(err) => prop_assert!(
                        matches!(err, Error::AmbiguousMatch { .. }),
                        "{}", err
                    ),
                }
            }
            Err(err) => prop_assert!(matches!(err, Error::NotDistillable { .. }), "{}", err),
        }
    }

    #[test]
    fn damaged_bytes_never_panic(base in specs(), flips in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let btf = build(Btf::new_empty(Endian::Little), &base);
        let mut bytes = btf.to_bytes_with(EmitOpts::default().with_layout(true));
        for (at, xor) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= xor;
        }
        if let Ok(mut btf) = Btf::parse(&bytes) {
            exercise(&mut btf);
        }
    }
}

/// Calls everything that walks records.
fn exercise(btf: &mut Btf) {
    raw_all(btf);
    for id in 0..btf.n_types() {
        let _ = btf.resolve_size(TypeId(id));
        let _ = btf.align_of(TypeId(id));
        let _ = btf.resolve_type(TypeId(id));
    }
    btf.find_by_name("x1");
    btf.pointer_size();
    let base = Arc::new(btf.clone());
    let mut split = Btf::new_split(Arc::clone(&base));
    for id in 0..base.n_types() {
        split.add_const(TypeId(id)).unwrap();
    }
    if let Ok(mut distilled) = split.distill_base() {
        let _ = distilled.split.relocate(base);
    }
    let _ = split.relocate(Arc::new(Btf::new_empty(Endian::Little)));
    btf.sort_by_name();
    btf.rebuild_strings().unwrap();
    let bytes = btf.to_bytes();
    Btf::parse(&bytes).unwrap();
}

/// A BTF of all kinds, the smallest input for the tests below.
fn sample() -> Vec<u8> {
    let specs: Vec<Spec> = Kind::ALL
        .iter()
        .map(|&kind| Spec {
            kind,
            name: 1,
            a: 4,
            elems: vec![(1, 1, 1), (2, 2, 2)],
        })
        .collect();
    build(Btf::new_empty(Endian::Little), &specs).to_bytes()
}

#[test]
fn truncation_at_every_byte_is_an_error() {
    let bytes = sample();
    Btf::parse(&bytes).unwrap();
    for len in 0..bytes.len() {
        assert!(Btf::parse(&bytes[..len]).is_err(), "{len}");
    }
}

#[test]
fn every_single_bit_flip_is_survived() {
    let bytes = sample();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut noisy = bytes.clone();
            noisy[at] ^= 1 << bit;
            if let Ok(mut btf) = Btf::parse(&noisy) {
                exercise(&mut btf);
            }
        }
    }
}

#[test]
fn unknown_kind_is_skipped_by_its_layout() {
    let mut btf = Btf::new_empty(Endian::NATIVE);
    btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    btf.add_ptr(TypeId(1)).unwrap();
    let mut bytes = btf.to_bytes_with(EmitOpts::default().with_layout(true));
    let word = |bytes: &[u8], at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
    let set =
        |bytes: &mut [u8], at: usize, v: u32| bytes[at..at + 4].copy_from_slice(&v.to_ne_bytes());
    // Kind 20: two words of its own and one per element. Its record goes
    // between the two others; its layout entry after the known ones.
    let record: Vec<u8> = [1_u32, 20 << 24 | 2, 77, 8, 9, 10, 11]
        .iter()
        .flat_map(|w| w.to_ne_bytes())
        .collect();
    let (types, layout_len) = (32, 80);
    let type_len = word(&bytes, 12) as usize;
    bytes.splice(
        types + type_len + layout_len..types + type_len + layout_len,
        [8, 4, 0, 0],
    );
    bytes.splice(types + 16..types + 16, record.iter().copied());
    let grown = record.len() as u32;
    for (at, by) in [(12, grown), (16, grown + 4), (24, grown), (28, 4)] {
        let old = word(&bytes, at);
        set(&mut bytes, at, old + by);
    }

    let btf = Btf::parse(&bytes).unwrap();
    let unknown = btf.ty(TypeId(2)).unwrap();
    assert_eq!((unknown.kind(), unknown.raw_kind()), (Kind::Unknown, 20));
    assert_eq!(unknown.words().len(), 7);
    assert_eq!(btf.ty(TypeId(3)).unwrap().kind(), Kind::Ptr);
    assert_eq!(btf.to_bytes(), bytes);

    // A split BTF goes by the layout of its base.
    let mut split = Btf::new_split(Arc::new(btf));
    split.push_raw(&[1, 20 << 24, 0, 0, 0]).unwrap();
    let bytes_split = split.to_bytes();
    assert_eq!(word(&bytes_split, 4), 24, "it does not repeat it");
    assert_eq!(
        raw_own(&Btf::parse_split(&bytes_split, Arc::clone(split.base().unwrap())).unwrap()),
        raw_own(&split)
    );

    // Without the layout, and with sizes that are no multiple of 4, it is not.
    let entry = bytes.len() - word(&bytes, 20) as usize - 4;
    bytes[entry] = 6;
    assert!(matches!(
        Btf::parse(&bytes),
        Err(Error::BadLayout { kind: 20, .. })
    ));
    set(&mut bytes, 28, 0);
    assert!(matches!(
        Btf::parse(&bytes),
        Err(Error::UnknownKind { kind: 20, .. })
    ));
}

#[test]
fn layout_of_a_split_btf_is_kept() {
    let base = Arc::new(Btf::new_empty(Endian::Little));
    let mut split = Btf::new_split(Arc::clone(&base));
    split.set_layout(true);
    split.add_ptr(TypeId::VOID).unwrap();
    let bytes = split.to_bytes();
    assert_eq!(bytes[4], 32);
    let mut again = Btf::parse_split(&bytes, base).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    again.set_layout(false);
    assert_eq!(again.to_bytes()[4], 24);
}

#[test]
fn every_header_rule_is_enforced() {
    let good = sample();
    let parse = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        edit(&mut bytes);
        Btf::parse(&bytes).unwrap_err()
    };
    let put = |bytes: &mut Vec<u8>, at: usize, v: u32| {
        bytes[at..at + 4].copy_from_slice(&v.to_le_bytes())
    };
    let type_len = u32::from_le_bytes(good[12..16].try_into().unwrap());
    assert_eq!(parse(&|b| b[0] = 0), Error::BadMagic(0xeb00));
    assert_eq!(parse(&|b| b[2] = 2), Error::UnsupportedVersion(2));
    assert_eq!(parse(&|b| b[3] = 1), Error::UnsupportedFlags(1));
    assert_eq!(parse(&|b| put(b, 4, 20)), Error::UnsupportedHeaderLen(20));
    assert!(matches!(
        parse(&|b| put(b, 4, 1 << 30)),
        Error::HeaderTooShort { .. }
    ));
    let section = |edit: &dyn Fn(&mut Vec<u8>)| match parse(edit) {
        Error::BadSection { section, fault, .. } => (section, fault),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        section(&|b| put(b, 20, u32::MAX)),
        ("string", "runs past the blob")
    );
    assert_eq!(
        section(&|b| put(b, 12, type_len + 4)),
        ("type", "runs into the string section")
    );
    assert_eq!(
        section(&|b| {
            put(b, 8, 2);
            put(b, 12, type_len - 4);
        }),
        ("type", "is not 4-byte aligned")
    );
    assert_eq!(
        section(&|b| put(b, 12, type_len - 1)),
        ("type", "is not a whole number of words")
    );
    let last = good.len() - 1;
    assert!(matches!(parse(&|b| b[last] = b'x'), Error::BadStrings(_)));
    assert!(matches!(
        parse(&|b| put(b, 12, type_len - 4)),
        Error::TruncatedType { .. }
    ));
    // A longer header and a gap before the strings are fine.
    let mut gap = good.clone();
    let strings = 24 + type_len as usize;
    gap.splice(strings..strings, [0xff; 3]);
    put(&mut gap, 16, type_len + 3);
    gap.splice(24..24, [0; 16]);
    put(&mut gap, 4, 40);
    assert_eq!(Btf::parse(&gap).unwrap().to_bytes(), good);
}

#[test]
fn layout_rules_are_enforced() {
    let btf = Btf::parse(&sample()).unwrap();
    let good = btf.to_bytes_with(
        EmitOpts::default()
            .with_layout(true)
            .with_endian(Endian::Little),
    );
    let type_len = u32::from_le_bytes(good[12..16].try_into().unwrap());
    let fault = |at: usize, v: u32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&v.to_le_bytes());
        match Btf::parse(&bytes).unwrap_err() {
            Error::BadSection {
                section: "layout",
                fault,
                ..
            } => fault,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fault(24, type_len + 2), "is not 4-byte aligned");
    assert_eq!(fault(28, 82), "is not a whole number of entries");
    assert_eq!(fault(24, type_len - 4), "overlaps the type section");
    assert_eq!(fault(28, 84), "runs into the string section");
    assert_eq!(fault(24, u32::MAX - 3), "runs into the string section");
}
