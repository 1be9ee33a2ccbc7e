//! Sizes, alignments and the types behind modifiers.

use hashbrown::HashMap;

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::TypeId;
use crate::kind::{Kind, MAX_RESOLVE_DEPTH};

/// How C compilers spell the type whose size is that of a pointer.
const LONG_ALIASES: [&[u8]; 11] = [
    b"long",
    b"long int",
    b"int long",
    b"unsigned long",
    b"long unsigned",
    b"unsigned long int",
    b"unsigned int long",
    b"long unsigned int",
    b"long int unsigned",
    b"int unsigned long",
    b"int long unsigned",
];

/// Structs nested deeper than this by value count as malformed.
const MAX_NESTING: u32 = 256;

impl Btf {
    /// Size of a pointer in bytes: what
    /// [`set_pointer_size`](Self::set_pointer_size) said, else the base's,
    /// else the size of the first INT that is a `long` by one of its names
    /// (libbpf `btf__pointer_size`). `None` if there is no such INT; the ELF
    /// class may tell then.
    pub fn pointer_size(&self) -> Option<u8> {
        if self.ptr_size.is_some() {
            return self.ptr_size;
        }
        *self.caches.ptr_size.get_or_init(|| {
            if let Some(size) = self.base.as_ref().and_then(|base| base.pointer_size()) {
                return Some(size);
            }
            self.own_types()
                .filter(|ty| ty.kind() == Kind::Int)
                .find_map(|ty| match ty.size()? {
                    size @ (4 | 8) if LONG_ALIASES.contains(&ty.name()) => Some(size as u8),
                    _ => None,
                })
        })
    }

    /// Fixes the pointer size, in bytes.
    ///
    /// # Errors
    /// [`Error::BadSize`] unless it is 4 or 8.
    pub fn set_pointer_size(&mut self, size: u8) -> Result<()> {
        if !matches!(size, 4 | 8) {
            return Err(Error::BadSize {
                kind: "PTR",
                size: u64::from(size),
            });
        }
        self.ptr_size = Some(size);
        Ok(())
    }

    /// The pointer size that sizes and alignments assume: 8 where nothing
    /// tells, as all kernels that carry BTF by default are 64-bit.
    fn assumed_pointer_size(&self) -> u32 {
        u32::from(self.pointer_size().unwrap_or(8))
    }

    /// The type behind typedefs, modifiers and VARs (libbpf
    /// `btf__resolve_type`).
    ///
    /// # Errors
    /// [`Error::NoSuchType`]; [`Error::TooDeep`] past 32 steps;
    /// [`Error::NoSize`] where the chain ends in void or a FWD.
    pub fn resolve_type(&self, id: TypeId) -> Result<TypeId> {
        let mut at = id;
        for _ in 0..MAX_RESOLVE_DEPTH {
            let ty = self.ty(at).ok_or(Error::NoSuchType(at))?;
            match ty.kind() {
                Kind::Const
                | Kind::Volatile
                | Kind::Restrict
                | Kind::TypeTag
                | Kind::Typedef
                | Kind::Var => at = TypeId(ty.size_or_type()),
                kind @ (Kind::Void | Kind::Fwd) => {
                    return Err(Error::NoSize { id, kind });
                }
                _ => return Ok(at),
            }
        }
        Err(Error::TooDeep(id))
    }

    /// Size of a type in bytes, through typedefs, modifiers, VARs, DECL_TAGs
    /// and arrays (libbpf `btf__resolve_size`).
    ///
    /// # Errors
    /// [`Error::NoSuchType`]; [`Error::NoSize`] for void, FWD, FUNC and
    /// FUNC_PROTO; [`Error::TooDeep`] past 32 steps; [`Error::TooBig`] where
    /// an array exceeds `u32`.
    pub fn resolve_size(&self, id: TypeId) -> Result<u32> {
        let mut nelems = 1_u32;
        let mut at = id;
        for _ in 0..MAX_RESOLVE_DEPTH {
            let ty = self.ty(at).ok_or(Error::NoSuchType(at))?;
            let size = match ty.kind() {
                kind if kind.has_size() => ty.size_or_type(),
                Kind::Ptr => self.assumed_pointer_size(),
                Kind::Typedef
                | Kind::Volatile
                | Kind::Const
                | Kind::Restrict
                | Kind::Var
                | Kind::DeclTag
                | Kind::TypeTag => {
                    at = TypeId(ty.size_or_type());
                    continue;
                }
                kind => {
                    let Some(array) = ty.array() else {
                        return Err(Error::NoSize { id, kind });
                    };
                    nelems = nelems.checked_mul(array.nelems).ok_or(Error::TooBig(id))?;
                    at = array.elem;
                    continue;
                }
            };
            return nelems.checked_mul(size).ok_or(Error::TooBig(id));
        }
        Err(Error::TooDeep(id))
    }

    /// Alignment of a type in bytes, as its members' types suggest (libbpf
    /// `btf__align_of`): 1 for a struct that must be packed, because a member
    /// or the size is not a multiple of the natural alignment. Over-alignment
    /// is not recorded in BTF.
    ///
    /// # Errors
    /// [`Error::NoSuchType`]; [`Error::NoSize`] for kinds without alignment;
    /// [`Error::TooDeep`] where types contain themselves.
    pub fn align_of(&self, id: TypeId) -> Result<u32> {
        self.align_within(id, &mut HashMap::new(), 0)
    }

    /// `known` holds composites done before, with the ones in progress at 0.
    fn align_within(
        &self,
        id: TypeId,
        known: &mut HashMap<TypeId, u32>,
        depth: u32,
    ) -> Result<u32> {
        let mut at = id;
        let mut steps = 0;
        let ty = loop {
            let ty = self.ty(at).ok_or(Error::NoSuchType(at))?;
            at = match ty.kind() {
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    TypeId(ty.size_or_type())
                }
                Kind::Array => ty.array().map_or(TypeId::VOID, |a| a.elem),
                _ => break ty,
            };
            steps += 1;
            if steps > MAX_NESTING {
                return Err(Error::TooDeep(id));
            }
        };
        let pointer = self.assumed_pointer_size();
        match ty.kind() {
            Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Float => {
                Ok(pointer.min(ty.size_or_type()).max(1))
            }
            Kind::Ptr => Ok(pointer),
            Kind::Struct | Kind::Union => {
                match known.get(&at) {
                    Some(0) => return Err(Error::TooDeep(at)),
                    Some(&align) => return Ok(align),
                    None if depth >= MAX_NESTING => return Err(Error::TooDeep(at)),
                    None => {}
                }
                known.insert(at, 0);
                let mut max = 1;
                let mut packed = false;
                for m in ty.members() {
                    let align = self.align_within(m.type_id, known, depth + 1)?;
                    max = max.max(align);
                    packed |= m.bitfield_size == 0 && !m.bit_offset.is_multiple_of(8 * align);
                }
                packed |= !ty.size_or_type().is_multiple_of(max);
                let align = if packed { 1 } else { max };
                known.insert(at, align);
                Ok(align)
            }
            kind => Err(Error::NoSize { id, kind }),
        }
    }
}
