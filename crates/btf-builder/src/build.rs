//! The checked builder: one call per type, as libbpf's `btf__add_*`.
//!
//! Elements (members, values, parameters, section variables) go to the type
//! added last. Type ids are only range-checked, so a type may refer to one
//! that is added later.

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::{StrOff, TypeId};
use crate::kind::{
    IntEncoding, Kind, MAX_BITFIELD_OFFSET, MAX_BITFIELD_SIZE, MAX_FORMAT_ID, info_kind,
    info_kind_flag, info_vlen, make_info,
};

/// What a forward declaration stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FwdKind {
    /// `struct name;`
    Struct,
    /// `union name;`
    Union,
    /// `enum name;`, which BTF writes as an ENUM of 4 bytes without values.
    Enum,
}

/// Linkage of a FUNC (`BTF_FUNC_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FuncLinkage {
    /// `BTF_FUNC_STATIC`; what kernel BTF has for all functions.
    Static = 0,
    /// `BTF_FUNC_GLOBAL`.
    Global = 1,
    /// `BTF_FUNC_EXTERN`; refused by kernels for their own BTF.
    Extern = 2,
}

/// Linkage of a VAR (`BTF_VAR_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VarLinkage {
    /// `BTF_VAR_STATIC`.
    Static = 0,
    /// `BTF_VAR_GLOBAL_ALLOCATED`.
    Global = 1,
    /// `BTF_VAR_GLOBAL_EXTERN`; refused by kernels for their own BTF.
    Extern = 2,
}

/// Ids a record may hold at all (libbpf `validate_type_id`).
fn check_id(id: TypeId) -> Result<u32> {
    if id.0 > MAX_FORMAT_ID {
        return Err(Error::TooManyTypes(u64::from(id.0)));
    }
    Ok(id.0)
}

impl Btf {
    fn required(&mut self, name: &[u8], what: &'static str) -> Result<StrOff> {
        if name.is_empty() {
            return Err(Error::NameMissing(what));
        }
        self.next_id()?;
        self.intern_str(name)
    }

    fn push<const N: usize>(&mut self, words: [u32; N]) -> Result<TypeId> {
        let id = self.next_id()?;
        self.append(&words);
        Ok(id)
    }

