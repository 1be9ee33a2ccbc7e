//! The raw text form, one record after another.
//!
//! Byte for byte what `bpftool btf dump … format raw` prints
//! (`tools/bpf/bpftool/btf.c`, `dump_btf_type`).

use std::io::Write;

use btf_builder::{Btf, IntEncoding, IntInfo, Kind, StrOff, Type};

use crate::error::{Error, Result};
use crate::select::Select;
use crate::sink::Sink;

/// Writes the selected types as bpftool's raw dump.
///
/// # Errors
/// [`Error::Io`]; [`Error::NoSuchType`] for a selected id that does not exist.
pub fn write_raw(btf: &Btf, select: Select<'_>, out: impl Write) -> Result<()> {
    let mut sink = Sink::new(out);
    let written = select.each(btf, |ty| {
        write_type(&mut sink, &ty);
        match sink.has_failed() {
            true => Err(Error::Io(std::io::ErrorKind::Other.into())),
            false => Ok(()),
        }
    });
    // The writer's own error says more than that there was one.
    sink.finish()?;
    written
}

/// Kind names of the dump; the same as the kernel's but for kind 0.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Void | Kind::Unknown => "UNKNOWN",
        known => known.name(),
    }
}

/// The name at `off`, or bpftool's word for a missing one.
pub(crate) fn name_of(btf: &Btf, off: StrOff) -> &[u8] {
    if off.is_empty() {
        return b"(anon)";
    }
    btf.str_at(off).unwrap_or(b"(invalid)")
}

/// Data of an INT; all zero for other kinds.
pub(crate) fn int_data(ty: &Type<'_>) -> IntInfo {
    ty.int().unwrap_or(IntInfo {
        encoding: IntEncoding::NONE,
        bits: 0,
        offset: 0,
    })
}

pub(crate) fn int_encoding(bits: u8) -> &'static str {
    match bits {
        0 => "(none)",
        1 => "SIGNED",
        2 => "CHAR",
        4 => "BOOL",
        _ => "UNKN",
    }
}

/// Name of a FUNC's or VAR's linkage.
pub(crate) fn linkage_name(linkage: u32) -> &'static str {
    match linkage {
        0 => "static",
        1 => "global",
        2 => "extern",
        _ => "(unknown)",
    }
}

pub(crate) fn enum_encoding(ty: &Type<'_>) -> &'static str {
    if ty.kind_flag() { "SIGNED" } else { "UNSIGNED" }
}

pub(crate) fn fwd_kind(ty: &Type<'_>) -> &'static str {
    if ty.kind_flag() { "union" } else { "struct" }
}

fn write_type<W: Write>(sink: &mut Sink<W>, ty: &Type<'_>) {
    let btf = ty.btf();
    let kind = ty.kind();
    sink.byte(b'[');
    sink.uint(ty.id().0);
    sink.text("] ");
    sink.text(kind_name(kind));
    sink.text(" '");
    sink.put(name_of(btf, ty.name_off()));
    sink.byte(b'\'');

    let field = |sink: &mut Sink<W>, label: &str, value: u32| {
        sink.text(label);
        sink.uint(value);
    };
    match kind {
        Kind::Int => {
            let int = int_data(ty);
            field(sink, " size=", ty.size_or_type());
            field(sink, " bits_offset=", int.offset.into());
            field(sink, " nr_bits=", int.bits.into());
            sink.text(" encoding=");
            sink.text(int_encoding(int.encoding.0));
        }
        Kind::Ptr
        | Kind::Const
        | Kind::Volatile
        | Kind::Restrict
        | Kind::Typedef
        | Kind::TypeTag => field(sink, " type_id=", ty.size_or_type()),
        Kind::Array => {
            if let Some(array) = ty.array() {
                field(sink, " type_id=", array.elem.0);
                field(sink, " index_type_id=", array.index.0);
                field(sink, " nr_elems=", array.nelems);
            }
        }
        Kind::Struct | Kind::Union => {
            field(sink, " size=", ty.size_or_type());
            field(sink, " vlen=", ty.vlen());
            for member in ty.members() {
                sink.text("\n\t'");
                sink.put(name_of(btf, member.name_off));
                field(sink, "' type_id=", member.type_id.0);
                field(sink, " bits_offset=", member.bit_offset);
                if member.bitfield_size != 0 {
                    field(sink, " bitfield_size=", member.bitfield_size);
                }
            }
        }
        Kind::Enum | Kind::Enum64 => {
            sink.text(" encoding=");
            sink.text(enum_encoding(ty));
            field(sink, " size=", ty.size_or_type());
            field(sink, " vlen=", ty.vlen());
            let is_64 = kind == Kind::Enum64;
            for value in ty.enum_values() {
                sink.text("\n\t'");
                sink.put(name_of(btf, value.name_off));
                sink.text("' val=");
                let suffix = if value.signed {
                    sink.int(value.as_i64());
                    "LL"
                } else {
                    sink.uint(value.as_u64());
                    "ULL"
                };
                if is_64 {
                    sink.text(suffix);
                }
            }
        }
        Kind::Fwd => {
            sink.text(" fwd_kind=");
            sink.text(fwd_kind(ty));
        }
        Kind::Func => {
            field(sink, " type_id=", ty.size_or_type());
            sink.text(" linkage=");
            sink.text(linkage_name(ty.vlen()));
        }
        Kind::FuncProto => {
            field(sink, " ret_type_id=", ty.size_or_type());
            field(sink, " vlen=", ty.vlen());
            for param in ty.params() {
                sink.text("\n\t'");
                sink.put(name_of(btf, param.name_off));
                field(sink, "' type_id=", param.type_id.0);
            }
        }
        Kind::Var => {
            field(sink, " type_id=", ty.size_or_type());
            sink.text(", linkage=");
            sink.text(linkage_name(ty.var_linkage().unwrap_or(u32::MAX)));
        }
        Kind::Datasec => {
            field(sink, " size=", ty.size_or_type());
            field(sink, " vlen=", ty.vlen());
            for var in ty.sec_vars() {
                field(sink, "\n\ttype_id=", var.type_id.0);
                field(sink, " offset=", var.offset);
                field(sink, " size=", var.size);
                if let Some(target) = btf.ty(var.type_id) {
                    sink.text(" (");
                    sink.text(kind_name(target.kind()));
                    sink.text(" '");
                    sink.put(name_of(btf, target.name_off()));
                    sink.text("')");
                }
            }
        }
        Kind::Float => field(sink, " size=", ty.size_or_type()),
        Kind::DeclTag => {
            field(sink, " type_id=", ty.size_or_type());
            sink.text(" component_idx=");
            sink.int(ty.component_idx().unwrap_or(-1));
        }
        _ => {}
    }
    sink.byte(b'\n');
}
