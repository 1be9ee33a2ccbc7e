//! Our BTF against that of others, type by type.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use btf_builder::{Btf, Kind};
use btf_diff::files::load;
use btf_diff::{Diff, DiffOpts, Finding, Partition, Universe};
use elf_io::{BtfIds, Elf, FileMap};
use fs_err as fs;
use serde::Serialize;
use splitbtf::Arrays;

use crate::causes::{self, Context, Known};
use crate::encoder::{self, Encode, Row, output_path};
use crate::kernel::Select;
use crate::peer::Peer;
use crate::progress;
use crate::text::Table;

/// Compare our BTF of a kernel and its modules with another encoder's.
///
/// Ids, order and strings do not matter; arrays of several dimensions are encoded as the other
/// encoder does. Against the packages' own .BTF, functions, their
/// prototypes and decl tags are left out, because the rules for these have changed since it was
/// made. Each difference is listed with its cause; exit status 1 if one has none.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    select: Select,

    /// Compare with this: `package` for the .BTF in the files themselves, or a folder with
    /// `vmlinux.btf` and `MODULE.ko.btf`, made on the package's vmlinux as base.
    #[arg(long, default_value = "package", value_name = "package|DIR")]
    against: PathBuf,

    /// Compare with what this pahole makes.
    #[arg(long, conflicts_with = "against", value_name = "PATH")]
    pahole: Option<PathBuf>,

    /// Take the first N modules.
    #[arg(long, value_name = "N")]
    modules: Option<usize>,

    /// Also list each expected difference.
    #[arg(long, short)]
    verbose: bool,

    /// Write all differences as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Where the other BTF comes from.
