//! Read-only view of one type record.

use std::borrow::Cow;
use std::fmt;

use crate::btf::Btf;
use crate::id::{StrOff, TypeId};
use crate::kind::{IntEncoding, Kind, info_kind, info_kind_flag, info_vlen};

/// One type of a [`Btf`], from its own section or from a base. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Type<'a> {
    btf: &'a Btf,
    id: TypeId,
    /// The whole record. `Btf` keeps only records whose length fits their
    /// kind and `vlen`, so the indexing below cannot fail.
    words: &'a [u32],
}

/// The data word of an INT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IntInfo {
    /// Signed, char or bool.
    pub encoding: IntEncoding,
    /// Width in bits.
    pub bits: u8,
    /// Bit offset within the storage; 0 in practice.
    pub offset: u8,
}

/// The data of an ARRAY (`struct btf_array`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArrayInfo {
    /// Element type.
    pub elem: TypeId,
    /// Index type.
    pub index: TypeId,
    /// Number of elements; 0 for a flexible or zero-length array.
    pub nelems: u32,
}

/// A member of a STRUCT or UNION (`struct btf_member`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Name, empty for an anonymous member.
    pub name_off: StrOff,
    /// Type.
    pub type_id: TypeId,
    /// Bits from the start of the struct.
    pub bit_offset: u32,
    /// Bitfield width in bits; 0 for an ordinary member, and for a bitfield
    /// of a struct without `kind_flag`, whose INT holds the width.
    pub bitfield_size: u32,
}

/// An enumerator of an ENUM or ENUM64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnumValue {
    /// Name.
    pub name_off: StrOff,
    /// The value, sign-extended to 64 bits if `signed`, else zero-extended.
    pub bits: u64,
    /// `kind_flag` of the enum.
    pub signed: bool,
}

impl EnumValue {
    /// The value as the enum's signedness reads it.
    pub fn value(&self) -> i128 {
        if self.signed {
            i128::from(self.bits.cast_signed())
        } else {
            i128::from(self.bits)
        }
    }

    /// The value's 64 bits read as signed.
    pub fn as_i64(&self) -> i64 {
        self.bits.cast_signed()
    }

    /// The value's 64 bits read as unsigned.
    pub fn as_u64(&self) -> u64 {
        self.bits
    }
}

/// A parameter of a FUNC_PROTO (`struct btf_param`). The last one with
/// neither name nor type stands for `...`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param {
    /// Name, often empty in function pointer types.
    pub name_off: StrOff,
    /// Type; void marks `...`.
    pub type_id: TypeId,
}

/// A variable of a DATASEC (`struct btf_var_secinfo`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecVar {
    /// The VAR.
    pub type_id: TypeId,
    /// Bytes from the start of the section.
    pub offset: u32,
    /// Bytes the variable takes.
    pub size: u32,
}

impl<'a> Type<'a> {
    pub(crate) fn new(btf: &'a Btf, id: TypeId, words: &'a [u32]) -> Self {
        Self { btf, id, words }
    }

