//! Declarations as text.
//!
//! A C declarator is read from the name outwards, and so it is written here:
//! starting with the name, each pointer, array or prototype on the way to the
//! base type is put around what there is. `int (*fns[4])(void)` grows as
//! `fns[4]`, `*fns[4]`, `(*fns[4])(void)`.

use std::io::Write;

use btf_builder::{Kind, Type, TypeId};

use crate::c::CDumper;
use crate::c::layout::round_up;
use crate::c::names::{identifier, is_c_base_type};
use crate::error::{Error, Result};

/// The longest gap that is filled with bitfields, 64 bits a line. Gaps before members that are aligned to a page are
/// shorter; longer ones are made up, or of a damaged BTF.
const LONG_GAP_BITS: u64 = 4096 * 8;

/// Longest way from a name to its base type.
const MAX_CHAIN: u32 = 1_000;

/// Modifiers on the way from the name, which belong to what comes next.
#[derive(Default)]
struct Qualifiers {
    /// `const` and the like, each with a space behind it.
    words: Vec<u8>,
    /// Attributes from TYPE_TAGs, each with a space before it.
    tags: Vec<u8>,
}

impl<'a, W: Write> CDumper<'a, W> {
    /// `struct name;`
    pub(super) fn write_tag_declaration(&mut self, ty: &Type<'a>) {
        let keyword = match ty.kind() {
            Kind::Union => "union ",
            Kind::Fwd if ty.kind_flag() => "union ",
            _ => "struct ",
        };
        let tag = self.names.tag(ty);
        self.out.text(keyword);
        self.out.put(&tag);
        self.out.text(";\n\n");
    }

    pub(super) fn write_struct(&mut self, ty: &Type<'a>) -> Result<()> {
        let mut text = Vec::new();
        let tag = self.names.tag(ty);
        self.composite(&mut text, ty, &tag, 0)?;
        self.out.put(&text);
        self.out.text(";\n\n");
        Ok(())
    }

    pub(super) fn write_enum(&mut self, ty: &Type<'a>) -> Result<()> {
        let mut text = Vec::new();
        self.enumeration(&mut text, ty, 0)?;
        self.out.put(&text);
        self.out.text(";\n\n");
        Ok(())
    }

    pub(super) fn write_typedef(&mut self, ty: &Type<'a>) -> Result<()> {
        // The compiler's own; a header cannot define it.
        if ty.name() == b"__builtin_va_list" {
            return Ok(());
        }
        let target = TypeId(ty.size_or_type());
        let mut text = b"typedef ".to_vec();
        // Old GCC describes its built-in type as void.
        if target.is_void() && ty.name() == b"__gnuc_va_list" {
            text.extend_from_slice(b"__builtin_va_list __gnuc_va_list");
        } else {
            let name = self.names.ident(ty);
            self.declaration(&mut text, target, name, 0)?;
        }
        self.out.put(&text);
        self.out.text(";\n\n");
        Ok(())
    }

    /// A typedef for an INT or FLOAT whose name is not C's, as other
    /// languages and some intrinsics have them.
    pub(super) fn write_alias(&mut self, ty: &Type<'a>) {
        if is_c_base_type(ty.name()) || ty.name_off().is_empty() {
            return;
        }
        let size = ty.size_or_type();
        let known: &[u8] = match ty.name() {
            b"__Poly8_t" => b"unsigned char",
            b"__Poly16_t" => b"unsigned short",
            b"__Poly64_t" => b"unsigned long long",
            b"__Poly128_t" => b"unsigned __int128",
            b"__bf16" => return,
            _ if ty.kind() == Kind::Float => match size {
                2 => b"_Float16",
                4 => b"float",
                8 => b"double",
                _ => b"long double",
            },
            _ => int_of_size(ty, size),
        };
        let name = self.names.ident(ty);
        self.out.text("typedef ");
        self.out.put(known);
        self.out.byte(b' ');
        self.out.put(&name);
        self.out.text(";\n\n");
    }

    /// `extern` declaration of a FUNC or VAR.
    pub(super) fn write_extern(
        &mut self,
        ty: &Type<'a>,
        target: TypeId,
        suffix: &str,
    ) -> Result<()> {
        let mut text = b"extern ".to_vec();
        self.declaration(&mut text, target, identifier(ty.name()), 0)?;
        self.out.put(&text);
        self.out.text(suffix);
        self.out.text(";\n");
        Ok(())
    }

