//! `btf__add_*`.

use std::ffi::{c_char, c_int};
use std::sync::Arc;

use btf_builder::{Btf, Error, FuncLinkage, FwdKind, IntEncoding, TypeId, VarLinkage};

use crate::handle::{CBtf, bytes_of};
use crate::result::{Errno, id, int};

/// Runs a builder call that adds a type.
///
/// # Safety
/// `btf` is a live handle.
unsafe fn add(btf: *mut CBtf, f: impl FnOnce(&mut Btf) -> Result<TypeId, Error>) -> c_int {
    // SAFETY: live by this function's contract, and not shared with a thread
    // that changes it.
    let btf = unsafe { &mut *btf };
    id(btf.inner_mut().and_then(|btf| Ok(f(btf)?)))
}

/// Runs a builder call that adds an element to the last type.
///
/// # Safety
/// `btf` is a live handle.
unsafe fn grow(btf: *mut CBtf, f: impl FnOnce(&mut Btf) -> Result<(), Error>) -> c_int {
    // SAFETY: as in `add`.
    let btf = unsafe { &mut *btf };
    int(btf.inner_mut().and_then(|btf| Ok(f(btf)?)))
}

/// A type id from an `int`; the builder refuses what does not fit.
fn ty(id: c_int) -> TypeId {
    TypeId(id.cast_unsigned())
}

/// A size from a `size_t`; no kind takes what does not fit.
fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// libbpf `btf__add_int`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_int(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: usize,
    encoding: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            let encoding = u8::try_from(encoding).unwrap_or(u8::MAX);
            btf.add_int(bytes_of(name), size(byte_sz), IntEncoding(encoding))
        })
    }
}

/// libbpf `btf__add_float`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_float(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: usize,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_float(bytes_of(name), size(byte_sz))) }
}

/// libbpf `btf__add_ptr`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_ptr(btf: *mut CBtf, ref_type_id: c_int) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_ptr(ty(ref_type_id))) }
}

/// libbpf `btf__add_array`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_array(
    btf: *mut CBtf,
    index_type_id: c_int,
    elem_type_id: c_int,
    nr_elems: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_array(ty(index_type_id), ty(elem_type_id), nr_elems)
        })
    }
}

/// libbpf `btf__add_struct`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_struct(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_struct(bytes_of(name), byte_sz)) }
}

/// libbpf `btf__add_union`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_union(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_union(bytes_of(name), byte_sz)) }
}

/// libbpf `btf__add_field`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_field(
    btf: *mut CBtf,
    name: *const c_char,
    field_type_id: c_int,
    bit_offset: u32,
    bit_size: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        grow(btf, |btf| {
            btf.add_field(bytes_of(name), ty(field_type_id), bit_offset, bit_size)
        })
    }
}

/// libbpf `btf__add_enum`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_enum(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_enum(bytes_of(name), byte_sz)) }
}

/// libbpf `btf__add_enum_value`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_enum_value(
    btf: *mut CBtf,
    name: *const c_char,
    value: i64,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { grow(btf, |btf| btf.add_enum_value(bytes_of(name), value)) }
}

/// libbpf `btf__add_enum64`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_enum64(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: u32,
    is_signed: bool,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_enum64(bytes_of(name), byte_sz, is_signed)
        })
    }
}

/// libbpf `btf__add_enum64_value`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_enum64_value(
    btf: *mut CBtf,
    name: *const c_char,
    value: u64,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { grow(btf, |btf| btf.add_enum64_value(bytes_of(name), value)) }
}

/// libbpf `btf__add_fwd`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_fwd(
    btf: *mut CBtf,
    name: *const c_char,
    fwd_kind: c_int,
) -> c_int {
    let kind = match fwd_kind {
        0 => FwdKind::Struct,
        1 => FwdKind::Union,
        2 => FwdKind::Enum,
        _ => return int(Err(Errno(libc::EINVAL))),
    };
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_fwd(bytes_of(name), kind)) }
}

/// libbpf `btf__add_typedef`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_typedef(
    btf: *mut CBtf,
    name: *const c_char,
    ref_type_id: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_typedef(bytes_of(name), ty(ref_type_id))) }
}

/// libbpf `btf__add_volatile`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_volatile(btf: *mut CBtf, ref_type_id: c_int) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_volatile(ty(ref_type_id))) }
}

/// libbpf `btf__add_const`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_const(btf: *mut CBtf, ref_type_id: c_int) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_const(ty(ref_type_id))) }
}

/// libbpf `btf__add_restrict`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_restrict(btf: *mut CBtf, ref_type_id: c_int) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_restrict(ty(ref_type_id))) }
}

/// libbpf `btf__add_type_tag`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_type_tag(
    btf: *mut CBtf,
    value: *const c_char,
    ref_type_id: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_type_tag(bytes_of(value), ty(ref_type_id))
        })
    }
}

/// libbpf `btf__add_type_attr`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_type_attr(
    btf: *mut CBtf,
    value: *const c_char,
    ref_type_id: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_type_attr(bytes_of(value), ty(ref_type_id))
        })
    }
}

