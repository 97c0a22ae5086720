//! `lpzero score`: one row per architecture, exact.

use anyhow::Result;
use lpzero::arch::read_architecture;
use lpzero::trace::{Progress, Weights};
use lpzero::{Candidates, PassMoments};

use super::arguments::{FormatArgument, Score, WeightsArgument};
use super::failure::Failure;
use super::score_table::{ScoreTable, Spread};
use super::session::{Session, columns, failed, proxies, reading, repeats};
use super::weights;

pub fn run(session: &Session, arguments: &Score) -> Result<()> {
    let proxies = proxies(&arguments.proxies)?;
    let mut sources: Vec<Option<Weights>> = Vec::new();
    let (ids, architectures) = if arguments.truth.truth.is_some() {
        columns(&session.truth(&arguments.truth)?)
    } else {
        let reading = reading(arguments.truth.layout.reading);
        let mut ids = Vec::new();
        let mut architectures = Vec::new();
        for path in &arguments.architectures {
            let architecture = read_architecture(path, reading);
            let architecture = architecture.map_err(|error| failed(error.into()))?;
            let base = match arguments.weights {
                WeightsArgument::Stored => weights::stored(path)?,
                WeightsArgument::Seeded => None,
            };
            sources.push(match (base, &arguments.adapter) {
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
            });
            architectures.push(architecture);
            ids.push(path.display().to_string());
        }
        (ids, architectures)
    };
    let found = sources.iter().flatten().count();
    if found > 0 {
        session.report.note(format_args!(
            "{found} of {} with the weights in their folders; --weights seeded draws them",
            ids.len()
        ));
    }

    let repeats = repeats(arguments.repeats);
    let mut workbench = session.workbench(&arguments.pass)?;
    if let Some(memory) = arguments.memory {
        workbench.set_memory(memory);
    }
    let candidates = Candidates {
        ids: &ids,
        architectures: &architectures,
        weights: &sources,
    };
    let bar = session.report.bar("scoring", 1000);
    let (mut columns, mut moments) = (Vec::new(), PassMoments::default());
    let outcome = repeats
        .passes()
        .zip(0u32..)
        .try_for_each(|(repetition, done)| {
            workbench.set_repetition(repetition);
            let progress = |progress: Progress| {
                let share = (f64::from(done) + progress.work) / f64::from(repeats.count());
                bar.set_position((share * 1000.0) as u64);
            };
            columns = workbench.scores(candidates, &proxies, &progress, &session.cancel)?;
            moments.add(&columns);
            Ok(())
        });
    bar.finish_and_clear();
    outcome.map_err(failed)?;
    let spread = (repeats.count() > 1).then(|| {
        columns = moments.mean();
        Spread {
            repeats,
            columns: moments.spread(),
        }
    });
    let table = ScoreTable {
        ids,
        proxies: proxies.into_iter().map(|proxy| proxy.name).collect(),
        columns,
        spread,
    };
    table.print(if session.json {
        FormatArgument::Json
    } else {
        arguments.format
    })
}
