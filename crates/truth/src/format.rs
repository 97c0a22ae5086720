//! The project's own file of a ground truth.
//!
//! ```json
//! {
//!   "format": "lpzero-truth",
//!   "version": 1,
//!   "name": "mine",
//!   "metric": "valid_ppl",
//!   "lower_is_better": true,
//!   "reading": null,
//!   "family": "general",
//!   "entries": [
//!     {"id": "a", "score": -3.2, "architecture": {"kind": "decoder", ...}}
//!   ]
//! }
//! ```
//!
//! An entry may hold `trainings`, a list of `{"seed", "metric", "seconds"}` of which
//! its score is the mean, and the file `provenance`, any object that says how the
//! scores came about: `lpzero truth build` writes both.
//!
//! `score` is already turned: larger is better, also where `lower_is_better`
//! says that the metric itself is not (a perplexity p is written as -ln p).
//! `reading` and `family` (flexibert, lts or general) may be left out. `architecture` has the form it has in a file
//! of format `lpzero-architecture`.

use lpzero_arch::{Architecture, Cursor, Family, Node, Place, Problem, Reading, spec};
use lpzero_run::write_whole;
use serde::Serialize;

use crate::error::Error;
use crate::truth::{Entry, GroundTruth, Trained};

/// The value of `format`.
pub const FORMAT: &str = "lpzero-truth";
/// The version that is written, and the newest that is read.
pub const VERSION: usize = 1;

#[derive(Serialize)]
struct File<'a> {
    format: &'static str,
    version: usize,
    name: &'a str,
    metric: &'a str,
    lower_is_better: bool,
    reading: Option<Reading>,
    family: Family,
    #[serde(skip_serializing_if = "Option::is_none")]
    provenance: Option<&'a serde_json::Value>,
}

#[derive(Serialize)]
struct Record<'a> {
    id: &'a str,
    score: f64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    trainings: &'a [Trained],
    architecture: &'a Architecture,
}

/// Reads the whole file.
pub(crate) fn read(root: &Cursor<'_>) -> Result<GroundTruth, Error> {
    spec::check_header(root, FORMAT, VERSION)?;
    let reading = match root.find("reading") {
        Some(found) if *found.node() != Node::Null => Some(
            found
                .text()?
                .parse()
                .map_err(|_| found.unexpected("as-trained, declared or reference"))?,
        ),
        _ => None,
    };
    let family = match root.find("family") {
        Some(found) => found.deserialize()?,
        None => Family::default(),
    };
    let entries = root
        .get("entries", "a list of architectures with scores")?
        .items()?
        .iter()
        .map(read_record)
        .collect::<Result<_, _>>()?;
    Ok(GroundTruth {
        name: root.get("name", "a string")?.text()?.to_owned(),
        path: root.place().file,
        metric: root.get("metric", "a string")?.text()?.to_owned(),
        lower_is_better: root.get("lower_is_better", "true or false")?.flag()?,
        reading,
        family,
        provenance: (root.find("provenance"))
            .map(|found| found.deserialize())
            .transpose()?,
        entries,
        remarks: Vec::new(),
    })
}

fn read_record(record: &Cursor<'_>) -> Result<Entry, Error> {
    let id = record.get("id", "a string")?.text()?.to_owned();
    let record = record.as_record(&id);
    Ok(Entry {
        score: record.get("score", "a finite number")?.number()?,
        trainings: match record.find("trainings") {
            Some(found) => found.deserialize()?,
            None => Vec::new(),
        },
        architecture: spec::read_body(&record.get("architecture", "an architecture")?)?,
        id,
    })
}

/// Writes the file to `truth.path`.
pub(crate) fn write(truth: &GroundTruth) -> Result<(), Error> {
    let place = |id: Option<&str>, key: &str| Place {
        file: truth.path.clone(),
        record: id.map(str::to_owned),
        key: key.to_owned(),
    };
    for entry in &truth.entries {
        if !entry.score.is_finite() {
            let problem = Problem::unexpected("a finite number", entry.score);
            return Err(place(Some(&entry.id), "score").error(problem).into());
        }
        entry
            .architecture
            .validate()
            .map_err(|invalid| place(Some(&entry.id), "architecture").invalid(invalid))?;
    }
    let file = File {
        format: FORMAT,
        version: VERSION,
        name: &truth.name,
        metric: &truth.metric,
        lower_is_better: truth.lower_is_better,
        reading: truth.reading,
        family: truth.family,
        provenance: truth.provenance.as_ref(),
    };
    let malformed =
        |error: serde_json::Error| place(None, "").error(Problem::Malformed(error.to_string()));
    // An entry a line: the file is read by people, and compared by line.
    let head = serde_json::to_string_pretty(&file).map_err(malformed)?;
    let head = head.strip_suffix("\n}").unwrap_or(&head);
    let mut text = format!("{head},\n  \"entries\": [");
    for (i, entry) in truth.entries.iter().enumerate() {
        let record = Record {
            id: &entry.id,
            score: entry.score,
            trainings: &entry.trainings,
            architecture: &entry.architecture,
        };
        text += if i == 0 { "\n    " } else { ",\n    " };
        text += &serde_json::to_string(&record).map_err(malformed)?;
    }
    text += "\n  ]\n}";
    write_whole(&truth.path, (text + "\n").as_bytes()).map_err(|source| {
        lpzero_arch::Error::Write {
            path: truth.path.clone(),
            source,
        }
        .into()
    })
}
