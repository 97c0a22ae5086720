//! `lpzero nas`: the best architectures of a space by a proxy, under constraints.

mod configuration;
mod parts;
mod report;

use std::time::Duration;

use anyhow::Result;
use lpzero::arch::{Reading, read_architecture, spec};
use lpzero::nas::{
    Budget, Candidate, Cost, Found, JOURNAL_KIND, Method, Problem, Progress, Record, Settings,
    hypervolume, picture,
};
use lpzero::train::Journal;
use lpzero::{ProxyScorer, Workbench, latency, verify};

use super::arguments::{BudgetArgument, Nas, NasMethodArgument};
use super::failure::Failure;
use super::folder::Folder;
use super::output::print_json;
use super::session::{Session, failed};
use configuration::{Configuration, Subject};
use parts::Parts;
use report::{Document, Hypervolume, Member};

const JOURNAL: &str = "journal";
const REPORT: &str = "report.json";
const FRONT: &str = "front.csv";
const EVALUATED: &str = "evaluated.csv";
const PICTURE: &str = "front.svg";
const ARCHITECTURES: &str = "architectures";

/// Parameters up to which every architecture of a front is run to count it again, and
/// beyond which only the best is: two passes of billions take a minute.
const RUN_AGAIN: f64 = 1e9;

pub fn run(session: &Session, arguments: &Nas) -> Result<()> {
    let (configuration, folder) = match &arguments.resume {
        Some(path) => {
            let (configuration, folder) = Folder::open::<Configuration>(path, "a nas search")?;
            configuration.check_version(path)?;
            if path.join(REPORT).exists() {
                return Err(Failure::input(format_args!(
                    "--resume {}: this search is finished; its report is {REPORT}",
                    path.display()
                )));
            }
            (configuration, Some(folder))
        }
        None => {
            let configuration = Configuration::of(session.seed, arguments)?;
            let folder = arguments.out.as_deref();
            let folder = folder.map(|path| Folder::create(path, &configuration));
            (configuration, folder.transpose()?)
        }
    };
    let outcome = search(session, &configuration, folder.as_ref());
    let Some(folder) = folder else { return outcome };
    let next = format!(
        "`lpzero nas --resume {}` continues",
        folder.path().display()
    );
    outcome.map_err(|error| match error.downcast::<Failure>() {
        Ok(Failure::Interrupted { message, .. }) => Failure::Interrupted { message, next }.into(),
        Ok(wrong) => {
            if arguments.resume.is_none() {
                folder.discard(&[JOURNAL]);
            }
            wrong.into()
        }
        Err(error) if folder.path().join(REPORT).exists() => error,
        Err(error) => {
            let message = format!("{error:#}");
            Failure::Stopped { message, next }.into()
        }
    })
}

fn search(session: &Session, configuration: &Configuration, folder: Option<&Folder>) -> Result<()> {
    let subject = configuration.subject()?;
    let workbench = session.workbench_seeded(&configuration.pass, configuration.seed)?;
    let problem = Problem {
        space: &subject.space,
        cost: configuration.cost(),
        bounds: &subject.bounds,
        batch: (configuration.pass.batch, configuration.pass.positions),
        table: subject.table.as_ref(),
    };
    let settings = Settings {
        method: match configuration.method {
            NasMethodArgument::Evolution => Method::Evolution,
            NasMethodArgument::Random => Method::Random,
            // Solved for, and not searched.
            NasMethodArgument::Nsga2 | NasMethodArgument::Exact => Method::Nsga2,
        },
        population: configuration.population,
        seed: configuration.seed,
        budget: match configuration.budget {
            BudgetArgument::Evaluations(evaluations) => Budget::Evaluations(evaluations),
            BudgetArgument::Seconds(seconds) => {
                Budget::Time(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
            }
        },
    };
    let mut journal = match folder {
        Some(folder) => Some(journal(session, folder, &configuration.inputs(&subject))?),
        None => None,
    };
    let parts = Parts::prepare(session, &workbench, configuration, &subject)?;
    let bar = session.report.bar("searching", 1000);
    let mut evaluated = 0;
    let mut progress = |progress: Progress<'_>| {
        evaluated = progress.evaluated;
        bar.set_position((progress.spent * 1000.0) as u64);
        let best = progress.best.map(|best| {
            let params = best.costs.params;
            format!(", best score {:.4e} with {params} parameters", best.score)
        });
        let best = best.unwrap_or_default();
        bar.set_message(format!("{} architectures{best}", progress.evaluated));
    };
    let mut reranked = Vec::new();
    let found = match (&parts, configuration.method) {
        (Some(parts), NasMethodArgument::Exact) => parts.solve(
            session,
            problem,
            configuration.rerank,
            journal.as_mut(),
            &mut reranked,
        ),
        (Some(parts), _) => {
            let mut scorer = parts.scorer(configuration.restricted);
            let journal = journal.as_mut();
            lpzero::nas::search(problem, settings, &mut scorer, journal, &mut progress)
        }
        (None, _) => {
            let mut scorer = ProxyScorer {
                workbench: &workbench,
                proxy: &subject.proxy,
                cancel: &session.cancel,
            };
            let journal = journal.as_mut();
            lpzero::nas::search(problem, settings, &mut scorer, journal, &mut progress)
        }
    };
    bar.finish_and_clear();
    let found = found.map_err(|error| match error {
        error if error.is_cancelled() => {
            Failure::interrupted(format_args!("interrupted after {evaluated} architectures"))
        }
        error @ lpzero::Error::TooLarge { .. } => Failure::input(format_args!(
            "{error}; bound the search by --max-params or --max-memory"
        )),
        error => failed(error),
    })?;
    let members = returned(session, &workbench, &subject, &found, folder)?;
    let mut document = document(configuration, &subject, &found, members);
    document.supernet = parts.map(|parts| parts.report(reranked));
    if let Some(folder) = folder {
        let path = folder.path().display();
        folder.write_text(FRONT, &report::front_csv(&document)?)?;
        folder.write_text(EVALUATED, &report::evaluated_csv(&subject.space, &found)?)?;
        let cost = configuration.cost();
        let title = format!("{} by {}", subject.space.name, subject.proxy.name);
        let labels = ("score", cost.label());
        let pairs = pairs(&found, cost);
        folder.write_text(PICTURE, &picture(&title, labels, &pairs, &found.front))?;
        // Before anything is printed: whoever reads may have gone.
        folder.write(REPORT, &document)?;
        session.report.note(format_args!("report in {path}"));
    }
    if session.json {
        print_json(&document)?;
    } else {
        report::print(&document, &mut std::io::stdout().lock())?;
    }
    Ok(())
}

