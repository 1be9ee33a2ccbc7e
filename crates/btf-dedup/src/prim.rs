//! Pass over the types that refer to no other: INT, FLOAT, FWD, ENUM, ENUM64.
//!
//! Equal means equal in shape. An enum without enumerators declares any enum
//! of its name, ENUM or ENUM64: it is mapped to the newest such candidate, and
//! a full enum met later takes over the declarations before it, those of the
//! base included as far as own types refer to them.
//!
//! Source: libbpf `btf_dedup_prim_type`.

use hashbrown::HashMap;

use crate::graph::Graph;
use crate::shape::Shape;

/// Enums of one name.
#[derive(Clone, Debug, Default)]
pub(crate) struct EnumName {
    /// The newest canonical one.
    pub(crate) newest: u32,
    /// Canonical declarations, in id order.
    pub(crate) fwds: Vec<u32>,
}

pub(crate) type EnumNames = HashMap<u32, EnumName, foldhash::fast::FixedState>;

impl Graph<'_> {
    /// Maps each type of `prims` that is not mapped yet.
    pub(crate) fn dedup_prims(&mut self) {
        let prims = std::mem::take(&mut self.prims);
        // Enum declarations are rare outside vmlinux; without any, names need
        // not be looked at.
        let by_name =
            self.base.has_enum_fwds() || prims.iter().any(|&id| self.is_enum_fwd(self.shape(id)));
        let mut names = EnumNames::default();
        for &id in &prims {
            let shape = self.shape(id);
            let canon = if by_name && shape.is_enum() && self.info(shape).name != 0 {
                self.dedup_enum(&mut names, id, shape)
            } else {
                self.oldest(shape)
            };
            self.own_mut(id).canon = if canon == 0 { id } else { canon };
            if canon == 0 {
                self.add_candidate(id);
            }
        }
        self.prims = prims;
    }

    /// The oldest canonical type of a shape, of the base or own; 0 for none.
    pub(crate) fn oldest(&self, shape: Shape) -> u32 {
        match self.base.cands().only(shape) {
            0 => self.cands.only(shape),
            id => id,
        }
    }

    /// What stands for the named enum `id`; 0 if nothing does yet.
    fn dedup_enum(&mut self, names: &mut EnumNames, id: u32, shape: Shape) -> u32 {
        let info = self.info(shape);
        let is_fwd = info.is_enum_fwd();
        let equal = self.oldest(shape);
        let base = self.base.enum_names().get(&info.name);
        let own = names.get(&info.name);
        if is_fwd {
            if let Some(name) = own.or(base) {
                return name.newest;
            }
        } else if equal == 0 {
            let names = [base, own].into_iter().flatten();
            let fwds: Vec<u32> = names.flat_map(|n| n.fwds.iter().copied()).collect();
            for fwd in fwds {
                self.set_canon(fwd, id);
            }
        }
        if equal == 0 {
            let name = names.entry(info.name).or_default();
            name.newest = id;
            if is_fwd {
                name.fwds.push(id);
            }
        }
        equal
    }
}
