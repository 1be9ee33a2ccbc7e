//! Shapes: everything a record says except the types it refers to.
//!
//! Deduplication asks again and again whether two records agree in all but
//! their references. Interning that content once per record turns the question
//! into a comparison of two integers, and what remains of a BTF is a graph of
//! integers: a shape and an ordered list of referenced ids per type.
//!
//! Two records have the same shape exactly if, for their kind, libbpf's
//! comparison of everything but the referenced ids succeeds
//! (`btf_equal_common`, `btf_shallow_equal_struct`, `btf_compat_array`,
//! `btf_compat_fnproto` and so on). The same function serves base and split.
//!
//! | kind | words that count |
//! |---|---|
//! | INT, FLOAT, FWD, ENUM, ENUM64 | all |
//! | STRUCT, UNION | all but the member types |
//! | PTR, CONST, VOLATILE, RESTRICT, TYPE_TAG, TYPEDEF, FUNC | name, info |
//! | DECL_TAG | name, info, component index |
//! | ARRAY | name, info, size word, number of elements |
//! | FUNC_PROTO | name, info, parameter names |
//! | VAR, DATASEC, unknown kinds | none: each has a shape of its own |

use btf_builder::{Kind, record_shape};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// What deduplication does with a type, in the top bits of its [`Shape`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Class {
    /// `void`, and kinds that are never merged.
    Opaque = 0,
    /// INT and FLOAT.
    Scalar = 1,
    /// ENUM and ENUM64.
    Enum = 2,
    /// FWD.
    Fwd = 3,
    /// STRUCT and UNION.
    Composite = 4,
    /// TYPEDEF.
    Typedef = 5,
    /// Kinds with one reference: PTR, modifiers, TYPE_TAG, FUNC, DECL_TAG.
    Ref = 6,
    /// ARRAY and FUNC_PROTO.
    Multi = 7,
}

/// An interned shape: its [`Class`] in the top three bits, a serial number
/// below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape(u32);

impl Shape {
    const CLASS_SHIFT: u32 = 29;
    /// Highest serial number, and so the largest number of distinct shapes.
    pub(crate) const MAX: u32 = (1 << Self::CLASS_SHIFT) - 1;
    /// The shape of `void`, which no record has.
    pub(crate) const VOID: Self = Self(0);

    fn new(class: Class, serial: u32) -> Self {
        Self((class as u32) << Self::CLASS_SHIFT | serial)
    }

    pub(crate) fn serial(self) -> usize {
        (self.0 & Self::MAX) as usize
    }

    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn is_fwd(self) -> bool {
        self.0 >> Self::CLASS_SHIFT == Class::Fwd as u32
    }

    pub(crate) fn is_enum(self) -> bool {
        self.0 >> Self::CLASS_SHIFT == Class::Enum as u32
    }

    pub(crate) fn is_composite(self) -> bool {
        self.0 >> Self::CLASS_SHIFT == Class::Composite as u32
    }

    /// Whether another type can have the shape.
    pub(crate) fn is_shared(self) -> bool {
        self.0 >> Self::CLASS_SHIFT != Class::Opaque as u32
    }

    /// INT, FLOAT, ENUM, ENUM64 or FWD: refers to nothing.
    pub(crate) fn is_prim(self) -> bool {
        let class = self.0 >> Self::CLASS_SHIFT;
        class >= Class::Scalar as u32 && class <= Class::Fwd as u32
    }

    /// STRUCT, UNION or TYPEDEF: compared as graphs.
    pub(crate) fn is_named_node(self) -> bool {
        let class = self.0 >> Self::CLASS_SHIFT;
        class == Class::Composite as u32 || class == Class::Typedef as u32
    }

    /// A kind that is equal as soon as shape and canonical references are.
    pub(crate) fn is_ref(self) -> bool {
        self.0 >> Self::CLASS_SHIFT >= Class::Ref as u32
    }

    /// Exactly one reference, which a node holds in place.
    pub(crate) fn has_one_ref(self) -> bool {
        let class = self.0 >> Self::CLASS_SHIFT;
        class == Class::Ref as u32 || class == Class::Typedef as u32
    }
}

