//! Every case under `testdata/c` and `testdata/bad` in every combination of compiler, DWARF version,
//! target and link form that its directives ask for, one test each; and the same
//! expectations on the prebuilt objects under `testdata/elf`, which need no
//! compiler. `testdata/c/README.md` tells how to write a case.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use test_kit::case::Case;
use test_kit::matrix::Leg;
use test_kit::run::Splitbtf;
use test_kit::{build, prebuilt, run, tool};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let splitbtf = Splitbtf::new(env!("CARGO_BIN_EXE_splitbtf"));
    let mut cases = Vec::new();
    for dir in ["c", "bad"] {
        cases.extend(Case::load_all(&test_kit::testdata().join(dir)).expect("cases that parse"));
    }
    let mut trials = Vec::new();
    for case in &cases {
        for leg in case.legs().expect("directives that parse") {
            trials.push(compiled(&splitbtf, case, leg));
        }
    }
    let manifest = test_kit::testdata().join("elf/MANIFEST");
    for entry in prebuilt::load(&manifest).expect("a manifest that parses") {
        let case = cases.iter().find(|case| case.name == entry.case);
        let case = case
            .unwrap_or_else(|| panic!("{}: no such case", entry.case))
            .clone();
        let splitbtf = splitbtf.clone();
        let name = format!("prebuilt::{}", entry.file);
        trials.push(Trial::test(name, move || {
            prebuilt::check(&splitbtf, &case, &entry).map_err(failed)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The test of one leg; ignored, with the reason on stderr, if the machine cannot
/// build it.
#[expect(clippy::print_stderr, reason = "a skip has to be seen in the test log")]
fn compiled(splitbtf: &Splitbtf, case: &Case, leg: Leg) -> Trial {
    let name = format!("{}::{leg}", case.name);
    let missing = build::missing(case, &leg);
    if let Some(what) = &missing
        && !tool::required()
    {
        eprintln!("SKIP: {name}: {what} missing");
        return Trial::test(name, || Ok(())).with_ignored_flag(true);
    }
    let (splitbtf, case) = (splitbtf.clone(), case.clone());
    Trial::test(name, move || {
        if let Some(what) = missing {
            return Err(format!("{what} missing, and SPLITBTF_REQUIRE_TOOLS is set").into());
        }
        run::build_and_check(&splitbtf, &case, &leg).map_err(failed)
    })
}

fn failed(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}
