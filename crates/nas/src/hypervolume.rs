//! The area that a front dominates.

use crate::front::front;

/// The area between the (score, cost) pairs and a reference pair, of lower score
/// and higher cost: what they dominate of it (Zitzler & Thiele 1999, in two
/// dimensions exact). Pairs beyond the reference add nothing.
pub fn hypervolume(pairs: &[(f64, f64)], (lowest, highest): (f64, f64)) -> f64 {
    let inside: Vec<(f64, f64)> = pairs
        .iter()
        .copied()
        .filter(|&(score, cost)| score > lowest && cost < highest)
        .collect();
    let front = front(&inside);
    let mut area = 0.0;
    let mut below = lowest;
    for &i in &front {
        let (score, cost) = inside[i];
        area += (score - below) * (highest - cost);
        below = score;
    }
    area
}
