//! Other programs on rewritten files: they read them without complaint, copy and link them, and edit them in place.

#![allow(clippy::print_stderr, reason = "skips are for the reader")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{is_module, kernel_files};
use elf_io::{Elf, SectionEdit, WriteOptions, write_sections};
use test_kit::scratch::Scratch;
use test_kit::tool::{self, Tool};

const SOURCE: &str = "
struct s { int member; } variable;
int function(struct s *parameter) { return parameter->member + variable.member; }
";
const PROGRAM: &str = "int main(void) { struct s s = { 2 }; return function(&s) != 2; }";

/// A tool, of LLVM's with or without a version behind its name.
fn find_or_skip(test: &str, name: &str) -> Option<Tool> {
    if name.starts_with("llvm-") {
        let versioned = (14..=30)
            .rev()
            .find_map(|version| tool::find(&format!("{name}-{version}")));
        if let Some(tool) = tool::find(name).or(versioned) {
            return Some(tool);
        }
    }
    tool::find_or_skip(test, name)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}: {stdout}{stderr}");
    stdout + &stderr
}

fn set(path: &Path, target: &Path, btf: Option<&[u8]>, base: Option<&[u8]>) {
    let edits = [
        SectionEdit {
            name: ".BTF",
            data: btf,
        },
        SectionEdit {
            name: ".BTF.base",
            data: base,
        },
    ];
    write_sections(path, target, &edits, &[], WriteOptions::default()).unwrap();
}

fn contents(path: &Path, name: &str) -> Option<Vec<u8>> {
    let bytes = fs_err::read(path).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    elf.section_by_name(name)
        .map(|idx| elf.section_data(idx).unwrap().into_owned())
}

/// Names and contents of the sections that a tool which rewrites a file must bring along.
fn payload(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = fs_err::read(path).unwrap();
    let elf = Elf::parse(&bytes).unwrap();
    let mut payload: Vec<_> = (0u32..)
        .zip(elf.sections())
        .filter(|(_, s)| {
            let name = s.name_lossy();
            [
                ".text",
                ".data",
                ".debug_info",
                ".debug_str",
                ".BTF",
                ".BTF.base",
            ]
            .contains(&&*name)
        })
        .map(|(i, s)| {
            let data = elf
                .section_data(elf_io::SectionIdx(i))
                .unwrap()
                .into_owned();
            (s.name_lossy().into_owned(), data)
        })
        .collect();
    payload.sort();
    payload
}

/// Objects of gcc and clang, what `ld -r` makes of them, programs, and modules of a real kernel; each in a scratch
/// folder, with a name that says what it is.
fn inputs(test: &str, scratch: &Scratch) -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    let source = scratch.join("a.c");
    fs_err::write(&source, format!("{SOURCE}{PROGRAM}")).unwrap();
    for compiler in [
        "gcc",
        "clang",
        "s390x-linux-gnu-gcc",
        "arm-linux-gnueabihf-gcc",
    ] {
        let found = match compiler {
            "clang" => tool::compiler(
                test_kit::matrix::Compiler::Clang,
                test_kit::matrix::Target::X86_64,
            ),
            name => tool::find(name),
        };
        let Some(compiler_tool) = found else {
            tool::skip(test, compiler);
            continue;
        };
        let mut make = |kind: &str, flags: &[&str], input: &Path| {
            let path = scratch.join(&format!("{compiler}.{kind}"));
            run(compiler_tool
                .command()
                .args(["-g", "-O1"])
                .args(flags)
                .arg(input)
                .arg("-o")
                .arg(&path));
            inputs.push(path.clone());
            path
        };
        let object = make("o", &["-c"], &source);
        make("compressed.o", &["-c", "-gz"], &source);
        make("linked.o", &["-r", "-nostdlib"], &object);
        if !compiler.contains("linux") {
            make("pie", &["-pie", "-fPIE"], &source);
            make("exec", &["-no-pie", "-fno-pie"], &source);
        }
    }
    if let Some(files) = kernel_files(test) {
        let modules = files.into_iter().filter(|path| is_module(path));
        for path in modules.step_by(197).take(3) {
            let copy = scratch.join(&path.file_name().unwrap().to_string_lossy());
            fs_err::copy(path, &copy).unwrap();
            inputs.push(copy);
        }
    }
    inputs
}

/// Each input, and it with small, large and added sections.
fn variants(test: &str, scratch: &Scratch) -> Vec<(PathBuf, Vec<PathBuf>)> {
    inputs(test, scratch)
        .into_iter()
        .map(|input| {
            let variants = [(20, None), (5001, None), (333, Some(77))].map(
                |(btf, base): (usize, Option<usize>)| {
                    let path = PathBuf::from(format!("{}.{btf}", input.display()));
                    let base = base.map(|len| vec![b'B'; len]);
                    set(&input, &path, Some(&vec![b'b'; btf]), base.as_deref());
                    path
                },
            );
            (input, variants.into())
        })
        .collect()
}

