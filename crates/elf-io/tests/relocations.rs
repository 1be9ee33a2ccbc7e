//! Relocations of debug sections: values against the ABI, the cursor against the copy, compilers' objects.

#![allow(clippy::print_stderr, reason = "skips are for the reader")]

mod common;

use std::borrow::Cow;

use common::{BE32, BE64, Builder, Bytes, LE32, LE64, Sec, is_module, kernel_files, progbits};
use elf_io::consts as c;
use elf_io::{Elf, Encoding, ErrorKind, FileMap, RelocTable, RelocValue, SectionIdx};
use test_kit::mutate::Random;
use test_kit::scratch::Scratch;
use test_kit::tool;

/// Index of `.debug_info` in [`file`].
const INFO: SectionIdx = SectionIdx(3);
const TEXT: u32 = 1;
const DATA: u32 = 2;

/// A file with `.debug_info` of these contents and relocations. Symbols: 1 is `.text`+0x10, 2 is section `.data` (the
/// file gives `.data` an address, as the kernel's linker script does in modules), 3 is absolute 0x1000, 4 is undefined,
/// 5 is common with an alignment of 8.
fn file(
    enc: Encoding,
    machine: c::Machine,
    rela: bool,
    contents: &[u8],
    entries: &[(u64, u32, u32, i64)],
) -> Builder {
    let mut b = Builder::new(enc, machine);
    b.add(progbits(".text", &[0; 64]));
    b.add(Sec {
        addr: 0x60,
        ..progbits(".data", &[0; 64])
    });
    b.add(progbits(".debug_info", contents));
    let symtab = b.symbols(&[
        ("f", TEXT, 0x10, 4, 2),
        ("", DATA, 0, 0, 3),
        ("abs", 0xfff1, 0x1000, 0, 0),
        ("undefined", 0, 0, 0, 0),
        ("common", 0xfff2, 8, 4, 1),
    ]);
    b.relocs(rela, INFO.0, symtab, entries);
    b
}

fn with_table<R>(b: &Builder, then: impl FnOnce(&Elf<'_>, RelocTable<'_>) -> R) -> R {
    let bytes = b.build();
    let elf = Elf::parse(&bytes).unwrap();
    let table = elf.relocs(INFO).unwrap().expect("relocations");
    then(&elf, table)
}

/// What the cursor says of the field, and what the copy has there, which must be the same number.
fn value(b: &Builder, offset: u64, size: u8) -> RelocValue {
    with_table(b, |elf, table| {
        let data = elf.section_data(INFO).unwrap();
        let field = |data: &[u8]| {
            let mut bytes = data[offset as usize..][..size.into()].to_vec();
            if elf.encoding().big_endian {
                bytes.reverse();
            }
            bytes
                .iter()
                .rev()
                .fold(0u64, |value, byte| value << 8 | u64::from(*byte))
        };
        let found = table.cursor().value_at(offset, size, field(&data)).unwrap();
        let copy = table.apply(data).unwrap();
        assert_eq!(field(&copy), found.value);
        found
    })
}

const fn at(section: u32, value: u64) -> RelocValue {
    RelocValue {
        section: Some(SectionIdx(section)),
        value,
    }
}

const fn plain(value: u64) -> RelocValue {
    RelocValue {
        section: None,
        value,
    }
}

