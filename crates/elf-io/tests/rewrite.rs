//! Planned files: what must not change, where new contents go, and that rewriting settles.

mod common;

use common::{
    BE32, BE64, Builder, ENCODINGS, LE64, Sec, is_module, is_vmlinux, kernel_files, progbits,
};
use elf_io::consts as c;
use elf_io::{
    Elf, Encoding, ErrorKind, FileMap, ImageOverflow, Patch, Rewrite, SectionEdit, SectionIdx,
};
use test_kit::mutate::Random;

fn edit<'a>(name: &'a str, data: Option<&'a [u8]>) -> SectionEdit<'a> {
    SectionEdit { name, data }
}

fn rewrite(bytes: &[u8], edits: &[SectionEdit<'_>]) -> Vec<u8> {
    let elf = Elf::parse(bytes).unwrap();
    Rewrite::plan(&elf, edits, &[], ImageOverflow::Refuse)
        .unwrap()
        .to_vec()
        .unwrap()
}

fn set(bytes: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    rewrite(bytes, &[edit(name, Some(data))])
}

fn error(bytes: &[u8], edits: &[SectionEdit<'_>], patches: &[Patch<'_>]) -> elf_io::Error {
    let elf = Elf::parse(bytes).unwrap();
    Rewrite::plan(&elf, edits, patches, ImageOverflow::Refuse)
        .map(|_| ())
        .unwrap_err()
}

/// Panics unless all sections but the edited ones and the name table are in `new` what they are in `old`: same index,
/// header and contents. Headers that `old` does not have may follow.
fn assert_others_kept(old: &[u8], new: &[u8], edited: &[&str]) {
    let (old_elf, new_elf) = (Elf::parse(old).unwrap(), Elf::parse(new).unwrap());
    assert_eq!(old_elf.encoding(), new_elf.encoding());
    // The ELF header up to e_shoff, and its other fields that do not tell of sections.
    let (shoff, word) = if old_elf.encoding().is_64 {
        (40, 8)
    } else {
        (32, 4)
    };
    assert_eq!(old[..shoff], new[..shoff]);
    assert_eq!(
        old[shoff + word..shoff + word + 12],
        new[shoff + word..shoff + word + 12]
    );
    for (i, section) in (0u32..).zip(old_elf.sections()).skip(1) {
        if edited.iter().any(|name| section.name == name.as_bytes()) {
            continue;
        }
        let now = &new_elf.sections()[i as usize];
        let what = section.name_lossy();
        assert_eq!(section.name, now.name, "[{i}]");
        let fields = |s: &elf_io::Section<'_>| {
            (
                s.sh_type,
                s.flags,
                s.addr,
                s.link,
                s.info,
                s.addralign,
                s.entsize,
            )
        };
        assert_eq!(fields(section), fields(now), "{what}");
        if old_elf.section_names_idx() == SectionIdx(i) {
            continue;
        }
        assert_eq!(
            (section.offset, section.size),
            (now.offset, now.size),
            "{what}"
        );
        let data = |elf: &Elf<'_>| elf.raw_section_data(SectionIdx(i)).unwrap().to_vec();
        assert!(data(&old_elf) == data(&new_elf), "{what}");
    }
}

fn section<'d>(bytes: &'d [u8], name: &str) -> (elf_io::Section<'d>, &'d [u8]) {
    let elf = Elf::parse(bytes).unwrap();
    let idx = elf
        .section_by_name(name)
        .unwrap_or_else(|| panic!("no {name}"));
    (
        elf.sections()[idx.index()],
        elf.raw_section_data(idx).unwrap(),
    )
}

fn contents<'d>(bytes: &'d [u8], name: &str) -> Option<&'d [u8]> {
    let elf = Elf::parse(bytes).unwrap();
    elf.section_by_name(name)
        .map(|idx| elf.raw_section_data(idx).unwrap())
}

