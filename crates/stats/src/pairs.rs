//! Pairs in order and out of order, counted in O(n log n) (Knight 1966).

use crate::Error;
use crate::column::{check_pair, compare};

/// Buffers for counting, reused from call to call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter {
    order: Vec<u32>,
    column: Vec<f64>,
    merged: Vec<f64>,
}

/// Counts of pairs, all whole numbers.
pub(crate) struct Pairs {
    /// Concordant pairs less discordant ones.
    pub(crate) score: f64,
    /// Pairs that differ in x.
    pub(crate) untied_x: f64,
    /// Pairs that differ in y.
    pub(crate) untied_y: f64,
}

impl Counter {
    /// Counts the pairs of two checked columns: sorts by x, then counts the swaps
    /// that sorting y takes.
    pub(crate) fn count(&mut self, x: &[f64], y: &[f64]) -> Pairs {
        self.order.clear();
        self.order.extend(0..x.len() as u32);
        self.order.sort_unstable_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            compare(x[a], x[b]).then(compare(y[a], y[b]))
        });

        let order = &self.order;
        let tied_x = tied_pairs(order, |a, b| x[a] == x[b]);
        let tied_both = tied_pairs(order, |a, b| x[a] == x[b] && y[a] == y[b]);
        self.column.clear();
        self.column.extend(order.iter().map(|&i| y[i as usize]));
        self.merged.clear();
        self.merged.resize(y.len(), 0.0);
        let discordant = sort_counting_swaps(&mut self.column, &mut self.merged);
        let tied_y = runs(&self.column, |a, b| a == b);

        let all = x.len() as u64 * (x.len() as u64 - 1) / 2;
        // Pairs tied in neither column are concordant or discordant.
        let comparable = (all - tied_x + tied_both) as f64 - tied_y as f64;
        Pairs {
            score: comparable - 2.0 * discordant as f64,
            untied_x: (all - tied_x) as f64,
            untied_y: (all - tied_y) as f64,
        }
    }
}

/// The fraction of pairs that `x` leaves tied: 0 for a strict ranking, 1 for a
/// constant.
///
/// # Errors
/// NaN, fewer than two values.
pub fn ties(x: &[f64]) -> Result<f64, Error> {
    check_pair(x, x)?;
    let mut sorted = x.to_vec();
    sorted.sort_unstable_by(|a, b| compare(*a, *b));
    let pairs = x.len() as u64 * (x.len() as u64 - 1) / 2;
    Ok(runs(&sorted, |a, b| a == b) as f64 / pairs as f64)
}

/// Merge sort that returns the number of pairs it had to put in order.
fn sort_counting_swaps(values: &mut [f64], buffer: &mut [f64]) -> u64 {
    /// Below this length insertion sort is faster than merging.
    const SMALL: usize = 16;
    let n = values.len();
    if n <= SMALL {
        let mut swaps = 0;
        for i in 1..n {
            let value = values[i];
            let mut j = i;
            while j > 0 && values[j - 1] > value {
                values[j] = values[j - 1];
                j -= 1;
            }
            values[j] = value;
            swaps += (i - j) as u64;
        }
        return swaps;
    }
    let middle = n / 2;
    let mut swaps = sort_counting_swaps(&mut values[..middle], &mut buffer[..middle]);
    swaps += sort_counting_swaps(&mut values[middle..], &mut buffer[middle..]);
    buffer.copy_from_slice(values);
    let (left, right) = buffer.split_at(middle);
    let (mut i, mut j) = (0, 0);
    for slot in values.iter_mut() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            *slot = right[j];
            j += 1;
            swaps += (left.len() - i) as u64;
        }
    }
    swaps
}

/// Number of pairs inside runs of equal neighbours.
fn runs<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> u64 {
    sorted
        .chunk_by(equal)
        .map(|run| run.len() as u64 * (run.len() as u64 - 1) / 2)
        .sum()
}

/// Number of pairs of equal neighbours in an order.
fn tied_pairs(order: &[u32], equal: impl Fn(usize, usize) -> bool) -> u64 {
    runs(order, |&a, &b| equal(a as usize, b as usize))
}
