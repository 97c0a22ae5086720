//! The front of a search: written, read again, and counted and measured a second time.

use std::path::Path;
use std::sync::Arc;

use lpzero_arch::{Architecture, Reading, read_architecture, spec};
use lpzero_nas::{Candidate, Cost, Costs, History, Recount, recount};
use lpzero_nn::Workspace;

use super::options::{ARCHITECTURES, NasOptions};
use super::report::{Member, choices};
use super::scorer::{fits, latency, streamed};
use crate::{Error, Workbench};

/// Parameters up to which every architecture of a front is run to count it again, and
/// beyond which only the best is: two passes of billions take a minute.
const RUN_AGAIN: f64 = 1e9;

impl Workbench {
    /// The members of a front, each counted and measured again. With a folder, they
    /// are first written below it and read back, so that what is counted is the file.
    pub(super) fn members(
        &self,
        options: &NasOptions,
        found: &History,
        folder: Option<&Path>,
    ) -> Result<Vec<Member>, Error> {
        let task = self.watch().task("counting again");
        let total = found.front.len();
        let mut members = Vec::with_capacity(total);
        for candidate in found.front.iter().map(|&i| &found.candidates[i]) {
            if self.watch().is_cancelled() {
                return Err(Error::NasInterrupted {
                    evaluated: found.evaluated,
                });
            }
            // The front is in the order of scores.
            let run = candidate.costs.params <= RUN_AGAIN || members.len() + 1 == total;
            members.push(self.member(options, candidate, folder, run)?);
            task.step(members.len(), total);
        }
        Ok(members)
    }

    fn member(
        &self,
        options: &NasOptions,
        candidate: &Candidate,
        folder: Option<&Path>,
        run: bool,
    ) -> Result<Member, Error> {
        let Candidate {
            id,
            architecture,
            costs,
            genotype,
            ..
        } = candidate;
        let (file, architecture) = match folder {
            Some(folder) => {
                let file = format!("{ARCHITECTURES}/{id}.json");
                let path = folder.join(&file);
                std::fs::create_dir_all(folder.join(ARCHITECTURES)).map_err(|source| {
                    Error::Unwritable {
                        path: path.clone(),
                        source,
                    }
                })?;
                // What was written is not the user's input, also where it reads badly.
                let not_kept = |error: lpzero_arch::Error| Error::NotKept {
                    id: id.clone(),
                    reason: error.to_string(),
                };
                spec::write(&path, architecture).map_err(not_kept)?;
                let read = read_architecture(&path, Reading::default());
                (Some(file), read.map_err(not_kept)?)
            }
            None => (None, architecture.clone()),
        };
        let recount = verify(self, id, &architecture, costs, run)?;
        let again = costs.latency.map(|_| latency(self, id, &architecture));
        let table = options.table.as_ref();
        let looked_up = table.map(|table| table.cost(&options.space, genotype));
        if looked_up != costs.table {
            return Err(Error::NotKept {
                id: id.clone(),
                reason: format!("the table says {looked_up:?} and said {:?}", costs.table),
            });
        }
        Ok(Member {
            id: id.clone(),
            score: candidate.score,
            costs: *costs,
            choices: choices(&options.space, genotype),
            recount,
            latency_again: again.transpose()?,
            file,
        })
    }
}

/// Counts an architecture of a front once more, from a network and, if it is `run`, from
/// its passes, without which there are only parameters.
///
/// # Errors
/// [`Error::Recount`] where the second count differs from the first, which is a
/// mistake of this program; what the engine says, and [`Error::TooLarge`].
pub fn verify(
    workbench: &Workbench,
    id: &str,
    architecture: &Architecture,
    costs: &Costs,
    run: bool,
) -> Result<Recount, Error> {
    fits(workbench, id, architecture, streamed)?;
    let pass = workbench.pass();
    let mut workspace =
        Workspace::on(Arc::clone(workbench.pool())).stopped_by(workbench.watch().flag());
    let minibatch = run.then_some((pass.batch, pass.positions));
    let again = recount(architecture, minibatch, &mut workspace);
    let again = again.map_err(|source| Error::Engine {
        id: id.to_owned(),
        source,
    })?;
    for (cost, second) in [
        (Cost::Params, Some(again.params)),
        (Cost::DecoderParams, Some(again.decoder_params)),
        (Cost::Flops, again.flops),
        (Cost::Memory, again.memory),
    ] {
        let Some(second) = second else { continue };
        let first = costs.get(cost).unwrap_or(f64::NAN);
        if first != second as f64 {
            return Err(Error::Recount {
                id: id.to_owned(),
                cost: cost.name(),
                first,
                second,
            });
        }
    }
    Ok(again)
}