#[test]
fn absolute_types_of_each_machine_give_symbol_plus_addend() {
    let machines: [(Encoding, c::Machine, bool, u32, Option<u32>); 24] = [
        (
            LE64,
            c::EM_X86_64,
            true,
            c::R_X86_64_32.0,
            Some(c::R_X86_64_64.0),
        ),
        (LE32, c::EM_X86_64, true, c::R_X86_64_32.0, None),
        (LE32, c::EM_386, false, c::R_386_32.0, None),
        (
            LE64,
            c::EM_AARCH64,
            true,
            c::R_AARCH64_ABS32.0,
            Some(c::R_AARCH64_ABS64.0),
        ),
        (
            BE64,
            c::EM_AARCH64,
            true,
            c::R_AARCH64_ABS32.0,
            Some(c::R_AARCH64_ABS64.0),
        ),
        (LE32, c::EM_ARM, false, c::R_ARM_ABS32.0, None),
        (BE32, c::EM_ARM, false, c::R_ARM_ABS32.0, None),
        (BE64, c::EM_S390, true, c::R_390_32.0, Some(c::R_390_64.0)),
        (BE32, c::EM_S390, true, c::R_390_32.0, None),
        (BE32, c::EM_PPC, true, c::R_PPC_ADDR32.0, None),
        (
            BE64,
            c::EM_PPC64,
            true,
            c::R_PPC64_ADDR32.0,
            Some(c::R_PPC64_ADDR64.0),
        ),
        (
            LE64,
            c::EM_PPC64,
            true,
            c::R_PPC64_ADDR32.0,
            Some(c::R_PPC64_ADDR64.0),
        ),
        (
            LE64,
            c::EM_RISCV,
            true,
            c::R_RISCV_32.0,
            Some(c::R_RISCV_64.0),
        ),
        (LE32, c::EM_RISCV, true, c::R_RISCV_32.0, None),
        (BE32, c::EM_MIPS, false, c::R_MIPS_32.0, None),
        (BE64, c::EM_MIPS, true, c::R_MIPS_32.0, Some(c::R_MIPS_64.0)),
        (LE64, c::EM_MIPS, true, c::R_MIPS_32.0, Some(c::R_MIPS_64.0)),
        (
            LE64,
            c::EM_LOONGARCH,
            true,
            c::R_LARCH_32.0,
            Some(c::R_LARCH_64.0),
        ),
        (
            BE64,
            c::EM_SPARCV9,
            true,
            c::R_SPARC_UA32.0,
            Some(c::R_SPARC_UA64.0),
        ),
        (BE32, c::EM_SPARC, true, c::R_SPARC_UA32.0, None),
        (BE32, c::EM_68K, true, c::R_68K_32.0, None),
        (LE32, c::EM_SH, true, c::R_SH_DIR32.0, None),
        (LE64, c::EM_BPF, false, 3, Some(2)),
        (
            LE64,
            c::EM_ALPHA,
            true,
            c::R_ALPHA_REFLONG.0,
            Some(c::R_ALPHA_REFQUAD.0),
        ),
    ];
    for (enc, machine, rela, word, quad) in machines {
        let mut contents = Bytes::new(enc);
        // With explicit addends, what is in the field does not count.
        let in_place = if rela { 0x55 } else { 0x20 };
        contents
            .u32(in_place)
            .u32(in_place)
            .int(8, in_place.into())
            .u32(in_place)
            .u32(7);
        let mut entries = vec![(0, 1, word, 0x20), (4, 2, word, 0x20), (16, 3, word, 0x20)];
        if let Some(quad) = quad {
            entries.insert(2, (8, 1, quad, 0x20));
        }
        let b = file(enc, machine, rela, &contents.out, &entries);
        assert_eq!(value(&b, 0, 4), at(TEXT, 0x30), "{machine:?}");
        // Not 0x80: in relocatable files symbols count from the start of their section.
        assert_eq!(value(&b, 4, 4), at(DATA, 0x20), "{machine:?}");
        if quad.is_some() {
            assert_eq!(value(&b, 8, 8), at(TEXT, 0x30), "{machine:?}");
        }
        assert_eq!(value(&b, 16, 4), plain(0x1020), "{machine:?}");
        assert_eq!(value(&b, 20, 4), plain(7), "{machine:?}: no relocation");
    }
}

#[test]
fn values_wrap_at_the_width_of_the_field() {
    let b = file(
        LE64,
        c::EM_X86_64,
        true,
        &[0; 16],
        &[
            (0, 1, c::R_X86_64_32.0, -0x11),
            (8, 1, c::R_X86_64_64.0, -0x11),
        ],
    );
    assert_eq!(value(&b, 0, 4), at(TEXT, 0xffff_ffff));
    assert_eq!(value(&b, 8, 8), at(TEXT, u64::MAX));
    let b = file(
        BE32,
        c::EM_PPC,
        true,
        &[0; 16],
        &[(0, 1, c::R_PPC_ADDR32.0, -0x11)],
    );
    assert_eq!(value(&b, 0, 4), at(TEXT, 0xffff_ffff));
}

#[test]
fn undefined_and_common_symbols_leave_the_addend() {
    let word = c::R_X86_64_32.0;
    let b = file(
        LE64,
        c::EM_X86_64,
        true,
        &[0; 16],
        &[(0, 4, word, 3), (4, 5, word, 3), (8, 0, word, 3)],
    );
    for offset in [0, 4, 8] {
        assert_eq!(value(&b, offset, 4), plain(3));
    }
}