fn journal(session: &Session, folder: &Folder, inputs: &str) -> Result<Journal<Record>> {
    let path = folder.path().join(JOURNAL);
    let opened = Journal::open(&path, JOURNAL_KIND, inputs);
    let (journal, torn) = opened.map_err(|error| failed(error.into()))?;
    if torn > 0 {
        session.report.warn(format_args!(
            "{}: the last line was not written to its end; its architecture is scored again",
            path.display()
        ));
    }
    if !journal.records().is_empty() {
        session.report.note(format_args!(
            "continuing after {} recorded architectures",
            journal.records().len()
        ));
    }
    Ok(journal)
}

/// The front: written, read again, and counted and measured a second time.
fn returned(
    session: &Session,
    workbench: &Workbench,
    subject: &Subject,
    found: &Found,
    folder: Option<&Folder>,
) -> Result<Vec<Member>> {
    let bar = session
        .report
        .bar("counting again", found.front.len() as u64);
    let mut members = Vec::with_capacity(found.front.len());
    for candidate in found.front.iter().map(|&i| &found.candidates[i]) {
        if session.cancel.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Failure::interrupted("interrupted after the search"));
        }
        let Candidate {
            id,
            architecture,
            costs,
            ..
        } = candidate;
        let (file, architecture) = match folder {
            Some(folder) => {
                let file = format!("{ARCHITECTURES}/{id}.json");
                let path = folder.path().join(&file);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                let written = spec::write(&path, architecture);
                let read = written.and_then(|()| read_architecture(&path, Reading::default()));
                (Some(file), read.map_err(anyhow::Error::from)?)
            }
            None => (None, architecture.clone()),
        };
        // The front is in the order of scores.
        let run = costs.params <= RUN_AGAIN || members.len() + 1 == found.front.len();
        let recount = verify(workbench, id, &architecture, costs, run).map_err(failed)?;
        let again = costs.latency.map(|_| latency(workbench, id, &architecture));
        let looked_up = subject.table.as_ref();
        let looked_up = looked_up.map(|table| table.cost(&subject.space, &candidate.genotype));
        if looked_up != costs.table {
            anyhow::bail!(
                "architecture {id}: the table says {looked_up:?} and said {:?}",
                costs.table
            );
        }
        members.push(Member {
            id: id.clone(),
            score: candidate.score,
            costs: *costs,
            choices: report::choices(&subject.space, &candidate.genotype),
            recount,
            latency_again: again.transpose().map_err(failed)?,
            file,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(members)
}

/// Score and cost of everything that was scored.
fn pairs(found: &Found, cost: Cost) -> Vec<(f64, f64)> {
    let pair = |candidate: &Candidate| {
        let cost = candidate.costs.get(cost).unwrap_or(f64::NAN);
        let score = match candidate.violation > 0.0 {
            true => f64::NAN,
            false => candidate.score,
        };
        (score, cost)
    };
    found.candidates.iter().map(pair).collect()
}

fn document<'a>(
    configuration: &'a Configuration,
    subject: &'a Subject,
    found: &Found,
    front: Vec<Member>,
) -> Document<'a> {
    let pairs = pairs(found, configuration.cost());
    let finite = pairs.iter().filter(|pair| pair.0.is_finite());
    let lowest = finite.clone().map(|pair| pair.0).reduce(f64::min);
    let highest = finite.map(|pair| pair.1).reduce(f64::max);
    let hypervolume = lowest.zip(highest).map(|reference| Hypervolume {
        value: hypervolume(&pairs, reference),
        score: reference.0,
        cost: reference.1,
    });
    let not_scored = found.candidates.iter();
    let without = not_scored.filter(|c| c.violation == 0.0 && !c.score.is_finite());
    Document {
        space: &subject.space.name,
        combinations: subject.space.combinations(),
        method: configuration.method,
        proxy: &subject.proxy.name,
        formula: subject.proxy.formula.to_string(),
        sign: subject.proxy.sign,
        seed: configuration.seed,
        batch: configuration.pass.batch,
        positions: configuration.pass.positions,
        cost: configuration.cost(),
        bounds: report::bounds(&subject.bounds),
        evaluated: found.evaluated,
        without_score: without.count() as u64,
        rejected: found.rejected,
        too_slow: found.too_slow,
        exhausted: found.exhausted,
        supernet: None,
        hypervolume,
        front,
        seconds: found.seconds,
    }
}
