//! Deduplicates BTF files with this crate and with libbpf, and compares: what
//! is left, what it says, and what it took.
//!
//! ```text
//! cargo run --release -p btf-dedup --features test-kit/libbpf --example against-libbpf -- \
//!     [--base BASE] FILE...
//! ```
//!
//! The files are raw BTF as encoders have it before they deduplicate, such as
//! `cargo run -p splitbtf --example undeduped` writes.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what it is for"
)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use btf_builder::{Btf, Limits};
use btf_dedup::{BaseIndex, DedupOpts, dedup, dedup_split};
use btf_diff::{DiffOpts, Universe};
use test_kit::libbpf;

/// Totals over all files.
#[derive(Default)]
struct Total {
    n_files: usize,
    /// Types before, and what is left by us and by libbpf.
    types: [u64; 3],
    /// Of what libbpf leaves, types that are there twice or in the base.
    left_over: usize,
    time: [Duration; 2],
    n_differing: usize,
}

fn parse(bytes: &[u8], base: Option<&Arc<Btf>>) -> btf_builder::Result<Btf> {
    let mut btf = match base {
        Some(base) => Btf::parse_split(bytes, Arc::clone(base))?,
        None => Btf::parse(bytes)?,
    };
    btf.set_limits(Limits::FORMAT);
    Ok(btf)
}

fn compare(
    path: &Path,
    base: Option<(&Arc<Btf>, &BaseIndex, &[u8])>,
    total: &mut Total,
) -> Result<(), Box<dyn Error>> {
    let input = std::fs::read(path)?;
    let mut ours = parse(&input, base.map(|(base, ..)| base))?;
    let before = ours.n_own_types();
    let start = Instant::now();
    match base {
        Some((_, index, _)) => dedup_split(&mut ours, index, &DedupOpts::default())?,
        None => dedup(&mut ours, &DedupOpts::default())?,
    };
    let time = start.elapsed();
    let theirs = libbpf::dedup(&input, base.map(|(.., bytes)| bytes), false)
        .map_err(|errno| format!("{}: libbpf: errno {errno}", path.display()))?;
    let their_time = theirs.time;
    let theirs = parse(&theirs.bytes, base.map(|(base, ..)| base))?;

    let mut universe = Universe::new();
    let (left, right) = (universe.add(&theirs), universe.add(&ours));
    let partition = universe.partition();
    let left_over = partition.duplicates(left);
    let diff = partition.diff(left, right, &DiffOpts::default());
    println!(
        "{:40} {before:9} {:7} {:7} {:5} {:9.1} {:9.1}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        ours.n_own_types(),
        theirs.n_own_types(),
        left_over.len(),
        time.as_secs_f64() * 1e3,
        their_time.as_secs_f64() * 1e3,
    );
    // What one side has more of is the types left over.
    let lists = [&diff.only_left, &diff.only_right, &diff.changed];
    if lists.into_iter().any(|roots| !roots.is_empty()) {
        total.n_differing += 1;
        println!("{}", diff.text("libbpf", "ours"));
    }
    total.n_files += 1;
    let counts = [before, ours.n_own_types(), theirs.n_own_types()];
    for (sum, count) in total.types.iter_mut().zip(counts) {
        *sum += u64::from(count);
    }
    total.left_over += left_over.len();
    total.time[0] += time;
    total.time[1] += their_time;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    if !libbpf::is_here("against-libbpf") {
        return Err("built without libbpf".into());
    }
    let mut args: Vec<_> = std::env::args_os().skip(1).collect();
    let mut base = None;
    if args.first().is_some_and(|arg| arg == "--base") {
        let path = args.get(1).ok_or("--base: which file?")?;
        let bytes = std::fs::read(path)?;
        let btf = Arc::new(Btf::parse(&bytes)?);
        let start = Instant::now();
        let index = BaseIndex::new(Arc::clone(&btf))?;
        eprintln!("base indexed in {:?}", start.elapsed());
        base = Some((btf, index, bytes));
        args.drain(..2);
    }
    println!(
        "{:40} {:>9} {:>7} {:>7} {:>5} {:>9} {:>9}",
        "file", "types in", "ours", "libbpf", "twice", "ours ms", "libbpf ms"
    );
    let mut total = Total::default();
    let base = base
        .as_ref()
        .map(|(btf, index, bytes)| (btf, index, &bytes[..]));
    for path in &args {
        compare(Path::new(path), base, &mut total)?;
    }
    let [before, ours, theirs] = total.types;
    println!(
        "{} files: {before} types, {ours} left by us and {theirs} by libbpf, {} of them twice; \
         {:?} and {:?}; {} files differ",
        total.n_files, total.left_over, total.time[0], total.time[1], total.n_differing
    );
    Ok(())
}
