//! Boots a stock kernel in an emulator and lets it judge.
//!
//! `SPLITBTF_BOOT_KERNEL` names its bootable image, `SPLITBTF_BOOT_MODULES`
//! the folder of its modules (`.ko`, compressed or not), and
//! `SPLITBTF_KERNEL_DIR` the unpacked debug package of the same build, whose
//! `vmlinux` has the `.BTF` section. Needs `qemu-system-x86_64`.

#![expect(
    clippy::print_stderr,
    reason = "skipped tests and measured counts are reported there"
)]

#[path = "../../btf-verify/tests/verify/asm.rs"]
mod asm;
#[path = "../../btf-verify/tests/verify/damage.rs"]
mod damage;
#[path = "../../btf-verify/tests/verify/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use boot_init::{BtfSeen, Image, KernelModule, Machine, Step, build_init, load_order};
use btf_verify::{DmesgOptions, Options, check_module, check_user, check_vmlinux, concatenate};
use test_kit::real_kernel::{RealKernel, btf_of, files_below, path_from_env};
use test_kit::tool;

/// How long the emulated machine may take.
const TIMEOUT: Duration = Duration::from_secs(1_200);
/// Damaged copies of one module's BTF.
const N_DAMAGED: usize = 300;
/// Every how many modules one is judged together with the base as a program's
/// BTF, which takes seconds each under emulation.
const JUDGED: usize = 100;

/// What the machine is to find out, and what is expected of it.
struct Inquiry {
    names: Vec<String>,
    /// Damaged copies of the BTF of the module `victim`.
    damaged: Vec<Vec<u8>>,
    victim: String,
    rows: Vec<table::Row>,
}

