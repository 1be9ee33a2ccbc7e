//! Bytes to [`Btf`], checked as libbpf checks them.
//!
//! Three passes over memory: copy the words in native order (unless they can
//! stay where they are), find where each record begins ([`records`]), and look
//! whether what they refer to exists ([`ranges`]). Only when something does
//! not does a slow pass name the culprit.

use std::sync::Arc;

use bytes::Bytes;

use crate::blob::Blob;
use crate::btf::{Btf, Endian};
use crate::error::{Error, Result};
use crate::id::{StrOff, TypeId};
use crate::kind::{HDR_LEN, HDR_LEN_LAYOUT, Kind, MAGIC, VERSION};
use crate::layout::KindLayout;
use crate::ranges::{self, Ranges};
use crate::records;
use crate::visit::{ids_of, strs_of};

/// The header's fields; offsets count from the end of the header.
struct Header {
    endian: Endian,
    hdr_len: u32,
    type_off: u32,
    type_len: u32,
    str_off: u32,
    str_len: u32,
    layout_off: u32,
    layout_len: u32,
}

pub(crate) fn read_u32(bytes: &[u8], at: usize, endian: Endian) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(match endian {
        Endian::Little => u32::from_le_bytes(raw),
        Endian::Big => u32::from_be_bytes(raw),
    })
}

/// Whole words of `bytes`; up to three trailing bytes are left out.
pub(crate) fn read_words(bytes: &[u8], endian: Endian) -> Vec<u32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    match endian {
        Endian::Little => chunks.iter().map(|c| u32::from_le_bytes(*c)).collect(),
        Endian::Big => chunks.iter().map(|c| u32::from_be_bytes(*c)).collect(),
    }
}

impl Header {
    /// Reads the header by the rules of libbpf `btf_parse_hdr`, plus the
    /// kernel's on version and flags.
    fn parse(data: &[u8]) -> Result<Self> {
        let short = |need: u32| Error::HeaderTooShort {
            len: data.len(),
            need: u64::from(need),
        };
        let &[m0, m1, version, flags, ..] = data else {
            return Err(short(HDR_LEN));
        };
        let endian = if u16::from_le_bytes([m0, m1]) == MAGIC {
            Endian::Little
        } else if u16::from_be_bytes([m0, m1]) == MAGIC {
            Endian::Big
        } else {
            return Err(Error::BadMagic(u16::from_le_bytes([m0, m1])));
        };
        if data.len() < HDR_LEN as usize {
            return Err(short(HDR_LEN));
        }
        if version != VERSION {
            return Err(Error::UnsupportedVersion(version));
        }
        if flags != 0 {
            return Err(Error::UnsupportedFlags(flags));
        }
        let word = |at| read_u32(data, at, endian).unwrap_or(0);
        let hdr_len = word(4);
        if hdr_len < HDR_LEN {
            return Err(Error::UnsupportedHeaderLen(hdr_len));
        }
        if (data.len() as u64) < u64::from(hdr_len) {
            return Err(short(hdr_len));
        }
        let has_layout = hdr_len >= HDR_LEN_LAYOUT;
        Ok(Self {
            endian,
            hdr_len,
            type_off: word(8),
            type_len: word(12),
            str_off: word(16),
            str_len: word(20),
            layout_off: if has_layout { word(24) } else { 0 },
            layout_len: if has_layout { word(28) } else { 0 },
        })
    }

    /// Checks that the sections lie inside the blob, in the order types,
    /// layout, strings.
    fn check_sections(&self, payload: u64) -> Result<()> {
        let end = |off: u32, len: u32| u64::from(off) + u64::from(len);
        let bad = |section, off, len, fault| {
            Err(Error::BadSection {
                section,
                off,
                len,
                fault,
            })
        };
        if end(self.str_off, self.str_len) > payload {
            return bad("string", self.str_off, self.str_len, "runs past the blob");
        }
        if end(self.type_off, self.type_len) > u64::from(self.str_off) {
            return bad(
                "type",
                self.type_off,
                self.type_len,
                "runs into the string section",
            );
        }
        if !self.type_off.is_multiple_of(4) {
            return bad(
                "type",
                self.type_off,
                self.type_len,
                "is not 4-byte aligned",
            );
        }
        if self.layout_len == 0 {
            return Ok(());
        }
        let (off, len) = (self.layout_off, self.layout_len);
        if !off.is_multiple_of(4) {
            return bad("layout", off, len, "is not 4-byte aligned");
        }
        if !(len as usize).is_multiple_of(KindLayout::SIZE) {
            return bad("layout", off, len, "is not a whole number of entries");
        }
        if u64::from(off) < end(self.type_off, self.type_len) {
            return bad("layout", off, len, "overlaps the type section");
        }
        if end(off, len) > u64::from(self.str_off) {
            return bad("layout", off, len, "runs into the string section");
        }
        Ok(())
    }
}

