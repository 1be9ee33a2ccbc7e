//! The JSON form: an object with an array `types`.
//!
//! Byte for byte what `bpftool --json btf dump` prints, and with `--pretty`
//! its indented form (`tools/bpf/bpftool/btf.c` and `json_writer.c`), with two
//! exceptions where that is no JSON or says something else: a backslash in
//! a name comes out as `\\` (bpftool writes `\n`), other control characters
//! as `\u00XX` (bpftool writes them bare).

use std::io::Write;

use btf_builder::{Btf, Kind, Type};

use crate::error::{Error, Result};
use crate::raw::{
    enum_encoding, fwd_kind, int_data, int_encoding, kind_name, linkage_name, name_of,
};
use crate::select::Select;
use crate::sink::Sink;

/// Layout of the JSON text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JsonStyle {
    /// All on one line (`bpftool -j`).
    #[default]
    Compact,
    /// One field a line, indented by four spaces (`bpftool -p`).
    Pretty,
}

/// Writes the selected types as bpftool's JSON dump, with a newline at the
/// end.
///
/// # Errors
/// [`Error::Io`]; [`Error::NoSuchType`] for a selected id that does not exist.
pub fn write_json(btf: &Btf, select: Select<'_>, style: JsonStyle, out: impl Write) -> Result<()> {
    let mut json = Json {
        sink: Sink::new(out),
        pretty: style == JsonStyle::Pretty,
        depth: 0,
        comma: false,
    };
    json.begin(b'{');
    json.name("types");
    json.begin(b'[');
    let written = select.each(btf, |ty| {
        write_type(&mut json, &ty);
        match json.sink.has_failed() {
            true => Err(Error::Io(std::io::ErrorKind::Other.into())),
            false => Ok(()),
        }
    });
    if written.is_ok() {
        json.end(b']');
        json.end(b'}');
        json.sink.byte(b'\n');
    }
    json.sink.finish()?;
    written
}

/// Writes JSON with commas and line breaks where bpftool has them: a break
/// goes before each name and each closing bracket, none before an element of
/// an array.
struct Json<W> {
    sink: Sink<W>,
    pretty: bool,
    depth: usize,
    /// The next element follows another.
    comma: bool,
}

impl<W: Write> Json<W> {
    fn line(&mut self) {
        if self.pretty {
            self.sink.byte(b'\n');
            for _ in 0..self.depth {
                self.sink.text("    ");
            }
        }
    }

    fn separate(&mut self) {
        if self.comma {
            self.sink.byte(b',');
        }
        self.comma = true;
    }

    fn begin(&mut self, bracket: u8) {
        self.separate();
        self.sink.byte(bracket);
        self.depth += 1;
        self.comma = false;
    }

    fn end(&mut self, bracket: u8) {
        self.depth -= 1;
        if self.comma {
            self.line();
        }
        self.sink.byte(bracket);
        self.comma = true;
    }

    /// A field's name; its value must follow.
    fn name(&mut self, name: &str) {
        self.separate();
        self.line();
        self.comma = false;
        self.sink.byte(b'"');
        self.sink.text(name);
        self.sink.text(if self.pretty { "\": " } else { "\":" });
    }

    fn uint(&mut self, name: &str, value: impl Into<u64>) {
        self.name(name);
        self.sink.uint(value);
        self.comma = true;
    }

    fn int(&mut self, name: &str, value: impl Into<i64>) {
        self.name(name);
        self.sink.int(value);
        self.comma = true;
    }

    fn string(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.sink.byte(b'"');
        let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
        if value.iter().all(is_plain) {
            self.sink.put(value);
        } else {
            value.iter().for_each(|&byte| self.escaped(byte));
        }
        self.sink.byte(b'"');
        self.comma = true;
    }

    fn escaped(&mut self, byte: u8) {
        match byte {
            b'\t' => self.sink.text("\\t"),
            b'\n' => self.sink.text("\\n"),
            b'\r' => self.sink.text("\\r"),
            0x0c => self.sink.text("\\f"),
            0x08 => self.sink.text("\\b"),
            b'\\' => self.sink.text("\\\\"),
            b'"' => self.sink.text("\\\""),
            0..0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                self.sink.text("\\u00");
                self.sink.byte(HEX[usize::from(byte >> 4)]);
                self.sink.byte(HEX[usize::from(byte & 0x0f)]);
            }
            _ => self.sink.byte(byte),
        }
    }
}

