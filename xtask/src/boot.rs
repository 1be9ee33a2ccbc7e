//! A real kernel as judge of what we encode.
//!
//! One boot in an emulator answers, for each module: does the kernel take it
//! with our BTF, and is `/sys/kernel/btf/<module>` what we wrote? The kernel
//! does not resolve references of its own BTF, so it is asked a second time,
//! with base and modules together as if a program had brought them. Modules
//! that are broken on purpose show that it would have said no; a BPF program on
//! a function of a module and one that calls a function of a module show that
//! the BTF is of use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use boot_init::{
    BtfSeen, Image, KernelModule, Loaded, Machine, Report, Step, Traced, build_init, load_order,
};
use btf_builder::{Btf, Kind};
use btf_verify::{Options, check_module, check_vmlinux};
use elf_io::{Elf, FileMap};
use fs_err as fs;
use serde::Serialize;

use crate::encoder::{self, Encode};
use crate::kernel::{self, Kernel};
use crate::kernel_build;
use crate::progress;
use crate::text::{Table, bytes};

/// How long the emulated machine may take.
const TIMEOUT: Duration = Duration::from_secs(1_800);
/// `BTF_MAX_SIZE`: what `BPF_BTF_LOAD` takes.
const MAX_BLOB: usize = 16 << 20;
/// What the BPF program is attached to: the module, a function of it that gets
/// a `struct file *`, and the file that makes it run.
const TRACED: [&str; 3] = ["tun", "tun_chr_open", "/dev/net/tun"];
/// How the file is opened: `O_RDWR | O_NONBLOCK`.
const TRACED_FLAGS: u64 = 0o4002;
/// The kfunc that another BPF program calls there: its module, and what returns
/// the id of a process.
const CALLED: [&str; 2] = ["external", "external_pid"];
/// The process that opens the file.
const INIT_PID: u64 = 1;

/// Boot a kernel in an emulator with all its modules encoded by us.
///
/// By default the newest Debian cloud kernel of a series: its modules are encoded anew, in place,
/// on its own vmlinux. Or the kernel that `cargo xtask kernel-build` made. Tells for each module
/// whether the kernel took it, and exits with 1 if it did not though it takes the original, or if
/// it takes one that was broken on purpose. Needs qemu-system-x86_64; KVM is not used.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Series: 6.12 or 6.1.
    #[arg(long, default_value = "6.12")]
    series: String,

    /// Boot what `cargo xtask kernel-build` made of this series.
    #[arg(long)]
    built: bool,

    /// Where kernel-build built it [default: target/kernel-build].
    #[arg(long, requires = "built")]
    dir: Option<PathBuf>,

    /// Afterwards boot once more with the original modules, to compare `splitbtf verify` with the
    /// kernel on hundreds of damaged BTFs.
    #[arg(long, conflicts_with = "built")]
    damaged: bool,

    /// Write what became of each module as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A kernel to boot.
struct Subject {
    image: PathBuf,
    vmlinux: PathBuf,
    /// Modules with our BTF, stripped of debug information.
    modules: Vec<PathBuf>,
    /// Whether all modules can do their work without hardware.
    runs_all: bool,
}

/// What became of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Fate {
    /// Loaded, and its BTF in sysfs is what we wrote.
    Accepted,
    /// Loaded or not, but the kernel refused the BTF.
    Rejected,
    /// The BTF in sysfs is another one.
    Differs,
    /// Not loaded for another reason.
    NotLoaded,
}

