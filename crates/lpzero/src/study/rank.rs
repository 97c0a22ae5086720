//! Ranking the architectures of a study by proxies.

use std::borrow::Cow;
use std::time::Instant;

use lpzero_arch::Architecture;
use lpzero_proxy::Evaluator;
use lpzero_proxy::named::RankProduct;
use lpzero_trace::Trace;
use lpzero_truth::GroundTruth;
use serde::Serialize;

use super::{SplitSizes, Study, source};
use crate::points::{Part, Point, Points};
use crate::ranking::{Contestant, PassScores, RankRow, Ranked, Seconds, rank_passes};
use crate::subjects::Subjects;
use crate::{Error, Like, Networks, Proxy, Repeats, Workbench};

/// Options of a ranking.
#[derive(Clone, Debug)]
pub struct RankOptions {
    /// The proxies, a row each.
    pub proxies: Vec<Proxy>,
    /// Products of the ranks that some of the proxies give, a row each after those.
    pub products: Vec<&'static RankProduct>,
    /// Whether whole tensors are wanted where traces would do.
    pub exact: bool,
    /// Rank only what such a split leaves as the test; all architectures otherwise.
    pub split: Option<SplitSizes>,
    /// Passes whose scores are averaged.
    pub repeats: Repeats,
    /// Whether the smallest networks are run again with what must not matter changed
    /// ([`VARIATIONS`](crate::variation::VARIATIONS)).
    pub vary: bool,
    /// Networks whose order at like size is asked for.
    pub like: Like,
    /// Seed of the split and of resamples.
    pub seed: u64,
}

impl RankOptions {
    /// One pass of all architectures, by traces where these do.
    pub fn new(proxies: Vec<Proxy>) -> Self {
        Self {
            proxies,
            products: Vec::new(),
            exact: false,
            split: None,
            repeats: Repeats::ONE,
            vary: false,
            like: Like::default(),
            seed: 0,
        }
    }
}

/// How well proxies rank the architectures of a ground truth. Serialised, it is the
/// JSON document of `lpzero rank`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// Name of the ground truth.
    pub truth: String,
    /// Number of architectures that were ranked.
    pub n: usize,
    /// The reading of the architectures, where the layout leaves a choice.
    pub reading: Option<String>,
    /// Whether whole tensors were asked for.
    pub exact: bool,
    /// A row per proxy.
    pub rows: Vec<RankRow>,
    /// The networks as the best row and their training place them. Not part of the document.
    #[serde(skip)]
    pub points: Option<Points>,
}

impl Study {
    /// How well proxies rank the architectures of each ground truth.
    ///
    /// # Errors
    ///
    /// As [`rank_with`](Self::rank_with).
    pub fn rank(&self, proxies: &[Proxy]) -> Result<Vec<Ranking>, Error> {
        self.rank_with(&RankOptions::new(proxies.to_vec()))
    }

    /// [`rank`](Self::rank) with options.
    ///
    /// # Errors
    ///
    /// Networks that cannot be run, a formula that is not a score, fewer than two
    /// architectures, and a split that is too large.
    pub fn rank_with(&self, options: &RankOptions) -> Result<Vec<Ranking>, Error> {
        let truths = 0..self.truths.len();
        truths.map(|truth| self.rank_one(truth, options)).collect()
    }

