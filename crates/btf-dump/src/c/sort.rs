//! The order in which a sorted header goes through the types.
//!
//! That of bpftool since 6.10 (`tools/bpf/bpftool/btf.c`, `btf_type_rank` and
//! around): enums, then numbers, structs, prototypes; within these by the name
//! of the type at the end of the chain, by the own name, and where all that is
//! equal by a hash over what the type is made of.

use btf_builder::{Btf, Kind, StrOff, Type, TypeId};

/// Longest chain that is followed; one in a circle ends here.
const MAX_CHAIN: u32 = 64;
/// Rank of what defines nothing by itself.
const LAST_RANK: u8 = 10;

pub(crate) fn sort(btf: &Btf, ids: &mut [TypeId]) {
    ids.sort_by_cached_key(|&id| {
        let Some(ty) = btf.ty(id) else {
            return (LAST_RANK, &b""[..], &b""[..], 0, id);
        };
        (
            rank(btf, id),
            sort_name(btf, id),
            ty.name(),
            content_hash(btf, id, true, 0),
            id,
        )
    });
}

/// The next type on the chain that pointers, modifiers, typedefs and arrays
/// make.
fn next_of(ty: &Type<'_>) -> Option<TypeId> {
    match ty.kind() {
        Kind::Array => ty.array().map(|array| array.elem),
        Kind::Ptr
        | Kind::Const
        | Kind::Volatile
        | Kind::Restrict
        | Kind::Typedef
        | Kind::TypeTag
        | Kind::DeclTag => ty.type_id(),
        _ => None,
    }
}

fn rank(btf: &Btf, id: TypeId) -> u8 {
    let mut at = id;
    let mut has_name = false;
    for _ in 0..MAX_CHAIN {
        let Some(ty) = btf.ty(at) else { break };
        has_name |= !ty.name_off().is_empty();
        match ty.kind() {
            Kind::Enum | Kind::Enum64 => return u8::from(has_name),
            Kind::Int | Kind::Float => return 2,
            Kind::Struct | Kind::Union if has_name => return 3,
            Kind::FuncProto if has_name => return 4,
            _ => {}
        }
        match next_of(&ty) {
            Some(next) if has_name => at = next,
            _ => break,
        }
    }
    LAST_RANK
}

/// The name at the end of the chain; for an anonymous enum that stands alone
/// its first enumerator's.
fn sort_name(btf: &Btf, id: TypeId) -> &[u8] {
    let mut at = id;
    for _ in 0..MAX_CHAIN {
        let Some(ty) = btf.ty(at) else { break };
        if let Some(next) = next_of(&ty) {
            at = next;
            continue;
        }
        let mut name = ty.name_off();
        if ty.kind().is_any_enum() && at == id && name.is_empty() {
            name = ty.enum_values().next().map_or(name, |value| value.name_off);
        }
        return btf.str_at(name).unwrap_or(b"");
    }
    b""
}

fn mix(hash: u64, value: u64) -> u64 {
    hash.wrapping_mul(31).wrapping_add(value)
}

fn mix_name(hash: u64, btf: &Btf, off: StrOff) -> u64 {
    if off.is_empty() {
        return hash;
    }
    let name = btf.str_at(off).unwrap_or(b"");
    // libbpf's `str_hash` adds chars, which are signed on most machines.
    let signed = |byte: &u8| i64::from(byte.cast_signed()).cast_unsigned();
    mix(
        hash,
        name.iter().fold(0, |hash, byte| mix(hash, signed(byte))),
    )
}

/// `btf_type_disambig_hash`.
fn content_hash(btf: &Btf, id: TypeId, with_members: bool, depth: u32) -> u64 {
    let Some(ty) = btf.ty(id).filter(|_| depth < MAX_CHAIN) else {
        return 0;
    };
    let mut hash = mix_name(0, btf, ty.name_off());
    for value in ty.enum_values() {
        hash = mix_name(hash, btf, value.name_off);
    }
    if with_members {
        for member in ty.members() {
            hash = mix_name(hash, btf, member.name_off);
            hash = mix(hash, content_hash(btf, member.type_id, false, depth + 1));
        }
    }
    if let Some(array) = ty.array() {
        hash = mix(hash, array.nelems.into());
    }
    match next_of(&ty) {
        Some(next) => mix(hash, content_hash(btf, next, with_members, depth + 1)),
        None => hash,
    }
}
