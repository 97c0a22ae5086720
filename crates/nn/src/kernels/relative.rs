//! Between attention scores by distance, which products give, and scores by
//! key, which softmax takes ("relative shift", Dai et al. 2019, appendix B).
//!
//! Consecutive queries see `keys` keys between them: the last query all, each
//! one before it one less. Rows by distance have the largest distance first, so
//! that for the last query they are in the order of its keys. Another query,
//! `i` before it, has neither the first `i` distances nor the last `i` keys.

use super::dispatch::vectorised;

vectorised! {
    /// Adds scores by distance, rows of `keys`, to the scores of the keys seen,
    /// rows of `width`.
    fn add_by_distance<F>(scores: &mut [F], width: usize, by_distance: &[F], keys: usize) {
        let rows = scores.chunks_exact_mut(width).rev();
        for (i, (scores, distances)) in rows.zip(by_distance.chunks_exact(keys).rev()).enumerate() {
            for (score, &d) in scores.iter_mut().zip(&distances[i..]) {
                *score += d;
            }
        }
    }

    /// The other way, for gradients: scores of keys, rows of `width`, by
    /// distance, rows of `keys`; 0 at the distances that a query does not have.
    fn by_distance<F>(scores: &[F], width: usize, by_distance: &mut [F], keys: usize) {
        let rows = by_distance.chunks_exact_mut(keys).rev();
        for (i, (distances, scores)) in rows.zip(scores.chunks_exact(width).rev()).enumerate() {
            let (absent, present) = distances.split_at_mut(i);
            absent.fill(F::zero());
            present.copy_from_slice(&scores[..present.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Queries 1 and 2 of a sequence of 4; distance 10 d, from query 100 i.
    const BY_DISTANCE: [f64; 6] = [120.0, 110.0, 100.0, 220.0, 210.0, 200.0];

    #[test]
    fn each_key_gets_the_score_of_its_distance() {
        let mut scores = [1.0; 8];
        add_by_distance(&mut scores, 4, &BY_DISTANCE, 3);
        // Query 1 has no distance 2.
        assert_eq!(scores, [111.0, 101.0, 1.0, 1.0, 221.0, 211.0, 201.0, 1.0]);
    }

    #[test]
    fn each_distance_gets_the_gradient_of_its_key() {
        let scores = [1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 5.0, 0.0];
        let mut gradient = [9.0; 6];
        by_distance(&scores, 4, &mut gradient, 3);
        assert_eq!(gradient, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}
