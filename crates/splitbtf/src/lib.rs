//! DWARF to split BTF: the encoder as a library.
pub mod features;
