//! Damaged BTF: whatever the bytes, there is a verdict.

use btf_verify::{
    As, Options, Target, base_fit, check_distilled_base, check_distilled_module, check_module,
    check_types, check_user, check_vmlinux, lint,
};

use crate::asm::*;

/// Numbers from a seed (xorshift), the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// Every kind, connected in many ways, in about fifty types.
pub(crate) fn rich() -> Asm {
    let mut asm = Asm::new();
    let name = |asm: &mut Asm, text: &str| asm.s(text);
    let (a, b, c, d) = (
        name(&mut asm, "a"),
        name(&mut asm, "b"),
        name(&mut asm, "c"),
        name(&mut asm, "d"),
    );
    asm.t(a, INT, 1, &[8]); // 2
    asm.t(b, INT, 8, &[64]); // 3
    asm.t(c, FLOAT, 8, &[]); // 4
    asm.t(0, PTR, 0, &[]); // 5: void *
    asm.t(0, CONST, 2, &[]); // 6
    asm.t(0, PTR, 6, &[]); // 7: const char *
    asm.t(0, ARRAY, 0, &[2, 1, 16]); // 8: char[16]
    asm.t(d, TYPEDEF, 3, &[]); // 9
    asm.t(a, FWD, 0, &[]); // 10
    asm.raw(b, FWD << 24 | KFLAG, 0, &[]); // 11
    asm.t(0, PTR, 10, &[]); // 12
    asm.t(c, ENUM, 4, &[a, 0, b, 1]); // 13
    asm.raw(d, ENUM64 << 24 | KFLAG | 1, 8, &[a, 1, 0]); // 14
    asm.t(a, STRUCT, 32, &[a, 1, 0, b, 9, 64, c, 8, 128]); // 15
    asm.t(0, PTR, 17, &[]); // 16
    asm.t(b, STRUCT, 40, &[a, 16, 0, b, 15, 64]); // 17: points at itself
    asm.t(0, UNION, 16, &[a, 4, 0, b, 8, 0, c, 5, 0]); // 18
    asm.raw(
        c,
        STRUCT << 24 | KFLAG | 4,
        24,
        &[
            a,
            1,
            3 << 24,
            b,
            1,
            5 << 24 | 3,
            c,
            13,
            4 << 24 | 8,
            0,
            18,
            64,
        ],
    ); // 19
    asm.t(0, FUNC_PROTO, 1, &[a, 7, b, 16]); // 20
    asm.t(0, FUNC_PROTO, 0, &[a, 7, 0, 0]); // 21: variadic
    asm.t(a, FUNC, 20, &[]); // 22
    asm.raw(b, FUNC << 24 | 1, 21, &[]); // 23
    asm.t(0, PTR, 20, &[]); // 24
    asm.t(c, TYPEDEF, 24, &[]); // 25
    asm.t(d, STRUCT, 24, &[a, 25, 0, b, 4, 64, c, 30, 128]); // 26
    asm.t(a, VAR, 15, &[1]); // 27
    asm.t(b, VAR, 7, &[0]); // 28
    asm.t(c, DATASEC, 64, &[27, 0, 32, 28, 40, 8]); // 29
    asm.t(0, CONST, 31, &[]); // 30: forward
    asm.t(0, 9, 32, &[]); // 31: volatile
    asm.t(0, 11, 33, &[]); // 32: restrict
    asm.t(0, PTR, 34, &[]); // 33
    asm.t(a, TYPE_TAG, 35, &[]); // 34
    asm.t(0, CONST, 26, &[]); // 35
    asm.t(a, DECL_TAG, 15, &[u32::MAX]); // 36
    asm.t(b, DECL_TAG, 19, &[2]); // 37
    asm.t(c, DECL_TAG, 22, &[1]); // 38
    asm.t(d, DECL_TAG, 9, &[u32::MAX]); // 39
    asm.t(d, DECL_TAG, 27, &[u32::MAX]); // 40
    asm.t(0, ARRAY, 0, &[8, 9, 3]); // 41: char[3][16]
    asm.t(0, ARRAY, 0, &[15, 1, 2]); // 42
    asm.t(d, UNION, 128, &[a, 41, 0, b, 42, 0, c, 14, 0]); // 43
    asm
}

