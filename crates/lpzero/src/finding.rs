//! Searching for a proxy on the traces of ground truths.

use std::collections::HashMap;

use lpzero_proxy::named::NAMED;
use lpzero_proxy::{Evaluator, Node, known};
use lpzero_search::score::Score;
use lpzero_search::select::{self, Correlations};
use lpzero_search::stability::Varied;
use lpzero_search::{
    Baseline, Benchmark, Control, LeftOutReport, Method, OfCounts, Problem, Report, Settings, Test,
    Vocabulary,
};
use lpzero_stats::Split;
use lpzero_trace::{Symbol, Trace};
use lpzero_truth::GroundTruth;

use crate::subjects::{Subjects, kinds};
use crate::variation::{VARIATIONS, VariedTraces};
use crate::{Error, Size};

/// Draws a split of a ground truth by the seed, equal networks in one part.
///
/// # Errors
///
/// Where the ground truth is too small for it.
pub fn split(
    truth: &GroundTruth,
    search: usize,
    validation: usize,
    seed: u64,
) -> Result<Split, Error> {
    Ok(Split::draw(&kinds(truth), search, validation, seed)?)
}

/// The named proxies that a search may honestly start from: all but those that
/// were themselves chosen on a ground truth.
pub fn unfitted_proxies() -> Vec<Node> {
    let unfitted = NAMED
        .iter()
        .filter(|named| !named.fitted && !named.node().needs_whole_tensors());
    unfitted.map(|named| named.node()).collect()
}

/// Formulas besides the front whose exact scores decide which one is reported.
const SHORTLIST: usize = 24;

/// A search for a proxy on one or several ground truths.
#[derive(Clone, Copy)]
pub(crate) struct Finder<'a> {
    /// Where there are several, the formula is wanted that does best on the one
    /// that it does worst on.
    pub truths: &'a [TracedTruth<'a>],
    /// Formulas to start from, beside random ones.
    pub seeds: &'a [Node],
    /// How to search.
    pub settings: &'a Settings,
    /// Size by which networks are alike.
    pub size: Size,
    /// Inputs that formulas are not made of, although traces have them.
    pub withheld: &'a Withheld,
}

/// Inputs that a search is to do without; nothing, by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Withheld {
    /// Symbols.
    pub symbols: Vec<Symbol>,
    /// Whether scalars of the network (counts, the loss) are withheld, all of them.
    pub scalars: bool,
}

/// A ground truth, ready to be searched on.
#[derive(Clone, Copy)]
pub(crate) struct TracedTruth<'a> {
    /// The networks and their trained scores.
    pub subjects: &'a Subjects,
    /// One trace per network.
    pub traces: &'a [Trace],
    /// Traces of other initial weights.
    pub further: &'a [&'a [Trace]],
    /// Traces of some networks with what must not matter changed, where there are any.
    pub varied: Option<&'a VariedTraces>,
    /// Networks to search on, select with and test on.
    pub split: &'a Split,
}

/// Owned columns that a [`Benchmark`] borrows.
struct Columns<'a> {
    evaluator: Evaluator<'a>,
    further: Vec<Evaluator<'a>>,
    /// By variation.
    varied: Vec<Evaluator<'a>>,
    sizes: Vec<f64>,
    baselines: Vec<Baseline>,
}

impl<'a> Columns<'a> {
    fn of(traced: &TracedTruth<'a>, size: Size) -> Result<Self, Error> {
        Ok(Self {
            evaluator: Evaluator::new(traced.traces),
            further: traced
                .further
                .iter()
                .map(|traces| Evaluator::new(traces))
                .collect(),
            varied: (traced.varied.iter())
                .flat_map(|varied| &varied.traces)
                .map(|traces| Evaluator::new(traces))
                .collect(),
            sizes: traced.subjects.sizes(size),
            baselines: traced.subjects.baselines()?,
        })
    }