#[test]
fn thread_local_offsets_are_in_no_section() {
    let b = file(
        LE64,
        c::EM_X86_64,
        true,
        &[0; 16],
        &[(0, 1, c::R_X86_64_DTPOFF64.0, 8)],
    );
    assert_eq!(value(&b, 0, 8), plain(0x18));
}

#[test]
fn pairs_of_riscv_and_loongarch_make_differences() {
    let types = [
        (
            c::EM_RISCV,
            c::R_RISCV_ADD32.0,
            c::R_RISCV_SUB32.0,
            c::R_RISCV_32.0,
        ),
        (
            c::EM_LOONGARCH,
            c::R_LARCH_ADD32.0,
            c::R_LARCH_SUB32.0,
            c::R_LARCH_32.0,
        ),
    ];
    for (machine, add, sub, set) in types {
        // (.text + 0x10 + 0x20) - (.text + 0x10 + 8), added to what is there.
        let entries = [(0, 1, add, 0x20), (0, 1, sub, 8), (4, 2, set, 1)];
        let b = file(LE64, machine, true, &[5, 0, 0, 0, 9, 9, 9, 9], &entries);
        assert_eq!(value(&b, 0, 4), plain(0x1d));
        assert_eq!(value(&b, 4, 4), at(DATA, 1));
    }
    // In one byte, the upper two bits stay.
    let entries = [
        (0, 1, c::R_RISCV_SET6.0, 0x20),
        (0, 1, c::R_RISCV_SUB6.0, 8),
    ];
    let b = file(LE64, c::EM_RISCV, true, &[0xc5], &entries);
    assert_eq!(value(&b, 0, 1).value, 0xc0 | 0x18);
    let entries = [
        (0, 1, c::R_RISCV_SET8.0, 0x20),
        (0, 1, c::R_RISCV_SUB8.0, 8),
    ];
    let b = file(LE64, c::EM_RISCV, true, &[0xc5], &entries);
    assert_eq!(value(&b, 0, 1).value, 0x18);
}

#[test]
fn leb128_differences_keep_their_length() {
    let entries = [
        (1, 1, c::R_RISCV_SET_ULEB128.0, 0x100),
        (1, 1, c::R_RISCV_SUB_ULEB128.0, 0),
    ];
    let b = file(
        LE64,
        c::EM_RISCV,
        true,
        &[0xaa, 0x80, 0x80, 0x00, 0xbb],
        &entries,
    );
    with_table(&b, |elf, table| {
        let data = elf.section_data(INFO).unwrap();
        assert_eq!(
            &*table.apply(data).unwrap(),
            &[0xaa, 0x80, 0x82, 0x00, 0xbb]
        );
        assert_eq!(table.cursor().value_at(1, 1, 0).unwrap().value, 0x100);
        let cut = table.apply(Cow::Borrowed(&[0xaa, 0x80])).unwrap_err();
        assert!(matches!(
            cut.kind(),
            ErrorKind::RelocationOutOfSection { offset: 1, .. }
        ));
    });
}

#[test]
fn mips64_composes_up_to_three_types() {
    // R_MIPS_64 followed by R_MIPS_NONE twice is the usual entry; anything else in the upper bytes is not known here.
    for enc in [LE64, BE64] {
        let b = file(
            enc,
            c::EM_MIPS,
            true,
            &[0; 16],
            &[(8, 1, c::R_MIPS_64.0, 1)],
        );
        assert_eq!(value(&b, 8, 8), at(TEXT, 0x11));
        let composed = c::R_MIPS_64.0 | c::R_MIPS_SUB.0 << 8;
        let b = file(enc, c::EM_MIPS, true, &[0; 16], &[(8, 1, composed, 1)]);
        with_table(&b, |_, table| {
            assert!(table.cursor().value_at(8, 8, 0).is_err())
        });
    }
}

