//! BTF put together word by word, so that it can be as wrong as it likes.

/// `BTF_KIND_*`.
pub(crate) const INT: u32 = 1;
pub(crate) const PTR: u32 = 2;
pub(crate) const ARRAY: u32 = 3;
pub(crate) const STRUCT: u32 = 4;
pub(crate) const UNION: u32 = 5;
pub(crate) const ENUM: u32 = 6;
pub(crate) const FWD: u32 = 7;
pub(crate) const TYPEDEF: u32 = 8;
pub(crate) const CONST: u32 = 10;
pub(crate) const FUNC: u32 = 12;
pub(crate) const FUNC_PROTO: u32 = 13;
pub(crate) const VAR: u32 = 14;
pub(crate) const DATASEC: u32 = 15;
pub(crate) const FLOAT: u32 = 16;
pub(crate) const DECL_TAG: u32 = 17;
pub(crate) const TYPE_TAG: u32 = 18;
pub(crate) const ENUM64: u32 = 19;

/// `kind_flag`.
pub(crate) const KFLAG: u32 = 1 << 31;
/// Data word of a signed 32-bit INT.
pub(crate) const SIGNED32: u32 = 0x0100_0020;

/// A BTF under construction; ids are counted from 1.
#[derive(Clone)]
pub(crate) struct Asm {
    pub(crate) words: Vec<u32>,
    pub(crate) strings: Vec<u8>,
    /// First own string offset: 0, or the length of the base's strings.
    pub(crate) str_start: u32,
    /// Header fields in order, to be overwritten by tests:
    /// `hdr_len`, `type_off`, `type_len`, `str_off`, `str_len`.
    pub(crate) fields: [Option<u32>; 5],
    pub(crate) magic: u16,
    pub(crate) version: u8,
    pub(crate) flags: u8,
    /// Bytes between the 24-byte header and the sections.
    pub(crate) hdr_tail: Vec<u8>,
    /// Bytes between types and strings.
    pub(crate) gap: Vec<u8>,
    /// Bytes behind the strings.
    pub(crate) trailer: Vec<u8>,
}

impl Asm {
    /// No types, one empty string.
    pub(crate) fn empty() -> Self {
        Self {
            words: Vec::new(),
            strings: vec![0],
            str_start: 0,
            fields: [None; 5],
            magic: 0xeb9f,
            version: 1,
            flags: 0,
            hdr_tail: Vec::new(),
            gap: Vec::new(),
            trailer: Vec::new(),
        }
    }

    /// Type 1 is `int`.
    pub(crate) fn new() -> Self {
        let mut asm = Self::empty();
        let name = asm.s("int");
        asm.t(name, INT, 4, &[SIGNED32]);
        asm
    }

    /// A split BTF whose base has this many bytes of strings.
    pub(crate) fn split(base_str_len: usize) -> Self {
        let mut asm = Self::empty();
        asm.strings.clear();
        asm.str_start = base_str_len as u32;
        asm
    }

    /// Adds a string and returns its offset.
    pub(crate) fn s(&mut self, text: impl AsRef<[u8]>) -> u32 {
        let off = self.str_start + self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_ref());
        self.strings.push(0);
        off
    }

    /// Adds a record whose `vlen` follows from the length of its tail.
    pub(crate) fn t(&mut self, name: u32, kind: u32, size: u32, tail: &[u32]) -> &mut Self {
        let per_elem = match kind {
            STRUCT | UNION | DATASEC | ENUM64 => 3,
            ENUM | FUNC_PROTO => 2,
            _ => usize::MAX,
        };
        self.raw(
            name,
            kind << 24 | (tail.len() / per_elem) as u32,
            size,
            tail,
        )
    }

    /// Adds a record with this `info` word.
    pub(crate) fn raw(&mut self, name: u32, info: u32, size: u32, tail: &[u32]) -> &mut Self {
        self.words.extend([name, info, size]);
        self.words.extend(tail);
        self
    }

    /// The blob, in the byte order of this machine.
    pub(crate) fn blob(&self) -> Vec<u8> {
        let type_len = self.words.len() as u32 * 4;
        let str_len = self.strings.len() as u32;
        let defaults = [
            24 + self.hdr_tail.len() as u32,
            0,
            type_len,
            type_len + self.gap.len() as u32,
            str_len,
        ];
        let mut out = Vec::new();
        out.extend(self.magic.to_ne_bytes());
        out.extend([self.version, self.flags]);
        for (field, default) in self.fields.iter().zip(defaults) {
            out.extend(field.unwrap_or(default).to_ne_bytes());
        }
        out.extend(&self.hdr_tail);
        for word in &self.words {
            out.extend(word.to_ne_bytes());
        }
        out.extend(&self.gap);
        out.extend(&self.strings);
        out.extend(&self.trailer);
        out
    }
}
