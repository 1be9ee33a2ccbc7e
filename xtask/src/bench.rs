//! Time and memory against upstream, in one run.
//!
//! Both programs do the same work in turns, so that whatever else the machine
//! does hits both alike; medians are taken over the runs. Before anything is
//! timed the results are compared, which also brings the inputs into the page
//! cache. Each raw measurement is kept.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use fs_err as fs;
use serde::Serialize;

use crate::callgrind;
use crate::chart;
use crate::compare;
use crate::encoder::{self, Encode};
use crate::kernel::{Kernel, Select};
use crate::measure::{self, Usage};
use crate::peer::Peer;
use crate::progress;
use crate::text::{Table, bytes, ratio, seconds};

/// Runs of the short work in each round.
const SHORT_RUNS: usize = 10;

/// Numbers of modules by which the growth of memory is measured.
const GROWTH: [usize; 4] = [100, 400, 1_000, 4_000];

/// Numbers of threads on one vmlinux.
const SCALING: [usize; 4] = [1, 2, 4, 8];

/// Measure our encoder against a pahole: time, processor time, memory.
///
/// Results are compared before they are timed. Output goes to a temporary folder, best one in
/// memory (TMPDIR=/dev/shm).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    select: Select,

    /// The pahole to compare with, best upstream's newest, built with optimisation.
    #[arg(long, default_value = "pahole", value_name = "PATH")]
    pahole: PathBuf,

    /// Rounds; medians are taken over them.
    #[arg(long, default_value_t = 5, value_name = "N")]
    runs: usize,

    /// Take the first N modules.
    #[arg(long, value_name = "N")]
    modules: Option<usize>,

    /// Do not compare the results first.
    #[arg(long)]
    no_verify: bool,

    /// Write all measurements as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write BENCHMARKS.md, and rows, summary and chart below benchmarks/.
    #[arg(long)]
    save: bool,
}

/// A unit of work that both programs are timed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Work {
    /// The whole kernel image.
    Vmlinux,
    /// All modules on the image's BTF.
    Modules,
    /// One small module as a kernel build encodes it: load the base, encode,
    /// write a raw file (`scripts/gen-btf.sh`).
    SmallModule,
    /// The same as older kernels build: into the module itself
    /// (`scripts/Makefile.modfinal`).
    SmallInPlace,
    /// All modules without a base.
    Unsplit,
}

impl Work {
    const ALL: [Self; 5] = [
        Self::Vmlinux,
        Self::Modules,
        Self::SmallModule,
        Self::SmallInPlace,
        Self::Unsplit,
    ];

