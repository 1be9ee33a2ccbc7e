//! What can be wrong with a BTF or with a request to build one.

use crate::id::{StrOff, TypeId};
use crate::kind::Kind;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A fault in BTF data, or a value a builder call refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The blob ends before the header does.
    #[error("blob of {len} bytes is too short for a BTF header of {need} bytes")]
    HeaderTooShort {
        /// Blob length in bytes.
        len: usize,
        /// Bytes the header needs.
        need: u64,
    },
    /// The first two bytes are the magic in neither byte order.
    #[error("bad BTF magic {0:#06x}")]
    BadMagic(u16),
    /// The version byte is not 1.
    #[error("unsupported BTF version {0}")]
    UnsupportedVersion(u8),
    /// The flags byte is not 0.
    #[error("unsupported BTF flags {0:#x}")]
    UnsupportedFlags(u8),
    /// `hdr_len` is below 24.
    #[error("unsupported BTF header length {0}")]
    UnsupportedHeaderLen(u32),
    /// A section does not lie where the header rules want it.
    #[error("{section} section at {off:#x}, {len:#x} bytes, {fault}")]
    BadSection {
        /// `type`, `string`, `layout` or a `.BTF.ext` part.
        section: &'static str,
        /// Offset in bytes from the end of the header.
        off: u32,
        /// Length in bytes.
        len: u32,
        /// The rule that is broken.
        fault: &'static str,
    },
    /// The string section breaks a rule.
    #[error("malformed string section: {0}")]
    BadStrings(&'static str),
    /// A record runs past the end of the type section.
    #[error("type {id} needs {need} words but {left} are left in the type section")]
    TruncatedType {
        /// Id the record would have.
        id: TypeId,
        /// Length of the record in 32-bit words.
        need: u64,
        /// Words left.
        left: u64,
    },
    /// The kind is not known and no layout section says how long it is.
    #[error("type {id} has unknown kind {kind}")]
    UnknownKind {
        /// Id of the record.
        id: TypeId,
        /// Kind number.
        kind: u32,
    },
    /// The layout section gives a size that is not a multiple of 4.
    #[error("layout of kind {kind} has sizes {info_sz}/{elem_sz}, not multiples of 4")]
    BadLayout {
        /// Kind number.
        kind: u32,
        /// Bytes after the 12-byte head.
        info_sz: u8,
        /// Bytes per element.
        elem_sz: u8,
    },
    /// A record refers to a type that does not exist.
    #[error("type {id} refers to type {target}, which does not exist")]
    BadReference {
        /// Id of the record.
        id: TypeId,
        /// The id it refers to.
        target: TypeId,
    },
    /// A FUNC refers to something other than a FUNC_PROTO.
    #[error("FUNC {id} refers to type {target}, which is no FUNC_PROTO")]
    FuncWithoutProto {
        /// Id of the FUNC.
        id: TypeId,
        /// The id it refers to.
        target: TypeId,
    },
    /// A string offset points outside the string sections.
    #[error("type {id} has string offset {:#x}, which does not exist", off.0)]
    BadStringOffset {
        /// Id of the record.
        id: TypeId,
        /// The offset.
        off: StrOff,
    },
    /// The type id limit is reached.
    #[error("type id {0} exceeds the limit")]
    TooManyTypes(u64),
    /// The string section would pass its limit.
    #[error("string offset {0:#x} exceeds the limit")]
    StringsTooBig(u64),
    /// More members, values, parameters or variables than `vlen` may hold.
    #[error("{0} elements exceed the limit of vlen")]
    TooManyElements(u64),
    /// A raw record whose length does not fit its kind and `vlen`.
    #[error("raw record of {len} words, its kind and vlen need {need}")]
    BadRecordLen {
        /// Words given.
        len: usize,
        /// Words needed.
        need: u64,
    },
    /// No type has this id.
    #[error("no type with id {0}")]
    NoSuchType(TypeId),
    /// No string is at this offset.
    #[error("no string at offset {:#x}", .0.0)]
    NoSuchString(StrOff),
    /// A string with a NUL byte inside.
    #[error("string contains a NUL byte")]
    NulInString,
    /// This kind needs a name.
    #[error("{0} needs a name")]
    NameMissing(&'static str),
    /// A size this kind cannot have.
    #[error("{kind} cannot have a size of {size} bytes")]
    BadSize {
        /// Kind name.
        kind: &'static str,
        /// Size in bytes.
        size: u64,
    },
    /// INT encoding bits outside signed, char, bool.
    #[error("bad INT encoding {0:#x}")]
    BadIntEncoding(u8),
    /// The last type is not of the kind this element belongs to.
    #[error("the last type is no {0}")]
    LastTypeMismatch(&'static str),
    /// The type is imported, in the base, and cannot be changed from here.
    #[error("type {0} belongs to the base")]
    TypeInBase(TypeId),
    /// A member that BTF cannot express.
    #[error("member at bit {bit_offset} of {bit_size} bits: {fault}")]
    BadMember {
        /// Bits from the start of the struct.
        bit_offset: u32,
        /// Bitfield width in bits, 0 for an ordinary member.
        bit_size: u32,
        /// The rule that is broken.
        fault: &'static str,
    },
    /// An enumerator that does not fit 32 bits.
    #[error("enum value {0} does not fit 32 bits")]
    BadEnumValue(i64),
    /// DECL_TAG component index below −1.
    #[error("bad component index {0}")]
    BadComponentIdx(i32),
    /// A type that has no size or alignment.
    #[error("type {id} has no size: it leads to a {kind}")]
    NoSize {
        /// The type asked about.
        id: TypeId,
        /// Kind it leads to.
        kind: Kind,
    },
    /// A chain or nesting of types that is too deep, or a cycle.
    #[error("type {0} is nested too deep or contains itself")]
    TooDeep(TypeId),
    /// An array whose size in bytes does not fit 32 bits.
    #[error("size of type {0} does not fit 32 bits")]
    TooBig(TypeId),
    /// Two BTFs that must share a base do not.
    #[error("split BTF of another base")]
    BaseMismatch,
    /// This needs a split BTF.
    #[error("not a split BTF")]
    NotSplit,
    /// A base type of a kind that a distilled base cannot stand for.
    #[error("type {id} refers to base type {target}, a {kind}, which cannot be distilled")]
    NotDistillable {
        /// The referring type.
        id: TypeId,
        /// The base type.
        target: TypeId,
        /// Its kind.
        kind: Kind,
    },
    /// A type that does not belong in a distilled base: anonymous, or not an
    /// INT, FLOAT, ENUM, STRUCT, UNION or FWD.
    #[error("type {id} of kind {kind} does not belong in a distilled base")]
    BadDistilledType {
        /// The type.
        id: TypeId,
        /// Its kind.
        kind: Kind,
    },
    /// A distilled type for which the base has no match.
    #[error("distilled {kind} '{name}' {id} has no match in the base")]
    NoMatch {
        /// The distilled type.
        id: TypeId,
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// A distilled type for which the base has several equally good matches.
    #[error("distilled {kind} '{name}' {id} matches base types {first} and {second} alike")]
    AmbiguousMatch {
        /// The distilled type.
        id: TypeId,
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// First match.
        first: TypeId,
        /// Second match.
        second: TypeId,
    },
    /// A map of new ids that is no permutation of the own types.
    #[error("new id {new} of type {id} is out of range or given twice")]
    BadPermutation {
        /// The type.
        id: TypeId,
        /// The id it was to get.
        new: TypeId,
    },
    /// A map of new ids of the wrong length.
    #[error("{len} new ids for {need} types")]
    BadPermutationLen {
        /// Entries given.
        len: usize,
        /// Own types.
        need: usize,
    },
    /// A `.BTF.ext` record size below the minimum or not a multiple of 4.
    #[error("{section} has records of {size} bytes, needs at least {min}")]
    BadRecordSize {
        /// Part of `.BTF.ext`.
        section: &'static str,
        /// Record size in bytes.
        size: u32,
        /// Least size in bytes.
        min: u32,
    },
}
