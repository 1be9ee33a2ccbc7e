//! Reading BTF from files, with advice in the errors.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use btf_builder::Btf;
use btf_file::{BtfFile, Fault};

pub(crate) use btf_file::find_base;

/// A parsed BTF and the file it comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) btf: Arc<Btf>,
    pub(crate) file: BtfFile,
}

/// Reads the BTF of an ELF file or of a raw file.
pub(crate) fn read(path: &Path) -> anyhow::Result<BtfFile> {
    BtfFile::read(path).map_err(advise)
}

/// What to say of a split BTF that does not fit the base that was given.
pub(crate) const OTHER_BASE: &str =
    "; is it made for this base? `splitbtf verify --base` knows more";

/// Whether what is wrong with a split BTF may be that its base is another.
pub(crate) fn may_be_of_other_base(fault: &Fault) -> bool {
    use btf_builder::Error;
    matches!(
        fault,
        Fault::Btf(Error::BadReference { .. } | Error::BadStringOffset { .. })
    )
}

/// The error, and what to do about it.
pub(crate) fn advise(error: btf_file::Error) -> anyhow::Error {
    match error.fault {
        Fault::NoBtf { has_dwarf: true } => {
            anyhow!("{error}; it has DWARF, so that `splitbtf encode` can make one")
        }
        Fault::NoBtf { has_dwarf: false } => anyhow!("{error}, nor DWARF to make one from"),
        Fault::NoBase => anyhow!("{error}; give its base with --base"),
        _ => error.into(),
    }
}

/// Parses the BTF of a file that is complete in itself: a base.
pub(crate) fn load_base(path: &Path) -> anyhow::Result<Arc<Btf>> {
    btf_file::open_base(path).map_err(advise)
}

/// Fails if `file`, read from `path`, needs a base of its own.
pub(crate) fn check_base(path: &Path, file: &BtfFile) -> anyhow::Result<()> {
    if file.is_split() {
        return Err(fault(path, Fault::SplitBase));
    }
    Ok(())
}

/// Parses the BTF of a file, on `base` if it is split.
///
/// Without `base`, a split BTF gets the distilled base of its own file, or else that of the
/// vmlinux that [`find_base`] finds.
pub(crate) fn load(path: &Path, base: Option<&Arc<Btf>>) -> anyhow::Result<Loaded> {
    let file = read(path)?;
    let btf = match base {
        Some(_) => file.parse(base).map_err(|found| {
            let other_base = file.is_split() && may_be_of_other_base(&found);
            match fault(path, found) {
                error if other_base => anyhow!("{error}{OTHER_BASE}"),
                error => error,
            }
        })?,
        None => file.parse_finding_base(path).map_err(advise)?,
    };
    Ok(Loaded {
        btf: Arc::new(btf),
        file,
    })
}

/// The error for a split BTF whose base is neither given nor found.
pub(crate) fn no_base(path: &Path) -> anyhow::Error {
    fault(path, Fault::NoBase)
}

fn fault(path: &Path, fault: Fault) -> anyhow::Error {
    advise(btf_file::Error {
        path: path.to_owned(),
        fault,
    })
}
