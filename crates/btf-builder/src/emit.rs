//! [`Btf`] to bytes.

use crate::btf::{Btf, Endian};
use crate::kind::{HDR_LEN, HDR_LEN_LAYOUT, MAGIC, VERSION};
use crate::layout::KindLayout;

/// How [`Btf::to_bytes_with`] writes.
///
/// ```
/// # use btf_builder::{Btf, EmitOpts, Endian};
/// let btf = Btf::new_empty(Endian::Little);
/// let opts = EmitOpts::default().with_layout(true).with_endian(Endian::Big);
/// let bytes = btf.to_bytes_with(opts);
/// assert_eq!(Btf::parse(&bytes)?.endian(), Endian::Big);
/// # Ok::<(), btf_builder::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct EmitOpts {
    /// Write the layout section and with it the 32-byte header. Kernels
    /// before 2026 refuse such BTF. A split BTF gets one only if it has one of
    /// its own: readers take the base's.
    pub layout: bool,
    /// Byte order, the BTF's own if `None`.
    pub endian: Option<Endian>,
}

impl EmitOpts {
    /// Sets [`layout`](Self::layout).
    #[must_use]
    pub fn with_layout(mut self, layout: bool) -> Self {
        self.layout = layout;
        self
    }

    /// Sets [`endian`](Self::endian).
    #[must_use]
    pub fn with_endian(mut self, endian: Endian) -> Self {
        self.endian = Some(endian);
        self
    }
}

pub(crate) fn put_words(out: &mut Vec<u8>, words: &[u32], endian: Endian) {
    if endian == Endian::NATIVE {
        out.extend_from_slice(bytemuck::cast_slice(words));
        return;
    }
    let start = out.len();
    out.resize(start + words.len() * 4, 0);
    // This compiles to wide copies, which pushing byte by byte does not.
    let (chunks, _) = out[start..].as_chunks_mut::<4>();
    for (chunk, word) in chunks.iter_mut().zip(words) {
        *chunk = word.swap_bytes().to_ne_bytes();
    }
}

pub(crate) fn put_u16(out: &mut Vec<u8>, v: u16, endian: Endian) {
    out.extend_from_slice(&match endian {
        Endian::Little => v.to_le_bytes(),
        Endian::Big => v.to_be_bytes(),
    });
}

impl Btf {
    /// The bytes of a `.BTF` section in the BTF's byte order.
    ///
    /// The header has 24 bytes, which every consumer takes, unless the BTF has
    /// a layout section: one that was read is written again.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_bytes_with(EmitOpts {
            layout: self.layout.is_some(),
            endian: None,
        })
    }

    /// As [`to_bytes`](Self::to_bytes), with a choice of byte order and layout
    /// section.
    pub fn to_bytes_with(&self, opts: EmitOpts) -> Vec<u8> {
        let endian = opts.endian.unwrap_or(self.endian);
        let layout: &[KindLayout] = match &self.layout {
            _ if !opts.layout => &[],
            Some(own) => own,
            None if self.is_split() => &[],
            None => &KindLayout::KNOWN,
        };
        let hdr_len = if layout.is_empty() {
            HDR_LEN
        } else {
            HDR_LEN_LAYOUT
        };
        // All three lengths fit: ids and string offsets are 32 bits wide and
        // the limits stop growth well before.
        let type_len = (self.types.len() * 4) as u32;
        let layout_len = (layout.len() * KindLayout::SIZE) as u32;
        let str_len = self.strings.len() as u32;

        let total = hdr_len as usize
            + self.types.len() * 4
            + layout.len() * KindLayout::SIZE
            + self.strings.len();
        let mut out = Vec::with_capacity(total);
        put_u16(&mut out, MAGIC, endian);
        out.extend_from_slice(&[VERSION, 0]);
        put_words(
            &mut out,
            &[hdr_len, 0, type_len, type_len + layout_len, str_len],
            endian,
        );
        if hdr_len == HDR_LEN_LAYOUT {
            put_words(&mut out, &[type_len, layout_len], endian);
        }
        put_words(&mut out, &self.types, endian);
        for entry in layout {
            out.extend_from_slice(&[entry.info_sz, entry.elem_sz]);
            put_u16(&mut out, entry.flags, endian);
        }
        out.extend_from_slice(&self.strings);
        out
    }
}
