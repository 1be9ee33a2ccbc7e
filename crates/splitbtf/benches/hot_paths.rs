//! What encoding spends its time on, piece by piece, on the committed small kernel: `cargo bench -p splitbtf`.
//!
//! The inputs are small, so that these numbers speak of the code and not of memory. `cargo xtask count` guards them in
//! CI by instructions, and `cargo xtask bench` measures real kernels.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use btf_builder::{Btf, NameFilter};
use btf_dedup::{BaseIndex, DedupOpts};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dwarf_reader::{NoRelocations, Sections, Unit};
use elf_io::{Elf, FileMap, SectionEdit, WriteOptions};
use splitbtf::{Base, Options, encode};

fn kernel(file: &str) -> PathBuf {
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/prebuilt");
    kernel.join(file)
}

fn vmlinux() -> Btf {
    let encoded = encode(&kernel("vmlinux"), None, &Options::default());
    encoded.expect("the committed vmlinux is encoded").btf
}

fn read_dwarf(c: &mut Criterion) {
    let map = FileMap::open(kernel("vmlinux")).expect("the committed vmlinux");
    let elf = Elf::parse(map.bytes()).expect("an ELF file");
    let section = |name: &str| match elf.section_by_name(name) {
        Some(idx) => elf.section_data(idx).expect("a whole section").into_owned(),
        None => Vec::new(),
    };
    let sections = Sections {
        info: &section(".debug_info"),
        types: &section(".debug_types"),
        abbrev: &section(".debug_abbrev"),
        str: &section(".debug_str"),
        line_str: &section(".debug_line_str"),
        str_offsets: &section(".debug_str_offsets"),
        addr: &section(".debug_addr"),
        loc: &section(".debug_loc"),
        loclists: &section(".debug_loclists"),
        ranges: &section(".debug_ranges"),
        rnglists: &section(".debug_rnglists"),
        big_endian: false,
    };
    c.bench_function("read DWARF", |b| {
        let mut unit = Unit::default();
        b.iter(|| {
            let headers =
                dwarf_reader::unit_headers(&sections, &NoRelocations, &|_| None).expect("headers");
            for header in headers.chunks(1) {
                let read = unit.read(&sections, header, &mut NoRelocations, &|_| true);
                read.expect("a unit");
                black_box(unit.types.len());
            }
        });
    });
}

fn encode_files(c: &mut Criterion) {
    let options = Options::default();
    let path = kernel("vmlinux");
    c.bench_function("encode vmlinux", |b| {
        b.iter(|| encode(&path, None, &options))
    });
    let base = Arc::new(vmlinux());
    let path = kernel("char_driver.ko");
    let indexed = Base::indexed(Arc::clone(&base));
    c.bench_function("encode a module, base indexed", |b| {
        b.iter(|| encode(&path, Some(&indexed), &options));
    });
    let per_file = Base::per_file(Arc::clone(&base));
    c.bench_function("encode a module, base indexed for it", |b| {
        b.iter(|| encode(&path, Some(&per_file), &options));
    });
    c.bench_function("index a base", |b| {
        b.iter(|| Base::indexed(Arc::clone(&base)))
    });
}

fn btf(c: &mut Criterion) {
    let btf = vmlinux();
    let bytes = btf.to_bytes();
    c.bench_function("parse BTF", |b| b.iter(|| Btf::parse(&bytes)));
    c.bench_function("write BTF", |b| b.iter(|| btf.to_bytes()));
    let names: Vec<Vec<u8>> = btf.own_types().map(|ty| ty.name().to_vec()).collect();
    c.bench_function("intern strings", |b| {
        b.iter(|| {
            let mut btf = Btf::new_empty(btf.endian());
            for name in &names {
                black_box(btf.intern_str(name).expect("a string"));
            }
        });
    });
    c.bench_function("filter strings", |b| {
        b.iter(|| {
            let mut filter = NameFilter::with_capacity(names.len());
            names.iter().step_by(8).for_each(|name| filter.insert(name));
            btf.find_strs(filter)
        });
    });
}

fn deduplicate(c: &mut Criterion) {
    let base = Arc::new(vmlinux());
    let index = BaseIndex::new(Arc::clone(&base)).expect("an index");
    // All of the base once more: everything is found.
    let mut split = Btf::new_split(Arc::clone(&base));
    split.add_btf(&base).expect("copies");
    let opts = DedupOpts::default();
    c.bench_function("deduplicate against a base", |b| {
        b.iter_batched(
            || split.clone(),
            |mut split| btf_dedup::dedup_split(&mut split, &index, &opts),
            BatchSize::SmallInput,
        );
    });
}

fn write_back(c: &mut Criterion) {
    let bytes = vmlinux().to_bytes();
    let dir = tempfile::tempdir().expect("a folder");
    let target = dir.path().join("module.ko");
    std::fs::copy(kernel("char_driver.ko"), &target).expect("a copy");
    let edits = [SectionEdit {
        name: ".BTF",
        data: Some(&bytes),
    }];
    c.bench_function("write into an ELF file", |b| {
        b.iter(|| elf_io::write_sections(&target, &target, &edits, &[], WriteOptions::default()));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = read_dwarf, encode_files, btf, deduplicate, write_back
}
criterion_main!(benches);
