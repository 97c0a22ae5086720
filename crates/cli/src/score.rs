//! `lpzero score`: one row per architecture, exact.

use anyhow::Result;
use lpzero::arch::read_architecture;
use lpzero::{Networks, Proxy};

use super::arguments::{FormatArgument, Score, WeightsArgument};
use super::failure::{Failure, failed};
use super::score_table::ScoreTable;
use super::session::Session;
use super::settings::proxies;
use super::weights;

pub fn run(session: &Session, arguments: &Score) -> Result<()> {
    let proxies = proxies(&arguments.proxies)?;
    let networks = match arguments.truth.truth {
        Some(_) => Networks::from(&session.truth(&arguments.truth)?),
        None => read(arguments)?,
    };
    if networks.weighted() > 0 {
        session.report.note(format_args!(
            "{} of {} with the weights in their folders; --weights seeded draws them",
            networks.weighted(),
            networks.len()
        ));
    }
    let run = proxies.iter().any(Proxy::needs_network);
    let architectures = networks.architectures().iter().filter(|_| run);
    let workbench = session.workbench(&arguments.pass, architectures)?;
    let scores = workbench.score(&networks, &proxies, arguments.repeats.into());
    let table = ScoreTable(scores.map_err(failed)?);
    table.print(if session.json {
        FormatArgument::Json
    } else {
        arguments.format
    })
}

/// The networks that are named by file or folder.
fn read(arguments: &Score) -> Result<Networks> {
    let reading = arguments.truth.layout.reading.into();
    let mut networks = Networks::new();
    for path in &arguments.architectures {
        let architecture = read_architecture(path, reading);
        let architecture = architecture.map_err(|error| failed(error.into()))?;
        let base = match arguments.weights {
            WeightsArgument::Stored => weights::stored(path)?,
            WeightsArgument::Seeded => None,
        };
        let weights = match (base, &arguments.adapter) {
            (Some(base), Some(adapter)) => {
                Some(weights::adapted(base, path, adapter, &architecture)?)
            }
            (None, Some(adapter)) => {
                return Err(Failure::input(format_args!(
                    "--adapter {}: {} has no weights that it could be merged into",
                    adapter.display(),
                    path.display()
                )));
            }
            (base, None) => base,
        };
        let id = path.display().to_string();
        match weights {
            Some(weights) => networks.add_weighted(id, architecture, weights),
            None => networks.add(id, architecture),
        }
    }
    Ok(networks)
}
