//! What the kernel takes for an identifier (`kernel/bpf/btf.c`, `btf_name_valid_identifier`).

/// Longest name the kernel takes, in bytes (`KSYM_NAME_LEN`).
const MAX_LEN: usize = 512;

/// Whether the kernel accepts `name` where it wants an identifier: a letter, `_` or `.` first, then digits too.
pub(crate) fn is_identifier(name: &[u8]) -> bool {
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b == b'.';
    match name.split_first() {
        Some((&b, rest)) => {
            name.len() <= MAX_LEN
                && first(b)
                && rest.iter().all(|&b| first(b) || b.is_ascii_digit())
        }
        None => false,
    }
}

/// Whether the kernel accepts `name` for a section: printable characters (`btf_name_valid_section`).
pub(crate) fn is_section_name(name: &[u8]) -> bool {
    (1..=MAX_LEN).contains(&name.len()) && name.iter().all(|b| matches!(b, 0x20..=0x7e))
}

#[cfg(test)]
mod tests {
    use super::{is_identifier, is_section_name};

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
