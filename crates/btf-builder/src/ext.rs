//! `.BTF.ext`: what BPF object files record per instruction — function types,
//! source lines, CO-RE relocations — in terms of the ids and strings of the
//! `.BTF` beside it.
//!
//! All of it is 32-bit words: a header, then three parts, each a record size
//! followed by sections, each a section name, a count and so many records.
//! Source: `struct btf_ext_header` and `struct btf_ext_info_sec` of libbpf.

use crate::btf::Endian;
use crate::emit::{put_u16, put_words};
use crate::error::{Error, Result};
use crate::id::{StrOff, TypeId};
use crate::kind::{MAGIC, VERSION};
use crate::parse::{read_u32, read_words};

/// Header length up to `line_info_len`.
const HDR_LEN_MIN: u32 = 24;
/// Header length with `core_relo_off` and `core_relo_len`.
const HDR_LEN_CORE: u32 = 32;

/// What tells the three parts apart.
#[derive(Debug)]
struct Part {
    name: &'static str,
    /// Words of a record known to this library.
    rec_words: usize,
    /// Words of a record that hold type ids.
    ids: &'static [usize],
    /// Words of a record that hold string offsets.
    strs: &'static [usize],
}

static FUNC_INFO: Part = Part {
    name: "func_info",
    rec_words: 2,
    ids: &[1],
    strs: &[],
};
static LINE_INFO: Part = Part {
    name: "line_info",
    rec_words: 4,
    ids: &[],
    strs: &[1, 2],
};
static CORE_RELO: Part = Part {
    name: "core_relo",
    rec_words: 4,
    ids: &[1],
    strs: &[2],
};

/// One part: records by ELF section.
#[derive(Clone, Debug, Default)]
struct Table {
    /// Words per record, possibly more than are known; 0 for an absent part.
    rec_words: usize,
    secs: Vec<Sec>,
}

#[derive(Clone, Debug)]
struct Sec {
    name_off: u32,
    records: Vec<u32>,
}

/// A function's type (`struct bpf_func_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FuncInfo {
    /// Bytes from the start of the ELF section to the function.
    pub insn_off: u32,
    /// Its FUNC.
    pub type_id: TypeId,
}

/// A source line (`struct bpf_line_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineInfo {
    /// Bytes from the start of the ELF section to the instruction.
    pub insn_off: u32,
    /// File name.
    pub file_name_off: StrOff,
    /// Text of the line.
    pub line_off: StrOff,
    /// Line number.
    pub line: u32,
    /// Column, 10 bits wide.
    pub column: u32,
}

/// A CO-RE relocation (`struct bpf_core_relo`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoreRelo {
    /// Bytes from the start of the ELF section to the instruction.
    pub insn_off: u32,
    /// Root type of the access.
    pub type_id: TypeId,
    /// Access string such as `0:1:3`.
    pub access_str_off: StrOff,
    /// `enum bpf_core_relo_kind`.
    pub kind: u32,
}

/// An owned `.BTF.ext`.
#[derive(Clone, Debug)]
pub struct BtfExt {
    endian: Endian,
    /// Whether the header has the CO-RE fields.
    has_core: bool,
    func_info: Table,
    line_info: Table,
    core_relo: Table,
}

impl Table {
    /// Parses the part at byte `off` of `payload`, `len` bytes long.
    fn parse(part: &Part, payload: &[u8], off: u32, len: u32, endian: Endian) -> Result<Self> {
        if len == 0 {
            return Ok(Self::default());
        }
        let bad = |fault| Error::BadSection {
            section: part.name,
            off,
            len,
            fault,
        };
        if !off.is_multiple_of(4) || !len.is_multiple_of(4) {
            return Err(bad("is not 4-byte aligned"));
        }
        let bytes = (off as usize)
            .checked_add(len as usize)
            .and_then(|end| payload.get(off as usize..end))
            .ok_or_else(|| bad("runs past the blob"))?;
        let words = read_words(bytes, endian);
        let (&rec_size, mut rest) = words
            .split_first()
            .ok_or_else(|| bad("has no record size"))?;
        let min = part.rec_words as u32 * 4;
        // Of a longer record the unknown fields may be narrower than a word,
        // which matters as soon as bytes are swapped.
        let exact = endian != Endian::NATIVE;
        if rec_size < min || !rec_size.is_multiple_of(4) || (exact && rec_size != min) {
            return Err(Error::BadRecordSize {
                section: part.name,
                size: rec_size,
                min,
            });
        }
        if rest.is_empty() {
            return Err(bad("has no records"));
        }
        let rec_words = (rec_size / 4) as usize;
        let mut secs = Vec::new();
        while !rest.is_empty() {
            let &[name_off, n, ref tail @ ..] = rest else {
                return Err(bad("ends inside a section header"));
            };
            if n == 0 {
                return Err(bad("has a section without records"));
            }
            let (records, tail) = (n as usize)
                .checked_mul(rec_words)
                .and_then(|n| tail.split_at_checked(n))
                .ok_or_else(|| bad("ends inside a section"))?;
            secs.push(Sec {
                name_off,
                records: records.to_vec(),
            });
            rest = tail;
        }
        Ok(Self { rec_words, secs })
    }