#[derive(Debug)]
enum Against<'a> {
    Package,
    Folder(&'a Path),
    Pahole(&'a Peer),
    /// Folders of what builds with either encoder made of the inputs: ours, theirs.
    Linked([&'a Path; 2]),
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let kernel = args.select.kernel()?;
    let mut modules = kernel.modules()?;
    modules.truncate(args.modules.unwrap_or(usize::MAX));
    let peer = args.pahole.as_deref().map(Peer::probe).transpose()?;
    let against = match &peer {
        Some(peer) => Against::Pahole(peer),
        None if args.against == Path::new("package") => Against::Package,
        None => Against::Folder(&args.against),
    };
    let binary = encoder::build()?;
    let scratch = tempfile::tempdir()?;
    let comparison = compare(&binary, &kernel.vmlinux, &modules, &against, scratch.path())?;
    print!("{}", comparison.text(args.verbose));
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&comparison)?)?;
    }
    Ok(if comparison.n_unexplained() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The differences of a kernel and its modules.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    files: Vec<FileDiff>,
}

#[derive(Debug, Serialize)]
struct FileDiff {
    name: String,
    diff: Diff,
}

/// Checks that both encoders make the same BTF, apart from known causes.
pub(crate) fn verify(
    binary: &Path,
    vmlinux: &Path,
    modules: &[PathBuf],
    peer: &Peer,
    scratch: &Path,
) -> Result<Comparison> {
    compare(binary, vmlinux, modules, &Against::Pahole(peer), scratch)
}

/// Compares what two builds of the same objects made of their BTF, each in a folder of raw BTF with modules on their
/// own build's vmlinux: ours, theirs. The inputs are ours, or linked of the same objects.
pub(crate) fn linked(
    binary: &Path,
    vmlinux: &Path,
    modules: &[PathBuf],
    folders: [&Path; 2],
    scratch: &Path,
) -> Result<Comparison> {
    let against = Against::Linked(folders);
    compare(binary, vmlinux, modules, &against, &scratch.join("again"))
}

fn compare(
    binary: &Path,
    vmlinux: &Path,
    modules: &[PathBuf],
    against: &Against<'_>,
    scratch: &Path,
) -> Result<Comparison> {
    let ours = scratch.join("ours");
    let theirs = scratch.join("theirs");
    fs::create_dir_all(&theirs)?;
    let reference = |input: &Path, is_module: bool| match against {
        Against::Package => input.to_owned(),
        Against::Folder(folder) => {
            let raw = if is_module {
                output_path(folder, input)
            } else {
                folder.join("vmlinux.btf")
            };
            // Modules may stand in a folder of their own.
            match raw.exists() {
                true => raw,
                false => output_path(&folder.join("mod"), input),
            }
        }
        Against::Pahole(_) => output_path(&theirs, input),
        Against::Linked([_, theirs]) => output_path(theirs, input),
    };
    if let Against::Pahole(peer) = against {
        let clock = progress::clock("pahole");
        clock.set_message("vmlinux");
        let raw = output_path(&theirs, vmlinux);
        let mut command = peer.encode(vmlinux, None, 1, &raw);
        crate::measure::memory(&mut command)?;
        clock.finish_and_clear();
        let bar = progress::bar("pahole", modules.len());
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        peer.encode_all(modules, Some(vmlinux), &theirs, at_once, &|| bar.inc(1))?;
        bar.finish_and_clear();
    }

    // Encoders differ in how they write arrays of several dimensions, and everything that holds one would differ.
    let arrays = Arrays::of(&load(&reference(vmlinux, false), None)?);
    let encode = |base, inputs| {
        Encode {
            base,
            inputs,
            out_dir: Some(&ours),
            arrays: Some(arrays),
        }
        .rows(binary)
    };
    let image = [vmlinux.to_owned()];
    let mut rows = encode(None, &image)?;
    rows.extend(encode(Some(vmlinux), modules)?);

    let clock = progress::clock("compare");
    let load_base = |path: &Path| load(path, None).context("the base of the modules");
    let (ours, bases) = match against {
        Against::Linked([ours, theirs]) => {
            let base = |folder| load_base(&output_path(folder, vmlinux)).map(Arc::new);
            (*ours, [base(ours)?, base(theirs)?])
        }
        _ => {
            let base = Arc::new(load_base(vmlinux)?);
            (ours.as_path(), [Arc::clone(&base), base])
        }
    };
    let mut inputs = Vec::new();
    for (i, row) in rows.into_iter().enumerate() {
        let is_module = i > 0;
        let [left_base, right_base] = bases
            .each_ref()
            .map(|base| is_module.then(|| Arc::clone(base)));
        let left = load(&output_path(ours, &row.path), left_base)?;
        let right = load(&reference(&row.path, is_module), right_base)?;
        inputs.push(Input {
            row,
            is_module,
            left,
            right,
        });
    }
    let mut universe = Universe::new();
    let pairs: Vec<_> = inputs
        .iter()
        .map(|input| (universe.add(&input.left), universe.add(&input.right)))
        .collect();
    let partition = universe.partition();
    let known = Known::load()?;
    let mut files = Vec::new();
    for (input, &(left, right)) in inputs.iter().zip(&pairs) {
        let name = input.row.path.file_name().unwrap_or_default();
        files.push(FileDiff {
            name: name.to_string_lossy().into_owned(),
            diff: input.diff(&partition, (left, right), against, &known)?,
        });
    }
    clock.finish_and_clear();
    Ok(Comparison { files })
}

struct Input {
    row: Row,
    is_module: bool,
    left: Btf,
    right: Btf,
}

impl Input {
    fn diff(
        &self,
        partition: &Partition<'_>,
        (left, right): (btf_diff::BtfIdx, btf_diff::BtfIdx),
        against: &Against<'_>,
        known: &Known,
    ) -> Result<Diff> {
        let is_package = matches!(against, Against::Package);
        // When it was encoded for the build the sets were as the compiler left them.
        let is_linked = matches!(against, Against::Linked(_));
        let skipped: HashMap<_, _> = self.row.skipped();
        let split_functions = std::cell::OnceCell::new();
        let context = Context {
            is_package,
            is_module: self.is_module,
            left_is_minimal: partition.duplicates(left).is_empty(),
            skipped: &|name| {
                skipped
                    .get(name)
                    .map_or_else(Vec::new, |reasons| reasons.to_vec())
            },
            // A file that cannot be read again has none, and the difference
            // stays unexplained.
            split_functions: &|| {
                let names = split_functions
                    .get_or_init(|| split_functions_of(&self.row.path).unwrap_or_default());
                names.clone()
            },
            sets_are_sorted: &|| !is_linked && sets_are_sorted(&self.row.path).unwrap_or_default(),
            per_cpu_is_hidden: &|| per_cpu_is_hidden(&self.row.path).unwrap_or_default(),
            known,
        };
        let explain = |finding: &Finding| causes::cause(&context, finding);
        let opts = DiffOpts {
            ignore_kinds: if is_package {
                vec![Kind::DeclTag]
            } else {
                Vec::new()
            },
            ignore_functions: is_package,
            explain: Some(&explain),
        };
        let diff = partition.diff(left, right, &opts);
        // What was linked is not what we encoded: resolve_btfids of newer kernels adds types, and on a distilled base
        // what leads to a type by its name only is there once more.
        ensure!(
            is_linked || context.left_is_minimal,
            "{}: our BTF has equal types: {:?}",
            self.row.path.display(),
            partition.duplicates(left)
        );
        Ok(diff)
    }
}

/// Functions that have a symbol `<name>.cold` or `<name>.<suffix>.cold`.
fn split_functions_of(path: &Path) -> Result<HashSet<String>> {
    let map = FileMap::open(path)?;
    let elf = Elf::parse(map.bytes())?;
    let symbols = elf.symbols()?;
    let mut names = HashSet::new();
    for i in 0.. {
        let Some(symbol) = symbols.get(i) else { break };
        let name = String::from_utf8_lossy(symbol?.name);
        if name.contains(".cold")
            && let Some((function, _)) = name.split_once('.')
        {
            names.insert(function.to_owned());
        }
    }
    Ok(names)
}

/// Whether a section that is not loaded stands before that of per-CPU variables and reaches, counted from address 0,
/// to where libdwfl places the sections of a relocatable file.
fn per_cpu_is_hidden(path: &Path) -> Result<bool> {
    const FIRST_ADDRESS: u64 = 0x10000;
    const SHT_PROGBITS: u32 = 1;
    const SHF_ALLOC: u64 = 2;
    let map = FileMap::open(path)?;
    let elf = Elf::parse(map.bytes())?;
    let mut before = elf
        .sections()
        .iter()
        .take_while(|section| section.name != b".data..percpu");
    Ok(before.any(|section| {
        section.sh_type == SHT_PROGBITS
            && section.flags & SHF_ALLOC == 0
            && section.size > FIRST_ADDRESS
    }))
}

/// Whether the sets in `.BTF_ids` have been resolved.
fn sets_are_sorted(path: &Path) -> Result<bool> {
    let map = FileMap::open(path)?;
    let elf = Elf::parse(map.bytes())?;
    let is_resolved = Cell::new(false);
    if let Some(ids) = BtfIds::read(&elf)? {
        // Only a set that has ids asks for their names.
        ids.kfuncs(|_| {
            is_resolved.set(true);
            None
        });
    }
    Ok(is_resolved.get())
}

impl Comparison {
    pub(crate) fn n_unexplained(&self) -> usize {
        let files = self.files.iter();
        files.map(|file| file.diff.unexplained().count()).sum()
    }

    /// Differences by cause, then those without, file by file.
    pub(crate) fn text(&self, verbose: bool) -> String {
        let mut out = String::new();
        let mut causes = BTreeMap::<&str, (usize, BTreeSet<&str>)>::new();
        for file in &self.files {
            for finding in &file.diff.explained {
                let reason = finding.reason.as_deref().unwrap_or_default();
                let (n, files) = causes.entry(reason).or_default();
                *n += 1;
                files.insert(&file.name);
            }
            let differs = !file.diff.is_equal();
            if differs || (verbose && !file.diff.explained.is_empty()) {
                let text = file.diff.text("ours", &file.name);
                out.push_str(&text.with_explained(verbose).to_string());
            }
        }
        let mut table = Table::new(&["cause of expected differences", "files", "types"]);
        for (reason, (n, files)) in &causes {
            table.row([(*reason).to_owned(), files.len().to_string(), n.to_string()]);
        }
        if !causes.is_empty() {
            out.push_str(&table.plain());
        }
        let equal = |file: &&FileDiff| file.diff.is_equal() && file.diff.explained.is_empty();
        out.push_str(&format!(
            "{} files: {} equal, {} with expected differences only, {} with others ({} types)\n",
            self.files.len(),
            self.files.iter().filter(equal).count(),
            self.files
                .iter()
                .filter(|file| file.diff.is_equal() && !equal(file))
                .count(),
            self.files
                .iter()
                .filter(|file| !file.diff.is_equal())
                .count(),
            self.n_unexplained(),
        ));
        out
    }
}
