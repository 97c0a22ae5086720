//! NSGA-II (Deb et al. 2002): fronts of non-dominated members, crowding distances,
//! binary tournaments, and constrained domination.
//!
//! A proxy promises an order and no distances: its logarithm is the same proxy. So
//! crowding looks at ranks of scores, where the paper looks at objectives, and a search
//! is the same under every increasing function of the score.

use std::cmp::Ordering;

use lpzero_run::seed::{self, Stream};
use rand::Rng;

use crate::genotype::{cross, mutate};
use crate::run::Run;
use crate::{Candidate, Scorer};

/// Share of children that have two parents.
const CROSSOVER: f64 = 0.9;

/// Maximises the score and minimises the cost together.
pub(crate) fn search<S: Scorer>(run: &mut Run<'_, '_, S>) -> Result<(), S::Error> {
    let mut random = seed::stream(run.strategy.seed, "nsga2");
    let size = run.strategy.population;
    let batch = run.fresh(run.left().min(size), &mut random)?;
    let mut population = ranked(run.evaluate(batch)?, run, size);
    while !run.finished() {
        let space = run.problem.space;
        let breed = |random: &mut Stream| {
            let a = tournament(&population, random)?;
            let mut child = match random.random_bool(CROSSOVER) {
                true => cross(space, a, tournament(&population, random)?, random),
                false => a.clone(),
            };
            // A child of equal parents would be nothing new.
            if child == *a || random.random_bool(0.5) {
                mutate(space, &mut child, random);
            }
            Some(child)
        };
        let batch = run.bred(run.left().min(size), breed, &mut random)?;
        let children = run.evaluate(batch)?;
        let parents = population.into_iter().map(|member| member.candidate);
        population = ranked(parents.chain(children).collect(), run, size);
    }
    Ok(())
}

/// A member of the population, with what tournaments compare.
struct Member {
    candidate: Candidate,
    front: usize,
    crowding: f64,
}

/// The `size` best: whole fronts, and of the first that does not fit the least crowded.
fn ranked<S: Scorer>(candidates: Vec<Candidate>, run: &Run<'_, '_, S>, size: usize) -> Vec<Member> {
    let cost = run.problem.cost;
    let points: Vec<Point> = candidates
        .iter()
        .map(|candidate| Point {
            violation: candidate.violation,
            // Both to be minimised.
            objectives: [
                -candidate.fitness(),
                candidate.costs.get(cost).unwrap_or(f64::INFINITY),
            ],
        })
        .collect();
    let mut sorted: Vec<f64> = points.iter().map(|point| point.objectives[0]).collect();
    sorted.sort_by(f64::total_cmp);
    let by_rank = |&i: &usize| {
        let [score, cost] = points[i].objectives;
        let below = sorted.partition_point(|other| other.total_cmp(&score).is_lt());
        [below as f64, cost]
    };
    let mut order: Vec<(usize, usize, f64)> = Vec::with_capacity(points.len());
    for (rank, front) in non_dominated_fronts(&points).iter().enumerate() {
        let objectives: Vec<[f64; 2]> = front.iter().map(by_rank).collect();
        let distances = crowding_distances(&objectives);
        order.extend(front.iter().zip(distances).map(|(&i, d)| (i, rank, d)));
    }
    order.sort_by(|a, b| a.1.cmp(&b.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0)));
    order.truncate(size);
    let mut candidates: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
    let member = |(i, front, crowding): (usize, usize, f64)| {
        let candidate = candidates[i].take()?;
        Some(Member {
            candidate,
            front,
            crowding,
        })
    };
    order.into_iter().filter_map(member).collect()
}

/// The better of two random members: of the earlier front, then the less crowded.
fn tournament<'a>(
    population: &'a [Member],
    random: &mut Stream,
) -> Option<&'a lpzero_arch::Genotype> {
    if population.is_empty() {
        return None;
    }
    let mut pick = || &population[random.random_range(0..population.len())];
    let (a, b) = (pick(), pick());
    let ordering = a
        .front
        .cmp(&b.front)
        .then(b.crowding.total_cmp(&a.crowding));
    let winner = if ordering.is_le() { a } else { b };
    Some(&winner.candidate.genotype)
}

