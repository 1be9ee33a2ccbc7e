//! Reading ELF files: headers, sections, symbols, notes, and what damaged files do.

mod common;

use std::io::Write;

use common::{BE32, Builder, Bytes, ENCODINGS, LE64, Sec, exercise, progbits};
use elf_io::consts as c;
use elf_io::{Elf, ErrorKind, FileMap, SectionIdx};
use test_kit::mutate::{Random, mutate};
use test_kit::scratch::Scratch;

fn note(enc: elf_io::Encoding, name: &[u8], note_type: u32, desc: &[u8]) -> Vec<u8> {
    let mut out = Bytes::new(enc);
    out.u32(name.len() as u32)
        .u32(desc.len() as u32)
        .u32(note_type);
    for part in [name, desc] {
        out.out.extend_from_slice(part);
        out.out.resize(out.out.len().next_multiple_of(4), 0);
    }
    out.out
}

/// A relocatable file with one of everything that is read.
fn sample(enc: elf_io::Encoding) -> Vec<u8> {
    let machine = if enc.is_64 { c::EM_X86_64 } else { c::EM_386 };
    let mut b = Builder::new(enc, machine);
    let text = b.add(Sec {
        flags: c::SHF_ALLOC.0,
        ..progbits(".text", &[0x90; 16])
    });
    let info = b.add(progbits(".debug_info", &[0; 32]));
    let string = b.add(progbits(".debug_str", b"\0name\0"));
    b.add(Sec {
        sh_type: c::SHT_NOTE.0,
        align: 4,
        ..progbits(".note.Linux", &note(enc, b"Linux\0", 0x101, &[1, 0, 0, 0]))
    });
    let ids = b.add(progbits(".BTF_ids", &[0; 20]));
    b.add(progbits(".BTF", &[1; 40]));
    let symtab = b.symbols(&[
        ("f", text, 4, 8, 2),
        ("", string, 0, 0, 3),
        ("abs", 0xfff1, 77, 0, 0),
        ("undefined", 0, 0, 0, 0),
        ("__BTF_ID__set8__kf", ids, 0, 16, 1),
        ("__BTF_ID__func__f__1", ids, 8, 4, 1),
        ("__BTF_ID__struct__s__2", ids, 16, 4, 1),
    ]);
    let width = if enc.is_64 {
        (c::R_X86_64_64.0, c::R_X86_64_32.0)
    } else {
        (c::R_386_32.0, c::R_386_32.0)
    };
    b.relocs(
        enc.is_64,
        info,
        symtab,
        &[(4, 2, width.1, 1), (8, 1, width.0, 2), (20, 3, width.1, 0)],
    );
    b.build()
}

#[test]
fn headers_symbols_and_notes_of_both_classes_and_byte_orders() {
    for enc in ENCODINGS {
        let bytes = sample(enc);
        let elf = Elf::parse(&bytes).unwrap();
        assert_eq!(elf.encoding(), enc);
        assert_eq!(elf.machine(), if enc.is_64 { 62 } else { 3 });
        assert!(elf.is_relocatable());
        let names: Vec<_> = elf
            .sections()
            .iter()
            .map(|s| s.name_lossy().into_owned())
            .collect();
        assert_eq!(names[..4], ["", ".text", ".debug_info", ".debug_str"]);
        assert_eq!(elf.section_by_name(".debug_str"), Some(SectionIdx(3)));
        assert_eq!(&*elf.section_data(SectionIdx(3)).unwrap(), b"\0name\0");
        let symbols: Vec<_> = elf.symbols().unwrap().map(Result::unwrap).collect();
        assert_eq!(symbols.len(), 8);
        let f = symbols[1];
        assert_eq!(
            (f.name, f.value, f.size, f.section()),
            (&b"f"[..], 4, 8, Some(SectionIdx(1)))
        );
        assert_eq!((f.sym_type(), f.binding()), (2, 0));
        assert_eq!((symbols[3].shndx, symbols[3].section()), (0xfff1, None));
        assert_eq!(symbols[4].section(), None);
        assert_eq!(elf.linux_lto_note().unwrap(), Some(true));
        let debug = elf.debug_sections().unwrap();
        assert_eq!(debug.info.idx, Some(SectionIdx(2)));
        assert_eq!(debug.str.data, &b"\0name\0"[..]);
        assert_eq!(debug.abbrev.idx, None);
    }
}

#[test]
fn a_file_cut_at_any_byte_is_an_error_or_readable_but_never_a_panic() {
    for enc in ENCODINGS {
        let bytes = sample(enc);
        for len in 0..bytes.len() {
            exercise(&bytes[..len]);
            // The section headers are last: without them the file is not whole.
            assert!(Elf::parse(&bytes[..len]).is_err(), "{len}");
        }
        exercise(&bytes);
    }
}

#[test]
fn damaged_headers_and_tables_do_no_harm() {
    for (seed, enc) in (0..).zip(ENCODINGS) {
        let bytes = sample(enc);
        let table = Elf::parse(&bytes).unwrap().section_table_offset() as usize;
        let mut random = Random::new(seed);
        for _ in 0..20_000 {
            let mut damaged = bytes.clone();
            mutate(&mut damaged, &[0..64, table..bytes.len()], &mut random);
            exercise(&damaged);
        }
    }
}

