//! Writes the BTF of each unit of a file, one after the other in one raw BTF:
//! what there is before deduplication across units.
//!
//! ```text
//! cargo run --release -p splitbtf --example undeduped -- FILE OUT [BASE]
//! ```
//!
//! With a BASE, a raw BTF, the result is split and all types are its own:
//! each unit is encoded as if there were no base.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use btf_builder::{Btf, Limits};
use splitbtf::{Options, encode_bytes};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let (file, out, base) = match &args[..] {
        [file, out] => (file, out, None),
        [file, out, base] => (file, out, Some(base)),
        _ => return Err("usage: undeduped FILE OUT [BASE]".into()),
    };
    let map = elf_io::FileMap::open(Path::new(file))?;
    let mut options = Options::default();
    let whole = encode_bytes(map.bytes(), None, &options)?;
    let mut all = match base {
        Some(path) => Btf::new_split(Arc::new(Btf::parse(&std::fs::read(path)?)?)),
        None => Btf::new_empty(whole.btf.endian()),
    };
    all.set_limits(Limits::FORMAT);
    for unit in 0..whole.stats.n_units {
        options.units = Some(unit..unit + 1);
        all.add_btf(&encode_bytes(map.bytes(), None, &options)?.btf)?;
    }
    std::fs::write(out, all.to_bytes())?;
    Ok(())
}