    /// Type `id` around `name`, which may be empty; structs without a tag
    /// are spelled out at indentation `level`.
    fn declaration(
        &mut self,
        text: &mut Vec<u8>,
        id: TypeId,
        name: Vec<u8>,
        level: usize,
    ) -> Result<()> {
        let mut declarator = name;
        let mut qualifiers = Qualifiers::default();
        let mut at = id;
        for _ in 0..MAX_CHAIN {
            let ty = self.ty(at)?;
            let target = TypeId(ty.size_or_type());
            at = match ty.kind() {
                Kind::Ptr => {
                    declarator = pointer(&qualifiers, &declarator);
                    qualifiers = Qualifiers::default();
                    target
                }
                Kind::Array => {
                    // GCC describes an array of const elements as const
                    // itself, too; the elements' own modifier is enough.
                    qualifiers = Qualifiers::default();
                    let Some(array) = ty.array() else {
                        return Err(Error::NoSuchType(at));
                    };
                    parenthesise_pointer(&mut declarator);
                    declarator.push(b'[');
                    crate::sink::push_uint(&mut declarator, array.nelems.into());
                    declarator.push(b']');
                    array.elem
                }
                Kind::FuncProto => {
                    // GCC describes `noreturn` as a volatile function.
                    qualifiers = Qualifiers::default();
                    parenthesise_pointer(&mut declarator);
                    self.nested(at, |dumper| dumper.params(&mut declarator, &ty, level))?;
                    target
                }
                Kind::Const => {
                    qualifiers.words.extend_from_slice(b"const ");
                    target
                }
                Kind::Volatile => {
                    qualifiers.words.extend_from_slice(b"volatile ");
                    target
                }
                Kind::Restrict => {
                    qualifiers.words.extend_from_slice(b"restrict ");
                    target
                }
                Kind::TypeTag => {
                    let (open, close): (&[u8], &[u8]) = match ty.kind_flag() {
                        true => (b" __attribute__((", b"))"),
                        false => (b" __attribute__((btf_type_tag(\"", b"\")))"),
                    };
                    qualifiers.tags.extend_from_slice(open);
                    qualifiers.tags.extend_from_slice(ty.name());
                    qualifiers.tags.extend_from_slice(close);
                    target
                }
                _ => {
                    text.extend_from_slice(&qualifiers.words);
                    self.nested(at, |dumper| dumper.base_type(text, &ty, level))?;
                    text.extend_from_slice(&qualifiers.tags);
                    if !declarator.is_empty() && declarator[0] != b'[' {
                        text.push(b' ');
                    }
                    text.extend_from_slice(&declarator);
                    return Ok(());
                }
            };
        }
        Err(Error::TooDeep(id))
    }

    /// `(struct foo *a, int b)`
    fn params(&mut self, declarator: &mut Vec<u8>, ty: &Type<'a>, level: usize) -> Result<()> {
        let params = ty.params();
        let n_params = params.len();
        declarator.push(b'(');
        if n_params == 0 {
            declarator.extend_from_slice(b"void");
        }
        for (idx, param) in params.enumerate() {
            if idx > 0 {
                declarator.extend_from_slice(b", ");
            }
            if param.type_id.is_void() && idx + 1 == n_params {
                // Clang describes `(void)` as one parameter without a type.
                let only: &[u8] = if n_params == 1 { b"void" } else { b"..." };
                declarator.extend_from_slice(only);
                break;
            }
            let mut name = identifier(self.btf.str_at(param.name_off).unwrap_or(b""));
            // It would hide the type from the parameters behind it.
            if self.names.is_ident(&name) {
                name.clear();
            }
            self.declaration(declarator, param.type_id, name, level)?;
        }
        declarator.push(b')');
        Ok(())
    }