#[test]
fn each_byte_of_a_header_may_have_any_extreme_value() {
    let bytes = sample(LE64);
    let table = Elf::parse(&bytes).unwrap().section_table_offset() as usize;
    for at in (0..64).chain(table..bytes.len()) {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            exercise(&damaged);
        }
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let kind = |bytes: &[u8]| Elf::parse(bytes).map(|_| ()).unwrap_err().to_string();
    assert_eq!(kind(b"#!/bin/sh"), "not an ELF file");
    assert_eq!(kind(b""), "not an ELF file");
    let mut bytes = sample(LE64);
    bytes[4] = 3;
    assert_eq!(kind(&bytes), "bad ELF header: EI_CLASS is 0x3");
    let bytes = sample(LE64);
    let table = Elf::parse(&bytes).unwrap().section_table_offset();
    assert!(kind(&bytes[..table as usize]).contains("section header table"));

    // A section beyond the end is found when it is asked for, and named.
    let mut bytes = sample(LE64);
    let at = table as usize + 3 * 64 + 32;
    bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    let elf = Elf::parse(&bytes).unwrap();
    let error = elf.section_data(SectionIdx(3)).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::SectionOutOfFile {
            index: 3,
            size: u64::MAX,
            ..
        }
    ));
    assert!(
        error
            .to_string()
            .starts_with("section [3] .debug_str: contents at"),
        "{error}"
    );
    assert!(elf.section_data(SectionIdx(2)).is_ok());
}

#[test]
fn more_sections_than_sixteen_bits_can_number() {
    let mut b = Builder::new(BE32, c::EM_PPC);
    for _ in 0..0xff10 {
        b.add(progbits(".many", &[]));
    }
    let last = b.add(progbits(".last", b"contents"));
    assert!(last > 0xff00);
    b.symbols(&[("in_last", last, 3, 1, 1), ("absolute", 0xfff1, 5, 0, 0)]);
    let bytes = b.build();
    let elf = Elf::parse(&bytes).unwrap();
    assert_eq!(elf.section_by_name(".last"), Some(SectionIdx(last)));
    let symbols: Vec<_> = elf.symbols().unwrap().map(Result::unwrap).collect();
    assert_eq!(symbols[1].section(), Some(SectionIdx(last)));
    assert_eq!(symbols[2].section(), None);
}

#[test]
fn a_file_without_sections_is_readable() {
    let mut bytes = sample(LE64);
    bytes[40..48].fill(0);
    let elf = Elf::parse(&bytes).unwrap();
    assert!(elf.sections().is_empty());
    assert_eq!(elf.symbols().unwrap().count(), 0);
    exercise(&bytes);
}

