//! How long it takes to parse a raw BTF file, to index it by name and by
//! string, and to write it again: best and median of 31 runs.
//!
//! ```text
//! cargo run --release -p btf-builder --example throughput -- vmlinux.btf
//! ```

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::time::Instant;

use btf_builder::Btf;

const RUNS: usize = 31;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("which file?")?;
    let data = std::fs::read(path)?;
    let mut rows: [(&str, Vec<f64>); 5] =
        ["parse", "name index", "lookup", "string index", "write"].map(|name| (name, Vec::new()));
    for _ in 0..RUNS {
        let mut row = 0;
        let mut time = |start: Instant| {
            rows[row].1.push(start.elapsed().as_secs_f64() * 1e3);
            row += 1;
        };
        let start = Instant::now();
        let btf = Btf::parse(&data)?;
        time(start);

        let names: Vec<&[u8]> = btf.own_types().map(|ty| ty.name()).collect();
        let start = Instant::now();
        let missing = btf.find_by_name("there is no such name");
        time(start);
        let start = Instant::now();
        let found = names
            .iter()
            .filter(|s| btf.find_by_name(s).is_some())
            .count();
        time(start);

        let start = Instant::now();
        let no_str = btf.find_str(b"there is no such string");
        time(start);

        let start = Instant::now();
        let bytes = btf.to_bytes();
        time(start);
        if bytes != data || missing.is_some() || no_str.is_some() || found == 0 {
            return Err("the file does not come out as it went in".into());
        }
    }
    println!("{:>14}  best ms  median ms", "");
    for (name, mut times) in rows {
        times.sort_by(f64::total_cmp);
        println!("{name:>14} {:8.3} {:10.3}", times[0], times[RUNS / 2]);
    }
    Ok(())
}
