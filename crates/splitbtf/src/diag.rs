//! What the encoder noticed and went on from.

use std::fmt;

use dwarf_reader::At;

/// Something that BTF cannot say, and what was said instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DiagKind {
    /// A C++ reference, encoded as a pointer.
    ReferenceAsPointer,
    /// A type C has no word for, encoded as void.
    UnsupportedType,
    /// A complex or imaginary number, encoded as an array of bytes.
    ComplexFloat,
    /// A float of a size BTF does not know, encoded as an integer.
    FloatSize,
    /// An enum of a size BTF does not know, encoded with 8 bytes.
    EnumSize,
    /// An array of void, encoded as an array of bytes.
    VoidArray,
    /// A member without a type, left out.
    VoidMember,
    /// A member at a place that cannot be told, left out.
    MemberOffset,
    /// A member that begins behind the end of its struct, left out.
    MemberPastEnd,
    /// A struct with members beyond what BTF can address, emitted without members.
    CannotExpress,
    /// A name that is not an identifier; the type is emitted without it.
    InvalidName,
    /// A variable without a type, left out.
    VoidVariable,
    /// Two variables at one address, of which one is kept.
    OverlappingVariable,
    /// A unit whose types are in another file (split DWARF), left out.
    Skeleton,
    /// A location list that cannot be read.
    BadLocation,
    /// A kfunc whose flags in a resolved `.BTF_ids` cannot be told from those of others, taken to have none.
    KfuncFlags,
    /// A kfunc set in a `.BTF_ids` that the file has no contents of, whose functions get no decl tags.
    KfuncSet,
}

impl DiagKind {
    /// Whether an encoder that was not told to force has to refuse.
    pub fn is_fatal_without_force(self) -> bool {
        matches!(
            self,
            Self::CannotExpress | Self::InvalidName | Self::VoidVariable | Self::MemberPastEnd
        )
    }
}

impl fmt::Display for DiagKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReferenceAsPointer => "C++ reference encoded as a pointer",
            Self::UnsupportedType => "type without a BTF kind encoded as void",
            Self::ComplexFloat => "complex number encoded as an array of bytes",
            Self::FloatSize => "float of a size that BTF does not know encoded as an integer",
            Self::EnumSize => "enum of a size that BTF does not know encoded with 8 bytes",
            Self::VoidArray => "array of void encoded as an array of bytes",
            Self::VoidMember => "member without a type left out",
            Self::MemberOffset => "member at an offset that cannot be told left out",
            Self::MemberPastEnd => "member behind the end of its struct left out",
            Self::CannotExpress => "layout beyond what BTF can express, emitted without members",
            Self::InvalidName => "name is not a C identifier",
            Self::VoidVariable => "variable without a type left out",
            Self::OverlappingVariable => "overlaps another variable, left out",
            Self::Skeleton => "split DWARF: types are in another file",
            Self::BadLocation => "location list cannot be read",
            Self::KfuncSet => {
                "kfuncs unknown, so that their decl tags are missing (this file has no contents of .BTF_ids, being the \
                 debug file of a stripped one; encode the file as it was before)"
            }
            Self::KfuncFlags => {
                "flags unknown, so that decl tags may be missing (.BTF_ids was resolved against another BTF; encode \
                 the module as it was before resolve_btfids)"
            }
        })
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diag {
    /// What it is.
    pub kind: DiagKind,
    /// Where in the file's DWARF, as far as there is a place.
    pub at: Option<At>,
    /// The name of the type, function or variable, empty if it has none.
    pub name: String,
}

impl fmt::Display for Diag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        write!(f, "{}", self.kind)?;
        if !self.name.is_empty() {
            write!(f, ": `{}`", self.name)?;
        }
        Ok(())
    }
}

/// Why a function is not in the BTF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// A parameter is passed in a register other than the ABI's.
    UnexpectedRegister,
    /// CUs disagree about the prototype.
    Inconsistent(Mismatch),
    /// A packed struct passed on the stack.
    UncertainParameterLocation,
    /// The compiler changed the order of the parameters.
    ReorderedParameters,
    /// The compiler left parameters out of a `.isra` or `.constprop` clone.
    OptimizedParameters,
    /// Several functions of this name at different addresses.
    AmbiguousAddress,
}

/// How two prototypes of one function differ first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mismatch {
    /// Different return types.
    Return,
    /// Different numbers of parameters: that of the first DIE, and that of the one that differs.
    Count(u32, u32),
    /// Different types of a parameter.
    Parameter,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Inconsistent(Mismatch::Count(first, other)) = self {
            return write!(f, "param count mismatch; {first} params != {other} params");
        }
        f.write_str(match self {
            Self::UnexpectedRegister => "unexpected register usage for parameter",
            Self::Inconsistent(Mismatch::Return) => "return type mismatch",
            Self::Inconsistent(Mismatch::Count(..)) => "param count mismatch",
            Self::Inconsistent(Mismatch::Parameter) => "param type mismatch",
            Self::UncertainParameterLocation => "uncertain parameter location",
            Self::ReorderedParameters => "reordered parameters",
            Self::OptimizedParameters => "optimized parameters",
            Self::AmbiguousAddress => "ambiguous address",
        })
    }
}

/// A function that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The function's name.
    pub name: String,
    /// Every reason that applies, in the order in which they are checked; upstream prints the last.
    pub reasons: Vec<SkipReason>,
}