/// Measures that domination compares: violation of constraints, and objectives to minimise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// 0 where all constraints hold.
    pub violation: f64,
    /// Smaller is better.
    pub objectives: [f64; 2],
}

/// Keeping to constraints comes first, then missing them by less.
pub(crate) fn precedes(a: f64, b: f64) -> Ordering {
    a.max(0.0).total_cmp(&b.max(0.0))
}

/// Constrained domination (definition 1 of the paper).
fn dominates(a: &Point, b: &Point) -> bool {
    match precedes(a.violation, b.violation) {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal => {
            let mut pairs = a.objectives.iter().zip(&b.objectives);
            let no_worse = pairs.clone().all(|(a, b)| a <= b);
            no_worse && pairs.any(|(a, b)| a < b)
        }
    }
}

/// Positions by front: the first is dominated by nobody, the next only by the
/// first, and so on; each in increasing order.
pub fn non_dominated_fronts(points: &[Point]) -> Vec<Vec<usize>> {
    let all = 0..points.len();
    let mut dominated: Vec<Vec<usize>> = vec![Vec::new(); points.len()];
    let mut dominators = vec![0usize; points.len()];
    for i in all.clone() {
        for j in all.clone() {
            if dominates(&points[i], &points[j]) {
                dominated[i].push(j);
                dominators[j] += 1;
            }
        }
    }
    let mut fronts = Vec::new();
    let mut front: Vec<usize> = all.filter(|&i| dominators[i] == 0).collect();
    while !front.is_empty() {
        let mut next = Vec::new();
        for &i in &front {
            for &j in &dominated[i] {
                dominators[j] -= 1;
                if dominators[j] == 0 {
                    next.push(j);
                }
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut front, next));
    }
    fronts
}

/// How far apart the neighbours of every member of a front are, per objective as a
/// share of its range, summed; infinite at the ends.
pub fn crowding_distances(front: &[[f64; 2]]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    for objective in 0..2 {
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&i, &j| front[i][objective].total_cmp(&front[j][objective]));
        let (Some(&first), Some(&last)) = (order.first(), order.last()) else {
            continue;
        };
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
        let range = front[last][objective] - front[first][objective];
        if !(range > 0.0 && range.is_finite()) {
            continue;
        }
        for triple in order.windows(3) {
            let apart = front[triple[2]][objective] - front[triple[0]][objective];
            distances[triple[1]] += apart / range;
        }
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a coarse grid, so that many are equal or share a coordinate.
    fn points(count: usize, seed: u64) -> Vec<Point> {
        let mut random = seed::stream(seed, "points");
        let mut coarse = |n: u32| f64::from(random.random_range(0..n));
        let point = |_| Point {
            violation: (coarse(4) - 2.0).max(0.0),
            objectives: [coarse(12), coarse(12)],
        };
        (0..count).map(point).collect()
    }

    #[test]
    fn fronts_are_what_peeling_off_by_hand_gives() {
        for seed in 0..20 {
            let points = points(60, seed);
            let mut left: Vec<usize> = (0..points.len()).collect();
            for front in non_dominated_fronts(&points) {
                let beaten = |&&i: &&usize| {
                    let (p, [x, y]) = (points[i], points[i].objectives);
                    left.iter().any(|&j| {
                        let (q, [u, v]) = (points[j], points[j].objectives);
                        q.violation < p.violation
                            || (q.violation == p.violation && u <= x && v <= y && (u, v) != (x, y))
                    })
                };
                let expected: Vec<usize> = left.iter().filter(|i| !beaten(i)).copied().collect();
                assert_eq!(front, expected);
                left.retain(|i| !front.contains(i));
            }
            assert!(left.is_empty());
        }
    }

    #[test]
    fn crowding_is_the_side_of_the_box_between_neighbours() {
        let front = [[0.0, 10.0], [1.0, 5.0], [4.0, 4.0], [10.0, 0.0]];
        let distances = crowding_distances(&front);
        assert_eq!(distances[0], f64::INFINITY);
        assert_eq!(distances[3], f64::INFINITY);
        assert!((distances[1] - (0.4 + 0.6)).abs() < 1e-12);
        assert!((distances[2] - (0.9 + 0.5)).abs() < 1e-12);
        assert!(crowding_distances(&[]).is_empty());
    }
}
