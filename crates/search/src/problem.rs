//! The problem of a search: ground truths, and the vocabulary of formulas.

use lpzero_proxy::Node;
use lpzero_stats::Split;

use crate::score::Score;
use crate::stability::Varied;
use crate::{Error, Vocabulary};

/// Ground truths to search on.
#[derive(Clone, Copy)]
pub struct Problem<'a> {
    /// At least one. Where there are several, a formula is worth what it is
    /// worth on the one that it does worst on: a proxy that carries over.
    pub benchmarks: &'a [Benchmark<'a>],
    /// Symbols, roles and scalars that formulas may be made of.
    pub vocabulary: &'a Vocabulary,
    /// Formulas to start from: known proxies.
    pub seeds: &'a [Node],
}

/// A ground truth to search on.
#[derive(Clone, Copy)]
pub struct Benchmark<'a> {
    /// Name in a report.
    pub name: &'a str,
    /// Scores formulas on the architectures of the ground truth.
    pub scorer: &'a dyn Score,
    /// Scorers of further traces, such as of other initial weights. Only a search for
    /// what carries over asks them.
    pub further: &'a [&'a dyn Score],
    /// Some architectures with what must not matter changed. Only a search for what
    /// carries over asks them, and what a report says of the formulas that it shows.
    pub variations: &'a [Varied<'a>],
    /// Size of every architecture: of two that are alike in it, which is better?
    pub sizes: &'a [f64],
    /// Trained score of every architecture, larger is better.
    pub truth: &'a [f64],
    /// Which architectures are for what.
    pub split: &'a Split,
    /// For every architecture, what it has in common with others (`4 x 256`),
    /// for tau inside groups; empty for none.
    pub groups: &'a [String],
    /// Baselines that the winner is compared with on the test split.
    pub baselines: &'a [Baseline],
}

/// Scores that need no search.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Name, for people.
    pub name: String,
    /// The score of every architecture, larger is better.
    pub scores: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// Checks that there is a ground truth, and that all its columns describe
    /// the same architectures.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.benchmarks.is_empty() {
            return Err(Error::Setting {
                name: "benchmarks",
                value: "none".to_owned(),
                expected: "at least one ground truth",
            });
        }
        self.benchmarks.iter().try_for_each(Benchmark::check)
    }

    /// The only ground truth.
    ///
    /// # Errors
    /// Where there are several.
    pub(crate) fn only(&self) -> Result<&'a Benchmark<'a>, Error> {
        match self.benchmarks {
            [benchmark] => Ok(benchmark),
            several => Err(Error::Setting {
                name: "benchmarks",
                value: several.len().to_string(),
                expected: "one ground truth: an exhaustive search is of one",
            }),
        }
    }

    /// Architectures of the search split of each ground truth.
    pub(crate) fn searched(&self) -> impl Iterator<Item = usize> + 'a {
        let benchmarks = self.benchmarks.iter();
        benchmarks.map(|benchmark| benchmark.split.search.len())
    }
}

impl Benchmark<'_> {
    fn check(&self) -> Result<(), Error> {
        let n = self.truth.len();
        let groups = Some(self.groups.len()).filter(|length| *length > 0);
        let baselines = self.baselines.iter().map(|baseline| baseline.scores.len());
        let mut lengths = groups
            .into_iter()
            .chain(baselines)
            .chain([self.sizes.len()]);
        if let Some(right) = lengths.find(|length| *length != n) {
            return Err(lpzero_stats::Error::Lengths { left: n, right }.into());
        }
        // A split may leave architectures out, but use none twice.
        let parts = [&self.split.search, &self.split.validation, &self.split.test];
        let mut used = vec![false; n];
        for &index in parts.into_iter().flatten() {
            match used.get_mut(index) {
                Some(used) if !*used => *used = true,
                _ => {
                    return Err(Error::Setting {
                        name: "split",
                        value: format!("architecture {index}"),
                        expected: "architectures of the ground truth, each in one part only",
                    });
                }
            }
        }
        Ok(())
    }

    /// The truths of these architectures.
    pub(crate) fn truths(&self, indices: &[usize]) -> Vec<f64> {
        indices.iter().map(|&index| self.truth[index]).collect()
    }

    /// The sizes of these architectures.
    pub(crate) fn sizes_of(&self, indices: &[usize]) -> Vec<f64> {
        indices.iter().map(|&index| self.sizes[index]).collect()
    }

    /// Scores of the formula on these architectures, if all are finite.
    pub(crate) fn finite_scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        let scores = self.scorer.scores(formula, indices)?;
        let finite = scores.iter().all(|score| score.is_finite());
        finite.then_some(scores)
    }

    /// The search split, then the validation split.
    pub(crate) fn seen(&self) -> Vec<usize> {
        [&self.split.search[..], &self.split.validation[..]].concat()
    }

    /// All three, the test split last: for what asks for no truth.
    pub(crate) fn all(&self) -> Vec<usize> {
        [self.seen(), self.split.test.clone()].concat()
    }
}
