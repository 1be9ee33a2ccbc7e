//! Bar charts as SVG, two bars a group.

use std::fmt::Write as _;

/// A chart of one quantity.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) groups: Vec<Group>,
}

/// A pair of bars. The longer one has the full length, so that groups of
/// seconds and of milliseconds can both be read.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) title: String,
    /// Length and what is written behind it.
    pub(crate) bars: [(f64, String); 2],
}

const WIDTH: u32 = 760;
/// Where bars begin, after the titles of the groups.
const LEFT: u32 = 190;
/// Length of the longest bar.
const LONGEST: f64 = 440.0;
const BAR: u32 = 16;
const GAP: u32 = 14;
const COLORS: [&str; 2] = ["#8b949e", "#d2691e"];

/// Panels below each other, with a legend for the two bars.
pub(crate) fn svg(legend: [&str; 2], panels: &[Panel]) -> String {
    let group_height = 2 * BAR + GAP;
    let height: u32 = panels
        .iter()
        .map(|panel| 40 + panel.groups.len() as u32 * group_height)
        .sum::<u32>()
        + 40;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let text = |out: &mut String, x: u32, y: u32, attributes: &str, text: &str| {
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" {attributes} fill=\"#24292f\">{}</text>",
            escape(text)
        );
    };
    let bar = |out: &mut String, x: u32, y: u32, width: f64, color: &str| {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"{}\" fill=\"{color}\"/>",
            BAR - 2
        );
    };
    for (i, name) in legend.into_iter().enumerate() {
        let x = LEFT + i as u32 * 120;
        bar(&mut out, x, 12, 14.0, COLORS[i]);
        text(&mut out, x + 20, 24, "", name);
    }
    let mut y = 40;
    for panel in panels {
        text(&mut out, 10, y + 16, "font-weight=\"bold\"", &panel.title);
        y += 30;
        for group in &panel.groups {
            let anchor = "text-anchor=\"end\"";
            text(&mut out, LEFT - 10, y + BAR + 3, anchor, &group.title);
            let longest = group.bars.iter().map(|bar| bar.0).fold(0.0, f64::max);
            for (i, (value, label)) in group.bars.iter().enumerate() {
                let width = if longest > 0.0 {
                    (value / longest * LONGEST).max(1.0)
                } else {
                    1.0
                };
                let top = y + i as u32 * BAR;
                bar(&mut out, LEFT, top, width, COLORS[i]);
                text(&mut out, LEFT + width as u32 + 8, top + 12, "", label);
            }
            y += group_height;
        }
        y += 10;
    }
    out.push_str("</svg>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_bar_of_a_group_has_full_length() {
        let panel = Panel {
            title: "a < b".to_owned(),
            groups: vec![Group {
                title: "work".to_owned(),
                bars: [(40.0, "40 s".to_owned()), (2.0, "2 s".to_owned())],
            }],
        };
        let svg = svg(["x", "y"], &[panel]);
        assert!(svg.contains("width=\"440.0\""));
        assert!(svg.contains("width=\"22.0\""));
        assert!(svg.contains("a &lt; b"));
        assert!(svg.ends_with("</svg>\n"));
    }
}
