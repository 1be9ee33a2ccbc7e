//! The owned BTF: storage, numbering across base and split, lookups by id.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::filter::FoundStrs;
use crate::find::Caches;
use crate::id::TypeId;
use crate::kind::{
    Kind, MAX_NAME_OFFSET, MAX_TYPE_ID, MAX_VLEN, MAX_VLEN_24, info_kind, info_vlen,
};
use crate::layout::KindLayout;
use crate::strings::StrIndex;
use crate::view::Type;

/// Byte order of a BTF blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Endian {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl Endian {
    /// The byte order of the machine this runs on.
    pub const NATIVE: Self = if cfg!(target_endian = "big") {
        Self::Big
    } else {
        Self::Little
    };
}

/// What a growing BTF may not exceed. Parsing does not apply them: a reader
/// takes whatever the format can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Highest type id, base included.
    pub max_type_id: u32,
    /// Highest string offset, base included.
    pub max_str_off: u32,
    /// Highest `vlen`.
    pub max_vlen: u32,
}

impl Limits {
    /// What Linux 6.12 loads (`include/uapi/linux/btf.h`).
    pub const KERNEL: Self = Self {
        max_type_id: MAX_TYPE_ID,
        max_str_off: MAX_NAME_OFFSET,
        max_vlen: MAX_VLEN,
    };

    /// What the format and libbpf can hold: room for BTF that is still to be
    /// deduplicated. Check the result with [`Btf::check_limits`].
    pub const FORMAT: Self = Self {
        max_type_id: 0x7fff_ffff,
        max_str_off: 0x7fff_ffff,
        max_vlen: MAX_VLEN_24,
    };

    /// Sets [`max_type_id`](Self::max_type_id).
    #[must_use]
    pub const fn with_max_type_id(mut self, id: u32) -> Self {
        self.max_type_id = id;
        self
    }

    /// Sets [`max_str_off`](Self::max_str_off).
    #[must_use]
    pub const fn with_max_str_off(mut self, off: u32) -> Self {
        self.max_str_off = off;
        self
    }

    /// Sets [`max_vlen`](Self::max_vlen).
    #[must_use]
    pub const fn with_max_vlen(mut self, vlen: u32) -> Self {
        self.max_vlen = vlen;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::KERNEL
    }
}

/// Words of a record of each known kind: those it always has, and those per
/// element. Void has none.
const RECORD_WORDS: [(u8, u8); 20] = {
    let mut words = [(0, 0); 20];
    let mut kind = 1;
    while kind < words.len() {
        let entry = KindLayout::KNOWN[kind];
        words[kind] = (3 + entry.info_sz / 4, entry.elem_sz / 4);
        kind += 1;
    }
    words
};

/// An owned BTF, base or split.
///
/// Type ids and string offsets are those of the combined space: a split BTF's
/// own types start at [`start_id`](Self::start_id) and its base answers for
/// the ids below. The base is shared and never changed.
#[derive(Clone, Debug)]
pub struct Btf {
    pub(crate) base: Option<Arc<Self>>,
    /// Id of the first own type: 1, or the base's type count.
    pub(crate) start_id: u32,
    /// Offset of the first own string: 0, or the end of the base's strings.
    pub(crate) start_str_off: u32,
    /// Own records back to back, in native byte order. Every field of every
    /// kind is 32 bits wide.
    pub(crate) types: Blob<u32>,
    /// Word offset in `types` of each own record.
    pub(crate) index: Vec<u32>,
    pub(crate) strings: Blob<u8>,
    pub(crate) str_index: OnceLock<StrIndex>,
    /// Where names are in the strings of the base, which has no base of its own.
    pub(crate) base_strs: Option<Arc<FoundStrs>>,
    pub(crate) endian: Endian,
    /// Pointer size in bytes if set by the caller.
    pub(crate) ptr_size: Option<u8>,
    /// Layout section read from the input; only what was read is kept.
    pub(crate) layout: Option<Vec<KindLayout>>,
    pub(crate) limits: Limits,
    pub(crate) caches: Caches,
}

impl Btf {
    /// An empty base BTF: no types but void, no strings but the empty one.
    pub fn new_empty(endian: Endian) -> Self {
        Self {
            base: None,
            start_id: 1,
            start_str_off: 0,
            types: Blob::default(),
            index: Vec::new(),
            strings: vec![0].into(),
            str_index: OnceLock::new(),
            base_strs: None,
            endian,
            ptr_size: None,
            layout: None,
            limits: Limits::default(),
            caches: Caches::default(),
        }
    }