/// A module as the kernel build leaves it: `.BTF` only if given, then symbols and relocations.
fn module(enc: Encoding, btf: Option<&[u8]>) -> Vec<u8> {
    let mut b = Builder::new(enc, c::EM_S390);
    b.add(Sec {
        flags: c::SHF_ALLOC.0,
        align: 4,
        ..progbits(".text", &[0x90; 21])
    });
    b.add(Sec {
        sh_type: c::SHT_NOBITS.0,
        flags: c::SHF_ALLOC.0,
        data: vec![0; 64],
        ..progbits(".bss", &[])
    });
    let info = b.add(progbits(".debug_info", &[0x33; 57]));
    if let Some(btf) = btf {
        b.add(progbits(".BTF", btf));
    }
    let symtab = b.symbols(&[("f", 1, 0, 8, 2)]);
    b.relocs(true, info, symtab, &[(4, 1, c::R_390_32.0, 0)]);
    b.build()
}

/// Contents of `len` bytes without zeros.
fn blob(len: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..len).map(|_| 1 + random.below(255) as u8).collect()
}

#[test]
fn adding_puts_the_new_sections_behind_everything() {
    for enc in ENCODINGS {
        let old = module(enc, None);
        let (btf, base) = (blob(101, 1), blob(33, 2));
        let new = rewrite(
            &old,
            &[edit(".BTF", Some(&btf)), edit(".BTF.base", Some(&base))],
        );
        assert_others_kept(&old, &new, &[]);
        let (header, data) = section(&new, ".BTF");
        assert_eq!(data, btf);
        assert_eq!(
            (header.sh_type, header.flags, header.addr),
            (c::SHT_PROGBITS.0, 0, 0)
        );
        assert_eq!((header.addralign, header.offset % 4), (4, 0));
        let (header, data) = section(&new, ".BTF.base");
        assert_eq!(data, base);
        assert_eq!(header.offset % 4, 0);
        let elf = Elf::parse(&new).unwrap();
        let n = elf.sections().len();
        assert_eq!(elf.section_by_name(".BTF"), Some(SectionIdx(n as u32 - 2)));
        assert_eq!(elf.section_table_offset() % 8, 0);
        // The section headers are the end of the file.
        let entry = if enc.is_64 { 64 } else { 40 };
        assert_eq!(elf.section_table_offset() as usize + n * entry, new.len());
    }
}

#[test]
fn rewriting_settles_and_does_not_depend_on_what_was_there_before() {
    for enc in ENCODINGS {
        for old in [module(enc, None), module(enc, Some(&blob(40, 9)))] {
            let first = set(&old, ".BTF", &blob(30, 1));
            assert!(set(&first, ".BTF", &blob(30, 1)) == first);
            let mut now = first.clone();
            for len in [10, 500, 41, 40, 0, 1, 499, 5000] {
                now = set(&now, ".BTF", &blob(len, 2));
                assert_others_kept(&old, &now, &[".BTF"]);
                assert_eq!(contents(&now, ".BTF"), Some(&blob(len, 2)[..]));
                assert!(set(&now, ".BTF", &blob(len, 2)) == now);
            }
            assert!(set(&now, ".BTF", &blob(30, 1)) == first);
        }
    }
}

#[test]
fn contents_that_fit_take_the_old_place_and_the_rest_is_zeroed() {
    let old = module(LE64, Some(&blob(40, 9)));
    let place = section(&old, ".BTF").0.offset;
    assert_ne!(
        place % 4,
        0,
        "the sample has an unaligned .BTF, as Debian's modules have"
    );
    let elf = Elf::parse(&old).unwrap();
    let data = blob(30, 1);
    let edits = [edit(".BTF", Some(&data))];
    let plan = Rewrite::plan(&elf, &edits, &[], ImageOverflow::Refuse).unwrap();
    assert_eq!(plan.dead_bytes(), 10);
    assert_eq!(plan.len(), old.len() as u64);
    let new = plan.to_vec().unwrap();
    let aligned = place.next_multiple_of(4);
    assert_eq!(section(&new, ".BTF").0.offset, aligned);
    assert_eq!(section(&new, ".BTF").0.addralign, 4);
    let (place, aligned) = (place as usize, aligned as usize);
    assert!(new[place..aligned].iter().all(|b| *b == 0));
    assert!(new[aligned + 30..place + 40].iter().all(|b| *b == 0));
}

