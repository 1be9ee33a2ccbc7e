//! Phases H, S, Y and G: header, section map, strings, layout, type section.

use crate::breach::{Phase, plain};
use crate::raw::{Header, MAX_NAME_OFFSET, Raw, word};
use crate::rule::{Errno, Rule};
use crate::version::KernelVersion;

/// Bytes up to and including `hdr_len`.
const HDR_LEN_END: usize = 8;
const HDR_SIZE: usize = 24;
const HDR_SIZE_LAYOUT: usize = 32;
/// `sizeof(struct btf_layout)`.
const LAYOUT_ENTRY: u32 = 4;
const MAGIC: u16 = 0xeb9f;

/// `btf_parse_hdr` and `btf_check_sec_info`.
pub(crate) fn check_header(raw: &mut Raw<'_>, kernel: KernelVersion) -> Phase {
    let data = raw.data;
    let endian = raw.target.endian;
    let fail = |rule, errno, offset, text| Err(plain(rule, errno, offset, text));

    if data.len() < HDR_LEN_END {
        return fail(
            Rule::NoHdrLen,
            Errno::Einval,
            data.len(),
            "hdr_len not found",
        );
    }
    let hdr_len = word(data, 4, endian);
    let hdr_size = hdr_len as usize;
    if data.len() < hdr_size {
        return fail(Rule::NoHeader, Errno::Einval, 4, "btf_header not found");
    }
    let known = if kernel.has_layout() {
        HDR_SIZE_LAYOUT
    } else {
        HDR_SIZE
    };
    if let Some(extra) = data[..hdr_size].get(known..)
        && let Some(at) = extra.iter().position(|&byte| byte != 0)
    {
        return fail(
            Rule::HeaderTooNew,
            Errno::E2big,
            known + at,
            "Unsupported btf_header",
        );
    }

    // The kernel copies what `hdr_len` covers and leaves the rest zero, so a
    // field that is cut in the middle is read in part.
    let mut copy = [0; HDR_SIZE_LAYOUT];
    let covered = hdr_size.min(known);
    copy[..covered].copy_from_slice(&data[..covered]);
    let field = |at| word(&copy, at, endian);
    let first = field(0);
    let (magic, version, flags) = match endian {
        btf_builder::Endian::Little => (first as u16, (first >> 16) as u8, (first >> 24) as u8),
        btf_builder::Endian::Big => ((first >> 16) as u16, (first >> 8) as u8, first as u8),
    };
    raw.hdr = Header {
        hdr_len: field(4),
        type_off: field(8),
        type_len: field(12),
        str_off: field(16),
        str_len: field(20),
        layout_off: field(24),
        layout_len: field(28),
    };
    if magic != MAGIC {
        return fail(Rule::Magic, Errno::Einval, 0, "Invalid magic");
    }
    if version != 1 {
        return fail(Rule::Version, Errno::Enotsupp, 2, "Unsupported version");
    }
    if flags != 0 {
        return fail(Rule::Flags, Errno::Enotsupp, 3, "Unsupported flags");
    }
    // Not `hdr_size`: a header cut inside `hdr_len` has another value here.
    if raw.base.is_none() && data.len() == raw.hdr.hdr_len as usize {
        return fail(Rule::NoData, Errno::Einval, hdr_size, "No data");
    }
    check_sections(raw)
}

