//! BTF, base and split: reading, building, serialising.