#[test]
fn what_cannot_be_resolved_is_an_error_that_names_type_and_place() {
    let error = |entries: &[(u64, u32, u32, i64)], offset, size| {
        with_table(
            &file(LE64, c::EM_X86_64, true, &[0; 16], entries),
            |elf, table| {
                let copy = table.apply(elf.section_data(INFO).unwrap()).map(|_| ());
                let field = table.cursor().value_at(offset, size, 0).map(|_| ());
                (
                    copy.map_err(|e| e.to_string()),
                    field.map_err(|e| e.to_string()),
                )
            },
        )
    };
    let unknown =
        "section .debug_info: relocation type 999 at offset 0x4 is not known for machine 62";
    let (copy, field) = error(&[(4, 1, 999, 0)], 4, 4);
    assert_eq!(
        (copy.unwrap_err(), field.unwrap_err()),
        (unknown.into(), unknown.into())
    );
    // An unknown type that nobody reads does no harm to the cursor.
    assert_eq!(error(&[(4, 1, 999, 0)], 8, 4).1, Ok(()));
    let symbol = "section .debug_info: relocation at offset 0x4 names symbol 6, the table has 6";
    let (copy, field) = error(&[(4, 6, c::R_X86_64_32.0, 0)], 4, 4);
    assert_eq!(
        (copy.unwrap_err(), field.unwrap_err()),
        (symbol.into(), symbol.into())
    );
    let (copy, field) = error(&[(4, 1, c::R_X86_64_64.0, 0)], 4, 4);
    assert_eq!(copy, Ok(()));
    assert_eq!(
        field.unwrap_err(),
        "section .debug_info: 4-byte field at offset 0x4 has a relocation of 8 bytes"
    );
    for offset in [9, 16, u64::MAX - 1, u64::MAX] {
        let (copy, _) = error(&[(offset, 1, c::R_X86_64_64.0, 0)], 0, 4);
        assert!(
            copy.unwrap_err()
                .ends_with("of 8 bytes ends after the section")
        );
    }
    // `R_*_NONE` may point anywhere.
    assert_eq!(error(&[(1 << 40, 1, 0, 0)], 0, 4).0, Ok(()));

    let b = file(LE64, c::EM_CRIS, true, &[0; 16], &[(4, 1, 1, 0)]);
    let bytes = b.build();
    let error = Elf::parse(&bytes).unwrap().relocs(INFO).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::UnsupportedMachine { machine: 76, .. }
    ));
}

#[test]
fn linked_files_are_not_relocated_again() {
    let mut b = file(
        LE64,
        c::EM_X86_64,
        true,
        &[0; 16],
        &[(0, 1, c::R_X86_64_32.0, 3)],
    );
    for e_type in [c::ET_EXEC, c::ET_DYN] {
        b.e_type = e_type.0;
        let bytes = b.build();
        assert!(Elf::parse(&bytes).unwrap().relocs(INFO).unwrap().is_none());
    }
}

#[test]
fn order_of_entries_and_of_questions_does_not_matter() {
    let mut random = Random::new(5);
    let sorted: Vec<(u64, u32, u32, i64)> = (0..200)
        .map(|i| (i * 12, 1 + (i % 3) as u32, c::R_X86_64_32.0, i as i64))
        .collect();
    let mut shuffled = sorted.clone();
    for i in (1..shuffled.len()).rev() {
        shuffled.swap(i, random.below(i + 1));
    }
    let contents = [0x11; 2400];
    let copy = |entries: &[_]| {
        with_table(
            &file(LE64, c::EM_X86_64, true, &contents, entries),
            |elf, table| {
                table
                    .apply(elf.section_data(INFO).unwrap())
                    .unwrap()
                    .into_owned()
            },
        )
    };
    assert!(copy(&sorted) == copy(&shuffled));
    for entries in [&sorted, &shuffled] {
        with_table(
            &file(LE64, c::EM_X86_64, true, &contents, entries),
            |_, table| {
                assert_eq!(table.len(), 200);
                assert!(table.offsets().is_sorted());
                let expected = |offset: u64| {
                    if !offset.is_multiple_of(12) {
                        return plain(0x77);
                    }
                    let i = offset / 12;
                    match i % 3 {
                        0 => at(TEXT, 0x10 + i),
                        1 => at(DATA, i),
                        _ => plain(0x1000 + i),
                    }
                };
                // Forward in steps of each size, and anywhere.
                for step in [1, 4, 12, 36, 60, 500, 2000] {
                    let mut cursor = table.cursor();
                    for offset in (0..2400).step_by(step) {
                        assert_eq!(cursor.value_at(offset, 4, 0x77).unwrap(), expected(offset));
                    }
                }
                let mut cursor = table.cursor();
                for _ in 0..10_000 {
                    let offset = random.below(2400) as u64;
                    if random.below(2) == 0 {
                        assert_eq!(cursor.has_entry_at(offset), offset.is_multiple_of(12));
                    }
                    assert_eq!(cursor.value_at(offset, 4, 0x77).unwrap(), expected(offset));
                }
                assert_eq!(cursor.value_at(u64::MAX, 4, 0x77).unwrap(), plain(0x77));
                assert_eq!(cursor.value_at(0, 4, 0x77).unwrap(), at(TEXT, 0x10));
            },
        );
    }
}