    /// Scorers of further traces.
    fn further(&self) -> Vec<&dyn Score> {
        let further = self.further.iter();
        further.map(|evaluator| evaluator as &dyn Score).collect()
    }

    /// Scorers of the variations.
    fn variations<'b>(&'b self, traced: &TracedTruth<'b>) -> Vec<Varied<'b>> {
        let Some(varied) = traced.varied else {
            return Vec::new();
        };
        let evaluators = VARIATIONS.iter().zip(&self.varied);
        evaluators
            .map(|(variation, evaluator)| Varied {
                name: variation.name,
                architectures: &varied.networks,
                scorer: evaluator,
                is_seed: variation.is_seed(),
            })
            .collect()
    }

    fn benchmark<'b>(
        &'b self,
        traced: &TracedTruth<'b>,
        scorer: &'b dyn Score,
        (further, variations): (&'b [&'b dyn Score], &'b [Varied<'b>]),
    ) -> Benchmark<'b> {
        Benchmark {
            name: &traced.subjects.name,
            scorer,
            further,
            variations,
            sizes: &self.sizes,
            truth: &traced.subjects.scores,
            split: traced.split,
            groups: &traced.subjects.groups,
            baselines: &self.baselines,
        }
    }
}

/// Scores formulas on whole tensors: given the number of a ground truth, by
/// formula, then network of the ground truth.
pub(crate) type ExactScores<'a> = dyn FnMut(usize, &[Node]) -> Result<Vec<Vec<f64>>, Error> + 'a;

impl Finder<'_> {
    /// Searches on one part of each ground truth, selects with another and tests
    /// the winner once on the rest.
    ///
    /// The search reads traces, where some formulas are computed on a sample of
    /// each tensor. Those that the report may be about are scored once more by
    /// `exact` before anything is selected. A search that was cancelled does
    /// without, and so does one of networks that cannot be run again.
    ///
    /// # Errors
    ///
    /// Settings out of range, no ground truth or one on which nothing can be
    /// ranked, or what `exact` says.
    pub fn find(
        &self,
        method: Method,
        control: &mut Control<'_>,
        exact: Option<&mut ExactScores<'_>>,
    ) -> Result<Report, Error> {
        let columns = self
            .truths
            .iter()
            .map(|traced| Columns::of(traced, self.size));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let vocabularies = self.truths.iter().map(|traced| {
            let searched = traced.split.search.iter();
            Vocabulary::of(searched.map(|&index| &traced.traces[index]))
        });
        let vocabularies: Vec<Vocabulary> = vocabularies.collect();
        let truths = || self.truths.iter().zip(&columns);
        let further: Vec<Vec<&dyn Score>> = columns.iter().map(Columns::further).collect();
        let variations: Vec<Vec<Varied<'_>>> = truths()
            .map(|(traced, columns)| columns.variations(traced))
            .collect();
        let beside = || {
            further
                .iter()
                .map(|f| &f[..])
                .zip(variations.iter().map(|v| &v[..]))
        };
        let benchmarks: Vec<Benchmark<'_>> = truths()
            .zip(beside())
            .map(|((traced, columns), beside)| {
                columns.benchmark(traced, &columns.evaluator, beside)
            })
            .collect();
        let Withheld { symbols, scalars } = self.withheld;
        let vocabulary = Vocabulary::shared(&vocabularies).without(symbols, *scalars);
        // What the traces lack is for the search to find out; what is withheld, they have.
        let withholds = *scalars || !symbols.is_empty();
        let seeds: Vec<Node> = (self.seeds.iter())
            .filter(|seed| !withholds || vocabulary.covers(seed))
            .cloned()
            .collect();
        let problem = Problem {
            benchmarks: &benchmarks,
            vocabulary: &vocabulary,
            seeds: &seeds,
        };
        let found = method.search(problem, self.settings, control)?;
        let exact = exact.filter(|_| !found.interrupted);
        let Some(exact) = exact else {
            return Ok(Report::conclude(method, &problem, self.settings, &found)?);
        };
        let shortlist = select::shortlist(&problem, self.settings, &found, SHORTLIST)?;
        let mut scorers = Vec::with_capacity(columns.len());
        for (index, columns) in columns.iter().enumerate() {
            let is_sampled = |formula: &&Node| {
                let prepared = columns.evaluator.prepare(formula);
                prepared.is_ok_and(|prepared| !prepared.is_exact())
            };
            let formulas = shortlist.iter().map(|individual| &individual.formula);
            let sampled: Vec<Node> = formulas.filter(is_sampled).cloned().collect();
            let scores = if sampled.is_empty() {
                Vec::new()
            } else {
                exact(index, &sampled)?
            };
            scorers.push(Exact {
                evaluator: &columns.evaluator,
                known: sampled.iter().map(Node::to_string).zip(scores).collect(),
            });
        }
        if scorers.iter().all(|scorer| scorer.known.is_empty()) {
            return Ok(Report::conclude(method, &problem, self.settings, &found)?);
        }
        let benchmarks: Vec<Benchmark<'_>> = truths()
            .zip(scorers.iter().zip(beside()))
            .map(|((traced, columns), (scorer, beside))| columns.benchmark(traced, scorer, beside))
            .collect();
        let problem = Problem {
            benchmarks: &benchmarks,
            ..problem
        };
        let found = found.remeasured(&problem, self.settings, &shortlist)?;
        Ok(Report::conclude(method, &problem, self.settings, &found)?)
    }
}

