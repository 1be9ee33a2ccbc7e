//! Numbers for people.

/// `9.84 MB`: decimal units, three digits.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB"] {
        // Rounding must not show 1000 of a unit.
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    match (unit, value) {
        ("B", _) => format!("{bytes} B"),
        (_, value) if value < 9.995 => format!("{value:.2} {unit}"),
        (_, value) if value < 99.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_whatever_the_size() {
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_836_939, "9.84 MB"),
            (9_996_000, "10.0 MB"),
            (21_227_243, "21.2 MB"),
            (999_499, "999 kB"),
            (999_600, "1.00 MB"),
            (1_500_000_000, "1.50 GB"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }
}
