//! An index that hashes on demand finds what one finds that has hashed everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use btf_builder::Btf;
use splitbtf::{BaseIndex, Options, encode};

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

#[test]
fn a_lazy_index_gives_the_bytes_of_a_full_one() {
    let options = Options::default();
    let vmlinux = encode(&kernel().join("vmlinux"), None, &options).unwrap();
    let base = Arc::new(vmlinux.btf);
    let full = BaseIndex::new(Arc::clone(&base));
    let mut n_types = 0;
    for module in modules() {
        let bytes = |index: &BaseIndex| {
            let btf = encode(&module, Some(index), &options).unwrap().btf;
            (btf.to_bytes(), btf.n_own_types())
        };
        let expected = bytes(&full);
        // One that was asked before must not answer otherwise.
        let lazy = BaseIndex::lazy(Arc::clone(&base));
        assert!(bytes(&lazy) == expected, "{}", module.display());
        assert!(bytes(&lazy) == expected, "{}", module.display());
        n_types += expected.1;
    }
    assert!(n_types > 0);
}

#[test]
fn a_module_on_itself_has_no_types_of_its_own() {
    // Everything is found, definitions and prototypes included, in a base that is split BTF.
    let options = Options::default();
    let vmlinux = encode(&kernel().join("vmlinux"), None, &options).unwrap();
    let base = BaseIndex::new(Arc::new(vmlinux.btf));
    for module in modules() {
        let own = encode(&module, Some(&base), &options).unwrap().btf;
        let own: Arc<Btf> = Arc::new(own);
        let again = |index: &BaseIndex| encode(&module, Some(index), &options).unwrap().btf;
        let full = again(&BaseIndex::new(Arc::clone(&own)));
        let lazy = again(&BaseIndex::lazy(own));
        assert!(full.to_bytes() == lazy.to_bytes(), "{}", module.display());
    }
}
