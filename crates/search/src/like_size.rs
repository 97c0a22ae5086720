//! What is left of a column when networks of like size are compared with each other alone.

use std::ops::Range;

use lpzero_stats::compare;

/// For every network, the networks of like size.
pub(crate) struct LikeSize {
    /// Networks by size.
    order: Vec<usize>,
    /// By place in `order`, the places of networks of like size, its own among them.
    near: Vec<Range<usize>>,
}

impl LikeSize {
    /// Networks are alike whose sizes differ by less than a share of the smaller one.
    pub(crate) fn new(sizes: &[f64], tolerance: f64) -> Self {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by(|&a, &b| compare(sizes[a], sizes[b]));
        let reach = 1.0 + tolerance;
        let size = |place: usize| sizes[order[place]];
        let (mut low, mut high) = (0, 0);
        let near = (0..order.len()).map(|place| {
            while low < place && size(low) * reach <= size(place) {
                low += 1;
            }
            high = high.max(place + 1);
            while high < order.len() && size(high) < size(place) * reach {
                high += 1;
            }
            low..high
        });
        Self {
            near: near.collect(),
            order,
        }
    }

    /// Every value less the mean of networks of like size.
    pub(crate) fn beyond_size(&self, column: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0];
        for &network in &self.order {
            sums.push(sums[sums.len() - 1] + column[network]);
        }
        let mut beyond = vec![0.0; column.len()];
        for (&network, near) in self.order.iter().zip(&self.near) {
            // Alone, a network says nothing: exactly.
            if near.len() > 1 {
                let mean = (sums[near.end] - sums[near.start]) / near.len() as f64;
                beyond[network] = column[network] - mean;
            }
        }
        beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_size_says_is_taken_away_and_what_is_alone_says_nothing() {
        let like = LikeSize::new(&[100.0, 50.0, 104.0, 200.0, 108.5], 0.05);
        let beyond = like.beyond_size(&[1.0, 7.0, 3.0, 9.0, 8.0]);
        // 104 is like 100 and like 108.5, which are unlike each other.
        assert_eq!(beyond, [-1.0, 0.0, -1.0, 0.0, 2.5]);
        let sized = LikeSize::new(&[2.0, 2.0, 4.0, 4.0], 0.05);
        assert_eq!(sized.beyond_size(&[5.0, 5.0, 9.0, 9.0]), [0.0; 4]);
    }
}