    /// Adds an INT of `size` bytes whose bits all count.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; [`Error::BadSize`] unless `size` is 1, 2, 4, 8
    /// or 16; [`Error::BadIntEncoding`]; limits.
    pub fn add_int(
        &mut self,
        name: impl AsRef<[u8]>,
        size: u32,
        encoding: IntEncoding,
    ) -> Result<TypeId> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::NameMissing("INT"));
        }
        if !size.is_power_of_two() || size > 16 {
            return Err(Error::BadSize {
                kind: "INT",
                size: u64::from(size),
            });
        }
        if encoding.0 & !0x7 != 0 {
            return Err(Error::BadIntEncoding(encoding.0));
        }
        let name = self.required(name, "INT")?;
        let info = make_info(Kind::Int, 0, false);
        self.push([name.0, info, size, u32::from(encoding.0) << 24 | (size * 8)])
    }

    /// Adds a FLOAT of `size` bytes.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; [`Error::BadSize`] unless `size` is 2, 4, 8, 12
    /// or 16; limits.
    pub fn add_float(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::NameMissing("FLOAT"));
        }
        if !matches!(size, 2 | 4 | 8 | 12 | 16) {
            return Err(Error::BadSize {
                kind: "FLOAT",
                size: u64::from(size),
            });
        }
        let name = self.required(name, "FLOAT")?;
        self.push([name.0, make_info(Kind::Float, 0, false), size])
    }

    fn add_ref(
        &mut self,
        kind: Kind,
        name: &[u8],
        to: TypeId,
        vlen: u32,
        flag: bool,
    ) -> Result<TypeId> {
        let to = check_id(to)?;
        self.next_id()?;
        let name = self.intern_str(name)?;
        self.push([name.0, make_info(kind, vlen, flag), to])
    }

    fn add_named_ref(
        &mut self,
        kind: Kind,
        name: &[u8],
        to: TypeId,
        vlen: u32,
        flag: bool,
    ) -> Result<TypeId> {
        if name.is_empty() {
            return Err(Error::NameMissing(kind.name()));
        }
        self.add_ref(kind, name, to, vlen, flag)
    }

    /// Adds a PTR to `to`.
    ///
    /// # Errors
    /// Limits.
    pub fn add_ptr(&mut self, to: TypeId) -> Result<TypeId> {
        self.add_ref(Kind::Ptr, b"", to, 0, false)
    }

    /// Adds an ARRAY of `nelems` elements of type `elem`, counted by `index`.
    ///
    /// # Errors
    /// Limits.
    pub fn add_array(&mut self, index: TypeId, elem: TypeId, nelems: u32) -> Result<TypeId> {
        let (index, elem) = (check_id(index)?, check_id(elem)?);
        let info = make_info(Kind::Array, 0, false);
        self.push([0, info, 0, elem, index, nelems])
    }

    /// Adds a STRUCT of `size` bytes without members; an empty `name` makes it
    /// anonymous. Members follow by [`add_field`](Self::add_field).
    ///
    /// # Errors
    /// Limits.
    pub fn add_struct(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId> {
        self.add_sized(Kind::Struct, name.as_ref(), size, false)
    }

    /// Adds a UNION of `size` bytes without members; an empty `name` makes it
    /// anonymous. Members follow by [`add_field`](Self::add_field).
    ///
    /// # Errors
    /// Limits.
    pub fn add_union(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId> {
        self.add_sized(Kind::Union, name.as_ref(), size, false)
    }

    fn add_sized(&mut self, kind: Kind, name: &[u8], size: u32, flag: bool) -> Result<TypeId> {
        self.next_id()?;
        let name = self.intern_str(name)?;
        self.push([name.0, make_info(kind, 0, flag), size])
    }

    /// Word offset of the last own record, which must be of a kind that `is`
    /// accepts and have room for one more element.
    fn last_record(&self, what: &'static str, is: impl Fn(Kind) -> bool) -> Result<usize> {
        let at = match self.index.last() {
            Some(&at) => at as usize,
            None => return Err(Error::LastTypeMismatch(what)),
        };
        let info = self.types[at + 1];
        if !is(Kind::of_raw(info_kind(info))) {
            return Err(Error::LastTypeMismatch(what));
        }
        let vlen = info_vlen(info);
        if vlen >= self.limits.max_vlen {
            return Err(Error::TooManyElements(u64::from(vlen) + 1));
        }
        Ok(at)
    }

    /// Appends an element to the last record, which starts at word `at`.
    fn push_elem(&mut self, at: usize, elem: &[u32]) {
        self.types[at + 1] += 1;
        self.types.to_mut().extend_from_slice(elem);
    }

    fn set_kind_flag(&mut self, at: usize) {
        self.types[at + 1] |= 1 << 31;
    }

    /// Appends a member to the STRUCT or UNION added last. `bit_offset` counts
    /// bits from its start; `bit_size` is a bitfield's width in bits, 0 for an
    /// ordinary member. An empty `name` makes the member anonymous.
    ///
    /// The first bitfield switches the struct to `kind_flag`, which leaves 24
    /// bits for the offsets of *all* its members. libbpf lets larger offsets
    /// through and so turns their high bits into a bitfield width; this
    /// refuses them.
    ///
    /// # Errors
    /// [`Error::LastTypeMismatch`]; [`Error::BadMember`]; limits.
    pub fn add_field(
        &mut self,
        name: impl AsRef<[u8]>,
        type_id: TypeId,
        bit_offset: u32,
        bit_size: u32,
    ) -> Result<()> {
        let at = self.last_record("STRUCT or UNION", Kind::is_composite)?;
        let ty = check_id(type_id)?;
        let info = self.types[at + 1];
        let bad = |fault| {
            Err(Error::BadMember {
                bit_offset,
                bit_size,
                fault,
            })
        };
        let bitfield = bit_size != 0;
        if !bitfield && !bit_offset.is_multiple_of(8) {
            return bad("not a bitfield and not at a byte boundary");
        }
        if bit_size > MAX_BITFIELD_SIZE {
            return bad("wider than 255 bits");
        }
        if info_kind(info) == Kind::Union.as_u32() && bit_offset != 0 {
            return bad("a union member starts at 0");
        }
        let flag = bitfield || info_kind_flag(info);
        if flag && bit_offset > MAX_BITFIELD_OFFSET {
            return bad("past 2 MiB in a struct with bitfields");
        }
        if bitfield && !info_kind_flag(info) {
            let (earlier, _) = self.types[at + 3..].as_chunks::<3>();
            if earlier.iter().any(|m| m[2] > MAX_BITFIELD_OFFSET) {
                return bad("bitfield in a struct with members past 2 MiB");
            }
        }
        let name = self.intern_str(name.as_ref())?;
        self.push_elem(at, &[name.0, ty, bit_offset | bit_size << 24]);
        if flag {
            self.set_kind_flag(at);
        }
        Ok(())
    }

    fn add_any_enum(&mut self, kind: Kind, name: &[u8], size: u32, signed: bool) -> Result<TypeId> {
        if !size.is_power_of_two() || size > 8 {
            return Err(Error::BadSize {
                kind: kind.name(),
                size: u64::from(size),
            });
        }
        self.add_sized(kind, name, size, signed)
    }

    /// Adds an ENUM of `size` bytes without values, unsigned until a negative
    /// value comes; an empty `name` makes it anonymous. Values follow by
    /// [`add_enum_value`](Self::add_enum_value).
    ///
    /// # Errors
    /// [`Error::BadSize`] unless `size` is 1, 2, 4 or 8; limits.
    pub fn add_enum(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId> {
        self.add_any_enum(Kind::Enum, name.as_ref(), size, false)
    }

    /// Appends a value to the ENUM added last; a negative one makes it signed.
    ///
    /// # Errors
    /// [`Error::LastTypeMismatch`]; [`Error::NameMissing`];
    /// [`Error::BadEnumValue`] unless `value` fits an `i32` or a `u32`; limits.
    pub fn add_enum_value(&mut self, name: impl AsRef<[u8]>, value: i64) -> Result<()> {
        let at = self.last_record("ENUM", |kind| kind == Kind::Enum)?;
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::NameMissing("enumerator"));
        }
        if value < i64::from(i32::MIN) || value > i64::from(u32::MAX) {
            return Err(Error::BadEnumValue(value));
        }
        let name = self.intern_str(name)?;
        self.push_elem(at, &[name.0, value as u32]);
        if value < 0 {
            self.set_kind_flag(at);
        }
        Ok(())
    }

    /// Adds an ENUM64 of `size` bytes without values; an empty `name` makes it
    /// anonymous. Values follow by
    /// [`add_enum64_value`](Self::add_enum64_value).
    ///
    /// # Errors
    /// [`Error::BadSize`] unless `size` is 1, 2, 4 or 8; limits.
    pub fn add_enum64(
        &mut self,
        name: impl AsRef<[u8]>,
        size: u32,
        signed: bool,
    ) -> Result<TypeId> {
        self.add_any_enum(Kind::Enum64, name.as_ref(), size, signed)
    }

    /// Appends a value to the ENUM64 added last; a negative value is given as
    /// its two's complement.
    ///
    /// # Errors
    /// [`Error::LastTypeMismatch`]; [`Error::NameMissing`]; limits.
    pub fn add_enum64_value(&mut self, name: impl AsRef<[u8]>, value: u64) -> Result<()> {
        let at = self.last_record("ENUM64", |kind| kind == Kind::Enum64)?;
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::NameMissing("enumerator"));
        }
        let name = self.intern_str(name)?;
        self.push_elem(at, &[name.0, value as u32, (value >> 32) as u32]);
        Ok(())
    }

    /// Adds a forward declaration.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_fwd(&mut self, name: impl AsRef<[u8]>, kind: FwdKind) -> Result<TypeId> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(Error::NameMissing("FWD"));
        }
        match kind {
            FwdKind::Struct => self.add_sized(Kind::Fwd, name, 0, false),
            FwdKind::Union => self.add_sized(Kind::Fwd, name, 0, true),
            FwdKind::Enum => self.add_enum(name, 4),
        }
    }

    /// Adds a TYPEDEF of `to`.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_typedef(&mut self, name: impl AsRef<[u8]>, to: TypeId) -> Result<TypeId> {
        self.add_named_ref(Kind::Typedef, name.as_ref(), to, 0, false)
    }

    /// Adds a VOLATILE `to`.
    ///
    /// # Errors
    /// Limits.
    pub fn add_volatile(&mut self, to: TypeId) -> Result<TypeId> {
        self.add_ref(Kind::Volatile, b"", to, 0, false)
    }

    /// Adds a CONST `to`.
    ///
    /// # Errors
    /// Limits.
    pub fn add_const(&mut self, to: TypeId) -> Result<TypeId> {
        self.add_ref(Kind::Const, b"", to, 0, false)
    }

    /// Adds a RESTRICT `to`.
    ///
    /// # Errors
    /// Limits.
    pub fn add_restrict(&mut self, to: TypeId) -> Result<TypeId> {
        self.add_ref(Kind::Restrict, b"", to, 0, false)
    }

    /// Adds a TYPE_TAG `value` on `to` (`btf_type_tag("value")`).
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_type_tag(&mut self, value: impl AsRef<[u8]>, to: TypeId) -> Result<TypeId> {
        self.add_named_ref(Kind::TypeTag, value.as_ref(), to, 0, false)
    }

    /// As [`add_type_tag`](Self::add_type_tag) with `kind_flag`: `value` is a
    /// plain attribute such as `address_space(1)`. Kernels before 2025 refuse
    /// it.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_type_attr(&mut self, value: impl AsRef<[u8]>, to: TypeId) -> Result<TypeId> {
        self.add_named_ref(Kind::TypeTag, value.as_ref(), to, 0, true)
    }

    /// Adds a FUNC with prototype `proto`.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_func(
        &mut self,
        name: impl AsRef<[u8]>,
        linkage: FuncLinkage,
        proto: TypeId,
    ) -> Result<TypeId> {
        self.add_named_ref(Kind::Func, name.as_ref(), proto, linkage as u32, false)
    }

    /// Adds a FUNC_PROTO that returns `ret`, without parameters, which follow
    /// by [`add_func_param`](Self::add_func_param).
    ///
    /// # Errors
    /// Limits.
    pub fn add_func_proto(&mut self, ret: TypeId) -> Result<TypeId> {
        self.add_ref(Kind::FuncProto, b"", ret, 0, false)
    }

    /// Appends a parameter to the FUNC_PROTO added last. No name and type void
    /// stand for `...`.
    ///
    /// # Errors
    /// [`Error::LastTypeMismatch`]; limits.
    pub fn add_func_param(&mut self, name: impl AsRef<[u8]>, type_id: TypeId) -> Result<()> {
        let ty = check_id(type_id)?;
        let at = self.last_record("FUNC_PROTO", |kind| kind == Kind::FuncProto)?;
        let name = self.intern_str(name.as_ref())?;
        self.push_elem(at, &[name.0, ty]);
        Ok(())
    }

    /// Adds a VAR.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_var(
        &mut self,
        name: impl AsRef<[u8]>,
        linkage: VarLinkage,
        type_id: TypeId,
    ) -> Result<TypeId> {
        let ty = check_id(type_id)?;
        let name = self.required(name.as_ref(), "VAR")?;
        let info = make_info(Kind::Var, 0, false);
        self.push([name.0, info, ty, linkage as u32])
    }

    /// Adds a DATASEC of `size` bytes without variables, which follow by
    /// [`add_datasec_var_info`](Self::add_datasec_var_info).
    ///
    /// # Errors
    /// [`Error::NameMissing`]; limits.
    pub fn add_datasec(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId> {
        let name = self.required(name.as_ref(), "DATASEC")?;
        self.push([name.0, make_info(Kind::Datasec, 0, false), size])
    }

    /// Appends VAR `var` to the DATASEC added last, `offset` bytes from the
    /// section's start and `size` bytes long. Order is the caller's affair:
    /// the kernel wants ascending offsets without overlap.
    ///
    /// # Errors
    /// [`Error::LastTypeMismatch`]; limits.
    pub fn add_datasec_var_info(&mut self, var: TypeId, offset: u32, size: u32) -> Result<()> {
        let at = self.last_record("DATASEC", |kind| kind == Kind::Datasec)?;
        let var = check_id(var)?;
        self.push_elem(at, &[var, offset, size]);
        Ok(())
    }

    fn add_any_decl_tag(
        &mut self,
        value: &[u8],
        to: TypeId,
        idx: i32,
        flag: bool,
    ) -> Result<TypeId> {
        if value.is_empty() {
            return Err(Error::NameMissing("DECL_TAG"));
        }
        if idx < -1 {
            return Err(Error::BadComponentIdx(idx));
        }
        let to = check_id(to)?;
        let name = self.required(value, "DECL_TAG")?;
        let info = make_info(Kind::DeclTag, 0, flag);
        self.push([name.0, info, to, idx.cast_unsigned()])
    }

    /// Adds a DECL_TAG `value` on `to` (`btf_decl_tag("value")`), or on its
    /// member or parameter `component_idx` unless that is −1.
    ///
    /// # Errors
    /// [`Error::NameMissing`]; [`Error::BadComponentIdx`] below −1; limits.
    pub fn add_decl_tag(
        &mut self,
        value: impl AsRef<[u8]>,
        to: TypeId,
        component_idx: i32,
    ) -> Result<TypeId> {
        self.add_any_decl_tag(value.as_ref(), to, component_idx, false)
    }

    /// As [`add_decl_tag`](Self::add_decl_tag) with `kind_flag`: `value` is a
    /// plain attribute. Kernels before 2025 refuse it.
    ///
    /// # Errors
    /// As [`add_decl_tag`](Self::add_decl_tag).
    pub fn add_decl_attr(
        &mut self,
        value: impl AsRef<[u8]>,
        to: TypeId,
        component_idx: i32,
    ) -> Result<TypeId> {
        self.add_any_decl_tag(value.as_ref(), to, component_idx, true)
    }
}
