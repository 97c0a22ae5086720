//! The folder of one search: its settings, a journal of what became of
//! every formula, the front so far, and in the end its report.
//!
//! A search is a function of its settings, and of the clock where its
//! budget is a time. So a run that was interrupted, however it was, is continued
//! by searching again from the settings, with the traces that the cache
//! holds and the outcomes that the journal holds, and ends with the same report.

use std::path::Path;

use anyhow::Result;
use lpzero::run::Folder;
use lpzero::search::Journal;
use lpzero::{FRONT, Points, REPORT};
use serde::Serialize;

use super::settings::{SearchSettings, VERSION};
use crate::failure::{Failure, failed};
use crate::folder::{self, RunKind};
use crate::output::Reporter;
use crate::report;
use crate::session::Session;

const JOURNAL: &str = "journal";
const POINTS: &str = "points.json";
const HISTORY: &str = "history.json";
const SIGHT: &str = "sees.json";

/// Searches, as folders keep them.
pub const RUN: RunKind = RunKind {
    command: "search",
    writes: &[JOURNAL, FRONT, POINTS, HISTORY, SIGHT],
    report: REPORT,
};

/// The folder of one search.
pub struct RunFolder(Folder);

impl RunFolder {
    /// A new folder; one that exists already is never touched.
    pub fn create(path: &Path, settings: &SearchSettings) -> Result<Self> {
        Ok(Self(folder::create(path, settings)?))
    }

    /// The folder of a run that was started before and has not ended.
    pub fn open(path: &Path) -> Result<(SearchSettings, Self)> {
        let (settings, folder) = folder::open_versioned(path, "a search", VERSION)?;
        let folder = Self(folder);
        match folder.is_finished() {
            false => Ok((settings, folder)),
            true => Err(Failure::input(format_args!(
                "--resume {}: this run is finished; its report is {REPORT}",
                path.display()
            ))),
        }
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn is_finished(&self) -> bool {
        self.path().join(REPORT).exists()
    }

    /// The journal of the search, ready to be continued.
    pub fn journal(&self, report: Reporter) -> Result<Journal> {
        let opened = Journal::open(&self.path().join(JOURNAL));
        let (journal, torn) = opened.map_err(|error| failed(error.into()))?;
        folder::tell(torn, journal.batches_left(), "recorded batches", report);
        Ok(journal)
    }

    /// Keeps the front as it is now.
    pub fn keep_front(&self, front: &impl Serialize) -> Result<()> {
        Ok(self.0.write(FRONT, front)?)
    }

    /// Keeps what pictures are drawn from: networks under the formula, and the best fitness over
    /// evaluations.
    pub fn keep_pictured(&self, points: &[Points], history: &[(u64, f64)]) -> Result<()> {
        self.0.write(POINTS, &points)?;
        Ok(self.0.write(HISTORY, &history)?)
    }

    /// Keeps what the formula sees of a shape.
    pub fn keep_sight(&self, sight: &impl Serialize) -> Result<()> {
        Ok(self.0.write(SIGHT, sight)?)
    }

    /// Writes the page of the finished run.
    pub fn page(&self, session: &Session) {
        report::beside(session, &self.0);
    }

    /// Keeps the report; the run is finished.
    pub fn finish(&self, report: &impl Serialize) -> Result<()> {
        Ok(self.0.write(REPORT, report)?)
    }

    /// The folder without what a search knows of it.
    pub fn into_inner(self) -> Folder {
        self.0
    }
}
