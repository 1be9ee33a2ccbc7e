//! Tables and numbers as text, for terminals and Markdown.

use std::fmt::Write as _;

/// Bytes with a decimal prefix, three digits: `9.80 MB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Seconds, in ms below one: `12.3 ms`, `4.56 s`.
pub(crate) fn seconds(s: f64) -> String {
    if s < 0.9995 {
        format!("{:.1} ms", s * 1e3)
    } else {
        format!("{s:.2} s")
    }
}

/// How many times `more` is `less`; a dash where that means nothing.
pub(crate) fn ratio(more: f64, less: f64) -> String {
    if less > 0.0 {
        format!("{:.1}×", more / less)
    } else {
        "–".to_owned()
    }
}

/// Rows of cells under a header. The first column is aligned left, the others
/// right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self {
            rows: vec![header.iter().map(ToString::to_string).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn widths(&self) -> Vec<usize> {
        let n = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..n).map(width).collect()
    }

    fn line(row: &[String], widths: &[usize], between: &str) -> String {
        let mut line = String::new();
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            if i > 0 {
                line.push_str(between);
            }
            let fill = " ".repeat(width - cell.chars().count());
            if i == 0 {
                line.push_str(cell);
                line.push_str(&fill);
            } else {
                line.push_str(&fill);
                line.push_str(cell);
            }
        }
        line
    }

    /// For a terminal.
    pub(crate) fn plain(&self) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for row in &self.rows {
            let _ = writeln!(out, "{}", Self::line(row, &widths, "  ").trim_end());
        }
        out
    }

    /// For Markdown.
    pub(crate) fn markdown(&self) -> String {
        let widths = self.widths();
        let mut out = String::new();
        for (i, row) in self.rows.iter().enumerate() {
            let _ = writeln!(out, "| {} |", Self::line(row, &widths, " | "));
            if i == 0 {
                out.push('|');
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width + 1);
                    out.push_str(&dashes);
                    out.push_str(if column == 0 { "-|" } else { ":|" });
                }
                out.push('\n');
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(9_799_999), "9.80 MB");
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!(bytes(195_000_000), "195 MB");
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(seconds(4.561), "4.56 s");
        assert_eq!(ratio(41.0, 2.0), "20.5×");
    }

    #[test]
    fn tables_align_the_first_column_left_and_the_others_right() {
        let mut table = Table::new(&["a", "bb"]);
        table.row(["ccc".to_owned(), "d".to_owned()]);
        assert_eq!(table.plain(), "a    bb\nccc   d\n");
        assert_eq!(
            table.markdown(),
            "| a   | bb |\n|-----|---:|\n| ccc |  d |\n"
        );
    }
}