    /// What a declaration begins with.
    fn base_type(&mut self, text: &mut Vec<u8>, ty: &Type<'a>, level: usize) -> Result<()> {
        let is_anonymous = ty.name_off().is_empty();
        match ty.kind() {
            Kind::Void => text.extend_from_slice(b"void"),
            Kind::Int | Kind::Float if is_anonymous => {
                text.extend_from_slice(int_of_size(ty, ty.size_or_type()));
            }
            Kind::Int | Kind::Float if is_c_base_type(ty.name()) || ty.name() == b"__bf16" => {
                text.extend_from_slice(ty.name());
            }
            Kind::Int | Kind::Float | Kind::Typedef => {
                let name = match ty.name() {
                    b"__builtin_va_list" => ty.name().to_vec(),
                    _ => self.names.ident(ty),
                };
                text.extend_from_slice(&name);
            }
            Kind::Struct | Kind::Union if is_anonymous => self.composite(text, ty, b"", level)?,
            Kind::Enum | Kind::Enum64 if is_anonymous => self.enumeration(text, ty, level)?,
            Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Fwd => {
                let keyword: &[u8] = match ty.kind() {
                    Kind::Enum | Kind::Enum64 => b"enum ",
                    Kind::Union => b"union ",
                    Kind::Fwd if ty.kind_flag() => b"union ",
                    _ => b"struct ",
                };
                text.extend_from_slice(keyword);
                text.extend_from_slice(&self.names.tag(ty));
            }
            // FUNC, VAR, DATASEC or a tag where a type should be.
            _ => return Err(Error::NoSuchType(ty.id())),
        }
        Ok(())
    }

    /// A struct or union with its members.
    fn composite(
        &mut self,
        text: &mut Vec<u8>,
        ty: &Type<'a>,
        tag: &[u8],
        level: usize,
    ) -> Result<()> {
        let is_union = ty.kind() == Kind::Union;
        let layout = self.layouts.of(ty);
        text.extend_from_slice(if is_union { b"union" } else { b"struct" });
        if !tag.is_empty() {
            text.push(b' ');
            text.extend_from_slice(tag);
        }
        text.extend_from_slice(b" {");
        let body = text.len();

        // End of what is written so far, in bits.
        let mut end = 0;
        for member in ty.members() {
            self.step(ty.id())?;
            let place = self.layouts.place(ty, &member);
            let member_ty = self.ty(member.type_id)?;
            let name = identifier(self.btf.str_at(member.name_off).unwrap_or(b""));
            if name.is_empty() && (place.is_bitfield || !member_ty.kind().is_composite()) {
                // A gap by another name; what comes next is padded anyway.
                continue;
            }
            if !is_union && place.offset > end {
                let natural = self.layouts.natural_offset(&place, end, layout.packed);
                if natural != Some(place.offset) {
                    self.pad(text, end, place.offset, level + 1);
                }
            }
            start_line(text, level + 1);
            if name.is_empty() && !member_ty.name_off().is_empty() {
                // An anonymous member with a tag (`-fms-extensions`): the
                // same members without the tag are plain C.
                self.nested(member.type_id, |dumper| {
                    dumper.composite(text, &member_ty, b"", level + 1)
                })?;
            } else {
                self.declaration(text, member.type_id, name, level + 1)?;
            }
            if place.is_bitfield {
                text.extend_from_slice(b": ");
                crate::sink::push_uint(text, place.width);
            }
            text.push(b';');
            let member_end = place.offset + place.width;
            end = if is_union {
                end.max(member_end)
            } else {
                member_end
            };
        }

        let size = u64::from(ty.size_or_type()) * 8;
        let align = layout.align;
        let natural = round_up(end, align);
        if is_union {
            if natural < size {
                // No alignment makes it this large.
                start_line(text, level + 1);
                text.extend_from_slice(b"struct {");
                self.pad(text, 0, size, level + 2);
                start_line(text, level + 1);
                text.extend_from_slice(b"};");
            }
        } else if natural != size || (end < size && align > self.layouts.pointer_size) {
            self.pad(text, end, size, level + 1);
        }

        if text.len() > body {
            start_line(text, level);
        }
        text.push(b'}');
        if layout.packed {
            text.extend_from_slice(b" __attribute__((packed))");
        }
        if layout.aligned != 0 {
            text.extend_from_slice(b" __attribute__((aligned(");
            crate::sink::push_uint(text, layout.aligned.into());
            text.extend_from_slice(b")))");
        }
        Ok(())
    }

