//! `lpzero ablate`: what each part of a search is worth.

mod settings;
mod tables;

use anyhow::Result;
use lpzero::ablation::{Axis, Outcome, Summary};
use lpzero::run::{ContentHash, Folder, Kind, Shard};

use crate::arguments::Ablate;
use crate::failure::failed;
use crate::folder::{self, RunKind, Share};
use crate::output::print_json;
use crate::plain::stdout;
use crate::session::Session;
use settings::{AblateSettings, VERSION};
use tables::{print, write_axis};

const JOURNAL: &str = "journal";
const REPORT: &str = "report.json";

pub const RUN: RunKind = RunKind {
    command: "ablate",
    writes: &[JOURNAL],
    report: REPORT,
    journal: Some((JOURNAL, SEARCHES, "searches")),
};

/// The journal of an ablation.
const SEARCHES: Kind = Kind {
    format: "lpzero-ablation",
    version: 3,
    each: true,
    work: "ablation",
    inputs: "other inputs, seed or version",
};

pub fn run(session: &Session, arguments: &Ablate) -> Result<()> {
    let places = (arguments.out.as_deref(), arguments.resume.as_deref());
    let shard = folder::share(arguments.share, places)?;
    let (settings, folder) = match &arguments.resume {
        Some(path) => {
            let (settings, folder) = folder::open_versioned(path, "an ablation", VERSION, shard)?;
            (settings, Some(folder))
        }
        None => {
            let settings = AblateSettings::new(session.seed, arguments)?;
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| folder::begin(path, &settings, shard));
            (settings, folder.transpose()?)
        }
    };
    if let Some(folder) = &folder {
        session
            .stop
            .resumable(&RUN.next(folder.path(), &session.cache_options));
    }
    let outcome = ablate(
        session,
        &settings,
        folder.as_ref().map(|folder| (folder, shard)),
    );
    RUN.ended(outcome, folder, &session.cache_options)
}

fn ablate(
    session: &Session,
    settings: &AblateSettings,
    place: Option<(&Folder, Option<Shard>)>,
) -> Result<()> {
    let (folder, shard) = place.unzip();
    let shard = shard.flatten();
    let study = settings.study(session)?;
    let options = settings.options(shard)?;
    let mut journal = match folder {
        Some(folder) => {
            let (place, inputs) = (
                (folder, JOURNAL),
                ContentHash::of(&(settings, study.inputs().to_string())),
            );
            let journal =
                folder::journal(place, shard, SEARCHES, inputs, "searches", session.report);
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
    if let (Some(folder), Some(shard)) = (folder, shard) {
        let share = Share {
            shard,
            pieces: [ablation.searches.len(), ablation.all],
        };
        return RUN.shared(session, folder, share);
    }
    let rows = |axis: &Axis| -> Vec<Summary> {
        let own = ablation.rows.iter().filter(|row| row.axis == axis.name);
        own.cloned().collect()
    };
    if let Some(folder) = folder {
        for axis in &options.axes {
            write_axis(folder, &ablation.truth, axis, &rows(axis))?;
        }
        // Last: it says that all is there.
        folder.write(REPORT, &ablation)?;
        (session.report).note(format_args!(
            "tables and pictures in {}",
            folder.path().display()
        ));
        crate::report::beside(session, folder);
    }
    if session.json {
        return print_json(&ablation);
    }
    let out = &mut stdout();
    for axis in &options.axes {
        print(axis, &rows(axis), out)?;
    }
    Ok(())
}
