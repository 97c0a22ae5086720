//! `lpzero nas`: the best architectures of a space by a proxy, under constraints.

pub mod report;
mod settings;

use anyhow::Result;
use lpzero::Error;
use lpzero::nas::{JOURNAL_KIND, picture};
use lpzero::run::Folder;
use lpzero::shapes::{ARCHITECTURES, NasKeeping, NasReport, pairs};

use crate::arguments::Nas;
use crate::failure::{Failure, failed};
use crate::folder::{self, RunKind};
use crate::output::print_json;
use crate::plain::stdout;
use crate::sees;
use crate::session::Session;
use settings::{NasSettings, VERSION};

const JOURNAL: &str = "journal";
const REPORT: &str = "report.json";
const FRONT: &str = "front.csv";
const EVALUATED: &str = "evaluated.csv";
const PICTURE: &str = "front.svg";

pub const RUN: RunKind = RunKind {
    command: "nas",
    writes: &[JOURNAL, ARCHITECTURES, FRONT, EVALUATED, PICTURE],
    report: REPORT,
    journal: Some((JOURNAL, JOURNAL_KIND, "architectures")),
};

pub fn run(session: &Session, arguments: &Nas) -> Result<()> {
    let (settings, folder) = match &arguments.resume {
        Some(path) => {
            let (settings, folder) = folder::open_versioned(path, "a nas search", VERSION, None)?;
            if path.join(REPORT).exists() {
                return Err(Failure::input(format_args!(
                    "--resume {}: this search is finished; its report is {REPORT}",
                    path.display()
                )));
            }
            (settings, Some(folder))
        }
        None => {
            let settings = NasSettings::new(session.seed, arguments)?;
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| folder::create(path, &settings));
            (settings, folder.transpose()?)
        }
    };
    if let Some(folder) = &folder {
        session.stop.resumable(&RUN.next(folder.path(), ""));
    }
    let outcome = search(session, &settings, folder.as_ref());
    RUN.ended(outcome, folder, "")
}

fn search(session: &Session, settings: &NasSettings, folder: Option<&Folder>) -> Result<()> {
    let options = settings.options(session.report)?;
    let workbench = settings.workbench(session, &options.space)?;
    // Parts of a super-network may be too large for a look around.
    if options.supernet.is_none() {
        let bounded = options.bounds.iter().map(|bound| bound.cost);
        let limited: Vec<_> = bounded.chain([options.cost]).collect();
        sees::warn(
            session,
            &workbench,
            (&options.space, &options.proxy),
            &limited,
        );
    }
    let mut journal = match folder {
        Some(folder) => {
            let inputs = settings.inputs(session, &options, &workbench)?;
            let place = (folder, JOURNAL);
            let what = "recorded architectures";
            let journal = folder::journal(place, None, JOURNAL_KIND, inputs, what, session.report);
            Some(journal?)
        }
        None => None,
    };
    let keeping = NasKeeping {
        journal: journal.as_mut(),
        folder: folder.map(Folder::path),
    };
    let found = workbench.nas_keeping(&options, keeping);
    let (document, found) = found.map_err(|error| match error {
        error @ Error::TooLarge { .. } if options.supernet.is_none() => Failure::input(
            format_args!("{error}; bound the search by --max-params or --max-memory"),
        ),
        error @ Error::DoesNotAdd { .. } => Failure::input(format_args!(
            "--method exact: {error}, or --method nsga2 --restricted"
        )),
        error => failed(error),
    })?;
    if let Some(folder) = folder {
        let space = &options.space;
        folder.write_text(FRONT, &report::front_csv(&document)?)?;
        folder.write_text(EVALUATED, &report::evaluated_csv(space, &found)?)?;
        let title = format!("{} by {}", space.name, options.proxy.name);
        let labels = ("score", options.cost.label());
        let pairs = pairs(&found, options.cost);
        folder.write_text(PICTURE, &picture(&title, labels, &pairs, &found.front))?;
        // Before anything is printed: whoever reads may have gone.
        folder.write(REPORT, &document)?;
        (session.report).note(format_args!("report in {}", folder.path().display()));
        crate::report::beside(session, folder);
    }
    print(session, &document)
}

fn print(session: &Session, document: &NasReport) -> Result<()> {
    match session.json {
        true => print_json(document),
        false => report::print(document, &mut stdout()),
    }
}