/// What the slow paths need to know about a shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShapeInfo {
    /// String offset of the name.
    pub(crate) name: u32,
    /// The info word: kind, `kind_flag` and `vlen`.
    pub(crate) info: u32,
    /// The first type that has the shape.
    pub(crate) first: u32,
}

impl ShapeInfo {
    pub(crate) const VOID: Self = Self {
        name: 0,
        info: 0,
        first: 0,
    };

    pub(crate) fn kind(self) -> Kind {
        kind_of(self.info)
    }

    pub(crate) fn kind_flag(self) -> bool {
        self.info >> 31 != 0
    }

    /// An enum without enumerators: the declaration of one.
    pub(crate) fn is_enum_fwd(self) -> bool {
        self.kind().is_any_enum() && vlen_of(self.info) == 0
    }
}

/// Kind in an info word.
pub(crate) fn kind_of(info: u32) -> Kind {
    match info >> 24 & 0x7f {
        0 => Kind::Void,
        n => Kind::from_u32(n).unwrap_or(Kind::Unknown),
    }
}

/// `vlen` in an info word.
pub(crate) fn vlen_of(info: u32) -> u32 {
    info & 0x00ff_ffff
}

fn class_of(kind: Kind) -> Class {
    match kind {
        Kind::Int | Kind::Float => Class::Scalar,
        Kind::Enum | Kind::Enum64 => Class::Enum,
        Kind::Fwd => Class::Fwd,
        Kind::Struct | Kind::Union => Class::Composite,
        Kind::Typedef => Class::Typedef,
        Kind::Array | Kind::FuncProto => Class::Multi,
        Kind::Ptr
        | Kind::Volatile
        | Kind::Const
        | Kind::Restrict
        | Kind::Func
        | Kind::TypeTag
        | Kind::DeclTag => Class::Ref,
        _ => Class::Opaque,
    }
}

/// Which words of a record are content rather than references.
#[derive(Clone, Copy)]
struct Divide {
    /// Words before the elements that are content, as a bit set.
    head: u32,
    /// Where the elements start; without elements, where the record ends or
    /// content starts that fills the rest.
    elems: usize,
    /// Words per element, if elements hold a reference each: 3 for members
    /// (name, type, offset), 2 for parameters (name, type). Else 0, and the
    /// rest is content throughout.
    stride: usize,
}

/// [`Divide`] of each kind, by kind number; 0 stands for unknown kinds too.
static DIVIDES: [Divide; 20] = {
    let mut all = [divide(Kind::Unknown); 20];
    let mut i = 0;
    while i < Kind::ALL.len() {
        all[Kind::ALL[i] as usize] = divide(Kind::ALL[i]);
        i += 1;
    }
    all
};

fn divide_of(kind: Kind) -> Divide {
    DIVIDES.get(kind as usize).copied().unwrap_or(DIVIDES[0])
}

const fn divide(kind: Kind) -> Divide {
    let shape = record_shape(kind);
    let mut head = (1_u32 << shape.elems) - 1;
    let mut i = 0;
    while i < shape.ids.len() {
        head &= !(1 << shape.ids[i]);
        i += 1;
    }
    Divide {
        head,
        elems: shape.elems,
        stride: if shape.elem_id.is_some() {
            shape.stride
        } else {
            0
        },
    }
}

/// Multiplies to 128 bits and folds, the mixing step of wyhash and foldhash.
fn fold(a: u64, b: u64) -> u64 {
    let full = u128::from(a) * u128::from(b);
    (full as u64) ^ ((full >> 64) as u64)
}

const SEED: u64 = 0x243f_6a88_85a3_08d3;
const MULT: u64 = 0x9e37_79b9_7f4a_7c15;

/// Mixes a pair of words into a running hash.
pub(crate) fn mix(h: u64, a: u32, b: u32) -> u64 {
    fold(h ^ (u64::from(a) << 32 | u64::from(b)), MULT)
}

/// How values are hashed: as is, or all alike for tests of the collision
/// paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashing {
    /// Makes every hash 0.
    pub(crate) collide: bool,
}