#[test]
fn contents_that_do_not_fit_move_behind_everything_and_leave_zeros() {
    let old = module(LE64, Some(&blob(40, 9)));
    let place = section(&old, ".BTF").0.offset as usize;
    let data = blob(60, 1);
    let new = set(&old, ".BTF", &data);
    assert!(new[place..place + 40].iter().all(|b| *b == 0));
    let (header, _) = section(&new, ".BTF");
    let (names, _) = section(&new, ".shstrtab");
    assert_eq!(
        header.offset,
        (names.offset + names.size).next_multiple_of(4)
    );
    // It grows by the contents and their alignment, no more.
    assert!(new.len() <= old.len() + 60 + 4 + 7);
}

#[test]
fn removing_leaves_other_indices_alone() {
    // In the middle: an inactive header.
    let old = module(LE64, Some(&blob(40, 9)));
    let new = rewrite(&old, &[edit(".BTF", None)]);
    assert_others_kept(&old, &new, &[".BTF"]);
    let elf = Elf::parse(&new).unwrap();
    assert_eq!(elf.section_by_name(".BTF"), None);
    assert_eq!(elf.sections()[4].sh_type, c::SHT_NULL.0);
    assert!(contents(&new, ".BTF").is_none());
    assert!(!new.windows(40).any(|w| w == blob(40, 9)));
    assert!(rewrite(&new, &[edit(".BTF", None)]) == new);

    // At the end: no header.
    let plain = module(LE64, None);
    let both = rewrite(
        &plain,
        &[edit(".BTF", Some(b"one")), edit(".BTF.base", Some(b"two"))],
    );
    let one = rewrite(
        &both,
        &[edit(".BTF", Some(b"one")), edit(".BTF.base", None)],
    );
    let n = Elf::parse(&plain).unwrap().sections().len();
    assert_eq!(Elf::parse(&both).unwrap().sections().len(), n + 2);
    assert_eq!(Elf::parse(&one).unwrap().sections().len(), n + 1);
    let none = rewrite(&both, &[edit(".BTF.base", None), edit(".BTF", None)]);
    assert_eq!(Elf::parse(&none).unwrap().sections().len(), n);
    assert_others_kept(&plain, &none, &[]);
}

#[test]
fn a_removed_last_section_keeps_its_header_if_a_symbol_has_its_index() {
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.add(progbits(".text", &[1; 4]));
    // Index 4 is the section after the symbol and string tables; `.shstrtab` comes after it.
    b.symbols(&[("in_btf", 4, 0, 0, 3)]);
    b.add(progbits(".BTF", b"contents"));
    let old = b.build();
    let new = rewrite(&old, &[edit(".BTF", None)]);
    let elf = Elf::parse(&new).unwrap();
    assert_eq!(elf.sections().len(), 6);
    assert_others_kept(&old, &new, &[".BTF"]);
}

#[test]
fn the_order_of_edits_does_not_matter() {
    let [btf, base] = [
        edit(".BTF", Some(&b"one"[..])),
        edit(".BTF.base", Some(&b"two"[..])),
    ];
    let old = module(LE64, None);
    let new = rewrite(&old, &[btf, base]);
    assert!(rewrite(&old, &[base, btf]) == new);
    assert!(rewrite(&new, &[base, btf]) == new);
    // Where contents go does not depend on which section was there first.
    let other = rewrite(&rewrite(&old, &[base]), &[btf]);
    let other = rewrite(&other, &[btf, base]);
    for name in [".BTF", ".BTF.base"] {
        assert_eq!(section(&other, name).0.offset, section(&new, name).0.offset);
    }
}

#[test]
fn names_that_the_table_has_are_found_in_it() {
    // `.rela.BTF` ends in the name that is wanted.
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.add(progbits(".x.BTF", &[1; 4]));
    let old = b.build();
    let new = set(&old, ".BTF", b"contents");
    assert_eq!(section(&old, ".shstrtab").1, section(&new, ".shstrtab").1);
    assert_eq!(contents(&new, ".BTF"), Some(&b"contents"[..]));
    assert_others_kept(&old, &new, &[]);
}

