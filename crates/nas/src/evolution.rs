//! Regularised evolution (Real et al. 2019, algorithm 1): the best of a random sample
//! of the population is mutated, its child joins, and the oldest member leaves.

use std::collections::VecDeque;

use lpzero_run::seed::{self, Stream};
use rand::seq::index;

use crate::genotype::mutate;
use crate::nsga2::precedes;
use crate::run::{CHUNK, Run};
use crate::{Candidate, Scorer};

/// Share of the population that a parent is the best of; 25 of 100 in the paper.
const SAMPLE: usize = 4;

/// Maximises the score under the constraints; the cost plays no part. Children come
/// in small batches, as with the workers of the paper, whatever the number of threads.
pub(crate) fn search<S: Scorer>(run: &mut Run<'_, '_, S>) -> Result<(), S::Error> {
    let mut random = seed::stream(run.strategy.seed, "regularised evolution");
    let size = run.strategy.population;
    let mut population: VecDeque<Candidate> = VecDeque::with_capacity(size + CHUNK);
    while population.len() < size && !run.finished() {
        let wanted = (size - population.len()).min(run.left()).min(CHUNK);
        let batch = run.fresh(wanted, &mut random)?;
        population.extend(run.evaluate(batch)?);
    }
    while !run.finished() {
        let problem = run.problem;
        let breed = |random: &mut Stream| {
            let parent = parent(&population, random)?;
            let mut child = parent.genotype.clone();
            mutate(problem.space, &mut child, random);
            Some(child)
        };
        let batch = run.bred(run.left().min(CHUNK), breed, &mut random)?;
        population.extend(run.evaluate(batch)?);
        while population.len() > size {
            population.pop_front();
        }
    }
    Ok(())
}

/// The best of a sample; one that keeps to the constraints before one that does not.
fn parent<'a>(population: &'a VecDeque<Candidate>, random: &mut Stream) -> Option<&'a Candidate> {
    let size = population.len();
    let sample = index::sample(random, size, (size / SAMPLE).max(2).min(size));
    let mut sample = sample.into_iter().map(|i| &population[i]);
    let first = sample.next()?;
    Some(sample.fold(first, |best, other| {
        let ordering = precedes(other.violation, best.violation)
            .then_with(|| best.fitness().total_cmp(&other.fitness()));
        if ordering.is_lt() { other } else { best }
    }))
}
