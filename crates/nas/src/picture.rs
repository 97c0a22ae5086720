//! The picture of a search: everything scored, and the front.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 350.0;
const TICKS: u32 = 5;

/// Costs that lie further apart than this, largest over smallest, get a
/// logarithmic axis.
const FAR_APART: f64 = 10.0;
/// Scores that do: products of powers span many orders of magnitude.
const SCORES_FAR_APART: f64 = 1000.0;

/// An axis: from the data to the picture.
struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    ends: (f64, f64),
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, far_apart: f64, ends: (f64, f64)) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match low < high {
            true => (low, high),
            false if low == high => (low - 0.5, high + 0.5),
            false => (0.0, 1.0),
        };
        Axis {
            low,
            high,
            logarithmic: low > 0.0 && high / low > far_apart,
            ends,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.ends.0 + share * (self.ends.1 - self.ends.0)
    }

    fn value(&self, share: f64) -> f64 {
        match self.logarithmic {
            true => self.low * (self.high / self.low).powf(share),
            false => self.low + share * (self.high - self.low),
        }
    }
}

/// A picture of (score, cost) pairs, those of `front` joined by steps: what costs no
/// more than a point on the line has no higher score. Pairs without a finite score
/// are left out.
pub fn picture(
    title: &str,
    (score, cost): (&str, &str),
    pairs: &[(f64, f64)],
    front: &[usize],
) -> String {
    let shown = |pair: &&(f64, f64)| pair.0.is_finite() && pair.1.is_finite();
    let shown = pairs.iter().filter(shown);
    let x = Axis::new(shown.clone().map(|pair| pair.1), FAR_APART, (LEFT, RIGHT));
    let y = Axis::new(
        shown.clone().map(|pair| pair.0),
        SCORES_FAR_APART,
        (BOTTOM, TOP),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
        escaped(title)
    );
    // Writing to a string cannot fail.
    for i in 0..=TICKS {
        let share = f64::from(i) / f64::from(TICKS);
        let (cost, score) = (x.value(share), y.value(share));
        let (at_x, at_y) = (x.at(cost), y.at(score));
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at_y:.1}\" y2=\"{at_y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text x=\"{at_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            LEFT - 6.0,
            at_y + 4.0,
            short(score),
            BOTTOM + 18.0,
            short(cost)
        );
    }
    let middle = (TOP + BOTTOM) / 2.0;
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text x=\"14\" y=\"{middle:.1}\" text-anchor=\"middle\" \
         transform=\"rotate(-90 14 {middle:.1})\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        HEIGHT - 6.0,
        escaped(cost),
        escaped(score)
    );
    for pair in shown {
        let (at_x, at_y) = (x.at(pair.1), y.at(pair.0));
        let _ = writeln!(
            svg,
            "<circle cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"2\" fill=\"#bbb\"/>"
        );
    }
    let mut line = String::new();
    let mut last = None;
    for pair in front.iter().filter_map(|&i| pairs.get(i)) {
        let (at_x, at_y) = (x.at(pair.1), y.at(pair.0));
        if let Some(last) = last.replace(at_y) {
            let _ = write!(line, "{at_x:.1},{last:.1} ");
        }
        let _ = write!(line, "{at_x:.1},{at_y:.1} ");
    }
    if let Some(last) = last {
        let _ = write!(line, "{RIGHT},{last:.1}");
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"#4878a8\" stroke-width=\"1\" points=\"{line}\"/>"
        );
    }
    for pair in front.iter().filter_map(|&i| pairs.get(i)) {
        let (at_x, at_y) = (x.at(pair.1), y.at(pair.0));
        let _ = writeln!(
            svg,
            "<circle cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"3\" fill=\"#c0392b\"/>"
        );
    }
    svg + "</svg>\n"
}

/// A number in few characters: `12.5M`, `0.031`.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 {
        return format!("{value:.1e}");
    }
    for (unit, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if size >= unit {
            return format!("{:.1}{letter}", value / unit);
        }
    }
    match size {
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_holds_every_finite_pair_and_the_front_once_more() {
        let pairs = [(1.0, 1e3), (2.0, 1e5), (f64::NAN, 1e4), (0.5, 2e3)];
        let svg = picture("a < b", ("score", "cost"), &pairs, &[0, 1]);
        assert_eq!(svg.matches("<circle").count(), 3 + 2);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"));
        // Far apart costs: the smallest at the left end, the largest at the right.
        assert!(svg.contains("cx=\"80.0\"") && svg.contains("cx=\"620.0\""));
        let empty = picture("", ("", ""), &[], &[]);
        assert!(empty.ends_with("</svg>\n") && !empty.contains("polyline"));
    }
}
