//! Scores of networks with what a reader has to know of them: whose weights they are, and
//! why one is not finite.

use lpzero_nn::{Objective, Symbol, missing_head};
use lpzero_proxy::Node;
use lpzero_trace::Progress;

use crate::scored::{self, Kept, Scored, ScoresSoFar};
use crate::watch::Task;
use crate::{Error, Networks, PassMoments, Proxy, Repeats, Scores, Undefined, Workbench};

/// The first reason that was met, by proxy, then network.
type Reasons = Vec<Vec<Option<String>>>;

impl Workbench {
    /// Exact scores by proxy, then network, as means over several passes, with their
    /// spread where there are several.
    ///
    /// Weights without a head, as of a body that was saved alone, are scored with no
    /// loss, by proxies that read none.
    ///
    /// # Errors
    ///
    /// As [`exact_scores`](Self::exact_scores), and [`Error::NoHead`].
    pub fn score(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
        repeats: Repeats,
    ) -> Result<Scores, Error> {
        let scored = self.score_keeping(networks, proxies, repeats, None)?;
        Ok(scored.scores)
    }

    /// [`score`](Self::score) of what is not kept yet, or of a share of it. Every network is
    /// recorded soon after it is scored.
    ///
    /// # Errors
    ///
    /// As [`score`](Self::score), and a journal that cannot be written.
    pub fn score_keeping(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
        repeats: Repeats,
        mut kept: Option<Kept<'_>>,
    ) -> Result<ScoresSoFar, Error> {
        let nothing = || vec![vec![f64::NAN; networks.len()]; proxies.len()];
        let mut scores = Scores {
            ids: networks.ids().to_vec(),
            proxies: proxies.iter().map(|proxy| proxy.name.clone()).collect(),
            columns: nothing(),
            spread: (repeats.count() > 1).then(nothing),
            repeats,
            weighted: networks.weights().iter().map(Option::is_some).collect(),
            bodies: self.bodies(networks, proxies)?,
            undefined: Vec::new(),
        };
        let mut reasons: Reasons = vec![vec![None; networks.len()]; proxies.len()];
        let mut known = vec![false; networks.len()];
        if let Some(Kept { journal, .. }) = &kept {
            for (row, id) in networks.ids().iter().enumerate() {
                if let Some(scored) = journal.get(&scored::name(row, id)) {
                    enter(&mut scores, &mut reasons, &[row], Part::of(scored));
                    known[row] = true;
                }
            }
        }
        let own = own_rows(networks, kept.as_ref());
        let mut meter = Meter {
            task: self.watch().task("scoring"),
            lengths: own.iter().map(|&row| length(networks, row)).sum(),
            done: 0.0,
            finished: 0,
            total: own.len(),
        };
        let (there, missing): (Vec<usize>, Vec<usize>) = own.iter().partition(|row| known[**row]);
        meter.finish(networks, &there);
        let without_loss = self.clone().with_pass(crate::Pass {
            objective: Some(Objective::RandomProjection),
            ..self.pass().clone()
        });
        let is_body = |row: &usize| scores.bodies.contains(row);
        let (bodies, whole): (Vec<usize>, Vec<usize>) =
            missing.iter().partition(|row| is_body(row));
        for (workbench, rows) in [(self, whole), (&without_loss, bodies)] {
            // What is kept is kept soon; all at once is quicker.
            let at_once = match kept {
                Some(_) => PER_THREAD * self.pool().current_num_threads(),
                None => rows.len(),
            };
            for rows in rows.chunks(at_once.max(1)) {
                let some = networks.subset(rows.iter().copied());
                let lengths = rows.iter().map(|&row| length(networks, row)).sum();
                let progress = |progress| meter.show(lengths, progress);
                let part = workbench.means(&some, proxies, repeats, &progress)?;
                if let Some(Kept { journal, .. }) = &mut kept {
                    for (place, &row) in rows.iter().enumerate() {
                        journal.append(part.scored(place, (row, &networks.ids()[row])))?;
                    }
                }
                enter(&mut scores, &mut reasons, rows, part);
                rows.iter().for_each(|&row| known[row] = true);
                meter.finish(networks, rows);
            }
        }
        scores.undefined = self.undefined(&scores, proxies, &reasons);
        let recorded = known.iter().filter(|known| **known).count();
        Ok(ScoresSoFar { scores, recorded })
    }

    /// Rows whose weights have no head, where the objective is the networks' own.
    fn bodies(&self, networks: &Networks, proxies: &[Proxy]) -> Result<Vec<usize>, Error> {
        let mut bodies = Vec::new();
        if self.pass().objective.is_some() || !proxies.iter().any(Proxy::needs_network) {
            return Ok(bodies);
        }
        let rows = networks.architectures().iter().zip(networks.weights());
        for (row, (architecture, weights)) in rows.enumerate() {
            let Some(weights) = weights else { continue };
            let id = || networks.ids()[row].clone();
            let objective = Objective::default_for(architecture);
            let missing = missing_head(&**weights, architecture, objective);
            let missing = missing.map_err(|source| Error::Engine { id: id(), source })?;
            let Some(tensor) = missing else { continue };
            if let Some(proxy) = proxies.iter().find(|proxy| proxy.needs_loss()) {
                return Err(Error::NoHead {
                    id: id(),
                    tensor,
                    proxy: proxy.name.clone(),
                });
            }
            bodies.push(row);
        }
        Ok(bodies)
    }