/// LLVM keeps the names of sections in the string table of the symbols.
#[test]
fn a_name_table_that_symbols_share_is_not_touched() {
    for enc in ENCODINGS {
        let mut b = Builder::new(enc, c::EM_X86_64);
        b.add(progbits(".text", &[1; 4]));
        b.symbols(&[("f", 1, 0, 4, 2)]);
        let mut old = b.build();
        // Make the symbol table's link point to the name table.
        let elf = Elf::parse(&old).unwrap();
        let (names, table) = (
            elf.section_names_idx().0,
            elf.section_table_offset() as usize,
        );
        let (entry, link) = if enc.is_64 { (64, 40) } else { (40, 24) };
        let at = table + 2 * entry + link;
        enc.put(&mut old[at..at + 4], names.into());

        let new = rewrite(
            &old,
            &[edit(".BTF", Some(b"one")), edit(".BTF.base", Some(b"two"))],
        );
        assert_others_kept(&old, &new, &[]);
        assert_eq!(section(&old, ".strtab").1, section(&new, ".strtab").1);
        let elf = Elf::parse(&new).unwrap();
        assert_eq!(elf.section_names_idx().index(), elf.sections().len() - 1);
        assert_eq!(contents(&new, ".BTF.base"), Some(&b"two"[..]));
        assert!(
            rewrite(
                &new,
                &[edit(".BTF.base", Some(b"two")), edit(".BTF", Some(b"one"))]
            ) == new
        );
    }
}

#[test]
fn bytes_that_nothing_describes_stay_unless_they_are_zero() {
    let old = module(LE64, None);
    let mut appended = old.clone();
    appended.extend_from_slice(b"payload of somebody else");
    let new = set(&appended, ".BTF", b"contents");
    assert_eq!(new[old.len()..old.len() + 24], *b"payload of somebody else");
    assert!(set(&new, ".BTF", b"contents") == new);
    let mut padded = old.clone();
    padded.resize(old.len() + 10_000, 0);
    assert!(set(&padded, ".BTF", b"contents") == set(&old, ".BTF", b"contents"));
}

#[test]
fn the_signature_of_a_module_is_dropped_and_reported() {
    let old = module(LE64, None);
    let mut signed = old.clone();
    signed.extend(blob(300, 7));
    signed.extend_from_slice(&[0, 0, 2, 0, 0, 0, 0, 0]);
    signed.extend_from_slice(&300u32.to_be_bytes());
    signed.extend_from_slice(b"~Module signature appended~\n");
    let elf = Elf::parse(&signed).unwrap();
    let edits = [edit(".BTF", Some(&b"contents"[..]))];
    let plan = Rewrite::plan(&elf, &edits, &[], ImageOverflow::Refuse).unwrap();
    assert!(plan.drops_signature());
    assert!(plan.to_vec().unwrap() == set(&old, ".BTF", b"contents"));
}

/// A linked image: `.BTF` of 40 bytes at offset 0x200, address 0x1200, in a segment from 0x100 to 0x300.
fn image(symbols: &[common::Symbol]) -> Vec<u8> {
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.e_type = c::ET_EXEC.0;
    b.segments = vec![(0x100, 0x200)];
    b.add(Sec {
        flags: c::SHF_ALLOC.0,
        addr: 0x1100,
        align: 0x100,
        ..progbits(".text", &blob(0x40, 1))
    });
    b.add(Sec {
        flags: c::SHF_ALLOC.0,
        addr: 0x1200,
        align: 0x100,
        ..progbits(".BTF", &blob(40, 2))
    });
    b.add(Sec {
        flags: c::SHF_ALLOC.0,
        addr: 0x1280,
        align: 0x80,
        ..progbits(".rodata", &blob(0x80, 3))
    });
    b.add(progbits(".comment", b"comment"));
    b.symbols(symbols);
    b.build()
}