/// Changes one or two words behind byte `from`.
pub(crate) fn mutate(blob: &mut [u8], random: &mut Random, from: usize) {
    let n_words = (blob.len() - from) / 4;
    for _ in 0..1 + random.below(2) {
        let at = from + random.below(n_words) * 4;
        let old = u32::from_ne_bytes(blob[at..at + 4].try_into().unwrap());
        let new = match random.below(8) {
            0 => old ^ (1 << random.below(32)),
            1 => old.wrapping_add(1),
            2 => old.wrapping_sub(1),
            3 => random.below(64) as u32,
            4 => old & 0xff00_ffff | (random.below(24) as u32) << 24 & 0x1f00_0000,
            5 => {
                let from = from + random.below(n_words) * 4;
                u32::from_ne_bytes(blob[from..from + 4].try_into().unwrap())
            }
            6 => random.next() as u32,
            _ => old ^ 0x8000_0000,
        };
        blob[at..at + 4].copy_from_slice(&new.to_ne_bytes());
    }
}

/// Everything this crate can be asked about a blob.
fn ask_everything(blob: &[u8], options: &Options) {
    let good = rich().blob();
    let base = check_vmlinux(&good, &Options::default()).unwrap();
    _ = check_user(blob, options);
    _ = base_fit(blob, &base, options);
    let mut roles = vec![
        check_vmlinux(blob, options),
        check_module(blob, &base, options),
    ];
    if let Ok(distilled) = check_distilled_base(blob, options) {
        _ = check_distilled_module(&good, &distilled, &base, options);
    }
    for checked in roles.drain(..).flatten() {
        _ = check_types(&checked);
        _ = lint(&checked, As::Vmlinux, options);
    }
    if let Err(breach) = check_vmlinux(blob, options) {
        assert!(breach.offset <= blob.len());
        assert!(!breach.to_string().is_empty());
    }
}

#[test]
fn damaged_and_cut_blobs_never_panic() {
    let good = rich().blob();
    let mut random = Random(0x5eed_0003);
    for round in 0..4_000 {
        let mut blob = good.clone();
        for _ in 0..1 + round % 8 {
            mutate(&mut blob, &mut random, if round % 4 == 0 { 0 } else { 24 });
        }
        ask_everything(&blob, &Options::default());
    }
    for len in 0..good.len() {
        ask_everything(&good[..len], &Options::default());
    }
}

/// A big-endian target reads what a little-endian one would have written,
/// byte for byte swapped.
#[test]
fn the_other_byte_order_gives_the_same_verdicts() {
    use btf_builder::Endian;
    let host = Target::HOST;
    let other = Target {
        endian: match host.endian {
            Endian::Little => Endian::Big,
            Endian::Big => Endian::Little,
        },
        ..host
    };
    let asm = rich();
    let good = asm.blob();
    let mut random = Random(0x5eed_0004);
    for _ in 0..500 {
        let mut blob = good.clone();
        mutate(&mut blob, &mut random, 24);
        let mut swapped = blob.clone();
        swapped[..2].reverse();
        let words_end = 24 + asm.words.len() * 4;
        let (words, _) = swapped[4..words_end].as_chunks_mut::<4>();
        for word in words {
            word.reverse();
        }
        // Strings are bytes and stay; `mutate` may have changed them too.
        let verdict = |blob: &[u8], target| {
            let options = Options {
                target,
                ..Options::default()
            };
            check_user(blob, &options)
                .map(|_| ())
                .map_err(|breach| *breach)
        };
        assert_eq!(verdict(&blob, host), verdict(&swapped, other));
    }
}
