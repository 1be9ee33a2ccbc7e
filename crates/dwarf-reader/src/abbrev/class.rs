//! What DIEs and their attributes are to the reader, by tag and name.

use gimli::constants as c;

use crate::TypeTag;

/// Attributes that the reader keeps, each by its number among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Slot {
    Name,
    Type,
    ByteSize,
    Encoding,
    Declaration,
    BitSize,
    BitOffset,
    DataBitOffset,
    MemberLocation,
    Count,
    UpperBound,
    ConstValue,
    Specification,
    Origin,
    Signature,
    LowPc,
    EntryPc,
    Ranges,
    Inline,
    CallingConvention,
    External,
    Location,
    Artificial,
    Annotation,
    Language,
    Producer,
    StrOffsetsBase,
    AddrBase,
    LoclistsBase,
    RnglistsBase,
    /// The unit's types are in another file.
    DwoName,
    /// Not wanted: read past.
    None,
}

pub(crate) const N_SLOTS: usize = Slot::None as usize;

/// What a DIE is to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A type, with its tag.
    Type(TypeTag),
    Member,
    Enumerator,
    Subrange,
    Param,
    UnspecifiedParams,
    Subprogram,
    Variable,
    LlvmAnnotation,
    GnuAnnotation,
    Namespace,
    Imported,
    /// A unit's root.
    Unit,
    /// Anything else; its children are looked at for types only.
    Other,
}

/// `DW_TAG_GNU_annotation`, gcc 16.
const DW_TAG_GNU_ANNOTATION: u16 = 0x6001;
/// `DW_TAG_LLVM_annotation`, clang.
const DW_TAG_LLVM_ANNOTATION: u16 = 0x6000;
/// `DW_AT_GNU_annotation`, gcc 16.
const DW_AT_GNU_ANNOTATION: u16 = 0x2139;

/// What a DIE of this tag is.
pub(super) fn class_of(tag: c::DwTag) -> Class {
    use crate::TypeTag as T;
    match tag {
        c::DW_TAG_base_type => Class::Type(T::Base),
        c::DW_TAG_pointer_type => Class::Type(T::Pointer),
        c::DW_TAG_const_type => Class::Type(T::Const),
        c::DW_TAG_volatile_type => Class::Type(T::Volatile),
        c::DW_TAG_restrict_type => Class::Type(T::Restrict),
        c::DW_TAG_atomic_type
        | c::DW_TAG_immutable_type
        | c::DW_TAG_packed_type
        | c::DW_TAG_shared_type
        | c::DW_TAG_coarray_type
        | c::DW_TAG_dynamic_type
        | c::DW_TAG_template_alias
        // What gas says that assembly functions return: void.
        | c::DW_TAG_unspecified_type => Class::Type(T::Transparent),
        c::DW_TAG_typedef => Class::Type(T::Typedef),
        c::DW_TAG_structure_type | c::DW_TAG_class_type | c::DW_TAG_interface_type => {
            Class::Type(T::Struct)
        }
        c::DW_TAG_union_type => Class::Type(T::Union),
        c::DW_TAG_enumeration_type => Class::Type(T::Enum),
        c::DW_TAG_array_type => Class::Type(T::Array),
        c::DW_TAG_subroutine_type => Class::Type(T::Subroutine),
        c::DW_TAG_reference_type | c::DW_TAG_rvalue_reference_type => Class::Type(T::Reference),
        c::DW_TAG_ptr_to_member_type
        | c::DW_TAG_string_type
        | c::DW_TAG_set_type
        | c::DW_TAG_file_type => Class::Type(T::Unsupported),
        c::DW_TAG_member | c::DW_TAG_inheritance => Class::Member,
        c::DW_TAG_enumerator => Class::Enumerator,
        c::DW_TAG_subrange_type => Class::Subrange,
        c::DW_TAG_formal_parameter => Class::Param,
        c::DW_TAG_unspecified_parameters => Class::UnspecifiedParams,
        c::DW_TAG_subprogram => Class::Subprogram,
        c::DW_TAG_variable => Class::Variable,
        c::DwTag(DW_TAG_LLVM_ANNOTATION) => Class::LlvmAnnotation,
        c::DwTag(DW_TAG_GNU_ANNOTATION) => Class::GnuAnnotation,
        c::DW_TAG_namespace | c::DW_TAG_module => Class::Namespace,
        c::DW_TAG_imported_unit => Class::Imported,
        c::DW_TAG_compile_unit
        | c::DW_TAG_partial_unit
        | c::DW_TAG_type_unit
        | c::DW_TAG_skeleton_unit => Class::Unit,
        _ => Class::Other,
    }
}

