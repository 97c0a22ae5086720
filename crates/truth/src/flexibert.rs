//! `BERT_benchmark.json` of Serianni & Kalita (2023): a list of records with
//! `id`, `scores.glue` and `hparams.model_hparam_overrides`.

use lpzero_arch::{Cursor, Family, Node, Reading, flexibert};

use crate::error::Error;
use crate::truth::{Entry, GroundTruth};

/// Reads the list of records.
pub(crate) fn read(root: &Cursor<'_>, reading: Reading) -> Result<GroundTruth, Error> {
    let entries = root
        .items()?
        .iter()
        .map(|record| read_record(record, reading))
        .collect::<Result<_, _>>()?;
    Ok(GroundTruth {
        name: "flexibert".into(),
        path: root.place().file,
        metric: "glue".into(),
        lower_is_better: false,
        reading: Some(reading),
        family: Family::Flexibert,
        provenance: None,
        entries,
        remarks: Vec::new(),
    })
}

fn read_record(record: &Cursor<'_>, reading: Reading) -> Result<Entry, Error> {
    let id = record.get("id", "the number of the record")?;
    let id = match id.node() {
        Node::Integer(number) => number.to_string(),
        Node::Text(text) => text.clone(),
        _ => return Err(id.unexpected("a whole number or a string").into()),
    };
    let record = record.as_record(&id);
    let score = record
        .get("scores", "the scores of the trained network")?
        .get("glue", "a finite number")?
        .number()?;
    Ok(Entry {
        architecture: flexibert::read(&record, reading)?,
        id,
        score,
        trainings: Vec::new(),
    })
}
