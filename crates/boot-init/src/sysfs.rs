//! What the kernel shows of a module's BTF.

use std::sync::Arc;

use btf_builder::Btf;

/// Whether `seen` is what the kernel makes of a split BTF that comes with a distilled base: the same types, in the same
/// order and with the same strings, on `base`. `None` if one of them cannot be parsed or has types that `base` lacks.
///
/// The kernel keeps the header of the split BTF, which resolve_btfids of Linux 7 writes in its longer form; how long it
/// is does not count.
pub fn is_relocated(split: &[u8], distilled: &[u8], base: &[u8], seen: &[u8]) -> Option<bool> {
    let base = Arc::new(Btf::parse(base).ok()?);
    let distilled = Arc::new(Btf::parse(distilled).ok()?);
    let mut expected = Btf::parse_split(split, distilled).ok()?;
    expected.relocate(Arc::clone(&base)).ok()?;
    let seen = Btf::parse_split(seen, base).ok()?;
    Some(seen.to_bytes() == expected.to_bytes())
}

#[cfg(test)]
mod tests {
    use btf_builder::{Endian, IntEncoding};

    use super::*;

    /// The same BTF under a header of 32 bytes without a layout.
    fn with_long_header(btf: &[u8]) -> Vec<u8> {
        let mut long = btf[..24].to_vec();
        long[4] = 32;
        long.extend([0; 8]);
        long.extend_from_slice(&btf[24..]);
        long
    }

    #[test]
    fn the_length_of_the_header_does_not_count_and_types_do() {
        let mut base = Btf::new_empty(Endian::Little);
        base.add_int("char", 1, IntEncoding::NONE).unwrap();
        let int = base.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let base = Arc::new(base);
        let mut split = Btf::new_split(Arc::clone(&base));
        split.add_ptr(int).unwrap();
        let on_base = split.to_bytes();
        let apart = split.distill_base().unwrap();
        let (distilled, split) = (apart.base.to_bytes(), apart.split.to_bytes());
        let seen = |seen: &[u8]| is_relocated(&split, &distilled, &base.to_bytes(), seen);
        assert_eq!(seen(&on_base), Some(true));
        assert_eq!(seen(&with_long_header(&on_base)), Some(true));
        let mut other = Btf::new_split(Arc::clone(&base));
        other.add_ptr(int).unwrap();
        other.add_ptr(int).unwrap();
        assert_eq!(seen(&other.to_bytes()), Some(false));
    }
}
