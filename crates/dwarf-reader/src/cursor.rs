//! Byte-wise reading of one section, in either byte order.

use crate::error::ErrorKind;

type Result<T> = std::result::Result<T, ErrorKind>;

/// A section and a position in it. `BE`: big endian.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'d, const BE: bool> {
    pub(crate) data: &'d [u8],
    pub(crate) pos: usize,
    pub(crate) section: &'static str,
}

impl<'d, const BE: bool> Cursor<'d, BE> {
    pub(crate) fn new(data: &'d [u8], pos: usize, section: &'static str) -> Self {
        Self { data, pos, section }
    }

    #[cold]
    fn end(&self) -> ErrorKind {
        ErrorKind::UnexpectedEnd(self.section)
    }

    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.data.get(self.pos..).and_then(|d| d.first_chunk::<N>()) {
            Some(chunk) => {
                self.pos += N;
                Ok(*chunk)
            }
            None => Err(self.end()),
        }
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Result<u8> {
        match self.data.get(self.pos) {
            Some(&b) => {
                self.pos += 1;
                Ok(b)
            }
            None => Err(self.end()),
        }
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> Result<u16> {
        let b = self.bytes()?;
        Ok(if BE {
            u16::from_be_bytes(b)
        } else {
            u16::from_le_bytes(b)
        })
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32> {
        let b = self.bytes()?;
        Ok(if BE {
            u32::from_be_bytes(b)
        } else {
            u32::from_le_bytes(b)
        })
    }

    #[inline(always)]
    pub(crate) fn u64(&mut self) -> Result<u64> {
        let b = self.bytes()?;
        Ok(if BE {
            u64::from_be_bytes(b)
        } else {
            u64::from_le_bytes(b)
        })
    }

    pub(crate) fn u24(&mut self) -> Result<u32> {
        let [a, b, c] = self.bytes()?;
        Ok(if BE {
            u32::from_be_bytes([0, a, b, c])
        } else {
            u32::from_le_bytes([a, b, c, 0])
        })
    }

    /// An offset of 4 or 8 bytes (DWARF 5 §7.4).
    #[inline(always)]
    pub(crate) fn offset(&mut self, dwarf64: bool) -> Result<u64> {
        if dwarf64 {
            self.u64()
        } else {
            Ok(u64::from(self.u32()?))
        }
    }

    pub(crate) fn address(&mut self, size: u8) -> Result<u64> {
        match size {
            8 => self.u64(),
            4 => Ok(u64::from(self.u32()?)),
            2 => Ok(u64::from(self.u16()?)),
            n => Err(ErrorKind::AddressSize(n)),
        }
    }

    #[inline(always)]
    pub(crate) fn uleb(&mut self) -> Result<u64> {
        let b = self.u8()?;
        if b < 0x80 {
            Ok(u64::from(b))
        } else {
            self.uleb_rest(b)
        }
    }

    fn uleb_rest(&mut self, first: u8) -> Result<u64> {
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let b = self.u8()?;
            let low = u64::from(b & 0x7f);
            if shift >= 64 || (shift == 63 && low > 1) {
                // Padding zeroes past 64 bits are legal, anything else is not.
                if low != 0 {
                    return Err(ErrorKind::BadLeb128);
                }
            } else {
                value |= low << shift;
            }
            if b < 0x80 {
                return Ok(value);
            }
            shift += 7;
            if shift > 256 {
                return Err(ErrorKind::BadLeb128);
            }
        }
    }

    pub(crate) fn sleb(&mut self) -> Result<i64> {
        let mut value = 0u64;
        let mut shift = 0;
        loop {
            let b = self.u8()?;
            if shift < 64 {
                value |= u64::from(b & 0x7f) << shift;
            }
            shift += 7;
            if b < 0x80 {
                if shift < 64 && b & 0x40 != 0 {
                    value |= !0 << shift;
                }
                return Ok(value as i64);
            }
            if shift > 256 {
                return Err(ErrorKind::BadLeb128);
            }
        }
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, n: u64) -> Result<()> {
        let left = self.data.len().saturating_sub(self.pos) as u64;
        if n > left {
            return Err(self.end());
        }
        self.pos += n as usize;
        Ok(())
    }

    /// The bytes up to the next NUL, which is passed over.
    #[inline]
    pub(crate) fn skip_cstr(&mut self) -> Result<()> {
        let rest = self.data.get(self.pos..).unwrap_or_default();
        match crate::c_len(rest) {
            Some(n) => {
                self.pos += n + 1;
                Ok(())
            }
            None => Err(self.end()),
        }
    }
}