impl Hashing {
    pub(crate) fn finish(self, h: u64) -> u64 {
        if self.collide { 0 } else { h }
    }

    /// Hash of a node: its shape and its references.
    pub(crate) fn node(self, shape: Shape, refs: &[u32]) -> u64 {
        let mut h = SEED ^ u64::from(shape.bits());
        let (pairs, rest) = refs.as_chunks::<2>();
        for &[a, b] in pairs {
            h = mix(h, a, b);
        }
        if let &[a] = rest {
            h = mix(h, a, 0xffff_ffff);
        }
        self.finish(h)
    }

    /// Hash of the content of a record.
    fn content(self, words: &[u32], d: Divide) -> u64 {
        // Words 0 and 1, name and info, are content of every kind.
        let mut h = mix(SEED, words[0], words[1]);
        if d.stride == 0 {
            // Never more than four words in the head of such a kind, apart
            // from ARRAY: skipping what the mask leaves out is cheap.
            for (i, &w) in words.iter().enumerate().take(d.elems).skip(2) {
                if d.head >> i & 1 != 0 {
                    h = mix(h, w, i as u32);
                }
            }
            let (pairs, rest) = words[d.elems.min(words.len())..].as_chunks::<2>();
            for &[a, b] in pairs {
                h = mix(h, a, b);
            }
            if let &[a] = rest {
                h = mix(h, a, 0xffff_ffff);
            }
        } else {
            if d.head >> 2 & 1 != 0 {
                h = mix(h, words[2], 2);
            }
            if d.stride == 3 {
                for &[name, _, offset] in words[3..].as_chunks::<3>().0 {
                    h = mix(h, name, offset);
                }
            } else {
                for &[name, _] in words[3..].as_chunks::<2>().0 {
                    h = mix(h, name, 0);
                }
            }
        }
        self.finish(h)
    }
}

/// Whether two records agree in their content.
pub(crate) fn same_record(a: &[u32], b: &[u32]) -> bool {
    a[1] == b[1] && same_content(a, b, divide_of(kind_of(a[1])))
}

/// Whether two records of one kind agree in their content.
fn same_content(a: &[u32], b: &[u32], d: Divide) -> bool {
    if a.len() != b.len() || a[0] != b[0] || a[1] != b[1] {
        return false;
    }
    for i in 2..d.elems.min(a.len()) {
        if d.head >> i & 1 != 0 && a[i] != b[i] {
            return false;
        }
    }
    let (a, b) = (
        a.get(d.elems..).unwrap_or(&[]),
        b.get(d.elems..).unwrap_or(&[]),
    );
    match d.stride {
        0 => a == b,
        3 => {
            let (a, b) = (a.as_chunks::<3>().0, b.as_chunks::<3>().0);
            a.iter()
                .zip(b)
                .all(|(&[na, _, oa], &[nb, _, ob])| na == nb && oa == ob)
        }
        _ => {
            let (a, b) = (a.as_chunks::<2>().0, b.as_chunks::<2>().0);
            a.iter().zip(b).all(|(&[na, _], &[nb, _])| na == nb)
        }
    }
}

/// A shape in the table, with 32 bits of its hash and the first type that has
/// it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    shape: Shape,
    first: u32,
}

/// Shapes of one level, base or split, by content.
#[derive(Clone, Debug)]
pub(crate) struct ShapeTable {
    table: HashTable<Slot>,
    infos: Vec<ShapeInfo>,
    /// Serial number of the first shape here: those below are the base's.
    first: u32,
}

/// Spreads 32 stored hash bits over the 64 that the table looks at.
fn widen(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Words of a record and where its type ids start, split by kind.
pub(crate) struct Content<'a> {
    words: &'a [u32],
    divide: Divide,
    class: Class,
    hash: u32,
}

impl<'a> Content<'a> {
    /// Divides and hashes a record. `words` is a whole record: `Btf` holds no
    /// others.
    pub(crate) fn of(words: &'a [u32], hashing: Hashing) -> Self {
        let kind = kind_of(words[1]);
        let divide = divide_of(kind);
        let class = class_of(kind);
        let hash = match class {
            Class::Opaque => 0,
            _ => (hashing.content(words, divide) >> 32) as u32,
        };
        Self {
            words,
            divide,
            class,
            hash,
        }
    }

