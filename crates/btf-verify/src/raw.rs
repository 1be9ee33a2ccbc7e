//! Reading a blob the way the kernel does: no more is taken for granted than
//! the phases run so far have shown.
//!
//! `btf_builder::Btf` refuses much that a kernel accepts (gaps it cannot keep,
//! dangling ids), and much that has to be reported here in detail, so this
//! crate reads bytes on its own.

use std::sync::OnceLock;

use btf_builder::Endian;

use crate::lint::Contents;
use crate::resolve::Resolved;

/// Byte order and pointer size of the machine whose kernel reads the BTF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Byte order; a blob of the other one is refused by rule `H2`.
    pub endian: Endian,
    /// Bytes in a pointer, 4 or 8. Only rules `R11` and `R12` depend on it.
    pub pointer_size: u32,
}

impl Target {
    /// The machine this program runs on.
    pub const HOST: Self = Self {
        endian: if cfg!(target_endian = "big") {
            Endian::Big
        } else {
            Endian::Little
        },
        pointer_size: size_of::<usize>() as u32,
    };
}

impl Default for Target {
    fn default() -> Self {
        Self::HOST
    }
}

/// `BTF_KIND_*`.
pub(crate) mod kind {
    pub(crate) const UNKN: u32 = 0;
    pub(crate) const INT: u32 = 1;
    pub(crate) const PTR: u32 = 2;
    pub(crate) const ARRAY: u32 = 3;
    pub(crate) const STRUCT: u32 = 4;
    pub(crate) const UNION: u32 = 5;
    pub(crate) const ENUM: u32 = 6;
    pub(crate) const FWD: u32 = 7;
    pub(crate) const TYPEDEF: u32 = 8;
    pub(crate) const VOLATILE: u32 = 9;
    pub(crate) const CONST: u32 = 10;
    pub(crate) const RESTRICT: u32 = 11;
    pub(crate) const FUNC: u32 = 12;
    pub(crate) const FUNC_PROTO: u32 = 13;
    pub(crate) const VAR: u32 = 14;
    pub(crate) const DATASEC: u32 = 15;
    pub(crate) const FLOAT: u32 = 16;
    pub(crate) const DECL_TAG: u32 = 17;
    pub(crate) const TYPE_TAG: u32 = 18;
    pub(crate) const ENUM64: u32 = 19;
    pub(crate) const MAX: u32 = ENUM64;
}

/// `BTF_MAX_TYPE`.
pub(crate) const MAX_TYPE: u32 = 0x000f_ffff;
/// `BTF_MAX_NAME_OFFSET`.
pub(crate) const MAX_NAME_OFFSET: u32 = 0x00ff_ffff;
/// `sizeof(struct btf_type)`.
pub(crate) const RECORD_HEAD: usize = 12;

/// The 32-bit word at byte `at`; 0 where the blob ends, which callers exclude.
pub(crate) fn word(data: &[u8], at: usize, endian: Endian) -> u32 {
    let Some(bytes) = data.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
        return 0;
    };
    match endian {
        Endian::Little => u32::from_le_bytes(*bytes),
        Endian::Big => u32::from_be_bytes(*bytes),
    }
}

/// `struct btf_header`; fields that a short header lacks are 0.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Header {
    pub(crate) hdr_len: u32,
    pub(crate) type_off: u32,
    pub(crate) type_len: u32,
    pub(crate) str_off: u32,
    pub(crate) str_len: u32,
    pub(crate) layout_off: u32,
    pub(crate) layout_len: u32,
}

/// One BTF under examination.
#[derive(Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) target: Target,
    pub(crate) hdr: Header,
    pub(crate) base: Option<&'a Self>,
    /// First own id; 0 without a base, where id 0 is void.
    pub(crate) start_id: u32,
    /// First own string offset.
    pub(crate) start_str: u32,
    pub(crate) strings: &'a [u8],
    /// Byte offset in `data` of each own record, in id order. Without a base
    /// the first entry stands for void and is not to be read.
    pub(crate) types: Vec<u32>,
    /// Results of phase R for this BTF as a base, strict and lenient.
    pub(crate) resolved: [OnceLock<Resolved>; 2],
    contents: OnceLock<Contents>,
}

/// A type record; `bytes` starts at its head and reaches to the end of the
/// type section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rec<'a> {
    pub(crate) id: u32,
    /// Byte offset of the record in the blob.
    pub(crate) off: usize,
    bytes: &'a [u8],
    endian: Endian,
}

impl<'a> Raw<'a> {
    pub(crate) fn new(data: &'a [u8], target: Target, base: Option<&'a Self>) -> Self {
        Self {
            data,
            target,
            hdr: Header::default(),
            base,
            start_id: base.map_or(0, Raw::n_types),
            start_str: base.map_or(0, |base| base.start_str + base.hdr.str_len),
            strings: &[],
            types: Vec::new(),
            resolved: [OnceLock::new(), OnceLock::new()],
            contents: OnceLock::new(),
        }
    }

