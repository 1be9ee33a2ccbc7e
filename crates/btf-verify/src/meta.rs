//! Phase M: each type by itself (`btf_check_all_metas`).
//!
//! Type ids are only held against `BTF_MAX_TYPE` here; whether they exist is
//! a matter of phase R, which the kernel's own BTF never goes through.

use crate::breach::{Phase, TypeLog, of_type};
use crate::names::{is_identifier, is_section_name};
use crate::raw::{MAX_TYPE, RECORD_HEAD, Raw, Rec, bytes_of_bits, kind};
use crate::rule::{Errno, Rule};
use crate::version::KernelVersion;

/// `BTF_INFO_MASK` before 7.2.
const INFO_MASK: u32 = 0x9f00_ffff;
/// `BTF_INT_MASK`.
const INT_MASK: u32 = 0x0fff_ffff;
const FUNC_GLOBAL: u32 = 1;
const VAR_GLOBAL: u32 = 1;

/// Checks the own types in order and indexes them in `raw.types`.
pub(crate) fn check_metas(raw: &mut Raw<'_>, kernel: KernelVersion) -> Phase {
    let (start, end) = (raw.type_start(), raw.type_end());
    let mut id = raw.first_own();
    let mut at = start;
    while at < end {
        let len = check_meta(raw, kernel, id, at)?;
        add_type(raw, at);
        at += len;
        id += 1;
    }
    Ok(())
}

/// `btf_add_type`, which drops what exceeds `BTF_MAX_TYPE` and whose caller
/// does not look at the result.
pub(crate) fn add_type(raw: &mut Raw<'_>, at: usize) {
    if raw.base.is_none() {
        if raw.types.is_empty() {
            raw.types.push(0);
        }
        if raw.types.len() >= MAX_TYPE as usize {
            return;
        }
    }
    raw.types.push(at as u32);
}

/// `btf_check_meta`; returns the record's length in bytes.
fn check_meta(raw: &Raw<'_>, kernel: KernelVersion, id: u32, at: usize) -> Phase<usize> {
    let left = raw.type_end() - at;
    let Some(rec) = raw.rec_at(id, at) else {
        let text = format!("[{id}] meta_left:{left} meta_needed:{RECORD_HEAD}");
        return Err(of_type(Rule::RecordHead, Errno::Einval, id, at, &text));
    };
    let info = rec.info();
    if !kernel.has_wide_vlen() && info & !INFO_MASK != 0 {
        let text = format!("[{id}] Invalid btf_info:{info:x}");
        return Err(of_type(Rule::InfoBits, Errno::Einval, id, at + 4, &text));
    }
    if rec.kind() == kind::UNKN || rec.kind() > kind::MAX {
        let text = format!("[{id}] Invalid kind:{}", rec.kind());
        return Err(of_type(Rule::Kind, Errno::Einval, id, at + 4, &text));
    }
    if !raw.str_exists(rec.name_off()) {
        let text = format!("[{id}] Invalid name_offset:{}", rec.name_off());
        return Err(of_type(Rule::NameOffset, Errno::Einval, id, at, &text));
    }

    let log = TypeLog {
        raw,
        after_meta: false,
    };
    let check = Check {
        raw,
        kernel,
        rec,
        log,
    };
    let needed = rec.tail_len().unwrap_or(0);
    let tail_left = (rec.left() - RECORD_HEAD) as u64;
    if tail_left < needed {
        let text = format!("meta_left:{tail_left} meta_needed:{needed}");
        return Err(log.basic(Rule::RecordTail, &rec, &text));
    }
    match rec.kind() {
        kind::INT => check.int(),
        kind::ARRAY => check.array(),
        kind::STRUCT | kind::UNION => check.composite(),
        kind::ENUM | kind::ENUM64 => check.enumeration(),
        kind::FWD => check.fwd(),
        kind::FUNC => check.func(),
        kind::FUNC_PROTO => check.func_proto(),
        kind::VAR => check.var(),
        kind::DATASEC => check.datasec(),
        kind::FLOAT => check.float(),
        kind::DECL_TAG => check.decl_tag(),
        _ => check.reference(),
    }?;
    // Fits, because the record lies inside the blob.
    Ok(RECORD_HEAD + needed as usize)
}

struct Check<'r, 'a> {
    raw: &'r Raw<'a>,
    kernel: KernelVersion,
    rec: Rec<'a>,
    log: TypeLog<'r, 'a>,
}

/// `BTF_TYPE_ID_VALID` on an id that must not be void.
fn is_id(id: u32) -> bool {
    id != 0 && id <= MAX_TYPE
}

impl Check<'_, '_> {
    /// Word 0 is the name, 1 `info`, 2 size or type, 3 and on the tail.
    fn refuse(&self, rule: Rule, word: usize, text: &str) -> Phase {
        Err(self.log.typed(rule, &self.rec, word, text))
    }