fn write_type<W: Write>(json: &mut Json<W>, ty: &Type<'_>) {
    let btf = ty.btf();
    let kind = ty.kind();
    json.begin(b'{');
    json.uint("id", ty.id().0);
    json.string("kind", kind_name(kind).as_bytes());
    json.string("name", name_of(btf, ty.name_off()));
    match kind {
        Kind::Int => {
            let int = int_data(ty);
            json.uint("size", ty.size_or_type());
            json.uint("bits_offset", int.offset);
            json.uint("nr_bits", int.bits);
            json.string("encoding", int_encoding(int.encoding.0).as_bytes());
        }
        Kind::Ptr
        | Kind::Const
        | Kind::Volatile
        | Kind::Restrict
        | Kind::Typedef
        | Kind::TypeTag => json.uint("type_id", ty.size_or_type()),
        Kind::Array => {
            if let Some(array) = ty.array() {
                json.uint("type_id", array.elem.0);
                json.uint("index_type_id", array.index.0);
                json.uint("nr_elems", array.nelems);
            }
        }
        Kind::Struct | Kind::Union => {
            json.uint("size", ty.size_or_type());
            json.uint("vlen", ty.vlen());
            json.name("members");
            json.begin(b'[');
            for member in ty.members() {
                json.begin(b'{');
                json.string("name", name_of(btf, member.name_off));
                json.uint("type_id", member.type_id.0);
                json.uint("bits_offset", member.bit_offset);
                if member.bitfield_size != 0 {
                    json.uint("bitfield_size", member.bitfield_size);
                }
                json.end(b'}');
            }
            json.end(b']');
        }
        Kind::Enum | Kind::Enum64 => {
            json.string("encoding", enum_encoding(ty).as_bytes());
            json.uint("size", ty.size_or_type());
            json.uint("vlen", ty.vlen());
            json.name("values");
            json.begin(b'[');
            for value in ty.enum_values() {
                json.begin(b'{');
                json.string("name", name_of(btf, value.name_off));
                match (value.signed, kind) {
                    (true, _) => json.int("val", value.as_i64()),
                    // bpftool widens the 32-bit value as a signed one even
                    // here, so 0xffffffff comes out with 64 bits set.
                    (false, Kind::Enum) => {
                        let low = value.as_u64() as u32;
                        let widened = i64::from(low.cast_signed());
                        json.uint("val", widened.cast_unsigned());
                    }
                    (false, _) => json.uint("val", value.as_u64()),
                }
                json.end(b'}');
            }
            json.end(b']');
        }
        Kind::Fwd => json.string("fwd_kind", fwd_kind(ty).as_bytes()),
        Kind::Func => {
            json.uint("type_id", ty.size_or_type());
            json.string("linkage", linkage_name(ty.vlen()).as_bytes());
        }
        Kind::FuncProto => {
            json.uint("ret_type_id", ty.size_or_type());
            json.uint("vlen", ty.vlen());
            json.name("params");
            json.begin(b'[');
            for param in ty.params() {
                json.begin(b'{');
                json.string("name", name_of(btf, param.name_off));
                json.uint("type_id", param.type_id.0);
                json.end(b'}');
            }
            json.end(b']');
        }
        Kind::Var => {
            json.uint("type_id", ty.size_or_type());
            let linkage = linkage_name(ty.var_linkage().unwrap_or(u32::MAX));
            json.string("linkage", linkage.as_bytes());
        }
        Kind::Datasec => {
            json.uint("size", ty.size_or_type());
            json.uint("vlen", ty.vlen());
            json.name("vars");
            json.begin(b'[');
            for var in ty.sec_vars() {
                json.begin(b'{');
                json.uint("type_id", var.type_id.0);
                json.uint("offset", var.offset);
                json.uint("size", var.size);
                json.end(b'}');
            }
            json.end(b']');
        }
        Kind::Float => json.uint("size", ty.size_or_type()),
        Kind::DeclTag => {
            json.uint("type_id", ty.size_or_type());
            json.int("component_idx", ty.component_idx().unwrap_or(-1));
        }
        _ => {}
    }
    json.end(b'}');
}
