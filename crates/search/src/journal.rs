//! Journal of what became of every formula, so that a search that was killed goes on where it
//! stopped.
//!
//! A search is a deterministic function of its inputs and of the outcomes of its
//! evaluations. So its journal records outcomes, batch by batch; a search that is
//! continued runs from its beginning, takes the outcomes it finds in the journal instead
//! of evaluating, and evaluates from there on.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use lpzero_proxy::Node;
use lpzero_run::{self as run, ContentHash, Hasher, JournalError, Kind, MAIN, Shard, Torn};

use crate::Problem;
use crate::criterion::Criterion;
use crate::record::{self, Outcome, take};
use crate::settings::Settings;

/// The journal of a search. A piece is a batch of formulas, or what an enumeration does at
/// one go.
pub const JOURNAL_KIND: Kind = Kind {
    format: "lpzero-search",
    version: 2,
    each: false,
    work: "search",
    inputs: "another ground truth, other traces or other settings",
};

/// The outcomes of a search so far, and where the next ones go.
#[derive(Debug)]
pub struct Journal {
    records: run::Journal,
    /// Records that were there when it was opened.
    recorded: usize,
    /// Number of those records that are replayed so far.
    replayed: usize,
    /// Position of the record that was replayed last.
    last: usize,
    /// Hash of what traces and truths follow from, where the caller knows.
    bound: Option<ContentHash>,
    /// The share of an enumeration that is done; all of it where there is none.
    shard: Option<Shard>,
}

impl Journal {
    /// Opens the journal in a folder, or begins one where there is none. A torn last
    /// record is cut off and reported.
    ///
    /// # Errors
    /// As [`lpzero_run::Journal::open`].
    pub fn open(folder: &Path) -> Result<(Self, Option<Torn>), JournalError> {
        Self::open_for(folder, None)
    }

    /// [`open`](Self::open), to do one share of an enumeration beside processes that do the
    /// others.
    ///
    /// # Errors
    /// As [`lpzero_run::Journal::open`].
    pub fn open_for(
        folder: &Path,
        shard: Option<Shard>,
    ) -> Result<(Self, Option<Torn>), JournalError> {
        let writer = shard.map_or_else(|| MAIN.to_owned(), Shard::writer);
        let (records, torn) = run::Journal::open(folder, JOURNAL_KIND, &writer)?;
        let journal = Self {
            recorded: records.len(),
            records,
            replayed: 0,
            last: 0,
            bound: None,
            shard,
        };
        Ok((journal, torn))
    }

    /// Binds the search to this hash too, of what its traces and truths follow from. A
    /// search that begins with formulas of counts alone would not notice other traces.
    pub fn bind(&mut self, inputs: ContentHash) {
        self.bound = Some(inputs);
    }

    /// Appends to `output` instead of the file: to see what a full disk does.
    #[must_use]
    pub fn writing_to(self, output: impl Write + Send + 'static) -> Self {
        Self {
            records: self.records.writing_to(output),
            ..self
        }
    }

    /// The file that outcomes are appended to.
    pub fn path(&self) -> &Path {
        self.records.path()
    }

    /// Batches whose outcomes are recorded and not yet replayed.
    pub fn batches_left(&self) -> usize {
        self.recorded - self.replayed
    }

    /// Notes what the search is a function of, or checks that it is the same
    /// as when the journal was begun.
    pub(crate) fn begin(
        &mut self,
        problem: &Problem<'_>,
        settings: &Settings,
    ) -> Result<(), JournalError> {
        let mut hasher = Hasher::new();
        hasher.update(inputs(problem, settings).as_bytes());
        if let Some(bound) = &self.bound {
            hasher.update(bound.as_bytes());
        }
        self.records.begin(hasher.finish())
    }

