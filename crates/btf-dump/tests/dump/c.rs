//! The C form, judged by compilers: it compiles, and every struct has the
//! size and every member the offset that the BTF says.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use btf_builder::{Btf, Endian, IntEncoding, Kind, Type, TypeId};
use btf_dump::{CDumper, COptions, Select, write_c};
use test_kit::tool;

use crate::kernel::{Kernel, has_tool};

/// Compilers and the flags that make them quiet about what headers from BTF
/// are bound to have.
const COMPILERS: [&str; 2] = ["gcc", "clang-14"];

/// Checks a C file with every compiler there is.
#[track_caller]
pub(crate) fn compiles(name: &str, file: &Path, flags: &[&str]) {
    for compiler in COMPILERS {
        let Some(tool) = tool::find_or_skip(name, compiler) else {
            continue;
        };
        let output = tool
            .command()
            .args(["-fsyntax-only", "-std=gnu11", "-w", "-x", "c"])
            .args(flags)
            .arg(file)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let start: String = stderr.chars().take(2_000).collect();
        assert!(output.status.success(), "{name}, {compiler}: {start}");
    }
}

/// `_Static_assert`s about everything that can be named.
pub(crate) fn assertions(btf: &Btf, ids: impl Iterator<Item = TypeId>) -> (String, usize) {
    // Names are given out in the order of the dump, so it is run again.
    let mut dumper = CDumper::new(btf, std::io::sink());
    let ids: Vec<_> = ids.collect();
    for &id in &ids {
        if let Some(ty) = btf.ty(id)
            && !matches!(ty.kind(), Kind::Func | Kind::Var)
        {
            dumper.dump(id).unwrap();
        }
    }
    let (mut text, mut n_asserts) = (String::new(), 0);
    for id in ids {
        let ty = btf.ty(id).unwrap();
        let (spelling, composite) = match ty.kind() {
            Kind::Struct | Kind::Union if !ty.name_off().is_empty() => {
                let tag = String::from_utf8(dumper.tag_name(id)).unwrap();
                let keyword = if ty.kind() == Kind::Union {
                    "union"
                } else {
                    "struct"
                };
                (format!("{keyword} {tag}"), ty)
            }
            Kind::Typedef => {
                let target = btf.ty(TypeId(ty.size_or_type())).unwrap();
                if !target.kind().is_composite() || !target.name_off().is_empty() {
                    continue;
                }
                let name = String::from_utf8(dumper.typedef_name(id)).unwrap();
                (name, target)
            }
            _ => continue,
        };
        let size = composite.size_or_type();
        writeln!(
            text,
            "_Static_assert(sizeof({spelling}) == {size}, \"{id} size\");"
        )
        .unwrap();
        n_asserts += 1;
        offsets(btf, &composite, 0, &mut |member, offset| {
            writeln!(
                text,
                "_Static_assert(__builtin_offsetof({spelling}, {member}) == {offset}, \"{id}\");"
            )
            .unwrap();
            n_asserts += 1;
        });
    }
    (text, n_asserts)
}

/// Calls `f` with each plain named member and its offset in bytes, through
/// anonymous members.
fn offsets(btf: &Btf, ty: &Type<'_>, start: u32, f: &mut impl FnMut(&str, u32)) {
    for member in ty.members() {
        let name = btf.str_at(member.name_off).unwrap();
        let offset = start + member.bit_offset / 8;
        let target = btf.ty(member.type_id).unwrap();
        if name.is_empty() {
            offsets(btf, &target, offset, f);
        } else if member.bitfield_size == 0 && member.bit_offset.is_multiple_of(8) {
            f(str::from_utf8(name).unwrap(), offset);
        }
    }
}

