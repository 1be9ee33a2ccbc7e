//! Arrays of several dimensions: one type with the product of all, or one for each.

use crate::TypeTag;
use crate::abbrev::class::Slot;
use crate::record::{TypeDie, TypeRef};
use crate::unit::Unit;
use crate::unit::attrs::Attrs;

/// A dimension of an array behind its first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dimension {
    /// Index in [`Unit::types`].
    array: u32,
    /// Product of the dimensions before this one.
    before: u32,
    n: u32,
    /// The array's, while there was nothing to end before it.
    order: u32,
}

impl Unit {
    /// Takes in a `DW_TAG_subrange_type` below a type.
    #[inline]
    pub(super) fn dimension(&mut self, ty: u32, a: &Attrs) {
        let t = &mut self.types[ty as usize];
        if t.tag != TypeTag::Array {
            return;
        }
        let n = elements(a.get(Slot::UpperBound), a.get(Slot::Count));
        let before = t.size as u32;
        if t.flag {
            self.dimensions.push(Dimension {
                array: ty,
                before,
                n,
                order: self.ended,
            });
        }
        t.size = u64::from(before.wrapping_mul(n));
        t.flag = true;
    }

    /// Whether an array has several dimensions, and [`Self::nest_arrays`] something to do.
    pub fn has_dimensions(&self) -> bool {
        !self.dimensions.is_empty()
    }

    /// Makes arrays of several dimensions arrays of arrays: what was one type with the product of its dimensions keeps
    /// the first, and each further one gets a type of its own, without a DIE, that ends just before it.
    pub fn nest_arrays(&mut self) {
        let mut dimensions = std::mem::take(&mut self.dimensions);
        for t in &mut self.types {
            t.order += dimensions.partition_point(|d| d.order <= t.order) as u32;
        }
        for (d, before) in dimensions.iter_mut().zip(0..) {
            d.order += before;
        }
        // The innermost first: the next goes between the array and what that led to so far.
        let of_arrays = dimensions.chunk_by(|a, b| a.array == b.array);
        for of_array in of_arrays.rev() {
            for (d, place) in of_array.iter().rev().zip(of_array) {
                let inner = TypeRef::index(self.types.len());
                let array = &mut self.types[d.array as usize];
                let whole = *array;
                array.size = u64::from(d.before);
                array.ty = inner;
                self.types.push(TypeDie {
                    size: u64::from(d.n),
                    order: place.order,
                    ..whole
                });
            }
        }
        dimensions.clear();
        self.dimensions = dimensions;
    }
}

/// Elements of an array's dimension, by its bound or count.
pub(super) fn elements(upper_bound: Option<u64>, count: Option<u64>) -> u32 {
    match (upper_bound, count) {
        (Some(upper), _) => upper.wrapping_add(1) as u32,
        (None, Some(count)) => count as u32,
        (None, None) => 0,
    }
}
