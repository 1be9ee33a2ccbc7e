//! Deduplication of base and split BTF.