    /// Number of ids, base and void included.
    pub(crate) fn n_types(&self) -> u32 {
        self.start_id + self.types.len() as u32
    }

    /// First id that has an own record: `start_id`, or 1 without a base.
    pub(crate) fn first_own(&self) -> u32 {
        self.start_id.max(1)
    }

    /// The BTF, this or one of its bases, that owns id `id`.
    fn owner_of_id(&self, id: u32) -> &Self {
        let mut raw = self;
        while id < raw.start_id {
            match raw.base {
                Some(base) => raw = base,
                None => break,
            }
        }
        raw
    }

    /// Record of `id`; `None` for void as well as for ids that do not exist.
    pub(crate) fn rec(&self, id: u32) -> Option<Rec<'a>> {
        if id == 0 {
            return None;
        }
        let raw = self.owner_of_id(id);
        let local = id.checked_sub(raw.start_id)? as usize;
        let off = *raw.types.get(local)? as usize;
        raw.rec_at(id, off)
    }

    /// Whether `id` is void or has a record (`btf_type_by_id` is not NULL).
    pub(crate) fn exists(&self, id: u32) -> bool {
        id < self.n_types()
    }

    /// Kind of `id`, 0 for void and for ids that do not exist.
    pub(crate) fn kind_of(&self, id: u32) -> u32 {
        self.rec(id).map_or(kind::UNKN, |rec| rec.kind())
    }

    /// A record at byte `off` of the own blob.
    pub(crate) fn rec_at(&self, id: u32, off: usize) -> Option<Rec<'a>> {
        let end = self.type_end();
        let bytes = self.data.get(off..end)?;
        (bytes.len() >= RECORD_HEAD).then_some(Rec {
            id,
            off,
            bytes,
            endian: self.target.endian,
        })
    }

    /// First byte of the type section.
    pub(crate) fn type_start(&self) -> usize {
        self.hdr.hdr_len as usize + self.hdr.type_off as usize
    }

    /// First byte behind the type section.
    pub(crate) fn type_end(&self) -> usize {
        self.type_start() + self.hdr.type_len as usize
    }

    /// The own records and strings by their bytes, kept for the splits that
    /// are compared with them.
    pub(crate) fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| Contents::of(self))
    }

    /// Own records, in id order.
    pub(crate) fn own(&self) -> impl Iterator<Item = Rec<'a>> + '_ {
        (self.first_own()..self.n_types()).filter_map(|id| self.rec(id))
    }

    fn owner_of_str(&self, off: u32) -> &Self {
        let mut raw = self;
        while off < raw.start_str {
            match raw.base {
                Some(base) => raw = base,
                None => break,
            }
        }
        raw
    }

    /// `btf_name_offset_valid`.
    pub(crate) fn str_exists(&self, off: u32) -> bool {
        if off > MAX_NAME_OFFSET {
            return false;
        }
        let raw = self.owner_of_str(off);
        off.wrapping_sub(raw.start_str) < raw.hdr.str_len
    }

    /// The bytes of the string section from `off` on (`btf_str_by_offset`).
    fn str_tail(&self, off: u32) -> Option<&'a [u8]> {
        let raw = self.owner_of_str(off);
        let local = off.checked_sub(raw.start_str)? as usize;
        raw.strings.get(local..).filter(|tail| !tail.is_empty())
    }

    /// The string at `off` without its NUL.
    pub(crate) fn str_at(&self, off: u32) -> Option<&'a [u8]> {
        let tail = self.str_tail(off)?;
        Some(&tail[..memchr::memchr(0, tail).unwrap_or(tail.len())])
    }

    /// Whether `off` is the first byte of a string rather than inside one.
    pub(crate) fn is_str_start(&self, off: u32) -> bool {
        let raw = self.owner_of_str(off);
        match off.wrapping_sub(raw.start_str) {
            0 => true,
            local => raw.strings.get(local as usize - 1) == Some(&0),
        }
    }

    /// The name as the verifier's log prints it (`__btf_name_by_offset`).
    pub(crate) fn log_name(&self, off: u32) -> &'a [u8] {
        if off == 0 {
            return b"(anon)";
        }
        self.str_at(off).unwrap_or(b"(invalid-name-offset)")
    }
}

impl<'a> Rec<'a> {
    /// Word `idx` of the record; 0 past the end of the section.
    pub(crate) fn word(&self, idx: usize) -> u32 {
        word(self.bytes, idx * 4, self.endian)
    }

    pub(crate) fn name_off(&self) -> u32 {
        self.word(0)
    }

    pub(crate) fn info(&self) -> u32 {
        self.word(1)
    }

    /// The third word, as size.
    pub(crate) fn size(&self) -> u32 {
        self.word(2)
    }

    /// The third word, as type id.
    pub(crate) fn ty(&self) -> u32 {
        self.word(2)
    }

