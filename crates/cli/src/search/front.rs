//! The front of a search under way, on disk for whoever is curious.

use std::time::{Duration, Instant};

use anyhow::Result;
use lpzero::points::History;
use lpzero::search::Snapshot;
use lpzero::search::archive::Individual;
use serde::Serialize;

use super::folder::RunFolder;

/// How often the file is written while a search runs.
const INTERVAL: Duration = Duration::from_secs(3);

/// A formula of the front.
#[derive(Serialize)]
struct Entry {
    /// Turned so that larger is better.
    formula: String,
    complexity: u32,
    /// On the search split.
    fitness: f64,
}

/// Keeps the Pareto front of fitness against complexity in a run's folder.
pub struct Front<'a> {
    folder: Option<&'a RunFolder>,
    members: Vec<Individual>,
    /// Whether the file is behind.
    changed: bool,
    written: Instant,
    /// The best fitness over evaluations.
    pub history: History,
}

impl<'a> Front<'a> {
    /// A front that is kept in this folder, if there is one.
    pub fn new(folder: Option<&'a RunFolder>) -> Self {
        Self {
            folder,
            members: Vec::new(),
            // Nothing is known yet: what an earlier process wrote stays.
            changed: false,
            written: Instant::now(),
            history: History::default(),
        }
    }

    /// Takes note of what a search keeps, and writes the file now and then.
    pub fn update(&mut self, snapshot: &Snapshot<'_>) {
        if self.folder.is_none() {
            return;
        }
        self.history.add(snapshot);
        let front = snapshot.archive.front();
        let formulas = front.iter().map(|member| &member.formula);
        if !formulas.eq(self.members.iter().map(|member| &member.formula)) {
            self.members = front.into_iter().cloned().collect();
            self.changed = true;
        }
        if self.written.elapsed() >= INTERVAL {
            // Not worth stopping for; a disk that stays full fails the journal.
            let _ = self.write();
        }
    }

    /// Writes the file if it is behind.
    pub fn write(&mut self) -> Result<()> {
        let Some(folder) = self.folder.filter(|_| self.changed) else {
            return Ok(());
        };
        self.written = Instant::now();
        let entry = |member: &Individual| Entry {
            formula: member.turned().to_string(),
            complexity: member.complexity,
            fitness: member.fitness,
        };
        let entries: Vec<Entry> = self.members.iter().map(entry).collect();
        folder.keep_front(&entries)?;
        self.changed = false;
        Ok(())
    }
}
