//! `lpzero score`: one row per architecture, exact.

use anyhow::Result;
use lpzero::arch::read_architecture;
use lpzero::trace::Progress;

use super::arguments::{FormatArgument, Score};
use super::score_table::ScoreTable;
use super::session::{Session, columns, failed, proxies, reading};

pub fn run(session: &Session, arguments: &Score) -> Result<()> {
    let proxies = proxies(&arguments.proxies)?;
    let (ids, architectures) = if arguments.truth.truth.is_some() {
        columns(&session.truth(&arguments.truth)?)
    } else {
        let reading = reading(arguments.truth.reading);
        let mut ids = Vec::new();
        let mut architectures = Vec::new();
        for path in &arguments.architectures {
            let architecture = read_architecture(path, reading);
            architectures.push(architecture.map_err(|error| failed(error.into()))?);
            ids.push(path.display().to_string());
        }
        (ids, architectures)
    };

    let workbench = session.workbench(&arguments.pass)?;
    let bar = session.report.bar("scoring", 1000);
    let columns = workbench.exact_scores(
        &ids,
        &architectures,
        &proxies,
        &|progress: Progress| bar.set_position((progress.work * 1000.0) as u64),
        &session.cancel,
    );
    bar.finish_and_clear();
    let table = ScoreTable {
        ids,
        proxies: proxies.into_iter().map(|proxy| proxy.name).collect(),
        columns: columns.map_err(failed)?,
    };
    table.print(if session.json {
        FormatArgument::Json
    } else {
        arguments.format
    })
}