#[test]
fn a_section_of_an_image_stays_where_its_segment_has_it() {
    let old = image(&[]);
    assert_eq!(section(&old, ".BTF").0.offset, 0x200);
    let new = set(&old, ".BTF", &blob(30, 4));
    assert_others_kept(&old, &new, &[".BTF"]);
    let (header, data) = section(&new, ".BTF");
    assert_eq!(
        (header.offset, header.addr, header.flags),
        (0x200, 0x1200, c::SHF_ALLOC.0)
    );
    assert_eq!(header.addralign, 0x100);
    assert_eq!(data, blob(30, 4));
    assert!(new[0x200 + 30..0x200 + 40].iter().all(|b| *b == 0));
    assert_eq!(new.len(), old.len());
    assert!(set(&new, ".BTF", &blob(30, 4)) == new);
}

#[test]
fn a_section_of_an_image_cannot_outgrow_its_place() {
    let old = image(&[]);
    let larger = blob(41, 4);
    let refused = error(&old, &[edit(".BTF", Some(&larger))], &[]);
    assert!(matches!(
        refused.kind(),
        ErrorKind::NoRoom {
            room: 40,
            needed: 41,
            ..
        }
    ));
    assert_eq!(
        refused.to_string(),
        "section .BTF is part of the linked image and has room for 40 bytes, 41 are needed"
    );

    // Unless it may leave the image, whose bytes then stay.
    let move_out = |bytes: &[u8], data| {
        let elf = Elf::parse(bytes).unwrap();
        let edits = [edit(".BTF", Some(data))];
        Rewrite::plan(&elf, &edits, &[], ImageOverflow::MoveOut)
            .unwrap()
            .to_vec()
            .unwrap()
    };
    let new = move_out(&old, &larger);
    assert_others_kept(&old, &new, &[".BTF"]);
    assert!(new[0x100..0x300] == old[0x100..0x300]);
    let (header, data) = section(&new, ".BTF");
    assert_eq!((header.flags, header.addr), (0, 0));
    assert_eq!(data, larger);
    assert!(move_out(&new, &larger) == new);
}

#[test]
fn the_room_in_a_kernel_image_is_what_the_kernel_will_read() {
    let room = |symbols: &[common::Symbol]| {
        let bytes = image(symbols);
        let elf = Elf::parse(&bytes).unwrap();
        elf.image_room(elf.section_by_name(".BTF").unwrap())
            .unwrap()
    };
    let start = ("__start_BTF", 2, 0x1200, 0, 0);
    assert_eq!(
        room(&[start, ("__stop_BTF", 2, 0x1200 + 100, 0, 0)]),
        Some(100)
    );
    assert_eq!(
        room(&[start, ("__stop_BTF", 2, 0x1200 + 20, 0, 0)]),
        Some(20)
    );
    // Never more than up to the next section.
    assert_eq!(room(&[start, ("__stop_BTF", 2, 0x5000, 0, 0)]), Some(0x80));
    assert_eq!(room(&[start]), Some(40));
    assert_eq!(
        room(&[
            ("__start_BTF", 2, 0x1100, 0, 0),
            ("__stop_BTF", 2, 0x1300, 0, 0)
        ]),
        Some(40)
    );
    let bytes = image(&[]);
    let elf = Elf::parse(&bytes).unwrap();
    assert_eq!(
        elf.image_room(elf.section_by_name(".comment").unwrap())
            .unwrap(),
        None
    );
    // A smaller BTF does not make the room smaller.
    let with_symbols = image(&[start, ("__stop_BTF", 2, 0x1200 + 60, 0, 0)]);
    let small = set(&with_symbols, ".BTF", &blob(10, 1));
    let large = set(&small, ".BTF", &blob(60, 1));
    assert_eq!(contents(&large, ".BTF"), Some(&blob(60, 1)[..]));
    assert!(set(&large, ".BTF", &blob(10, 1)) == small);
}

#[test]
fn program_headers_and_segments_of_an_image_are_untouched() {
    let old = image(&[]);
    let new = set(&old, ".BTF.base", &blob(1000, 4));
    assert_others_kept(&old, &new, &[]);
    assert!(old[64..0x300] == new[64..0x300]);
    assert!(section(&new, ".BTF.base").0.offset >= 0x300);
}