    /// The BTF this type was looked up in; strings and ids resolve there.
    pub fn btf(&self) -> &'a Btf {
        self.btf
    }

    /// Its id.
    pub fn id(&self) -> TypeId {
        self.id
    }

    /// The record in native byte order: name offset, info, size or type, then
    /// what the kind appends.
    pub fn words(&self) -> &'a [u32] {
        self.words
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        Kind::of_raw(self.raw_kind())
    }

    /// The number of its kind, also for kinds this library does not know.
    pub fn raw_kind(&self) -> u32 {
        info_kind(self.words[1])
    }

    /// The second word: `vlen`, kind and `kind_flag`.
    pub fn info(&self) -> u32 {
        self.words[1]
    }

    /// Number of elements; for a FUNC its linkage.
    pub fn vlen(&self) -> u32 {
        info_vlen(self.words[1])
    }

    /// `kind_flag`: bitfields in a struct, signed enum, union FWD, attribute
    /// tag.
    pub fn kind_flag(&self) -> bool {
        info_kind_flag(self.words[1])
    }

    /// Offset of the name; the value, for a tag.
    pub fn name_off(&self) -> StrOff {
        StrOff(self.words[0])
    }

    /// The name, empty if there is none.
    pub fn name(&self) -> &'a [u8] {
        self.btf.str_at(self.name_off()).unwrap_or(b"")
    }

    /// Whether it has a name that is not empty.
    #[inline]
    pub fn is_named(&self) -> bool {
        !self.btf.is_str_empty(self.name_off())
    }

    /// [`name_hash`](crate::name_hash) of the name.
    #[inline]
    pub fn name_hash(&self) -> u64 {
        self.btf.str_hash(self.name_off())
    }

    /// The name, with bytes that are no UTF-8 replaced.
    pub fn name_str(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.name())
    }

    /// The third word, whatever the kind makes of it.
    pub fn size_or_type(&self) -> u32 {
        self.words[2]
    }

    /// Size in bytes, for the kinds that record one.
    pub fn size(&self) -> Option<u32> {
        self.kind().has_size().then(|| self.words[2])
    }

    /// The type this one refers to: pointee, modified type, prototype, return
    /// type, tagged type. `None` for kinds without; see
    /// [`array`](Self::array) for ARRAY.
    pub fn type_id(&self) -> Option<TypeId> {
        self.kind().has_type().then(|| TypeId(self.words[2]))
    }

    /// Data of an INT.
    pub fn int(&self) -> Option<IntInfo> {
        (self.kind() == Kind::Int).then(|| {
            let word = self.words[3];
            IntInfo {
                encoding: IntEncoding((word >> 24 & 0x0f) as u8),
                bits: (word & 0xff) as u8,
                offset: (word >> 16 & 0xff) as u8,
            }
        })
    }

    /// Data of an ARRAY.
    pub fn array(&self) -> Option<ArrayInfo> {
        (self.kind() == Kind::Array).then(|| ArrayInfo {
            elem: TypeId(self.words[3]),
            index: TypeId(self.words[4]),
            nelems: self.words[5],
        })
    }

    /// Elements in chunks of `N` words if the kind is one of `kinds`, else
    /// none.
    fn elems<const N: usize>(&self, applies: bool) -> &'a [[u32; N]] {
        if !applies {
            return &[];
        }
        let n = self.vlen() as usize;
        let (elems, _) = self.words[3..].as_chunks::<N>();
        elems.get(..n).unwrap_or(elems)
    }

    /// Members of a STRUCT or UNION, none for other kinds.
    pub fn members(&self) -> impl ExactSizeIterator<Item = Member> + Clone + use<'a> {
        let kind_flag = self.kind_flag();
        self.elems::<3>(self.kind().is_composite())
            .iter()
            .map(move |&[name, ty, offset]| Member {
                name_off: StrOff(name),
                type_id: TypeId(ty),
                bit_offset: if kind_flag {
                    offset & 0x00ff_ffff
                } else {
                    offset
                },
                bitfield_size: if kind_flag { offset >> 24 } else { 0 },
            })
    }

    /// The member with index `idx`.
    pub fn member(&self, idx: usize) -> Option<Member> {
        self.members().nth(idx)
    }

    /// Enumerators of an ENUM or ENUM64, none for other kinds.
    pub fn enum_values(&self) -> impl ExactSizeIterator<Item = EnumValue> + Clone + use<'a> {
        let kind = self.kind();
        let signed = self.kind_flag();
        let stride = if kind == Kind::Enum64 { 3 } else { 2 };
        let n = if kind.is_any_enum() {
            self.vlen() as usize
        } else {
            0
        };
        self.words[3..]
            .chunks_exact(stride)
            .take(n)
            .map(move |elem| EnumValue {
                name_off: StrOff(elem[0]),
                bits: match elem.get(2) {
                    Some(&hi) => u64::from(hi) << 32 | u64::from(elem[1]),
                    None if signed => i64::from(elem[1].cast_signed()).cast_unsigned(),
                    None => u64::from(elem[1]),
                },
                signed,
            })
    }

    /// Parameters of a FUNC_PROTO, none for other kinds.
    pub fn params(&self) -> impl ExactSizeIterator<Item = Param> + Clone + use<'a> {
        self.elems::<2>(self.kind() == Kind::FuncProto)
            .iter()
            .map(|&[name, ty]| Param {
                name_off: StrOff(name),
                type_id: TypeId(ty),
            })
    }

    /// Variables of a DATASEC, none for other kinds.
    pub fn sec_vars(&self) -> impl ExactSizeIterator<Item = SecVar> + Clone + use<'a> {
        self.elems::<3>(self.kind() == Kind::Datasec)
            .iter()
            .map(|&[ty, offset, size]| SecVar {
                type_id: TypeId(ty),
                offset,
                size,
            })
    }

    /// Linkage of a FUNC (`BTF_FUNC_*`): 0 static, 1 global, 2 extern.
    pub fn func_linkage(&self) -> Option<u32> {
        (self.kind() == Kind::Func).then(|| self.vlen())
    }

    /// Linkage of a VAR (`BTF_VAR_*`): 0 static, 1 global, 2 extern.
    pub fn var_linkage(&self) -> Option<u32> {
        (self.kind() == Kind::Var).then(|| self.words[3])
    }

    /// Component of a DECL_TAG: −1 for the whole, else the index of a member
    /// or parameter.
    pub fn component_idx(&self) -> Option<i32> {
        (self.kind() == Kind::DeclTag).then(|| self.words[3].cast_signed())
    }
}

impl fmt::Debug for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} '{}'", self.id, self.kind(), self.name_str())
    }
}