fn header(btf: &Btf, options: &COptions<'_>) -> String {
    let mut text = Vec::new();
    write_c(btf, options, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn headers_of_kernels_compile_with_the_layout_of_their_btf() {
    for kernel in Kernel::all("headers_of_kernels_compile_with_the_layout_of_their_btf") {
        let btf = &*kernel.base;
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("vmlinux.h");
        for sort in [false, true] {
            let options = COptions::default().with_sort(sort);
            let mut text = header(btf, &options);
            if !sort {
                let ids = btf.all_types().map(|ty| ty.id());
                let (asserts, n_asserts) = assertions(btf, ids);
                text.push_str(&asserts);
                eprintln!("vmlinux: {n_asserts} assertions");
            }
            std::fs::write(&file, text).unwrap();
            compiles("vmlinux", &file, &[]);
        }
        let mut n_modules = 0;
        let mut n_all = 0;
        for (path, blob) in kernel.sample(100) {
            let btf = Btf::parse_split(&blob, Arc::clone(&kernel.base)).unwrap();
            let options = COptions::default()
                .with_select(Select::Own)
                .with_sort(false);
            let mut text = header(&btf, &options);
            let ids = btf.own_types().map(|ty| ty.id());
            let (asserts, n_asserts) = assertions(&btf, ids);
            text.push_str(&asserts);
            std::fs::write(&file, text).unwrap();
            compiles(&path.to_string_lossy(), &file, &[]);
            n_modules += 1;
            n_all += n_asserts;
        }
        eprintln!("{n_modules} modules: {n_all} assertions");
    }
}

/// Members of a struct, flattened through anonymous ones: name, bit offset,
/// bitfield width.
pub(crate) fn members(btf: &Btf, ty: &Type<'_>, start: u32, found: &mut Vec<(String, u32, u32)>) {
    for member in ty.members() {
        let name = btf.str_at(member.name_off).unwrap();
        let offset = start + member.bit_offset;
        if name.is_empty() {
            members(btf, &btf.ty(member.type_id).unwrap(), offset, found);
        } else {
            let name = String::from_utf8(name.to_vec()).unwrap();
            found.push((name, offset, member.bitfield_size));
        }
    }
}

/// BTF of what GCC makes of a header.
pub(crate) fn compiled(text: &str) -> Btf {
    let scratch = tempfile::tempdir().unwrap();
    let (source, object) = (scratch.path().join("t.c"), scratch.path().join("t.o"));
    std::fs::write(&source, text).unwrap();
    let status = Command::new("gcc")
        .args([
            "-c",
            "-g",
            "-std=gnu11",
            "-w",
            "-fno-eliminate-unused-debug-types",
            "-o",
        ])
        .args([&object, &source])
        .status()
        .unwrap();
    assert!(status.success());
    let status = Command::new("pahole")
        .arg("-J")
        .arg(&object)
        .status()
        .unwrap();
    assert!(status.success());
    Btf::parse(&test_kit::real_kernel::btf_of(&object)).unwrap()
}

#[test]
fn a_gap_of_a_gigabyte_is_one_line() {
    let mut btf = Btf::new_empty(Endian::Little);
    let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    btf.add_struct("s", 0x4000_0010).unwrap();
    btf.add_field("a", int, 0, 0).unwrap();
    btf.add_field("b", int, 0x8000_0020, 0).unwrap();
    btf.add_union("u", 0x3000_0004).unwrap();
    btf.add_field("a", int, 0, 0).unwrap();
    let header = header(&btf, &COptions::default());
    assert!(header.len() < 2000, "{} bytes", header.len());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gap.c");
    let (asserts, _) = assertions(&btf, btf.own_types().map(|ty| ty.id()));
    std::fs::write(&file, header + &asserts).unwrap();
    compiles("gap", &file, &[]);
}

/// BTF to C to BTF: bitfields, which no assertion can reach, included.
#[test]
fn a_header_compiled_again_has_the_same_structs() {
    let test = "a_header_compiled_again_has_the_same_structs";
    if !has_tool(test, "gcc") || !has_tool(test, "pahole") {
        return;
    }
    for kernel in Kernel::all(test) {
        let btf = &*kernel.base;
        let options = COptions::default().with_sort(false);
        let again = compiled(&header(btf, &options));

        let mut dumper = CDumper::new(btf, std::io::sink());
        let (mut n_structs, mut n_bitfields, mut n_missing) = (0, 0, 0);
        for ty in btf.all_types() {
            if !matches!(ty.kind(), Kind::Func | Kind::Var) {
                dumper.dump(ty.id()).unwrap();
            }
        }
        for ty in btf.all_types().filter(|ty| ty.kind().is_composite()) {
            if ty.name_off().is_empty() {
                continue;
            }
            let tag = dumper.tag_name(ty.id());
            let Some(id) = again.find_by_name_kind(&tag, ty.kind()) else {
                n_missing += 1;
                continue;
            };
            let copy = again.ty(id).unwrap();
            let (mut want, mut got) = (Vec::new(), Vec::new());
            members(btf, &ty, 0, &mut want);
            members(&again, &copy, 0, &mut got);
            assert_eq!((ty.size(), want), (copy.size(), got), "{ty:?}");
            n_structs += 1;
            n_bitfields += ty
                .members()
                .filter(|member| member.bitfield_size != 0)
                .count();
        }
        eprintln!("{n_structs} structs, {n_bitfields} bitfields; {n_missing} not found again");
        assert!(n_missing * 100 < n_structs);
    }
}
