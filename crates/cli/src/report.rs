//! `lpzero report`: runs as one page, for any browser and without a network.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lpzero::run::CONFIGURATION;
use lpzero::run::{Folder, write_whole};
use lpzero_report::{Error, Page, Run};

use super::arguments::Report;
use super::failure::{Failure, system};
use super::output::print_json;
use super::plain::stdout;
use super::provenance::PROVENANCE;
use super::session::Session;

/// Name of the page in the folder of a run.
pub const PAGE: &str = "report.html";

pub fn run(session: &Session, arguments: &Report) -> Result<()> {
    let runs = arguments.runs.iter().map(|path| Run::read(path));
    let runs: Vec<Run> = runs.collect::<Result<_, Error>>().map_err(wrong)?;
    let out = match (&arguments.out, &arguments.runs[..]) {
        (Some(out), _) => out.clone(),
        (None, [folder]) if folder.is_dir() => folder.join(PAGE),
        _ => PathBuf::from(PAGE),
    };
    let page = Page::new(&runs).to_html();
    write_whole(&out, page.as_bytes()).map_err(|error| {
        system(
            &format!("--out {}: cannot be written to", out.display()),
            error,
        )
    })?;
    if arguments.open {
        open(session, &out);
    }
    if session.json {
        return print_json(&serde_json::json!({
            "out": out,
            "bytes": page.len(),
            "runs": runs.iter().map(|run| run.kind.command()).collect::<Vec<_>>(),
        }));
    }
    use std::io::Write as _;
    writeln!(stdout(), "{}", out.display())?;
    Ok(())
}

fn wrong(error: Error) -> anyhow::Error {
    match &error {
        Error::Read { path, error }
            if error.kind() == std::io::ErrorKind::NotFound
                && path
                    .parent()
                    .is_some_and(|folder| folder.join(CONFIGURATION).exists()) =>
        {
            Failure::typed(format_args!(
                "{}: not there; the run is not finished: continue it with --resume {}",
                path.display(),
                path.parent().unwrap_or(path).display()
            ))
        }
        Error::Read { path, error } if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::typed(format_args!(
                "{}: not there; expected the folder of a finished run: `lpzero search --out run`, \
                 then `lpzero report run`",
                path.display()
            ))
        }
        Error::Read { path, error } => system(
            &path.display().to_string(),
            std::io::Error::new(error.kind(), error.to_string()),
        ),
        Error::Document { .. } => Failure::input(format_args!("{error}")),
    }
}

/// Shows the page in whatever the desktop opens pages with.
fn open(session: &Session, page: &Path) {
    let program = match () {
        () if cfg!(target_os = "macos") => "open",
        () if cfg!(windows) => "explorer",
        () => "xdg-open",
    };
    let quiet = std::process::Stdio::null;
    let started = std::process::Command::new(program)
        .arg(page)
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .spawn();
    if let Err(error) = started {
        session.report.warn(format_args!(
            "--open: {program}: {error}; open {} in a browser",
            page.display()
        ));
    }
}

/// Writes who made a run, and its page where pages are wanted, beside its report. The run is
/// finished whatever comes of this, so a failure is a warning.
pub fn beside(session: &Session, folder: &Folder) {
    session.stop.finished();
    let path = folder.path();
    let written = || -> Result<()> {
        folder.write(PROVENANCE, &session.provenance())?;
        if session.pages {
            let page = Page::new(&[Run::read(path)?]).to_html();
            folder.write_text(PAGE, &page)?;
        }
        Ok(())
    };
    match written() {
        Ok(()) if !session.pages => {}
        Ok(()) => (session.report).note(format_args!("page in {}", path.join(PAGE).display())),
        Err(error) => (session.report).warn(format_args!("no page was written: {error:#}")),
    }
}
