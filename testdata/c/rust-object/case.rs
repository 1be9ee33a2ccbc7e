// CUs in Rust are left out unless asked for, as kernel builds do. Rust's type names
// are no identifiers for the kernel: those types lose theirs (QUIRK-31).
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
//#types: 0
//#run: --lang-exclude asm
//#warn: &[u8]
//#expect: STRUCT '(anon)' size=16 ('data_ptr') ('length')
//#expect: STRUCT 'Plain' ('a' type_id={INT 'u32'})
//#reject: STRUCT '&[u8]'
