//! Types as one line of C, for people.

use btf_builder::{Btf, Kind, StrOff, Type, TypeId};

/// Longest description, in bytes; the rest is cut.
const MAX_LEN: usize = 400;
/// How deep anonymous types are followed.
const MAX_DEPTH: u32 = 32;

/// A type as C would write it where it is used: `const struct file *`.
pub fn describe(btf: &Btf, id: TypeId) -> String {
    let mut out = String::new();
    expr(btf, id, MAX_DEPTH, &mut out);
    cut(out)
}

/// A type with what identifies it among others of its kind: functions with
/// their prototype, variables and typedefs with their type.
pub(crate) fn declaration(ty: Type<'_>) -> String {
    let btf = ty.btf();
    let mut out = String::new();
    let target = ty.type_id().unwrap_or_default();
    match ty.kind() {
        Kind::Func => {
            if ty.func_linkage() == Some(0) {
                out.push_str("static ");
            }
            proto(btf, target, &ty.name_str(), MAX_DEPTH, &mut out);
        }
        Kind::Var => {
            expr(btf, target, MAX_DEPTH, &mut out);
            out.push(' ');
            out.push_str(&ty.name_str());
        }
        Kind::Typedef => {
            out.push_str("typedef ");
            expr(btf, target, MAX_DEPTH, &mut out);
            out.push(' ');
            out.push_str(&ty.name_str());
        }
        Kind::DeclTag => {
            out.push_str("tag ");
            out.push_str(&ty.name_str());
            if let Some(idx) = ty.component_idx().filter(|&idx| idx >= 0) {
                out.push_str(&format!(" of component {idx}"));
            }
            out.push_str(" on ");
            match btf.ty(target) {
                Some(on) if on.kind() == Kind::Func => out.push_str(&on.name_str()),
                _ => expr(btf, target, MAX_DEPTH, &mut out),
            }
        }
        Kind::Datasec => {
            out.push_str("section ");
            out.push_str(&ty.name_str());
        }
        _ => expr(btf, ty.id(), MAX_DEPTH, &mut out),
    }
    cut(out)
}

fn cut(mut out: String) -> String {
    if out.len() > MAX_LEN {
        let end = (0..=MAX_LEN).rev().find(|&i| out.is_char_boundary(i));
        out.truncate(end.unwrap_or(0));
        out.push('…');
    }
    out
}

/// Name of a parameter or member, as text.
fn name_at(btf: &Btf, off: StrOff) -> String {
    String::from_utf8_lossy(btf.str_at(off).unwrap_or_default()).into_owned()
}

fn expr(btf: &Btf, id: TypeId, depth: u32, out: &mut String) {
    // Anonymous types can form cycles, and a prototype can be as wide as it
    // is deep.
    if depth == 0 || out.len() > MAX_LEN {
        out.push('…');
        return;
    }
    let Some(ty) = btf.ty(id) else {
        out.push_str(&format!("[missing type {id}]"));
        return;
    };
    let target = ty.type_id().unwrap_or_default();
    match ty.kind() {
        Kind::Void => out.push_str("void"),
        Kind::Int | Kind::Float | Kind::Typedef => out.push_str(&ty.name_str()),
        Kind::Struct => tagged("struct", ty, out),
        Kind::Union => tagged("union", ty, out),
        Kind::Enum | Kind::Enum64 => tagged("enum", ty, out),
        Kind::Fwd => {
            out.push_str(if ty.kind_flag() { "union " } else { "struct " });
            out.push_str(&ty.name_str());
            out.push_str(" (forward)");
        }
        Kind::Ptr => match btf.ty(target) {
            Some(to) if to.kind() == Kind::FuncProto => proto(btf, target, "(*)", depth - 1, out),
            _ => {
                expr(btf, target, depth - 1, out);
                if !out.ends_with('*') {
                    out.push(' ');
                }
                out.push('*');
            }
        },
        Kind::Const | Kind::Volatile | Kind::Restrict => {
            let word = match ty.kind() {
                Kind::Const => "const",
                Kind::Volatile => "volatile",
                _ => "restrict",
            };
            // A qualified pointer has its qualifier behind the star.
            if btf.ty(target).is_some_and(|to| to.kind() == Kind::Ptr) {
                expr(btf, target, depth - 1, out);
                out.push(' ');
                out.push_str(word);
            } else {
                out.push_str(word);
                out.push(' ');
                expr(btf, target, depth - 1, out);
            }
        }
        Kind::TypeTag => {
            expr(btf, target, depth - 1, out);
            out.push_str(&format!(" __tag({})", ty.name_str()));
        }
        Kind::Array => {
            let (elem, dimensions) = dimensions(btf, id, depth);
            expr(btf, elem, depth - 1, out);
            for n in dimensions {
                out.push_str(&format!("[{n}]"));
            }
        }
        Kind::FuncProto => proto(btf, id, "()", depth, out),
        _ => out.push_str(&format!("{} {}", ty.kind(), ty.name_str())),
    }
}

/// The element of an array that is no array itself, if that is not too deep, and the dimensions, the outermost first.
pub(crate) fn dimensions(btf: &Btf, mut id: TypeId, depth: u32) -> (TypeId, Vec<u32>) {
    let mut dimensions = Vec::new();
    for _ in 0..depth {
        let Some(array) = btf.ty(id).and_then(|ty| ty.array()) else {
            break;
        };
        dimensions.push(array.nelems);
        id = array.elem;
    }
    (id, dimensions)
}

/// `struct name`, or the first members where there is no name.
fn tagged(word: &str, ty: Type<'_>, out: &mut String) {
    const SHOWN: usize = 4;
    out.push_str(word);
    out.push(' ');
    if !ty.name_off().is_empty() {
        out.push_str(&ty.name_str());
        return;
    }
    out.push_str("{ ");
    let btf = ty.btf();
    let names = ty
        .members()
        .map(|m| m.name_off)
        .chain(ty.enum_values().map(|v| v.name_off));
    for (i, off) in names.take(SHOWN).enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        let name = name_at(btf, off);
        out.push_str(if name.is_empty() { "…" } else { &name });
    }
    if ty.vlen() as usize > SHOWN {
        out.push_str(", …");
    }
    out.push_str(" }");
}

fn proto(btf: &Btf, id: TypeId, name: &str, depth: u32, out: &mut String) {
    let ty = match btf.ty(id) {
        Some(ty) if ty.kind() == Kind::FuncProto && depth > 0 => ty,
        _ => {
            out.push_str(&format!("[no prototype {id}] {name}"));
            return;
        }
    };
    expr(btf, ty.type_id().unwrap_or_default(), depth - 1, out);
    if !out.ends_with('*') {
        out.push(' ');
    }
    out.push_str(name);
    out.push('(');
    let n = ty.params().len();
    for (i, param) in ty.params().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        if out.len() > MAX_LEN {
            break;
        }
        let param_name = name_at(btf, param.name_off);
        if i + 1 == n && param.type_id.is_void() && param_name.is_empty() {
            out.push_str("...");
            break;
        }
        expr(btf, param.type_id, depth - 1, out);
        if !param_name.is_empty() {
            if !out.ends_with('*') {
                out.push(' ');
            }
            out.push_str(&param_name);
        }
    }
    if n == 0 {
        out.push_str("void");
    }
    out.push(')');
}