    fn no_vlen(&self) -> Phase {
        match self.rec.vlen() {
            0 => Ok(()),
            _ => self.refuse(Rule::Vlen, 1, "vlen != 0"),
        }
    }

    fn no_kflag(&self) -> Phase {
        match self.rec.kflag() {
            false => Ok(()),
            true => self.refuse(Rule::KindFlag, 1, "Invalid btf_info kind_flag"),
        }
    }

    fn identifier(&self, name_off: u32) -> bool {
        self.raw.str_at(name_off).is_some_and(is_identifier)
    }

    fn no_name(&self) -> Phase {
        match self.rec.name_off() {
            0 => Ok(()),
            _ => self.refuse(Rule::Name, 0, "Invalid name"),
        }
    }

    /// A non-zero offset of an empty string counts as a bad name.
    fn name_or_none(&self) -> Phase {
        match self.rec.name_off() {
            0 => Ok(()),
            off if self.identifier(off) => Ok(()),
            _ => self.refuse(Rule::Name, 0, "Invalid name"),
        }
    }

    fn name(&self) -> Phase {
        match self.rec.name_off() {
            0 => self.refuse(Rule::Name, 0, "Invalid name"),
            _ => self.name_or_none(),
        }
    }

    /// Whether the name holds at least one byte, whichever.
    fn has_text(&self) -> bool {
        self.raw
            .str_at(self.rec.name_off())
            .is_some_and(|text| !text.is_empty())
    }

    fn int(&self) -> Phase {
        self.no_vlen()?;
        self.no_kflag()?;
        let data = self.rec.word(3);
        if data & !INT_MASK != 0 {
            let text = format!("Invalid int_data:{data:x}");
            return Err(self.log.basic(Rule::IntData, &self.rec, &text));
        }
        let bits = (data & 0xff) + (data >> 16 & 0xff);
        if bits > 128 {
            return self.refuse(Rule::IntBits, 3, "nr_bits exceeds 128");
        }
        if bytes_of_bits(bits) > self.rec.size() {
            return self.refuse(Rule::IntSize, 2, "nr_bits exceeds type_size");
        }
        if !matches!(data >> 24, 0 | 1 | 2 | 4) {
            return Err(self.log.typed_as(
                Rule::IntEncoding,
                Errno::Enotsupp,
                self.rec.id,
                &self.rec,
                3,
                "Unsupported encoding",
            ));
        }
        Ok(())
    }

    /// PTR and the modifiers (`btf_ref_type_check_meta`).
    fn reference(&self) -> Phase {
        self.no_vlen()?;
        let is_tag = self.rec.kind() == kind::TYPE_TAG;
        if !(is_tag && self.kernel.has_attribute_tags()) {
            self.no_kflag()?;
        }
        if self.rec.ty() > MAX_TYPE {
            return self.refuse(Rule::TypeId, 2, "Invalid type_id");
        }
        match self.rec.kind() {
            kind::TYPEDEF => self.name(),
            kind::TYPE_TAG if self.has_text() => Ok(()),
            kind::TYPE_TAG => self.refuse(Rule::Name, 0, "Invalid name"),
            _ => self.no_name(),
        }
    }

    fn fwd(&self) -> Phase {
        self.no_vlen()?;
        if self.rec.ty() != 0 {
            return self.refuse(Rule::FwdType, 2, "type != 0");
        }
        self.name()
    }

    fn array(&self) -> Phase {
        self.no_name()?;
        self.no_vlen()?;
        self.no_kflag()?;
        if self.rec.size() != 0 {
            return self.refuse(Rule::ArraySize, 2, "size != 0");
        }
        if !is_id(self.rec.word(3)) {
            return self.refuse(Rule::ArrayElem, 3, "Invalid elem");
        }
        if !is_id(self.rec.word(4)) {
            return self.refuse(Rule::ArrayIndex, 4, "Invalid index");
        }
        Ok(())
    }

    fn composite(&self) -> Phase {
        self.name_or_none()?;
        let rec = &self.rec;
        let is_union = rec.kind() == kind::UNION;
        let mut last_offset = 0;
        for (idx, [name, ty, offset]) in rec.elems().enumerate() {
            let refuse = |rule, text: &str| Err(self.log.member(rule, rec, idx, text));
            if !self.raw.str_exists(name) {
                let text = format!("Invalid member name_offset:{name}");
                return refuse(Rule::MemberNameOffset, &text);
            }
            if name != 0 && !self.identifier(name) {
                return refuse(Rule::MemberName, "Invalid name");
            }
            if !is_id(ty) {
                return refuse(Rule::MemberType, "Invalid type_id");
            }
            let offset = rec.member_offset(offset);
            if (is_union && offset != 0) || last_offset > offset {
                return refuse(Rule::MemberOffset, "Invalid member bits_offset");
            }
            if bytes_of_bits(offset) > rec.size() {
                return refuse(
                    Rule::MemberPastEnd,
                    "Member bits_offset exceeds its struct size",
                );
            }
            last_offset = offset;
        }
        Ok(())
    }

