//! What a user of the library needs, through its front door only.

use std::sync::Arc;

use btf_kit::dedup::{BaseIndex, DedupOpts, dedup_split, dedup_with_ext};
use btf_kit::dump::{COptions, JsonStyle, Select, write_c, write_json, write_raw};
use btf_kit::{
    Btf, BtfExt, EmitOpts, Endian, FuncLinkage, FwdKind, Importer, IntEncoding, Kind, Limits,
    StrOff, TypeId, VarLinkage, file, verify,
};

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// A base with an int, a struct, a pointer to it, and a typedef.
fn base() -> btf_kit::Result<Btf> {
    let mut btf = Btf::new_empty(Endian::Little);
    let int = btf.add_int("int", 4, IntEncoding::SIGNED)?;
    let list = btf.add_struct("list", 16)?;
    btf.add_field("next", TypeId(3), 0, 0)?;
    btf.add_field("len", int, 64, 0)?;
    btf.add_ptr(list)?;
    btf.add_typedef("list_t", list)?;
    Ok(btf)
}

#[test]
fn files_are_read_with_and_without_a_base() -> Result {
    let dir = tempfile::tempdir()?;
    let (vmlinux, module) = (dir.path().join("vmlinux"), dir.path().join("m.btf"));
    std::fs::write(&vmlinux, base()?.to_bytes())?;
    let base = file::open_base(&vmlinux)?;
    let mut split = Btf::new_split(Arc::clone(&base));
    split.add_const(TypeId(2))?;
    std::fs::write(&module, split.to_bytes())?;

    // Ids go on where the base ends, and reach into it.
    let read = file::open_split(&module, &base)?;
    assert_eq!((read.start_id(), read.n_types()), (TypeId(5), 6));
    assert_eq!(read.ty(TypeId(5)).map(|ty| ty.kind()), Some(Kind::Const));
    assert_eq!(read.ty(TypeId(2)).map(|ty| ty.name()), Some(&b"list"[..]));
    assert!(read.ty(TypeId(6)).is_none());
    assert_eq!(read.resolve_size(TypeId(5))?, 16);
    // The vmlinux beside a module is found.
    assert_eq!(file::find_base(&module).as_deref(), Some(&*vmlinux));
    assert_eq!(file::open(&module)?.to_bytes(), split.to_bytes());
    let again = Btf::parse_split(&split.to_bytes(), base)?;
    assert_eq!(again.type_words(), split.type_words());
    Ok(())
}

#[test]
fn every_kind_is_built_and_looked_at() -> Result {
    let mut btf = base()?;
    let (int, list) = (TypeId(1), TypeId(2));
    btf.add_float("float", 4)?;
    btf.add_array(int, list, 3)?;
    btf.add_union("u", 8)?;
    btf.add_field("bits", int, 0, 3)?;
    btf.add_enum("e", 4)?;
    btf.add_enum_value("MINUS", -1)?;
    btf.add_enum64("e64", 8, false)?;
    btf.add_enum64_value("BIG", u64::MAX)?;
    btf.add_fwd("later", FwdKind::Union)?;
    let c = btf.add_const(int)?;
    let v = btf.add_volatile(c)?;
    btf.add_restrict(v)?;
    btf.add_type_tag("user", int)?;
    let proto = btf.add_func_proto(int)?;
    btf.add_func_param("list", list)?;
    let func = btf.add_func("f", FuncLinkage::Global, proto)?;
    btf.add_decl_tag("kfunc", func, -1)?;
    let var = btf.add_var("counter", VarLinkage::Static, int)?;
    btf.add_datasec(".data..percpu", 4)?;
    btf.add_datasec_var_info(var, 0, 4)?;
    // What libbpf refuses is refused.
    assert!(btf.add_int("", 4, IntEncoding::SIGNED).is_err());
    assert!(btf.add_int("odd", 3, IntEncoding::SIGNED).is_err());
    assert!(btf.add_datasec_var_info(var, 0, 4).is_ok());

    let ty = |name: &str, kind| btf.find_by_name_kind(name, kind).and_then(|id| btf.ty(id));
    let ty = |name, kind| ty(name, kind).ok_or("not found");
    let names: Vec<_> = ty("list", Kind::Struct)?.members().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(
        ty("u", Kind::Union)?
            .members()
            .next()
            .map(|m| m.bitfield_size),
        Some(3)
    );
    assert_eq!(
        ty("e", Kind::Enum)?
            .enum_values()
            .next()
            .map(|v| v.as_i64()),
        Some(-1)
    );
    let big = ty("e64", Kind::Enum64)?.enum_values().next();
    assert_eq!(big.map(|v| v.as_u64()), Some(u64::MAX));
    let refs: Vec<_> = ty("list", Kind::Struct)?.refs().collect();
    assert_eq!(refs, [TypeId(3), int]);
    let proto = btf.ty(proto).ok_or("no prototype")?;
    assert_eq!(
        proto.params().map(|p| p.type_id).collect::<Vec<_>>(),
        [list]
    );
    assert_eq!(ty(".data..percpu", Kind::Datasec)?.sec_vars().count(), 2);
    assert_eq!(btf.align_of(list)?, 8);
    assert_eq!(btf.ids_named(b"list").collect::<Vec<_>>(), [list]);
    assert!(btf.find_by_name("nothing").is_none());

    for format in ["raw", "json", "c"] {
        let mut out = Vec::new();
        match format {
            "raw" => write_raw(&btf, Select::All, &mut out)?,
            "json" => write_json(&btf, Select::Own, JsonStyle::Compact, &mut out)?,
            _ => write_c(&btf, &COptions::default().with_guard("G_H"), &mut out)?,
        }
        assert!(String::from_utf8(out)?.contains("list"), "{format}");
    }
    Ok(())
}