    fn rank_one(&self, number: usize, options: &RankOptions) -> Result<Ranking, Error> {
        let truth = &self.truths[number];
        let indices: Vec<usize> = match options.split {
            Some(sizes) => sizes.draw(truth, options.seed)?.test,
            None => (0..truth.entries.len()).collect(),
        };
        let networks = Networks::from(truth);
        let data_free = self.workbench.data_free(&networks, &options.proxies)?;
        let passes = options.repeats.passes().map(|repetition| {
            let pass = Pass {
                study: self,
                number,
                workbench: &self.workbench.clone().with_repetition(repetition),
                options,
                networks: &networks,
                indices: &indices,
            };
            pass.scores()
        });
        let mut passes = passes.collect::<Result<Vec<_>, _>>()?;
        let contestants = contestants(options, &data_free, &mut passes)?;

        let task = self.workbench.watch().task("ranking");
        let progress = |done| task.step(done, contestants.len());
        let subjects = Ranked::new(&Subjects::from(truth), &indices, options.like)?;
        let all = (&passes[..], options.repeats);
        let mut rows = rank_passes(&contestants, all, &subjects, options.seed, progress)?;
        for (number, row) in rows.iter_mut().enumerate() {
            let first = passes.iter().find_map(|pass| pass.first_undefined(number));
            if let Some(first) = first {
                let network = networks.subset([indices[first]]);
                row.undefined_why = Some(self.why(&network, options.proxies.get(number))?);
            }
        }
        if options.vary {
            let moved = self.workbench.movements(&networks, &options.proxies)?;
            for (row, moved) in rows.iter_mut().zip(moved) {
                row.movements = moved.movements;
            }
        }
        for remark in nothing_to_rank(truth, &indices, &rows) {
            self.workbench.watch().warn(remark);
        }
        Ok(Ranking {
            truth: truth.name.clone(),
            n: indices.len(),
            reading: truth.reading.map(|reading| reading.to_string()),
            exact: options.exact,
            points: best_points(truth, &indices, &rows, &passes, options.like),
            rows,
        })
    }
}

/// The networks as the proxy that orders those of like size best places them.
fn best_points(
    truth: &GroundTruth,
    indices: &[usize],
    rows: &[RankRow],
    passes: &[PassScores],
    like: Like,
) -> Option<Points> {
    let measure = |row: &RankRow| row.same_size.or(row.tau);
    let known = (0..rows.len()).filter(|&row| measure(&rows[row]).is_some());
    // The first of equals.
    let best = known.rev().max_by(|a, b| {
        let (a, b) = (measure(&rows[*a]), measure(&rows[*b]));
        a.unwrap_or(f64::NAN).total_cmp(&b.unwrap_or(f64::NAN))
    })?;
    let mean = |number: usize| {
        let scores = passes.iter().filter_map(|pass| pass.of(best)?.get(number));
        scores.sum::<f64>() / passes.len().max(1) as f64
    };
    let points = indices.iter().enumerate().map(|(number, &index)| {
        let entry = &truth.entries[index];
        Point {
            id: entry.id.clone(),
            part: Part::All,
            size: like.size.of(&entry.architecture),
            trained: entry.score,
            score: mean(number),
        }
    });
    Some(Points {
        truth: truth.name.clone(),
        metric: truth.metric.to_string(),
        proxy: rows[best].proxy.clone(),
        tolerance: like.tolerance,
        rows: points.collect(),
    })
}

/// Why there are no correlations, or none of a proxy: what is equal on both sides has no
/// order.
fn nothing_to_rank(truth: &GroundTruth, indices: &[usize], rows: &[RankRow]) -> Vec<String> {
    let entries = || indices.iter().map(|&index| &truth.entries[index]);
    let Some(first) = entries().next() else {
        return Vec::new();
    };
    let (name, n) = (&truth.name, indices.len());
    if entries().all(|entry| entry.score == first.score) {
        return vec![format!(
            "{name}: all {n} scores are equal, so nothing can be ranked"
        )];
    }
    if entries().all(|entry| entry.architecture == first.architecture) {
        return vec![format!(
            "{name}: all {n} networks are equal, so no proxy tells them apart"
        )];
    }
    let equal = rows
        .iter()
        .filter(|row| row.tau.is_none() && row.undefined == 0);
    let remark = |row: &RankRow| {
        format!(
            "{}: equal on all {n} architectures, so not ranked",
            row.proxy
        )
    };
    equal.map(remark).collect()
}

impl Study {
    /// Why a proxy is not finite on a network; `None` stands for a product of ranks.
    fn why(&self, network: &Networks, proxy: Option<&Proxy>) -> Result<String, Error> {
        let Some(proxy) = proxy else {
            return Ok("one of its parts is not".to_owned());
        };
        let silent = self.workbench.watch().silent();
        let workbench = self.workbench.clone().with_watch(silent);
        let scores = workbench.score(network, std::slice::from_ref(proxy), Repeats::ONE)?;
        let id = network.ids().first().map_or("", |id| &id[..]);
        Ok(match scores.undefined.first() {
            Some(undefined) => format!("on {id}, {}", undefined.why),
            None => format!("on {id} it is on whole tensors, though not on samples (--exact)"),
        })
    }
}

