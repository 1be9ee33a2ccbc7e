//! The BTF of real kernels: `SPLITBTF_KERNEL_DIR` names an unpacked kernel
//! package with debug symbols, a `vmlinux*` and `*.ko` anywhere below it.

#![allow(clippy::print_stderr, reason = "skips and counts are for the reader")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use btf_builder::{Btf, Endian, Kind, TypeId};

/// `.BTF` of a 64-bit little-endian ELF file. The library proper gets its
/// sections from elsewhere and knows no ELF.
fn btf_section(elf: &[u8]) -> Option<&[u8]> {
    let u16_at =
        |at: usize| Some(u16::from_le_bytes(elf.get(at..at + 2)?.try_into().ok()?) as usize);
    let u32_at =
        |at: usize| Some(u32::from_le_bytes(elf.get(at..at + 4)?.try_into().ok()?) as usize);
    let u64_at =
        |at: usize| Some(u64::from_le_bytes(elf.get(at..at + 8)?.try_into().ok()?) as usize);
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (shoff, entsize, n, names) = (u64_at(40)?, u16_at(58)?, u16_at(60)?, u16_at(62)?);
    let section = |i: usize| {
        let at = shoff + i * entsize;
        let (off, len) = (u64_at(at + 24)?, u64_at(at + 32)?);
        Some((u32_at(at)?, elf.get(off..off + len).unwrap_or(&[])))
    };
    let (_, names) = section(names)?;
    (0..n)
        .filter_map(section)
        .find(|(name, _)| names.get(*name..).is_some_and(|s| s.starts_with(b".BTF\0")))
        .map(|(_, data)| data)
}

fn files_below(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// The kernel's files, or `None` after saying so.
fn kernel_files() -> Option<Vec<PathBuf>> {
    let Some(dir) = std::env::var_os("SPLITBTF_KERNEL_DIR") else {
        let required = std::env::var_os("SPLITBTF_REQUIRE_TOOLS").is_some_and(|v| v == "1");
        assert!(!required, "SPLITBTF_KERNEL_DIR is not set");
        eprintln!("SKIP: SPLITBTF_KERNEL_DIR is not set");
        return None;
    };
    let mut files = Vec::new();
    files_below(Path::new(&dir), &mut files);
    Some(files)
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or("")
}

#[test]
fn vmlinux_and_modules_come_out_as_they_went_in() {
    let Some(files) = kernel_files() else { return };
    let vmlinux = files
        .iter()
        .find(|path| file_name(path).starts_with("vmlinux"))
        .expect("a vmlinux below SPLITBTF_KERNEL_DIR");
    let elf = std::fs::read(vmlinux).unwrap();
    let data = btf_section(&elf).expect("vmlinux has .BTF");
    let base = Btf::parse(data).unwrap();
    assert!(base.to_bytes() == data, "vmlinux");

    let mut swapped = base.clone();
    swapped.set_endian(Endian::Big);
    let big = swapped.to_bytes();
    let again = Btf::parse(&big).unwrap();
    assert_eq!(again.endian(), Endian::Big);
    assert!(again.type_words() == base.type_words());
    assert!(again.to_bytes() == big);

    assert_eq!(base.pointer_size(), Some(8));
    let task = base.find_by_name_kind("task_struct", Kind::Struct).unwrap();
    assert_eq!(base.resolve_size(task).ok(), base.ty(task).unwrap().size());
    for ty in base.own_types() {
        if ty.name_off().is_empty() {
            continue;
        }
        let first = base.find_by_name_kind(ty.name(), ty.kind()).unwrap();
        assert!(first <= ty.id());
        assert_eq!(base.ty(first).unwrap().name(), ty.name());
    }

    let base = Arc::new(base);
    let (mut modules, mut distilled, mut refused) = (0, 0, 0);
    for path in files.iter().filter(|path| file_name(path).ends_with(".ko")) {
        let elf = std::fs::read(path).unwrap();
        let Some(data) = btf_section(&elf) else {
            continue;
        };
        let name = file_name(path);
        let split =
            Btf::parse_split(data, Arc::clone(&base)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(split.to_bytes() == data, "{name}");
        modules += 1;

        // Distilled and moved back to the same base, the own types are what
        // they were, up to the copies of base types they now go through.
        let small = split
            .distill_base()
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let bytes = (small.base.to_bytes(), small.split.to_bytes());
        let small_base = Arc::new(Btf::parse(&bytes.0).unwrap());
        let mut moved = Btf::parse_split(&bytes.1, small_base).unwrap();
        match moved.relocate(Arc::clone(&base)) {
            Ok(_) => {
                distilled += 1;
                for ty in split.own_types() {
                    let back = moved.ty(ty.id()).unwrap();
                    assert_eq!((ty.kind(), ty.name()), (back.kind(), back.name()), "{name}");
                    assert_eq!(ty.info(), back.info(), "{name} {}", ty.id());
                    for (a, b) in ty.refs().zip(back.refs()) {
                        let named = |btf: &Btf, id: TypeId| {
                            let ty = btf.ty(id).unwrap();
                            (ty.kind(), ty.name().to_vec())
                        };
                        assert!(
                            a == b
                                || b.0 >= split.n_types() && named(&split, a) == named(&moved, b),
                            "{name} {}",
                            ty.id()
                        );
                    }
                }
            }
            Err(err) => {
                assert!(
                    matches!(err, btf_builder::Error::AmbiguousMatch { .. }),
                    "{name}: {err}"
                );
                refused += 1;
            }
        }
    }
    eprintln!("{modules} modules, {distilled} relocated to their base, {refused} ambiguous there");
    assert!(modules > 0);
}
