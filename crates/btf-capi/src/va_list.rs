//! Calling a `vprintf`-like function without a variadic function of our own.
//!
//! libbpf hands its text to a callback that takes a `va_list`, which only the
//! body of a variadic function can make, and stable Rust has none. But the ABIs
//! say what a `va_list` is: for most, a pointer to the arguments that were
//! passed in memory; for the others, a struct with such a pointer beside what is
//! left of the registers. With the registers marked as used up, a `va_list` for
//! arguments in memory is a few words.
//!
//! | ABI | `va_list` | passed |
//! |---|---|---|
//! | x86-64, s390x | array of one struct | by pointer |
//! | AArch64 | struct | as a struct |
//! | Arm, i386, RISC-V, LoongArch, 64-bit PowerPC, MIPS | pointer | by value |

use std::ffi::{c_char, c_void};

/// Whether [`print`] knows this machine's `va_list`.
pub(crate) const IS_KNOWN: bool = cfg!(any(
    target_arch = "x86_64",
    target_arch = "s390x",
    target_arch = "aarch64",
    target_arch = "arm",
    target_arch = "x86",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "loongarch64",
    target_arch = "powerpc64",
    target_arch = "mips",
    target_arch = "mips64",
));

#[cfg(target_arch = "x86_64")]
mod abi {
    use std::ffi::c_void;

    /// `__va_list_tag` of the System V ABI.
    #[repr(C)]
    pub(crate) struct Tag {
        gp_offset: u32,
        fp_offset: u32,
        overflow_arg_area: *const c_void,
        reg_save_area: *const c_void,
    }

    pub(crate) type VaList<'a> = &'a mut Tag;

    /// Six general registers of 8 bytes and eight vector registers of 16 are
    /// used up.
    pub(crate) fn tag(args: *const c_void) -> Tag {
        Tag {
            gp_offset: 6 * 8,
            fp_offset: 6 * 8 + 8 * 16,
            overflow_arg_area: args,
            reg_save_area: std::ptr::null(),
        }
    }

    pub(crate) fn list(tag: &mut Tag) -> VaList<'_> {
        tag
    }
}

#[cfg(target_arch = "s390x")]
mod abi {
    use std::ffi::{c_long, c_void};

    /// `__va_list_tag` of the s390x ABI.
    #[repr(C)]
    pub(crate) struct Tag {
        gpr: c_long,
        fpr: c_long,
        overflow_arg_area: *const c_void,
        reg_save_area: *const c_void,
    }

    pub(crate) type VaList<'a> = &'a mut Tag;

    /// Five general and four floating point registers are used up.
    pub(crate) fn tag(args: *const c_void) -> Tag {
        Tag {
            gpr: 5,
            fpr: 4,
            overflow_arg_area: args,
            reg_save_area: std::ptr::null(),
        }
    }

    pub(crate) fn list(tag: &mut Tag) -> VaList<'_> {
        tag
    }
}

#[cfg(target_arch = "aarch64")]
mod abi {
    use std::ffi::{c_int, c_void};

    /// `__va_list` of the AAPCS64.
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub(crate) struct Tag {
        stack: *const c_void,
        gr_top: *const c_void,
        vr_top: *const c_void,
        gr_offs: c_int,
        vr_offs: c_int,
    }

    pub(crate) type VaList<'a> = Tag;

    /// Offsets that are not negative say that the registers are used up.
    pub(crate) fn tag(args: *const c_void) -> Tag {
        Tag {
            stack: args,
            gr_top: std::ptr::null(),
            vr_top: std::ptr::null(),
            gr_offs: 0,
            vr_offs: 0,
        }
    }

    pub(crate) fn list(tag: &mut Tag) -> VaList<'_> {
        *tag
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "s390x", target_arch = "aarch64")))]
mod abi {
    use std::ffi::c_void;

    pub(crate) type Tag = *const c_void;
    pub(crate) type VaList<'a> = Tag;

    pub(crate) fn tag(args: *const c_void) -> Tag {
        args
    }

    pub(crate) fn list(tag: &mut Tag) -> VaList<'_> {
        *tag
    }
}

/// `btf_dump_printf_fn_t`: `void (*)(void *ctx, const char *fmt, va_list args)`.
pub(crate) type PrintfFn = unsafe extern "C" fn(*mut c_void, *const c_char, abi::VaList<'_>);

/// Has `printf` print `text` as it stands.
///
/// # Safety
/// `printf` may be called with `ctx`, `text` is NUL-terminated, and
/// [`IS_KNOWN`] holds.
pub(crate) unsafe fn print(printf: PrintfFn, ctx: *mut c_void, text: *const c_char) {
    // Each argument takes a word, and a callee may look at what it is not told
    // of no further than that.
    let args = [text];
    let mut tag = abi::tag(args.as_ptr().cast());
    // SAFETY: the format takes one pointer, which is where this machine's
    // `va_list` has its next argument; the rest is this function's contract.
    unsafe { printf(ctx, c"%s".as_ptr(), abi::list(&mut tag)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        fn vsnprintf(
            out: *mut c_char,
            size: usize,
            fmt: *const c_char,
            args: abi::VaList<'_>,
        ) -> std::ffi::c_int;
    }

    unsafe extern "C" fn into_array(ctx: *mut c_void, fmt: *const c_char, args: abi::VaList<'_>) {
        // SAFETY: the test passes an array of this size.
        unsafe { vsnprintf(ctx.cast(), 64, fmt, args) };
    }

    /// The C library's own reading of a `va_list` is the judge.
    #[test]
    fn the_c_library_reads_the_argument() {
        const { assert!(IS_KNOWN) };
        let mut out: [c_char; 64] = [1; 64];
        let text = c"struct foo { /* 100 % */ }";
        // SAFETY: the callback writes into the array it is given.
        unsafe { print(into_array, out.as_mut_ptr().cast(), text.as_ptr()) };
        // SAFETY: `vsnprintf` ends what it writes with a NUL.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(out.as_ptr()) }, text);
    }
}
