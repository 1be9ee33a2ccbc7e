//! A broken rule, and the lines the kernel prints about it.
//!
//! The verifier formats one logical message in several `printk` calls. For a
//! program's BTF they are joined in the caller's log buffer; for the kernel's
//! own BTF each call becomes a line of its own, with `BPF: ` in front. So a
//! [`Breach`] keeps the calls apart, as *fragments*.

use std::fmt;

use crate::raw::{Raw, Rec, bitfield_size, kind};
use crate::rule::{Errno, Rule};
use crate::version::KernelVersion;

/// Longest fragment, `BPF_VERIFIER_TMP_LOG_SIZE` without the final NUL.
const FRAGMENT_MAX: usize = 1023;

/// Which of the verifier's log functions wrote the message; a kernel that
/// permits mismatches mutes some of them for modules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// `btf_verifier_log` and `btf_verifier_log_vsi`: always printed.
    Plain,
    /// `__btf_verifier_log_type` and `btf_verifier_log_member`.
    Type,
    /// `btf_relocate`'s own `pr_warn`, without the `BPF: ` prefix.
    Relocation,
}

/// The first rule that a BTF breaks, with everything the kernel says about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The rule.
    pub rule: Rule,
    /// What the kernel returns.
    pub errno: Errno,
    /// Id of the offending type, if it is a type that offends.
    pub type_id: Option<u32>,
    /// Byte offset of the offending bytes in the blob, header included.
    pub offset: usize,
    /// The breach is in the `.BTF.base` section rather than in `.BTF`.
    pub in_distilled_base: bool,
    form: Form,
    fragments: Vec<Vec<u8>>,
}

/// How the machine that would print the lines is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct DmesgOptions<'a> {
    /// Kernel name of the module, for the closing line; `None` for vmlinux.
    pub module: Option<&'a str>,
    /// `CONFIG_MODULE_ALLOW_BTF_MISMATCH`, which Debian sets.
    pub allow_mismatch: bool,
    /// Release.
    pub kernel: KernelVersion,
}

impl Breach {
    /// The message as one line, without a final newline: what is left of a
    /// program's log after the lines about types that passed. Empty where the
    /// kernel says nothing.
    pub fn line(&self) -> String {
        String::from_utf8_lossy(&self.line_bytes()).into_owned()
    }

    /// As [`line`](Self::line), with names byte for byte.
    pub fn line_bytes(&self) -> Vec<u8> {
        let joined = self.fragments.concat();
        let joined = joined.strip_suffix(b"\n").unwrap_or(&joined);
        let start = joined.iter().rposition(|&byte| byte == b'\n');
        joined[start.map_or(0, |at| at + 1)..].to_vec()
    }

    /// The arguments of the kernel's successive `printk` calls, with their
    /// newlines but without the `BPF: ` prefix.
    pub fn fragments(&self) -> &[Vec<u8>] {
        &self.fragments
    }

    /// What `dmesg` shows when the kernel refuses the BTF, line by line and
    /// without time stamps.
    pub fn dmesg(&self, options: &DmesgOptions<'_>) -> Vec<String> {
        let muted = options.allow_mismatch
            && options.module.is_some()
            && !self.in_distilled_base
            && self.form == Form::Type
            && options.kernel.quiet_mismatch();
        let mut lines = Vec::new();
        if !muted {
            for fragment in &self.fragments {
                let text = fragment.strip_suffix(b"\n").unwrap_or(fragment);
                let text = String::from_utf8_lossy(text);
                match self.form {
                    Form::Relocation => lines.push(text.into_owned()),
                    Form::Plain | Form::Type => lines.push(format!("BPF: {text}")),
                }
            }
        }
        if let Some(module) = options.module {
            if options.allow_mismatch && options.kernel.quiet_mismatch() {
                lines.push(
                    "Kernel module BTF mismatch detected, \
                     BTF debug info may be unavailable for some modules"
                        .to_owned(),
                );
            } else {
                let errno = self.errno.number();
                lines.push(format!(
                    "failed to validate module [{module}] BTF: -{errno}"
                ));
            }
        }
        lines
    }
}

/// `H4: Invalid magic (EINVAL)`, with the type id where there is one.
impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule)?;
        let line = self.line();
        match line.trim() {
            "" => f.write_str(self.rule.meaning())?,
            text => f.write_str(text)?,
        }
        if let Some(id) = self.type_id
            && !line.starts_with('[')
        {
            write!(f, " (type [{id}])")?;
        }
        write!(f, " ({})", self.errno)
    }
}

impl std::error::Error for Breach {}

/// Result of a phase; a breach is large and rare, so boxed.
pub(crate) type Phase<T = ()> = Result<T, Box<Breach>>;

