//! Which kernel's rules: releases, and what changed between them.

use std::fmt;
use std::str::FromStr;

/// A kernel release, as far as its BTF verifier differs from others.
///
/// Any `major.minor` is accepted; the rules are those of the closest change at
/// or below it. Releases before 6.1 are checked as 6.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KernelVersion {
    major: u16,
    minor: u16,
}

impl KernelVersion {
    /// 6.1: no `.BTF.base`, DATASEC names are identifiers.
    pub const V6_1: Self = Self::new(6, 1);
    /// 6.12: `.BTF.base` (since 6.11), DATASEC names may hold any printable
    /// byte.
    pub const V6_12: Self = Self::new(6, 12);
    /// 6.15: `kind_flag` on TYPE_TAG and DECL_TAG (attributes).
    pub const V6_15: Self = Self::new(6, 15);
    /// 7.0: vmlinux BTF is taken to be sorted by name.
    pub const V7_0: Self = Self::new(7, 0);
    /// 7.1: 32-byte header with a layout section.
    pub const V7_1: Self = Self::new(7, 1);
    /// 7.2: 24-bit `vlen`, seven-bit kind.
    pub const V7_2: Self = Self::new(7, 2);
    /// 7.3: a TYPE_TAG may follow other modifiers.
    pub const V7_3: Self = Self::new(7, 3);
    /// The newest rules known here.
    pub const LATEST: Self = Self::V7_3;

    /// The release `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Major number.
    pub const fn major(self) -> u16 {
        self.major
    }

    /// Minor number.
    pub const fn minor(self) -> u16 {
        self.minor
    }

    /// `btf_name_valid_section` instead of the identifier rule.
    pub(crate) fn printable_section_names(self) -> bool {
        self >= Self::V6_12
    }

    /// `.BTF.base` is looked up and relocated (`btf_relocate`).
    pub fn has_distilled_base(self) -> bool {
        self >= Self::new(6, 11)
    }

    /// TYPE_TAG and DECL_TAG may carry `kind_flag`.
    pub fn has_attribute_tags(self) -> bool {
        self >= Self::V6_15
    }

    /// vmlinux BTF is searched by bisection (`btf_check_sorted` and
    /// `btf_find_by_name_kind`).
    pub fn expects_sorted_base(self) -> bool {
        self >= Self::V7_0
    }

    /// The header may have the two layout fields.
    pub fn has_layout(self) -> bool {
        self >= Self::V7_1
    }

    /// `vlen` has 24 bits and the kind seven; `BTF_INFO_MASK` is gone.
    pub fn has_wide_vlen(self) -> bool {
        self >= Self::V7_2
    }

    /// A TYPE_TAG need not come before all other modifiers.
    ///
    /// The change is of June 2026 and first certain in 7.3, so 7.2 is checked
    /// by the stricter rule.
    pub fn free_tag_order(self) -> bool {
        self >= Self::V7_3
    }

    /// Module mismatches that are permitted are summarised in one line per
    /// boot instead of one per module.
    pub(crate) fn quiet_mismatch(self) -> bool {
        self >= Self::V6_12
    }
}

impl Default for KernelVersion {
    fn default() -> Self {
        Self::LATEST
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The text is no kernel release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kernel release: `{0}`; write for example `6.12` or `latest`")]
pub struct ParseKernelVersionError(String);

/// Reads `6.12`, `v6.12`, a whole `uname -r` such as `6.12.117-amd64`, or
/// `latest`.
impl FromStr for KernelVersion {
    type Err = ParseKernelVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseKernelVersionError(text.to_owned());
        if text == "latest" {
            return Ok(Self::LATEST);
        }
        let (major, rest) = text
            .strip_prefix('v')
            .unwrap_or(text)
            .split_once('.')
            .ok_or_else(refused)?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number = |digits: &str| digits.parse::<u16>().map_err(|_| refused());
        Ok(Self::new(number(major)?, number(&rest[..end])?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_long_release_names() {
        for (text, want) in [
            ("6.1", KernelVersion::V6_1),
            ("v6.12", KernelVersion::V6_12),
            ("6.12.117+deb12-cloud-amd64", KernelVersion::V6_12),
            ("6.18.44-fc", KernelVersion::new(6, 18)),
            ("7.1-rc3", KernelVersion::V7_1),
            ("latest", KernelVersion::LATEST),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        for text in ["", "6", "six.one", "6.", ".1", "6.x", "99999999.1"] {
            assert!(text.parse::<KernelVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn ten_comes_after_nine() {
        assert!(KernelVersion::new(6, 9) < KernelVersion::new(6, 10));
        assert!(KernelVersion::new(6, 18) < KernelVersion::V7_0);
    }
}
