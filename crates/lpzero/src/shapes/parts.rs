//! A search among the sub-networks of one network.

use std::cell::Cell;
use std::time::Instant;

use lpzero_nas::{Candidate, History, Problem, Record, Scorer, front};
use lpzero_run::Pieces;

use super::options::{NasMethod, NasOptions};
use super::report::{Reranked, SubNetworks};
use super::scorer::check;
use crate::supernet::{Restricted, SubNetworkScorer, Supernet, SupernetWeights, one_budget};
use crate::{Error, Workbench};

/// The super-network, and what was read off its pass where that was asked for.
pub(super) struct Parts<'a> {
    workbench: &'a Workbench,
    options: &'a NasOptions,
    supernet: Supernet<'a>,
    restricted: Option<(Restricted, f64)>,
    solved: Cell<Option<f64>>,
}

impl<'a> Parts<'a> {
    /// Prepares a search among sub-networks; `None` where networks stand alone.
    pub(super) fn prepare(
        workbench: &'a Workbench,
        options: &'a NasOptions,
    ) -> Result<Option<Self>, Error> {
        let exact = options.method == NasMethod::Exact;
        // The best choice of every block is one of parts of one network.
        let weights = match &options.supernet {
            Some(weights) => weights.clone(),
            None if exact || options.restricted || options.rerank > 0 => SupernetWeights::Seeded,
            None => return Ok(None),
        };
        if exact {
            one_budget(&options.bounds)?;
        }
        let supernet = Supernet::new(&options.space, weights, workbench)?;
        let mut restricted = None;
        if exact || options.restricted {
            let start = Instant::now();
            let proxies = std::slice::from_ref(&options.proxy);
            let pass = supernet.restricted(workbench, proxies)?;
            if exact && !pass.adds(0) {
                return Err(Error::DoesNotAdd {
                    proxy: options.proxy.name.clone(),
                });
            }
            restricted = Some((pass, start.elapsed().as_secs_f64()));
        }
        Ok(Some(Parts {
            workbench,
            options,
            supernet,
            restricted,
            solved: Cell::new(None),
        }))
    }

    /// Who scores sub-networks.
    pub(super) fn scorer(&self, restricted: bool) -> SubNetworkScorer<'_> {
        let pass = self.restricted.as_ref().map(|(pass, _)| pass);
        SubNetworkScorer {
            workbench: self.workbench,
            supernet: &self.supernet,
            restricted: pass.filter(|_| restricted),
            proxy: &self.options.proxy,
        }
    }

    /// The best sub-networks by restricted scores. As many as the options ask for are
    /// scored directly; these scores are recorded.
    pub(super) fn solve(
        &self,
        problem: Problem<'_>,
        mut journal: Option<&mut Pieces<Record>>,
        reranked: &mut Vec<Reranked>,
    ) -> Result<History, Error> {
        let rerank = self.options.rerank;
        let start = Instant::now();
        let bound = one_budget(problem.bounds)?;
        let solved = match &self.restricted {
            Some((pass, _)) => {
                let count = rerank.max(1);
                self.supernet.solve(pass, 0, bound, problem.load, count)?
            }
            None => None,
        };
        self.solved.set(Some(start.elapsed().as_secs_f64()));
        let mut candidates = solved.unwrap_or_default();
        let task = self.workbench.watch().task("scoring the best");
        let mut scorer = self.scorer(false);
        for candidate in candidates.iter_mut().take(rerank) {
            let known = journal
                .as_ref()
                .and_then(|journal| journal.get(&candidate.id));
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
            task.step(reranked.len(), rerank);
        }
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        let cost = |candidate: &Candidate| candidate.costs.get(problem.cost).unwrap_or(f64::NAN);
        let pairs: Vec<_> = candidates.iter().map(|c| (c.score, cost(c))).collect();
        Ok(History {
            front: front(&pairs),
            evaluated: candidates.len() as u64,
            candidates,
            rejected: 0,
            too_slow: 0,
            exhausted: false,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// Report of the super-network and of its reranked sub-networks.
    pub(super) fn report(self, reranked: Vec<Reranked>) -> SubNetworks {
        let restricted = self.restricted.as_ref();
        SubNetworks {
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
    check(scorer.workbench.watch(), 1)?;
    let ids = std::slice::from_ref(&candidate.id);
    let scores = scorer.scores(ids, std::slice::from_ref(&candidate.architecture))?;
    Ok(scores.first().copied().unwrap_or(f64::NAN))
}