/// A breach that concerns no type (`btf_verifier_log`).
pub(crate) fn plain(rule: Rule, errno: Errno, offset: usize, text: &str) -> Box<Breach> {
    let fragments = match text {
        "" => Vec::new(),
        text => vec![text.as_bytes().to_vec()],
    };
    Box::new(Breach {
        rule,
        errno,
        type_id: None,
        offset,
        in_distilled_base: false,
        form: Form::Plain,
        fragments,
    })
}

/// A breach of a type whose text the kernel prints without the type's line.
pub(crate) fn of_type(rule: Rule, errno: Errno, id: u32, offset: usize, text: &str) -> Box<Breach> {
    let mut breach = plain(rule, errno, offset, text);
    breach.type_id = Some(id);
    breach
}

/// A breach found by `btf_relocate`, which prints with its own `pr_warn`.
pub(crate) fn relocation(
    rule: Rule,
    errno: Errno,
    id: u32,
    offset: usize,
    text: Vec<u8>,
) -> Box<Breach> {
    let mut breach = of_type(rule, errno, id, offset, "");
    breach.form = Form::Relocation;
    breach.fragments = if text.is_empty() {
        Vec::new()
    } else {
        vec![text]
    };
    breach
}

/// Writes the verifier's messages about types of one BTF.
#[derive(Clone, Copy)]
pub(crate) struct TypeLog<'r, 'a> {
    pub(crate) raw: &'r Raw<'a>,
    /// Phase R prints the struct again before the member.
    pub(crate) after_meta: bool,
}

impl TypeLog<'_, '_> {
    fn breach(
        &self,
        rule: Rule,
        errno: Errno,
        id: u32,
        offset: usize,
        form: Form,
        mut fragments: Vec<Vec<u8>>,
    ) -> Box<Breach> {
        for fragment in &mut fragments {
            fragment.truncate(FRAGMENT_MAX);
        }
        Box::new(Breach {
            rule,
            errno,
            type_id: Some(id),
            offset,
            in_distilled_base: false,
            form,
            fragments,
        })
    }

    /// `[id] KIND name`, with a space behind it if details follow.
    fn head(&self, id: u32, rec: &Rec<'_>, details: bool) -> Vec<u8> {
        let mut head = format!("[{id}] {} ", kind_name(rec.kind())).into_bytes();
        head.extend_from_slice(self.raw.log_name(rec.name_off()));
        if details {
            head.push(b' ');
        }
        head
    }

    /// `btf_verifier_log_basic`.
    pub(crate) fn basic(&self, rule: Rule, rec: &Rec<'_>, text: &str) -> Box<Breach> {
        let fragments = vec![
            self.head(rec.id, rec, false),
            b" ".to_vec(),
            text.as_bytes().to_vec(),
            b"\n".to_vec(),
        ];
        self.breach(rule, Errno::Einval, rec.id, rec.off, Form::Type, fragments)
    }

    /// `btf_verifier_log_type`; the offset is that of word `word` of the
    /// record.
    pub(crate) fn typed(&self, rule: Rule, rec: &Rec<'_>, word: usize, text: &str) -> Box<Breach> {
        self.typed_as(rule, Errno::Einval, rec.id, rec, word, text)
    }

    /// As [`typed`](Self::typed), with an error number and the id that the
    /// log has for current.
    pub(crate) fn typed_as(
        &self,
        rule: Rule,
        errno: Errno,
        id: u32,
        rec: &Rec<'_>,
        word: usize,
        text: &str,
    ) -> Box<Breach> {
        let mut fragments = self.type_line(id, rec);
        fragments.extend([b" ".to_vec(), text.as_bytes().to_vec(), b"\n".to_vec()]);
        let offset = rec.off + word * 4;
        self.breach(rule, errno, id, offset, Form::Type, fragments)
    }

    fn type_line(&self, id: u32, rec: &Rec<'_>) -> Vec<Vec<u8>> {
        let mut fragments = vec![self.head(id, rec, true)];
        self.details(rec, &mut fragments);
        fragments
    }

    /// The struct's or section's own line, which precedes a member's once
    /// phase M is over. The kernel suppresses it for its own BTF, which never
    /// reaches phase R.
    fn owner_line(&self, rec: &Rec<'_>) -> Vec<Vec<u8>> {
        if !self.after_meta {
            return Vec::new();
        }
        let mut fragments = self.type_line(rec.id, rec);
        fragments.push(b"\n".to_vec());
        fragments
    }

    /// `btf_verifier_log_member` about member `idx`.
    pub(crate) fn member(&self, rule: Rule, rec: &Rec<'_>, idx: usize, text: &str) -> Box<Breach> {
        self.member_as(rule, rec, idx, rec.elem::<3>(idx)[1], text)
    }

