//! The best choice of every block under a budget, exactly, where both the score and
//! the cost add over blocks: a knapsack with one item of every kind.
//!
//! From the last block backwards, a table holds what the blocks behind can add at most
//! for what they may cost (dynamic programming over costs that occur, so that nothing
//! is rounded). With it, the best completion of any beginning is known, and a
//! best-first search from the first block gives the solutions in order of their score.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Additions of each choice of each block to the score and to the cost, \[block\]\[choice\].
#[derive(Clone, Debug, PartialEq)]
pub struct BlockChoices {
    /// Added scores; larger is better. A choice without a finite one is not taken.
    pub scores: Vec<Vec<f64>>,
    /// Added costs.
    pub costs: Vec<Vec<f64>>,
}

/// One choice for every block.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// Index of the choice of each block.
    pub choices: Vec<usize>,
    /// Sum of the scores that the choices add.
    pub score: f64,
    /// Sum of the costs that the choices add.
    pub cost: f64,
}

/// The most that some blocks can add for no more than a cost: rising in both.
type Frontier = Vec<(f64, f64)>;

impl BlockChoices {
    /// The solutions of the highest scores that cost no more than `budget`, best first,
    /// at most `count`. Choices of a block that add the same score are taken once, at
    /// the least cost. Of equal scores, the one with earlier choices in earlier blocks
    /// comes first.
    pub fn best(&self, budget: f64, count: usize) -> Vec<Solution> {
        let options = self.distinct();
        let behind = frontiers(&options);
        let mut open = BinaryHeap::new();
        if let Some(bound) = most(&behind[0], budget) {
            open.push(Beginning {
                bound,
                ..Beginning::default()
            });
        }
        let mut found = Vec::new();
        while found.len() < count
            && let Some(beginning) = open.pop()
        {
            let Beginning {
                choices,
                score,
                cost,
                ..
            } = beginning;
            let Some(block) = options.get(choices.len()) else {
                found.push(Solution {
                    choices,
                    score,
                    cost,
                });
                continue;
            };
            let rest = &behind[choices.len() + 1];
            for &(choice, added, costs) in block {
                let (score, cost) = (score + added, cost + costs);
                let Some(more) = most(rest, budget - cost) else {
                    continue;
                };
                let mut choices = choices.clone();
                choices.push(choice);
                open.push(Beginning {
                    bound: score + more,
                    choices,
                    score,
                    cost,
                });
            }
        }
        found
    }

    /// Choices with a finite score and cost, of equal scores the cheapest: (choice,
    /// score, cost).
    fn distinct(&self) -> Vec<Vec<(usize, f64, f64)>> {
        let block = |(scores, costs): (&Vec<f64>, &Vec<f64>)| {
            let mut options: Vec<(usize, f64, f64)> = Vec::new();
            for (choice, (&score, &cost)) in scores.iter().zip(costs).enumerate() {
                if !(score.is_finite() && cost.is_finite()) {
                    continue;
                }
                match options.iter_mut().find(|(_, known, _)| *known == score) {
                    Some(known) if cost < known.2 => *known = (choice, score, cost),
                    Some(_) => {}
                    None => options.push((choice, score, cost)),
                }
            }
            options
        };
        self.scores.iter().zip(&self.costs).map(block).collect()
    }
}

/// Frontiers of the blocks from each one on; the last entry is that of no blocks.
fn frontiers(options: &[Vec<(usize, f64, f64)>]) -> Vec<Frontier> {
    let mut behind = vec![vec![(0.0, 0.0)]];
    for block in options.iter().rev() {
        let rest = behind.last().map_or(&[][..], |rest| rest);
        let pairs = block.iter().flat_map(|&(_, score, cost)| {
            let rest = rest.iter();
            rest.map(move |&(costs, more)| (cost + costs, score + more))
        });
        let mut pairs: Frontier = pairs.collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let mut best = f64::NEG_INFINITY;
        pairs.retain(|&(_, score)| {
            let better = score > best;
            best = best.max(score);
            better
        });
        behind.push(pairs);
    }
    behind.reverse();
    behind
}

/// The most that can be added for no more than this.
fn most(frontier: &[(f64, f64)], budget: f64) -> Option<f64> {
    let affordable = frontier.partition_point(|&(cost, _)| cost <= budget);
    Some(frontier.get(affordable.checked_sub(1)?)?.1)
}