/// libbpf `btf__add_func`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_func(
    btf: *mut CBtf,
    name: *const c_char,
    linkage: c_int,
    proto_type_id: c_int,
) -> c_int {
    let linkage = match linkage {
        0 => FuncLinkage::Static,
        1 => FuncLinkage::Global,
        2 => FuncLinkage::Extern,
        _ => return int(Err(Errno(libc::EINVAL))),
    };
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_func(bytes_of(name), linkage, ty(proto_type_id))
        })
    }
}

/// libbpf `btf__add_func_proto`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_func_proto(btf: *mut CBtf, ret_type_id: c_int) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_func_proto(ty(ret_type_id))) }
}

/// libbpf `btf__add_func_param`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_func_param(
    btf: *mut CBtf,
    name: *const c_char,
    type_id: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { grow(btf, |btf| btf.add_func_param(bytes_of(name), ty(type_id))) }
}

/// libbpf `btf__add_var`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_var(
    btf: *mut CBtf,
    name: *const c_char,
    linkage: c_int,
    type_id: c_int,
) -> c_int {
    let linkage = match linkage {
        0 => VarLinkage::Static,
        1 => VarLinkage::Global,
        2 => VarLinkage::Extern,
        _ => return int(Err(Errno(libc::EINVAL))),
    };
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_var(bytes_of(name), linkage, ty(type_id))) }
}

/// libbpf `btf__add_datasec`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_datasec(
    btf: *mut CBtf,
    name: *const c_char,
    byte_sz: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_datasec(bytes_of(name), byte_sz)) }
}

/// libbpf `btf__add_datasec_var_info`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_datasec_var_info(
    btf: *mut CBtf,
    var_type_id: c_int,
    offset: u32,
    byte_sz: u32,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        grow(btf, |btf| {
            btf.add_datasec_var_info(ty(var_type_id), offset, byte_sz)
        })
    }
}

/// libbpf `btf__add_decl_tag`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_decl_tag(
    btf: *mut CBtf,
    value: *const c_char,
    ref_type_id: c_int,
    component_idx: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_decl_tag(bytes_of(value), ty(ref_type_id), component_idx)
        })
    }
}

/// libbpf `btf__add_decl_attr`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_decl_attr(
    btf: *mut CBtf,
    value: *const c_char,
    ref_type_id: c_int,
    component_idx: c_int,
) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        add(btf, |btf| {
            btf.add_decl_attr(bytes_of(value), ty(ref_type_id), component_idx)
        })
    }
}

/// libbpf `btf__find_str`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__find_str(btf: *mut CBtf, s: *const c_char) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let (btf, s) = unsafe { (&*btf, bytes_of(s)) };
    match btf.inner.find_str(s) {
        Some(off) => off.0.cast_signed(),
        None => int(Err(Errno(libc::ENOENT))),
    }
}

/// libbpf `btf__add_str`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_str(btf: *mut CBtf, s: *const c_char) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    let (btf, s) = unsafe { (&mut *btf, bytes_of(s)) };
    // Found strings are found in BTF that must not be changed, too.
    if let Some(off) = btf.inner.find_str(s) {
        return off.0.cast_signed();
    }
    match btf.inner_mut().and_then(|btf| Ok(btf.intern_str(s)?)) {
        Ok(off) => off.0.cast_signed(),
        Err(errno) => int(Err(errno)),
    }
}

/// libbpf `btf__add_type`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_type(
    btf: *mut CBtf,
    src_btf: *const CBtf,
    src_type: *const u32,
) -> c_int {
    if src_type.is_null() {
        return int(Err(Errno(libc::EINVAL)));
    }
    // SAFETY: see the contract in the crate's documentation; a record has
    // three words at least, and as many as its second word and the BTF it
    // belongs to say.
    let (src, words) = unsafe {
        let src = Arc::clone(&(*src_btf).inner);
        let info = *src_type.add(1);
        let Some(len) = src.record_words(info) else {
            return int(Err(Errno(libc::EINVAL)));
        };
        (src, std::slice::from_raw_parts(src_type, len).to_vec())
    };
    if std::ptr::eq(btf.cast_const(), src_btf) {
        // A copy within one BTF has its strings already. The clone above must
        // go before the change, or the change makes a copy of everything.
        drop(src);
        // SAFETY: see the contract in the crate's documentation.
        return unsafe { add(btf, |btf| btf.push_raw(&words)) };
    }
    // SAFETY: see the contract in the crate's documentation.
    unsafe { add(btf, |btf| btf.add_record(&src, &words)) }
}

/// libbpf `btf__add_btf`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf__add_btf(btf: *mut CBtf, src_btf: *const CBtf) -> c_int {
    // SAFETY: see the contract in the crate's documentation.
    unsafe {
        let src = Arc::clone(&(*src_btf).inner);
        add(btf, |btf| btf.add_btf(&src))
    }
}