    /// As [`member`](Self::member), printing `ty` as the member's type:
    /// the checks behind a modifier print the type it resolved to.
    pub(crate) fn member_as(
        &self,
        rule: Rule,
        rec: &Rec<'_>,
        idx: usize,
        ty: u32,
        text: &str,
    ) -> Box<Breach> {
        let [name, _, offset] = rec.elem::<3>(idx);
        let mut line = b"\t".to_vec();
        line.extend_from_slice(self.raw.log_name(name));
        line.extend_from_slice(format!(" type_id={ty}").as_bytes());
        if rec.kflag() {
            let width = bitfield_size(true, offset);
            line.extend_from_slice(format!(" bitfield_size={width}").as_bytes());
        }
        line.extend_from_slice(format!(" bits_offset={}", rec.member_offset(offset)).as_bytes());
        self.element(rule, rec, idx * 12, Form::Type, line, text)
    }

    /// `btf_verifier_log_vsi` about entry `idx`.
    pub(crate) fn sec_var(&self, rule: Rule, rec: &Rec<'_>, idx: usize, text: &str) -> Box<Breach> {
        let [ty, offset, size] = rec.elem::<3>(idx);
        let line = format!("\t type_id={ty} offset={offset} size={size}").into_bytes();
        self.element(rule, rec, idx * 12, Form::Plain, line, text)
    }

    fn element(
        &self,
        rule: Rule,
        rec: &Rec<'_>,
        elem_off: usize,
        form: Form,
        line: Vec<u8>,
        text: &str,
    ) -> Box<Breach> {
        let mut fragments = self.owner_line(rec);
        fragments.push(line);
        if !text.is_empty() {
            fragments.extend([b" ".to_vec(), text.as_bytes().to_vec()]);
        }
        fragments.push(b"\n".to_vec());
        let offset = rec.off + crate::raw::RECORD_HEAD + elem_off;
        self.breach(rule, Errno::Einval, rec.id, offset, form, fragments)
    }

    /// The kind's `log_details`, one fragment per call.
    fn details(&self, rec: &Rec<'_>, out: &mut Vec<Vec<u8>>) {
        let text = match rec.kind() {
            kind::INT => {
                let data = rec.word(3);
                format!(
                    "size={} bits_offset={} nr_bits={} encoding={}",
                    rec.size(),
                    data >> 16 & 0xff,
                    data & 0xff,
                    match data >> 24 & 0x0f {
                        0 => "(none)",
                        1 => "SIGNED",
                        2 => "CHAR",
                        4 => "BOOL",
                        _ => "UNKN",
                    }
                )
            }
            kind::FWD => if rec.kflag() { "union" } else { "struct" }.to_owned(),
            kind::ARRAY => format!(
                "type_id={} index_type_id={} nr_elems={}",
                rec.word(3),
                rec.word(4),
                rec.word(5)
            ),
            kind::STRUCT | kind::UNION | kind::ENUM | kind::ENUM64 | kind::DATASEC => {
                format!("size={} vlen={}", rec.size(), rec.vlen())
            }
            kind::FUNC_PROTO => return self.proto_details(rec, out),
            kind::VAR => format!("type_id={} linkage={}", rec.ty(), rec.word(3)),
            kind::FLOAT => format!("size={}", rec.size()),
            kind::DECL_TAG => format!(
                "type={} component_idx={}",
                rec.ty(),
                rec.word(3).cast_signed()
            ),
            _ => format!("type_id={}", rec.ty()),
        };
        out.push(text.into_bytes());
    }

    /// `btf_func_proto_log`: a fragment for each parameter.
    fn proto_details(&self, rec: &Rec<'_>, out: &mut Vec<Vec<u8>>) {
        out.push(format!("return={} args=(", rec.ty()).into_bytes());
        let params = rec.elems::<2>();
        let n_params = params.len();
        if n_params == 0 {
            out.push(b"void".to_vec());
        }
        for (idx, [name, ty]) in params.enumerate() {
            let separator = if idx == 0 { "" } else { ", " };
            if ty == 0 && idx + 1 == n_params {
                out.push(format!("{separator}vararg").into_bytes());
            } else {
                let mut text = format!("{separator}{ty} ").into_bytes();
                text.extend_from_slice(self.raw.log_name(name));
                out.push(text);
            }
        }
        out.push(b")".to_vec());
    }
}

/// `btf_kind_str`.
pub(crate) fn kind_name(number: u32) -> &'static str {
    match number {
        kind::INT => "INT",
        kind::PTR => "PTR",
        kind::ARRAY => "ARRAY",
        kind::STRUCT => "STRUCT",
        kind::UNION => "UNION",
        kind::ENUM => "ENUM",
        kind::FWD => "FWD",
        kind::TYPEDEF => "TYPEDEF",
        kind::VOLATILE => "VOLATILE",
        kind::CONST => "CONST",
        kind::RESTRICT => "RESTRICT",
        kind::FUNC => "FUNC",
        kind::FUNC_PROTO => "FUNC_PROTO",
        kind::VAR => "VAR",
        kind::DATASEC => "DATASEC",
        kind::FLOAT => "FLOAT",
        kind::DECL_TAG => "DECL_TAG",
        kind::TYPE_TAG => "TYPE_TAG",
        kind::ENUM64 => "ENUM64",
        _ => "UNKNOWN",
    }
}
