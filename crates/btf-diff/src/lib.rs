//! Semantic comparison of two BTFs.