    fn is_short(self) -> bool {
        matches!(self, Self::SmallModule | Self::SmallInPlace)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Vmlinux => "vmlinux",
            Self::Modules => "all modules, split",
            Self::SmallModule => "one small module, split",
            Self::SmallInPlace => "one small module, in place",
            Self::Unsplit => "all modules, unsplit",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Who {
    Peer,
    Ours,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
struct Row {
    work: Work,
    who: Who,
    round: usize,
    #[serde(flatten)]
    usage: Usage,
}

/// How memory grows with the number of modules.
#[derive(Debug, Serialize)]
struct Growth {
    n_modules: usize,
    #[serde(flatten)]
    usage: Usage,
}

/// One vmlinux on so many threads.
#[derive(Debug, Serialize)]
struct Scaling {
    threads: usize,
    #[serde(flatten)]
    usage: Usage,
    /// Seconds that each thread ran, the busiest first.
    ran: Vec<f64>,
    /// Instructions that each thread executed in a run of its own, the busiest first; none without valgrind.
    instructions: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Day of the run, UTC.
    date: String,
    machine: Machine,
    kernel: String,
    vmlinux_bytes: u64,
    n_modules: usize,
    modules_bytes: u64,
    small_module: String,
    small_module_bytes: u64,
    /// What the peer says to `--version`.
    peer: String,
    /// Our commit.
    ours: String,
    /// Files whose BTF was compared before timing; `None` if that was left out.
    n_verified: Option<usize>,
    rows: Vec<Row>,
    growth: Vec<Growth>,
    scaling: Vec<Scaling>,
    /// Seconds of one small module's run that opening and indexing the base takes.
    small_base: Vec<f64>,
    /// All DWARF of the modules read with gimli, and nothing done with it.
    bare_pass: Vec<Usage>,
}

#[derive(Debug, Serialize)]
struct Machine {
    cpu: String,
    threads: usize,
    memory_bytes: u64,
    system: String,
    /// Load average over the minute before the first measurement.
    load: f64,
}

#[expect(clippy::print_stdout, reason = "the verb's output")]
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    ensure!(args.runs > 0, "--runs 0 measures nothing");
    let kernel = args.select.kernel()?;
    let bench = Bench::new(args, kernel)?;
    let report = bench.run(args)?;
    print!("{}", report.markdown());
    if let Some(path) = &args.json {
        fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    if args.save {
        report.save()?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Bench {
    kernel: Kernel,
    modules: Vec<PathBuf>,
    small: PathBuf,
    binary: PathBuf,
    bare_pass: PathBuf,
    peer: Peer,
    /// Our binary under the name of pahole.
    ours_as_pahole: Peer,
    threads: usize,
    scratch: tempfile::TempDir,
}

impl Bench {
    fn new(args: &Args, kernel: Kernel) -> Result<Self> {
        let mut modules = kernel.modules()?;
        modules.truncate(args.modules.unwrap_or(usize::MAX));
        ensure!(!modules.is_empty(), "no modules to encode");
        // Not the very smallest, which may be a single table.
        let mut by_size = modules
            .iter()
            .map(|path| Ok((fs::metadata(path)?.len(), path)))
            .collect::<Result<Vec<_>>>()?;
        by_size.sort();
        let small = by_size[by_size.len() / 4].1.clone();
        let binary = encoder::build()?;
        let peer = Peer::probe(&args.pahole)?;
        let scratch = tempfile::tempdir()?;
        let as_pahole = scratch.path().join("pahole");
        fs_err::os::unix::fs::symlink(&binary, &as_pahole)?;
        Ok(Self {
            kernel,
            modules,
            small,
            binary,
            bare_pass: encoder::build_bare_pass()?,
            ours_as_pahole: peer.with_program(&as_pahole),
            peer,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            scratch,
        })
    }

    fn run(self, args: &Args) -> Result<Report> {
        let mut n_verified = None;
        if !args.no_verify {
            let comparison = compare::verify(
                &self.binary,
                &self.kernel.vmlinux,
                &self.modules,
                &self.peer,
                &self.scratch.path().join("verify"),
            )?;
            ensure!(
                comparison.n_unexplained() == 0,
                "the results differ, so their times mean nothing:\n{}",
                comparison.text(false)
            );
            n_verified = Some(1 + self.modules.len());
            fs::remove_dir_all(self.scratch.path().join("verify"))?;
        }
        let machine = Machine::here();
        let mut rows = Vec::new();
        let bar = progress::bar("measure", args.runs * Work::ALL.len() * 2);
        for round in 0..args.runs {
            for work in Work::ALL {
                // Who goes first alternates, so that neither always has the
                // caches of the other.
                let mut order = [Who::Peer, Who::Ours];
                if round % 2 == 1 {
                    order.reverse();
                }
                for who in order {
                    bar.set_message(format!("{who:?}, {}", work.title()));
                    let n = if work.is_short() { SHORT_RUNS } else { 1 };
                    for _ in 0..n {
                        if work == Work::SmallInPlace {
                            fs::copy(&self.small, self.copy())?;
                        }
                        let usage = measure::times(|| self.once(work, who))?;
                        rows.push(Row {
                            work,
                            who,
                            round,
                            usage,
                        });
                    }
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        let small_base = (0..args.runs * SHORT_RUNS)
            .map(|_| self.small_base())
            .collect::<Result<_>>()?;
        let growth = self.growth()?;
        let scaling = self.scaling()?;
        let bare_pass = (0..args.runs)
            .map(|_| {
                let mut command = Command::new(&self.bare_pass);
                measure::times(|| measure::memory(command.args(&self.modules)))
            })
            .collect::<Result<_>>()?;
        let size = |path: &PathBuf| Ok(fs::metadata(path)?.len());
        let name = self.small.file_name().unwrap_or_default();
        Ok(Report {
            date: today()?,
            machine,
            kernel: self.kernel.version,
            vmlinux_bytes: size(&self.kernel.vmlinux)?,
            n_modules: self.modules.len(),
            modules_bytes: self.modules.iter().map(size).sum::<Result<u64>>()?,
            small_module: name.to_string_lossy().into_owned(),
            small_module_bytes: size(&self.small)?,
            peer: self.peer.version,
            ours: commit(),
            n_verified,
            rows,
            growth,
            scaling,
            small_base,
            bare_pass,
        })
    }

    /// The module that is written into.
    fn copy(&self) -> PathBuf {
        self.scratch.path().join("copy.ko")
    }

    /// Encodes more and more modules in one process: the kernel's own as often
    /// as is needed, as hard links. (One file by several paths that lead to
    /// one would be encoded once.)
    fn growth(&self) -> Result<Vec<Growth>> {
        let clock = progress::clock("memory by number of modules");
        let beside = self.kernel.vmlinux.parent().unwrap_or(Path::new("."));
        let dir = tempfile::Builder::new()
            .prefix(".bench-")
            .tempdir_in(beside)?;
        let mut inputs = Vec::new();
        let mut modules = self.modules.iter().cycle().enumerate();
        let mut rows = Vec::new();
        for n_modules in GROWTH {
            clock.set_message(n_modules.to_string());
            for (i, module) in modules.by_ref().take(n_modules - inputs.len()) {
                let link = dir.path().join(format!("{i}.ko"));
                fs::hard_link(fs::canonicalize(module)?, &link)?;
                inputs.push(link);
            }
            let out_dir = self.scratch.path().join("many");
            let encode = Encode {
                base: Some(&self.kernel.vmlinux),
                inputs: &inputs,
                out_dir: Some(&out_dir),
                arrays: None,
            };
            let mut command = encode.command(&self.binary);
            let usage = measure::times(|| measure::memory(command.arg("--quiet")))?;
            let n_results = fs::read_dir(&out_dir)?.count();
            ensure!(
                n_results == n_modules,
                "{n_results} results of {n_modules} modules"
            );
            rows.push(Growth { n_modules, usage });
            fs::remove_dir_all(&out_dir)?;
        }
        clock.finish_and_clear();
        Ok(rows)
    }

    /// Seconds that the base takes for one small module, by our own clock.
    fn small_base(&self) -> Result<f64> {
        let out_dir = self.scratch.path().join("out");
        let encode = Encode {
            base: Some(&self.kernel.vmlinux),
            inputs: std::slice::from_ref(&self.small),
            out_dir: Some(&out_dir),
            arrays: None,
        };
        let mut command = encode.command(&self.binary);
        let output = command.args(["--quiet", "--time"]).output()?;
        let tree = String::from_utf8_lossy(&output.stderr);
        // `   0.0021 s    base`, and the same of `index base`.
        let phases = tree.lines().filter_map(|line| line.split_once(" s "));
        let base = phases.filter(|(_, name)| matches!(name.trim(), "base" | "index base"));
        let seconds = base.filter_map(|(seconds, _)| seconds.trim().parse::<f64>().ok());
        let seconds: Vec<f64> = seconds.collect();
        ensure!(
            seconds.len() == 2,
            "splitbtf --time does not name the base's phases:\n{tree}"
        );
        Ok(seconds.iter().sum())
    }

    /// Encodes vmlinux on more and more threads.
    fn scaling(&self) -> Result<Vec<Scaling>> {
        let clock = progress::clock("vmlinux by number of threads");
        let mut rows = Vec::new();
        for threads in SCALING {
            clock.set_message(threads.to_string());
            let encode = Encode {
                base: None,
                inputs: std::slice::from_ref(&self.kernel.vmlinux),
                out_dir: Some(&self.scratch.path().join("out")),
                arrays: None,
            };
            let mut command = encode.command(&self.binary);
            command.arg("--quiet").arg(format!("-j{threads}"));
            let mut ran = Vec::new();
            let usage = measure::times(|| {
                let (usage, seconds) = measure::threads(&mut command)?;
                ran = seconds;
                Ok(usage)
            })?;
            let instructions = if callgrind::is_there() {
                callgrind::by_thread(&command)?
            } else {
                Vec::new()
            };
            rows.push(Scaling {
                threads,
                usage,
                ran,
                instructions,
            });
        }
        clock.finish_and_clear();
        Ok(rows)
    }

    /// Does one work once; returns the memory it took.
    fn once(&self, work: Work, who: Who) -> Result<Usage> {
        let out_dir = self.scratch.path().join("out");
        fs::create_dir_all(&out_dir)?;
        let vmlinux = &self.kernel.vmlinux;
        let base = (work != Work::Vmlinux && work != Work::Unsplit).then_some(vmlinux.as_path());
        let inputs = match work {
            Work::SmallModule | Work::SmallInPlace => {
                let pahole = match who {
                    Who::Ours => &self.ours_as_pahole,
                    Who::Peer => &self.peer,
                };
                let mut command = if work == Work::SmallInPlace {
                    pahole.encode_in_place(&self.copy(), base, self.threads)
                } else {
                    let output = encoder::output_path(&out_dir, &self.small);
                    pahole.encode(&self.small, base, self.threads, &output)
                };
                return measure::memory(&mut command);
            }
            Work::Vmlinux => std::slice::from_ref(vmlinux),
            Work::Modules | Work::Unsplit => &self.modules,
        };
        match who {
            Who::Ours => {
                let encode = Encode {
                    base,
                    inputs,
                    out_dir: Some(&out_dir),
                    arrays: None,
                };
                measure::memory(encode.command(&self.binary).arg("--quiet"))
            }
            Who::Peer if inputs.len() == 1 => {
                let input = &inputs[0];
                let output = encoder::output_path(&out_dir, input);
                let mut command = self.peer.encode(input, base, self.threads, &output);
                measure::memory(&mut command)
            }
            Who::Peer => self
                .peer
                .encode_all(inputs, base, &out_dir, self.threads, &|| ()),
        }
    }
}

fn two_digits(ratio: f64) -> String {
    if ratio.is_finite() {
        format!("{ratio:.2}")
    } else {
        "–".to_owned()
    }
}

fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.0} %", share * 100.0)
    } else {
        "–".to_owned()
    }
}

/// The middle of values, the mean of the middle two for an even number.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    match n {
        0 => 0.0,
        _ if n % 2 == 1 => values[n / 2],
        _ => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

impl Report {
    fn median(&self, work: Work, who: Who, of: impl Fn(&Usage) -> f64) -> f64 {
        let rows = self.rows.iter();
        let rows = rows.filter(|row| row.work == work && row.who == who);
        median(rows.map(|row| of(&row.usage)).collect())
    }

    fn markdown(&self) -> String {
        let mut table = Table::new(&["", "pahole", "splitbtf", "pahole / splitbtf"]);
        let quantities: [(&str, &dyn Fn(&Usage) -> f64, bool); 4] = [
            ("wall", &|usage| usage.wall, true),
            ("CPU", &Usage::cpu, true),
            ("anonymous memory", &|usage| usage.anon as f64, false),
            ("file pages", &|usage| usage.file as f64, false),
        ];
        for work in Work::ALL {
            for (name, of, is_time) in quantities {
                let [peer, ours] = [Who::Peer, Who::Ours].map(|who| self.median(work, who, of));
                let text = |value: f64| {
                    if is_time {
                        seconds(value)
                    } else {
                        bytes(value as u64)
                    }
                };
                let title = format!("{}: {name}", work.title());
                table.row([title, text(peer), text(ours), ratio(peer, ours)]);
            }
        }
        let rounds = self.rows.iter().map(|row| row.round + 1).max().unwrap_or(0);
        let verified = match self.n_verified {
            Some(n) => format!(
                "The BTF of all {n} files was compared before and is the same, known causes aside."
            ),
            None => "The results were not compared.".to_owned(),
        };
        let busy = if self.machine.load > 0.5 {
            format!(" **The machine was busy: load {:.1}.**", self.machine.load)
        } else {
            String::new()
        };
        format!(
            "Kernel {kernel}: vmlinux of {vmlinux}, {n} modules of {modules}; the small module is \
             {small} of {small_bytes}.\npahole {peer}, splitbtf {ours}; medians of {rounds} \
             rounds on {date}.\n{cpu}, {threads} threads, {memory}, {system}.{busy}\n{verified}\n\n\
             Where pahole has one input it runs with {threads} threads; for many, one process for \
             each, {threads} at a\ntime, and memory is that of the largest. splitbtf is one \
             process.\n\n{table}\n{small_base}{bare_pass}\n{growth}\n{scaling}",
            kernel = self.kernel,
            vmlinux = bytes(self.vmlinux_bytes),
            n = self.n_modules,
            modules = bytes(self.modules_bytes),
            small = self.small_module,
            small_bytes = bytes(self.small_module_bytes),
            peer = self.peer,
            ours = self.ours,
            date = self.date,
            cpu = self.machine.cpu,
            threads = self.machine.threads,
            memory = bytes(self.machine.memory_bytes),
            system = self.machine.system,
            table = table.markdown(),
            small_base = self.small_base_text(),
            bare_pass = self.bare_pass_text(),
            growth = self.growth_text(),
            scaling = self.scaling_text(),
        )
    }

    fn small_base_text(&self) -> String {
        format!(
            "Of the time of one small module, opening, checking and indexing the base takes {}.\n\n",
            seconds(median(self.small_base.clone()))
        )
    }

    /// What reading costs, before anything is made of it.
    fn bare_pass_text(&self) -> String {
        let of = |of: &dyn Fn(&Usage) -> f64| median(self.bare_pass.iter().map(of).collect());
        let (wall, cpu) = (of(&|usage| usage.wall), of(&Usage::cpu));
        let ours = |of: &dyn Fn(&Usage) -> f64| self.median(Work::Modules, Who::Ours, of);
        format!(
            "A program that reads every attribute of every DIE of these modules with gimli, with \
             relocations applied,\nand does nothing else takes {} of wall time and {} of CPU; \
             splitbtf takes {} and {} times that.\n",
            seconds(wall),
            seconds(cpu),
            two_digits(ours(&|usage| usage.wall) / wall),
            two_digits(ours(&Usage::cpu) / cpu),
        )
    }

    fn growth_text(&self) -> String {
        let header = ["modules", "wall", "CPU", "anonymous memory", "file pages"];
        let mut table = Table::new(&header);
        for row in &self.growth {
            table.row([
                row.n_modules.to_string(),
                seconds(row.usage.wall),
                seconds(row.usage.cpu()),
                bytes(row.usage.anon),
                bytes(row.usage.file),
            ]);
        }
        format!(
            "## Memory by number of modules\n\nsplitbtf alone, one run each, the same modules again \
             where the kernel has fewer.\n\n{}",
            table.markdown()
        )
    }

    fn scaling_text(&self) -> String {
        let header = [
            "threads",
            "wall",
            "CPU",
            "CPU to one thread",
            "busiest",
            "balance",
            "instructions of the busiest",
            "efficiency",
        ];
        let mut table = Table::new(&header);
        let one = self.scaling.first();
        let cpu = one.map_or(0.0, |row| row.usage.cpu());
        let alone = one.and_then(|row| row.instructions.first());
        for row in &self.scaling {
            let ran = row.ran.first().copied().unwrap_or(0.0);
            let total: f64 = row.ran.iter().sum();
            let busiest = row.instructions.first();
            let efficiency = |(&alone, &busiest)| {
                let ideal = alone as f64 / row.threads as f64;
                percent(ideal / busiest as f64)
            };
            let unknown = || "–".to_owned();
            table.row([
                row.threads.to_string(),
                seconds(row.usage.wall),
                seconds(row.usage.cpu()),
                ratio(row.usage.cpu(), cpu),
                seconds(ran),
                percent(total / (ran * row.threads as f64)),
                busiest.map_or_else(unknown, |&n| format!("{} M", n / 1_000_000)),
                alone.zip(busiest).map_or_else(unknown, efficiency),
            ]);
        }
        format!(
            "## vmlinux by number of threads\n\nsplitbtf alone, one run each. Where there are more \
             threads than processors, what counts is how the\nwork divides. The time that the busiest \
             thread ran is what the run would take with a processor for\neach thread, and the balance is \
             the mean of all threads to it; but threads that share a processor are\nnot given the same \
             time. Instructions do not depend on that: callgrind lets the threads take equal\nturns, and \
             efficiency is what one thread alone executes, divided among so many, to what the\nbusiest of \
             them does.\n\n{}",
            table.markdown()
        )
    }

    /// Writes BENCHMARKS.md and what it refers to.
    fn save(&self) -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the workspace")?;
        let dir = format!("benchmarks/{}-{}", self.date, slug(&self.machine.cpu));
        let folder = root.join(&dir);
        fs::create_dir_all(&folder)?;
        let summary = self.markdown();
        fs::write(
            folder.join("rows.json"),
            serde_json::to_string_pretty(self)?,
        )?;
        fs::write(folder.join("summary.md"), &summary)?;
        fs::write(folder.join("chart.svg"), self.chart())?;
        let text = format!(
            "# Benchmarks\n\n<!-- Written by `cargo xtask bench --save`. -->\n\n\
             ![time and memory of both]({dir}/chart.svg)\n\n{summary}\n\
             Raw measurements: [rows.json]({dir}/rows.json). To measure on another machine:\n\n\
             ```sh\nTMPDIR=/dev/shm cargo xtask bench --pahole PATH_OF_UPSTREAM --save\n```\n"
        );
        fs::write(root.join("BENCHMARKS.md"), text)?;
        Ok(())
    }

    fn chart(&self) -> String {
        let groups = |of: &dyn Fn(&Usage) -> f64, text: &dyn Fn(f64) -> String| {
            Work::ALL
                .into_iter()
                .map(|work| {
                    let [peer, ours] = [Who::Peer, Who::Ours].map(|who| self.median(work, who, of));
                    chart::Group {
                        title: work.title().to_owned(),
                        bars: [(peer, text(peer)), (ours, text(ours))],
                    }
                })
                .collect::<Vec<_>>()
        };
        chart::svg(
            ["pahole", "splitbtf"],
            &[
                chart::Panel {
                    title: "Wall time".to_owned(),
                    groups: groups(&|usage| usage.wall, &seconds),
                },
                chart::Panel {
                    title: "Peak anonymous memory".to_owned(),
                    groups: groups(&|usage| usage.anon as f64, &|value| bytes(value as u64)),
                },
            ],
        )
    }
}

impl Machine {
    fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)).unwrap_or("");
            value.trim_start_matches([':', ' ', '\t']).trim().to_owned()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        let load = read("/proc/loadavg");
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name"),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kib * 1024,
            system: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            load: load
                .split_whitespace()
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
        }
    }
}

/// The commit that is checked out, with a mark if files were changed since.
fn commit() -> String {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "of unknown commit".to_owned(),
    }
}

/// Letters and digits of a name, the rest as single hyphens.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

/// Today's date in UTC as YYYY-MM-DD.
fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    let output = output.context("date")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(vec![]), 0.0);
    }

    #[test]
    fn slugs_have_single_hyphens() {
        assert_eq!(slug("Intel(R) Xeon(R) @ 2.10GHz"), "intel-r-xeon-r-2-10ghz");
    }
}
