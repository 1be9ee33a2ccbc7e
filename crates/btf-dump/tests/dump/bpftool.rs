//! Byte for byte as bpftool.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use btf_builder::Btf;
use btf_dump::{JsonStyle, Select, write_json, write_raw};

use crate::kernel::{Kernel, has_tool};

fn bpftool(json: Option<&str>, base: Option<&Path>, file: &Path) -> Vec<u8> {
    let mut command = Command::new("bpftool");
    command.args(json);
    if let Some(base) = base {
        command.arg("-B").arg(base);
    }
    let output = command
        .args(["btf", "dump", "file"])
        .arg(file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[track_caller]
fn same(name: &str, ours: &[u8], theirs: &[u8]) {
    if ours == theirs {
        return;
    }
    let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let window = |text: &[u8]| {
        let start = at.saturating_sub(80);
        String::from_utf8_lossy(&text[start..text.len().min(at + 80)]).into_owned()
    };
    panic!(
        "{name}: byte {at}: `{}`, bpftool `{}`",
        window(ours),
        window(theirs)
    );
}

fn compare(name: &str, btf: &Btf, base: Option<&Path>, file: &Path) {
    let mut raw = Vec::new();
    write_raw(btf, Select::Own, &mut raw).unwrap();
    same(name, &raw, &bpftool(None, base, file));
    for (flag, style) in [("-j", JsonStyle::Compact), ("-p", JsonStyle::Pretty)] {
        let mut json = Vec::new();
        write_json(btf, Select::Own, style, &mut json).unwrap();
        same(name, &json, &bpftool(Some(flag), base, file));
    }
}

#[test]
fn raw_and_json_dumps_are_those_of_bpftool() {
    let test = "raw_and_json_dumps_are_those_of_bpftool";
    if !has_tool(test, "bpftool") {
        return;
    }
    for kernel in Kernel::all(test) {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().join("vmlinux.btf");
        std::fs::write(&base, &kernel.vmlinux).unwrap();
        compare("vmlinux", &kernel.base, None, &base);
        let mut n_modules = 0;
        for (path, blob) in kernel.sample(28) {
            let file = scratch.path().join("module.btf");
            std::fs::write(&file, &blob).unwrap();
            let btf = Btf::parse_split(&blob, Arc::clone(&kernel.base)).unwrap();
            compare(&path.to_string_lossy(), &btf, Some(&base), &file);
            n_modules += 1;
        }
        eprintln!("vmlinux and {n_modules} modules as bpftool has them");
    }
}
