//! A LiteTransformerSearch folder (Javaheripi et al. 2022), of GPT-2 or of
//! Transformer-XL: perplexities in `ppl_summary.yaml` under ids, architectures in
//! `model_config.yaml` files below folders that are named like the ids.
//!
//! The published folders have `config_0_j1` in `config_0/j1` and `M1` in `M1`. A
//! perplexity is `valid_ppl` of an id, or stands behind it. Not every architecture was
//! trained; those without a perplexity are left out, with a remark.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lpzero_arch::{Cursor, Document, Family, Node, Problem, lts};

use crate::error::Error;
use crate::rows::listed;
use crate::truth::{Entry, GroundTruth};

/// The file that holds the scores.
pub(crate) const SUMMARY: &str = "ppl_summary.yaml";
const METRIC: &str = "valid_ppl";
const CONFIG: &str = "model_config.yaml";

/// Folders below each other in which an architecture is looked for.
const DEEPEST: usize = 3;

/// Data sets, by the first end of a cluster that archai gives their vocabulary, which is
/// also part of the names of published folders.
const DATA_SETS: [(&str, usize); 2] = [("wt103", 19_997), ("lm1b", 59_997)];

/// Reads the folder; entries in the order of the summary.
pub(crate) fn read(folder: &Path) -> Result<GroundTruth, Error> {
    let summary = folder.join(SUMMARY);
    if folder.exists() && !summary.exists() {
        return Err(Error::UnknownLayout {
            path: folder.to_owned(),
        });
    }
    let document = Document::read(&summary)?;
    let configs = configs(folder)?;
    let mut found = Vec::new();
    let mut known = HashSet::new();
    for (id, record) in document.root().entries()? {
        let record = record.as_record(id);
        let Some(config) = configs.get(id) else {
            return Err(without_architecture(id, &record));
        };
        if let Some(score) = score(&record)? {
            known.insert(id);
            found.push(Measured::read(id, score, config)?);
        }
    }
    let without: Vec<&String> = (configs.keys())
        .filter(|id| !known.contains(id.as_str()))
        .collect();
    if let (true, Some(first)) = (found.is_empty(), without.first()) {
        return Err(Error::NoScore {
            path: summary,
            id: (*first).clone(),
            metric: METRIC,
            config: configs[*first].clone(),
        });
    }
    let remark = || {
        format!(
            "{}: {} of {} architectures have no `{METRIC}` and are left out: {}",
            summary.display(),
            without.len(),
            configs.len(),
            listed(&without)
        )
    };
    let remarks = (!without.is_empty()).then(remark);
    Ok(GroundTruth {
        name: name(folder, &found),
        path: folder.to_owned(),
        metric: METRIC.into(),
        lower_is_better: true,
        reading: None,
        family: Family::Lts,
        provenance: None,
        entries: found.into_iter().map(|each| each.entry).collect(),
        remarks: remarks.into_iter().collect(),
    })
}

/// An architecture with its perplexity, and what the name of its ground truth is made of.
struct Measured {
    entry: Entry,
    class: lts::Class,
    /// The first end of a cluster in the file.
    first_cutoff: Option<usize>,
}

impl Measured {
    fn read(id: &str, score: f64, config: &Path) -> Result<Self, Error> {
        let config = Document::read(config)?;
        let root = config.root();
        let cutoffs = root.find("cutoffs").and_then(|found| found.items().ok());
        let first = cutoffs.and_then(|cutoffs| cutoffs.first()?.size().ok());
        Ok(Self {
            entry: Entry {
                id: id.to_owned(),
                architecture: lts::read(&root)?,
                score,
                trainings: Vec::new(),
            },
            class: lts::Class::of(&root)?,
            first_cutoff: first,
        })
    }
}

/// The name of a ground truth: its class, and its data set where files or the folder tell.
fn name(folder: &Path, found: &[Measured]) -> String {
    let all = |class| found.iter().all(|each| each.class == class);
    let class = match (all(lts::Class::Gpt2), all(lts::Class::TransformerXl)) {
        (true, _) => "lts-gpt2",
        (_, true) => "lts-transformer-xl",
        _ => return "lts".to_owned(),
    };
    let of_file = |cutoff: usize| (found.iter()).all(|each| each.first_cutoff == Some(cutoff));
    let folder = folder.file_name().unwrap_or_default().to_string_lossy();
    let by_file = DATA_SETS.iter().find(|(_, cutoff)| of_file(*cutoff));
    let named = by_file.or_else(|| DATA_SETS.iter().find(|(name, _)| folder.contains(name)));
    match named {
        Some((data, _)) => format!("{class}-{data}"),
        None => class.to_owned(),
    }
}

/// The score of an id; `None` where it has no perplexity.
fn score(record: &Cursor<'_>) -> Result<Option<f64>, Error> {
    let perplexity = match record.node() {
        Node::Null => return Ok(None),
        Node::Map(_) => record.find(METRIC),
        _ => Some(record.clone()),
    };
    let given = perplexity.filter(|found| *found.node() != Node::Null);
    let Some(perplexity) = given else {
        return Ok(None);
    };
    let value = perplexity.number()?;
    if value <= 0.0 {
        return Err(perplexity.unexpected("a positive number").into());
    }
    Ok(Some(-value.ln()))
}

fn without_architecture(id: &str, record: &Cursor<'_>) -> Error {
    let place = match id.rsplit_once('_') {
        Some((config, job)) => format!("{config}/{job}/{CONFIG}"),
        None => format!("{id}/{CONFIG}"),
    };
    let problem = Problem::Missing {
        expected: format!("an architecture beside the summary, in {place}"),
    };
    record.error(problem).into()
}

/// The published `total` of every entry, where there is a summary of parts.
pub(crate) fn published_parameters(truth: &GroundTruth) -> Result<Option<Vec<u128>>, Error> {
    let path = truth.path.join("params_summary.yaml");
    if !path.exists() {
        return Ok(None);
    }
    let document = Document::read(&path)?;
    let root = document.root();
    let total = |entry: &Entry| {
        let expected = "the number of parameters";
        let total = root.get(&entry.id, expected)?.get("total", expected)?;
        Ok(total.number()? as u128)
    };
    truth
        .entries
        .iter()
        .map(total)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Files of architectures by id: the names of the folders between, joined. Ids are looked
/// up here and never made into paths, so that none leads out of the folder.
fn configs(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut configs = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), Vec::new())];
    while let Some((place, names)) = open.pop() {
        let config = place.join(CONFIG);
        if !names.is_empty() && config.exists() {
            configs.insert(names.join("_"), config);
        }
        if names.len() < DEEPEST {
            for name in folders(&place)? {
                let below = [&names[..], std::slice::from_ref(&name)].concat();
                open.push((place.join(name), below));
            }
        }
    }
    Ok(configs)
}

/// Names of the folders in a folder.
fn folders(folder: &Path) -> Result<Vec<String>, Error> {
    let names = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    };
    names().map_err(|source| {
        lpzero_arch::Error::Read {
            path: folder.to_owned(),
            source,
        }
        .into()
    })
}
