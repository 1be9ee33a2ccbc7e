//! libbpf as an oracle, which this build goes without: the feature `libbpf` is
//! off.

use std::time::Duration;

/// What became of a BTF.
#[derive(Debug)]
pub struct Deduped {
    /// The result as raw BTF.
    pub bytes: Vec<u8>,
    /// What `btf__dedup` took.
    pub time: Duration,
}

/// Says that `test` is skipped.
///
/// # Panics
///
/// If skipping is forbidden.
pub fn is_here(test: &str) -> bool {
    crate::tool::skip(test, "libbpf (cargo's --features test-kit/libbpf)");
    false
}

/// Nothing, as [`is_here`] has said.
///
/// # Errors
///
/// Always.
pub fn dedup(_own: &[u8], _base: Option<&[u8]>, _collide: bool) -> Result<Deduped, i32> {
    Err(0)
}