#[test]
fn entries_at_one_place_apply_in_file_order_even_if_the_table_is_not_sorted() {
    // SET after ADD discards it, ADD after SET does not.
    let (set, add) = (c::R_RISCV_SET32.0, c::R_RISCV_ADD32.0);
    let entries = [
        (8, 1, set, 0),
        (0, 3, set, 0),
        (0, 3, add, 0),
        (4, 3, add, 0),
        (4, 3, set, 0),
    ];
    let b = file(LE64, c::EM_RISCV, true, &[0; 16], &entries);
    assert_eq!(value(&b, 0, 4).value, 0x2000);
    assert_eq!(value(&b, 4, 4).value, 0x1000);
    assert_eq!(value(&b, 8, 4), at(TEXT, 0x10));
}

#[test]
fn two_relocation_sections_of_one_target_are_merged() {
    let mut b = file(
        BE32,
        c::EM_MIPS,
        false,
        &[0, 0, 0, 1, 0, 0, 0, 1],
        &[(4, 1, c::R_MIPS_32.0, 0)],
    );
    let symtab = b.sections.iter().position(|s| s.name == ".symtab").unwrap() as u32 + 1;
    b.relocs(true, INFO.0, symtab, &[(0, 1, c::R_MIPS_32.0, 2)]);
    assert_eq!(value(&b, 0, 4), at(TEXT, 0x12));
    assert_eq!(value(&b, 4, 4), at(TEXT, 0x11));
}

#[test]
fn offsets_count_in_the_decompressed_section() {
    use std::io::Write as _;
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(&[0; 1000]).unwrap();
    let mut contents = Bytes::new(LE64);
    contents.u32(1).u32(0).word(1000).word(1);
    contents.out.extend(zlib.finish().unwrap());
    let mut b = file(
        LE64,
        c::EM_X86_64,
        true,
        &contents.out,
        &[(996, 2, c::R_X86_64_32.0, 9)],
    );
    b.sections[INFO.index() - 1].flags = c::SHF_COMPRESSED.0;
    assert_eq!(value(&b, 996, 4), at(DATA, 9));
}

/// What compilers make of this for each machine that clang knows: names resolve, and the address and size of the
/// function are those of its symbol.
const SOURCE: &str = "
struct found_structure { int found_member; struct found_structure *next; };
static struct found_structure found_variable;
int padding_function(void) { return 1; }
int found_function(struct found_structure *found_parameter)
{
	for (int found_local = 0; found_local < 10; found_local++)
		found_variable.found_member += found_parameter->found_member;
	return found_variable.found_member;
}
";

