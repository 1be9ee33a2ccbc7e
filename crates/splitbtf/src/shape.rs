//! Content hashes of types.
//!
//! Two types are the same if the graphs that can be reached from them are. Comparing graphs is dear, and a kernel
//! repeats each type in a thousand CUs, so the encoder gives each type a hash of its content instead. Graphs of C
//! types have cycles, and all of them go through a struct, union or enum with a *name*. Wherever a type refers to
//! one of those, its hash takes in only the name ("struct foo"), which cuts every cycle and makes the hash a single
//! pass over the unit, whether or not the unit has seen foo's definition. What the name stands for is settled once
//! per file ([`crate::settle`]): in a kernel almost every name has one definition, so that equal hashes are equal
//! types; the few names with several are told apart by comparing graphs.
//!
//! DWARF types and the types of a base BTF hash alike, so that a module's types find their equals in the base by
//! one look-up.

pub(crate) use btf_builder::name_hash;

/// A hash of 128 bits: at a million types, a chance of 10⁻²⁶ that two of them collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hash {
    pub(crate) a: u64,
    pub(crate) b: u64,
}

impl Hash {
    /// `void`.
    pub(crate) const VOID: Self = Self {
        a: 0x5f3c_91d2_88ae_1b07,
        b: 0x1f83_d9ab_fb41_bd6b,
    };
    /// No hash: what nothing hashes to.
    pub(crate) const NONE: Self = Self { a: 0, b: 0 };

    /// Whether this is [`Self::NONE`].
    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.a | self.b == 0
    }

    /// Whether this is [`Self::VOID`]; half of it is enough to tell.
    #[inline(always)]
    pub(crate) fn is_void(self) -> bool {
        self.a == Self::VOID.a
    }
}

const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;
const K2: u64 = 0x8ebc_6af0_9c88_c6e3;
const K3: u64 = 0x5899_65cc_7537_4cc3;

#[inline(always)]
pub(crate) fn fold(x: u64, y: u64) -> u64 {
    let p = u128::from(x).wrapping_mul(u128::from(y));
    (p as u64) ^ ((p >> 64) as u64)
}

/// What stands for the name of a type that has none: the hash of the empty name.
pub(crate) fn anonymous() -> u64 {
    name_hash(b"")
}

/// What a hash is of. The discriminants only have to differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
#[expect(
    clippy::enum_variant_names,
    reason = "the kinds are called that in BTF"
)]
pub(crate) enum Tag {
    Int = 1,
    Float,
    Ptr,
    Const,
    Volatile,
    Restrict,
    TypeTag,
    Typedef,
    Array,
    Struct,
    Union,
    Enum,
    FuncProto,
    Func,
    DeclTag,
    /// A struct, union or enum by its name alone.
    StructName,
    UnionName,
    EnumName,
    /// A typedef by its name, where typedefs make cycles.
    TypedefName,
}

/// A hash under way.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mix {
    a: u64,
    b: u64,
}

impl Mix {
    #[inline(always)]
    pub(crate) fn new(tag: Tag) -> Self {
        let t = tag as u64;
        Self {
            a: K2 ^ t.wrapping_mul(K1),
            b: K3 ^ t.wrapping_mul(K0),
        }
    }

    /// Takes in two numbers.
    #[inline(always)]
    pub(crate) fn words(&mut self, x: u64, y: u64) {
        self.a = fold(self.a ^ x, K0 ^ y);
        self.b = fold(self.b ^ x.rotate_left(29), K1 ^ y.rotate_left(41));
    }

    /// Takes in two numbers and a type that this one refers to, at the price of two numbers.
    #[inline(always)]
    pub(crate) fn item(&mut self, x: u64, y: u64, h: Hash) {
        self.a = fold(self.a ^ x ^ h.a, K0 ^ y);
        self.b = fold(self.b ^ x.rotate_left(29) ^ h.b, K1 ^ y.rotate_left(41));
    }

    /// Takes in a type that this one refers to.
    #[inline(always)]
    pub(crate) fn child(&mut self, h: Hash) {
        self.a = fold(self.a ^ h.a, K2);
        self.b = fold(self.b ^ h.b, K3);
    }

    #[inline(always)]
    pub(crate) fn done(self) -> Hash {
        Hash {
            a: fold(self.a ^ K1, self.b ^ K2),
            b: fold(self.b ^ K0, self.a.rotate_left(23) ^ K3),
        }
    }
}

/// The hash of a struct, union or enum as others refer to it.
#[inline]
pub(crate) fn by_name(tag: Tag, name: u64) -> Hash {
    let mut m = Mix::new(tag);
    m.words(name, 0);
    m.done()
}