#[derive(Debug, Serialize)]
struct Summary {
    kernel: String,
    /// Seconds from the start of the machine to its end.
    seconds: f64,
    modules: BTreeMap<String, Row>,
    /// Modules whose init function ran, and those among them where it failed.
    n_init: usize,
    init_failed: Vec<String>,
    /// Modules whose BTF was judged with the base, in how many blobs.
    n_judged: usize,
    n_blobs: usize,
    blob_bytes: usize,
    /// Modules of a blob that was refused, with the kernel's words.
    refused: Vec<String>,
    /// Modules that our own checks refuse.
    verify_refuses: Vec<String>,
    broken: Vec<Broken>,
    /// What became of the programs.
    programs: Vec<String>,
    programs_ok: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    fate: Fate,
    errno: i32,
    /// What the kernel logged.
    log: Vec<String>,
}

/// A module broken on purpose.
#[derive(Debug, Serialize)]
struct Broken {
    what: String,
    /// The kernel refused it, and so do our checks.
    refused: bool,
    /// The kernel's words.
    log: String,
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        Command::new("qemu-system-x86_64")
            .arg("--version")
            .output()
            .is_ok(),
        "qemu-system-x86_64 is missing (package qemu-system-x86)"
    );
    let scratch = tempfile::tempdir()?;
    let (subject, stock) = if args.built {
        let built = kernel_build::Built::find(args.dir.as_deref(), &args.series)?;
        let subject = Subject {
            modules: strip_all(&built.modules, &scratch.path().join("stripped"))?,
            image: built.image,
            vmlinux: built.vmlinux,
            runs_all: true,
        };
        (subject, None)
    } else {
        let kernel = kernel::of_series(&args.series)?;
        (encode_stock(&kernel, scratch.path())?, Some(kernel))
    };
    let summary = boot(&subject, scratch.path())?;
    let mut ok = summary.is_good();
    print!("{}", summary.text());
    if let Some(kernel) = &stock {
        let not_loaded = summary.names_of(Fate::NotLoaded);
        if !not_loaded.is_empty() {
            let originals = load_originals(kernel, &subject, &not_loaded, scratch.path())?;
            for (name, loaded) in &originals {
                println!("with its original BTF: {name}: errno {}", loaded.errno);
                ok &= loaded.errno != 0;
            }
        }
        if args.damaged {
            ok &= compare_on_damaged(kernel, &subject.image, scratch.path())?;
        }
    }
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&summary)?)?;
    }
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Copies, encodes and strips the modules of a Debian kernel.
fn encode_stock(kernel: &Kernel, scratch: &Path) -> Result<Subject> {
    let image = kernel::bootable(kernel)?;
    let binary = encoder::build()?;
    let (copies, stripped) = (scratch.join("modules"), scratch.join("stripped"));
    fs::create_dir_all(&copies)?;
    let originals = kernel.modules()?;
    let bar = progress::bar("copy", originals.len());
    let mut inputs = Vec::new();
    for original in &originals {
        let copy = copies.join(original.file_name().unwrap_or_default());
        ensure!(!copy.exists(), "{}: two modules", copy.display());
        fs::copy(original, &copy)?;
        inputs.push(copy);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let encode = Encode {
        base: Some(&kernel.vmlinux),
        inputs: &inputs,
        out_dir: None,
        arrays: None,
    };
    encode.rows(&binary)?;
    let modules = strip_all(&inputs, &stripped)?;
    fs::remove_dir_all(copies)?;
    Ok(Subject {
        image,
        vmlinux: kernel.vmlinux.clone(),
        modules,
        runs_all: false,
    })
}

/// Copies of modules without debug information, as `make modules_install
/// INSTALL_MOD_STRIP=1` makes them.
fn strip_all(modules: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let bar = progress::bar("strip", modules.len());
    let stripped: Vec<_> = modules
        .iter()
        .map(|module| folder.join(module.file_name().unwrap_or_default()))
        .collect();
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        loop {
            let idx = next.fetch_add(1, Ordering::Relaxed);
            let (Some(from), Some(to)) = (modules.get(idx), stripped.get(idx)) else {
                return Ok(());
            };
            let output = Command::new("strip")
                .args(["--strip-debug", "-o"])
                .args([to, from])
                .output()
                .context("strip")?;
            ensure!(
                output.status.success() && output.stderr.is_empty(),
                "strip {}: {}",
                from.display(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
            bar.inc(1);
        }
    };
    let n_workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..n_workers).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            match worker.join() {
                Ok(result) => result?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        anyhow::Ok(())
    })?;
    bar.finish_and_clear();
    Ok(stripped)
}

