//! The Pareto front of score against cost.

/// Which of these (score, cost) pairs no other one dominates: none has a score as
/// high at a cost as low, but itself. By increasing cost; of equal pairs the first.
/// Pairs with a score that is not finite are left out.
pub fn front(pairs: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pairs.len())
        .filter(|&i| pairs[i].0.is_finite() && !pairs[i].1.is_nan())
        .collect();
    order.sort_by(|&i, &j| {
        let ((score_i, cost_i), (score_j, cost_j)) = (pairs[i], pairs[j]);
        let by_score = score_j.total_cmp(&score_i);
        cost_i.total_cmp(&cost_j).then(by_score).then(i.cmp(&j))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|&i| {
        let better = pairs[i].0 > best;
        best = best.max(pairs[i].0);
        better
    });
    order
}
