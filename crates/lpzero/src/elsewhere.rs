//! Traces that other processes make: parts of a ground truth, and the cache that takes them.
//!
//! A trace is a pure function of the settings, the architecture and the seeds. A search that
//! finds all in its cache is therefore the search that would have made them itself.

use lpzero_trace::{ArchitectureKey, Trace, TraceCache};
use lpzero_truth::GroundTruth;

use crate::study::source;
use crate::{Error, Networks, Pass, Repetition, Workbench};

impl Workbench {
    /// The workbench of another initialisation, as searches across ground truths compare it
    /// with the first, which is number 0.
    #[must_use]
    pub fn initialised(&self, init: u32) -> Self {
        if init == 0 {
            return self.clone();
        }
        // Half as many sequences: what depends on that, too, does not carry over.
        let pass = Pass {
            batch: self.pass().batch.div_ceil(2),
            ..self.pass().clone()
        };
        self.clone().with_pass(pass).with_repetition(Repetition {
            init,
            ..Repetition::default()
        })
    }

    /// Traces of some entries of a ground truth, by row.
    ///
    /// # Errors
    ///
    /// As [`traces`](Self::traces).
    pub fn trace_rows(&self, truth: &GroundTruth, rows: &[usize]) -> Result<Vec<Trace>, Error> {
        let networks = Networks::from(truth).subset(rows.iter().copied());
        self.traces(&source(truth), &networks)
    }

    /// Keeps traces of some entries of a ground truth in the cache.
    ///
    /// # Errors
    ///
    /// A cache that cannot be used. One that takes no more is a warning.
    pub fn keep_rows<'a>(
        &self,
        truth: &GroundTruth,
        rows: &[usize],
        traces: impl IntoIterator<Item = &'a Trace>,
    ) -> Result<(), Error> {
        let Some(cache) = self.open_cache(&source(truth))? else {
            return Ok(());
        };
        for (&row, trace) in rows.iter().zip(traces) {
            let key = ArchitectureKey::of(&truth.entries[row].architecture);
            if !cache.contains(&key) {
                cache.append(key, trace);
            }
        }
        let not_kept = cache.not_kept();
        not_kept
            .iter()
            .for_each(|warning| self.watch().warn(warning));
        Ok(())
    }

    /// Rows of a ground truth that the cache has no trace of: all where there is no cache.
    ///
    /// # Errors
    ///
    /// A cache that cannot be used.
    pub fn missing_rows(&self, truth: &GroundTruth) -> Result<Vec<usize>, Error> {
        let cache: Option<TraceCache> = self.open_cache(&source(truth))?;
        let is_missing = |row: &usize| {
            let key = ArchitectureKey::of(&truth.entries[*row].architecture);
            !cache.as_ref().is_some_and(|cache| cache.contains(&key))
        };
        Ok((0..truth.entries.len()).filter(is_missing).collect())
    }
}
