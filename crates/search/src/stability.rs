//! Stability: how a ranking moves with what must not matter, such as another vocabulary.
//!
//! Two seeds never give quite the same ranking. What moves it more than they do, and more
//! than chance explains, is something that a formula sees and should not.

use lpzero_proxy::Node;
use serde::Serialize;

use crate::Benchmark;
use crate::score::Score;

/// Some architectures of a ground truth, run with one thing changed.
#[derive(Clone, Copy)]
pub struct Varied<'a> {
    /// Name of what is changed, in reports.
    pub name: &'a str,
    /// The architectures, by number in the ground truth.
    pub architectures: &'a [usize],
    /// Scores of them, by place in `architectures`.
    pub scorer: &'a dyn Score,
    /// Whether it is another seed and nothing else: what others are compared with.
    pub is_seed: bool,
}

/// How far one variation moves a ranking.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Movement {
    /// What is changed.
    pub variation: String,
    /// Share of the pairs of networks that change their order, 0 to 1.
    pub reordered: f64,
    /// Whether that is more than two seeds and chance explain.
    pub unstable: bool,
}

/// Standard errors by which a movement has to exceed that between two seeds.
const ERRORS: f64 = 2.0;

/// Movements of a ranking, by variation. `seed` names the variation that is another seed
/// and nothing else; without it nothing is called unstable.
pub fn movements(base: &[f64], varied: &[(&str, Vec<f64>)], seed: Option<&str>) -> Vec<Movement> {
    let pairs = base.len() * base.len().saturating_sub(1) / 2;
    let shares: Vec<f64> = (varied.iter())
        .map(|(_, scores)| reordered(base, scores))
        .collect();
    let usual = |((name, _), _): &(&(&str, Vec<f64>), &f64)| Some(*name) == seed;
    let between_seeds = varied.iter().zip(&shares).find(usual);
    let between_seeds = between_seeds.map(|(_, share)| *share);
    let exceeds = |share: f64, usual: f64| {
        let variance = share * (1.0 - share) + usual * (1.0 - usual);
        share - usual > ERRORS * (variance / pairs.max(1) as f64).sqrt()
    };
    let movement = |((name, _), share): (&(&str, Vec<f64>), &f64)| Movement {
        variation: (*name).to_owned(),
        reordered: *share,
        unstable: between_seeds.is_some_and(|usual| exceeds(*share, usual)),
    };
    varied.iter().zip(&shares).map(movement).collect()
}

/// Movements of a formula on a ground truth; none where it has no variations, or no
/// finite scores under them.
pub(crate) fn of_formula(benchmark: &Benchmark<'_>, formula: &Node) -> Vec<Movement> {
    let Some(first) = benchmark.variations.first() else {
        return Vec::new();
    };
    let base = benchmark.finite_scores(formula, first.architectures);
    let varied = benchmark.variations.iter().map(|varied| {
        let places: Vec<usize> = (0..varied.architectures.len()).collect();
        let scores = varied.scorer.scores(formula, &places)?;
        let finite = scores.iter().all(|score| score.is_finite());
        finite.then_some((varied.name, scores))
    });
    let varied: Option<Vec<_>> = varied.collect();
    let seed = benchmark.variations.iter().find(|varied| varied.is_seed);
    match base.zip(varied) {
        Some((base, varied)) => movements(&base, &varied, seed.map(|seed| seed.name)),
        None => Vec::new(),
    }
}

/// Names of the variations under which a formula is unstable on one of these ground
/// truths, in the order in which they are declared.
pub(crate) fn unstable<'a>(
    benchmarks: impl IntoIterator<Item = &'a Benchmark<'a>>,
    formula: &Node,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for benchmark in benchmarks {
        let movements = of_formula(benchmark, formula).into_iter();
        for movement in movements.filter(|movement| movement.unstable) {
            if !names.contains(&movement.variation) {
                names.push(movement.variation);
            }
        }
    }
    names
}

/// Share of the pairs that two columns order differently; a tie in one alone counts one
/// half.
fn reordered(a: &[f64], b: &[f64]) -> f64 {
    let mut moved = 0.0;
    let mut pairs = 0.0;
    for later in 1..a.len().min(b.len()) {
        for earlier in 0..later {
            let sign = |x: &[f64]| match x[later].partial_cmp(&x[earlier]) {
                Some(order) => order as i32,
                None => 0,
            };
            moved += 0.5 * f64::from((sign(a) - sign(b)).abs());
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { moved / pairs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_more_than_two_seeds_is_unstable() {
        let base: Vec<f64> = (0..20).map(f64::from).collect();
        let swapped = |n: usize| {
            let mut scores = base.clone();
            (0..n).for_each(|pair| scores.swap(2 * pair, 2 * pair + 1));
            scores
        };
        let reversed: Vec<f64> = base.iter().map(|x| -x).collect();
        let varied = [
            ("seed", swapped(3)),
            ("little", swapped(5)),
            ("much", reversed),
            ("none", base.clone()),
        ];
        let found = movements(&base, &varied, Some("seed"));
        let shares: Vec<f64> = found.iter().map(|movement| movement.reordered).collect();
        assert_eq!(shares, [3.0 / 190.0, 5.0 / 190.0, 1.0, 0.0]);
        let unstable: Vec<bool> = found.iter().map(|movement| movement.unstable).collect();
        assert_eq!(unstable, [false, false, true, false]);
        let without = movements(&base, &varied, None);
        assert!(without.iter().all(|movement| !movement.unstable));
    }

    #[test]
    fn a_tie_in_one_column_moves_half_a_pair() {
        assert_eq!(reordered(&[1.0, 2.0], &[1.0, 1.0]), 0.5);
        assert_eq!(reordered(&[1.0, 1.0], &[2.0, 2.0]), 0.0);
        assert_eq!(reordered(&[1.0], &[2.0]), 0.0);
    }
}
