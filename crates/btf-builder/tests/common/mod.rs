//! Helpers of the integration tests.
#![allow(dead_code, reason = "each test binary uses its part")]

use btf_builder::{Btf, Kind, Type};

/// One line per type, elements indented by a tab on lines of their own, close
/// to `bpftool btf dump`.
pub(crate) fn raw(ty: Type<'_>) -> String {
    let btf = ty.btf();
    let str_at = |off| String::from_utf8_lossy(btf.str_at(off).unwrap()).into_owned();
    let mut out = format!("{} {}", ty.id(), ty.kind());
    if !ty.name_off().is_empty() {
        out += &format!(" '{}'", ty.name_str());
    }
    if ty.kind_flag() && !matches!(ty.kind(), Kind::Struct | Kind::Union) {
        out += " flag";
    }
    if let Some(size) = ty.size() {
        out += &format!(" size={size}");
    }
    if let Some(to) = ty.type_id() {
        out += &format!(" -> {}", to.0);
    }
    if let Some(array) = ty.array() {
        out += &format!(
            " elem={} index={} n={}",
            array.elem.0, array.index.0, array.nelems
        );
    }
    for m in ty.members() {
        out += &format!(
            "\n\t'{}' -> {} @{}",
            str_at(m.name_off),
            m.type_id.0,
            m.bit_offset
        );
        if m.bitfield_size != 0 {
            out += &format!(":{}", m.bitfield_size);
        }
    }
    for v in ty.enum_values() {
        out += &format!("\n\t'{}' = {}", str_at(v.name_off), v.value());
    }
    for p in ty.params() {
        out += &format!("\n\t'{}' -> {}", str_at(p.name_off), p.type_id.0);
    }
    for v in ty.sec_vars() {
        out += &format!("\n\t-> {} @{} size={}", v.type_id.0, v.offset, v.size);
    }
    out
}

/// All types as [`raw`] shows them, those of the base included.
pub(crate) fn raw_all(btf: &Btf) -> Vec<String> {
    btf.all_types().map(raw).collect()
}

/// The own types as [`raw`] shows them.
pub(crate) fn raw_own(btf: &Btf) -> Vec<String> {
    btf.own_types().map(raw).collect()
}
