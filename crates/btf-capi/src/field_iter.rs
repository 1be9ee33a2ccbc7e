//! `btf_field_iter_*`: the type ids or string offsets of one record, one at a
//! time. Internal to libbpf, but what its own selftests and its kernel side
//! program against.

use std::ffi::c_int;
use std::ptr;

use btf_builder::{Kind, RecordShape, record_shape};

use crate::result::{Errno, int};

/// `struct btf_field_iter`, opaque to C but for its size.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldIter {
    /// The record; its `info` word says how long it is.
    record: *mut u32,
    /// 0 for type ids, 1 for strings.
    strs: u32,
    /// Fields handed out so far.
    n_done: u32,
}

impl FieldIter {
    fn kind_and_vlen(info: u32) -> (Option<Kind>, usize) {
        (
            Kind::from_u32(info >> 24 & 0x7f),
            (info & 0x00ff_ffff) as usize,
        )
    }

    /// Word offset of the field with number `n`.
    fn word_of(shape: RecordShape, vlen: usize, strs: bool, n: usize) -> Option<usize> {
        let (head, elem): (&[usize], _) = if strs {
            (&[0], shape.elem_str)
        } else {
            (shape.ids, shape.elem_id)
        };
        match n.checked_sub(head.len()) {
            None => Some(head[n]),
            Some(i) if i < vlen => Some(shape.elems + i * shape.stride + elem?),
            Some(_) => None,
        }
    }
}

/// libbpf `btf_field_iter_init`; `iter_kind` is 0 for type ids, 1 for strings.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_field_iter_init(
    it: *mut FieldIter,
    t: *mut u32,
    iter_kind: c_int,
) -> c_int {
    // SAFETY: a record has three words at least.
    let info = unsafe { *t.add(1) };
    if !(0..=1).contains(&iter_kind) || FieldIter::kind_and_vlen(info).0.is_none() {
        return int(Err(Errno(libc::EINVAL)));
    }
    let fresh = FieldIter {
        record: t,
        strs: iter_kind.cast_unsigned(),
        n_done: 0,
    };
    // SAFETY: `it` is writable, see the contract in the crate's documentation.
    unsafe { it.write(fresh) };
    0
}

/// libbpf `btf_field_iter_next`: null at the end.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_field_iter_next(it: *mut FieldIter) -> *mut u32 {
    // SAFETY: initialised by `btf_field_iter_init`.
    let it = unsafe { &mut *it };
    // SAFETY: a record has three words at least.
    let (kind, vlen) = FieldIter::kind_and_vlen(unsafe { *it.record.add(1) });
    let Some(kind) = kind else {
        return ptr::null_mut();
    };
    match FieldIter::word_of(record_shape(kind), vlen, it.strs == 1, it.n_done as usize) {
        Some(word) => {
            it.n_done += 1;
            // SAFETY: within the record, whose length kind and vlen give.
            unsafe { it.record.add(word) }
        }
        None => ptr::null_mut(),
    }
}
