// Rust's type names are no identifiers for the kernel: CUs in Rust can be left out,
// as kernel builds do, and a forced encoding keeps nothing the kernel refuses
// (QUIRK-31).
//#compilers: rustc
//#dwarf: 5
#![no_std]

pub struct Plain {
    pub a: u32,
    pub b: Option<u8>,
}

#[no_mangle]
pub extern "C" fn rust_entry(plain: &Plain, slice: &[u8]) -> u32 {
    plain.a + slice.len() as u32 + plain.b.map_or(0, u32::from)
}
//#run: --features default
//#expect: STRUCT 'Plain' ('a' type_id={INT 'u32'})
//#reject: STRUCT '&[u8]'
