//! Where type ids and string offsets sit in a record, and visitors over them.
//!
//! The order of a visit is that of the words in the record, which is libbpf's
//! `btf_field_iter` order: the head first, then element by element.

use crate::btf::Btf;
use crate::error::{Error, Result};
use crate::id::{StrOff, TypeId};
use crate::kind::{Kind, info_kind, info_vlen};
use crate::view::Type;

/// Word positions of type ids and string offsets in records of one kind.
///
/// Elements start at word `elems` and take `stride` words each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordShape {
    /// Words from the record's start that hold type ids, elements aside.
    pub ids: &'static [usize],
    /// First word of the elements.
    pub elems: usize,
    /// Words per element, 0 where the kind has no elements.
    pub stride: usize,
    /// Word of the type id within an element.
    pub elem_id: Option<usize>,
    /// Word of the string offset within an element.
    pub elem_str: Option<usize>,
}

/// The shape of records of `kind`. Word 0 is a string offset in all of them.
pub const fn record_shape(kind: Kind) -> RecordShape {
    let mut shape = RecordShape {
        ids: &[],
        elems: 3,
        stride: 0,
        elem_id: None,
        elem_str: None,
    };
    match kind {
        Kind::Ptr
        | Kind::Typedef
        | Kind::Volatile
        | Kind::Const
        | Kind::Restrict
        | Kind::Func
        | Kind::TypeTag => shape.ids = &[2],
        Kind::Var | Kind::DeclTag => {
            shape.ids = &[2];
            shape.elems = 4;
        }
        Kind::Array => {
            shape.ids = &[3, 4];
            shape.elems = 6;
        }
        Kind::Struct | Kind::Union => {
            shape.stride = 3;
            shape.elem_str = Some(0);
            shape.elem_id = Some(1);
        }
        Kind::FuncProto => {
            shape.ids = &[2];
            shape.stride = 2;
            shape.elem_str = Some(0);
            shape.elem_id = Some(1);
        }
        Kind::Datasec => {
            shape.stride = 3;
            shape.elem_id = Some(0);
        }
        Kind::Enum => {
            shape.stride = 2;
            shape.elem_str = Some(0);
        }
        Kind::Enum64 => {
            shape.stride = 3;
            shape.elem_str = Some(0);
        }
        Kind::Int => shape.elems = 4,
        Kind::Void | Kind::Unknown | Kind::Fwd | Kind::Float => {}
    }
    shape
}

/// Elements of a record, however short the slice is.
fn elem_words(words: &[u32], shape: RecordShape) -> &[u32] {
    if shape.stride == 0 {
        return &[];
    }
    let n = info_vlen(words[1]) as usize * shape.stride;
    words.get(shape.elems..shape.elems + n).unwrap_or(&[])
}

fn elem_words_mut(words: &mut [u32], shape: RecordShape) -> &mut [u32] {
    if shape.stride == 0 {
        return &mut [];
    }
    let n = info_vlen(words[1]) as usize * shape.stride;
    words
        .get_mut(shape.elems..shape.elems + n)
        .unwrap_or(&mut [])
}

/// Calls `f` with each type id of a record.
pub(crate) fn ids_of(words: &[u32], mut f: impl FnMut(u32)) {
    let shape = record_shape(Kind::of_raw(info_kind(words[1])));
    for &at in shape.ids {
        f(words[at]);
    }
    if let Some(at) = shape.elem_id {
        for elem in elem_words(words, shape).chunks_exact(shape.stride) {
            f(elem[at]);
        }
    }
}

/// Calls `f` with each string offset of a record.
pub(crate) fn strs_of(words: &[u32], mut f: impl FnMut(u32)) {
    let shape = record_shape(Kind::of_raw(info_kind(words[1])));
    f(words[0]);
    if let Some(at) = shape.elem_str {
        for elem in elem_words(words, shape).chunks_exact(shape.stride) {
            f(elem[at]);
        }
    }
}