/// A formula, and perhaps one of counts, on all of a ground truth that took no part.
pub(crate) fn judge(
    subjects: &Subjects,
    traces: &[Trace],
    (formula, counts): (&Node, Option<&Node>),
    (settings, size): (&Settings, Size),
) -> Result<LeftOutReport, Error> {
    let all: Vec<usize> = (0..subjects.len()).collect();
    let split = Split {
        search: Vec::new(),
        validation: Vec::new(),
        test: all.clone(),
    };
    let traced = TracedTruth {
        subjects,
        traces,
        further: &[],
        varied: None,
        split: &split,
    };
    let columns = Columns::of(&traced, size)?;
    let benchmark = columns.benchmark(&traced, &columns.evaluator, (&[], &[]));
    let scores = |formula: &Node| {
        let scores = columns.evaluator.all_scores(formula);
        scores.map_err(|error| Error::Formula(error.to_string()))
    };
    let sizes = (&columns.sizes[..], settings.tolerance);
    let counts = counts.map(|formula| {
        Ok::<_, Error>(OfCounts {
            formula: formula.to_string(),
            on: Correlations::with_interval(
                &scores(formula)?,
                &subjects.scores,
                sizes,
                settings.seed,
            )?,
        })
    });
    let own = scores(formula)?;
    Ok(LeftOutReport {
        truth: subjects.name.clone(),
        formula: formula.to_string(),
        test: Test::of(&benchmark, &all, settings, &own)?,
        counts: counts.transpose()?,
        scores: own,
    })
}

/// Exact scores where traces hold a sample only.
struct Exact<'a> {
    evaluator: &'a Evaluator<'a>,
    /// Scores of all architectures, by formula.
    known: HashMap<String, Vec<f64>>,
}

impl Score for Exact<'_> {
    fn scores(&self, formula: &Node, indices: &[usize]) -> Option<Vec<f64>> {
        // A formula that ranked in reverse has been turned.
        let turned = match formula {
            Node::Apply(known::NEG, parts) => parts.first(),
            _ => None,
        };
        for (formula, sign) in [(Some(formula), 1.0), (turned, -1.0)] {
            let known = formula.and_then(|formula| self.known.get(&formula.to_string()));
            if let Some(column) = known {
                return Some(indices.iter().map(|&index| sign * column[index]).collect());
            }
        }
        Score::scores(self.evaluator, formula, indices)
    }
}
