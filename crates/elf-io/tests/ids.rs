//! `.BTF_ids`: ids resolved, sets sorted, and flags that follow their functions.

#![allow(clippy::print_stderr, reason = "skips are for the reader")]

mod common;

use std::collections::BTreeMap;

use common::{BE64, Builder, Bytes, ENCODINGS, LE32, LE64, Sec, Symbol, progbits};
use elf_io::consts as c;
use elf_io::{BtfIdKind, BtfIds, Elf, Encoding, ErrorKind, Kfunc};
use test_kit::mutate::Random;

/// A file whose `.BTF_ids` has these words and symbols, as (name, byte offset, byte size).
fn file(enc: Encoding, words: &[u32], symbols: &[(&'static str, u64, u64)]) -> Vec<u8> {
    file_with_btf(enc, words, symbols, None)
}

fn file_with_btf(
    enc: Encoding,
    words: &[u32],
    symbols: &[(&'static str, u64, u64)],
    btf: Option<&[u8]>,
) -> Vec<u8> {
    let mut b = Builder::new(enc, c::EM_X86_64);
    b.add(progbits(".text", &[0; 3]));
    let mut data = Bytes::new(enc);
    for word in words {
        data.u32(*word);
    }
    let ids = b.add(Sec {
        flags: c::SHF_ALLOC.0,
        ..progbits(".BTF_ids", &data.out)
    });
    let symbols: Vec<Symbol> = symbols
        .iter()
        .map(|(name, at, size)| (*name, ids, *at, *size, 1))
        .collect();
    b.symbols(&symbols);
    if let Some(btf) = btf {
        b.add(progbits(".BTF", btf));
    }
    b.build()
}

/// One of each construct, as the compiler leaves it.
const WORDS: [u32; 18] = [
    // A list of a struct, an unused slot, a struct whose name contains a double underscore.
    0, 0, 0, // A set of three.
    0, 0, 0, 0, // A set8 of kfuncs: four entries.
    0, 1, 0, 0x10, 0, 0x20, 0, 0x40, 0, 0x80, // A list of its own behind the sets.
    0,
];
const SYMBOLS: [(&str, u64, u64); 14] = [
    ("some_list", 0, 0),
    ("__BTF_ID__struct__task__1", 0, 4),
    ("__BTF_ID__struct__nf_conn___init__1052266", 8, 4),
    ("some_set", 12, 0),
    ("__BTF_ID__set__some_set", 12, 16),
    ("__BTF_ID__func__beta__2", 16, 4),
    ("__BTF_ID__func__alpha__3", 20, 4),
    ("__BTF_ID__typedef__gamma_t__4", 24, 4),
    ("__BTF_ID__set8__kfunc_set__of__x", 28, 40),
    ("__BTF_ID__func__beta__5", 36, 4),
    ("__BTF_ID__func__delta___6", 44, 4),
    ("__BTF_ID__func__alpha__7", 52, 4),
    ("__BTF_ID__func__epsilon__8", 60, 4),
    ("__BTF_ID__union__u__9", 68, 4),
];

type Names = BTreeMap<(BtfIdKind, &'static str), u32>;

fn names() -> Names {
    use BtfIdKind::{Func, Struct, Typedef, Union};
    Names::from([
        ((Struct, "task"), 100),
        ((Struct, "nf_conn___init"), 7),
        ((Func, "beta"), 50),
        ((Func, "alpha"), 60),
        ((Typedef, "gamma_t"), 55),
        ((Func, "delta_"), 40),
        ((Func, "epsilon"), 45),
        ((Union, "u"), 3),
    ])
}

fn words(enc: Encoding, bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks_exact(4)
        .map(|word| enc.u32(word, 0).unwrap())
        .collect()
}

struct Outcome {
    words: Vec<u32>,
    unresolved: Vec<String>,
}

/// Resolves with new ids, where the words are from the old ones.
fn resolve(enc: Encoding, input: &[u32], old: &Names, new: &Names) -> elf_io::Result<Outcome> {
    let bytes = file(enc, input, &SYMBOLS);
    let elf = Elf::parse(&bytes).unwrap();
    let ids = BtfIds::read(&elf).unwrap().unwrap();
    let of_old = |id| {
        let func = |((kind, _), known): &(&(BtfIdKind, _), &u32)| {
            *kind == BtfIdKind::Func && **known == id
        };
        old.iter().find(func).map(|((_, name), _)| *name)
    };
    let resolved = ids.resolve(
        |kind, name| {
            new.iter()
                .find(|(n, _)| **n == (kind, name))
                .map(|(_, id)| *id)
        },
        of_old,
    )?;
    let unresolved = resolved
        .unresolved
        .iter()
        .map(|u| u.name.to_owned())
        .collect();
    Ok(Outcome {
        words: words(enc, &resolved.bytes),
        unresolved,
    })
}

#[test]
fn ids_are_filled_in_and_sets_sorted_with_their_flags() {
    for enc in ENCODINGS {
        let outcome = resolve(enc, &WORDS, &Names::new(), &names()).unwrap();
        assert_eq!(
            outcome.words,
            [
                100, 0, 7, //
                3, 50, 55, 60, //
                4, 1, 40, 0x20, 45, 0x80, 50, 0x10, 60, 0x40, //
                3
            ]
        );
        assert!(outcome.unresolved.is_empty());
    }
}

#[test]
fn resolving_again_changes_nothing() {
    let first = resolve(LE64, &WORDS, &Names::new(), &names()).unwrap();
    let second = resolve(LE64, &first.words, &names(), &names()).unwrap();
    assert_eq!(first.words, second.words);
}

#[test]
fn flags_follow_their_functions_through_any_renumbering() {
    let mut random = Random::new(3);
    for _ in 0..200 {
        let mut old = names();
        let mut new = names();
        for names in [&mut old, &mut new] {
            let mut ids: Vec<u32> = (1..9).collect();
            for i in (1..ids.len()).rev() {
                ids.swap(i, random.below(i + 1));
            }
            for (slot, id) in names.values_mut().zip(ids) {
                *slot = id;
            }
        }
        let resolved = resolve(BE64, &WORDS, &Names::new(), &old).unwrap().words;
        let again = resolve(BE64, &resolved, &old, &new).unwrap().words;
        let fresh = resolve(BE64, &WORDS, &Names::new(), &new).unwrap().words;
        assert_eq!(again, fresh);
    }
}

#[test]
fn names_without_an_id_are_zero_and_first_and_reported_once() {
    let mut some = names();
    for name in [(BtfIdKind::Func, "alpha"), (BtfIdKind::Struct, "task")] {
        some.remove(&name);
    }
    let outcome = resolve(LE32, &WORDS, &Names::new(), &some).unwrap();
    assert_eq!(
        outcome.words,
        [
            0, 0, 7, //
            3, 0, 50, 55, //
            4, 1, 0, 0x40, 40, 0x20, 45, 0x80, 50, 0x10, //
            3
        ]
    );
    assert_eq!(outcome.unresolved, ["task", "alpha"]);
    // The only one without an old id gets the only flags without one.
    let later = resolve(LE32, &outcome.words, &some, &names()).unwrap();
    assert_eq!(
        later.words,
        resolve(LE32, &WORDS, &Names::new(), &names())
            .unwrap()
            .words
    );
}

#[test]
fn flags_whose_function_is_not_known_are_refused_not_guessed() {
    // Two functions had no id, with different flags.
    let mut some = names();
    some.remove(&(BtfIdKind::Func, "alpha"));
    some.remove(&(BtfIdKind::Func, "delta_"));
    let resolved = resolve(LE64, &WORDS, &Names::new(), &some).unwrap().words;
    let Err(error) = resolve(LE64, &resolved, &some, &names()) else {
        panic!("resolved")
    };
    assert!(
        matches!(error.kind(), ErrorKind::AmbiguousFlags { set, function }
        if set == "kfunc_set__of__x" && function == "delta_"),
        "{error}"
    );
    // As long as they have none, nothing is lost.
    assert_eq!(
        resolve(LE64, &resolved, &some, &some).unwrap().words,
        resolved
    );

    // The ids are from another BTF: here each is that of a neighbour.
    let mut shifted = names();
    for id in shifted.values_mut() {
        *id += 5;
    }
    let resolved = resolve(LE64, &WORDS, &Names::new(), &names())
        .unwrap()
        .words;
    assert!(resolve(LE64, &resolved, &shifted, &names()).is_err());
    assert!(resolve(LE64, &resolved, &Names::new(), &names()).is_err());
}

/// A split BTF with a function of each name, whose own strings start at `base_len`; in front of the functions a struct
/// with a member, an enum and a variable, so that types of several sizes are passed.
fn split_btf(enc: Encoding, base_len: u32, functions: &[&str]) -> Vec<u8> {
    let mut strings = b"member\0".to_vec();
    let mut types = Bytes::new(enc);
    types
        .u32(17)
        .u32(4 << 24 | 1)
        .u32(8)
        .u32(base_len)
        .u32(1)
        .u32(0);
    types.u32(0).u32(6 << 24 | 1).u32(4).u32(17).u32(0);
    types.u32(17).u32(14 << 24).u32(1).u32(0);
    for name in functions {
        types.u32(0).u32(13 << 24 | 1).u32(0).u32(base_len).u32(1);
        types
            .u32(base_len + strings.len() as u32)
            .u32(12 << 24)
            .u32(1);
        strings.extend_from_slice(name.as_bytes());
        strings.push(0);
    }
    let mut btf = Bytes::new(enc);
    btf.int(2, 0xeb9f)
        .int(1, 1)
        .int(1, 0)
        .u32(24)
        .u32(0)
        .u32(types.out.len() as u32);
    btf.u32(types.out.len() as u32).u32(strings.len() as u32);
    [btf.out, types.out, strings].concat()
}

#[test]
fn the_module_tells_its_functions_when_their_base_is_gone() {
    let functions = ["other", "alpha", "beta", "delta_", "epsilon", "another"];
    // Types 0 to 2 are no functions; then prototypes and functions in turn.
    let id = |name| 9000 + 4 + 2 * functions.iter().position(|f| *f == name).unwrap() as u32;
    let mut old = names();
    for name in ["alpha", "beta", "delta_", "epsilon"] {
        old.insert((BtfIdKind::Func, name), id(name));
    }
    for enc in ENCODINGS {
        let resolved = resolve(enc, &WORDS, &Names::new(), &old).unwrap().words;
        let again = |btf: &[u8], answer: Option<&'static str>| {
            let bytes = file_with_btf(enc, &resolved, &SYMBOLS, Some(btf));
            let elf = Elf::parse(&bytes).unwrap();
            let ids = BtfIds::read(&elf).unwrap().unwrap();
            let new = names();
            let resolved = ids.resolve(
                |kind, name| new.iter().find(|(n, _)| **n == (kind, name)).map(|n| *n.1),
                |_| answer,
            );
            resolved.map(|resolved| words(enc, &resolved.bytes))
        };
        let expected = resolve(enc, &WORDS, &Names::new(), &names()).unwrap().words;
        let btf = split_btf(enc, 1000, &functions);
        // No base, or a wrong one.
        assert_eq!(again(&btf, None).unwrap(), expected);
        assert_eq!(again(&btf, Some("beta")).unwrap(), expected);
        // Without one of the functions, or with a string that no type has, nothing can be told.
        assert!(again(&split_btf(enc, 1000, &functions[..4]), None).is_err());
        let mut unused = btf.clone();
        unused.extend_from_slice(b"unused\0");
        let len = enc.u32(&unused, 20).unwrap() + 7;
        enc.put(&mut unused[20..24], len.into());
        assert!(again(&unused, None).is_err());
        // Functions that come twice in the same order could be meant either way.
        let twice = [&functions[1..5], &functions[1..5]].concat();
        assert!(again(&split_btf(enc, 1000, &twice), None).is_err());
        for len in 0..btf.len() {
            assert!(again(&btf[..len], None).is_err());
        }
    }
}

#[test]
fn flags_of_a_real_module_are_found_without_its_base() {
    let Some(files) = common::kernel_files("flags_of_a_real_module_are_found_without_its_base")
    else {
        return;
    };
    let path = files
        .iter()
        .find(|path| path.ends_with("nf_conntrack.ko"))
        .expect("nf_conntrack");
    let map = elf_io::FileMap::open(path).unwrap();
    let elf = Elf::parse(map.bytes()).unwrap();
    let ids = BtfIds::read(&elf).unwrap().unwrap();
    let kfuncs: Vec<_> = ids
        .kfuncs(|_| None)
        .iter()
        .map(|k| (k.name, k.flags.unwrap()))
        .collect();
    // net/netfilter/nf_conntrack_bpf.c
    let (acquire, release, ret_null, trusted_args) = (1, 2, 4, 16);
    let expected = [
        ("bpf_xdp_ct_alloc", acquire | ret_null),
        ("bpf_xdp_ct_lookup", acquire | ret_null),
        ("bpf_skb_ct_alloc", acquire | ret_null),
        ("bpf_skb_ct_lookup", acquire | ret_null),
        ("bpf_ct_insert_entry", acquire | ret_null | release),
        ("bpf_ct_release", release),
        ("bpf_ct_set_timeout", trusted_args),
        ("bpf_ct_change_timeout", trusted_args),
        ("bpf_ct_set_status", trusted_args),
        ("bpf_ct_change_status", trusted_args),
    ];
    if kfuncs.is_empty() {
        // Kernels before 6.9 do not mark their sets.
        return;
    }
    assert_eq!(kfuncs, expected);
}

#[test]
fn flags_that_are_all_the_same_need_no_old_ids() {
    let mut input = WORDS;
    for at in [10, 12, 14, 16] {
        input[at] = 0x10;
    }
    let resolved = resolve(LE64, &input, &Names::new(), &names())
        .unwrap()
        .words;
    let again = resolve(LE64, &resolved, &Names::new(), &names())
        .unwrap()
        .words;
    assert_eq!(resolved, again);
}

#[test]
fn a_function_that_a_set_lists_twice_keeps_both_flags() {
    let symbols = [
        ("__BTF_ID__set8__s", 0, 32),
        ("__BTF_ID__func__twice__1", 8, 4),
        ("__BTF_ID__func__once__2", 16, 4),
        ("__BTF_ID__func__twice__3", 24, 4),
    ];
    let id = |_: BtfIdKind, name: &str| Some(if name == "once" { 9 } else { 5 });
    let name = |id| Some(if id == 9 { "once" } else { "twice" });
    let resolve = |input: &[u32]| {
        let bytes = file(LE64, input, &symbols);
        let elf = Elf::parse(&bytes).unwrap();
        words(
            LE64,
            &BtfIds::read(&elf)
                .unwrap()
                .unwrap()
                .resolve(id, name)
                .unwrap()
                .bytes,
        )
    };
    let first = resolve(&[0, 0, 0, 1, 0, 2, 0, 3]);
    assert_eq!(first, [3, 0, 5, 1, 5, 3, 9, 2]);
    assert_eq!(resolve(&first), first);
}

#[test]
fn unused_entries_of_a_set_stay_zero() {
    // Entry 1 of 3 has no symbol.
    let symbols = [
        ("__BTF_ID__set8__s", 0, 32),
        ("__BTF_ID__func__b__1", 8, 4),
        ("__BTF_ID__func__a__2", 24, 4),
    ];
    let id = |_: BtfIdKind, name: &str| Some(if name == "a" { 1 } else { 2 });
    let name = |id| Some(if id == 1 { "a" } else { "b" });
    let resolve = |input: &[u32]| {
        let bytes = file(LE64, input, &symbols);
        let elf = Elf::parse(&bytes).unwrap();
        words(
            LE64,
            &BtfIds::read(&elf)
                .unwrap()
                .unwrap()
                .resolve(id, name)
                .unwrap()
                .bytes,
        )
    };
    let first = resolve(&[0, 0, 0, 7, 0, 0, 0, 8]);
    assert_eq!(first, [3, 0, 0, 0, 1, 8, 2, 7]);
    assert_eq!(resolve(&first), first);
}

#[test]
fn kfuncs_are_the_members_of_marked_sets() {
    let kfuncs = |input: &[u32], old: &Names| {
        let bytes = file(LE64, input, &SYMBOLS);
        let elf = Elf::parse(&bytes).unwrap();
        let ids = BtfIds::read(&elf).unwrap().unwrap();
        let of_old = |id| {
            old.iter()
                .find(|(_, known)| **known == id)
                .map(|((_, name), _)| *name)
        };
        let kfuncs: Vec<_> = ids
            .kfuncs(of_old)
            .iter()
            .map(|k| (k.name.to_owned(), k.flags))
            .collect();
        kfuncs
    };
    let expected: Vec<_> = [
        ("beta", 0x10),
        ("delta_", 0x20),
        ("alpha", 0x40),
        ("epsilon", 0x80),
    ]
    .map(|(name, flags)| (name.to_owned(), Some(flags)))
    .into();
    assert_eq!(kfuncs(&WORDS, &Names::new()), expected);
    let resolved = resolve(LE64, &WORDS, &Names::new(), &names())
        .unwrap()
        .words;
    assert_eq!(kfuncs(&resolved, &names()), expected);
    // Without the old BTF the functions are known, their flags are not.
    assert!(
        kfuncs(&resolved, &Names::new())
            .iter()
            .zip(&expected)
            .all(|(k, e)| k.0 == e.0 && k.1.is_none())
    );
    // Kernels before 6.9 do not mark sets.
    let mut unmarked = WORDS;
    unmarked[8] = 0;
    assert_eq!(kfuncs(&unmarked, &Names::new()), []);
}

#[test]
fn values_of_symbols_are_addresses_in_linked_files() {
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.e_type = c::ET_EXEC.0;
    let ids = b.add(Sec {
        addr: 0xffff_ffff_8282_5e2c,
        ..progbits(".BTF_ids", &[0; 8])
    });
    b.symbols(&[("__BTF_ID__struct__s__1", ids, 0xffff_ffff_8282_5e30, 4, 1)]);
    let bytes = b.build();
    let elf = Elf::parse(&bytes).unwrap();
    let ids = BtfIds::read(&elf).unwrap().unwrap();
    let resolved = ids.resolve(|_, _| Some(0x1234), |_| None).unwrap();
    assert_eq!(words(LE64, &resolved.bytes), [0, 0x1234]);
}

#[test]
fn symbols_that_do_not_fit_the_section_are_errors() {
    let read = |symbols: &[(&'static str, u64, u64)]| {
        let bytes = file(LE64, &[0; 8], symbols);
        let elf = Elf::parse(&bytes).unwrap();
        BtfIds::read(&elf).map(|_| ()).map_err(|e| e.to_string())
    };
    let bad = |symbols: &[(&'static str, u64, u64)], text: &str| {
        let error = read(symbols).unwrap_err();
        assert!(error.contains(text), "{error}");
    };
    assert_eq!(read(&[("__BTF_ID__func__f__1", 28, 4)]), Ok(()));
    bad(&[("__BTF_ID__func__f__1", 29, 4)], "not inside the section");
    bad(
        &[("__BTF_ID__func__f__1", u64::MAX, 4)],
        "not inside the section",
    );
    bad(&[("__BTF_ID__func__f", 0, 4)], "no unique part");
    bad(&[("__BTF_ID__enum__f__1", 0, 4)], "prefix is unknown");
    bad(&[("__BTF_ID__set__s", 0, 36)], "not inside the section");
    bad(
        &[("__BTF_ID__set__s", 0, u64::MAX)],
        "not inside the section",
    );
    bad(&[("__BTF_ID__set__s", 0, 0)], "size is not that of a set");
    bad(&[("__BTF_ID__set8__s", 0, 12)], "size is not that of a set");
    bad(
        &[("__BTF_ID__set8__s", 0, 16), ("__BTF_ID__set__t", 12, 8)],
        "overlaps",
    );
    bad(
        &[
            ("__BTF_ID__set8__s", 0, 32),
            ("__BTF_ID__func__f__1", 12, 4),
        ],
        "between two entries",
    );
    let twice = [
        ("__BTF_ID__set8__s", 0, 32),
        ("__BTF_ID__func__f__1", 8, 4),
        ("__BTF_ID__func__g__1", 8, 4),
    ];
    bad(&twice, "two symbols");
}

#[test]
fn files_without_the_section_or_its_contents_have_no_ids() {
    let bytes = Builder::new(LE64, c::EM_X86_64).build();
    assert!(
        BtfIds::read(&Elf::parse(&bytes).unwrap())
            .unwrap()
            .is_none()
    );
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.add(Sec {
        sh_type: c::SHT_NOBITS.0,
        data: vec![0; 64],
        ..progbits(".BTF_ids", &[])
    });
    let bytes = b.build();
    assert!(
        BtfIds::read(&Elf::parse(&bytes).unwrap())
            .unwrap()
            .is_none()
    );
}

#[test]
fn damaged_sections_do_no_harm() {
    let mut old = names();
    for (id, name) in [
        (9004, "beta"),
        (9006, "delta_"),
        (9008, "alpha"),
        (9010, "epsilon"),
    ] {
        old.insert((BtfIdKind::Func, name), id);
    }
    let resolved = resolve(LE64, &WORDS, &Names::new(), &old).unwrap().words;
    let btf = split_btf(LE64, 1000, &["beta", "delta_", "alpha", "epsilon"]);
    let bytes = file_with_btf(LE64, &resolved, &SYMBOLS, Some(&btf));
    let elf = Elf::parse(&bytes).unwrap();
    let range = |name: &str| {
        let section = elf.sections()[elf.section_by_name(name).unwrap().index()];
        section.offset as usize..(section.offset + section.size) as usize
    };
    let focus = [".symtab", ".strtab", ".BTF_ids", ".BTF"].map(range);
    let mut random = Random::new(11);
    for _ in 0..50_000 {
        let mut damaged = bytes.clone();
        test_kit::mutate::mutate(&mut damaged, &focus, &mut random);
        common::exercise(&damaged);
        let Ok(elf) = Elf::parse(&damaged) else {
            continue;
        };
        if let Ok(Some(ids)) = BtfIds::read(&elf) {
            // Asks the damaged .BTF.
            let _ = ids.resolve(|_, _| Some(1), |_| None);
        }
    }
}

#[test]
fn a_kfunc_tells_its_set() {
    let bytes = file(LE64, &WORDS, &SYMBOLS);
    let elf = Elf::parse(&bytes).unwrap();
    let kfuncs = BtfIds::read(&elf).unwrap().unwrap().kfuncs(|_| None);
    assert_eq!(
        kfuncs[0],
        Kfunc {
            set: "kfunc_set__of__x",
            name: "beta",
            flags: Some(0x10)
        }
    );
}