    fn len_bytes(&self) -> u32 {
        if self.rec_words == 0 {
            return 0;
        }
        let words: usize = self.secs.iter().map(|sec| 2 + sec.records.len()).sum();
        (words as u32 + 1) * 4
    }

    fn emit(&self, out: &mut Vec<u8>, endian: Endian) {
        if self.rec_words == 0 {
            return;
        }
        put_words(out, &[self.rec_words as u32 * 4], endian);
        for sec in &self.secs {
            let n = sec.records.len() / self.rec_words;
            put_words(out, &[sec.name_off, n as u32], endian);
            put_words(out, &sec.records, endian);
        }
    }

    fn records(&self) -> impl Iterator<Item = (StrOff, &[u32])> {
        let rec_words = self.rec_words.max(1);
        self.secs.iter().flat_map(move |sec| {
            sec.records
                .chunks_exact(rec_words)
                .map(|rec| (StrOff(sec.name_off), rec))
        })
    }

    fn for_each_id_mut(&mut self, part: &Part, f: &mut impl FnMut(&mut u32)) {
        let rec_words = self.rec_words.max(1);
        for sec in &mut self.secs {
            for rec in sec.records.chunks_exact_mut(rec_words) {
                for &at in part.ids {
                    f(&mut rec[at]);
                }
            }
        }
    }

    fn for_each_str_mut(&mut self, part: &Part, f: &mut impl FnMut(&mut u32)) {
        let rec_words = self.rec_words.max(1);
        for sec in &mut self.secs {
            f(&mut sec.name_off);
            for rec in sec.records.chunks_exact_mut(rec_words) {
                for &at in part.strs {
                    f(&mut rec[at]);
                }
            }
        }
    }
}

