//! Damaged files: the encoder must say what is wrong in one line that names the file,
//! leave the file alone, and neither panic, hang, nor write what no kernel would accept.
//!
//! The good files are the prebuilt ones under `testdata`. What DWARF alone can get
//! wrong has cases of its own under `testdata/bad`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use object::{Object as _, ObjectSection as _};
use test_kit::mutate::{Random, mutate};
use test_kit::run::{self, Outcome, Splitbtf};
use test_kit::scratch::Scratch;

/// Address space that a run may use, in KiB: far more than these files need, far less
/// than a damaged length can ask for.
const MEMORY_KIB: &str = "6000000";

/// Time that a run over a batch of small files may take.
const TIME_LIMIT: Duration = Duration::from_secs(120);

fn splitbtf() -> Splitbtf {
    Splitbtf::new(env!("CARGO_BIN_EXE_splitbtf"))
}

fn prebuilt(name: &str) -> PathBuf {
    test_kit::testdata().join("kernel/prebuilt").join(name)
}

/// The base BTF of the small kernel, as `base.btf` in the directory.
fn base(scratch: &Scratch) -> PathBuf {
    let base = scratch.join("base.btf");
    let vmlinux = prebuilt("vmlinux");
    let args = ["encode".as_ref(), "-o".as_ref(), base.as_path(), &vmlinux];
    let outcome = splitbtf().run(args.map(|arg| arg.as_os_str().to_owned()));
    assert!(outcome.unwrap().status.success());
    base
}

/// Runs `splitbtf` within [`MEMORY_KIB`] and [`TIME_LIMIT`].
fn limited(args: &[&Path]) -> Result<Outcome, String> {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY_KIB}; exec \"$@\""), "sh"]);
    command.arg(splitbtf().command().get_program()).args(args);
    let outcome = run::run(&mut command, TIME_LIMIT).map_err(|error| error.to_string())?;
    match outcome.code() {
        Some(0 | 1) => Ok(outcome),
        _ => Err(format!("{}: {}", outcome.status, outcome.stderr)),
    }
}

/// The lines on stderr about each file.
fn complaints(outcome: &Outcome) -> BTreeMap<String, Vec<String>> {
    let mut complaints: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in outcome.stderr.lines() {
        let rest = line
            .strip_prefix("splitbtf: ")
            .unwrap_or_else(|| panic!("{line}"));
        let path = rest.split(": ").next().unwrap_or_default();
        complaints
            .entry(path.to_owned())
            .or_default()
            .push(line.to_owned());
    }
    complaints
}

#[test]
fn a_module_cut_short_anywhere_is_an_error_and_stays_as_it_is() {
    let scratch = Scratch::new("truncated");
    let base = base(&scratch);
    let whole = std::fs::read(prebuilt("kfuncs.ko")).unwrap();
    let mut files = Vec::new();
    for length in (0..whole.len()).step_by(41).chain([whole.len() - 1]) {
        let path = scratch.join(&format!("{length}.ko"));
        std::fs::write(&path, &whole[..length]).unwrap();
        files.push((path, length));
    }
    let mut args = vec![Path::new("encode"), Path::new("--base"), &base];
    args.extend(files.iter().map(|(path, _)| path.as_path()));
    let outcome = limited(&args).unwrap();
    assert_eq!(outcome.code(), Some(1));
    let complaints = complaints(&outcome);
    for (path, length) in &files {
        let lines = complaints.get(&path.display().to_string());
        assert_eq!(lines.map(Vec::len), Some(1), "{length}: {lines:?}");
        assert!(
            std::fs::read(path).unwrap() == whole[..*length],
            "{length} bytes changed"
        );
    }
}