    /// The recorded outcomes of these formulas, each with `ranks` ranks, and
    /// the time that the search had taken by then; `None` when everything
    /// recorded is replayed.
    pub(crate) fn replay(
        &mut self,
        formulas: &[Node],
        ranks: usize,
    ) -> Result<Option<(Vec<Outcome>, Duration)>, JournalError> {
        let Some((body, elapsed)) = self.replay_piece(piece(formulas))? else {
            return Ok(None);
        };
        match record::outcomes(&mut &body[..], formulas, ranks) {
            Some(outcomes) => Ok(Some((outcomes, elapsed))),
            None => Err(self.other_piece()),
        }
    }

    /// Records the outcomes of a batch.
    pub(crate) fn append(
        &mut self,
        formulas: &[Node],
        elapsed: Duration,
        outcomes: &[Outcome],
    ) -> Result<(), JournalError> {
        self.append_piece(piece(formulas), elapsed, &record::encode(outcomes))
    }

    /// Next recorded value of a piece of work, and the time that the search had taken by then.
    /// `None` when everything recorded is replayed.
    pub(crate) fn replay_piece(
        &mut self,
        piece: ContentHash,
    ) -> Result<Option<(Vec<u8>, Duration)>, JournalError> {
        if self.batches_left() == 0 {
            return Ok(None);
        }
        match self.find_piece(piece)? {
            // The search arrives at something else than the one that was recorded.
            None => Err(self.records.other_piece(self.replayed)),
            found => Ok(found),
        }
    }

    /// The recorded value of a piece of work that does not hang on others, by whichever
    /// process, and the time that its search had taken by then.
    pub(crate) fn find_piece(
        &mut self,
        piece: ContentHash,
    ) -> Result<Option<(Vec<u8>, Duration)>, JournalError> {
        let Some(position) = self.records.find(&piece) else {
            return Ok(None);
        };
        let record = self.records.at(position)?;
        self.last = position;
        self.replayed = (self.replayed + 1).min(self.recorded);
        let nanoseconds = take(&mut &record.note[..]).map_or(0, u64::from_le_bytes);
        Ok(Some((record.value, Duration::from_nanos(nanoseconds))))
    }

    /// Records what came of a piece of work.
    pub(crate) fn append_piece(
        &mut self,
        piece: ContentHash,
        elapsed: Duration,
        body: &[u8],
    ) -> Result<(), JournalError> {
        let nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.records.append(piece, body, &nanoseconds.to_le_bytes())
    }

    /// The share of an enumeration that is done, if it is not all of it.
    pub(crate) fn shard(&self) -> Option<Shard> {
        self.shard
    }

    /// Error that the record read last says something else than it should.
    pub(crate) fn other_piece(&self) -> JournalError {
        self.records.other_piece(self.last)
    }
}

/// Identifies the formulas of a batch and their order.
fn piece(formulas: &[Node]) -> ContentHash {
    let mut hasher = Hasher::new();
    for formula in formulas {
        hasher.update(formula.to_string().as_bytes()).update(b"\n");
    }
    hasher.finish()
}

/// Identifies everything that a search is a function of, but for the program:
/// settings, ground truth, and of the traces the scores of the formulas that
/// the search starts from.
fn inputs(problem: &Problem<'_>, settings: &Settings) -> ContentHash {
    let mut hasher = Hasher::new();
    hasher.update(format!("{settings:?}\n").as_bytes());
    for benchmark in problem.benchmarks {
        hasher.update(format!("{:?}\n", benchmark.split).as_bytes());
        let mut column = |values: &[f64]| {
            hasher.update(&(values.len() as u64).to_le_bytes());
            for value in values {
                // One NaN is as good as another.
                let value = if value.is_nan() { f64::NAN } else { *value };
                hasher.update(&value.to_le_bytes());
            }
        };
        column(benchmark.truth);
        if settings.fitness == Criterion::SameSize {
            column(benchmark.sizes);
        }
        for formula in problem.seeds {
            let scores = benchmark.scorer.scores(formula, &benchmark.split.search);
            column(&scores.unwrap_or_default());
        }
    }
    hasher.finish()
}