/// Where an attribute of a DIE of this class is kept.
pub(super) fn slot_of(class: Class, at: c::DwAt) -> Slot {
    let type_like = matches!(class, Class::Type(_) | Class::Subrange);
    match at {
        c::DW_AT_name if !matches!(class, Class::Other | Class::Subrange | Class::Namespace) => {
            Slot::Name
        }
        c::DW_AT_type
            if !matches!(
                class,
                Class::Other | Class::Subrange | Class::Unit | Class::Enumerator
            ) =>
        {
            Slot::Type
        }
        c::DW_AT_byte_size if type_like || class == Class::Member => Slot::ByteSize,
        c::DW_AT_encoding if class == Class::Type(TypeTag::Base) => Slot::Encoding,
        c::DW_AT_declaration
            if matches!(class, Class::Type(_) | Class::Subprogram | Class::Variable) =>
        {
            Slot::Declaration
        }
        c::DW_AT_bit_size if class == Class::Member => Slot::BitSize,
        c::DW_AT_bit_offset if class == Class::Member => Slot::BitOffset,
        c::DW_AT_data_bit_offset if class == Class::Member => Slot::DataBitOffset,
        c::DW_AT_data_member_location if class == Class::Member => Slot::MemberLocation,
        c::DW_AT_count if class == Class::Subrange => Slot::Count,
        c::DW_AT_upper_bound if class == Class::Subrange => Slot::UpperBound,
        c::DW_AT_const_value
            if matches!(
                class,
                Class::Enumerator | Class::Param | Class::LlvmAnnotation | Class::GnuAnnotation
            ) =>
        {
            Slot::ConstValue
        }
        c::DW_AT_specification
            if matches!(class, Class::Type(_) | Class::Subprogram | Class::Variable) =>
        {
            Slot::Specification
        }
        c::DW_AT_abstract_origin
            if matches!(class, Class::Param | Class::Subprogram | Class::Variable) =>
        {
            Slot::Origin
        }
        c::DW_AT_signature if type_like => Slot::Signature,
        c::DW_AT_low_pc if class == Class::Subprogram => Slot::LowPc,
        c::DW_AT_entry_pc if class == Class::Subprogram => Slot::EntryPc,
        c::DW_AT_ranges if class == Class::Subprogram => Slot::Ranges,
        c::DW_AT_inline if class == Class::Subprogram => Slot::Inline,
        c::DW_AT_calling_convention if class == Class::Subprogram => Slot::CallingConvention,
        c::DW_AT_external
            if matches!(class, Class::Subprogram | Class::Variable | Class::Member) =>
        {
            Slot::External
        }
        c::DW_AT_location if matches!(class, Class::Param | Class::Variable) => Slot::Location,
        c::DW_AT_artificial if class == Class::Variable => Slot::Artificial,
        c::DwAt(DW_AT_GNU_ANNOTATION) => Slot::Annotation,
        c::DW_AT_language if class == Class::Unit => Slot::Language,
        c::DW_AT_producer if class == Class::Unit => Slot::Producer,
        c::DW_AT_str_offsets_base if class == Class::Unit => Slot::StrOffsetsBase,
        c::DW_AT_addr_base | c::DW_AT_GNU_addr_base if class == Class::Unit => Slot::AddrBase,
        c::DW_AT_loclists_base if class == Class::Unit => Slot::LoclistsBase,
        c::DW_AT_rnglists_base if class == Class::Unit => Slot::RnglistsBase,
        c::DW_AT_dwo_name | c::DW_AT_GNU_dwo_name if class == Class::Unit => Slot::DwoName,
        // The unit's low_pc is the base of its range lists.
        c::DW_AT_low_pc if class == Class::Unit => Slot::LowPc,
        _ => Slot::None,
    }
}
