//! What the kernel takes for an identifier (`kernel/bpf/btf.c`, `btf_name_valid_identifier`).

use btf_builder::CName;

/// Longest name the kernel takes, in bytes (`KSYM_NAME_LEN`).
const MAX_LEN: usize = 512;

/// Whether the kernel accepts `name` where it wants an identifier: a letter, `_` or `.` first, then digits too.
pub(crate) fn is_identifier(name: &[u8]) -> bool {
    let Some(first) = name.first() else {
        return false;
    };
    let go_on = match name.last_chunk() {
        // The last block may overlap the one before.
        Some(last) => {
            let mut blocks = name.as_chunks().0.iter().chain([last]);
            blocks.all(|block| block_goes_on(block, &[0; 16]))
        }
        None => name.iter().all(|&b| goes_on(b)),
    };
    go_on && name.len() <= MAX_LEN && !first.is_ascii_digit()
}

/// [`is_identifier`] of a name that stands in a section, of which most are short.
#[inline(always)]
pub(crate) fn is_c_identifier(name: &CName<'_>) -> bool {
    let len = name.bytes().len();
    match (name.block(), BEHIND.get(len)) {
        (Some(block @ &[first, ..]), Some(behind)) => {
            len > 0 && !first.is_ascii_digit() && block_goes_on(block, behind)
        }
        _ => is_identifier(name.bytes()),
    }
}

/// For each length of a name in a block, which bytes are behind it: 1 there and 0 within.
static BEHIND: [[u8; 16]; 17] = {
    let mut behind = [[0; 16]; 17];
    let mut len = 0;
    while len < 16 {
        let mut at = len;
        while at < 16 {
            behind[len][at] = 1;
            at += 1;
        }
        len += 1;
    }
    behind
};

/// Whether all bytes of a block go on an identifier, but for those `behind` it.
///
/// Compiles to two dozen vector instructions, and only as a function of its own: among other code that has the bytes
/// at hand, LLVM takes them apart again.
#[inline(never)]
fn block_goes_on(block: &[u8; 16], behind: &[u8; 16]) -> bool {
    let good = |(&b, &behind): (&u8, &u8)| u8::from(goes_on(b)) | behind;
    let all = block.iter().zip(behind).map(good);
    all.fold(1, |all, good| all & good) != 0
}

/// Whether a byte may stand behind the first of an identifier; without a branch, for 16 of them to be compared at once.
#[inline(always)]
fn goes_on(b: u8) -> bool {
    let letter = (b | 0x20).wrapping_sub(b'a') < 26;
    let digit = b.wrapping_sub(b'0') < 10;
    letter | digit | (b == b'_') | (b == b'.')
}

/// Whether the kernel accepts `name` for a section: printable characters (`btf_name_valid_section`).
pub(crate) fn is_section_name(name: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&name.len()) && name.iter().all(|b| matches!(b, 0x20..=0x7e))
}

#[cfg(test)]
mod tests {
    use btf_builder::CName;

    use super::{is_c_identifier, is_identifier, is_section_name};

    #[test]
    fn any_byte_is_judged_alike_wherever_it_stands() {
        let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'.';
        for len in [1, 2, 15, 16, 17, 31, 33] {
            for at in 0..len {
                for b in 0..=255 {
                    let mut name = vec![b'x'; len];
                    name[at] = b;
                    let good = letter(b) || (at > 0 && b.is_ascii_digit());
                    assert_eq!(is_identifier(&name), good, "{len} {at} {b}");
                    // Short of 16 bytes to look at, and with some that are no part of the name.
                    for behind in [&b"\0"[..], b"\0$$$$$$$$$$$$$$$$"] {
                        let section = [&name[..], behind].concat();
                        let good = good || (b == 0 && at > 0);
                        let found = CName::first_of(&section).unwrap();
                        assert_eq!(is_c_identifier(&found), good, "{len} {at} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn dots_are_letters_and_digits_do_not_start() {
        assert!(is_identifier(b"foo.isra.0"));
        assert!(is_identifier(b".x"));
        assert!(!is_identifier(b"9x"));
        assert!(!is_identifier(b"a$b"));
        assert!(!is_identifier(b""));
        assert!(!is_identifier(&[b'a'; 513]));
    }

    #[test]
    fn sections_may_be_called_anything_printable() {
        assert!(is_section_name(b".data..percpu"));
        assert!(is_section_name(b"9-$ x"));
        assert!(!is_section_name(b""));
        assert!(!is_section_name(b".d\x01ta"));
        assert!(!is_section_name(&[b'a'; 513]));
    }
}
