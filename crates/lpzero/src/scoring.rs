//! Scores of networks with what a reader has to know of them: whose weights they are, and
//! why one is not finite.

use lpzero_nn::{Objective, Symbol, missing_head};
use lpzero_proxy::Node;
use lpzero_trace::Progress;

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
        let bodies = self.bodies(networks, proxies)?;
        let whole = (0..networks.len()).filter(|row| !bodies.contains(row));
        let whole: Vec<usize> = whole.collect();
        let task = self.watch().task("scoring");
        let mut scores = Scores {
            ids: networks.ids().to_vec(),
            proxies: proxies.iter().map(|proxy| proxy.name.clone()).collect(),
            columns: vec![vec![f64::NAN; networks.len()]; proxies.len()],
            spread: (repeats.count() > 1)
                .then(|| vec![vec![f64::NAN; networks.len()]; proxies.len()]),
            repeats,
            weighted: networks.weights().iter().map(Option::is_some).collect(),
            bodies,
            undefined: Vec::new(),
        };
        let mut reasons: Reasons = vec![vec![None; networks.len()]; proxies.len()];
        let without_loss = self.clone().with_pass(crate::Pass {
            objective: Some(Objective::RandomProjection),
            ..self.pass().clone()
        });
        let parts = [(self, whole), (&without_loss, scores.bodies.clone())];
        for (workbench, rows) in parts {
            if !rows.is_empty() {
                let networks = networks.subset(rows.iter().copied());
                let part = workbench.means(&networks, proxies, repeats, &task)?;
                enter(&mut scores, &mut reasons, &rows, part);
            }
        }
        scores.undefined = self.undefined(&scores, proxies, &reasons);
        Ok(scores)
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
        task: &Task<'_>,
    ) -> Result<Part, Error> {
        let mut moments = PassMoments::default();
        let mut columns = Vec::new();
        let mut reasons: Reasons = vec![vec![None; networks.len()]; proxies.len()];
        for (repetition, done) in repeats.passes().zip(0u32..) {
            let progress = |progress: Progress| {
                let work = (f64::from(done) + progress.work) / f64::from(repeats.count());
                task.passes(Progress { work, ..progress });
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

/// What several passes of some networks gave.
struct Part {
    columns: Vec<Vec<f64>>,
    spread: Option<Vec<Vec<f64>>>,
    reasons: Reasons,
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