/// Calls `f` with each type id of a record, to be changed in place.
pub(crate) fn ids_of_mut(words: &mut [u32], mut f: impl FnMut(&mut u32)) {
    let shape = record_shape(Kind::of_raw(info_kind(words[1])));
    for &at in shape.ids {
        f(&mut words[at]);
    }
    if let Some(at) = shape.elem_id {
        for elem in elem_words_mut(words, shape).chunks_exact_mut(shape.stride) {
            f(&mut elem[at]);
        }
    }
}

/// Calls `f` with each string offset of a record, to be changed in place.
pub(crate) fn strs_of_mut(words: &mut [u32], mut f: impl FnMut(&mut u32)) {
    let shape = record_shape(Kind::of_raw(info_kind(words[1])));
    f(&mut words[0]);
    if let Some(at) = shape.elem_str {
        for elem in elem_words_mut(words, shape).chunks_exact_mut(shape.stride) {
            f(&mut elem[at]);
        }
    }
}

impl<'a> Type<'a> {
    /// Calls `f` with each type id this record holds, void included, in
    /// record order.
    pub fn for_each_ref(&self, mut f: impl FnMut(TypeId)) {
        ids_of(self.words(), |id| f(TypeId(id)));
    }

    /// Calls `f` with each string offset this record holds, the empty string
    /// included, in record order.
    pub fn for_each_str(&self, mut f: impl FnMut(StrOff)) {
        strs_of(self.words(), |off| f(StrOff(off)));
    }

    /// All type ids this record holds, void included, in record order.
    pub fn refs(&self) -> impl Iterator<Item = TypeId> + use<'a> {
        let words = self.words();
        let shape = record_shape(self.kind());
        let elems = shape.elem_id.map_or(&[][..], |_| elem_words(words, shape));
        let at = shape.elem_id.unwrap_or(0);
        shape.ids.iter().map(move |&i| TypeId(words[i])).chain(
            elems
                .chunks_exact(shape.stride.max(1))
                .map(move |e| TypeId(e[at])),
        )
    }
}

impl Btf {
    /// Calls `f` with each type id in the record of own type `id`, to be
    /// changed in place. Nothing is checked: `f` must leave ids that exist, or
    /// will exist before the BTF is used.
    ///
    /// # Errors
    /// [`Error::TypeInBase`] or [`Error::NoSuchType`] if `id` is not an own
    /// type.
    pub fn visit_type_ids_mut(&mut self, id: TypeId, f: impl FnMut(&mut u32)) -> Result<()> {
        ids_of_mut(self.record_mut(id)?, f);
        Ok(())
    }

    /// Calls `f` with each string offset in the record of own type `id`, to be
    /// changed in place. Nothing is checked.
    ///
    /// # Errors
    /// [`Error::TypeInBase`] or [`Error::NoSuchType`] if `id` is not an own
    /// type.
    pub fn visit_str_offs_mut(&mut self, id: TypeId, f: impl FnMut(&mut u32)) -> Result<()> {
        strs_of_mut(self.record_mut(id)?, f);
        Ok(())
    }

    /// Calls `f` with each type id in each own record, in id order.
    pub fn for_each_type_id_mut(&mut self, mut f: impl FnMut(&mut u32)) {
        self.for_each_record_mut(|words| ids_of_mut(words, &mut f));
    }

    /// Calls `f` with each string offset in each own record, in id order.
    pub fn for_each_str_off_mut(&mut self, mut f: impl FnMut(&mut u32)) {
        self.for_each_record_mut(|words| strs_of_mut(words, &mut f));
    }

    /// The record of own type `id`, mutable. Callers must not touch the
    /// `info` word in a way that changes the record's length.
    pub(crate) fn record_mut(&mut self, id: TypeId) -> Result<&mut [u32]> {
        if id.0 < self.start_id().0 {
            return Err(Error::TypeInBase(id));
        }
        let range = self.own_record_range(id).ok_or(Error::NoSuchType(id))?;
        self.forget_names();
        Ok(&mut self.types_mut()[range])
    }
}