/// What stands for a struct, union or enum in the keys of one file ([`crate::recall`]): the place of its name.
/// Different places give different results.
#[inline(always)]
pub(crate) fn by_place(tag: Tag, place: u64) -> Hash {
    // Between the offset in a section and the section's number.
    let t = (tag as u64) << 52;
    Hash {
        a: (place ^ t).wrapping_mul(K0),
        b: (place ^ t).wrapping_mul(K1) ^ K2,
    }
}

/// A reference kind: pointer or qualifier.
#[inline]
pub(crate) fn reference(tag: Tag, target: Hash) -> Hash {
    let mut m = Mix::new(tag);
    m.child(target);
    m.done()
}

/// A type tag, with its kind flag.
#[inline]
pub(crate) fn type_tag(value: u64, kind_flag: bool, target: Hash) -> Hash {
    let mut m = Mix::new(Tag::TypeTag);
    m.words(value, u64::from(kind_flag));
    m.child(target);
    m.done()
}

/// A typedef.
#[inline]
pub(crate) fn typedef(name: u64, target: Hash) -> Hash {
    let mut m = Mix::new(Tag::Typedef);
    m.words(name, 0);
    m.child(target);
    m.done()
}

/// An array.
#[inline]
pub(crate) fn array(elem: Hash, index: Hash, nelems: u32) -> Hash {
    let mut m = Mix::new(Tag::Array);
    m.words(u64::from(nelems), 0);
    m.child(elem);
    m.child(index);
    m.done()
}

/// An integer: size in bytes, the word behind the record (encoding, offset, bits).
#[inline]
pub(crate) fn int(name: u64, size: u32, data: u32) -> Hash {
    let mut m = Mix::new(Tag::Int);
    m.words(name, u64::from(size) << 32 | u64::from(data));
    m.done()
}

/// A floating point type of `size` bytes.
#[inline]
pub(crate) fn float(name: u64, size: u32) -> Hash {
    let mut m = Mix::new(Tag::Float);
    m.words(name, u64::from(size));
    m.done()
}

/// The head of a struct or union; members follow by [`member`]. `name` is the first half of [`by_name`], or
/// [`anonymous`].
#[inline(always)]
pub(crate) fn composite(tag: Tag, name: u64, size: u32) -> Mix {
    let mut m = Mix::new(tag);
    m.words(name, u64::from(size));
    m
}

/// One member: offset in bits, bitfield width (0 for a plain member).
#[inline(always)]
pub(crate) fn member(m: &mut Mix, name: u64, bit_off: u32, width: u32, ty: Hash) {
    m.item(name, u64::from(bit_off) | u64::from(width) << 32, ty);
}

/// Ends a struct or union of `n` members.
#[inline(always)]
pub(crate) fn composite_end(mut m: Mix, n: usize, kind_flag: bool) -> Hash {
    m.words(n as u64, u64::from(kind_flag));
    m.done()
}

/// The head of an enum; values follow as pairs of name and value. `name` as for [`composite`].
#[inline]
pub(crate) fn enumeration(name: u64, size: u32, wide: bool, signed: bool) -> Mix {
    let mut m = Mix::new(Tag::Enum);
    m.words(
        name,
        u64::from(size) | u64::from(wide) << 32 | u64::from(signed) << 33,
    );
    m
}

/// The head of a prototype; parameters follow by [`param`].
#[inline]
pub(crate) fn func_proto(ret: Hash) -> Mix {
    let mut m = Mix::new(Tag::FuncProto);
    m.child(ret);
    m
}

/// One parameter; (0, void) ends a variable list.
#[inline]
pub(crate) fn param(m: &mut Mix, name: u64, ty: Hash) {
    m.item(name, 1, ty);
}

/// A function of this linkage.
#[inline]
pub(crate) fn func(name: u64, linkage: u32, proto: Hash) -> Hash {
    let mut m = Mix::new(Tag::Func);
    m.words(name, u64::from(linkage));
    m.child(proto);
    m.done()
}

/// A decl tag.
#[inline]
pub(crate) fn decl_tag(value: u64, component: i32, kind_flag: bool, target: Hash) -> Hash {
    let mut m = Mix::new(Tag::DeclTag);
    m.words(
        value,
        u64::from(component as u32) | u64::from(kind_flag) << 32,
    );
    m.child(target);
    m.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_members_matters() {
        let int = int(name_hash(b"int"), 4, 0x0100_0020);
        let hash = |first: &[u8], second: &[u8]| {
            let mut m = composite(Tag::Struct, name_hash(b"s"), 8);
            member(&mut m, name_hash(first), 0, 0, int);
            member(&mut m, name_hash(second), 32, 0, int);
            composite_end(m, 2, false)
        };
        assert_ne!(hash(b"a", b"b"), hash(b"b", b"a"));
    }
}
