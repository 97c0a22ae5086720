//! `lpzero status`: what is done of a run, who works on it, and how long it will take.
//!
//! It only reads: the processes of a run are not disturbed, on whatever machine they are.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use lpzero::run::{CONFIGURATION, JournalError, PIECES, Records};
use serde::Serialize;

use super::arguments::Status as Arguments;
use super::failure::{Failure, failed};
use super::folder::{DONE, PieceCount, RunKind};
use super::output::print_json;
use super::pace::rough;
use super::plain::{Table, line, stdout};
use super::session::Session;
use super::{ablate, build, nas, score, search, train};

/// All kinds of runs that folders keep.
const KINDS: [&RunKind; 6] = [
    &search::RUN,
    &score::RUN,
    &build::RUN,
    &ablate::RUN,
    &nas::RUN,
    &train::RUN,
];

/// A writer is at work that has recorded something within so many of the times that it took
/// for a record, or within [`QUIET`].
const RECORDS: f64 = 5.0;
/// Longest that a writer is silent before it is asked for.
const QUIET: Duration = Duration::from_secs(120);

/// The JSON document.
#[derive(Serialize)]
struct Status {
    run: PathBuf,
    command: &'static str,
    finished: bool,
    /// Pieces that are recorded by anyone.
    recorded: usize,
    /// All pieces, where that is known.
    all: Option<usize>,
    /// Seconds that the rest takes those who are at work.
    seconds_left: Option<f64>,
    writers: Vec<Writer>,
}

/// One process, or those that followed each other under one name.
#[derive(Serialize)]
struct Writer {
    name: String,
    recorded: u64,
    state: State,
    /// Seconds since its last record.
    silent_seconds: f64,
    /// Records a second, since its first.
    #[serde(skip)]
    pace: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Its share is done, or the whole run.
    Done,
    /// It has recorded something lately.
    Running,
    /// It has not: perhaps it was killed.
    Silent,
}

pub fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    let folder = &arguments.folder;
    if !folder.join(CONFIGURATION).is_file() {
        return Err(Failure::input(format_args!(
            "{}: not the folder of a run: {CONFIGURATION} is not there",
            folder.display()
        )));
    }
    let status = status(folder)?;
    match session.json {
        true => print_json(&status),
        false => print(&status),
    }
}

fn status(folder: &Path) -> Result<Status> {
    let finished = |run: &RunKind| folder.join(run.report).exists();
    for run in KINDS {
        let Some((name, kind, _)) = run.journal else {
            continue;
        };
        let journal = folder.join(name);
        if !journal.is_dir() {
            continue;
        }
        let records = match Records::read(&journal, kind) {
            // The journal of another command has the same name.
            Err(JournalError::Foreign { .. }) => continue,
            records => records.map_err(|error| failed(error.into()))?,
        };
        let finished = finished(run);
        let writers: Vec<Writer> = (records.writers())
            .map(|writer| about(folder, finished, writer))
            .collect();
        let all = count(folder);
        let pace: f64 = (writers.iter())
            .filter(|writer| writer.state == State::Running)
            .map(|writer| writer.pace)
            .sum();
        let left = all.map(|all| all.saturating_sub(records.len()) as f64 / pace);
        return Ok(Status {
            run: folder.to_owned(),
            command: run.command,
            finished,
            recorded: records.len(),
            all,
            seconds_left: left.filter(|left| left.is_finite() && !finished),
            writers,
        });
    }
    let run = KINDS
        .iter()
        .find(|run| run.journal.is_none() && finished(run));
    Ok(Status {
        run: folder.to_owned(),
        command: run.map_or("run", |run| run.command),
        finished: run.is_some(),
        recorded: 0,
        all: None,
        seconds_left: None,
        writers: Vec::new(),
    })
}

fn about(folder: &Path, finished: bool, writer: lpzero::run::Writer<'_>) -> Writer {
    let name = writer
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let name = name.into_owned();
    let now = SystemTime::now();
    let since = |time: Option<SystemTime>| {
        let past = time.and_then(|time| now.duration_since(time).ok());
        past.unwrap_or_default().as_secs_f64()
    };
    let metadata = fs::metadata(writer.path).ok();
    let silent = since(metadata.as_ref().and_then(|data| data.modified().ok()));
    // Where a file system does not know when a file was made, nothing is said of the pace.
    let age = since(metadata.as_ref().and_then(|data| data.created().ok()));
    let pace = writer.records as f64 / (age - silent);
    let pace = if pace.is_finite() { pace.max(0.0) } else { 0.0 };
    let patience = QUIET.as_secs_f64().max(RECORDS / pace);
    Writer {
        state: match finished || folder.join(format!("{name}{DONE}")).exists() {
            true => State::Done,
            false if silent < patience => State::Running,
            false => State::Silent,
        },
        name,
        recorded: writer.records,
        silent_seconds: silent,
        pace,
    }
}

/// How many pieces the run has, where a process has said so.
fn count(folder: &Path) -> Option<usize> {
    let text = fs::read_to_string(folder.join(PIECES)).ok()?;
    Some(serde_json::from_str::<PieceCount>(&text).ok()?.all)
}

fn print(status: &Status) -> Result<()> {
    let out = &mut stdout();
    let state = match status.finished {
        true => "finished",
        false => "not finished",
    };
    let run = line(&status.run.display().to_string()).into_owned();
    write!(out, "{run}: {}, {state}", status.command)?;
    match status.all {
        Some(all) => write!(out, ", {} of {all} recorded", status.recorded)?,
        None if status.recorded > 0 => write!(out, ", {} recorded", status.recorded)?,
        None => {}
    }
    if let Some(left) = status.seconds_left {
        write!(out, ", {} left", rough(Duration::from_secs_f64(left)))?;
    }
    writeln!(out)?;
    if !status.writers.is_empty() {
        let mut table = Table::new();
        table.set_header(["writer", "state", "recorded", "last record"]);
        for writer in &status.writers {
            let silent = Duration::from_secs_f64(writer.silent_seconds);
            table.add_row([
                writer.name.clone(),
                format!("{:?}", writer.state).to_lowercase(),
                writer.recorded.to_string(),
                format!("{} ago", rough(silent)),
            ]);
        }
        table.align_text(1);
        writeln!(out, "{table}")?;
    }
    let silent = (status.writers.iter()).any(|writer| writer.state == State::Silent);
    if silent && !status.finished {
        writeln!(
            out,
            "A silent writer may have been killed: start its share again, or \
             `lpzero {} --resume {run}` does what is missing.",
            status.command
        )?;
    }
    Ok(())
}