/// `btf_check_sec_info`: the sections tile what follows the header.
fn check_sections(raw: &Raw<'_>) -> Phase {
    let hdr = raw.hdr;
    let mut sections = vec![(hdr.type_off, hdr.type_len), (hdr.str_off, hdr.str_len)];
    if hdr.layout_len != 0 {
        sections.push((hdr.layout_off, hdr.layout_len));
    }
    // The kernel takes the sign of the difference of two u32, which is no
    // total order, so `sort_by` must not see it.
    let greater = |a: (u32, u32), b: (u32, u32)| {
        let sign = |x: u32, y: u32| x.wrapping_sub(y).cast_signed().signum();
        match sign(a.0, b.0) {
            0 => sign(a.1, b.1) > 0,
            by_offset => by_offset > 0,
        }
    };
    for end in 1..sections.len() {
        let mut at = end;
        while at > 0 && greater(sections[at - 1], sections[at]) {
            sections.swap(at - 1, at);
            at -= 1;
        }
    }

    // `H2` has shown that the header lies inside the blob, whose length the
    // entry points have limited to 32 bits.
    let expected = raw.data.len() as u32 - hdr.hdr_len;
    let mut total: u32 = 0;
    for (off, len) in sections {
        let at = hdr.hdr_len as usize + total as usize;
        let fail = |rule, text| Err(plain(rule, Errno::Einval, at, text));
        if expected < off {
            return fail(Rule::SectionOffset, "Invalid section offset");
        }
        if total < off {
            return fail(Rule::SectionGap, "Unsupported section found");
        }
        if total > off {
            return fail(Rule::SectionOverlap, "Section overlap found");
        }
        if expected - total < len {
            return fail(Rule::SectionLength, "Total section length too long");
        }
        total += len;
    }
    if expected != total {
        let at = hdr.hdr_len as usize + total as usize;
        return Err(plain(
            Rule::TrailingData,
            Errno::Einval,
            at,
            "Unsupported section found",
        ));
    }
    Ok(())
}

/// `btf_parse_str_sec`.
pub(crate) fn check_strings(raw: &mut Raw<'_>, kernel: KernelVersion) -> Phase {
    let hdr = raw.hdr;
    let start = hdr.hdr_len as usize + hdr.str_off as usize;
    let end = start + hdr.str_len as usize;
    let fail = |rule, offset, text| Err(plain(rule, Errno::Einval, offset, text));
    let must_be_last = !kernel.has_layout() || (hdr.hdr_len as usize) < HDR_SIZE_LAYOUT;
    if must_be_last && end != raw.data.len() {
        return fail(
            Rule::StringsNotLast,
            start,
            "String section is not at the end",
        );
    }
    // `H11` has shown that the section lies inside the blob.
    let strings = raw.data.get(start..end).unwrap_or(&[]);
    raw.strings = strings;
    if raw.base.is_some() && strings.is_empty() {
        return Ok(());
    }
    let text = "Invalid string section";
    if strings.last() != Some(&0) || hdr.str_len - 1 > MAX_NAME_OFFSET {
        return fail(Rule::Strings, start, text);
    }
    if raw.base.is_none() && strings[0] != 0 {
        return fail(Rule::FirstString, start, text);
    }
    Ok(())
}

/// `btf_parse_layout_sec`, run for a program's BTF only.
pub(crate) fn check_layout(raw: &Raw<'_>, kernel: KernelVersion) -> Phase {
    let hdr = raw.hdr;
    if !kernel.has_layout() || hdr.layout_len == 0 {
        return Ok(());
    }
    let fail = |rule, offset, text| Err(plain(rule, Errno::Einval, offset, text));
    if !hdr.layout_off.is_multiple_of(4) {
        return fail(Rule::LayoutAlign, 24, "Unaligned layout_off");
    }
    if hdr.layout_len < LAYOUT_ENTRY {
        return fail(Rule::LayoutShort, 28, "Layout section is too small");
    }
    if !hdr.layout_len.is_multiple_of(LAYOUT_ENTRY) {
        return fail(Rule::LayoutLength, 28, "layout_len is not multiple of 4");
    }
    let end = u64::from(hdr.hdr_len) + u64::from(hdr.layout_off) + u64::from(hdr.layout_len);
    if end > raw.data.len() as u64 {
        return fail(Rule::LayoutEnd, 28, "Layout section is too big");
    }
    Ok(())
}

/// What `btf_parse_type_sec` checks before it looks at types.
pub(crate) fn check_type_section(raw: &Raw<'_>) -> Phase {
    if !raw.hdr.type_off.is_multiple_of(4) {
        return Err(plain(
            Rule::TypeAlign,
            Errno::Einval,
            8,
            "Unaligned type_off",
        ));
    }
    if raw.base.is_none() && raw.hdr.type_len == 0 {
        return Err(plain(Rule::NoTypes, Errno::Einval, 12, "No type found"));
    }
    Ok(())
}
