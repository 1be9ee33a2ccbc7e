//! From the offset of a DIE to what was read there, and to its place in the file.

use crate::error::At;
use crate::record::{TypeDie, TypeRef};
use crate::unit::Unit;

/// Where types are by the offsets of their DIEs.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// For each stretch of the group, the last type that starts in it: its index, and in the low bits where in the
    /// stretch, so that no look at the type itself is needed to know it. `u32::MAX` if none does.
    last: Vec<u32>,
    /// log2 of the length of a stretch in bytes.
    shift: u32,
    /// The bits of an offset that say where in a stretch it is.
    within: u32,
}

impl Places {
    /// Where stretches are long, more types than this cannot be told from none.
    pub(super) const MOST: usize = u32::MAX as usize >> 5;

    /// For a group of so many bytes.
    pub(super) fn reset(&mut self, span: u64) {
        // Hardly two types share 4 bytes. Where that would take much memory, a few more steps do no harm.
        self.shift = if span < 4 << 20 { 2 } else { 5 };
        self.within = (1 << self.shift) - 1;
        self.last.clear();
        self.last
            .resize((span >> self.shift) as usize + 1, u32::MAX);
    }

    /// Types come in ascending order.
    #[inline(always)]
    pub(super) fn add(&mut self, off: u32, index: usize) {
        self.last[(off >> self.shift) as usize] = (index as u32) << self.shift | off & self.within;
    }

    /// The index of the type at an offset; one that no type has, or `None`, if there is none.
    #[inline(always)]
    fn find(&self, off: u32, types: &[TypeDie]) -> Option<usize> {
        let last = *self.last.get((off >> self.shift) as usize)?;
        let i = (last >> self.shift) as usize;
        if (last ^ off) & self.within == 0 {
            return Some(i);
        }
        find_before(i, off, types)
    }
}

/// The index of the type at an offset, among those before the `i`th.
#[inline(never)]
fn find_before(i: usize, off: u32, types: &[TypeDie]) -> Option<usize> {
    let before = types.get(..i)?.iter().rposition(|t| t.off <= off)?;
    (types[before].off == off).then_some(before)
}

impl Unit {
    /// The index in [`Self::types`] of what a reference leads to; `None` for void and for anything not a type.
    #[inline]
    pub fn type_at(&self, r: TypeRef) -> Option<usize> {
        self.index_at(r).filter(|&i| i < self.types.len())
    }

    /// As [`Self::type_at`], but an index that no type has may also mean that there is none: for where it is looked up in
    /// something as long as [`Self::types`], which tells.
    #[inline(always)]
    pub fn index_at(&self, r: TypeRef) -> Option<usize> {
        // Offsets are far below those with the bit of an index.
        match self.places.find(r.0, &self.types) {
            None if r.0 & TypeRef::INDEX != 0 => Some((r.0 & !TypeRef::INDEX) as usize),
            found => found,
        }
    }

    /// Indices in [`Self::types`] of all structs, unions and enums, in ascending order.
    pub fn tagged(&self) -> &[u32] {
        &self.tagged
    }

    /// The function whose DIE is at this offset from the start of the group.
    pub fn func_at(&self, off: u32) -> Option<usize> {
        self.funcs.binary_search_by_key(&off, |f| f.off).ok()
    }

    /// The function parameter whose DIE is at this offset from the start of the group.
    pub fn func_param_at(&self, off: u32) -> Option<usize> {
        // Nested functions may leave the array out of order; such parameters just have no origin.
        self.func_params.binary_search_by_key(&off, |p| p.off).ok()
    }

    /// The variable whose DIE is at this offset from the start of the group.
    pub fn var_at(&self, off: u32) -> Option<usize> {
        self.vars.binary_search_by_key(&off, |v| v.off).ok()
    }

    /// Section offset of a DIE of this group.
    pub fn die_off(&self, off: u32) -> u64 {
        let abs = self.base + u64::from(off);
        abs.checked_sub(self.types_shift).unwrap_or(abs)
    }

    /// The position of a DIE of this group, for messages.
    pub fn at(&self, off: u32) -> Option<At> {
        let abs = self.base + u64::from(off);
        let in_types = abs >= self.types_shift;
        let die_off = self.die_off(off);
        let i = self
            .headers
            .partition_point(|h| (h.in_types, h.off) <= (in_types, die_off))
            .checked_sub(1)?;
        Some(At {
            die_off: Some(die_off),
            ..self.headers[i].at()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Str;
    use crate::unit::annotation::tag_die;

    #[test]
    fn types_that_start_in_one_stretch_are_told_apart() {
        for span in [1 << 10, 5 << 20] {
            let offs = [11, 12, 15, 64, 65, 66, 95, 1000];
            let mut places = Places::default();
            places.reset(span);
            let types = offs.map(|off| tag_die(Str::NONE, off, 0, TypeRef::NONE));
            for (i, t) in types.iter().enumerate() {
                places.add(t.off, i);
            }
            for off in 0..1 << 10 {
                let found = places.find(off, &types).filter(|&i| i < types.len());
                assert_eq!(
                    found,
                    offs.iter().position(|&o| o == off),
                    "{off} of {span}"
                );
            }
            assert_eq!(places.find(u32::MAX, &types), None);
        }
    }
}
