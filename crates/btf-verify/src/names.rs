//! What the kernel takes for a name.
//!
//! `isalpha` and friends are those of the kernel's `lib/ctype.c`, which knows
//! Latin-1, so bytes of UTF-8 pass or fail by accident.

/// `KSYM_NAME_LEN`.
const NAME_MAX: usize = 512;

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || (byte >= 0xc0 && byte != 0xd7 && byte != 0xf7)
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | 0xa0..=0xff)
}

fn starts_identifier(byte: u8) -> bool {
    is_letter(byte) || byte == b'_' || byte == b'.'
}

/// `btf_name_valid_identifier`: letters, digits, `_` and `.`, no digit first,
/// 1 to 512 bytes.
pub(crate) fn is_identifier(name: &[u8]) -> bool {
    let Some((&first, rest)) = name.split_first() else {
        return false;
    };
    name.len() <= NAME_MAX
        && starts_identifier(first)
        && rest
            .iter()
            .all(|&byte| starts_identifier(byte) || byte.is_ascii_digit())
}

/// `btf_name_valid_section`: printable bytes, 1 to 512 of them.
pub(crate) fn is_section_name(name: &[u8]) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && name.iter().all(|&byte| is_printable(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_may_hold_dots_and_latin1_letters() {
        for name in [
            &b"a"[..],
            b"_",
            b".",
            b"a.b",
            b".ab",
            b"f.isra.0",
            b"caf\xe9",
        ] {
            assert!(is_identifier(name), "{name:?}");
        }
        for name in [&b""[..], b"9x", b"a-b", b"a b", b"f$1", b"\xd7", b"caf\x80"] {
            assert!(!is_identifier(name), "{name:?}");
        }
    }

    #[test]
    fn the_512th_byte_is_the_last() {
        assert!(is_identifier(&[b'a'; 512]));
        assert!(!is_identifier(&[b'a'; 513]));
        assert!(is_section_name(&[b'/'; 512]));
        assert!(!is_section_name(&[b'/'; 513]));
    }

    #[test]
    fn section_names_are_printable() {
        assert!(is_section_name(b".rodata.cst8 (x)/[]"));
        assert!(!is_section_name(b"tab\there"));
        assert!(!is_section_name(b"del\x7f"));
    }
}
