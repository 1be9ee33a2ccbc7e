//! Cycles of types that C cannot write.

use dwarf_reader::{TypeTag, Unit};

use super::Worker;

/// A cycle of types that C cannot write.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// Offset of a DIE in it from the start of the group of units.
    pub(super) off: u32,
    pub(super) what: &'static str,
}

impl Cycle {
    pub(super) const NAMELESS: &'static str = "types refer to each other in a cycle without a name";
    pub(super) const ENDLESS: &'static str =
        "a typedef leads back to itself through nothing but typedefs, qualifiers and arrays";

    pub(crate) fn into_error(self, unit: &Unit) -> dwarf_reader::Error {
        dwarf_reader::Error {
            kind: dwarf_reader::ErrorKind::Cycle(self.what),
            at: unit.at(self.off),
        }
    }
}

impl Worker<'_, '_> {
    /// The offset of a typedef that leads back to itself through nothing that could end it.
    pub(super) fn endless(&self) -> Option<u32> {
        let types = &self.unit.types;
        // In which round a type was met.
        let mut met = vec![0u32; types.len()];
        for (start, round) in (0..types.len()).zip(1u32..) {
            let mut i = start;
            while met[i] == 0 {
                met[i] = round;
                let goes_on = matches!(
                    types[i].tag,
                    TypeTag::Typedef
                        | TypeTag::Const
                        | TypeTag::Volatile
                        | TypeTag::Restrict
                        | TypeTag::Transparent
                        | TypeTag::TypeTag
                        | TypeTag::Array
                );
                match self.unit.type_at(types[i].ty) {
                    Some(next) if goes_on && met[next] == round => return Some(types[next].off),
                    Some(next) if goes_on => i = next,
                    _ => break,
                }
            }
        }
        None
    }
}
