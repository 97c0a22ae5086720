//! Reading a ground truth in whatever layout it was published, and writing the project's
//! own.

use std::path::Path;

use lpzero_arch::{Document, Family, Reading};

use crate::embedded::alone;
use crate::{
    Error, GroundTruth, TableOptions, Tokens, flexibert, format, gemstones, lts, openlm, table,
};

impl GroundTruth {
    /// Reads a ground truth: `BERT_benchmark.json`, a LiteTransformerSearch
    /// folder (or its `ppl_summary.yaml`), OpenLM's `grid.json`, the checkpoints of
    /// Gemstones, or the project's own file.
    ///
    /// `reading` says what a FlexiBERT record means and changes nothing
    /// elsewhere; the project's own file keeps the reading it was written in.
    ///
    /// # Errors
    /// [`Error`], naming file, record and key. Every architecture is
    /// validated, every score finite, every id unique.
    pub fn read(path: &Path, reading: Reading) -> Result<Self, Error> {
        Self::read_with(path, reading, &TableOptions::default(), None)
    }

    /// [`read`](Self::read), which also takes a user's own table (.csv, .tsv, .jsonl,
    /// .ndjson, a list of records in .json; see [`TableOptions`]), and one budget of `tokens`
    /// where networks were scored at several.
    ///
    /// # Errors
    /// As [`read`](Self::read); choices where there is nothing to choose.
    pub fn read_with(
        path: &Path,
        reading: Reading,
        options: &TableOptions,
        tokens: Option<Tokens>,
    ) -> Result<Self, Error> {
        let is_folder = path.is_dir();
        let truth = if table::is_table(path) && !is_folder {
            let text = table::read_text(path)?;
            if gemstones::is_published(&text) {
                gemstones::read(path, &text, options, tokens)?
            } else {
                alone(&TableOptions::default(), tokens, path)?;
                table::read(path, &text, reading, options)?
            }
        } else if is_folder {
            alone(options, tokens, path)?;
            lts::read(path)?
        } else if path.file_name().is_some_and(|name| name == lts::SUMMARY) {
            alone(options, tokens, path)?;
            lts::read(path.parent().unwrap_or(Path::new("")))?
        } else {
            alone(&TableOptions::default(), tokens, path)?;
            Self::read_document(path, reading, options)?
        };
        truth.check()?;
        Ok(truth)
    }

    /// Reads a table that is not a file: its text as JSON Lines, one object per row. `name`
    /// stands in errors where a path would.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn read_rows(
        name: &str,
        lines: &str,
        reading: Reading,
        options: &TableOptions,
    ) -> Result<Self, Error> {
        let truth = table::read(Path::new(&format!("{name}.jsonl")), lines, reading, options)?;
        truth.check()?;
        Ok(truth)
    }

    fn read_document(path: &Path, reading: Reading, options: &TableOptions) -> Result<Self, Error> {
        let document = Document::read(path)?;
        let root = document.root();
        let items = root.items().unwrap_or_default();
        if table::is_list_of_rows(&items) {
            return table::read_list(path, &items, reading, options);
        }
        alone(options, None, path)?;
        if root.find("format").is_some() {
            format::read(&root)
        } else if root.items().is_ok() {
            flexibert::read(&root, reading)
        } else if openlm::is_grid(&root) {
            openlm::read(&root)
        } else {
            Err(Error::UnknownLayout {
                path: path.to_owned(),
            })
        }
    }

    /// The number of parameters published for each entry, in their order, where
    /// it stands beside the scores (LiteTransformerSearch).
    ///
    /// # Errors
    /// A file of counts that cannot be read or lacks an entry.
    pub fn published_parameters(&self) -> Result<Option<Vec<u128>>, Error> {
        match self.family {
            Family::Lts if self.path.is_dir() => lts::published_parameters(self),
            _ => Ok(None),
        }
    }

    /// Writes the project's own file, which [`read`](Self::read) reads back
    /// equal (but for the path).
    ///
    /// # Errors
    /// [`lpzero_arch::Error::Write`] where the file cannot be written, and
    /// what [`read`](Self::read) would not take: no entries, an id twice, a
    /// score that is not finite, an invalid architecture.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let target = Self {
            path: path.to_owned(),
            ..self.clone()
        };
        target.check()?;
        format::write(&target)
    }
}