    fn enumeration(&self) -> Phase {
        if !matches!(self.rec.size(), 1 | 2 | 4 | 8) {
            return self.refuse(Rule::EnumSize, 2, "Unexpected size");
        }
        self.name_or_none()?;
        let words = if self.rec.kind() == kind::ENUM64 {
            3
        } else {
            2
        };
        for idx in 0..self.rec.vlen() as usize {
            let at = 3 + idx * words;
            let name = self.rec.word(at);
            if !self.raw.str_exists(name) {
                let text = format!("\tInvalid name_offset:{name}");
                return Err(of_type(
                    Rule::ValueNameOffset,
                    Errno::Einval,
                    self.rec.id,
                    self.rec.off + at * 4,
                    &text,
                ));
            }
            if name == 0 || !self.identifier(name) {
                return self.refuse(Rule::ValueName, at, "Invalid name");
            }
        }
        Ok(())
    }

    fn func_proto(&self) -> Phase {
        self.no_name()?;
        self.no_kflag()
    }

    fn func(&self) -> Phase {
        self.name()?;
        if self.rec.vlen() > FUNC_GLOBAL {
            return self.refuse(Rule::FuncLinkage, 1, "Invalid func linkage");
        }
        self.no_kflag()
    }

    fn var(&self) -> Phase {
        self.no_vlen()?;
        self.no_kflag()?;
        self.name()?;
        if !is_id(self.rec.ty()) {
            return self.refuse(Rule::TypeId, 2, "Invalid type_id");
        }
        if self.rec.word(3) > VAR_GLOBAL {
            return self.refuse(Rule::VarLinkage, 3, "Linkage not supported");
        }
        Ok(())
    }

    fn datasec(&self) -> Phase {
        let rec = &self.rec;
        let section_size = rec.size();
        if section_size == 0 {
            return self.refuse(Rule::SectionSize, 2, "size == 0");
        }
        self.no_kflag()?;
        let name = match rec.name_off() {
            0 => None,
            off => self.raw.str_at(off),
        };
        let valid = if self.kernel.printable_section_names() {
            is_section_name
        } else {
            is_identifier
        };
        if !name.is_some_and(valid) {
            return self.refuse(Rule::Name, 0, "Invalid name");
        }
        let mut last_end = 0;
        let mut sum = 0;
        for (idx, [ty, offset, size]) in rec.elems().enumerate() {
            let refuse = |rule, text| Err(self.log.sec_var(rule, rec, idx, text));
            if !is_id(ty) {
                return refuse(Rule::SecVarType, "Invalid type_id");
            }
            if offset < last_end || offset >= section_size {
                return refuse(Rule::SecVarOffset, "Invalid offset");
            }
            if size == 0 || size > section_size {
                return refuse(Rule::SecVarSize, "Invalid size");
            }
            // The kernel adds as u32, so the end can wrap to a small number.
            last_end = offset.wrapping_add(size);
            if last_end > section_size {
                return refuse(Rule::SecVarEnd, "Invalid offset+size");
            }
            sum += u64::from(size);
        }
        if u64::from(section_size) < sum {
            return self.refuse(Rule::SecVarSum, 2, "Invalid btf_info size");
        }
        Ok(())
    }

    fn float(&self) -> Phase {
        self.no_vlen()?;
        self.no_kflag()?;
        match self.rec.size() {
            2 | 4 | 8 | 12 | 16 => Ok(()),
            _ => self.refuse(Rule::FloatSize, 2, "Invalid type_size"),
        }
    }

    fn decl_tag(&self) -> Phase {
        if !self.has_text() {
            return self.refuse(Rule::TagValue, 0, "Invalid value");
        }
        self.no_vlen()?;
        if !self.kernel.has_attribute_tags() {
            self.no_kflag()?;
        }
        if self.rec.word(3).cast_signed() < -1 {
            return self.refuse(Rule::TagComponent, 3, "Invalid component_idx");
        }
        Ok(())
    }
}

/// Indexes as many own types as can be sized, checking nothing: for looking
/// at a BTF that phase M refuses.
pub(crate) fn index_leniently(raw: &mut Raw<'_>) {
    raw.types.clear();
    let end = raw.type_end().min(raw.data.len());
    let mut at = raw.type_start();
    while at < end {
        let Some(rec) = raw.rec_at(0, at) else { break };
        let Some(tail) = rec.tail_len() else { break };
        let len = RECORD_HEAD as u64 + tail;
        if len > rec.left() as u64 {
            break;
        }
        add_type(raw, at);
        at += len as usize;
    }
}
