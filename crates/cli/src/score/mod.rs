//! `lpzero score`: one row per architecture, exact.

mod settings;
mod table;

use anyhow::Result;
use lpzero::language::Node;
use lpzero::nn::{Objective, head_parameters};
use lpzero::run::{Folder, Pieces, Shard};
use lpzero::scored::{Kept, SCORES, Scored};
use lpzero::trace::NetworkScalar;
use lpzero::{Networks, Proxy, Scores, Workbench};

use super::arguments::{FormatArgument, Score};
use super::failure::{engine, failed};
use super::folder::{self, RunKind, Share};
use super::session::Session;
use super::weights;
use settings::{ScoreSettings, VERSION};
use table::ScoreTable;

const JOURNAL: &str = "scores";
const REPORT: &str = "scores.json";

pub const RUN: RunKind = RunKind {
    command: "score",
    writes: &[JOURNAL],
    report: REPORT,
    journal: Some((JOURNAL, SCORES, "networks")),
};

pub fn run(session: &Session, arguments: &Score) -> Result<()> {
    let places = (arguments.out.as_deref(), arguments.resume.as_deref());
    let shard = folder::share(arguments.share, places)?;
    let (settings, folder) = match places {
        (_, Some(path)) => {
            let (settings, folder) = folder::open_versioned(path, "a scoring", VERSION, shard)?;
            (settings, Some(folder))
        }
        (out, None) => {
            let settings = ScoreSettings::new(session.seed, arguments)?;
            let folder = out.map(|path| folder::begin(path, &settings, shard));
            (settings, folder.transpose()?)
        }
    };
    if let Some(folder) = &folder {
        session.stop.resumable(&RUN.next(folder.path(), ""));
    }
    let format = match session.json {
        true => FormatArgument::Json,
        false => arguments.format,
    };
    let place = folder.as_ref().map(|folder| (folder, shard));
    let outcome = score(session, &settings, place, format);
    RUN.ended(outcome, folder, "")
}

fn score(
    session: &Session,
    settings: &ScoreSettings,
    place: Option<(&Folder, Option<Shard>)>,
    format: FormatArgument,
) -> Result<()> {
    let proxies = settings.proxies()?;
    let networks = settings.networks(session.report)?;
    let run = proxies.iter().any(Proxy::needs_network);
    let architectures = networks.architectures().iter().filter(|_| run);
    let workbench = session.workbench_seeded(&settings.pass, settings.seed(), architectures)?;
    let workbench = workbench.with_patience(settings.patience);
    let mut journal = match place {
        Some((folder, shard)) => Some(journal(
            session, settings, &networks, &workbench, folder, shard,
        )?),
        None => None,
    };
    let shard = place.and_then(|(_, shard)| shard);
    let kept = journal.as_mut().map(|journal| Kept { journal, shard });
    let repeats = settings.repeats();
    let scored = workbench.score_keeping(&networks, &proxies, repeats, kept);
    let scored = scored.map_err(failed)?;
    if let Some((folder, Some(shard))) = place {
        let share = Share {
            shard,
            pieces: [scored.recorded, networks.len()],
        };
        return RUN.shared(session, folder, share);
    }
    let scores = scored.scores;
    // An error is one message; what is said of scores comes where there are some.
    if run {
        tell_origin(session, &networks);
    }
    tell_classes(session, settings, &networks, &proxies)?;
    tell(session, &scores);
    let table = ScoreTable(scores);
    if let Some((folder, _)) = place {
        folder.write(REPORT, &table.to_json())?;
        session.stop.finished();
        let path = folder.path().join(REPORT);
        (session.report).note(format_args!("scores in {}", path.display()));
    }
    table.print(format)
}

/// Networks that are scored already, and where the next ones go.
fn journal(
    session: &Session,
    settings: &ScoreSettings,
    networks: &Networks,
    workbench: &Workbench,
    folder: &Folder,
    shard: Option<Shard>,
) -> Result<Pieces<Scored>> {
    let inputs = settings.inputs(networks, workbench.pass(), &session.cancel)?;
    let all = networks.len();
    folder::tell_pieces(folder, all);
    let (place, what) = ((folder, JOURNAL), "scored networks");
    folder::journal(place, shard, SCORES, inputs, what, session.report)
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
    settings: &ScoreSettings,
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
    for (path, architecture) in settings.paths().zip(networks.architectures()) {
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
