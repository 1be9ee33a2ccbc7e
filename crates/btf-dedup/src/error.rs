//! What can stop a deduplication.

use btf_builder::{StrOff, TypeId};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a BTF could not be deduplicated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A record refers to a type that does not exist.
    #[error("type {id} refers to type {target}, which does not exist")]
    BadReference {
        /// Id of the record.
        id: TypeId,
        /// The id it refers to.
        target: TypeId,
    },
    /// The index was built over another base than the one the BTF continues.
    #[error("the BTF does not continue the base that was indexed")]
    BaseMismatch,
    /// The BTF has no base, but was to be deduplicated against one.
    #[error("the BTF has no base")]
    NotSplit,
    /// More types than type ids can number.
    #[error("{0} types exceed what can be deduplicated")]
    TooManyTypes(u64),
    /// A `.BTF.ext` uses a string that its BTF does not have.
    #[error(".BTF.ext uses string offset {}, which does not exist", _0.0)]
    BadExtString(StrOff),
    /// The BTF itself refused a change.
    #[error(transparent)]
    Btf(#[from] btf_builder::Error),
}