fn check_object(bytes: &[u8], what: &str) {
    let elf = Elf::parse(bytes).unwrap();
    let enc = elf.encoding();
    let debug = elf.debug_sections().unwrap();
    let idx = debug.info.idx.unwrap();
    let table = elf.relocs(idx).unwrap().expect("relocations");
    let copy = table.apply(debug.info.data.clone()).unwrap();

    // The copy and the cursor agree on every field.
    let mut cursor = table.cursor();
    let mut values = Vec::new();
    let mut offsets: Vec<u64> = table.offsets().collect();
    offsets.dedup();
    for offset in offsets {
        let at = offset as usize;
        let found = [1, 2, 4, 8].into_iter().find_map(|size: u8| {
            let field = |data: &[u8]| match size {
                1 => u64::from(data[at]),
                2 => enc.u16(data, at).unwrap().into(),
                4 => enc.u32(data, at).unwrap().into(),
                _ => enc.u64(data, at).unwrap(),
            };
            if debug.info.data.len() < at + usize::from(size) {
                return None;
            }
            let found = cursor
                .value_at(offset, size, field(&debug.info.data))
                .ok()?;
            assert_eq!(found.value, field(&copy), "{what}: offset {offset:#x}");
            Some(found)
        });
        values.push(found.unwrap_or_else(|| panic!("{what}: offset {offset:#x}")));
    }

    // Offsets of names. DWARF 5 of clang has them in .debug_str_offsets.
    let mut strings: Vec<RelocValue> = values.clone();
    if let Some(idx) = debug.str_offsets.idx
        && let Some(table) = elf.relocs(idx).unwrap()
    {
        let mut cursor = table.cursor();
        strings.extend(table.offsets().map(|offset| {
            let in_place = enc.u32(&debug.str_offsets.data, offset as usize).unwrap();
            cursor.value_at(offset, 4, in_place.into()).unwrap()
        }));
    }
    let names: Vec<&str> = strings
        .iter()
        .filter(|v| v.section.is_some() && v.section == debug.str.idx)
        .map(|v| {
            let tail = &debug.str.data[v.value as usize..];
            let len = tail.iter().position(|byte| *byte == 0).unwrap();
            std::str::from_utf8(&tail[..len]).unwrap()
        })
        .collect();
    for name in [
        "found_structure",
        "found_member",
        "found_variable",
        "found_function",
    ] {
        assert!(names.contains(&name), "{what}: {name} not in {names:?}");
    }

    // Addresses, directly or by way of .debug_addr.
    let mut addresses = values;
    if let Some(idx) = debug.addr.idx {
        let table = elf
            .relocs(idx)
            .unwrap()
            .expect("relocations of .debug_addr");
        let mut cursor = table.cursor();
        let size = enc.address_size();
        addresses.extend(table.offsets().map(|offset| {
            let in_place = enc.word(&debug.addr.data, offset as usize).unwrap();
            cursor.value_at(offset, size, in_place).unwrap()
        }));
    }
    let function = elf
        .symbols()
        .unwrap()
        .map(Result::unwrap)
        .find(|s| s.name == b"found_function")
        .unwrap();
    // For Thumb code, and where functions have descriptors, this is not the symbol's own value.
    let (section, value) = elf.code_places().unwrap().of(&function);
    assert!(section.is_some());
    let place = RelocValue { section, value };
    assert!(
        addresses.contains(&place),
        "{what}: {place:?} not in {addresses:?}"
    );
}

#[test]
fn objects_of_clang_for_each_machine() {
    let test = "objects_of_clang_for_each_machine";
    let host = test_kit::matrix::Target::X86_64;
    let Some(clang) = tool::compiler(test_kit::matrix::Compiler::Clang, host) else {
        return tool::skip(test, "clang");
    };
    let scratch = Scratch::new("clang");
    let source = scratch.join("a.c");
    fs_err::write(&source, SOURCE).unwrap();
    let mut built = 0;
    for triple in [
        "x86_64-linux-gnu",
        "x86_64-linux-gnux32",
        "i686-linux-gnu",
        "aarch64-linux-gnu",
        "aarch64_be-linux-gnu",
        "armv7-linux-gnueabihf",
        "armebv7-linux-gnueabihf",
        "s390x-linux-gnu",
        "powerpc-linux-gnu",
        "powerpc64-linux-gnu",
        "powerpc64le-linux-gnu",
        "riscv64-linux-gnu",
        "riscv32-linux-gnu",
        "mips-linux-gnu",
        "mipsel-linux-gnu",
        "mips64-linux-gnuabi64",
        "mips64el-linux-gnuabi64",
        "sparc-linux-gnu",
        "sparc64-linux-gnu",
        "hexagon-linux-musl",
        "loongarch64-linux-gnu",
        "bpf",
        "bpfeb",
    ] {
        for flags in [
            &["-gdwarf-4"][..],
            &["-gdwarf-5"],
            &["-gdwarf-5", "-ffunction-sections"],
        ] {
            let object = scratch.join("a.o");
            let mut command = clang.command();
            command
                .args([&format!("--target={triple}"), "-O1", "-c"])
                .args(flags)
                .arg(&source)
                .arg("-o")
                .arg(&object);
            let output = command.output().unwrap();
            if !output.status.success() {
                // This clang was built without the target.
                eprintln!("SKIP: {test}: {triple} missing");
                break;
            }
            check_object(
                &fs_err::read(&object).unwrap(),
                &format!("{triple} {flags:?}"),
            );
            built += 1;
        }
    }
    assert!(built > 0);
}

