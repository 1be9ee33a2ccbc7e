//! References to types that lead to no type.
//!
//! Nobody looks for them while DIEs are read: a reference may lead to a DIE further on, and what is no type leaves no
//! trace. Once one is met, all are looked for at once.

use crate::abbrev::Abbrevs;
use crate::abbrev::class::Class;
use crate::header::UnitHeader;
use crate::record::{Stray, TypeRef};
use crate::unit::Unit;
use crate::unit::context::Context;
use crate::{Sections, Str, TypeTag};

impl Unit {
    /// References to types that lead to no type, in order of the DIEs that have them. `headers` are those that
    /// [`Unit::read`] got. Reads all DIEs once more: for when [`Unit::type_at`] came back without a type from a
    /// reference other than [`TypeRef::NONE`].
    pub fn strays(&self, sections: &Sections<'_>, headers: &[UnitHeader]) -> Vec<Stray> {
        let unknown = if sections.big_endian {
            self.unknown_dies::<true>(sections, headers)
        } else {
            self.unknown_dies::<false>(sections, headers)
        };
        let mut strays = Vec::new();
        let mut look = |off: u32, name: Str, r: TypeRef| {
            if r != TypeRef::NONE && self.type_at(r).is_none() {
                strays.push(Stray {
                    off,
                    name,
                    target: self.die_off(r.0),
                    may_be_type: unknown.binary_search(&r.0).is_ok(),
                });
            }
        };
        for t in &self.types {
            look(t.off, t.name, t.ty);
            if t.declaration {
                look(t.off, t.name, t.origin);
            }
            let items = t.first as usize..(t.first + t.n) as usize;
            match t.tag {
                TypeTag::Struct | TypeTag::Union => {
                    self.members[items]
                        .iter()
                        .for_each(|m| look(t.off, m.name, m.ty));
                }
                TypeTag::Subroutine => {
                    self.params[items]
                        .iter()
                        .for_each(|p| look(t.off, p.name, p.ty));
                }
                _ => {}
            }
        }
        self.funcs.iter().for_each(|f| look(f.off, f.name, f.ty));
        self.func_params
            .iter()
            .for_each(|p| look(p.off, p.name, p.ty));
        self.vars.iter().for_each(|v| look(v.off, v.name, v.ty));
        strays.sort_by_key(|s| s.off);
        strays
    }

    /// Offsets at which DIEs of unknown kinds, or of units that were left out, begin, from the start of the group, in
    /// ascending order. Ends where DIEs cannot be read.
    fn unknown_dies<const BE: bool>(
        &self,
        sections: &Sections<'_>,
        headers: &[UnitHeader],
    ) -> Vec<u32> {
        let mut starts = Vec::new();
        let mut abbrevs = Abbrevs::default();
        for h in headers {
            let shift = self.shift_of(h);
            let left_out = !self.headers.iter().any(|kept| kept.index == h.index);
            let (cx, mut cur) = Context::of::<BE>(sections, h);
            let read = abbrevs.read::<BE>(sections.abbrev, h.abbrev_off, h.encoding);
            while read.is_ok() && cur.pos < cur.data.len() {
                let off = (cur.pos as u64 + shift).wrapping_sub(self.base) as u32;
                match cur.uleb() {
                    Ok(0) => continue,
                    Ok(code) => {
                        let Some(ab) = abbrevs.get(code) else { break };
                        if cx.skip(&abbrevs, ab, &mut cur).is_err() {
                            break;
                        }
                        let unknown = matches!(ab.class, Class::Other | Class::Subrange);
                        if unknown || left_out {
                            starts.push(off);
                        }
                    }
                    Err(_) => break,
                }
            }
        }
        starts
    }
}
