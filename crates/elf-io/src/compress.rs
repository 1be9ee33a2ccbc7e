//! Compressed sections: `SHF_COMPRESSED` (gABI, `Elf64_Chdr`) and the older `.zdebug_*` of GNU tools.

use std::borrow::Cow;
use std::io::Read;

use object::elf;

use crate::encoding::Encoding;

/// What may precede the compressed data.
pub(crate) enum Header {
    /// `Elf32_Chdr` or `Elf64_Chdr`.
    Gabi,
    /// `ZLIB` and the size as a 64-bit big-endian integer, whatever the file's own byte order.
    Gnu,
}

/// No zlib stream grows by more than this factor (deflate codes 258 bytes in two bits at best).
const MAX_ZLIB_RATIO: u64 = 1032;

/// Decompresses the contents of one section. The error is a reason, to which the caller adds the section.
pub(crate) fn decompress<'d>(
    data: &'d [u8],
    header: &Header,
    encoding: Encoding,
) -> Result<Cow<'d, [u8]>, String> {
    let (kind, size, payload) = match header {
        Header::Gabi => {
            let (size_at, header_len) = if encoding.is_64 { (8, 24) } else { (4, 12) };
            let (Some(kind), Some(size), Some(payload)) = (
                encoding.u32(data, 0),
                encoding.word(data, size_at),
                data.get(header_len..),
            ) else {
                return Err(format!(
                    "{} bytes cannot hold a compression header",
                    data.len()
                ));
            };
            (kind, size, payload)
        }
        Header::Gnu => {
            let Some((head, payload)) = data.split_first_chunk::<12>() else {
                return Err(format!("{} bytes cannot hold a ZLIB header", data.len()));
            };
            let Some((b"ZLIB", size)) = head.split_first_chunk::<4>() else {
                // GNU tools keep the name `.zdebug_*` for contents that compression would have made larger.
                return Ok(Cow::Borrowed(data));
            };
            let size = size
                .iter()
                .fold(0u64, |size, byte| size << 8 | u64::from(*byte));
            (elf::ELFCOMPRESS_ZLIB.0, size, payload)
        }
    };
    let mut out = Vec::new();
    // One byte more than announced, so that a longer stream is noticed.
    let read = if kind == elf::ELFCOMPRESS_ZLIB.0 {
        if size / MAX_ZLIB_RATIO > payload.len() as u64 {
            return Err(format!(
                "{} bytes of zlib data cannot hold the announced {size} bytes",
                payload.len()
            ));
        }
        reserve(&mut out, size)?;
        flate2::read::ZlibDecoder::new(payload)
            .take(size.saturating_add(1))
            .read_to_end(&mut out)
    } else if kind == elf::ELFCOMPRESS_ZSTD.0 {
        // Any ratio is possible here: believe a usual one, and let the vector grow if it was more.
        reserve(
            &mut out,
            size.min((payload.len() as u64).saturating_mul(64)),
        )?;
        zstd::stream::read::Decoder::with_buffer(payload)
            .and_then(|decoder| decoder.take(size.saturating_add(1)).read_to_end(&mut out))
    } else {
        return Err(format!("unknown compression type {kind}"));
    };
    read.map_err(|error| error.to_string())?;
    if out.len() as u64 != size {
        let relation = if out.len() as u64 > size {
            "more than"
        } else {
            "only"
        };
        let found = (out.len() as u64).min(size);
        return Err(format!(
            "contents are {relation} {found} bytes, the header announces {size}"
        ));
    }
    Ok(Cow::Owned(out))
}

fn reserve(out: &mut Vec<u8>, size: u64) -> Result<(), String> {
    usize::try_from(size)
        .ok()
        .and_then(|size| out.try_reserve_exact(size.saturating_add(1)).ok())
        .ok_or_else(|| format!("no memory for the announced {size} bytes"))
}