#[test]
fn what_is_no_elf_file_is_named() {
    let scratch = Scratch::new("no-elf");
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"#!/bin/sh\necho not an object\n"),
        ("magic", b"\x7fELF"),
        ("archive", b"!<arch>\n"),
        ("raw-btf", &[0x9f, 0xeb, 1, 0, 24, 0, 0, 0]),
    ] {
        let path = scratch.join(name);
        std::fs::write(&path, bytes).unwrap();
        let outcome = limited(&[Path::new("encode"), &path]).unwrap();
        assert_eq!(outcome.code(), Some(1), "{name}");
        assert_eq!(
            complaints(&outcome)[&path.display().to_string()].len(),
            1,
            "{name}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{name}");
    }
}

#[test]
fn a_base_that_is_none_is_named() {
    let scratch = Scratch::new("bad-base");
    let good = base(&scratch);
    let module = scratch.join("module.ko");
    std::fs::copy(prebuilt("kfuncs.ko"), &module).unwrap();
    let before = std::fs::read(&module).unwrap();

    // Of the other byte order: an object of a big-endian machine, encoded.
    let foreign = scratch.join("foreign.btf");
    let object = test_kit::testdata().join("elf/order.s390x.gcc5.o");
    let args = [Path::new("encode"), &object, Path::new("-o"), &foreign];
    assert_eq!(limited(&args).unwrap().code(), Some(0));
    // Split itself.
    let split = scratch.join("split.btf");
    let args = [
        Path::new("encode"),
        Path::new("--base"),
        &good,
        &prebuilt("wide.ko"),
        Path::new("-o"),
        &split,
    ];
    assert_eq!(limited(&args).unwrap().code(), Some(0));
    // Damaged.
    let cut = scratch.join("cut.btf");
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let text = scratch.join("text");
    std::fs::write(&text, "no BTF").unwrap();
    let missing = scratch.join("missing");

    for bad in [foreign, split, cut, text, missing] {
        let args = [Path::new("encode"), Path::new("--base"), &bad, &module];
        let outcome = limited(&args).unwrap();
        assert_eq!(outcome.code(), Some(1), "{}", bad.display());
        let name = bad.display().to_string();
        assert!(outcome.stderr.contains(&name), "{name}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        assert!(std::fs::read(&module).unwrap() == before, "{name}");
    }
}

#[test]
fn a_disk_without_room_leaves_the_target_and_nothing_else() {
    let scratch = Scratch::new("full");
    let base = base(&scratch);
    let dir = scratch.join("modules");
    std::fs::create_dir(&dir).unwrap();
    let module = dir.join("module.ko");
    std::fs::copy(prebuilt("char_driver.ko"), &module).unwrap();
    let before = std::fs::read(&module).unwrap();
    // A limit on the size of written files fails as a full disk does, in the middle.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"]);
    command.arg(splitbtf().command().get_program());
    command.args([Path::new("encode"), Path::new("--base"), &base, &module]);
    let outcome = run::run(&mut command, TIME_LIMIT).unwrap();
    assert_eq!(outcome.code(), Some(1), "{}", outcome.stderr);
    assert_eq!(complaints(&outcome)[&module.display().to_string()].len(), 1);
    assert!(std::fs::read(&module).unwrap() == before);
    assert_eq!(
        std::fs::read_dir(&dir).unwrap().count(),
        1,
        "a temporary file is left"
    );

    let full = Path::new("/dev/full");
    if full.exists() {
        let args = [
            Path::new("encode"),
            Path::new("--base"),
            &base,
            &module,
            "-o".as_ref(),
            full,
        ];
        let outcome = limited(&args).unwrap();
        assert_eq!(outcome.code(), Some(1), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
}

/// A file to damage, and where damage is most telling.
struct Specimen {
    name: String,
    bytes: Vec<u8>,
    focus: Vec<Range<usize>>,
}

impl Specimen {
    fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let elf = object::File::parse(&*bytes).unwrap();
        let elf_header = 0..64;
        let mut focus = vec![elf_header];
        for section in elf.sections() {
            let telling = section.name().is_ok_and(|name| {
                [
                    ".debug_info",
                    ".debug_abbrev",
                    ".debug_types",
                    ".symtab",
                    ".strtab",
                ]
                .iter()
                .chain(&[".debug_str_offsets", ".debug_addr", ".debug_rnglists"])
                .chain(&[".debug_loc", ".debug_loclists", ".BTF_ids", ".shstrtab"])
                .chain(&[".rela.debug_info", ".rel.debug_info"])
                .any(|wanted| *wanted == name)
            });
            if let (true, Some((start, size))) = (telling, section.file_range()) {
                focus.push(start as usize..(start + size) as usize);
            }
        }
        // The section headers are at the end of what compilers and linkers write.
        focus.push(bytes.len().saturating_sub(64 * elf.sections().count())..bytes.len());
        Self { name, bytes, focus }
    }

    /// The prebuilt modules and every prebuilt object.
    fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        for dir in ["kernel/prebuilt", "elf"] {
            for entry in std::fs::read_dir(test_kit::testdata().join(dir)).unwrap() {
                let path = entry.unwrap().path();
                if path
                    .extension()
                    .is_some_and(|e| e == "ko" || e == "o" || e == "elf")
                {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }
}

fn setting(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// Damages files at random and encodes them, many in one run. `SPLITBTF_MUTATIONS` is
/// how many, `SPLITBTF_SEED` where to begin; a failure names the seed and keeps the file.
#[test]
fn random_damage_never_panics_hangs_or_gives_what_the_kernel_refuses() {
    const BATCH: u64 = 200;
    let scratch = Scratch::new("mutations");
    let base = base(&scratch);
    let specimens = Specimen::all();
    assert!(specimens.len() > 50);
    let (first, total) = (
        setting("SPLITBTF_SEED", 1),
        setting("SPLITBTF_MUTATIONS", 3000),
    );
    for start in (first..first + total).step_by(BATCH as usize) {
        let mut files = Vec::new();
        for seed in start..(start + BATCH).min(first + total) {
            let mut random = Random::new(seed);
            let specimen = &specimens[random.below(specimens.len())];
            let mut bytes = specimen.bytes.clone();
            mutate(&mut bytes, &specimen.focus, &mut random);
            let path = scratch.join(&format!("{seed}-{}", specimen.name));
            std::fs::write(&path, &bytes).unwrap();
            files.push(path);
        }
        // Every other batch is split on a base and in place, as modules are.
        let in_place = (start / BATCH).is_multiple_of(2);
        check_batch(&scratch, &base, &files, in_place);
        for path in &files {
            std::fs::remove_file(path).unwrap();
        }
    }
}

fn check_batch(scratch: &Scratch, base: &Path, files: &[PathBuf], in_place: bool) {
    let before: Vec<Vec<u8>> = files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let out = scratch.join("out");
    let mut args = vec![Path::new("encode"), Path::new("--quiet")];
    if in_place {
        args.extend([Path::new("--base"), base]);
    } else {
        args.extend([Path::new("--out-dir"), &out]);
    }
    let with = |files: &[PathBuf]| {
        let mut args = args.clone();
        args.extend(files.iter().map(PathBuf::as_path));
        limited(&args)
    };
    let outcome = match with(files) {
        Ok(outcome) => outcome,
        Err(error) => {
            // Which one is it?
            let culprit = files.iter().zip(&before).find_map(|(path, bytes)| {
                std::fs::write(path, bytes).unwrap();
                with(std::slice::from_ref(path))
                    .err()
                    .map(|error| (path, bytes, error))
            });
            let Some((path, bytes, error)) = culprit else {
                panic!("only together: {error}")
            };
            let kept = std::env::temp_dir().join(path.file_name().unwrap());
            std::fs::write(&kept, bytes).unwrap();
            panic!("{}: {error}", kept.display());
        }
    };
    // What failed is as it was; what did not is BTF that the kernel accepts.
    let complaints = complaints(&outcome);
    let mut results = Vec::new();
    for (path, bytes) in files.iter().zip(&before) {
        let result = if in_place {
            path.clone()
        } else {
            out.join(format!(
                "{}.btf",
                path.file_name().unwrap().to_string_lossy()
            ))
        };
        let unchanged = std::fs::read(path).unwrap() == *bytes;
        let encoded = if in_place {
            !unchanged
        } else {
            result.exists()
        };
        let said = complaints.contains_key(&path.display().to_string());
        assert!(
            encoded || said,
            "{}: nothing written, nothing said",
            path.display()
        );
        assert!(in_place || unchanged, "{}: changed", path.display());
        if encoded {
            results.push((result, bytes));
        }
    }
    let role: &[&Path] = if in_place {
        &[
            Path::new("--base"),
            base,
            Path::new("--as"),
            Path::new("module"),
        ]
    } else {
        &[Path::new("--as"), Path::new("vmlinux")]
    };
    let mut args = vec![
        Path::new("verify"),
        Path::new("--kernel"),
        Path::new("6.12"),
    ];
    args.extend(role);
    args.extend(results.iter().map(|(path, _)| path.as_path()));
    // Damage can make a module that the kernel accepts, and that `verify` all the same finds to be of another base.
    let verdict = limited(&args).unwrap();
    let all_accepted = format!("{0} of {0} accepted by Linux 6.12", results.len());
    if !results.is_empty() && !verdict.stdout.contains(&all_accepted) {
        for (path, bytes) in &results {
            if verdict.stdout.contains(&path.display().to_string()) {
                let kept = std::env::temp_dir().join(path.file_name().unwrap());
                std::fs::write(kept, bytes).unwrap();
            }
        }
        panic!("{}{}", verdict.stdout, verdict.stderr);
    }
}

/// Every type compared as a graph: slow, and the same types.
#[test]
fn comparing_every_type_as_a_graph_gives_the_same_types() {
    let options = splitbtf::Options::default();
    let mut paranoid = options.clone();
    paranoid.paranoid = true;
    for specimen in Specimen::all() {
        let encode = |options| splitbtf::encode_bytes(&specimen.bytes, None, options);
        let (Ok(usual), Ok(paranoid)) = (encode(&options), encode(&paranoid)) else {
            panic!("{}", specimen.name);
        };
        let difference = btf_diff::diff(&usual.btf, &paranoid.btf, &btf_diff::DiffOpts::default());
        assert!(difference.is_equal(), "{}", specimen.name);
    }
}

/// What units say one by one is what they say together; only which functions are left out is decided over all.
#[test]
fn units_one_by_one_have_the_types_of_the_whole_file() {
    let ignoring = btf_diff::DiffOpts {
        ignore_functions: true,
        ignore_kinds: vec![btf_builder::Kind::Datasec],
        ..btf_diff::DiffOpts::default()
    };
    let mut n_compared = 0;
    for specimen in Specimen::all() {
        let mut options = splitbtf::Options::default();
        let encode = |options: &_| splitbtf::encode_bytes(&specimen.bytes, None, options);
        let whole = encode(&options).unwrap();
        let n_units = whole.stats.n_units;
        let mut parts = btf_builder::Btf::new_empty(whole.btf.endian());
        // Units that refer to each other cannot be read alone.
        let alone = (0..n_units).all(|unit| {
            options.units = Some(unit..unit + 1);
            encode(&options).is_ok_and(|part| parts.add_btf(&part.btf).is_ok())
        });
        if !alone {
            continue;
        }
        n_compared += 1;
        btf_dedup::dedup(&mut parts, &btf_dedup::DedupOpts::default()).unwrap();
        let difference = btf_diff::diff(&whole.btf, &parts, &ignoring);
        let text = difference.text("whole", "parts").to_string();
        assert!(difference.is_equal(), "{}: {text}", specimen.name);
        options.units = Some(n_units..usize::MAX);
        assert_eq!(encode(&options).unwrap().btf.n_own_types(), 0);
    }
    assert!(n_compared > 10, "{n_compared} compared");
}
