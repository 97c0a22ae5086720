//! The picture of an axis: test tau of every variant, with its interval.

use std::fmt::Write;

use lpzero::ablation::Summary;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 610.0;
const TOP: f64 = 50.0;
const ROW: f64 = 26.0;
const TICKS: u32 = 5;

/// One line per variant, from top to bottom; the first, which others are compared
/// with, goes down the picture as a dashed line.
pub fn picture(title: &str, rows: &[Summary]) -> String {
    let ends = rows.iter().flat_map(|row| {
        let interval = row.test_tau_ci.unwrap_or([f64::NAN; 2]);
        [row.test_tau.unwrap_or(f64::NAN), interval[0], interval[1]]
    });
    let ends: Vec<f64> = ends.filter(|tau| tau.is_finite()).collect();
    let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (low, high) = match low < high {
        true => (low, high),
        false => (-1.0, 1.0),
    };
    let x = |tau: f64| LEFT + (tau - low) / (high - low) * (RIGHT - LEFT);
    let bottom = TOP + ROW * rows.len() as f64;
    let height = bottom + 45.0;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"14\" y=\"22\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    // Writing to a string cannot fail.
    for i in 0..=TICKS {
        let tau = low + f64::from(i) / f64::from(TICKS) * (high - low);
        let at = x(tau);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tau:.3}</text>",
            bottom + 16.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">Kendall's tau on the test split, \
         mean and 95 % interval</text>",
        (LEFT + RIGHT) / 2.0,
        bottom + 36.0
    );
    if let Some(tau) = rows.first().and_then(|row| row.test_tau) {
        let at = x(tau);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"black\" \
             stroke-dasharray=\"4 3\"/>"
        );
    }
    for (number, row) in rows.iter().enumerate() {
        let y = TOP + ROW * (number as f64 + 0.5);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 12.0,
            y + 4.0,
            escaped(&row.variant)
        );
        if let Some([from, to]) = row.test_tau_ci {
            let _ = writeln!(
                svg,
                "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#4878a8\" \
                 stroke-width=\"2\"/>",
                x(from),
                x(to)
            );
        }
        if let Some(tau) = row.test_tau {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"4\" fill=\"#c0392b\"/>",
                x(tau)
            );
        }
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
