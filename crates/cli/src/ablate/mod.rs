//! `lpzero ablate`: what each part of a search is worth.

mod settings;
mod tables;

use anyhow::Result;
use lpzero::ablation::{Axis, Outcome, Summary};
use lpzero::run::{ContentHash, Folder, Kind};

use crate::arguments::Ablate;
use crate::failure::{Failure, failed};
use crate::folder;
use crate::output::print_json;
use crate::session::Session;
use settings::{AblateSettings, VERSION};
use tables::{print, write_axis};

const JOURNAL: &str = "journal";
const REPORT: &str = "report.json";

/// The journal of an ablation.
const SEARCHES: Kind = Kind {
    format: "lpzero-ablation",
    version: 2,
    each: true,
    work: "ablation",
    inputs: "other inputs, seed or version",
};

pub fn run(session: &Session, arguments: &Ablate) -> Result<()> {
    let (settings, folder) = match &arguments.resume {
        Some(path) => {
            let (settings, folder) = folder::open_versioned(path, "an ablation", VERSION)?;
            (settings, Some(folder))
        }
        None => {
            let settings = AblateSettings::new(session.seed, arguments)?;
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| folder::create(path, &settings));
            (settings, folder.transpose()?)
        }
    };
    let next = folder.as_ref().map(|folder| {
        format!(
            "`lpzero ablate --resume {}{}` continues",
            folder.path().display(),
            session.cache_options
        )
    });
    if let Some(next) = &next {
        session.stop.resumable(next);
    }
    let outcome = ablate(session, &settings, folder.as_ref());
    let is_new = arguments.resume.is_none();
    outcome.map_err(|error| match (error.downcast::<Failure>(), next) {
        (Ok(Failure::Interrupted { message, .. }), Some(next)) => {
            Failure::Interrupted { message, next }.into()
        }
        (Ok(failure), _) => {
            if let Some(folder) = folder.filter(|_| is_new) {
                folder.discard(&[JOURNAL]);
            }
            failure.into()
        }
        (Err(error), _) => error,
    })
}

fn ablate(session: &Session, settings: &AblateSettings, folder: Option<&Folder>) -> Result<()> {
    let study = settings.study(session)?;
    let options = settings.options()?;
    let mut journal = match folder {
        Some(folder) => {
            let (place, inputs) = ((folder, JOURNAL), ContentHash::of(settings));
            let journal = folder::journal(place, SEARCHES, inputs, "searches", session.report);
            Some(journal?)
        }
        None => None,
    };
    let known = journal.as_ref().map(|journal| journal.records().to_vec());
    let mut record = |outcome: &Outcome| match &mut journal {
        Some(journal) => Ok(journal.append(outcome.clone())?),
        None => Ok(()),
    };
    let ablation = study.ablate(&options, known.unwrap_or_default(), &mut record);
    let ablation = ablation.map_err(failed)?;
    let rows = |axis: &Axis| -> Vec<Summary> {
        let own = ablation.rows.iter().filter(|row| row.axis == axis.name);
        own.cloned().collect()
    };
    if let Some(folder) = folder {
        folder.write(REPORT, &ablation)?;
        for axis in &options.axes {
            write_axis(folder.path(), &ablation.truth, axis, &rows(axis))?;
        }
        (session.report).note(format_args!(
            "tables and pictures in {}",
            folder.path().display()
        ));
    }
    if session.json {
        return print_json(&ablation);
    }
    let out = &mut std::io::stdout().lock();
    for axis in &options.axes {
        print(axis, &rows(axis), out)?;
    }
    Ok(())
}