impl Btf {
    /// Parses the bytes of a base BTF, in either byte order.
    ///
    /// Accepts what libbpf accepts: header of 24 bytes or more, sections in
    /// order with gaps between them, unknown kinds if a layout section
    /// describes them. All type ids and string offsets must exist, and a FUNC
    /// must have a FUNC_PROTO. Rules of the kernel beyond that (names, sizes,
    /// member order) are not checked here.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(data: &[u8]) -> Result<Self> {
        Self::parse_on(data, None, None)
    }

    /// As [`parse`](Self::parse), without a copy where that can be had: if the
    /// byte order is ours and the records are aligned, they and the strings
    /// stay where they are until they are changed. `data` is typically a
    /// mapped file; if others write into that file, the BTF holds nonsense.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_shared(data: &Bytes) -> Result<Self> {
        Self::parse_on(data, None, Some(data))
    }

    /// Parses the bytes of a split BTF that continues `base`.
    ///
    /// # Errors
    /// As [`Btf::parse`].
    pub fn parse_split(data: &[u8], base: Arc<Self>) -> Result<Self> {
        Self::parse_on(data, Some(base), None)
    }

    /// `shared`: the same bytes, if they may be kept.
    fn parse_on(data: &[u8], base: Option<Arc<Self>>, shared: Option<&Bytes>) -> Result<Self> {
        let hdr = Header::parse(data)?;
        let payload = &data[hdr.hdr_len as usize..];
        hdr.check_sections(payload.len() as u64)?;
        let section = |off: u32, len: u32| &payload[off as usize..off as usize + len as usize];

        let mut btf = match base {
            Some(base) => Self {
                endian: hdr.endian,
                ..Self::new_split(base)
            },
            None => Self::new_empty(hdr.endian),
        };

        let strings = section(hdr.str_off, hdr.str_len);
        match (strings.first(), strings.last()) {
            (None, _) if btf.is_split() => {}
            (None, _) => return Err(Error::BadStrings("it is empty")),
            (_, Some(&last)) if last != 0 => {
                return Err(Error::BadStrings("it does not end with NUL"));
            }
            (Some(&first), _) if first != 0 && !btf.is_split() => {
                return Err(Error::BadStrings(
                    "it does not start with the empty string; is this split BTF without its base?",
                ));
            }
            _ => {}
        }
        let str_end = u64::from(btf.start_str_off) + strings.len() as u64;
        if str_end > u64::from(u32::MAX) {
            return Err(Error::StringsTooBig(str_end));
        }
        let share = |bytes: &[u8]| Some(shared?.slice_ref(bytes));
        btf.strings = match share(strings).and_then(Blob::share) {
            Some(shared) => shared,
            None => strings.to_vec().into(),
        };

        if hdr.layout_len != 0 {
            let (entries, _) = section(hdr.layout_off, hdr.layout_len).as_chunks::<4>();
            btf.layout = Some(
                entries
                    .iter()
                    .map(|&[info_sz, elem_sz, f0, f1]| KindLayout {
                        info_sz,
                        elem_sz,
                        flags: match hdr.endian {
                            Endian::Little => u16::from_le_bytes([f0, f1]),
                            Endian::Big => u16::from_be_bytes([f0, f1]),
                        },
                    })
                    .collect(),
            );
        }

        let types = section(hdr.type_off, hdr.type_len);
        if !types.len().is_multiple_of(4) {
            return Err(Error::BadSection {
                section: "type",
                off: hdr.type_off,
                len: hdr.type_len,
                fault: "is not a whole number of words",
            });
        }
        let ours = hdr.endian == Endian::NATIVE;
        btf.types = match share(types).filter(|_| ours).and_then(Blob::share) {
            Some(shared) => shared,
            None => read_words(types, hdr.endian).into(),
        };
        btf.index = records::index(&btf.types, btf.effective_layout(), btf.start_id)?;
        let n_types = u64::from(btf.start_id) + btf.index.len() as u64;
        if n_types > u64::from(u32::MAX) {
            return Err(Error::TooManyTypes(n_types - 1));
        }
        let ranges = Ranges {
            start_id: btf.start_id,
            n_types: btf.n_types(),
            str_end: btf.str_end(),
        };
        let found = ranges::check(&btf.types, &btf.index, ranges);
        if !found.all_exist {
            btf.check_all_exist()?;
        }
        if !found.all_funcs_have_own_proto {
            btf.check_funcs()?;
        }
        Ok(btf)
    }

    /// Checks that all ids and string offsets exist.
    fn check_all_exist(&self) -> Result<()> {
        let (n_types, str_end) = (self.n_types(), self.str_end());
        for ty in self.own_types() {
            let id = ty.id();
            let mut found = None;
            strs_of(ty.words(), |off| {
                if off >= str_end {
                    let off = StrOff(off);
                    found.get_or_insert(Error::BadStringOffset { id, off });
                }
            });
            ids_of(ty.words(), |target| {
                if target >= n_types {
                    let target = TypeId(target);
                    found.get_or_insert(Error::BadReference { id, target });
                }
            });
            found.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    /// Checks that own FUNCs have a FUNC_PROTO, own or of a base.
    fn check_funcs(&self) -> Result<()> {
        for func in self.own_types().filter(|ty| ty.kind() == Kind::Func) {
            let target = TypeId(func.size_or_type());
            if self.ty(target).map(|ty| ty.kind()) != Some(Kind::FuncProto) {
                let id = func.id();
                return Err(Error::FuncWithoutProto { id, target });
            }
        }
        Ok(())
    }
}