/// Modules by name, and the order in which they can be loaded.
struct Modules {
    by_name: BTreeMap<String, KernelModule>,
    order: Vec<String>,
    /// Those that are to run their init function.
    live: BTreeSet<String>,
}

impl Modules {
    fn read(subject: &Subject) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for path in &subject.modules {
            let bytes = FileMap::open(path)?.bytes().to_vec();
            let module = KernelModule::new(bytes).with_context(|| path.display().to_string())?;
            let name = module.name().with_context(|| path.display().to_string())?;
            by_name.insert(name, module);
        }
        let depends = by_name
            .iter()
            .map(|(name, module)| Ok((name.clone(), module.depends()?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let order: Vec<_> = load_order(&depends)
            .into_iter()
            .map(str::to_owned)
            .collect();
        // Without init no kfunc is registered, which is where the kernel looks
        // at them; a module's init may call those that it depends on.
        let mut live = BTreeSet::new();
        let mut pending: Vec<_> = by_name
            .iter()
            .filter(|(name, module)| {
                subject.runs_all || *name == TRACED[0] || module.section(".BTF_ids").is_ok()
            })
            .map(|(name, _)| name.clone())
            .collect();
        while let Some(name) = pending.pop() {
            if let Some(below) = depends.get(&name)
                && live.insert(name)
            {
                pending.extend(below.iter().cloned());
            }
        }
        Ok(Self {
            by_name,
            order,
            live,
        })
    }

    fn btf(&self, name: &str) -> Result<&[u8]> {
        self.by_name[name]
            .section(".BTF")
            .with_context(|| name.to_owned())
    }

    /// A module that needs no other and has some types.
    fn victim(&self) -> Result<&str> {
        let mut names = self.order.iter();
        names
            .find(|name| {
                let module = &self.by_name[*name];
                module.depends().is_ok_and(|below| below.is_empty())
                    && module.section(".BTF.base").is_err()
                    && self.btf(name).is_ok_and(|btf| btf.len() > 2_000)
            })
            .map(String::as_str)
            .context("no module to break")
    }
}

/// Split BTFs behind one another, as one.
struct Batch {
    merged: Btf,
    /// First id of each module's types.
    starts: Vec<(u32, String)>,
    bytes: usize,
}

/// Puts the BTF of all modules together, as much as a blob with the base may
/// have.
fn batches(modules: &Modules, base: &Arc<Btf>) -> Result<Vec<Batch>> {
    let base_bytes = base.to_bytes().len();
    let mut batches: Vec<Batch> = Vec::new();
    for name in &modules.order {
        let module = &modules.by_name[name];
        let bytes = modules.btf(name)?;
        let btf = match module.section(".BTF.base") {
            Ok(distilled) => {
                let mut btf = Btf::parse_split(bytes, Arc::new(Btf::parse(distilled)?))?;
                btf.relocate(Arc::clone(base))?;
                btf
            }
            Err(_) => Btf::parse_split(bytes, Arc::clone(base))?,
        };
        let batch = match batches.last_mut() {
            Some(batch) if base_bytes + batch.bytes + bytes.len() < MAX_BLOB => batch,
            _ => {
                batches.push(Batch {
                    merged: Btf::new_split(Arc::clone(base)),
                    starts: Vec::new(),
                    bytes: 0,
                });
                batches.last_mut().context("just pushed")?
            }
        };
        let start = batch.merged.add_btf(&btf)?;
        batch.starts.push((start.0, name.clone()));
        batch.bytes += bytes.len();
    }
    Ok(batches)
}

impl Batch {
    /// The module that a line of the verifier's log, `[1234] STRUCT …`, is
    /// about.
    fn module_of(&self, line: &str) -> Option<&str> {
        let id: u32 = line.strip_prefix('[')?.split_once(']')?.0.parse().ok()?;
        let after = self.starts.partition_point(|(start, _)| *start <= id);
        self.starts
            .get(after.checked_sub(1)?)
            .map(|(_, name)| name.as_str())
    }
}

/// A module's BTF with one word changed: the name of its first type lies
/// outside all strings.
fn with_bad_name(btf: &[u8]) -> Vec<u8> {
    with_word(btf, 0, 0x00ff_ffff)
}

/// A module's BTF with a pointer to a type that there is not. The kernel does
/// not look where the pointers of its own BTF lead, but does for programs.
fn with_bad_pointer(bytes: &[u8], base: &Arc<Btf>) -> Result<Vec<u8>> {
    let btf = Btf::parse_split(bytes, Arc::clone(base))?;
    let pointer = btf
        .own_types()
        .position(|ty| ty.kind() == Kind::Ptr)
        .context("no pointer to break")?;
    let word = btf.type_index()[pointer] as usize;
    Ok(with_word(bytes, word + 2, btf.n_types() + 1_000))
}

/// Changes a word of the type section.
fn with_word(btf: &[u8], word: usize, value: u32) -> Vec<u8> {
    let field = |at: usize| {
        let bytes = btf.get(at..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    };
    let at = field(4) + field(8) + word * 4;
    let mut changed = btf.to_vec();
    if let Some(place) = changed.get_mut(at..at + 4) {
        place.copy_from_slice(&value.to_le_bytes());
    }
    changed
}

const BROKEN: &str = "broken";
const BROKEN_POINTER: &str = "broken-pointer";

fn boot(subject: &Subject, scratch: &Path) -> Result<Summary> {
    let modules = Modules::read(subject)?;
    let vmlinux = FileMap::open(&subject.vmlinux)?;
    let elf = Elf::parse(vmlinux.bytes())?;
    let section = elf
        .section_by_name(".BTF")
        .with_context(|| format!("{}: no .BTF", subject.vmlinux.display()))?;
    let base_bytes = elf.section_data(section)?;
    let base = Arc::new(Btf::parse(&base_bytes)?);

    let clock = progress::clock("prepare");
    let init = build_init(&encoder::target_dir())?;
    let initramfs = scratch.join("initramfs");
    let mut image = Image::new(fs::File::create(&initramfs)?, &init)?;
    let mut n_steps = 0;
    let mut add = |image: &mut Image<_>, step: Step| {
        n_steps += 1;
        image.step(&step);
    };
    let victim = modules.victim()?;
    let bad_name = with_bad_name(modules.btf(victim)?);
    let bad_pointer = with_bad_pointer(modules.btf(victim)?, &base)?;
    let mut broken = modules.by_name[victim].clone();
    broken.without_init()?;
    broken.overwrite_btf(&bad_name)?;
    let step = Step::Drop {
        path: image.file(BROKEN, broken.bytes())?,
        name: victim.to_owned(),
        label: BROKEN.to_owned(),
    };
    add(&mut image, step);
    let step = Step::Judge {
        path: image.file(BROKEN_POINTER, &bad_pointer)?,
        label: BROKEN_POINTER.to_owned(),
    };
    add(&mut image, step);
    for name in &modules.order {
        let mut module = modules.by_name[name].clone();
        let live = modules.live.contains(name);
        if !live {
            module.without_init()?;
        }
        let path = image.file(&format!("{name}.ko"), module.bytes())?;
        let name = name.clone();
        let step = match live {
            true => Step::Live { path, name },
            false => Step::Keep { path, name },
        };
        add(&mut image, step);
    }
    let batches = batches(&modules, &base)?;
    for (idx, batch) in batches.iter().enumerate() {
        let label = format!("batch-{idx}");
        let path = image.file(&label, &batch.merged.to_bytes())?;
        add(&mut image, Step::Judge { path, label });
    }
    let [module, function, file] = TRACED.map(str::to_owned);
    let traces = modules.by_name.contains_key(&module);
    let [provider, kfunc] = CALLED.map(str::to_owned);
    let calls = traces && modules.by_name.contains_key(&provider);
    if traces {
        let step = Step::Trace {
            module: module.clone(),
            function: function.clone(),
            file: file.clone(),
        };
        add(&mut image, step);
    }
    if calls {
        let step = Step::Call {
            module,
            function,
            file,
            provider,
            kfunc,
        };
        add(&mut image, step);
    }
    image.finish()?.sync_all()?;
    clock.finish_and_clear();

    let start = Instant::now();
    let bar = progress::bar("boot", n_steps);
    let machine = Machine {
        kernel: subject.image.clone(),
        initramfs,
        timeout: TIMEOUT,
    };
    let report = machine.run_watched(scratch, |n_lines| {
        bar.set_position(n_lines.min(n_steps) as u64);
    })?;
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();

    let options = Options {
        kernel: report
            .kernel
            .parse()
            .map_err(|error| anyhow::anyhow!("{}: {error}", report.kernel))?,
        ..Options::default()
    };
    let checked = check_vmlinux(&base_bytes, &options)
        .map_err(|breach| anyhow::anyhow!("{}: {breach}", subject.vmlinux.display()))?;
    let refuses = |btf: &[u8]| check_module(btf, &checked, &options).is_err();
    let mut verify_refuses = Vec::new();
    for name in &modules.order {
        // One on a distilled base is checked when it has been moved.
        if modules.by_name[name].section(".BTF.base").is_err() && refuses(modules.btf(name)?) {
            verify_refuses.push(name.clone());
        }
    }
    let mut summary = Summary::new(&report, seconds);
    summary.modules = modules
        .order
        .iter()
        .map(|name| {
            let loaded = report
                .loaded
                .get(name)
                .with_context(|| format!("{name}: not in the machine's report"))?;
            Ok((name.clone(), Row::new(loaded, report.logs.get(name))))
        })
        .collect::<Result<_>>()?;
    summary.verify_refuses = verify_refuses;
    summary.judge(&report, &batches);
    summary.blob_bytes = base_bytes.len() + batches.iter().map(|batch| batch.bytes).sum::<usize>();
    let log = report.logs.get(BROKEN).map(|log| log.join(" | "));
    summary.broken.push(Broken {
        what: format!("{victim} with a name outside all strings"),
        refused: !report.loaded[BROKEN].is_accepted() && refuses(&bad_name),
        log: log.unwrap_or_default(),
    });
    let verdict = &report.verdicts[BROKEN_POINTER];
    summary.broken.push(Broken {
        what: format!("{victim} with a pointer to no type, as a program's BTF"),
        refused: verdict.errno != 0,
        log: verdict.line.clone(),
    });
    if traces {
        summary.trace(&report)?;
    }
    if calls {
        summary.call(&report)?;
    }
    Ok(summary)
}

impl Row {
    fn new(loaded: &Loaded, log: Option<&Vec<String>>) -> Self {
        let log = log.cloned().unwrap_or_default();
        let complains = log.iter().any(|line| line.contains("failed to validate"));
        let fate = match (loaded.errno, loaded.btf) {
            (0, BtfSeen::Same) => Fate::Accepted,
            (0, BtfSeen::Differs) => Fate::Differs,
            (0, BtfSeen::Absent) => Fate::Rejected,
            _ if complains => Fate::Rejected,
            _ => Fate::NotLoaded,
        };
        Self {
            fate,
            errno: loaded.errno,
            log,
        }
    }
}

impl Summary {
    fn new(report: &Report, seconds: f64) -> Self {
        let failed = report.inits.iter().filter(|(_, errno)| **errno != 0);
        Self {
            kernel: report.kernel.clone(),
            seconds,
            modules: BTreeMap::new(),
            n_init: report.inits.len(),
            init_failed: failed
                .map(|(name, errno)| format!("{name} (errno {errno})"))
                .collect(),
            n_judged: 0,
            n_blobs: 0,
            blob_bytes: 0,
            refused: Vec::new(),
            verify_refuses: Vec::new(),
            broken: Vec::new(),
            programs: Vec::new(),
            programs_ok: true,
        }
    }

    fn judge(&mut self, report: &Report, batches: &[Batch]) {
        self.n_blobs = batches.len();
        for (idx, batch) in batches.iter().enumerate() {
            self.n_judged += batch.starts.len();
            let verdict = &report.verdicts[&format!("batch-{idx}")];
            if verdict.errno != 0 {
                let module = batch.module_of(&verdict.line).unwrap_or("some module");
                self.refused.push(format!("{module}: {}", verdict.line));
            }
        }
    }

    fn trace(&mut self, report: &Report) -> Result<()> {
        let is_right = |flags| flags & TRACED_FLAGS == TRACED_FLAGS;
        let tell =
            |seen: &Traced| format!("ran {} time(s), saw f_flags {:#o}", seen.runs, seen.value);
        let [module, function, _] = TRACED;
        self.program(
            "fentry/",
            &report.traced,
            [module, function],
            is_right,
            tell,
        )
    }

    fn call(&mut self, report: &Report) -> Result<()> {
        let tell = |seen: &Traced| format!("called {} time(s), returned {}", seen.runs, seen.value);
        self.program(
            "kfunc ",
            &report.called,
            CALLED,
            |pid| pid == INIT_PID,
            tell,
        )
    }

    /// Adds what became of the program on a function of a module, or that calls one.
    fn program(
        &mut self,
        what: &str,
        seen: &BTreeMap<String, Traced>,
        [module, function]: [&str; 2],
        is_right: impl Fn(u64) -> bool,
        tell: impl Fn(&Traced) -> String,
    ) -> Result<()> {
        let step = format!("{module}:{function}");
        let seen = seen
            .get(&step)
            .with_context(|| format!("{step}: not in the machine's report"))?;
        self.programs_ok &= seen.errno == 0 && seen.runs == 1 && is_right(seen.value);
        self.programs.push(match seen.errno {
            0 => format!("{what}{step} {}", tell(seen)),
            errno => format!("{what}{step}: errno {errno}, {}", seen.line),
        });
        Ok(())
    }

    fn names_of(&self, fate: Fate) -> BTreeSet<String> {
        let rows = self.modules.iter().filter(|(_, row)| row.fate == fate);
        rows.map(|(name, _)| name.clone()).collect()
    }

    /// Whether all is as it should be, modules apart that could not be loaded.
    fn is_good(&self) -> bool {
        let fates = self.modules.values().map(|row| row.fate);
        fates
            .into_iter()
            .all(|fate| matches!(fate, Fate::Accepted | Fate::NotLoaded))
            && self.refused.is_empty()
            && self.verify_refuses.is_empty()
            && self.broken.iter().all(|broken| broken.refused)
            && self.programs_ok
    }

    fn text(&self) -> String {
        let count = |fate| self.names_of(fate).len().to_string();
        let title = format!("{}, {:.0} s in the emulator", self.kernel, self.seconds);
        let mut table = Table::new(&[title.as_str(), "modules"]);
        let mut row = |what: &str, n: String| table.row([what.to_owned(), n]);
        row("all", self.modules.len().to_string());
        row(
            "accepted, BTF in sysfs as we wrote it",
            count(Fate::Accepted),
        );
        row("rejected", count(Fate::Rejected));
        row("BTF in sysfs is another", count(Fate::Differs));
        row("not loaded for another reason", count(Fate::NotLoaded));
        row("init function run", self.n_init.to_string());
        row("init function failed", self.init_failed.len().to_string());
        let judged = format!(
            "judged with the base by BPF_BTF_LOAD ({} in {} blob(s))",
            bytes(self.blob_bytes as u64),
            self.n_blobs
        );
        row(&judged, self.n_judged.to_string());
        row("refused there", self.refused.len().to_string());
        row(
            "refused by splitbtf verify",
            self.verify_refuses.len().to_string(),
        );
        let mut text = table.plain();
        for name in &self.init_failed {
            text.push_str(&format!("init failed: {name}\n"));
        }
        for (name, row) in &self.modules {
            if row.fate != Fate::Accepted {
                text.push_str(&format!(
                    "{:?}: {name}: errno {}, {}\n",
                    row.fate,
                    row.errno,
                    row.log.join(" | ")
                ));
            }
        }
        for refused in &self.refused {
            text.push_str(&format!("refused by BPF_BTF_LOAD: {refused}\n"));
        }
        for name in &self.verify_refuses {
            text.push_str(&format!("refused by splitbtf verify: {name}\n"));
        }
        for broken in &self.broken {
            let word = if broken.refused {
                "refused"
            } else {
                "ACCEPTED"
            };
            text.push_str(&format!(
                "broken on purpose: {}: {word}: {}\n",
                broken.what, broken.log
            ));
        }
        for program in &self.programs {
            text.push_str(&format!("{program}\n"));
        }
        text
    }
}

/// Tries modules that could not be loaded once more, as they were built.
fn load_originals(
    kernel: &Kernel,
    subject: &Subject,
    names: &BTreeSet<String>,
    scratch: &Path,
) -> Result<BTreeMap<String, Loaded>> {
    let originals = Subject {
        image: subject.image.clone(),
        vmlinux: subject.vmlinux.clone(),
        modules: strip_all(&kernel.modules()?, &scratch.join("originals"))?,
        runs_all: false,
    };
    let modules = Modules::read(&originals)?;
    let init = build_init(&encoder::target_dir())?;
    let initramfs = scratch.join("initramfs");
    let mut image = Image::new(fs::File::create(&initramfs)?, &init)?;
    for name in &modules.order {
        let mut module = modules.by_name[name].clone();
        module.without_init()?;
        let path = image.file(&format!("{name}.ko"), module.bytes())?;
        let name = name.clone();
        image.step(&Step::Keep { path, name });
    }
    image.finish()?;
    let machine = Machine {
        kernel: subject.image.clone(),
        initramfs,
        timeout: TIMEOUT,
    };
    let mut report = machine.run(scratch)?;
    report.loaded.retain(|name, _| names.contains(name));
    Ok(report.loaded)
}

/// Runs the test of `boot-init` that lets the kernel judge damaged BTFs and
/// compares its verdicts with those of `splitbtf verify`.
fn compare_on_damaged(kernel: &Kernel, image: &Path, scratch: &Path) -> Result<bool> {
    // With debug information they would not fit into the machine's memory.
    let originals = scratch.join("originals");
    strip_all(&kernel.modules()?, &originals)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let folder = kernel.vmlinux.parent();
    let Some(folder) = folder else {
        bail!("{}: in no folder", kernel.vmlinux.display());
    };
    let status = Command::new(cargo)
        .args([
            "test",
            "--quiet",
            "--package",
            "boot-init",
            "--test",
            "boot",
        ])
        .args(["--", "--nocapture"])
        .env("SPLITBTF_REQUIRE_TOOLS", "1")
        .env("SPLITBTF_BOOT_KERNEL", image)
        .env("SPLITBTF_BOOT_MODULES", originals)
        .env("SPLITBTF_KERNEL_DIR", folder)
        .status()
        .context("cargo")?;
    Ok(status.success())
}
