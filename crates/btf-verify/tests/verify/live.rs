//! The running kernel as the judge of this crate's verdicts on programs' BTF.
//!
//! Needs root on Linux; skips with a reason elsewhere.

use btf_verify::live::{LiveError, LiveVerdict, load, running_kernel};
use btf_verify::{Options, check_module, check_types, check_user, check_vmlinux, concatenate};
use test_kit::tool;

use crate::asm::Asm;
use crate::damage::{Random, mutate, rich};
use crate::real::Kernel;
use crate::table::rows;

/// What this crate expects the running kernel to say.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    errno: Option<i32>,
    line: String,
}

fn expected(blob: &[u8], options: &Options) -> Expected {
    match check_user(blob, options) {
        Ok(_) => Expected {
            errno: None,
            line: String::new(),
        },
        Err(breach) => Expected {
            errno: Some(breach.errno.number()),
            line: breach.line(),
        },
    }
}

/// Where the kernel prints nothing about the breach, its last line is about
/// a type that passed.
fn agrees(expected: &Expected, live: &LiveVerdict) -> bool {
    expected.errno == live.errno && (expected.line.is_empty() || expected.line == live.line())
}

/// The options of the running kernel, if it can be asked.
fn judge() -> Option<Options> {
    let kernel = running_kernel().expect("/proc is mounted");
    match load(&Asm::new().blob()) {
        Ok(verdict) => assert_eq!(verdict.errno, None),
        Err(LiveError::NotPermitted | LiveError::NoSyscall) => {
            tool::skip("live", "permission to load BTF into the running kernel");
            return None;
        }
        Err(error) => panic!("{error}"),
    }
    Some(Options {
        kernel,
        ..Options::default()
    })
}

#[test]
fn the_table_agrees_with_the_running_kernel() {
    let Some(options) = judge() else { return };
    let mut failures = Vec::new();
    let mut n_asked = 0;
    for row in rows() {
        let blob = match &row.base {
            None => row.blob,
            Some(base) => {
                let base = check_vmlinux(base, &options).unwrap();
                let Ok(split) = check_module(&row.blob, &base, &options) else {
                    continue;
                };
                concatenate(&split).unwrap()
            }
        };
        n_asked += 1;
        let expected = expected(&blob, &options);
        let live = load(&blob).unwrap();
        if !agrees(&expected, &live) {
            failures.push(format!(
                "{} {}: expected {expected:?}, got {:?} `{}`",
                row.number,
                row.what,
                live.errno,
                live.line()
            ));
        }
    }
    eprintln!("{n_asked} rows given to kernel {}", options.kernel);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Random damage to a small BTF that has everything.
#[test]
fn mutations_agree_with_the_running_kernel() {
    let Some(options) = judge() else { return };
    let good = rich().blob();
    assert_eq!(expected(&good, &options).line, "");
    assert_eq!(load(&good).unwrap().errno, None);
    let mut random = Random(0x5eed_0001);
    let mut failures = Vec::new();
    let mut n_refused = 0;
    let mut lines = std::collections::BTreeMap::<String, u32>::new();
    for round in 0..20_000 {
        let mut blob = good.clone();
        // Header fields are few; damage to them every tenth time.
        mutate(&mut blob, &mut random, if round % 10 == 0 { 0 } else { 24 });
        let expected = expected(&blob, &options);
        let live = load(&blob).unwrap();
        n_refused += u32::from(live.errno.is_some());
        if let Err(breach) = check_user(&blob, &options) {
            *lines.entry(breach.rule.code().to_owned()).or_default() += 1;
        }
        if !agrees(&expected, &live) {
            failures.push(format!(
                "round {round}: expected {expected:?}, got {:?} `{}`",
                live.errno,
                live.line()
            ));
        }
    }
    eprintln!("{n_refused} of 20000 refused; by rule: {lines:?}");
    assert!(n_refused > 5_000);
    let n_failures = failures.len();
    failures.truncate(10);
    assert!(failures.is_empty(), "{n_failures}\n{}", failures.join("\n"));
}

/// Real modules behind their real base, whole and damaged.
#[test]
fn real_modules_agree_with_the_running_kernel() {
    let Some(options) = judge() else { return };
    let Some(kernel) = Kernel::first("real_modules_agree_with_the_running_kernel") else {
        return;
    };
    let base = check_vmlinux(&kernel.vmlinux, &options).unwrap();
    let mut random = Random(0x5eed_0002);
    let mut failures = Vec::new();
    let mut n_refused = 0;
    let modules: Vec<_> = kernel.modules.iter().step_by(57).collect();
    for (name, module) in &modules {
        let split = check_module(module, &base, &options).unwrap();
        check_types(&split).unwrap();
        let good = concatenate(&split).unwrap();
        assert_eq!(load(&good).unwrap().errno, None, "{name}");
        let own_types = good.len() - module.len();
        for _ in 0..4 {
            let mut blob = good.clone();
            mutate(&mut blob, &mut random, own_types);
            let expected = expected(&blob, &options);
            let live = load(&blob).unwrap();
            n_refused += u32::from(live.errno.is_some());
            if !agrees(&expected, &live) {
                failures.push(format!(
                    "{name}: expected {expected:?}, got {:?} `{}`",
                    live.errno,
                    live.line()
                ));
            }
        }
    }
    eprintln!(
        "{} modules, {n_refused} damaged ones refused",
        modules.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
