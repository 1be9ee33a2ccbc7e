//! The rules, by the ids the reports use.

use std::fmt;

/// The error number the kernel returns for a breach.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(i32)]
pub enum Errno {
    /// 2: a string of a distilled module has no counterpart.
    Enoent = 2,
    /// 7: header too new, blob too big, or resolve depth exceeded.
    E2big = 7,
    /// 17: loop in the type graph.
    Eexist = 17,
    /// 22: nearly everything else.
    Einval = 22,
    /// 40: modifier chain too long or cyclic.
    Eloop = 40,
    /// 524, kernel-internal: unsupported version, flags or INT encoding.
    Enotsupp = 524,
}

impl Errno {
    /// The positive number.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The name in the kernel's headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enoent => "ENOENT",
            Self::E2big => "E2BIG",
            Self::Eexist => "EEXIST",
            Self::Einval => "EINVAL",
            Self::Eloop => "ELOOP",
            Self::Enotsupp => "ENOTSUPP",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! rules {
    ($($(#[$group:meta])* $variant:ident $code:literal $meaning:literal;)+) => {
        /// One thing the kernel's verifier refuses.
        ///
        /// The letter of [`code`](Self::code) is the phase: `U` size, `H`
        /// header and section map, `S` strings, `Y` layout, `G` type section,
        /// `C` and `M` each type by itself, `T` modifier chains, `R` type graph
        /// (user BTF only), `B` relocation of a module with `.BTF.base`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$group])* #[doc = $meaning] $variant,)+
        }

        impl Rule {
            /// All rules, in the order in which the kernel comes to them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Short stable id, such as `H4`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What is refused, in a phrase.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }
    };
}

rules! {
    BlobTooBig "U1" "user BTF larger than 16 MiB";
    NoHdrLen "H1" "blob too short to hold `hdr_len`";
    NoHeader "H2" "`hdr_len` larger than the blob, as in a blob of the other byte order";
    HeaderTooNew "H3" "header longer than this kernel knows, with non-zero bytes there";
    Magic "H4" "magic is not 0xeb9f";
    Version "H5" "version is not 1";
    Flags "H6" "flags are not 0";
    NoData "H7" "header and nothing else, without a base";
    SectionOffset "H8" "section starts past the end of the blob";
    SectionGap "H9" "gap in front of a section";
    SectionOverlap "H10" "section starts before the previous one ended";
    SectionLength "H11" "section runs past the end of the blob";
    TrailingData "H12" "sections do not fill the blob";
    StringsNotLast "S1" "string section is not at the end of the blob";
    Strings "S3" "string section empty, longer than 16 MiB or not ending in NUL";
    FirstString "S4" "strings of a base do not start with the empty string";
    LayoutAlign "Y1" "`layout_off` not a multiple of 4";
    LayoutShort "Y2" "layout section shorter than one entry";
    LayoutLength "Y3" "`layout_len` not a multiple of 4";
    LayoutEnd "Y4" "layout section runs past the end of the blob";
    TypeAlign "G1" "`type_off` not a multiple of 4";
    NoTypes "G2" "no types";
    RecordHead "C1" "fewer than 12 bytes left for a type record";
    InfoBits "C2" "reserved bits set in `info`";
    Kind "C3" "kind 0 or unknown";
    NameOffset "C4" "name offset outside the string sections";
    RecordTail "C5" "type section ends inside the type record";
    Vlen "M1" "`vlen` of a kind that has no elements is not 0";
    KindFlag "M2" "`kind_flag` set on a kind that has none";
    Name "M3" "name missing, not allowed or not of the allowed characters";
    IntData "M4" "reserved bits set in the data word of an INT";
    IntBits "M5" "INT wider than 128 bits";
    IntSize "M6" "INT has more bits than its size holds";
    IntEncoding "M7" "INT encoding is not one of none, signed, char, bool";
    TypeId "M8" "type id void where a type is needed, or above the limit";
    FwdType "M9" "`type` of a FWD is not 0";
    ArraySize "M10" "`size` of an ARRAY is not 0";
    ArrayElem "M11" "element type of an ARRAY void or above the limit";
    ArrayIndex "M12" "index type of an ARRAY void or above the limit";
    MemberNameOffset "M13" "member name offset outside the string sections";
    MemberName "M14" "member name not of the allowed characters";
    MemberType "M15" "member type void or above the limit";
    MemberOffset "M16" "member offset below the previous one, or not 0 in a union";
    MemberPastEnd "M17" "member starts past the end of its struct";
    EnumSize "M18" "enum size is not 1, 2, 4 or 8";
    ValueNameOffset "M19" "enumerator name offset outside the string sections";
    ValueName "M20" "enumerator name missing or not of the allowed characters";
    FuncLinkage "M21" "linkage of a FUNC is neither static nor global";
    VarLinkage "M22" "linkage of a VAR is neither static nor global";
    SectionSize "M23" "size of a DATASEC is 0";
    SecVarType "M24" "type of a DATASEC entry void or above the limit";
    SecVarOffset "M25" "DATASEC entry overlaps the previous one or starts past the end";
    SecVarSize "M26" "size of a DATASEC entry 0 or larger than the section";
    SecVarEnd "M27" "DATASEC entry runs past the end of the section";
    SecVarSum "M28" "sizes of the DATASEC entries add up to more than the section";
    FloatSize "M29" "FLOAT size is not 2, 4, 8, 12 or 16";
    TagValue "M30" "value of a DECL_TAG is empty";
    TagComponent "M31" "component index of a DECL_TAG below -1";
    ChainLength "T1" "more than 32 modifiers in a row, or a cycle of modifiers";
    TagOrder "T2" "TYPE_TAG behind another modifier";
    ChainTarget "T3" "modifier of a type that does not exist";
    Depth "R1" "types nested more than 32 deep";
    Loop "R2" "type contains itself";
    RefTarget "R3" "pointer or modifier of something that is no type to point at";
    VarTarget "R4" "type of a VAR missing or without a size";
    IndexTarget "R5" "index type of an ARRAY is no regular INT";
    ElemTarget "R6" "element type of an ARRAY missing or without a size";
    ElemInt "R7" "ARRAY of an INT that is no whole number of bytes";
    ArrayOverflow "R8" "ARRAY of 4 GiB or more";
    MemberTarget "R9" "member type missing or without a size";
    IntMember "R10" "INT member does not fit its struct";
    ByteMember "R11" "member not on a byte or past the end of its struct";
    FloatMember "R12" "FLOAT member misaligned or past the end of its struct";
    BitfieldInt "R13" "INT member or bitfield does not fit its struct or its type";
    BitfieldEnum "R14" "enum member or bitfield does not fit its struct or an int";
    BitfieldOther "R15" "bitfield of a type that is neither INT nor enum";
    FuncTarget "R16" "FUNC of something other than a FUNC_PROTO";
    FuncParamName "R17" "FUNC with an unnamed parameter";
    ReturnType "R18" "return type missing or without a size";
    ParamType "R19" "parameter type or name not allowed";
    SecVarTarget "R20" "DATASEC entry is no VAR or smaller than its type";
    TagTarget "R21" "DECL_TAG on something that cannot carry one";
    TagIndex "R22" "component index of a DECL_TAG past the last component";
    ResolveState "R23" "type did not resolve to what its kind demands";
    DistilledAnonymous "B1" "distilled base holds a type without a name";
    DistilledKind "B2" "distilled base holds a kind it must not hold";
    DistilledAmbiguous "B3" "several types of the kernel fit one distilled type";
    DistilledUnmapped "B4" "no type of the kernel fits a distilled type";
    DistilledVoid "B5" "a name of the kernel leads to id 0 of the distilled base";
    DistilledString "B6" "string of the distilled base that is no type name";
    DistilledDangling "B7" "id that exists neither in the module nor in its distilled base (the kernel reads out of bounds)";
    DistilledLoop "B8" "array that contains itself (the kernel does not return)";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        codes.sort_unstable();
        let n_rules = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), n_rules);
    }
}
