//! Results into files: `.BTF`, `.BTF.base` and the ids in `.BTF_ids`.

use std::path::Path;
use std::sync::Arc;

use btf_builder::{Btf, EmitOpts, Kind, TypeId};
use elf_io::{BtfIdKind, BtfIds, Elf, FileMap, Patch, SectionEdit, WriteOptions};

use crate::encode::Options;
use crate::error::{Error, ErrorKind, Result};

/// The bytes of one result.
#[derive(Debug)]
pub struct Output {
    /// `.BTF`.
    pub btf: Vec<u8>,
    /// `.BTF.base`, for a distilled split BTF.
    pub base: Option<Vec<u8>>,
    /// What `btf` holds, for looking up ids.
    lookup: Arc<Btf>,
    old_base: Option<Arc<Btf>>,
}

/// What writing did besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Names in `.BTF_ids` without an id.
    pub unresolved: Vec<String>,
    /// A module signature that no longer fits was dropped.
    pub dropped_signature: bool,
}

impl Output {
    /// Serialises a result, and distils its base where the features ask for that.
    ///
    /// # Errors
    /// If a type refers to something of the base that cannot be distilled.
    pub fn new(mut btf: Btf, options: &Options) -> std::result::Result<Self, ErrorKind> {
        let features = options.features;
        let old_base = btf.base().cloned();
        if features.distilled_base && btf.is_split() {
            let mut distilled = btf.distill_base()?;
            if options.share_strings {
                distilled.split.share_string_ends()?;
            }
            return Ok(Self {
                btf: distilled.split.to_bytes_with(EmitOpts::default()),
                base: Some(distilled.base.to_bytes_with(EmitOpts::default())),
                lookup: Arc::new(distilled.split),
                old_base,
            });
        }
        if options.share_strings && btf.is_split() {
            btf.share_string_ends()?;
        }
        let emit = EmitOpts::default().with_layout(features.layout);
        Ok(Self {
            btf: btf.to_bytes_with(emit),
            base: None,
            lookup: Arc::new(btf),
            old_base,
        })
    }

    /// Writes the result into the ELF file `target`: replaces `.BTF`, adds or removes `.BTF.base`, leaves every other
    /// section as it is. With `ids`, the ids in `.BTF_ids` are made those of the new BTF, as `resolve_btfids` does.
    ///
    /// # Errors
    /// If the file cannot be read or replaced; it is then as it was.
    pub fn write_into(&self, target: &Path, ids: bool) -> Result<Written> {
        let fail = |kind: ErrorKind| Error {
            path: target.to_owned(),
            kind: Box::new(kind),
        };
        let mut written = Written::default();
        let mut resolved = None;
        if ids {
            let file = FileMap::open(target).map_err(|e| fail(e.into()))?;
            let elf = Elf::parse(file.bytes()).map_err(|e| fail(e.into()))?;
            resolved = self.resolve(&elf, &mut written).map_err(fail)?;
        }
        let edits = [
            SectionEdit {
                name: ".BTF",
                data: Some(&self.btf),
            },
            // One of an earlier encoding would make the kernel misread the new BTF.
            SectionEdit {
                name: ".BTF.base",
                data: self.base.as_deref(),
            },
        ];
        let patches: Vec<Patch<'_>> = resolved
            .iter()
            .map(|(section, bytes)| Patch {
                section: *section,
                offset: 0,
                bytes,
            })
            .collect();
        let report =
            elf_io::write_sections(target, target, &edits, &patches, WriteOptions::default())
                .map_err(|e| fail(e.into()))?;
        written.dropped_signature = report.dropped_signature;
        Ok(written)
    }

    /// The new contents of `.BTF_ids`.
    fn resolve(
        &self,
        elf: &Elf<'_>,
        written: &mut Written,
    ) -> std::result::Result<Option<(elf_io::SectionIdx, Vec<u8>)>, ErrorKind> {
        let Some(ids) = BtfIds::read(elf)? else {
            return Ok(None);
        };
        let old = old_btf(elf, self.old_base.as_ref());
        let resolved = ids.resolve(
            |kind, name| {
                let kind = match kind {
                    BtfIdKind::Struct => Kind::Struct,
                    BtfIdKind::Union => Kind::Union,
                    BtfIdKind::Typedef => Kind::Typedef,
                    BtfIdKind::Func => Kind::Func,
                };
                self.lookup.find_by_name_kind(name, kind).map(|id| id.0)
            },
            |id| old_name(old.as_ref(), id),
        )?;
        written.unresolved = resolved
            .unresolved
            .iter()
            .map(|u| u.name.to_owned())
            .collect();
        Ok(Some((ids.section(), resolved.bytes)))
    }
}

/// The BTF that a file carries now, from which its `.BTF_ids` were resolved.
pub(crate) fn old_btf(elf: &Elf<'_>, base: Option<&Arc<Btf>>) -> Option<Btf> {
    let bytes = elf.section_data(elf.section_by_name(".BTF")?).ok()?;
    let distilled = match elf.section_by_name(".BTF.base") {
        Some(idx) => Some(Arc::new(Btf::parse(&elf.section_data(idx).ok()?).ok()?)),
        None => None,
    };
    match distilled.as_ref().or(base) {
        Some(base) => Btf::parse_split(&bytes, Arc::clone(base)).ok(),
        None => Btf::parse(&bytes).ok(),
    }
}

/// The name of a function in the BTF of an earlier encoding.
pub(crate) fn old_name(old: Option<&Btf>, id: u32) -> Option<&str> {
    let t = old?.ty(TypeId(id))?;
    if t.kind() != Kind::Func {
        return None;
    }
    std::str::from_utf8(t.name()).ok()
}