    /// An empty split BTF on `base`, in the base's byte order. The base may be
    /// a split BTF itself, though the kernel takes only one level.
    pub fn new_split(base: Arc<Self>) -> Self {
        Self {
            start_id: base.n_types(),
            start_str_off: base.str_end(),
            types: Blob::default(),
            index: Vec::new(),
            strings: Blob::default(),
            str_index: OnceLock::new(),
            base_strs: None,
            endian: base.endian,
            ptr_size: base.ptr_size,
            layout: None,
            limits: base.limits,
            caches: Caches::default(),
            base: Some(base),
        }
    }

    /// The base of a split BTF.
    pub fn base(&self) -> Option<&Arc<Self>> {
        self.base.as_ref()
    }

    /// Whether this BTF continues a base.
    pub fn is_split(&self) -> bool {
        self.base.is_some()
    }

    /// Number of types including void and those of the base: one more than
    /// the highest id (libbpf `btf__type_cnt`).
    pub fn n_types(&self) -> u32 {
        self.start_id + self.index.len() as u32
    }

    /// Number of own types, without void and without the base's.
    pub fn n_own_types(&self) -> u32 {
        self.index.len() as u32
    }

    /// Number of own types of a known kind.
    pub fn n_own_of_kind(&self, kind: Kind) -> usize {
        let types = &*self.types;
        let is_of_kind = |&&at: &&u32| info_kind(types[at as usize + 1]) == kind.as_u32();
        self.index.iter().filter(is_of_kind).count()
    }

    /// Id of the first own type: 1 without a base.
    pub fn start_id(&self) -> TypeId {
        TypeId(self.start_id)
    }

    /// Offset of the first own string: 0 without a base.
    pub fn start_str_off(&self) -> crate::StrOff {
        crate::StrOff(self.start_str_off)
    }

    /// Offset just past the last own string, where a split BTF goes on.
    pub fn str_end(&self) -> u32 {
        self.start_str_off + self.strings.len() as u32
    }

    /// Byte order [`to_bytes`](Self::to_bytes) writes.
    pub fn endian(&self) -> Endian {
        self.endian
    }

    /// Changes the byte order that [`to_bytes`](Self::to_bytes) writes. The
    /// records in memory are native whatever the order.
    pub fn set_endian(&mut self, endian: Endian) {
        self.endian = endian;
    }

    /// The limits that apply to added types and strings.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Changes the limits that apply to types and strings added from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether this BTF, base included, keeps to `limits`.
    ///
    /// # Errors
    /// [`Error::TooManyTypes`], [`Error::StringsTooBig`] or
    /// [`Error::TooManyElements`] with the first value that does not.
    pub fn check_limits(&self, limits: &Limits) -> Result<()> {
        let last = u64::from(self.n_types()) - 1;
        if last > u64::from(limits.max_type_id) {
            return Err(Error::TooManyTypes(last));
        }
        // The offset that counts is that of the last string, not of its end.
        let own = self
            .strings
            .strip_suffix(b"\0")
            .map_or(0, |s| memchr::memrchr(0, s).map_or(0, |i| i + 1));
        let last_str = u64::from(self.start_str_off) + own as u64;
        if last_str > u64::from(limits.max_str_off) {
            return Err(Error::StringsTooBig(last_str));
        }
        let longest = self
            .index
            .iter()
            .map(|&at| info_vlen(self.types[at as usize + 1]))
            .max()
            .unwrap_or(0);
        if longest > limits.max_vlen {
            return Err(Error::TooManyElements(u64::from(longest)));
        }
        match &self.base {
            Some(base) => base.check_limits(limits),
            None => Ok(()),
        }
    }

    /// The layout section that came with the BTF, one entry per kind from 0.
    pub fn layout(&self) -> Option<&[KindLayout]> {
        self.layout.as_deref()
    }

    /// Gives the BTF a layout section that describes the known kinds, or takes
    /// it away. Records of unknown kinds cannot be read back without.
    pub fn set_layout(&mut self, layout: bool) {
        self.layout = layout.then(|| KindLayout::KNOWN.to_vec());
    }

    /// Length in 32-bit words of a record with this `info` word, `None` if its
    /// kind is neither known nor described by the layout section, own or of a
    /// base.
    pub fn record_words(&self, info: u32) -> Option<usize> {
        let len = Self::record_len(self.effective_layout(), info, TypeId::VOID);
        len.ok()?.try_into().ok()
    }

    /// Layout that applies to unknown kinds: the own one, else the base's.
    pub(crate) fn effective_layout(&self) -> Option<&[KindLayout]> {
        match (&self.layout, &self.base) {
            (Some(layout), _) => Some(layout),
            (None, Some(base)) => base.effective_layout(),
            (None, None) => None,
        }
    }

