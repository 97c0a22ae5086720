//! The folder of one search: its settings, a journal of what became of
//! every formula, the front so far, and in the end its report.
//!
//! A search is a function of its settings, and of the clock where its
//! budget is a time. So a run that was interrupted, however it was, is continued
//! by searching again from the settings, with the traces that the cache
//! holds and the outcomes that the journal holds, and ends with the same report.

use std::path::Path;

use anyhow::Result;
use lpzero::points::Points;
use lpzero::run::{Folder, Shard};
use lpzero::saved::{FRONT, REPORT};
use lpzero::search::{JOURNAL_KIND, Journal};
use serde::Serialize;

use super::settings::{SearchSettings, VERSION};
use crate::failure::{Failure, failed};
use crate::folder::{self, RunKind, Share};
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
    journal: Some((JOURNAL, JOURNAL_KIND, "batches or pieces")),
};

/// The folder of one search.
pub struct RunFolder {
    folder: Folder,
    shard: Option<Shard>,
}

impl RunFolder {
    /// A new folder, or for a share the one that others may have begun.
    pub fn begin(path: &Path, settings: &SearchSettings, shard: Option<Shard>) -> Result<Self> {
        let folder = folder::begin(path, settings, shard)?;
        Ok(Self { folder, shard })
    }

    /// The folder of a run that was started before and has not ended.
    pub fn open(path: &Path, shard: Option<Shard>) -> Result<(SearchSettings, Self)> {
        let (settings, folder) = folder::open_versioned(path, "a search", VERSION, shard)?;
        let folder = Self { folder, shard };
        match folder.is_finished() {
            false => Ok((settings, folder)),
            true => Err(Failure::input(format_args!(
                "--resume {}: this run is finished; its report is {REPORT}",
                path.display()
            ))),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn is_finished(&self) -> bool {
        self.path().join(REPORT).exists()
    }

    /// The journal of the search, ready to be continued.
    pub fn journal(&self, report: Reporter) -> Result<Journal> {
        let opened = Journal::open_for(&self.path().join(JOURNAL), self.shard);
        let (journal, torn) = opened.map_err(|error| failed(error.into()))?;
        folder::tell(torn, journal.batches_left(), "recorded batches", report);
        Ok(journal)
    }

    /// Keeps the front as it is now.
    pub fn keep_front(&self, front: &impl Serialize) -> Result<()> {
        Ok(self.folder.write(FRONT, front)?)
    }

    /// Keeps what pictures are drawn from: networks under the formula, and the best fitness over
    /// evaluations.
    pub fn keep_pictured(&self, points: &[Points], history: &[(u64, f64)]) -> Result<()> {
        self.folder.write(POINTS, &points)?;
        Ok(self.folder.write(HISTORY, &history)?)
    }

    /// Keeps what the formula sees of a shape.
    pub fn keep_sight(&self, sight: &impl Serialize) -> Result<()> {
        Ok(self.folder.write(SIGHT, sight)?)
    }

    /// Writes the page of the finished run.
    pub fn page(&self, session: &Session) {
        report::beside(session, &self.folder);
    }

    /// Keeps the report; the run is finished.
    pub fn finish(&self, report: &impl Serialize) -> Result<()> {
        Ok(self.folder.write(REPORT, report)?)
    }

    /// Says that a share of the search is done, of which `pieces` are recorded out of all.
    pub fn shared(&self, session: &Session, pieces: [usize; 2]) -> Result<()> {
        let Some(shard) = self.shard else {
            return Ok(());
        };
        RUN.shared(session, &self.folder, Share { shard, pieces })
    }

    /// The folder without what a search knows of it.
    pub fn into_inner(self) -> Folder {
        self.folder
    }
}
