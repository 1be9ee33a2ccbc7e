//! Class (32- or 64-bit) and byte order of a file, and checked reads in them.

/// The class and the byte order of an ELF file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// Whether the file is `ELFDATA2MSB`.
    pub big_endian: bool,
    /// Whether the file is `ELFCLASS64`.
    pub is_64: bool,
}

impl Encoding {
    /// Size of an address in bytes: 4 or 8.
    #[inline]
    pub const fn address_size(self) -> u8 {
        if self.is_64 { 8 } else { 4 }
    }

    /// The two bytes at `offset` as an integer, `None` if they are outside `data`.
    #[inline]
    pub fn u16(self, data: &[u8], offset: usize) -> Option<u16> {
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    /// The four bytes at `offset` as an integer, `None` if they are outside `data`.
    #[inline]
    pub fn u32(self, data: &[u8], offset: usize) -> Option<u32> {
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// The eight bytes at `offset` as an integer, `None` if they are outside `data`.
    #[inline]
    pub fn u64(self, data: &[u8], offset: usize) -> Option<u64> {
        let bytes = *data.get(offset..)?.first_chunk()?;
        Some(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// An address-sized integer at `offset`, `None` if it is outside `data`.
    #[inline]
    pub fn word(self, data: &[u8], offset: usize) -> Option<u64> {
        if self.is_64 {
            self.u64(data, offset)
        } else {
            self.u32(data, offset).map(u64::from)
        }
    }

    /// Writes the low `out.len()` bytes of `value` in this byte order.
    ///
    /// # Panics
    ///
    /// If `out` is longer than 8 bytes.
    #[inline]
    pub fn put(self, out: &mut [u8], value: u64) {
        let n = out.len();
        if self.big_endian {
            out.copy_from_slice(&value.to_be_bytes()[8 - n..]);
        } else {
            out.copy_from_slice(&value.to_le_bytes()[..n]);
        }
    }

    /// Reads up to 8 bytes as one unsigned integer in this byte order.
    #[inline]
    pub(crate) fn get(self, bytes: &[u8]) -> u64 {
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if self.big_endian {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        }
    }
}
