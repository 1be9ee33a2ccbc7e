//! Semantic comparison of two BTFs.
//!
//! Two BTFs are equal if they describe the same types. Type ids, the order of
//! types and the layout of strings mean nothing; a type is what its record
//! says and what the types it refers to are, through any cycles. Each BTF may
//! be split, with a base of its own.
//!
//! ```
//! use btf_builder::{Btf, Endian, IntEncoding};
//! use btf_diff::{DiffOpts, diff};
//!
//! let mut left = Btf::new_empty(Endian::Little);
//! let int = left.add_int("int", 4, IntEncoding::SIGNED)?;
//! left.add_struct("point", 4)?;
//! left.add_field("x", int, 0, 0)?;
//!
//! let mut right = Btf::new_empty(Endian::Little);
//! right.add_int("unsigned int", 4, IntEncoding::NONE)?;
//! let int = right.add_int("int", 4, IntEncoding::SIGNED)?;
//! let point = right.add_struct("point", 8)?;
//! right.add_field("x", int, 0, 0)?;
//! right.add_field("y", int, 32, 0)?;
//! right.add_ptr(point)?;
//!
//! let diff = diff(&left, &right, &DiffOpts::default());
//! // `unsigned int` is only on the right, `point` has changed, and the
//! // pointer is not equal to anything because of that.
//! assert_eq!(diff.only_right[0].any().name, "unsigned int");
//! assert_eq!(diff.changed[0].changes, ["size 4 -> 8", "member `y`: only right"]);
//! assert_eq!(diff.affected.len(), 1);
//! # Ok::<(), btf_builder::Error>(())
//! ```
//!
//! [`Universe`] and [`Partition`] compare many BTFs at the cost of one pass,
//! [`files`] compares files and folders, [`IgnoreList`] names differences that
//! are to be expected.

mod describe;
mod diff;
pub mod files;
mod ignore;
mod partition;
mod report;
#[cfg(test)]
mod tests;
mod universe;

pub use crate::describe::describe;
pub use crate::diff::{
    Affected, Diff, DiffOpts, Explain, Finding, KindCount, Side, TypeInfo, What,
};
pub use crate::ignore::{IgnoreError, IgnoreFault, IgnoreList};
pub use crate::partition::{Duplicate, Partition};
pub use crate::report::Text;
pub use crate::universe::{BtfIdx, Universe};

use btf_builder::Btf;

/// Fixed seed: nothing here may depend on the order of a hash table, but what
/// does by mistake shall do so the same way every time.
pub(crate) type Hasher = foldhash::fast::FixedState;

/// Compares two BTFs. To compare more than two, or many on one base, use a
/// [`Universe`].
pub fn diff(left: &Btf, right: &Btf, opts: &DiffOpts<'_>) -> Diff {
    let mut universe = Universe::new();
    let (left, right) = (universe.add(left), universe.add(right));
    universe.partition().diff(left, right, opts)
}