fn prepare(files: &[PathBuf], initramfs: &Path) -> (Inquiry, BTreeMap<String, Vec<u8>>) {
    let init = build_init(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
    let file = std::io::BufWriter::new(std::fs::File::create(initramfs).unwrap());
    let mut image = Image::new(file, &init).unwrap();

    let rows = table::rows();
    for (idx, row) in rows.iter().enumerate() {
        if row.base.is_none() && row.blob.len() < 1 << 20 {
            let path = image.file(&format!("row-{idx}"), &row.blob).unwrap();
            image.step(&Step::Blob {
                path,
                label: format!("row-{idx}"),
            });
        }
    }

    let mut modules = BTreeMap::new();
    for file in files {
        let bytes = elf_io::FileMap::open(file).unwrap().bytes().to_vec();
        let mut module = KernelModule::new(bytes).unwrap();
        module.without_init().unwrap();
        modules.insert(module.name().unwrap(), module);
    }

    // The victim has BTF of some variety and needs no other module.
    let (victim, module) = modules
        .iter()
        .filter(|(_, module)| module.depends().unwrap().is_empty())
        .find(|(_, module)| (4_000..6_000).contains(&module.section(".BTF").unwrap().len()))
        .unwrap();
    let good = module.section(".BTF").unwrap().to_vec();
    let mut random = damage::Random(0x5eed_0007);
    let mut damaged = vec![good.clone()];
    for idx in 1..N_DAMAGED {
        let mut blob = good.clone();
        let from = if idx % 10 == 0 { 0 } else { 24 };
        damage::mutate(&mut blob, &mut random, from);
        damaged.push(blob);
    }
    for (idx, blob) in damaged.iter().enumerate() {
        let mut copy = module.clone();
        copy.overwrite_btf(blob).unwrap();
        let label = format!("damaged-{idx}");
        let path = image.file(&label, copy.bytes()).unwrap();
        let name = victim.clone();
        image.step(&Step::Drop { path, name, label });
    }

    let depends = modules
        .iter()
        .map(|(name, module)| (name.clone(), module.depends().unwrap()))
        .collect();
    let mut names = Vec::new();
    let mut btf = BTreeMap::new();
    for (idx, name) in load_order(&depends).into_iter().enumerate() {
        let module = &modules[name];
        let path = image.file(&format!("{name}.ko"), module.bytes()).unwrap();
        image.step(&Step::Keep {
            path: path.clone(),
            name: name.to_owned(),
        });
        if idx % JUDGED == 0 {
            let label = format!("judge-{name}");
            image.step(&Step::Judge { path, label });
        }
        names.push(name.to_owned());
        btf.insert(name.to_owned(), module.section(".BTF").unwrap().to_vec());
    }
    image.finish().unwrap();
    let inquiry = Inquiry {
        names,
        damaged,
        victim: victim.clone(),
        rows,
    };
    (inquiry, btf)
}

/// A fragment of the verifier's log as `/dev/kmsg` shows it; the report drops
/// spaces at the end.
fn kmsg(fragment: &[u8]) -> String {
    let mut line = String::from("BPF: ");
    for &byte in fragment.strip_suffix(b"\n").unwrap_or(fragment) {
        match byte {
            b' '..=b'~' if byte != b'\\' => line.push(byte.into()),
            _ => line.push_str(&format!("\\x{byte:02x}")),
        }
    }
    line.trim_end().to_owned()
}

#[test]
fn a_stock_kernel_agrees_about_its_modules_and_about_damaged_ones() {
    let test = "a_stock_kernel_agrees_about_its_modules_and_about_damaged_ones";
    let (Some(kernel), Some(dir), Some(debug)) = (
        path_from_env(test, "SPLITBTF_BOOT_KERNEL"),
        path_from_env(test, "SPLITBTF_BOOT_MODULES"),
        RealKernel::first(test),
    ) else {
        return;
    };
    if tool::find_or_skip(test, "qemu-system-x86_64").is_none() {
        return;
    }
    let mut files = files_below(&dir);
    files.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".ko") || name.contains(".ko.")
    });
    let base = btf_of(&debug.vmlinux);

    let scratch = tempfile::tempdir().unwrap();
    let initramfs = scratch.path().join("initramfs");
    let (inquiry, btf) = prepare(&files, &initramfs);
    let start = Instant::now();
    let report = Machine {
        kernel,
        initramfs,
        timeout: TIMEOUT,
    }
    .run(scratch.path())
    .unwrap();
    eprintln!("kernel {}, {:?}", report.kernel, start.elapsed());
    let options = Options {
        kernel: report.kernel.parse().unwrap(),
        ..Options::default()
    };
    let checked = check_vmlinux(&base, &options).unwrap();
    let mut failures = Vec::new();

    // The table, as a program's BTF.
    let mut n_rows = 0;
    for (idx, row) in inquiry.rows.iter().enumerate() {
        let Some(verdict) = report.verdicts.get(&format!("row-{idx}")) else {
            continue;
        };
        n_rows += 1;
        let expected = check_user(&row.blob, &options).err();
        let errno = expected.as_ref().map_or(0, |breach| breach.errno.number());
        let line = expected.map_or(String::new(), |breach| breach.line());
        if errno != verdict.errno || (!line.is_empty() && errno != 0 && line != verdict.line) {
            failures.push(format!("row {} {}: {verdict:?}", row.number, row.what));
        }
    }

    // All modules as they were built.
    let mut elsewise = Vec::new();
    let mut n_accepted = 0;
    for name in &inquiry.names {
        let loaded = &report.loaded[name];
        match (loaded.errno, loaded.btf) {
            (0, BtfSeen::Same) => n_accepted += 1,
            _ => elsewise.push(format!("{name}: {loaded:?} {:?}", report.logs.get(name))),
        }
        let ours = check_module(&btf[name], &checked, &options);
        assert!(ours.is_ok(), "{name}");
        let Some(verdict) = report.verdicts.get(&format!("judge-{name}")) else {
            continue;
        };
        let whole = concatenate(&ours.unwrap()).unwrap();
        assert!(check_user(&whole, &options).is_ok(), "{name}");
        if verdict.errno != 0 {
            failures.push(format!("{name} and its base: {verdict:?}"));
        }
    }

    // The damaged copies: accepted or refused, and what the log says. Debian's
    // kernels permit mismatches, and newer ones mute part of the log then.
    let dmesg = DmesgOptions {
        module: Some(&inquiry.victim),
        allow_mismatch: true,
        kernel: options.kernel,
    };
    let (mut n_refused, mut n_logged) = (0, 0);
    for (idx, blob) in inquiry.damaged.iter().enumerate() {
        let label = format!("damaged-{idx}");
        let loaded = &report.loaded[&label];
        let ours = check_module(blob, &checked, &options).err();
        // The last line does not begin with `BPF:`, and newer kernels print
        // theirs once per boot.
        let expected: Vec<_> = match &ours {
            Some(breach) if breach.dmesg(&dmesg).len() > 1 => {
                breach.fragments().iter().map(|text| kmsg(text)).collect()
            }
            _ => Vec::new(),
        };
        let mut logged = report.logs.get(&label).cloned().unwrap_or_default();
        logged.retain(|line| line.starts_with("BPF:"));
        n_refused += usize::from(ours.is_some());
        n_logged += usize::from(!expected.is_empty());
        if loaded.is_accepted() == ours.is_some() || expected != logged {
            failures.push(format!(
                "{label}: {loaded:?} {logged:?}, expected {:?}",
                ours.map(|breach| breach.to_string())
            ));
        }
    }

    eprintln!(
        "{n_rows} rows; {n_accepted} of {} modules accepted with their BTF in sysfs; \
         {n_refused} of {} damaged copies of {} refused, {n_logged} with a log",
        inquiry.names.len(),
        inquiry.damaged.len(),
        inquiry.victim,
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(n_refused > N_DAMAGED / 2 && n_logged > 20);
    assert!(elsewise.is_empty(), "{}", elsewise.join("\n"));
}