    /// Kind, in the seven bits of 7.2; rule C2 keeps the upper two clear
    /// before that.
    pub(crate) fn kind(&self) -> u32 {
        self.info() >> 24 & 0x7f
    }

    /// As for [`kind`](Self::kind), with the 24 bits of 7.2.
    pub(crate) fn vlen(&self) -> u32 {
        self.info() & 0x00ff_ffff
    }

    pub(crate) fn kflag(&self) -> bool {
        self.info() >> 31 != 0
    }

    /// Bytes from the head to the end of the type section.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len()
    }

    /// The first `len` bytes from the head on, inside the type section.
    pub(crate) fn prefix(&self, len: usize) -> Option<&'a [u8]> {
        self.bytes.get(..len)
    }

    /// Bytes of the record behind its head; `None` for an unknown kind.
    pub(crate) fn tail_len(&self) -> Option<u64> {
        let vlen = u64::from(self.vlen());
        Some(match self.kind() {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION | kind::ENUM64 | kind::DATASEC => vlen * 12,
            kind::ENUM | kind::FUNC_PROTO => vlen * 8,
            kind::UNKN => return None,
            known if known <= kind::MAX => 0,
            _ => return None,
        })
    }

    /// Number of elements that lie inside the type section, each of `words`
    /// words.
    fn n_elems(&self, words: usize) -> usize {
        let fit = self.bytes.len().saturating_sub(RECORD_HEAD) / (words * 4);
        fit.min(self.vlen() as usize)
    }

    /// Elements of `N` words each.
    pub(crate) fn elems<const N: usize>(
        &self,
    ) -> impl ExactSizeIterator<Item = [u32; N]> + use<'a, N> {
        let rec = *self;
        (0..self.n_elems(N)).map(move |idx| rec.elem(idx))
    }

    /// Element `idx`.
    pub(crate) fn elem<const N: usize>(&self, idx: usize) -> [u32; N] {
        std::array::from_fn(|word| self.word(3 + idx * N + word))
    }

    pub(crate) fn is_modifier(&self) -> bool {
        is_modifier(self.kind())
    }

    pub(crate) fn is_composite(&self) -> bool {
        matches!(self.kind(), kind::STRUCT | kind::UNION)
    }

    /// Bit offset of a member from its third word.
    pub(crate) fn member_offset(&self, word: u32) -> u32 {
        if self.kflag() {
            word & 0x00ff_ffff
        } else {
            word
        }
    }

    /// Calls `f` for each type id of the record, with a short word for where
    /// it stands and the element's index.
    pub(crate) fn each_ref(&self, mut f: impl FnMut(&'static str, usize, u32)) {
        match self.kind() {
            kind::PTR
            | kind::TYPEDEF
            | kind::VOLATILE
            | kind::CONST
            | kind::RESTRICT
            | kind::TYPE_TAG
            | kind::FUNC
            | kind::VAR
            | kind::DECL_TAG => f("type", 0, self.ty()),
            kind::ARRAY => {
                f("element type", 0, self.word(3));
                f("index type", 0, self.word(4));
            }
            kind::STRUCT | kind::UNION => {
                for (idx, [_, ty, _]) in self.elems().enumerate() {
                    f("type of member", idx, ty);
                }
            }
            kind::FUNC_PROTO => {
                f("return type", 0, self.ty());
                for (idx, [_, ty]) in self.elems().enumerate() {
                    f("type of parameter", idx, ty);
                }
            }
            kind::DATASEC => {
                for (idx, [ty, _, _]) in self.elems().enumerate() {
                    f("type of variable", idx, ty);
                }
            }
            _ => {}
        }
    }

    /// Calls `f` for each string offset of the record.
    pub(crate) fn each_str(&self, mut f: impl FnMut(u32)) {
        f(self.name_off());
        match self.kind() {
            kind::STRUCT | kind::UNION => self.elems().for_each(|[name, _, _]| f(name)),
            kind::ENUM64 => self.elems().for_each(|[name, _, _]| f(name)),
            kind::ENUM | kind::FUNC_PROTO => self.elems().for_each(|[name, _]| f(name)),
            _ => {}
        }
    }
}

/// `btf_type_is_modifier`, which counts TYPEDEF as one.
pub(crate) fn is_modifier(kind: u32) -> bool {
    matches!(
        kind,
        kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG
    )
}

/// Whole bytes that `bits` bits reach into (`BITS_ROUNDUP_BYTES`).
pub(crate) fn bytes_of_bits(bits: u32) -> u32 {
    bits / 8 + u32::from(!bits.is_multiple_of(8))
}

/// A member's own bitfield width; 0 for a plain member and for all members of
/// a struct without `kind_flag`.
pub(crate) fn bitfield_size(kflag: bool, word: u32) -> u32 {
    if kflag { word >> 24 } else { 0 }
}
