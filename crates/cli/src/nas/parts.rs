//! A search among the sub-networks of one network.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Result;
use lpzero::nas::{Candidate, Found, Problem, Record, Scorer, front};
use lpzero::train::Journal;
use lpzero::{
    Error, Restricted, SubNetworkScorer, Supernet, SupernetWeights, Workbench, one_budget,
};

use super::configuration::{Configuration, Subject, Weighted};
use super::report::{OfSupernet, Reranked};
use crate::arguments::NasMethodArgument;
use crate::failure::Failure;
use crate::session::{Session, failed, show};

/// The super-network, and what was read off its pass where that was asked for.
pub struct Parts<'a> {
    workbench: &'a Workbench,
    subject: &'a Subject,
    supernet: Supernet<'a>,
    restricted: Option<(Restricted, f64)>,
    session: &'a Session,
    solved: Cell<Option<f64>>,
}

impl<'a> Parts<'a> {
    /// Prepares a search among sub-networks; `None` where networks stand alone.
    pub fn prepare(
        session: &'a Session,
        workbench: &'a Workbench,
        configuration: &Configuration,
        subject: &'a Subject,
    ) -> Result<Option<Self>> {
        let Some(weighted) = &subject.supernet else {
            return Ok(None);
        };
        let weights = match weighted {
            Weighted::Seeded => SupernetWeights::Seeded,
            Weighted::Stored(weights) => SupernetWeights::Stored(Arc::clone(weights)),
            Weighted::Adapted {
                base,
                layout,
                folder,
            } => SupernetWeights::Adapted {
                base: Arc::clone(base),
                layout,
                folder: folder.clone(),
            },
        };
        let exact = configuration.method == NasMethodArgument::Exact;
        if exact {
            one_budget(&subject.bounds).map_err(failed)?;
        }
        let supernet = Supernet::new(&subject.space, weights, workbench).map_err(failed)?;
        let mut restricted = None;
        if exact || configuration.restricted {
            let start = Instant::now();
            let bar = session.report.bar("running the super-network", 1000);
            let proxies = std::slice::from_ref(&subject.proxy);
            let progress = |progress| show(&bar, progress);
            let pass = supernet.restricted(workbench, proxies, &progress, &session.cancel);
            bar.finish_and_clear();
            let pass = pass.map_err(failed)?;
            if exact && !pass.adds(0) {
                return Err(Failure::input(format_args!(
                    "--method exact: {} does not add over sites; expected a sum or mean over sites \
                     (`lpzero proxies NAME` tells), or --method nsga2 --restricted",
                    subject.proxy.name
                )));
            }
            restricted = Some((pass, start.elapsed().as_secs_f64()));
        }
        Ok(Some(Parts {
            workbench,
            subject,
            supernet,
            restricted,
            session,
            solved: Cell::new(None),
        }))
    }

    /// Who scores sub-networks.
    pub fn scorer(&self, restricted: bool) -> SubNetworkScorer<'_> {
        let pass = self.restricted.as_ref().map(|(pass, _)| pass);
        SubNetworkScorer {
            workbench: self.workbench,
            supernet: &self.supernet,
            restricted: pass.filter(|_| restricted),
            proxy: &self.subject.proxy,
            cancel: &self.session.cancel,
        }
    }

    /// The best sub-networks by restricted scores, of which the first `rerank` are scored
    /// directly, if any; these scores are recorded.
    pub fn solve(
        &self,
        session: &Session,
        problem: Problem<'_>,
        rerank: usize,
        mut journal: Option<&mut Journal<Record>>,
        reranked: &mut Vec<Reranked>,
    ) -> Result<Found, Error> {
        let start = Instant::now();
        let bound = one_budget(problem.bounds)?;
        let solved = match &self.restricted {
            Some((pass, _)) => {
                let count = rerank.max(1);
                self.supernet.solve(pass, 0, bound, problem.batch, count)?
            }
            None => None,
        };
        self.solved.set(Some(start.elapsed().as_secs_f64()));
        let mut candidates = solved.unwrap_or_default();
        let recorded: Vec<Record> = journal
            .iter()
            .flat_map(|journal| journal.records().iter().cloned())
            .collect();
        let bar = session.report.bar("scoring the best", rerank as u64);
        let mut scorer = self.scorer(false);
        for candidate in candidates.iter_mut().take(rerank) {
            let known = recorded.iter().find(|record| record.id == candidate.id);
            let direct = match known {
                Some(record) => record.score.unwrap_or(f64::NAN),
                None => {
                    let score = direct(&mut scorer, candidate)?;
                    if let Some(journal) = &mut journal {
                        journal.append(Record {
                            id: candidate.id.clone(),
                            score: Some(score).filter(|score| score.is_finite()),
                            latency: None,
                            elapsed: start.elapsed().as_secs_f64(),
                        })?;
                    }
                    score
                }
            };
            reranked.push(Reranked {
                id: candidate.id.clone(),
                restricted: candidate.score,
                direct,
            });
            candidate.score = direct;
            bar.inc(1);
        }
        bar.finish_and_clear();
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        let cost = |candidate: &Candidate| candidate.costs.get(problem.cost).unwrap_or(f64::NAN);
        let pairs: Vec<_> = candidates.iter().map(|c| (c.score, cost(c))).collect();
        Ok(Found {
            front: front(&pairs),
            evaluated: candidates.len() as u64,
            candidates,
            rejected: 0,
            too_slow: 0,
            exhausted: false,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// What the report says of the super-network.
    pub fn report(self, reranked: Vec<Reranked>) -> OfSupernet {
        let restricted = self.restricted.as_ref();
        OfSupernet {
            params: self.supernet.whole().parameters().total() as f64,
            restricted: restricted.is_some(),
            adds: restricted.map(|(pass, _)| pass.adds(0)),
            pass_seconds: restricted.map(|(_, seconds)| *seconds),
            solve_seconds: self.solved.get(),
            reranked,
        }
    }
}

fn direct(scorer: &mut SubNetworkScorer<'_>, candidate: &Candidate) -> Result<f64, Error> {
    if scorer.cancel.load(Ordering::Relaxed) {
        return Err(lpzero::train::Error::Cancelled.into());
    }
    let ids = std::slice::from_ref(&candidate.id);
    let scores = scorer.scores(ids, std::slice::from_ref(&candidate.architecture))?;
    Ok(scores.first().copied().unwrap_or(f64::NAN))
}
