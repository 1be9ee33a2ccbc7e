//! `.BTF.ext`.

use btf_builder::{Btf, BtfExt, Endian, Error, IntEncoding, StrOff, TypeId};

/// Words of a `.BTF.ext`: one section of two functions, one of one line, one
/// of one relocation.
fn sample_words() -> Vec<u32> {
    let func = [8, 1, 2, 0, 11, 8, 12];
    let line = [16, 1, 1, 0, 5, 9, 7 << 10 | 3];
    let core = [16, 1, 1, 16, 12, 14, 2];
    let (f, l, c) = (28, 28, 28);
    let mut words = vec![32, 0, f, f, l, f + l, c];
    words.extend(func);
    words.extend(line);
    words.extend(core);
    words
}

fn bytes_of(words: &[u32], endian: Endian) -> Vec<u8> {
    let mut out = match endian {
        Endian::Little => vec![0x9f, 0xeb, 1, 0],
        Endian::Big => vec![0xeb, 0x9f, 1, 0],
    };
    for w in words {
        out.extend(match endian {
            Endian::Little => w.to_le_bytes(),
            Endian::Big => w.to_be_bytes(),
        });
    }
    out
}

#[test]
fn both_byte_orders_read_alike_and_round_trip() {
    for endian in [Endian::Little, Endian::Big] {
        let bytes = bytes_of(&sample_words(), endian);
        let mut ext = BtfExt::parse(&bytes).unwrap();
        assert_eq!(ext.endian(), endian);
        assert_eq!(ext.to_bytes(), bytes);
        let funcs: Vec<_> = ext
            .func_infos()
            .map(|(sec, f)| (sec.0, f.insn_off, f.type_id.0))
            .collect();
        assert_eq!(funcs, [(1, 0, 11), (1, 8, 12)]);
        let (_, line) = ext.line_infos().next().unwrap();
        assert_eq!(
            (line.file_name_off, line.line_off, line.line, line.column),
            (StrOff(5), StrOff(9), 7, 3)
        );
        let (_, relo) = ext.core_relos().next().unwrap();
        assert_eq!(
            (relo.insn_off, relo.type_id, relo.access_str_off, relo.kind),
            (16, TypeId(12), StrOff(14), 2)
        );
        let other = match endian {
            Endian::Little => Endian::Big,
            Endian::Big => Endian::Little,
        };
        ext.set_endian(other);
        assert_eq!(ext.to_bytes(), bytes_of(&sample_words(), other));
    }
}

#[test]
fn header_without_core_relos_round_trips() {
    let words = [24, 0, 20, 20, 0, 8, 1, 1, 0, 7];
    let bytes = bytes_of(&words, Endian::Little);
    let ext = BtfExt::parse(&bytes).unwrap();
    assert_eq!(ext.func_infos().count(), 1);
    assert_eq!(ext.core_relos().count(), 0);
    assert_eq!(ext.to_bytes(), bytes);
}

#[test]
fn longer_records_are_kept() {
    let words = [24, 0, 24, 24, 0, 12, 1, 1, 0, 7, 0xdead];
    let bytes = bytes_of(&words, Endian::NATIVE);
    let ext = BtfExt::parse(&bytes).unwrap();
    assert_eq!(ext.func_infos().next().unwrap().1.type_id, TypeId(7));
    assert_eq!(ext.to_bytes(), bytes);
}

#[test]
fn visitors_reach_every_id_and_string() {
    let mut ext = BtfExt::parse(&bytes_of(&sample_words(), Endian::Little)).unwrap();
    let mut ids = vec![];
    ext.for_each_type_id_mut(|id| ids.push(*id));
    assert_eq!(ids, [11, 12, 12]);
    let mut strs = vec![];
    ext.for_each_str_off_mut(|off| strs.push(*off));
    assert_eq!(strs, [1, 1, 5, 9, 1, 14]);
    ext.remap_type_ids(TypeId(12), &[TypeId(99)]);
    let mut ids = vec![];
    ext.for_each_type_id_mut(|id| ids.push(*id));
    assert_eq!(ids, [11, 99, 99]);
}