/// Choices of the first blocks.
#[derive(Default)]
struct Beginning {
    /// The score of its best completion.
    bound: f64,
    choices: Vec<usize>,
    score: f64,
    cost: f64,
}

impl Ord for Beginning {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of equal bounds, what is nearer to its end, then earlier choices.
        let bound = self.bound.total_cmp(&other.bound);
        let length = self.choices.len().cmp(&other.choices.len());
        bound
            .then(length)
            .then_with(|| other.choices.cmp(&self.choices))
    }
}

impl PartialOrd for Beginning {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Beginning {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Beginning {}

#[cfg(test)]
mod tests {
    use super::*;
    use lpzero_run::seed::stream;
    use rand::Rng;

    /// Whole numbers, so that sums are exact in any order.
    fn drawn(blocks: usize, options: usize, seed: u64) -> BlockChoices {
        let mut random = stream(seed, "knapsack");
        let mut numbers = |most: i32| -> Vec<Vec<f64>> {
            let mut row = || {
                (0..options)
                    .map(|_| f64::from(random.random_range(-5..most)))
                    .collect()
            };
            (0..blocks).map(|_| row()).collect()
        };
        BlockChoices {
            scores: numbers(40),
            costs: numbers(30),
        }
    }

    /// Every combination within the budget, best scores first.
    fn by_brute_force(choices: &BlockChoices, budget: f64) -> Vec<f64> {
        let mut all = vec![(0.0, 0.0)];
        for (scores, costs) in choices.scores.iter().zip(&choices.costs) {
            let options = || scores.iter().zip(costs);
            all = (all.iter())
                .flat_map(|&(score, cost)| options().map(move |(s, c)| (score + s, cost + c)))
                .collect();
        }
        let mut scores: Vec<f64> = (all.into_iter())
            .filter(|&(_, cost)| cost <= budget)
            .map(|(score, _)| score)
            .collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores
    }

    #[test]
    fn the_best_is_the_best_of_all_combinations() {
        for seed in 0..200 {
            let choices = drawn(3, 6, seed);
            for budget in [-3.0, 10.0, 25.0, 40.0, 1000.0] {
                let found = choices.best(budget, 1);
                let expected = by_brute_force(&choices, budget);
                let best = found.first().map(|solution| solution.score);
                assert_eq!(
                    best,
                    expected.first().copied(),
                    "seed {seed}, budget {budget}"
                );
            }
        }
    }

    #[test]
    fn further_solutions_come_in_order_and_none_is_left_out() {
        for seed in 0..50 {
            let mut choices = drawn(4, 4, seed);
            // Different scores in a block, so that no choice stands for another.
            for scores in &mut choices.scores {
                for (number, score) in scores.iter_mut().enumerate() {
                    *score = *score * 4.0 + number as f64;
                }
            }
            let expected = by_brute_force(&choices, 30.0);
            let found = choices.best(30.0, usize::MAX);
            let scores: Vec<f64> = found.iter().map(|solution| solution.score).collect();
            assert_eq!(scores, expected);
            let cost = |solution: &Solution| -> f64 {
                let costs = choices.costs.iter().zip(&solution.choices);
                costs.map(|(costs, &choice)| costs[choice]).sum()
            };
            assert!(found.iter().all(|s| s.cost == cost(s) && s.cost <= 30.0));
        }
    }

    #[test]
    fn a_choice_without_effect_is_taken_at_its_least_cost() {
        let choices = BlockChoices {
            scores: vec![vec![1.0, 1.0, 2.0]; 2],
            costs: vec![vec![5.0, 4.0, 9.0]; 2],
        };
        let found = choices.best(13.0, 10);
        let chosen: Vec<_> = found.into_iter().map(|solution| solution.choices).collect();
        assert_eq!(chosen, [vec![1, 2], vec![2, 1], vec![1, 1]]);
    }

    #[test]
    fn what_has_no_score_is_not_chosen_and_nothing_affordable_is_no_solution() {
        let choices = BlockChoices {
            scores: vec![vec![f64::NAN, 1.0], vec![0.0, 3.0]],
            costs: vec![vec![0.0, 5.0], vec![5.0, 6.0]],
        };
        assert_eq!(choices.best(10.0, 1)[0].choices, [1, 0]);
        assert!(choices.best(9.0, 1).is_empty());
    }
}