#[test]
fn segments_of_another_file_do_not_make_a_debug_file_grow() {
    // Separate debug files keep the program headers of the program that they belong to.
    for segments in [vec![(0x100, 0x200), (0x300, 1 << 40)], vec![(0, 1200)]] {
        let mut b = Builder::new(LE64, c::EM_X86_64);
        b.e_type = c::ET_DYN.0;
        b.segments = segments;
        b.add(Sec {
            sh_type: c::SHT_NOBITS.0,
            flags: c::SHF_ALLOC.0,
            data: vec![0; 64],
            ..progbits(".text", &[])
        });
        b.add(progbits(".debug_info", &blob(700, 3)));
        let old = b.build();
        let new = set(&old, ".BTF", &blob(100, 1));
        assert_others_kept(&old, &new, &[]);
        assert!(set(&new, ".BTF", &blob(100, 1)) == new);
    }
}

#[test]
fn patches_change_just_their_bytes() {
    let old = module(BE64, Some(&blob(40, 9)));
    let elf = Elf::parse(&old).unwrap();
    let patch = |section, offset, bytes: &'static [u8]| Patch {
        section: SectionIdx(section),
        offset,
        bytes,
    };
    let patches = [
        patch(3, 50, b"1234567"),
        patch(1, 0, b"ab"),
        patch(3, 0, b""),
    ];
    let plan = Rewrite::plan(&elf, &[], &patches, ImageOverflow::Refuse).unwrap();
    let new = plan.to_vec().unwrap();
    let mut expected = old.clone();
    let at = |section: usize| elf.sections()[section].offset as usize;
    expected[at(3) + 50..at(3) + 57].copy_from_slice(b"1234567");
    expected[at(1)..at(1) + 2].copy_from_slice(b"ab");
    assert!(new == expected);
    assert!(!plan.is_unchanged());

    let refused = |patch: Patch<'_>| {
        let error = error(&old, &[edit(".BTF", Some(b"x"))], &[patch]);
        assert!(
            matches!(error.kind(), ErrorKind::PatchOutOfSection { .. }),
            "{error}"
        );
    };
    refused(patch(3, 51, b"1234567"));
    refused(patch(3, u64::MAX, b"12"));
    // `.bss` has no bytes, `.BTF` is replaced at the same time.
    refused(patch(2, 0, b"1"));
    refused(patch(4, 0, b"1"));
    let error = error(&old, &[], &[patch(99, 0, b"1")]);
    assert!(matches!(
        error.kind(),
        ErrorKind::BadSectionIndex { index: 99, .. }
    ));
}

#[test]
fn an_input_that_is_as_wanted_is_recognised() {
    let new = set(&module(LE64, None), ".BTF", b"contents");
    let elf = Elf::parse(&new).unwrap();
    let unchanged = |data: &[u8]| {
        let edits = [edit(".BTF", Some(data))];
        Rewrite::plan(&elf, &edits, &[], ImageOverflow::Refuse)
            .unwrap()
            .is_unchanged()
    };
    assert!(unchanged(b"contents"));
    assert!(!unchanged(b"Contents"));
    assert!(!unchanged(b"content"));
    assert!(!unchanged(b"contents."));
}

#[test]
fn files_that_cannot_be_edited_are_errors() {
    let btf = [edit(".BTF", Some(&b"x"[..]))];
    let mut b = Builder::new(LE64, c::EM_X86_64);
    b.add(progbits(".BTF", b"1"));
    b.add(progbits(".BTF", b"2"));
    assert!(matches!(
        error(&b.build(), &btf, &[]).kind(),
        ErrorKind::AmbiguousSection { .. }
    ));
    let twice = [btf[0], btf[0]];
    assert!(matches!(
        error(&module(LE64, None), &twice, &[]).kind(),
        ErrorKind::AmbiguousSection { .. }
    ));

    // LLVM's BPF objects: `.rel.BTF` would go wrong.
    let mut b = Builder::new(LE64, c::EM_BPF);
    let section = b.add(progbits(".BTF", &[0; 64]));
    let symtab = b.symbols(&[("f", 1, 0, 0, 0)]);
    b.relocs(false, section, symtab, &[(4, 1, 4, 0)]);
    assert!(matches!(
        error(&b.build(), &btf, &[]).kind(),
        ErrorKind::RelocatedSection { .. }
    ));

    let mut bytes = module(LE64, None);
    bytes[62..64].fill(0);
    assert!(matches!(
        error(&bytes, &btf, &[]).kind(),
        ErrorKind::NoSectionNames
    ));
    bytes[40..48].fill(0);
    assert!(matches!(
        error(&bytes, &btf, &[]).kind(),
        ErrorKind::NoSectionNames
    ));
}

