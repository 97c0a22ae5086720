//! `lpzero score`: one row per architecture, exact.

use anyhow::Result;
use lpzero::arch::read_architecture;
use lpzero::language::Node;
use lpzero::nn::{Objective, head_parameters};
use lpzero::trace::NetworkScalar;
use lpzero::{Networks, Proxy, Scores};

use super::arguments::{FormatArgument, Score, WeightsArgument};
use super::failure::{Failure, engine, failed};
use super::score_table::ScoreTable;
use super::session::Session;
use super::settings::proxies;
use super::weights;

pub fn run(session: &Session, arguments: &Score) -> Result<()> {
    let proxies = proxies(&arguments.proxies)?;
    let networks = match arguments.truth.truth {
        Some(_) => Networks::from(&session.truth(&arguments.truth)?),
        None => read(session, arguments)?,
    };
    let run = proxies.iter().any(Proxy::needs_network);
    let architectures = networks.architectures().iter().filter(|_| run);
    let workbench = session.workbench(&arguments.pass, architectures)?;
    let workbench = workbench.with_patience(arguments.patience.patience);
    let scores = workbench.score(&networks, &proxies, arguments.repeats.into());
    let scores = scores.map_err(failed)?;
    // An error is one message; what is said of scores comes where there are some.
    if run {
        tell_origin(session, &networks);
    }
    tell_classes(session, arguments, &networks, &proxies)?;
    tell(session, &scores);
    ScoreTable(scores).print(if session.json {
        FormatArgument::Json
    } else {
        arguments.format
    })
}

/// Where the weights of networks come from.
fn tell_origin(session: &Session, networks: &Networks) {
    let (report, seed) = (session.report, session.seed);
    match (networks.weighted(), networks.len()) {
        (0, _) => report.note(format_args!("weights: drawn by seed {seed}")),
        (weighted, all) if weighted == all => {
            report.note("weights: those in the folders; --weights seeded draws them");
        }
        (weighted, all) => report.note(format_args!(
            "weights: those in the folders of {weighted} of {all} networks, of the others drawn \
             by seed {seed}; --weights seeded draws all"
        )),
    }
}

/// Of which class a number of parameters is, where the class with a head has more.
fn tell_classes(
    session: &Session,
    arguments: &Score,
    networks: &Networks,
    proxies: &[Proxy],
) -> Result<()> {
    let mut counts = false;
    for proxy in proxies {
        proxy.formula.walk(&mut |part| {
            counts |= matches!(part, Node::Scalar(NetworkScalar::Params));
        });
    }
    if !counts {
        return Ok(());
    }
    for (path, architecture) in arguments.architectures.iter().zip(networks.architectures()) {
        let Some(class) = weights::class(path) else {
            continue;
        };
        let objective = Objective::default_for(architecture);
        if objective != Objective::MaskedToken {
            continue;
        }
        let body = architecture.parameters().total();
        let head = head_parameters(architecture, objective).map_err(engine)?;
        session.report.note(format_args!(
            "{}: params are the {body} of the body, without a pooler; {class} has {}",
            path.display(),
            body + head
        ));
    }
    Ok(())
}

/// What a reader has to know of scores.
fn tell(session: &Session, scores: &Scores) {
    for &row in &scores.bodies {
        session.report.note(format_args!(
            "{}: its weights have no head, so it is scored without a loss; --objective \
             random-projection gives it one",
            scores.ids[row]
        ));
    }
    for undefined in &scores.undefined {
        session.report.warn(format_args!(
            "{}: not a finite number on {} of {} networks; on {}, {}",
            undefined.proxy,
            undefined.count,
            scores.ids.len(),
            undefined.id,
            undefined.why
        ));
    }
}

/// The networks that are named by file or folder.
fn read(session: &Session, arguments: &Score) -> Result<Networks> {
    let reading = arguments.truth.layout.reading.into();
    let mut networks = Networks::new();
    for path in &arguments.architectures {
        let architecture = read_architecture(path, reading);
        let architecture = architecture.map_err(|error| failed(error.into()))?;
        let base = match arguments.weights {
            WeightsArgument::Stored => {
                weights::stored_or_seeded(session.report, path, &architecture)?
            }
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
