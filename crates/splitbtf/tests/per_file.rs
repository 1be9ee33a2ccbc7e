//! An index made for one file finds what one finds that has everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use btf_builder::{Btf, Endian};
use splitbtf::{Base, Options, encode};

fn kernel() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/kernel/prebuilt")
}

fn modules() -> Vec<PathBuf> {
    let files = std::fs::read_dir(kernel()).unwrap();
    let mut modules: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    modules.retain(|path| path.extension().is_some_and(|e| e == "ko"));
    modules.sort();
    modules
}

fn vmlinux() -> Btf {
    let vmlinux = encode(&kernel().join("vmlinux"), None, &Options::default());
    vmlinux.unwrap().btf
}

/// Asserts that all modules get the same bytes on `base` from both kinds of index, and some types.
fn assert_equal_on(base: Btf, options: &Options) {
    let base = Arc::new(base);
    let indexed = Base::indexed(Arc::clone(&base));
    let per_file = Base::per_file(base);
    let mut n_types = 0;
    for module in modules() {
        let encoded = |base: &Base| encode(&module, Some(base), options).unwrap().btf;
        let expected = encoded(&indexed);
        let name = module.display();
        assert!(
            encoded(&per_file).to_bytes() == expected.to_bytes(),
            "{name}"
        );
        n_types += expected.n_own_types();
    }
    assert!(n_types > 0);
}

#[test]
fn an_index_for_one_file_gives_the_bytes_of_a_full_one() {
    assert_equal_on(vmlinux(), &Options::default());
}

#[test]
fn names_that_are_put_together_are_found_in_the_base() {
    let mut options = Options::default();
    options.features.true_signature = true;
    let vmlinux = encode(&kernel().join("vmlinux"), None, &options).unwrap();
    assert_equal_on(vmlinux.btf, &options);
}

#[test]
fn names_are_found_in_the_middle_of_a_bases_strings() {
    let mut base = vmlinux();
    let n = base.strings().len();
    base.share_string_ends().unwrap();
    assert!(base.strings().len() < n);
    assert_equal_on(base, &Options::default());
}

#[test]
fn a_base_need_not_be_copied() {
    let bytes = vmlinux().to_bytes();
    let shared = Btf::parse_shared(&bytes.clone().into()).unwrap();
    assert!(shared.to_bytes() == bytes);
    assert_equal_on(shared, &Options::default());
}

#[test]
fn cycles_without_a_name_in_them_come_to_an_end() {
    // 1 → 2 → 1, 3 → 3, an array of itself: nothing that a compiler makes, but it parses.
    let mut base = Btf::new_empty(Endian::Little);
    let ptr = |to| {
        [
            0,
            btf_builder::make_info(btf_builder::Kind::Ptr, 0, false),
            to,
        ]
    };
    for to in [2, 1, 3] {
        base.push_raw(&ptr(to)).unwrap();
    }
    let array = btf_builder::make_info(btf_builder::Kind::Array, 0, false);
    base.push_raw(&[0, array, 0, 4, 1, 7]).unwrap();
    let base = Btf::parse(&base.to_bytes()).unwrap();
    assert_equal_on(base, &Options::default());
}

#[test]
fn a_module_on_itself_has_no_types_of_its_own() {
    // Everything is found, definitions and prototypes included, in a base that is split BTF.
    let options = Options::default();
    let base = Base::indexed(Arc::new(vmlinux()));
    for module in modules() {
        let own = encode(&module, Some(&base), &options).unwrap().btf;
        let own: Arc<Btf> = Arc::new(own);
        let again = |base: &Base| encode(&module, Some(base), &options).unwrap().btf;
        let indexed = again(&Base::indexed(Arc::clone(&own)));
        let per_file = again(&Base::per_file(own));
        assert!(
            indexed.to_bytes() == per_file.to_bytes(),
            "{}",
            module.display()
        );
    }
}