#[test]
fn objects_of_gcc_and_what_the_linker_makes_of_them() {
    let test = "objects_of_gcc_and_what_the_linker_makes_of_them";
    let scratch = Scratch::new("gcc");
    let source = scratch.join("a.c");
    fs_err::write(&source, SOURCE).unwrap();
    for prefix in [
        "",
        "s390x-linux-gnu-",
        "arm-linux-gnueabihf-",
        "aarch64-linux-gnu-",
    ] {
        let Some(gcc) = tool::find_or_skip(test, &format!("{prefix}gcc")) else {
            continue;
        };
        for flags in [
            &["-gdwarf-4"][..],
            &["-gdwarf-5"],
            &["-gdwarf-5", "-gz=zlib"],
            &["-gdwarf-4", "-fdebug-types-section"],
            &["-gdwarf-5", "-ffunction-sections", "-fdebug-types-section"],
        ] {
            let (object, linked) = (scratch.join("a.o"), scratch.join("b.o"));
            let compile = gcc
                .command()
                .args(["-O1", "-c"])
                .args(flags)
                .arg(&source)
                .arg("-o")
                .arg(&object)
                .status();
            assert!(compile.unwrap().success());
            let what = format!("{prefix}gcc {flags:?}");
            let bytes = fs_err::read(&object).unwrap();
            if !flags.contains(&"-fdebug-types-section") {
                check_object(&bytes, &what);
            } else {
                let elf = Elf::parse(&bytes).unwrap();
                let debug = elf.debug_sections().unwrap();
                assert_eq!(debug.types.idx, None, "{what}");
                assert_eq!(debug.comdat.len(), 1, "{what}");
                assert!(
                    elf.relocs(debug.info.idx.unwrap()).unwrap().is_some(),
                    "{what}"
                );
            }
            let link = gcc
                .command()
                .args(["-r", "-nostdlib"])
                .arg(&object)
                .arg("-o")
                .arg(&linked)
                .status();
            assert!(link.unwrap().success());
            if !flags.contains(&"-fdebug-types-section") {
                check_object(&fs_err::read(&linked).unwrap(), &format!("{what}, linked"));
            }
        }
    }
}

#[test]
fn a_linked_program_that_keeps_its_relocations_reads_as_it_is() {
    let test = "a_linked_program_that_keeps_its_relocations_reads_as_it_is";
    let Some(gcc) = tool::find_or_skip(test, "gcc") else {
        return;
    };
    let scratch = Scratch::new("emit-relocs");
    let source = scratch.join("a.c");
    fs_err::write(
        &source,
        format!("{SOURCE}int main(void) {{ return found_function(0); }}"),
    )
    .unwrap();
    let program = scratch.join("a.out");
    let status = gcc
        .command()
        .args(["-g", "-O1", "-no-pie", "-Wl,--emit-relocs"])
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .status();
    assert!(status.unwrap().success());
    let map = FileMap::open(&program).unwrap();
    let elf = Elf::parse(map.bytes()).unwrap();
    assert!(elf.section_by_name(".rela.debug_info").is_some());
    assert!(
        elf.relocs(elf.section_by_name(".debug_info").unwrap())
            .unwrap()
            .is_none()
    );
}

#[test]
fn every_relocation_of_real_modules_is_known() {
    let Some(files) = kernel_files("every_relocation_of_real_modules_is_known") else {
        return;
    };
    let mut n_entries = 0;
    for path in files.iter().filter(|path| is_module(path)) {
        let map = FileMap::open(path).unwrap();
        let elf = Elf::parse(map.bytes()).unwrap();
        let debug = elf.debug_sections().unwrap();
        for section in [
            &debug.info,
            &debug.loclists,
            &debug.loc,
            &debug.rnglists,
            &debug.ranges,
        ] {
            let Some(idx) = section.idx else { continue };
            let Some(table) = elf.relocs(idx).unwrap() else {
                continue;
            };
            n_entries += table.len();
            let copy = table
                .apply(section.data.clone())
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let mut cursor = table.cursor();
            for offset in table.offsets() {
                let word = cursor.value_at(offset, 4, 0).map(|v| v.value);
                let expected = elf.encoding().u32(&copy, offset as usize).map(u64::from);
                let (found, expected) = match word {
                    Ok(word) => (word, expected),
                    Err(_) => (
                        cursor.value_at(offset, 8, 0).unwrap().value,
                        elf.encoding().u64(&copy, offset as usize),
                    ),
                };
                assert_eq!(Some(found), expected, "{} {offset:#x}", path.display());
            }
        }
    }
    assert!(n_entries > 0);
}
