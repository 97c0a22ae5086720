//! The picture of a search: everything scored, and the front.

use lpzero_plot::{Axis, BLUE, Chart, GREY, Layer, Mark, RED, Scale};

/// Costs that lie further apart than this, largest over smallest, get a
/// logarithmic axis.
const FAR_APART: f64 = 10.0;

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
    let point = |pair: &(f64, f64)| (pair.1, pair.0);
    let all: Vec<(f64, f64)> = pairs.iter().filter(shown).map(point).collect();
    let on_front = front.iter().filter_map(|&i| pairs.get(i)).filter(shown);
    let on_front: Vec<(f64, f64)> = on_front.map(point).collect();
    let costs = || all.iter().map(|point| point.0);
    let (low, high) = (
        costs().fold(f64::INFINITY, f64::min),
        costs().fold(0.0, f64::max),
    );
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for &(cost, score) in &on_front {
        if let Some(&(_, last)) = steps.last() {
            steps.push((cost, last));
        }
        steps.push((cost, score));
    }
    if let Some(&(_, last)) = steps.last() {
        steps.push((high, last));
    }
    let layer = |points, mark, colour| Layer {
        points,
        mark,
        colour,
        name: None,
    };
    let chart = Chart {
        title,
        x: Axis {
            label: cost,
            scale: match low > 0.0 && high / low > FAR_APART {
                true => Scale::Logarithmic,
                false => Scale::Linear,
            },
        },
        y: Axis::linear(score),
        layers: vec![
            layer(all.clone(), Mark::Dots(2), GREY),
            layer(steps, Mark::Line, BLUE),
            layer(on_front, Mark::Dots(3), RED),
        ],
    };
    chart.to_svg()
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
        // Costs far apart: their axis is divided by factors.
        assert!(svg.contains("10.0k"));
        let empty = picture("", ("", ""), &[], &[]);
        assert!(empty.ends_with("</svg>\n") && !empty.contains("<circle"));
    }
}
