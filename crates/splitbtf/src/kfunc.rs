//! Decl tags of kfuncs, from the sets in `.BTF_ids` (dwarves `btf_encoder__collect_kfuncs`).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use btf_builder::{Btf, Kind, make_info};
use elf_io::{BtfIds, Elf};
use foldhash::fast::FixedState;

use crate::base::BaseIndex;
use crate::diag::{Diag, DiagKind};
use crate::error::ErrorKind;
use crate::features::Features;
use crate::output::{old_btf, old_name};

/// `KF_FASTCALL`, `KF_ARENA_RET`, `KF_ARENA_ARG1`, `KF_ARENA_ARG2` (`include/linux/btf.h`).
const FASTCALL: u32 = 1 << 12;
const ARENA_RET: u32 = 1 << 13;
const ARENA_ARG1: u32 = 1 << 14;
const ARENA_ARG2: u32 = 1 << 15;

/// Kfuncs by name, with their flags.
#[derive(Debug, Default)]
pub(crate) struct Kfuncs(HashMap<Vec<u8>, u32, FixedState>);

/// The flags of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kfunc(u32);

/// Which parts of a kfunc's prototype point into an arena.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arena(u32);

impl Arena {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Reads the kfunc sets of a file.
pub(crate) fn collect(
    elf: &Elf<'_>,
    base: Option<&BaseIndex>,
    features: Features,
    diags: &mut Vec<Diag>,
) -> Result<Kfuncs, ErrorKind> {
    let mut kfuncs = Kfuncs::default();
    if !features.decl_tag_kfuncs {
        return Ok(kfuncs);
    }
    let Some(ids) = BtfIds::read(elf)? else {
        if let Some(set) = BtfIds::set_without_contents(elf)? {
            diags.push(Diag {
                kind: DiagKind::KfuncSet,
                at: None,
                name: String::from_utf8_lossy(set).into_owned(),
            });
        }
        return Ok(kfuncs);
    };
    let base = base.map(|b| Arc::clone(b.btf()));
    let old = OnceCell::new();
    let listed =
        ids.kfuncs(|id| old_name(old.get_or_init(|| old_btf(elf, base.as_ref())).as_ref(), id));
    for k in listed {
        // Whose flags are whose may be lost in a section that was sorted before; that it is a kfunc is not.
        if k.flags.is_none() {
            diags.push(Diag {
                kind: DiagKind::KfuncFlags,
                at: None,
                name: k.name.to_owned(),
            });
        }
        kfuncs
            .0
            .insert(k.name.as_bytes().to_vec(), k.flags.unwrap_or(0));
    }
    Ok(kfuncs)
}

impl Kfuncs {
    /// The kfunc of this name, if there is one.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Kfunc> {
        self.0.get(name).map(|&flags| Kfunc(flags))
    }
}

impl Kfunc {
    /// The values of its decl tags.
    pub(crate) fn tags(self) -> impl Iterator<Item = &'static [u8]> {
        let fastcall = self.0 & FASTCALL != 0;
        let fastcall = fastcall.then_some(&b"bpf_fastcall"[..]);
        [&b"bpf_kfunc"[..]].into_iter().chain(fastcall)
    }

    /// What of its prototype points into an arena.
    pub(crate) fn arena(self, features: Features) -> Arena {
        if features.attributes {
            Arena(self.0 & (ARENA_RET | ARENA_ARG1 | ARENA_ARG2))
        } else {
            Arena(0)
        }
    }
}

/// The types that only arenas ask for, by their record: no DWARF has them, so that the hashes over DWARF do not see to
/// it that each is there once.
#[derive(Debug, Default)]
pub(crate) struct ArenaTypes(HashMap<Vec<u32>, u32>);

impl ArenaTypes {
    /// The id of the type with this record, which is added unless it is here or in the base.
    pub(crate) fn add(&mut self, btf: &mut Btf, record: &[u32]) -> Result<u32, ErrorKind> {
        if let Some(&id) = self.0.get(record) {
            return Ok(id);
        }
        // Strings that the base has are referred to there, so that equal types have equal records. A search through
        // the base is rare: few modules have kfuncs for arenas.
        let in_base = btf
            .base()
            .and_then(|base| base.all_types().find(|t| t.words() == record));
        let id = match in_base {
            Some(t) => t.id().0,
            None => btf.push_raw(record)?.0,
        };
        self.0.insert(record.to_vec(), id);
        Ok(id)
    }
}

/// Puts `address_space(1)` under the pointers of a prototype record that point into an arena.
pub(crate) fn mark_arena(
    btf: &mut Btf,
    types: &mut ArenaTypes,
    func: &[u8],
    proto: &mut [u32],
    arena: Arena,
) -> Result<(), ErrorKind> {
    // Word of the type in the record: the return type, the first and the second parameter's.
    for (flag, at) in [(ARENA_RET, 2), (ARENA_ARG1, 4), (ARENA_ARG2, 6)] {
        if arena.0 & flag == 0 {
            continue;
        }
        let id = proto.get(at).copied().unwrap_or(0);
        let pointee = match btf.ty(btf_builder::TypeId(id)) {
            Some(t) if t.kind() == Kind::Ptr => t.size_or_type(),
            _ => {
                return Err(ErrorKind::Other(format!(
                    "kfunc `{}`: its flags in .BTF_ids say that a value of it points into an arena, which is no pointer",
                    String::from_utf8_lossy(func)
                )));
            }
        };
        let value = btf.intern_str(b"address_space(1)")?.0;
        let tag = types.add(btf, &[value, make_info(Kind::TypeTag, 0, true), pointee])?;
        proto[at] = types.add(btf, &[0, make_info(Kind::Ptr, 0, false), tag])?;
    }
    Ok(())
}
