//! `lpzero search`: find a proxy, and say honestly how good it is.

mod folder;
mod front;
mod print;
mod settings;

use anyhow::Result;
use lpzero::run::Shard;
use lpzero::search::{Report, Snapshot};
use lpzero::{Error, Keeping, Study};

use crate::arguments::Search;
use crate::failure::{Failure, failed};
use crate::output::print_json;
use crate::plain::stdout;
use crate::sees;
use crate::session::Session;
pub use folder::RUN;
use folder::RunFolder;
use front::Front;
use print::{print, print_partly};
use settings::SearchSettings;

pub fn run(session: &Session, arguments: &Search) -> Result<()> {
    let places = (arguments.out.as_deref(), arguments.resume.as_deref());
    let shard = crate::folder::share(arguments.share, places)?;
    let (settings, folder) = match &arguments.resume {
        Some(path) => {
            let (settings, folder) = RunFolder::open(path, shard)?;
            check_share(&settings, shard)?;
            (settings, Some(folder))
        }
        None => {
            let settings = SearchSettings::new(session.seed, arguments)?;
            check_share(&settings, shard)?;
            // Reading the ground truth first would be nicer to the user's disk, but a
            // run that cannot be kept should not start.
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| RunFolder::begin(path, &settings, shard));
            (settings, folder.transpose()?)
        }
    };
    if let Some(folder) = &folder {
        session
            .stop
            .resumable(&RUN.next(folder.path(), &session.cache_options));
    }
    let outcome = search(session, &settings, folder.as_ref());
    RUN.ended(
        outcome,
        folder.map(RunFolder::into_inner),
        &session.cache_options,
    )
}

/// Refuses a share of a search whose formulas hang on each other.
fn check_share(settings: &SearchSettings, shard: Option<Shard>) -> Result<()> {
    match shard {
        Some(_) if !settings.is_of_pieces() => Err(Failure::typed(
            "--shard: the formulas of this search hang on each other; expected --method exhaustive",
        )),
        _ => Ok(()),
    }
}

fn search(session: &Session, settings: &SearchSettings, folder: Option<&RunFolder>) -> Result<()> {
    let study = settings.study(session)?;
    let options = settings.options()?;
    let held_out = settings.held_out(session)?;
    // A split that cannot be drawn is said before the networks are run.
    study.splits(&options).map_err(|error| match error {
        error @ Error::Splits { .. } => Failure::typed(format_args!(
            "--split: {error}; expected --split SEARCH/VALIDATION that leaves some to test on"
        )),
        error => failed(error),
    })?;
    let mut front = Front::new(folder);
    let mut update = |snapshot: &Snapshot<'_>| front.update(snapshot);
    let journal = folder.map(|folder| folder.journal(session.report));
    let mut journal = journal.transpose()?;
    let keeping = Keeping {
        journal: journal.as_mut(),
        archive: Some(&mut update),
        beside: held_out.as_ref().map(Study::inputs),
    };
    let found = study.search_keeping(&options, keeping);
    match found {
        Err(error @ Error::Search(lpzero::search::Error::Journal(_))) => {
            return Err(failed(error));
        }
        Err(Error::Search(lpzero::search::Error::Share { recorded, all })) => {
            return folder.map_or(Ok(()), |folder| folder.shared(session, [recorded, all]));
        }
        _ => {}
    }
    let history = front.history.points();
    let front = front.write();
    let mut found = match found {
        Err(Error::SearchInterrupted { report }) => {
            // Said here and not as a report: the test split is looked at once, for the
            // formula of a search that ran to its end.
            if folder.is_none()
                && let Some(report) = report.as_deref()
            {
                partly(session, report)?;
            }
            return Err(failed(Error::SearchInterrupted { report }));
        }
        found => found.map_err(failed)?,
    };
    if let Some(held_out) = &held_out {
        let judged = held_out.hold_out(&found.report, &options);
        found.held_out = judged.map_err(failed)?;
    }
    if let Some(folder) = folder {
        front?;
        let mut points = study.points(&found, &options).map_err(failed)?;
        if let Some(held_out) = &held_out {
            points.extend(held_out.held_out_points(&found.held_out, &options));
        }
        folder.keep_pictured(&points, &history)?;
        // Pictures show it; to know it takes passes.
        let sight = (session.pages).then(|| sees::kept(session, &found.report.best.formula));
        if let Some(sight) = sight.flatten() {
            folder.keep_sight(&sight)?;
        }
        // Before anything is printed: whoever reads may have gone.
        folder.finish(&found)?;
        (session.report).note(format_args!("report in {}", folder.path().display()));
        folder.page(session);
    }
    match session.json {
        true => print_json(&found),
        false => print(&found, &mut stdout()),
    }
}

fn partly(session: &Session, report: &Report) -> Result<()> {
    match &report.space {
        Some(space) => print_partly(session, report, space),
        None => Ok(()),
    }
}
