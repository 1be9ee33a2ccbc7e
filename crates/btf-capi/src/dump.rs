//! `btf_dump__*`: C definitions, a type at a time.
//!
//! The printing function of libbpf's interface takes a `va_list`, which stable
//! Rust cannot make. The header has a few lines that can, and passes them in
//! as `write`; `btf_dump__new` is an inline function there.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::Arc;

use btf_builder::{Btf, Kind, TypeId};
use btf_dump::CDumper;

use crate::handle::CBtf;
use crate::result::{Errno, int};

/// `btf_dump_printf_fn_t`; only passed on.
type PrintfFn = Option<unsafe extern "C" fn()>;
/// Calls the first with the second and a text to print.
type WriteFn = unsafe extern "C" fn(PrintfFn, *mut c_void, *const c_char);

/// `struct btf_dump`.
#[derive(Debug)]
pub(crate) struct CBtfDump {
    btf: *const CBtf,
    /// Asked for so far, in that order.
    done: Vec<TypeId>,
    /// Bytes printed so far.
    n_printed: usize,
    printf: PrintfFn,
    ctx: *mut c_void,
    write: WriteFn,
}

impl CBtfDump {
    /// The text that dumping `id` adds to what is printed.
    ///
    /// A dumper that could hand over its text between types would make this
    /// cheaper: now each call writes everything before it again.
    fn dump(&mut self, btf: &Btf, id: TypeId) -> Result<Vec<u8>, Errno> {
        if id.is_void() || self.done.contains(&id) {
            return Ok(Vec::new());
        }
        let ty = btf.ty(id).ok_or(Errno(libc::EINVAL))?;
        // libbpf defines what a function or variable needs, not the thing.
        let id = match ty.kind() {
            Kind::Func | Kind::Var => TypeId(ty.size_or_type()),
            _ => id,
        };
        let mut text = Vec::new();
        let mut dumper = CDumper::new(btf, &mut text);
        for &id in self.done.iter().chain([&id]) {
            dumper.dump(id).map_err(|_| Errno(libc::EINVAL))?;
        }
        dumper.finish().map_err(|_| Errno(libc::EINVAL))?;
        self.done.push(id);
        let fresh = text.split_off(self.n_printed.min(text.len()));
        self.n_printed += fresh.len();
        Ok(fresh)
    }
}

/// What the header's `btf_dump__new` calls.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn splitbtf_dump_new(
    btf: *const CBtf,
    printf: PrintfFn,
    ctx: *mut c_void,
    write: WriteFn,
) -> *mut CBtfDump {
    if printf.is_none() || btf.is_null() {
        crate::result::set_errno(Errno(libc::EINVAL));
        return std::ptr::null_mut();
    }
    Box::into_raw(Box::new(CBtfDump {
        btf,
        done: Vec::new(),
        n_printed: 0,
        printf,
        ctx,
        write,
    }))
}

/// libbpf `btf_dump__free`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_dump__free(d: *mut CBtfDump) {
    if !d.is_null() && d.addr() < usize::MAX - 4095 {
        // SAFETY: a live box, see the contract in the crate's documentation.
        drop(unsafe { Box::from_raw(d) });
    }
}

/// libbpf `btf_dump__dump_type`.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_dump__dump_type(d: *mut CBtfDump, id: u32) -> c_int {
    // SAFETY: see the contract in the crate's documentation; the BTF outlives
    // its dumps by libbpf's own.
    let (d, btf) = unsafe { (&mut *d, Arc::clone(&(*(*d).btf).inner)) };
    int(d.dump(&btf, TypeId(id)).map(|text| {
        // Names cannot hold a NUL; were there one, the text would end there.
        let text = CString::new(text).unwrap_or_default();
        if !text.is_empty() {
            // SAFETY: the header's function, with what it was registered with.
            unsafe { (d.write)(d.printf, d.ctx, text.as_ptr()) };
        }
    }))
}
