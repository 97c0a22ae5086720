//! Average ranks, and how two columns of them correlate.

use crate::Error;
use crate::column::{check_numbers, compare};

/// Average ranks, 1 for the smallest value; equal values share the mean of
/// their ranks.
///
/// # Errors
/// NaN.
pub fn rank(x: &[f64]) -> Result<Vec<f64>, Error> {
    check_numbers(x)?;
    let mut ranks = Vec::new();
    rank_into(x, &mut Vec::new(), &mut ranks);
    Ok(ranks)
}

/// [`rank`] of a checked column, in buffers of the caller.
pub(crate) fn rank_into(x: &[f64], order: &mut Vec<u32>, ranks: &mut Vec<f64>) {
    order.clear();
    order.extend(0..x.len() as u32);
    order.sort_unstable_by(|&a, &b| compare(x[a as usize], x[b as usize]));
    ranks.clear();
    ranks.resize(x.len(), 0.0);
    let mut start = 0;
    for run in order.chunk_by(|&a, &b| x[a as usize] == x[b as usize]) {
        // Ranks start+1 ..= start+len have this mean.
        let shared = start as f64 + (run.len() as f64 + 1.0) / 2.0;
        for &i in run {
            ranks[i as usize] = shared;
        }
        start += run.len();
    }
}

/// Pearson's correlation of two rank vectors, `None` where one is constant.
///
/// Average ranks are multiples of 1/2 with mean (n + 1) / 2, so every sum is
/// exact and the result does not depend on the order of the architectures.
pub(crate) fn correlate_ranks(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = (x.len() as f64 + 1.0) / 2.0;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (x - mean, y - mean);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    (xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}