/// Proxies, then products of their ranks, whose columns are added to every pass.
pub(super) fn contestants(
    options: &RankOptions,
    data_free: &[bool],
    passes: &mut [PassScores],
) -> Result<Vec<Contestant>, Error> {
    let proxies = &options.proxies;
    let mut contestants: Vec<Contestant> = (proxies.iter().zip(data_free))
        .map(|(proxy, data_free)| Contestant::proxy(proxy, *data_free))
        .collect();
    for product in &options.products {
        let of = |name: &&str| {
            let found = proxies.iter().position(|proxy| proxy.name == *name);
            found.ok_or_else(|| {
                let product = product.name;
                Error::Formula(format!("{product} needs {name} among the proxies"))
            })
        };
        let parts = product.parts.iter().map(of);
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        for pass in &mut *passes {
            pass.add_product(&parts)?;
        }
        let parts: Vec<&Contestant> = parts.iter().map(|&part| &contestants[part]).collect();
        contestants.push(Contestant::product(product, &parts));
    }
    Ok(contestants)
}

/// One pass over the networks that are ranked.
struct Pass<'a> {
    study: &'a Study,
    number: usize,
    workbench: &'a Workbench,
    options: &'a RankOptions,
    networks: &'a Networks,
    indices: &'a [usize],
}

impl Pass<'_> {
    /// Scores of every proxy: from traces, and in a second go over the networks those
    /// that no trace gives, each charged an equal share of its time, and timed alone.
    fn scores(&self) -> Result<PassScores, Error> {
        let is_whole = |proxy: &Proxy| {
            proxy.formula.needs_whole_tensors() || (self.options.exact && proxy.needs_network())
        };
        let (whole, traced): (Vec<Proxy>, Vec<Proxy>) =
            self.options.proxies.iter().cloned().partition(is_whole);

        let mut exact = Vec::new();
        let mut seconds = Vec::new();
        if !whole.is_empty() {
            let networks = self.networks.subset(self.indices.iter().copied());
            let start = Instant::now();
            exact = self.workbench.exact_scores(&networks, &whole)?;
            let total = start.elapsed().as_secs_f64() / whole.len() as f64;
            let alone = self.alone(&networks, &whole)?.into_iter();
            seconds = alone.map(|each| Seconds { total, each }).collect();
        }
        let mut exact = exact.into_iter().zip(seconds);
        let traces = self.traces(&traced)?;
        let evaluator = Evaluator::new(&traces);
        let mut pass = PassScores::default();
        for proxy in &self.options.proxies {
            match is_whole(proxy).then(|| exact.next()).flatten() {
                Some((scores, seconds)) => pass.add(proxy, scores, seconds),
                None => pass.add_traced(proxy, &evaluator, self.indices)?,
            }
        }
        Ok(pass)
    }

    /// Traces that these proxies read; counts cost no pass.
    fn traces(&self, proxies: &[Proxy]) -> Result<Cow<'_, [Trace]>, Error> {
        if !proxies.iter().any(Proxy::needs_network) {
            let architectures = self.networks.architectures().iter();
            return Ok(architectures.map(Trace::data_free).collect());
        }
        if self.options.repeats.count() == 1 {
            return Ok(Cow::Borrowed(&self.study.traces()?[self.number]));
        }
        let source = source(&self.study.truths[self.number]);
        self.workbench
            .traces(&source, self.networks)
            .map(Cow::Owned)
    }

    /// Seconds that each proxy takes by itself on the architecture of median size.
    fn alone(&self, networks: &Networks, proxies: &[Proxy]) -> Result<Vec<f64>, Error> {
        let size = |architecture: &Architecture| architecture.parameters().total();
        let mut order: Vec<usize> = (0..networks.len()).collect();
        order.sort_by_key(|&i| size(&networks.architectures()[i]));
        let Some(&median) = order.get(order.len() / 2) else {
            return Ok(Vec::new());
        };
        let network = networks.subset([median]);
        let task = self.workbench.watch().task("timing");
        let time = |(done, proxy): (usize, &Proxy)| {
            task.step(done, proxies.len());
            let start = Instant::now();
            let proxy = std::slice::from_ref(proxy);
            (self.workbench).exact_scores_telling(&network, proxy, &|_| ())?;
            Ok(start.elapsed().as_secs_f64())
        };
        proxies.iter().enumerate().map(time).collect()
    }
}