#[test]
fn files_with_more_sections_than_sixteen_bits_can_number() {
    for (count, added) in [
        (0xff00 - 4, false),
        (0xff00 - 3, false),
        (0xff00 - 3, true),
        (0xff10, true),
    ] {
        let mut b = Builder::new(BE32, c::EM_PPC);
        for _ in 0..count {
            b.add(progbits(".many", &[]));
        }
        let old = b.build();
        let mut edits = vec![edit(".BTF", Some(&b"contents"[..]))];
        if added {
            edits.push(edit(".BTF.base", Some(&b"base"[..])));
        }
        let new = rewrite(&old, &edits);
        let elf = Elf::parse(&new).unwrap();
        assert_eq!(elf.sections().len(), count + 2 + edits.len());
        assert_eq!(contents(&new, ".BTF"), Some(&b"contents"[..]));
        assert!(rewrite(&new, &edits) == new);
        let removed = rewrite(&new, &[edit(".BTF", None), edit(".BTF.base", None)]);
        assert_eq!(Elf::parse(&removed).unwrap().sections().len(), count + 2);
    }
}

#[test]
fn real_modules_keep_everything_but_their_btf() {
    let Some(files) = kernel_files("real_modules_keep_everything_but_their_btf") else {
        return;
    };
    let mut n = 0;
    for (seed, path) in (0..).zip(files.iter().filter(|path| is_module(path)).step_by(7)) {
        let map = FileMap::open(path).unwrap();
        let old = map.bytes();
        let mut random = Random::new(seed);
        let size = contents(old, ".BTF").map_or(100, <[u8]>::len);
        let (same, smaller) = (blob(size, seed), blob(random.below(size), seed));
        let larger = blob(size + random.below(10_000), seed);
        for data in [&same, &smaller, &larger] {
            let new = set(old, ".BTF", data);
            assert_others_kept(old, &new, &[".BTF"]);
            assert_eq!(contents(&new, ".BTF"), Some(&data[..]));
            assert!(set(&new, ".BTF", data) == new, "{}", path.display());
            let both = rewrite(
                &new,
                &[edit(".BTF.base", Some(&same)), edit(".BTF", Some(data))],
            );
            assert_others_kept(old, &both, &[".BTF"]);
            assert_eq!(contents(&both, ".BTF.base"), Some(&same[..]));
        }
        n += 1;
    }
    assert!(n > 0);
}

#[test]
fn a_real_image_keeps_everything_but_its_btf() {
    let Some(files) = kernel_files("a_real_image_keeps_everything_but_its_btf") else {
        return;
    };
    let path = files
        .iter()
        .find(|path| is_vmlinux(path))
        .expect("a vmlinux");
    let map = FileMap::open(path).unwrap();
    let elf = Elf::parse(map.bytes()).unwrap();
    let idx = elf.section_by_name(".BTF").unwrap();
    let room = elf.image_room(idx).unwrap().unwrap();
    // The linker leaves no room.
    assert_eq!(room, elf.sections()[idx.index()].size);
    let data = blob(room as usize - 1000, 1);
    let new = set(map.bytes(), ".BTF", &data);
    assert_others_kept(map.bytes(), &new, &[".BTF"]);
    assert!(set(&new, ".BTF", &data) == new);
    let larger = blob(room as usize + 1, 1);
    let refused = error(map.bytes(), &[edit(".BTF", Some(&larger))], &[]);
    assert!(matches!(refused.kind(), ErrorKind::NoRoom { .. }));
}
