//! What becomes of strings.

use std::sync::Arc;

use btf_builder::{Btf, Endian, Kind, TypeId, make_info};
use btf_dedup::{BaseIndex, DedupOpts, dedup, dedup_split};

use crate::notation::{btf, split, text};

/// A base BTF with this string section and an INT for each of these offsets.
fn with_strings(section: &[u8], names: &[u32]) -> Btf {
    let mut bytes = Vec::new();
    bytes.extend([0x9f, 0xeb, 1, 0]);
    let type_len = names.len() as u32 * 16;
    for word in [24, 0, type_len, type_len, section.len() as u32] {
        bytes.extend(u32::to_le_bytes(word));
    }
    for &name in names {
        for word in [name, make_info(Kind::Int, 0, false), 4, 1 << 24 | 32] {
            bytes.extend(u32::to_le_bytes(word));
        }
    }
    bytes.extend(section);
    Btf::parse(&bytes).unwrap()
}

#[test]
fn unused_strings_go() {
    let mut btf = with_strings(b"\0unused\0int\0foo\0bar\0long\0", &[8, 20]);
    dedup(&mut btf, &DedupOpts::default()).unwrap();
    assert_eq!(btf.strings(), b"\0int\0long\0");
    assert_eq!(text(&btf), "[1] INT int 4 signed\n[2] INT long 4 signed\n");
}

#[test]
fn unused_strings_stay_if_asked_for() {
    let mut btf = with_strings(b"\0unused\0int\0", &[8]);
    let mut opts = DedupOpts::default();
    opts.drop_unused_strings = false;
    dedup(&mut btf, &opts).unwrap();
    assert_eq!(btf.strings(), b"\0unused\0int\0");
}

#[test]
fn copies_of_a_string_are_one_name() {
    let section = b"\0int\0long int\0int\0long int\0int\0";
    let mut btf = with_strings(section, &[1, 5, 14, 18, 27]);
    dedup(&mut btf, &DedupOpts::default()).unwrap();
    assert_eq!(btf.strings(), b"\0int\0long int\0");
    assert_eq!(
        text(&btf),
        "[1] INT int 4 signed\n[2] INT long int 4 signed\n"
    );
}

#[test]
fn the_end_of_a_string_is_a_name_like_any_other() {
    // Offset 6 is the `int` within `long int`; the second one has no whole
    // copy to go to.
    let mut btf = with_strings(b"\0long int\0int\0", &[6, 10]);
    dedup(&mut btf, &DedupOpts::default()).unwrap();
    assert_eq!(text(&btf), "[1] INT int 4 signed\n");
    assert_eq!(btf.strings(), b"\0int\0");

    let mut btf = with_strings(b"\0long int\0", &[6, 1, 6]);
    dedup(&mut btf, &DedupOpts::default()).unwrap();
    assert_eq!(
        text(&btf),
        "[1] INT int 4 signed\n[2] INT long int 4 signed\n"
    );
    assert_eq!(btf.strings(), b"\0long int\0int\0");
}

#[test]
fn strings_of_the_base_are_used_where_it_has_them() {
    let base = Arc::new(btf("[1] INT int 4 signed"));
    // A split BTF with a copy of the base's string, as libbpf never writes it.
    let mut bytes = Vec::new();
    bytes.extend([0x9f, 0xeb, 1, 0]);
    for word in [24_u32, 0, 32, 32, 8] {
        bytes.extend(word.to_le_bytes());
    }
    let start = base.str_end();
    for name in [start, start + 4] {
        for word in [name, make_info(Kind::Int, 0, false), 4, 1 << 24 | 32] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.extend(b"int\0new\0");
    let mut module = Btf::parse_split(&bytes, Arc::clone(&base)).unwrap();
    let map = dedup(&mut module, &DedupOpts::default()).unwrap();
    assert_eq!(text(&module), "[2] INT new 4 signed\n");
    assert_eq!(module.strings(), b"new\0");
    assert_eq!(map.get(TypeId(2)), TypeId(1));
}

#[test]
fn a_module_without_news_has_no_strings() {
    let base = Arc::new(btf("[1] STRUCT s 4 a:2@0\n[2] INT int 4 signed"));
    let index = BaseIndex::new(Arc::clone(&base)).unwrap();
    let mut module = split(&base, "[3] STRUCT s 4 a:4@0\n[4] INT int 4 signed");
    module
        .intern_str(b"parameter of a function left out")
        .unwrap();
    dedup_split(&mut module, &index, &DedupOpts::default()).unwrap();
    assert_eq!(module.n_own_types(), 0);
    assert_eq!(module.strings(), b"");
}

#[test]
fn interned_strings_need_no_look() {
    let mut btf = btf("[1] INT int 4 signed\n[2] INT int 4 signed\n[3] FLOAT f 4");
    let mut opts = DedupOpts::default();
    opts.strings_interned = true;
    dedup(&mut btf, &opts).unwrap();
    assert_eq!(text(&btf), "[1] INT int 4 signed\n[2] FLOAT f 4\n");
}

#[test]
fn byte_order_and_layout_survive() {
    let mut btf = Btf::new_empty(Endian::Big);
    btf.add_ptr(TypeId::VOID).unwrap();
    btf.add_ptr(TypeId::VOID).unwrap();
    btf.set_layout(true);
    dedup(&mut btf, &DedupOpts::default()).unwrap();
    assert_eq!(btf.endian(), Endian::Big);
    assert!(btf.layout().is_some());
    assert_eq!(btf.n_own_types(), 1);
}