    /// Fills a gap: with unnamed bitfields, which no reader takes for members, or, where that would be too many lines,
    /// with an array.
    fn pad(&self, text: &mut Vec<u8>, from: u64, to: u64, level: usize) {
        if to.saturating_sub(from) > LONG_GAP_BITS {
            let start = round_up(from, 8);
            let bytes = (to - start) / 8;
            self.pad(text, from, start, level);
            start_line(text, level);
            text.extend_from_slice(b"char __padding_");
            crate::sink::push_uint(text, start / 8);
            text.push(b'[');
            crate::sink::push_uint(text, bytes);
            text.extend_from_slice(b"];");
            self.pad(text, start + bytes * 8, to, level);
            return;
        }
        for (name, width) in self.layouts.padding(from, to) {
            start_line(text, level);
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b": ");
            crate::sink::push_uint(text, width);
            text.push(b';');
        }
    }

    /// An enum with its enumerators.
    fn enumeration(&mut self, text: &mut Vec<u8>, ty: &Type<'a>, level: usize) -> Result<()> {
        let tag = self.names.tag(ty);
        text.extend_from_slice(b"enum");
        if !tag.is_empty() {
            text.push(b' ');
            text.extend_from_slice(&tag);
        }
        if ty.vlen() == 0 {
            return Ok(());
        }
        text.extend_from_slice(b" {");
        let is_64 = ty.kind() == Kind::Enum64;
        let (mut fits_signed, mut fits_unsigned) = (true, true);
        for value in ty.enum_values() {
            self.step(ty.id())?;
            let name = self.btf.str_at(value.name_off).unwrap_or(b"");
            start_line(text, level + 1);
            text.extend_from_slice(&self.names.enumerator(name));
            text.extend_from_slice(b" = ");
            text.extend_from_slice(value.value().to_string().as_bytes());
            if is_64 {
                text.extend_from_slice(if value.signed { b"LL" } else { b"ULL" });
            }
            text.push(b',');
            fits_signed &= i32::try_from(value.value()).is_ok();
            fits_unsigned &= u32::try_from(value.value()).is_ok();
        }
        start_line(text, level);
        text.push(b'}');
        // The compiler takes an int, or eight bytes if the values need them.
        let natural = if fits_signed || fits_unsigned { 4 } else { 8 };
        let mode: &[u8] = match ty.size_or_type() {
            size if size == natural => return Ok(()),
            1 => b"byte",
            2 => b"HI",
            4 => b"SI",
            8 if self.layouts.pointer_size == 8 => b"word",
            8 => b"DI",
            _ => return Ok(()),
        };
        text.extend_from_slice(b" __attribute__((mode(");
        text.extend_from_slice(mode);
        text.extend_from_slice(b")))");
        Ok(())
    }
}

fn start_line(text: &mut Vec<u8>, level: usize) {
    text.push(b'\n');
    text.resize(text.len() + level, b'\t');
}

/// `*`, what modifies the pointer, and what there was before.
fn pointer(qualifiers: &Qualifiers, declarator: &[u8]) -> Vec<u8> {
    let mut pointer = b"*".to_vec();
    let words = qualifiers.words.trim_ascii_end();
    if !words.is_empty() {
        pointer.push(b' ');
        pointer.extend_from_slice(words);
    }
    pointer.extend_from_slice(&qualifiers.tags);
    if pointer.len() > 1 && !declarator.is_empty() {
        pointer.push(b' ');
    }
    pointer.extend_from_slice(declarator);
    pointer
}

/// Arrays and prototypes bind closer than a pointer.
fn parenthesise_pointer(declarator: &mut Vec<u8>) {
    if declarator.first() == Some(&b'*') {
        declarator.insert(0, b'(');
        declarator.push(b')');
    }
}

/// C's name for an integer of this size and the type's signedness.
fn int_of_size(ty: &Type<'_>, size: u32) -> &'static [u8] {
    let is_signed = ty.int().is_some_and(|int| int.encoding.0 & 1 != 0);
    match (size, is_signed) {
        (0 | 1, true) => b"signed char",
        (0 | 1, false) => b"unsigned char",
        (2, true) => b"short",
        (2, false) => b"unsigned short",
        (3 | 4, true) => b"int",
        (3 | 4, false) => b"unsigned int",
        (5..=8, true) => b"long long",
        (5..=8, false) => b"unsigned long long",
        (_, true) => b"__int128",
        (_, false) => b"unsigned __int128",
    }
}