/// What a checker says of a file, without the file's name, without duplicates: a complaint about each of many sections
/// is one complaint.
fn complaints(output: &str, path: &Path) -> Vec<String> {
    let path = path.display().to_string();
    let mut lines: Vec<String> = output
        .lines()
        .map(|line| line.replace(&path, "FILE"))
        .filter(|line| {
            line.to_lowercase().contains("warning")
                || line.contains("rror")
                || line.contains("section [")
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines
}

fn check_with(test: &str, name: &str, args: &[&str]) {
    let Some(checker) = find_or_skip(test, name) else {
        return;
    };
    let scratch = Scratch::new(name);
    for (input, variants) in variants(test, &scratch) {
        let complain = |path: &Path| {
            let output = checker.command().args(args).arg(path).output().unwrap();
            complaints(
                &String::from_utf8_lossy(&[output.stdout, output.stderr].concat()),
                path,
            )
        };
        let before = complain(&input);
        for path in variants {
            let new: Vec<_> = complain(&path)
                .into_iter()
                .filter(|line| !before.contains(line))
                .collect();
            assert!(new.is_empty(), "{}: {new:#?}", path.display());
        }
    }
}

#[test]
fn readelf_finds_nothing_new_to_complain_about() {
    // Not `-a`: that prints contents of sections whose addresses are the same before and after.
    check_with(
        "readelf_finds_nothing_new_to_complain_about",
        "readelf",
        &["-hlSsrnVgW"],
    );
}

#[test]
fn llvm_readelf_finds_nothing_new_to_complain_about() {
    check_with(
        "llvm_readelf_finds_nothing_new_to_complain_about",
        "llvm-readelf",
        &["-a"],
    );
}

#[test]
fn elflint_finds_nothing_new_to_complain_about() {
    check_with(
        "elflint_finds_nothing_new_to_complain_about",
        "eu-elflint",
        &["--gnu-ld"],
    );
}

#[test]
fn objcopy_brings_the_sections_along_and_takes_them_out() {
    let test = "objcopy_brings_the_sections_along_and_takes_them_out";
    for name in ["objcopy", "llvm-objcopy"] {
        let Some(objcopy) = find_or_skip(test, name) else {
            continue;
        };
        let scratch = Scratch::new(name);
        let copied = scratch.join("copied");
        for (input, variants) in variants(test, &scratch) {
            if name == "objcopy" && input.display().to_string().contains("linux") {
                // GNU objcopy of this machine may not know the other one.
                continue;
            }
            for path in variants {
                run(objcopy.command().arg(&path).arg(&copied));
                assert!(
                    payload(&path) == payload(&copied),
                    "{name}: {}",
                    path.display()
                );
                let dump = scratch.join("dump");
                run(objcopy
                    .command()
                    .arg("--dump-section")
                    .arg(format!(".BTF={}", dump.display()))
                    .arg(&path)
                    .arg(&copied));
                assert_eq!(Some(fs_err::read(&dump).unwrap()), contents(&path, ".BTF"));
                run(objcopy
                    .command()
                    .arg("--strip-debug")
                    .arg(&path)
                    .arg(&copied));
                assert_eq!(
                    contents(&path, ".BTF"),
                    contents(&copied, ".BTF"),
                    "{name}: {}",
                    path.display()
                );
                // What they make can be rewritten as well.
                run(objcopy.command().arg(&path).arg(&copied));
                let again = scratch.join("again");
                set(&copied, &again, Some(b"contents"), None);
                let expected: Vec<_> = payload(&path)
                    .into_iter()
                    .filter(|(name, _)| name != ".BTF.base")
                    .map(|(name, data)| {
                        if name == ".BTF" {
                            (name, b"contents".to_vec())
                        } else {
                            (name, data)
                        }
                    })
                    .collect();
                assert!(payload(&again) == expected, "{name}: {}", path.display());
            }
        }
    }
}

#[test]
fn sections_that_objcopy_added_are_replaced() {
    let test = "sections_that_objcopy_added_are_replaced";
    let Some(objcopy) = tool::find_or_skip(test, "objcopy") else {
        return;
    };
    let scratch = Scratch::new("added");
    let (btf, added, ours) = (
        scratch.join("btf"),
        scratch.join("added"),
        scratch.join("ours"),
    );
    fs_err::write(&btf, vec![b'o'; 401]).unwrap();
    for input in inputs(test, &scratch)
        .into_iter()
        .filter(|path| !path.display().to_string().contains("linux"))
    {
        if contents(&input, ".BTF").is_some() {
            continue;
        }
        run(objcopy
            .command()
            .arg(format!("--add-section=.BTF={}", btf.display()))
            .arg(&input)
            .arg(&added));
        for len in [100, 401, 5000] {
            set(&added, &ours, Some(&vec![b'n'; len]), None);
            assert_eq!(contents(&ours, ".BTF"), Some(vec![b'n'; len]));
            let (mut before, mut after) = (payload(&added), payload(&ours));
            before.retain(|(name, _)| name != ".BTF");
            after.retain(|(name, _)| name != ".BTF");
            assert!(before == after);
        }
    }
}

fn linker_for(input: &Path) -> Option<Tool> {
    let name = input.file_name().unwrap().to_string_lossy().into_owned();
    let prefix = ["s390x-linux-gnu-", "arm-linux-gnueabihf-"]
        .into_iter()
        .find(|p| name.starts_with(p));
    tool::find(&format!("{}ld", prefix.unwrap_or("")))
}

#[test]
fn the_linker_links_rewritten_objects() {
    let test = "the_linker_links_rewritten_objects";
    let scratch = Scratch::new("ld");
    for (input, mut variants) in variants(test, &scratch) {
        let bytes = fs_err::read(&input).unwrap();
        if !Elf::parse(&bytes).unwrap().is_relocatable() {
            continue;
        }
        let Some(ld) = linker_for(&input) else {
            tool::skip(test, "ld");
            continue;
        };
        // With an inactive header in the middle, and without any `.BTF`.
        let removed = PathBuf::from(format!("{}.removed", input.display()));
        set(&variants[0], &removed, None, None);
        variants.push(removed);
        for path in variants {
            let linked = scratch.join("linked");
            run(ld.command().arg("-r").arg("-o").arg(&linked).arg(&path));
            assert_eq!(
                contents(&path, ".BTF"),
                contents(&linked, ".BTF"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn rewritten_programs_run() {
    let test = "rewritten_programs_run";
    let scratch = Scratch::new("run");
    for (input, variants) in variants(test, &scratch) {
        if input.extension().is_some_and(|e| e == "pie" || e == "exec") {
            for path in variants {
                run(&mut Command::new(path));
            }
        }
    }
}

#[test]
fn libelf_edits_rewritten_files_in_place() {
    let test = "libelf_edits_rewritten_files_in_place";
    let Some(gcc) = tool::find_or_skip(test, "gcc") else {
        return;
    };
    let scratch = Scratch::new("libelf");
    let program = scratch.join("libelf-update");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libelf-update.c");
    let compiled = gcc
        .command()
        .arg(source)
        .arg("-o")
        .arg(&program)
        .arg("-lelf")
        .output()
        .unwrap();
    if !compiled.status.success() {
        return tool::skip(test, "libelf");
    }
    for (_, variants) in variants(test, &scratch) {
        for path in variants {
            let before = fs_err::read(&path).unwrap();
            run(Command::new(&program).arg(&path).arg(".BTF"));
            let after = fs_err::read(&path).unwrap();
            // Nothing but the contents of that section.
            let elf = Elf::parse(&before).unwrap();
            let section = elf.sections()[elf.section_by_name(".BTF").unwrap().index()];
            let range = section.offset as usize..(section.offset + section.size) as usize;
            let mut expected = before.clone();
            expected[range].fill(b'x');
            assert!(after == expected, "{}", path.display());
        }
    }
}

#[test]
fn bpftool_reads_a_rewritten_module() {
    let test = "bpftool_reads_a_rewritten_module";
    let Some(bpftool) = tool::find_or_skip(test, "bpftool") else {
        return;
    };
    let Some(files) = kernel_files(test) else {
        return;
    };
    let vmlinux = files
        .iter()
        .find(|path| common::is_vmlinux(path))
        .expect("a vmlinux");
    let modules: Vec<_> = files
        .iter()
        .filter(|path| is_module(path) && contents(path, ".BTF").is_some())
        .step_by(301)
        .collect();
    assert!(!modules.is_empty());
    let scratch = Scratch::new("bpftool");
    for module in modules {
        let dump = |path: &Path| {
            run(bpftool
                .command()
                .args(["btf", "dump", "file"])
                .arg(path)
                .arg("-B")
                .arg(vmlinux))
        };
        let (removed, path) = (scratch.join("removed.ko"), scratch.join("module.ko"));
        let btf = contents(module, ".BTF").unwrap();
        set(module, &removed, None, None);
        set(&removed, &path, Some(&btf), None);
        assert!(dump(module) == dump(&path), "{}", module.display());
    }
}
