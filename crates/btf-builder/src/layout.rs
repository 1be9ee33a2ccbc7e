//! The layout section of 2026: record sizes per kind, so that a reader can
//! step over kinds it does not know (`struct btf_layout`).

/// Sizes of one kind's record. The record takes
/// `12 + info_sz + vlen * elem_sz` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KindLayout {
    /// Bytes between the 12-byte head and the elements.
    pub info_sz: u8,
    /// Bytes per element.
    pub elem_sz: u8,
    /// No flag is defined yet.
    pub flags: u16,
}

const fn layout(info_sz: u8, elem_sz: u8) -> KindLayout {
    KindLayout {
        info_sz,
        elem_sz,
        flags: 0,
    }
}

impl KindLayout {
    /// Layout of kinds 0 to 19, as libbpf writes it.
    pub const KNOWN: [Self; 20] = [
        layout(0, 0),  // void
        layout(4, 0),  // INT
        layout(0, 0),  // PTR
        layout(12, 0), // ARRAY
        layout(0, 12), // STRUCT
        layout(0, 12), // UNION
        layout(0, 8),  // ENUM
        layout(0, 0),  // FWD
        layout(0, 0),  // TYPEDEF
        layout(0, 0),  // VOLATILE
        layout(0, 0),  // CONST
        layout(0, 0),  // RESTRICT
        layout(0, 0),  // FUNC
        layout(0, 8),  // FUNC_PROTO
        layout(4, 0),  // VAR
        layout(0, 12), // DATASEC
        layout(0, 0),  // FLOAT
        layout(4, 0),  // DECL_TAG
        layout(0, 0),  // TYPE_TAG
        layout(0, 12), // ENUM64
    ];

    /// Bytes of one entry in the section.
    pub const SIZE: usize = 4;

    /// Words of a record of this layout with `vlen` elements, or `None` where
    /// a size is not a multiple of 4.
    pub(crate) fn record_words(self, vlen: u32) -> Option<u64> {
        if !self.info_sz.is_multiple_of(4) || !self.elem_sz.is_multiple_of(4) {
            return None;
        }
        Some(3 + u64::from(self.info_sz / 4) + u64::from(vlen) * u64::from(self.elem_sz / 4))
    }
}