#[test]
fn the_lto_note_counts_by_owner_type_and_value() {
    let value = |notes: &[u8]| {
        let mut b = Builder::new(LE64, c::EM_X86_64);
        b.add(Sec {
            sh_type: c::SHT_NOTE.0,
            align: 4,
            ..progbits(".note", notes)
        });
        Elf::parse(&b.build()).unwrap().linux_lto_note().unwrap()
    };
    let other = note(LE64, b"GNU\0", 0x101, &[1]);
    let off = note(LE64, b"Linux\0", 0x101, &[0; 4]);
    let on = note(LE64, b"Linux\0", 0x101, &[0, 0, 0, 1]);
    let other_type = note(LE64, b"Linux\0", 0x100, &[1]);
    assert_eq!(value(&other), None);
    assert_eq!(value(&off), Some(false));
    assert_eq!(value(&[other, other_type, on.clone()].concat()), Some(true));
    assert_eq!(value(&on[..on.len() - 1]), None);
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_sections_of_each_kind_come_out_the_same() {
    let plain: Vec<u8> = (0..100_000u32).map(|i| (i / 100) as u8).collect();
    for enc in ENCODINGS {
        let header = |kind: u32, size: u64| {
            let mut h = Bytes::new(enc);
            h.u32(kind);
            if enc.is_64 {
                h.u32(0);
            }
            h.word(size).word(1);
            h.out
        };
        let size = plain.len() as u64;
        let gnu = [b"ZLIB".as_slice(), &size.to_be_bytes(), &zlib(&plain)].concat();
        let compressed = |kind: u32, size: u64, data: &[u8]| Sec {
            flags: c::SHF_COMPRESSED.0,
            ..progbits(
                ".debug_info",
                &[header(kind, size).as_slice(), data].concat(),
            )
        };
        let zstd = zstd::encode_all(&plain[..], 3).unwrap();
        let read = |section: Sec| {
            let mut b = Builder::new(enc, c::EM_X86_64);
            b.add(section);
            let bytes = b.build();
            let elf = Elf::parse(&bytes).unwrap();
            elf.debug_sections()
                .map(|d| d.info.data.into_owned())
                .map_err(|e| e.to_string())
        };
        assert!(read(compressed(1, size, &zlib(&plain))).unwrap() == plain);
        assert!(read(compressed(2, size, &zstd)).unwrap() == plain);
        assert!(read(progbits(".zdebug_info", &gnu)).unwrap() == plain);
        // An old tool that found compression not worth while kept the contents and the name.
        assert_eq!(
            read(progbits(".zdebug_info", b"too small to bother")).unwrap(),
            b"too small to bother"
        );

        let expect = |section, text: &str| {
            let error = read(section).unwrap_err();
            assert!(
                error.contains(text) && error.contains("[1] .debug_info"),
                "{error}"
            );
        };
        expect(compressed(3, size, &[]), "unknown compression type 3");
        expect(
            compressed(1, size + 1, &zlib(&plain)),
            "contents are only 100000 bytes",
        );
        expect(
            compressed(1, size - 1, &zlib(&plain)),
            "contents are more than 99999 bytes",
        );
        expect(
            compressed(2, size - 1, &zstd),
            "contents are more than 99999 bytes",
        );
        expect(
            compressed(1, 1 << 31, &zlib(&plain)),
            "cannot hold the announced",
        );
        expect(
            compressed(1, size, &zlib(&plain)[..50]),
            "cannot decompress",
        );
        expect(
            compressed(2, u64::MAX >> 40, &zstd[..50]),
            "cannot decompress",
        );
        let short = Sec {
            flags: c::SHF_COMPRESSED.0,
            ..progbits(".debug_info", &[0; 5])
        };
        expect(short, "5 bytes cannot hold a compression header");
    }
}

#[test]
fn compressed_files_are_told_by_their_magic() {
    let scratch = Scratch::new("compressed");
    let plain = sample(LE64);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).unwrap();
    let zst = zstd::encode_all(&plain[..], 1).unwrap();
    let skipped = [0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let pzstd = [&skipped[..], &zst].concat();
    for (format, bytes) in [
        ("gzip", gzip.finish().unwrap()),
        ("xz", xz.finish().unwrap()),
        ("zstd", zst),
        ("zstd", pzstd),
    ] {
        // The name says nothing.
        let path = scratch.join("module.ko");
        fs_err::write(&path, &bytes).unwrap();
        let map = FileMap::open(&path).unwrap();
        assert!(map.is_compressed());
        assert!(map.bytes() == plain, "{format}");
        assert_eq!(map.path(), path);
        map.advise_dontneed(0..bytes.len());
        fs_err::write(&path, &bytes[..bytes.len() - 10]).unwrap();
        let error = FileMap::open(&path).unwrap_err().to_string();
        let (what, cause) = error.split_once(": ").unwrap();
        assert_eq!(what, format!("cannot decompress as {format}"));
        assert!(!cause.is_empty(), "{error}");
    }
}

#[test]
fn files_that_cannot_be_mapped_are_errors_that_name_them() {
    let scratch = Scratch::new("open");
    let error = FileMap::open(scratch.join("missing"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("missing"), "{error}");
    let error = FileMap::open(scratch.path()).unwrap_err().to_string();
    assert!(error.contains("is a directory"), "{error}");
    let empty = scratch.join("empty");
    fs_err::write(&empty, b"").unwrap();
    assert_eq!(FileMap::open(&empty).unwrap().bytes(), b"");
}

#[test]
fn small_files_that_are_read_share_nothing_but_memory() {
    let scratch = Scratch::new("briefly");
    let file = |name: &str, bytes: &[u8]| {
        let path = scratch.join(name);
        fs_err::write(&path, bytes).unwrap();
        path
    };
    let (long, short) = (file("long", &[1; 5000]), file("short", &[2; 70]));
    let (large, gone) = (file("large", &vec![3; 2 << 20]), file("gone", b""));
    let open = |path| FileMap::open_briefly(path).unwrap();
    // One after the other, the first mapped, the others in memory that held more than they have.
    for path in [&large, &long, &short, &gone, &large, &short] {
        assert!(
            open(path).bytes() == fs_err::read(path).unwrap(),
            "{path:?}"
        );
    }
    // Both at once, and changed behind the back of those who have read them.
    let both = [open(&long), open(&short)];
    fs_err::write(&long, b"").unwrap();
    fs_err::write(&short, [4; 80]).unwrap();
    assert!(both[0].bytes() == [1; 5000]);
    assert!(both[1].bytes() == [2; 70]);
    let error = FileMap::open_briefly(scratch.path()).unwrap_err();
    assert!(error.to_string().contains("is a directory"), "{error}");
}

#[test]
fn pages_that_were_given_back_read_the_same() {
    let scratch = Scratch::new("advise");
    let path = scratch.join("large");
    let bytes: Vec<u8> = (0..1u32 << 20).map(|i| (i >> 8) as u8 ^ i as u8).collect();
    fs_err::write(&path, &bytes).unwrap();
    let map = FileMap::open(&path).unwrap();
    map.advise_populate(0..usize::MAX);
    assert!(map.bytes() == bytes);
    map.advise_dontneed(1000..900_000);
    map.advise_dontneed(900_000..usize::MAX);
    map.advise_dontneed(1 << 40..usize::MAX);
    assert!(map.bytes() == bytes);
}
