//! BTF as text, JSON and C.