#[test]
fn strings_of_ext_survive_a_rebuild() {
    let mut btf = Btf::new_empty(Endian::Little);
    btf.intern_str(b"unused").unwrap();
    let sec = btf.intern_str(b"xdp").unwrap();
    let file = btf.intern_str(b"a.c").unwrap();
    btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let words = [24, 0, 0, 0, 28, 16, sec.0, 1, 0, file.0, 0, 0];
    let mut ext = BtfExt::parse(&bytes_of(&words, Endian::Little)).unwrap();
    btf.rebuild_strings_with(&mut ext).unwrap();
    assert_eq!(btf.strings(), b"\0int\0xdp\0a.c\0");
    let (sec, line) = ext.line_infos().next().unwrap();
    assert_eq!(btf.str_at(sec), Some(&b"xdp"[..]));
    assert_eq!(btf.str_at(line.file_name_off), Some(&b"a.c"[..]));
}

#[test]
fn each_rule_is_enforced() {
    let parse = |words: &[u32]| BtfExt::parse(&bytes_of(words, Endian::NATIVE)).unwrap_err();
    // No data behind the header.
    assert!(matches!(
        parse(&[24, 0, 0, 0, 0]),
        Error::HeaderTooShort { .. }
    ));
    assert!(matches!(
        parse(&[20, 0, 0, 0, 0, 0]),
        Error::UnsupportedHeaderLen(20)
    ));
    // Record size too small, and not a multiple of 4.
    for size in [4, 10] {
        assert!(matches!(
            parse(&[24, 0, 20, 20, 0, size, 1, 1, 0, 7]),
            Error::BadRecordSize { .. }
        ));
    }
    let fault = |words: &[u32]| match parse(words) {
        Error::BadSection { fault, .. } => fault,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(&[24, 0, 4, 4, 0, 8]), "has no records");
    assert_eq!(
        fault(&[24, 0, 8, 8, 0, 8, 1]),
        "ends inside a section header"
    );
    assert_eq!(
        fault(&[24, 0, 12, 12, 0, 8, 1, 0]),
        "has a section without records"
    );
    assert_eq!(
        fault(&[24, 0, 20, 20, 0, 8, 1, 2, 0, 7]),
        "ends inside a section"
    );
    assert_eq!(
        fault(&[24, 0, 20, 20, 0, 8, 1, u32::MAX, 0, 7]),
        "ends inside a section"
    );
    assert_eq!(
        fault(&[24, 2, 20, 20, 0, 8, 1, 1, 0, 7]),
        "is not 4-byte aligned"
    );
    assert_eq!(
        fault(&[24, 4, 20, 20, 0, 8, 1, 1, 0, 7]),
        "runs past the blob"
    );
    let bytes = bytes_of(&[24, 0, 20, 20, 0, 8, 1, 1, 0, 7], Endian::Little);
    for (at, want) in [
        (2, Error::UnsupportedVersion(9)),
        (3, Error::UnsupportedFlags(9)),
    ] {
        let mut bytes = bytes.clone();
        bytes[at] = 9;
        assert_eq!(BtfExt::parse(&bytes).unwrap_err(), want);
    }
    assert!(matches!(
        BtfExt::parse(b"\0\0\x01\0"),
        Err(Error::BadMagic(0))
    ));
}

#[test]
fn foreign_byte_order_takes_exact_records_only() {
    let foreign = match Endian::NATIVE {
        Endian::Little => Endian::Big,
        Endian::Big => Endian::Little,
    };
    let words = [24, 0, 24, 24, 0, 12, 1, 1, 0, 7, 0xdead];
    assert!(matches!(
        BtfExt::parse(&bytes_of(&words, foreign)),
        Err(Error::BadRecordSize { size: 12, .. })
    ));
}

#[test]
fn truncation_and_noise_never_panic() {
    let bytes = bytes_of(&sample_words(), Endian::Little);
    for len in 0..bytes.len() {
        assert!(BtfExt::parse(&bytes[..len]).is_err(), "{len}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut noisy = bytes.clone();
            noisy[at] ^= 1 << bit;
            if let Ok(ext) = BtfExt::parse(&noisy) {
                ext.to_bytes();
            }
        }
    }
}