    fn info(&self, id: u32) -> ShapeInfo {
        ShapeInfo {
            name: self.words[0],
            info: self.words[1],
            first: id,
        }
    }
}

impl ShapeTable {
    /// An empty table whose serial numbers go on after `first` others.
    pub(crate) fn new(first: u32, n_types: usize) -> Self {
        let mut infos = Vec::new();
        if first == 0 {
            infos.push(ShapeInfo::VOID);
        }
        Self {
            table: HashTable::with_capacity(n_types.min(1 << 17)),
            infos,
            first,
        }
    }

    /// One more than the highest serial number.
    pub(crate) fn end(&self) -> u32 {
        self.first + self.infos.len() as u32
    }

    /// Turns a table that continues that of void alone into one of a base,
    /// which answers for void too.
    pub(crate) fn include_void(&mut self) {
        if self.first == 1 {
            self.infos.insert(0, ShapeInfo::VOID);
            self.first = 0;
        }
    }

    /// The shapes of this level, in the order they were first met.
    pub(crate) fn infos(&self) -> &[ShapeInfo] {
        &self.infos
    }

    pub(crate) fn info(&self, shape: Shape) -> ShapeInfo {
        self.infos[shape.serial() - self.first as usize]
    }

    /// The shape of `content` if it was interned. `words_of` gives the record
    /// of a type that was passed to [`intern`](Self::intern) before.
    pub(crate) fn find<'w>(
        &self,
        content: &Content<'_>,
        words_of: impl Fn(u32) -> &'w [u32],
    ) -> Option<Shape> {
        self.table
            .find(widen(content.hash), |slot| {
                slot.hash == content.hash
                    && same_content(words_of(slot.first), content.words, content.divide)
            })
            .map(|slot| slot.shape)
    }

    /// The shape of `content`, the record of type `id`, and the first type that
    /// has it. A new one is interned; `None` if there are too many.
    pub(crate) fn intern<'w>(
        &mut self,
        id: u32,
        content: &Content<'_>,
        words_of: impl Fn(u32) -> &'w [u32],
    ) -> Option<(Shape, u32)> {
        let serial = self.end();
        let hash = content.hash;
        if content.class == Class::Opaque {
            if serial > Shape::MAX {
                return None;
            }
            self.infos.push(content.info(id));
            return Some((Shape::new(Class::Opaque, serial), id));
        }
        let same = |slot: &Slot| {
            slot.hash == hash && same_content(words_of(slot.first), content.words, content.divide)
        };
        match self.table.entry(widen(hash), same, |slot| widen(slot.hash)) {
            Entry::Occupied(slot) => Some((slot.get().shape, slot.get().first)),
            Entry::Vacant(slot) => {
                if serial > Shape::MAX {
                    return None;
                }
                let shape = Shape::new(content.class, serial);
                slot.insert(Slot {
                    hash,
                    shape,
                    first: id,
                });
                self.infos.push(content.info(id));
                Some((shape, id))
            }
        }
    }
}

/// Appends the references of a record. The order is that in which graphs are
/// compared: record order, but the index type of an ARRAY before its element
/// type. Records of one shape have the same number of references.
pub(crate) fn push_refs(words: &[u32], out: &mut Vec<u32>) {
    match kind_of(words[1]) {
        Kind::Struct | Kind::Union => {
            out.extend(words[3..].as_chunks::<3>().0.iter().map(|m| m[1]))
        }
        Kind::Array => out.extend([words[4], words[3]]),
        Kind::FuncProto => {
            out.push(words[2]);
            out.extend(words[3..].as_chunks::<2>().0.iter().map(|p| p[1]));
        }
        Kind::Datasec => out.extend(words[3..].as_chunks::<3>().0.iter().map(|v| v[0])),
        kind if kind.has_type() => out.push(words[2]),
        _ => {}
    }
}
