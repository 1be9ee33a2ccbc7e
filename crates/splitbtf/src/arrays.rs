//! How arrays of several dimensions are encoded.
//!
//! DWARF describes `int a[2][3]` as one type with two dimensions. pahole wrote that as one ARRAY of the product, six
//! `int`s, up to 1.31, and since 1.32 writes arrays of arrays, as C means it. Neither says in the BTF which it did, and
//! a module encoded in the one form on a base in the other shares no type that holds such an array, nor anything that
//! reaches one. So a module follows its base, whose arrays tell.

use btf_builder::{Btf, Kind, Type, TypeId};

use crate::base::Base;

/// How an array of several dimensions is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arrays {
    /// As one ARRAY with the product of its dimensions, as pahole up to 1.31 does.
    Flat,
    /// As an ARRAY of ARRAYs, one for each dimension, as pahole does since 1.32.
    Nested,
}

impl Arrays {
    /// How a BTF, with its base, has them. Linear in the number of types.
    ///
    /// In a flat one an ARRAY of ARRAYs is no array of arrays, which C compilers join before they get as far as DWARF,
    /// but an array of vectors (`vector_size`), and that only if no typedef or qualifier stands between. A vector is of
    /// numbers and its size in bytes is a power of two. Any ARRAY of ARRAYs that cannot be one shows that dimensions are
    /// nested; in a kernel, which has some hundred, that is more than every second. Where there are none but those that
    /// could be vectors, their number decides: a base of a few types with an `int m[4][4]` is nested, and a
    /// kernel's, with thousands of ARRAYs, is flat and has some vectors.
    pub fn of(btf: &Btf) -> Self {
        /// If so many ARRAYs come on each one that could be of vectors, these are vectors.
        const MANY: usize = 256;
        let (mut n, mut of_vectors) = (0usize, 0usize);
        for array in btf.all_types().filter(|t| t.kind() == Kind::Array) {
            n += 1;
            let elem = array.array().and_then(|a| btf.ty(a.elem));
            match elem.filter(|elem| elem.kind() == Kind::Array) {
                Some(elem) if could_be_vector(elem) => of_vectors += 1,
                Some(_) => return Self::Nested,
                None => {}
            }
        }
        if of_vectors > 0 && n / of_vectors < MANY {
            Self::Nested
        } else {
            Self::Flat
        }
    }
}

fn could_be_vector(array: Type<'_>) -> bool {
    let size = |elem: TypeId| {
        let btf = array.btf();
        let number = btf.ty(btf.resolve_type(elem).ok()?)?;
        let is_number = matches!(number.kind(), Kind::Int | Kind::Float);
        number.size().filter(|_| is_number)
    };
    array.array().is_some_and(|a| {
        let size = size(a.elem).and_then(|size| size.checked_mul(a.nelems));
        size.is_some_and(u32::is_power_of_two)
    })
}

/// What decides for a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'f> {
    Fixed(Arrays),
    /// That of the base, which is looked at when the first array of several dimensions is met.
    AsIn(&'f Base),
}

impl<'f> Form<'f> {
    pub(crate) fn new(arrays: Option<Arrays>, base: Option<&'f Base>) -> Self {
        match (arrays, base) {
            (Some(arrays), _) => Self::Fixed(arrays),
            (None, Some(base)) => Self::AsIn(base),
            (None, None) => Self::Fixed(Arrays::Flat),
        }
    }

    pub(crate) fn is_nested(self) -> bool {
        match self {
            Self::Fixed(arrays) => arrays == Arrays::Nested,
            Self::AsIn(base) => base.arrays() == Arrays::Nested,
        }
    }
}

#[cfg(test)]
mod tests {
    use btf_builder::{Endian, IntEncoding};

    use super::*;

    /// A BTF with `flat` arrays of one dimension and one of two: `elem` makes its element's element, `inner` is the
    /// inner dimension.
    fn base(flat: u32, elem: impl FnOnce(&mut Btf, TypeId) -> TypeId, inner: u32) -> Btf {
        let mut btf = Btf::new_empty(Endian::Little);
        let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        for n in 0..flat {
            btf.add_array(int, int, 1000 + n).unwrap();
        }
        let elem = elem(&mut btf, int);
        let inner = btf.add_array(int, elem, inner).unwrap();
        btf.add_array(int, inner, 2).unwrap();
        btf
    }

    #[test]
    fn an_array_of_what_is_no_vector_shows_nesting_among_any_number_of_arrays() {
        let int = |_: &mut Btf, int| int;
        let ptr = |btf: &mut Btf, int| btf.add_ptr(int).unwrap();
        assert_eq!(Arrays::of(&base(9999, int, 3)), Arrays::Nested);
        assert_eq!(Arrays::of(&base(9999, int, 0)), Arrays::Nested);
        assert_eq!(Arrays::of(&base(9999, ptr, 4)), Arrays::Nested);
    }

    #[test]
    fn an_array_of_what_could_be_a_vector_shows_nesting_in_a_small_base_only() {
        let number = |btf: &mut Btf, int| btf.add_typedef("number", int).unwrap();
        assert_eq!(Arrays::of(&base(9, number, 4)), Arrays::Nested);
        assert_eq!(Arrays::of(&base(9999, number, 4)), Arrays::Flat);
    }

    #[test]
    fn a_base_without_arrays_of_arrays_is_flat() {
        let mut btf = Btf::new_empty(Endian::Little);
        assert_eq!(Arrays::of(&btf), Arrays::Flat);
        let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let triple = btf.add_array(int, int, 3).unwrap();
        let triple = btf.add_typedef("triple", triple).unwrap();
        btf.add_array(int, triple, 2).unwrap();
        assert_eq!(Arrays::of(&btf), Arrays::Flat);
    }
}