    /// Words of an own record.
    pub(crate) fn own_record_range(&self, id: TypeId) -> Option<Range<usize>> {
        let i = id.0.checked_sub(self.start_id)? as usize;
        let start = *self.index.get(i)? as usize;
        let end = self
            .index
            .get(i + 1)
            .map_or(self.types.len(), |&end| end as usize);
        Some(start..end)
    }

    /// The type with this id, own or of a base. Id 0 gives a type of kind
    /// [`Kind::Void`](crate::Kind::Void); an id past the end gives `None`.
    pub fn ty(&self, id: TypeId) -> Option<Type<'_>> {
        static VOID: [u32; 3] = [0; 3];
        if id.is_void() {
            return Some(Type::new(self, id, &VOID));
        }
        let mut owner = self;
        while id.0 < owner.start_id {
            owner = owner.base.as_deref()?;
        }
        let range = owner.own_record_range(id)?;
        Some(Type::new(self, id, &owner.types[range]))
    }

    /// Own types in id order.
    pub fn own_types(&self) -> impl ExactSizeIterator<Item = Type<'_>> + Clone {
        (0..self.index.len()).map(move |i| {
            let start = self.index[i] as usize;
            let end = self
                .index
                .get(i + 1)
                .map_or(self.types.len(), |&end| end as usize);
            let id = TypeId(self.start_id + i as u32);
            Type::new(self, id, &self.types[start..end])
        })
    }

    /// All types in id order, the base's first, without void.
    pub fn all_types(&self) -> impl Iterator<Item = Type<'_>> {
        let mut levels: Vec<&Self> =
            std::iter::successors(Some(self), |btf| btf.base.as_deref()).collect();
        levels.reverse();
        levels.into_iter().flat_map(move |level| {
            let records = level.own_ranges().map(|range| &level.types[range]);
            let ids = level.start_id..;
            records
                .zip(ids)
                .map(move |(words, id)| Type::new(self, TypeId(id), words))
        })
    }

    /// Calls `f` with each type in id order, the base's first, without void: [`all_types`](Self::all_types) in a
    /// tighter loop.
    #[inline]
    pub fn for_each_type<'a>(&'a self, mut f: impl FnMut(Type<'a>)) {
        let mut levels: Vec<&Self> =
            std::iter::successors(Some(self), |btf| btf.base.as_deref()).collect();
        while let Some(level) = levels.pop() {
            let (types, index) = (&*level.types, &*level.index);
            for (i, &start) in index.iter().enumerate() {
                let end = index.get(i + 1).map_or(types.len(), |&end| end as usize);
                if let Some(words @ [_, _, _, ..]) = types.get(start as usize..end) {
                    f(Type::new(self, TypeId(level.start_id + i as u32), words));
                }
            }
        }
    }

    /// The own records in native byte order, back to back.
    pub fn type_words(&self) -> &[u32] {
        &self.types
    }

    /// Word offset in [`type_words`](Self::type_words) of each own record, in
    /// id order.
    pub fn type_index(&self) -> &[u32] {
        &self.index
    }

    pub(crate) fn types_mut(&mut self) -> &mut [u32] {
        &mut self.types
    }

    /// Word ranges of the own records, in id order.
    pub(crate) fn own_ranges(&self) -> impl Iterator<Item = Range<usize>> + use<'_> {
        let ends = self.index.iter().skip(1).map(|&end| end as usize);
        (self.index.iter())
            .zip(ends.chain([self.types.len()]))
            .map(|(&start, end)| start as usize..end)
    }

    /// Calls `f` with each own record in id order. `f` must not change a
    /// record's kind or `vlen`.
    pub(crate) fn for_each_record_mut(&mut self, mut f: impl FnMut(&mut [u32])) {
        for i in 0..self.index.len() {
            let start = self.index[i] as usize;
            let end = self
                .index
                .get(i + 1)
                .map_or(self.types.len(), |&end| end as usize);
            f(&mut self.types[start..end]);
        }
        self.forget_names();
    }

    /// Drops what is cached about names, after records changed.
    #[inline]
    pub(crate) fn forget_names(&mut self) {
        self.caches = Caches::default();
    }

    /// Words that a record with this `info` takes.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] or [`Error::BadLayout`].
    #[inline]
    pub(crate) fn record_len(layout: Option<&[KindLayout]>, info: u32, id: TypeId) -> Result<u64> {
        match Self::known_record_len(info) {
            Some(len) => Ok(len),
            None => Self::unknown_record_len(layout, info, id),
        }
    }

    /// Words that a record of a known kind takes, three or more.
    #[inline(always)]
    pub(crate) fn known_record_len(info: u32) -> Option<u64> {
        let &(fixed, per_elem) = RECORD_WORDS.get(info_kind(info) as usize)?;
        (fixed > 0).then(|| u64::from(fixed) + u64::from(info_vlen(info)) * u64::from(per_elem))
    }

    #[cold]
    fn unknown_record_len(layout: Option<&[KindLayout]>, info: u32, id: TypeId) -> Result<u64> {
        let kind = info_kind(info);
        // Kind 0 is void, which has no record in any layout.
        let entry = layout
            .and_then(|layout| layout.get(kind as usize))
            .filter(|_| kind != 0)
            .ok_or(Error::UnknownKind { id, kind })?;
        entry.record_words(info_vlen(info)).ok_or(Error::BadLayout {
            kind,
            info_sz: entry.info_sz,
            elem_sz: entry.elem_sz,
        })
    }

    /// Appends one record and returns its id. The record is in native order
    /// and its length must fit its kind and `vlen`; ids and string offsets in
    /// it are not looked at, so that records can refer to later ones.
    ///
    /// # Errors
    /// [`Error::BadRecordLen`], [`Error::UnknownKind`],
    /// [`Error::TooManyTypes`], [`Error::TooManyElements`].
    pub fn push_raw(&mut self, words: &[u32]) -> Result<TypeId> {
        let id = self.next_id()?;
        let &[_, info, _, ..] = words else {
            return Err(Error::BadRecordLen {
                len: words.len(),
                need: 3,
            });
        };
        let need = self.record_len_within_limits(info, id)?;
        if need != words.len() as u64 {
            return Err(Error::BadRecordLen {
                len: words.len(),
                need,
            });
        }
        self.append(words);
        Ok(id)
    }

    /// Appends records that stand back to back, as [`push_raw`](Self::push_raw) does each. Where there are no own types
    /// yet, `records` itself becomes their memory.
    ///
    /// # Errors
    /// As [`push_raw`](Self::push_raw), for the first record that is at fault; the BTF is unchanged then.
    pub fn push_records(&mut self, records: Vec<u32>) -> Result<()> {
        let n_before = self.index.len();
        let at_fault = self.index_records(&records);
        if at_fault.is_err() {
            self.index.truncate(n_before);
            return at_fault;
        }
        if self.types.is_empty() {
            self.types = records.into();
        } else {
            self.types.to_mut().extend_from_slice(&records);
        }
        self.forget_names();
        Ok(())
    }

    /// Indexes records that are about to be appended.
    fn index_records(&mut self, records: &[u32]) -> Result<()> {
        let mut at = self.types.len();
        let mut rest = records;
        while !rest.is_empty() {
            let id = self.next_id_at(at)?;
            let &[_, info, _, ..] = rest else {
                return Err(Error::BadRecordLen {
                    len: rest.len(),
                    need: 3,
                });
            };
            let need = self.record_len_within_limits(info, id)?;
            let len = rest.len();
            rest = usize::try_from(need)
                .ok()
                .and_then(|need| rest.get(need..))
                .ok_or(Error::BadRecordLen { len, need })?;
            self.index.push(at as u32);
            at += need as usize;
        }
        Ok(())
    }

    /// Words that the record of a type to be added takes.
    #[inline]
    fn record_len_within_limits(&self, info: u32, id: TypeId) -> Result<u64> {
        let len = match Self::known_record_len(info) {
            Some(len) => len,
            None => Self::unknown_record_len(self.effective_layout(), info, id)?,
        };
        if info_vlen(info) > self.limits.max_vlen {
            return Err(Error::TooManyElements(u64::from(info_vlen(info))));
        }
        Ok(len)
    }

    /// The id the next own type gets, if the limits allow one more.
    #[inline]
    pub(crate) fn next_id(&self) -> Result<TypeId> {
        self.next_id_at(self.types.len())
    }

    /// [`Self::next_id`] of a type whose record starts at word `at`.
    #[inline]
    fn next_id_at(&self, at: usize) -> Result<TypeId> {
        let id = u64::from(self.start_id) + self.index.len() as u64;
        if id > u64::from(self.limits.max_type_id) || at > u32::MAX as usize {
            return Err(Error::TooManyTypes(id));
        }
        Ok(TypeId(id as u32))
    }

    /// Appends a record known to be well formed.
    pub(crate) fn append(&mut self, words: &[u32]) {
        self.index.push(self.types.len() as u32);
        self.types.to_mut().extend_from_slice(words);
        self.forget_names();
    }

    /// Reserves room for `types` more own types of `words` words in all.
    pub fn reserve(&mut self, types: usize, words: usize) {
        self.index.reserve(types);
        self.types.to_mut().reserve(words);
    }
}