impl BtfExt {
    /// Parses the bytes of a `.BTF.ext` section, in either byte order, by the
    /// rules of libbpf `btf_ext__new`. Ids and offsets are not checked against
    /// a BTF.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let short = |need: u32| Error::HeaderTooShort {
            len: data.len(),
            need: u64::from(need),
        };
        let &[m0, m1, version, flags, ..] = data else {
            return Err(short(HDR_LEN_MIN));
        };
        let endian = if u16::from_le_bytes([m0, m1]) == MAGIC {
            Endian::Little
        } else if u16::from_be_bytes([m0, m1]) == MAGIC {
            Endian::Big
        } else {
            return Err(Error::BadMagic(u16::from_le_bytes([m0, m1])));
        };
        if version != VERSION {
            return Err(Error::UnsupportedVersion(version));
        }
        if flags != 0 {
            return Err(Error::UnsupportedFlags(flags));
        }
        let hdr_len = read_u32(data, 4, endian).ok_or(short(HDR_LEN_MIN))?;
        if hdr_len < HDR_LEN_MIN {
            return Err(Error::UnsupportedHeaderLen(hdr_len));
        }
        // A header alone is refused too: libbpf takes it for "no data".
        if data.len() as u64 <= u64::from(hdr_len) {
            return Err(short(hdr_len));
        }
        let has_core = hdr_len >= HDR_LEN_CORE;
        let payload = &data[hdr_len as usize..];
        let table = |part, at| {
            let field = |at| read_u32(data, at, endian).unwrap_or(0);
            Table::parse(part, payload, field(at), field(at + 4), endian)
        };
        Ok(Self {
            endian,
            has_core,
            func_info: table(&FUNC_INFO, 8)?,
            line_info: table(&LINE_INFO, 16)?,
            core_relo: if has_core {
                table(&CORE_RELO, 24)?
            } else {
                Table::default()
            },
        })
    }

    /// The bytes of a `.BTF.ext` section in [`endian`](Self::endian): header,
    /// function infos, line infos, CO-RE relocations, without gaps, which is
    /// also how compilers lay it out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hdr_len = if self.has_core {
            HDR_LEN_CORE
        } else {
            HDR_LEN_MIN
        };
        let lens = [&self.func_info, &self.line_info, &self.core_relo].map(Table::len_bytes);
        let mut out = Vec::with_capacity((hdr_len + lens.iter().sum::<u32>()) as usize);
        put_u16(&mut out, MAGIC, self.endian);
        out.extend_from_slice(&[VERSION, 0]);
        put_words(
            &mut out,
            &[hdr_len, 0, lens[0], lens[0], lens[1]],
            self.endian,
        );
        if self.has_core {
            put_words(&mut out, &[lens[0] + lens[1], lens[2]], self.endian);
        }
        self.func_info.emit(&mut out, self.endian);
        self.line_info.emit(&mut out, self.endian);
        self.core_relo.emit(&mut out, self.endian);
        out
    }

    /// Byte order [`to_bytes`](Self::to_bytes) writes.
    pub fn endian(&self) -> Endian {
        self.endian
    }

    /// Changes the byte order that [`to_bytes`](Self::to_bytes) writes.
    pub fn set_endian(&mut self, endian: Endian) {
        self.endian = endian;
    }

    /// Function infos, each with the name of its ELF section.
    pub fn func_infos(&self) -> impl Iterator<Item = (StrOff, FuncInfo)> {
        self.func_info.records().map(|(sec, rec)| {
            let info = FuncInfo {
                insn_off: rec[0],
                type_id: TypeId(rec[1]),
            };
            (sec, info)
        })
    }

    /// Line infos, each with the name of its ELF section.
    pub fn line_infos(&self) -> impl Iterator<Item = (StrOff, LineInfo)> {
        self.line_info.records().map(|(sec, rec)| {
            let info = LineInfo {
                insn_off: rec[0],
                file_name_off: StrOff(rec[1]),
                line_off: StrOff(rec[2]),
                line: rec[3] >> 10,
                column: rec[3] & 0x3ff,
            };
            (sec, info)
        })
    }

    /// CO-RE relocations, each with the name of its ELF section.
    pub fn core_relos(&self) -> impl Iterator<Item = (StrOff, CoreRelo)> {
        self.core_relo.records().map(|(sec, rec)| {
            let relo = CoreRelo {
                insn_off: rec[0],
                type_id: TypeId(rec[1]),
                access_str_off: StrOff(rec[2]),
                kind: rec[3],
            };
            (sec, relo)
        })
    }

    /// Calls `f` with each type id, function infos first, to be changed in
    /// place: what dedup and [`Btf::permute`](crate::Btf::permute) ask for
    /// (libbpf `btf_ext_visit_type_ids`).
    pub fn for_each_type_id_mut(&mut self, mut f: impl FnMut(&mut u32)) {
        self.func_info.for_each_id_mut(&FUNC_INFO, &mut f);
        self.core_relo.for_each_id_mut(&CORE_RELO, &mut f);
    }

    /// Calls `f` with each string offset, function infos first, to be changed
    /// in place (libbpf `btf_ext_visit_str_offs`).
    pub fn for_each_str_off_mut(&mut self, mut f: impl FnMut(&mut u32)) {
        self.func_info.for_each_str_mut(&FUNC_INFO, &mut f);
        self.line_info.for_each_str_mut(&LINE_INFO, &mut f);
        self.core_relo.for_each_str_mut(&CORE_RELO, &mut f);
    }

    /// Replaces the ids from `start` on by `new_ids`, one entry per id, as
    /// [`Btf::permute`](crate::Btf::permute) and
    /// [`Btf::sort_by_name`](crate::Btf::sort_by_name) use it. Ids outside stay.
    pub fn remap_type_ids(&mut self, start: TypeId, new_ids: &[TypeId]) {
        self.for_each_type_id_mut(|id| {
            if let Some(own) = id.checked_sub(start.0)
                && let Some(new) = new_ids.get(own as usize)
            {
                *id = new.0;
            }
        });
    }
}