    /// Means and spreads over passes, and the reasons of those that are not finite.
    fn means(
        &self,
        networks: &Networks,
        proxies: &[Proxy],
        repeats: Repeats,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Result<Part, Error> {
        let mut moments = PassMoments::default();
        let mut columns = Vec::new();
        let mut reasons: Reasons = vec![vec![None; networks.len()]; proxies.len()];
        for (repetition, done) in repeats.passes().zip(0u32..) {
            let progress = |progress: Progress| {
                let work = (f64::from(done) + progress.work) / f64::from(repeats.count());
                tell(Progress { work, ..progress });
            };
            let workbench = self.clone().with_repetition(repetition);
            let found = workbench.scores_or_reasons(networks, proxies, &progress)?;
            let cells = found.into_iter().zip(&mut reasons);
            columns = cells
                .map(|(column, reasons)| split(column, reasons))
                .collect();
            moments.add(&columns);
        }
        let several = repeats.count() > 1;
        Ok(Part {
            columns: if several { moments.mean() } else { columns },
            spread: several.then(|| moments.spread()),
            reasons,
        })
    }

    /// Why proxies are not finite somewhere, one of each.
    fn undefined(&self, scores: &Scores, proxies: &[Proxy], reasons: &Reasons) -> Vec<Undefined> {
        let columns = proxies.iter().zip(&scores.columns).zip(reasons);
        let undefined = columns.filter_map(|((proxy, column), reasons)| {
            let mut rows = (0..column.len()).filter(|&row| !column[row].is_finite());
            let first = rows.next()?;
            Some(Undefined {
                proxy: proxy.name.clone(),
                count: rows.count() + 1,
                id: scores.ids[first].clone(),
                why: self.why(proxy, reasons[first].as_deref()),
            })
        });
        undefined.collect()
    }

    /// A reason, or the one that is known beforehand.
    fn why(&self, proxy: &Proxy, found: Option<&str>) -> String {
        let mut compares_sequences = false;
        (proxy.formula).walk(&mut |part| {
            compares_sequences |= matches!(part, Node::Symbol(Symbol::Gr));
        });
        match found {
            _ if compares_sequences && self.pass().batch == 1 => {
                "it compares sequences, and the minibatch has one (--batch)".to_owned()
            }
            Some(found) if !found.is_empty() => found.to_owned(),
            _ => "it is beyond double precision".to_owned(),
        }
    }
}

/// Networks that a thread scores between two records: so many are lost at most.
const PER_THREAD: usize = 4;

/// The rows that are done here, the longest first.
fn own_rows(networks: &Networks, kept: Option<&Kept<'_>>) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..networks.len()).collect();
    let Some(Kept { shard, .. }) = kept else {
        return rows;
    };
    let lengths: Vec<f64> = rows.iter().map(|&row| length(networks, row)).collect();
    if let Some(shard) = shard {
        let takes = shard.of_lengths(&lengths);
        rows.retain(|&row| takes[row]);
    }
    rows.sort_by(|&a, &b| lengths[b].total_cmp(&lengths[a]).then(a.cmp(&b)));
    rows
}

/// How long a network takes, up to a factor.
fn length(networks: &Networks, row: usize) -> f64 {
    networks.architectures()[row].parameters().total() as f64
}

/// Progress of a scoring in several steps.
struct Meter<'a> {
    task: Task<'a>,
    lengths: f64,
    done: f64,
    finished: usize,
    total: usize,
}

impl Meter<'_> {
    fn finish(&mut self, networks: &Networks, rows: &[usize]) {
        self.done += rows.iter().map(|&row| length(networks, row)).sum::<f64>();
        self.finished += rows.len();
    }

    /// A step of this length goes on.
    fn show(&self, length: f64, progress: Progress) {
        self.task.passes(Progress {
            work: (self.done + length * progress.work) / self.lengths,
            finished: self.finished + progress.finished,
            total: self.total,
            ..progress
        });
    }
}

/// What several passes of some networks gave.
struct Part {
    columns: Vec<Vec<f64>>,
    spread: Option<Vec<Vec<f64>>>,
    reasons: Reasons,
}

impl Part {
    /// The record of one network, for its place here and its row and id in all.
    fn scored(&self, place: usize, of: (usize, &str)) -> Scored {
        let scores = self.columns.iter().map(|column| column[place]);
        let spread = self.spread.iter().flatten().map(|column| column[place]);
        let reasons = self.reasons.iter().map(|reasons| reasons[place].clone());
        Scored::new(of, scores, spread, reasons)
    }

    /// One network as it was recorded.
    fn of(scored: &Scored) -> Self {
        let spread: Vec<Vec<f64>> = scored.spread().map(|x| vec![x]).collect();
        Self {
            columns: scored.scores().map(|x| vec![x]).collect(),
            spread: (!spread.is_empty()).then_some(spread),
            reasons: scored.reasons().map(|why| vec![why]).collect(),
        }
    }
}

/// Enters the scores of the networks in `rows`.
fn enter(scores: &mut Scores, reasons: &mut Reasons, rows: &[usize], part: Part) {
    let place = |to: &mut Vec<Vec<f64>>, from: Vec<Vec<f64>>| {
        for (to, from) in to.iter_mut().zip(from) {
            rows.iter().zip(from).for_each(|(&row, x)| to[row] = x);
        }
    };
    place(&mut scores.columns, part.columns);
    if let (Some(to), Some(from)) = (&mut scores.spread, part.spread) {
        place(to, from);
    }
    for (to, from) in reasons.iter_mut().zip(part.reasons) {
        rows.iter().zip(from).for_each(|(&row, why)| to[row] = why);
    }
}

/// Scores with NaN in place of reasons, which are kept where there was none.
fn split(column: Vec<Result<f64, String>>, reasons: &mut [Option<String>]) -> Vec<f64> {
    let cells = column.into_iter().zip(reasons);
    cells
        .map(|(score, reason)| {
            score.unwrap_or_else(|why| {
                reason.get_or_insert(why);
                f64::NAN
            })
        })
        .collect()
}