#[test]
fn types_come_from_other_btfs_with_what_they_need() -> Result {
    let src = base()?;
    let mut dst = Btf::new_empty(Endian::Little);
    dst.add_float("float", 4)?;
    let list = Importer::new(&src).import(&mut dst, TypeId(2))?;
    assert_eq!(dst.ty(list).map(|ty| ty.name()), Some(&b"list"[..]));
    assert_eq!(dst.n_own_types(), 4);
    let first = dst.add_btf(&src)?;
    assert_eq!((first, dst.n_own_types()), (TypeId(5), 8));
    // Strings are there once, also against a base.
    let mut split = Btf::new_split(Arc::new(dst));
    let known = split.intern_str(b"list")?;
    assert!(known < split.start_str_off());
    assert_eq!(split.strings(), b"");
    Ok(())
}

#[test]
fn splits_are_deduplicated_distilled_and_moved() -> Result {
    let vmlinux = Arc::new(base()?);
    let index = BaseIndex::new(Arc::clone(&vmlinux))?;
    let mut module = Btf::new_split(Arc::clone(&vmlinux));
    module.add_btf(&base()?)?;
    module.add_var("v", VarLinkage::Global, TypeId(6))?;
    let map = dedup_split(&mut module, &index, &DedupOpts::default())?;
    assert_eq!((module.n_own_types(), map.get(TypeId(6))), (1, TypeId(2)));

    let distilled = module.distill_base()?;
    let mut moved = Btf::parse_split(
        &distilled.split.to_bytes(),
        Arc::new(Btf::parse(&distilled.base.to_bytes())?),
    )?;
    moved.relocate(vmlinux)?;
    assert_eq!(moved.type_words(), module.type_words());
    Ok(())
}

#[test]
fn ext_follows_dedup_and_sorting() -> Result {
    let mut btf = base()?;
    btf.add_btf(&base()?)?;
    let proto = btf.add_func_proto(TypeId(5))?;
    let func = btf.add_func("f", FuncLinkage::Static, proto)?;
    let section = btf.intern_str(b"only .BTF.ext says this")?;
    // One function info: header, record size, section, count, record.
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for word in [24, 0, 20, 20, 0, 8, section.0, 1, 0, func.0] {
        bytes.extend(u32::to_le_bytes(word));
    }
    let mut ext = BtfExt::parse(&bytes)?;
    let mut broken = ext.clone();
    broken.for_each_str_off_mut(|off| *off = 9_999);
    let before = btf.to_bytes();
    assert!(dedup_with_ext(&mut btf, &mut broken, &DedupOpts::default()).is_err());
    assert_eq!(btf.to_bytes(), before);

    let leads_to = |btf: &Btf, ext: &BtfExt| {
        let (section, func) = ext.func_infos().next().unwrap();
        let name = btf.ty(func.type_id).unwrap().name().to_vec();
        (btf.str_at(section).unwrap().to_vec(), name)
    };
    let expected = (b"only .BTF.ext says this".to_vec(), b"f".to_vec());
    dedup_with_ext(&mut btf, &mut ext, &DedupOpts::default())?;
    assert_eq!(btf.n_own_types(), 6);
    assert_eq!(leads_to(&btf, &ext), expected);
    let new_ids = btf.sort_by_name();
    ext.remap_type_ids(TypeId(1), &new_ids);
    assert_eq!(leads_to(&btf, &ext), expected);
    assert!(btf.is_sorted_by_name());
    assert!(btf.find_by_name_kind("list", Kind::Struct).is_some());

    let mut reversed: Vec<_> = btf.own_types().map(|ty| ty.id()).collect();
    reversed.reverse();
    btf.permute(&reversed)?;
    ext.remap_type_ids(TypeId(1), &reversed);
    assert_eq!(leads_to(&btf, &ext), expected);
    Ok(())
}

#[test]
fn byte_order_layout_and_limits_are_chosen() -> Result {
    let btf = base()?;
    let opts = EmitOpts::default()
        .with_layout(true)
        .with_endian(Endian::Big);
    let bytes = btf.to_bytes_with(opts);
    let mut read = Btf::parse(&bytes)?;
    assert_eq!(read.endian(), Endian::Big);
    assert!(read.layout().is_some());
    read.set_endian(Endian::Little);
    read.set_layout(false);
    assert_eq!(read.to_bytes(), btf.to_bytes());
    read.set_limits(Limits::KERNEL.with_max_type_id(4));
    assert!(read.add_ptr(TypeId::VOID).is_err());
    assert_eq!(read.str_at(StrOff::EMPTY), Some(&b""[..]));
    Ok(())
}

#[test]
fn the_kernel_s_verdict_is_known_beforehand() -> Result {
    let options = verify::Options::default();
    let vmlinux = base()?;
    let bytes = vmlinux.to_bytes();
    let base = verify::check_vmlinux(&bytes, &options)?;
    let mut bad = Btf::new_split(Arc::new(vmlinux));
    bad.add_array(TypeId(1), TypeId::VOID, 1)?;
    let breach = verify::check_module(&bad.to_bytes(), &base, &options).unwrap_err();
    assert!(breach.to_string().contains("Invalid elem"), "{breach}");
    Ok(())
}
