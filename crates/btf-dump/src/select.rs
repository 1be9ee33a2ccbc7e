//! Which types to dump.

use btf_builder::{Btf, Type, TypeId};

use crate::error::{Error, Result};

/// The types to dump, in the order of the dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Select<'a> {
    /// The types a BTF itself holds: all of a base, those of a split BTF
    /// without its base. What bpftool's raw dump shows.
    #[default]
    Own,
    /// Base and split. What bpftool's C dump starts from.
    All,
    /// These, in this order.
    Ids(&'a [TypeId]),
}

impl Select<'_> {
    /// Calls `f` with each selected type.
    pub(crate) fn each<'b>(
        self,
        btf: &'b Btf,
        mut f: impl FnMut(Type<'b>) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Own => btf.own_types().try_for_each(f),
            Self::All => btf.all_types().try_for_each(f),
            Self::Ids(ids) => ids.iter().try_for_each(|&id| {
                let ty = btf.ty(id).filter(|_| !id.is_void());
                f(ty.ok_or(Error::NoSuchType(id))?)
            }),
        }
    }
}
