//! `btf_dump__*`: C definitions, a type at a time.

use std::ffi::{CString, c_int, c_void};
use std::fmt;
use std::sync::Arc;

use btf_builder::{Btf, Kind, TypeId};
use btf_dump::CDumper;

use crate::handle::CBtf;
use crate::result::{Errno, boxed, int};
use crate::va_list::{self, PrintfFn};

/// `struct btf_dump`.
#[derive(Debug)]
pub(crate) struct CBtfDump {
    btf: *const CBtf,
    /// `None` until a type is asked for, and after an error.
    work: Option<Work>,
    /// Types that gave text, in the order in which they were asked for.
    done: Vec<TypeId>,
    printf: PrintfFn,
    ctx: *mut c_void,
}

/// A dumper and the BTF that it reads.
struct Work {
    /// Borrows from `btf`, and is dropped before it.
    dumper: CDumper<'static, Vec<u8>>,
    btf: Arc<Btf>,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

impl Work {
    fn new(btf: Arc<Btf>) -> Self {
        let shared: *const Btf = Arc::as_ptr(&btf);
        // SAFETY: the BTF behind an `Arc` neither moves nor changes as long as
        // there is one more than its owner, and this struct keeps it for as
        // long as the dumper lives.
        let borrowed: &'static Btf = unsafe { &*shared };
        Self {
            dumper: CDumper::new(borrowed, Vec::new()),
            btf,
        }
    }

    /// The text that dumping `id` adds to what there was.
    fn dump(&mut self, id: TypeId) -> Result<Vec<u8>, Errno> {
        let dumped = self.dumper.dump(id);
        let text = self.dumper.flush().map(std::mem::take);
        dumped.and(text).map_err(|_| Errno(libc::EINVAL))
    }
}

impl CBtfDump {
    /// The text that dumping `id` adds to what is printed.
    fn dump(&mut self, btf: Arc<Btf>, id: TypeId) -> Result<Vec<u8>, Errno> {
        if id.is_void() {
            return Ok(Vec::new());
        }
        let ty = btf.ty(id).ok_or(Errno(libc::EINVAL))?;
        // libbpf defines what a function or variable needs, not the thing.
        let id = match ty.kind() {
            Kind::Func | Kind::Var => TypeId(ty.size_or_type()),
            _ => id,
        };
        // A BTF that was changed since the last call is another one here.
        let mut work = match self.work.take() {
            Some(work) if Arc::ptr_eq(&work.btf, &btf) => work,
            _ => {
                let mut work = Work::new(btf);
                for &id in &self.done {
                    work.dump(id)?;
                }
                work
            }
        };
        let text = work.dump(id)?;
        self.work = Some(work);
        if !text.is_empty() {
            self.done.push(id);
        }
        Ok(text)
    }
}

/// libbpf `btf_dump__new`. The options have nothing but their size.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn btf_dump__new(
    btf: *const CBtf,
    printf: Option<PrintfFn>,
    ctx: *mut c_void,
    _opts: *const c_void,
) -> *mut CBtfDump {
    boxed(match printf {
        _ if !va_list::IS_KNOWN => Err(Errno(libc::EOPNOTSUPP)),
        Some(printf) if !btf.is_null() => Ok(Box::new(CBtfDump {
            btf,
            work: None,
            done: Vec::new(),
            printf,
            ctx,
        })),
        _ => Err(Errno(libc::EINVAL)),
    })
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
    int(d.dump(btf, TypeId(id)).map(|text| {
        // Names cannot hold a NUL; were there one, the text would end there.
        let text = CString::new(text).unwrap_or_default();
        if !text.is_empty() {
            // SAFETY: the function that the program registered, with what it
            // registered it with, on a machine that `btf_dump__new` knew.
            unsafe { va_list::print(d.printf, d.ctx, text.as_ptr()) };
        }
    }))
}
