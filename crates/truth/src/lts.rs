//! A LiteTransformerSearch folder (Javaheripi et al. 2022), of GPT-2 or of
//! Transformer-XL: perplexities in `ppl_summary.yaml` under ids `config_X_jY`,
//! architectures in `config_X/jY/model_config.yaml`.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lpzero_arch::{Cursor, Document, Family, Problem, lts};

use crate::error::Error;
use crate::truth::{Entry, GroundTruth};

/// The file that holds the scores.
pub(crate) const SUMMARY: &str = "ppl_summary.yaml";
const METRIC: &str = "valid_ppl";
const CONFIG: &str = "model_config.yaml";

/// Reads the folder; entries in the order of the summary.
pub(crate) fn read(folder: &Path) -> Result<GroundTruth, Error> {
    let summary = folder.join(SUMMARY);
    if folder.exists() && !summary.exists() {
        return Err(Error::UnknownLayout {
            path: folder.to_owned(),
        });
    }
    let document = Document::read(&summary)?;
    let (entries, classes): (Vec<_>, Vec<_>) = document
        .root()
        .entries()?
        .iter()
        .map(|(id, record)| read_record(folder, id, &record.as_record(*id)))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .unzip();
    every_config_has_a_score(folder, &summary, &entries)?;
    Ok(GroundTruth {
        name: name(&classes).into(),
        path: folder.to_owned(),
        metric: METRIC.into(),
        lower_is_better: true,
        reading: None,
        family: Family::Lts,
        provenance: None,
        entries,
    })
}

/// The published ground truth of these classes; a folder of both is none.
fn name(classes: &[lts::Class]) -> &'static str {
    let all = |class| classes.iter().all(|&each| each == class);
    match (all(lts::Class::Gpt2), all(lts::Class::TransformerXl)) {
        (true, _) => "lts-gpt2-wt103",
        (_, true) => "lts-transformer-xl-wt103",
        _ => "lts",
    }
}

fn read_record(folder: &Path, id: &str, record: &Cursor<'_>) -> Result<(Entry, lts::Class), Error> {
    let Some(config) = config_of(folder, id) else {
        return Err(record
            .error(Problem::unexpected("an id such as config_0_j0", id))
            .into());
    };
    let perplexity = record.get(METRIC, "a perplexity, a positive number")?;
    let value = perplexity.number()?;
    if value <= 0.0 {
        return Err(perplexity.unexpected("a positive number").into());
    }
    let config = Document::read(&config)?;
    let entry = Entry {
        id: id.to_owned(),
        architecture: lts::read(&config.root())?,
        score: -value.ln(),
        trainings: Vec::new(),
    };
    Ok((entry, lts::Class::of(&config.root())?))
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

/// The architecture's file of an id; `None` where the id has another form.
/// Only digits are taken, so that no id can lead out of the folder.
fn config_of(folder: &Path, id: &str) -> Option<PathBuf> {
    let (config, job) = id.strip_prefix("config_")?.split_once("_j")?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(config) && number(job)).then(|| {
        folder
            .join(format!("config_{config}"))
            .join(format!("j{job}"))
            .join(CONFIG)
    })
}

/// An architecture in the folder that the summary does not name would
/// otherwise be skipped in silence.
fn every_config_has_a_score(folder: &Path, summary: &Path, entries: &[Entry]) -> Result<(), Error> {
    let known: HashSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    for config in folders(folder, "config_")? {
        for job in folders(&folder.join(&config), "j")? {
            let id = format!("{config}_{job}");
            let file = folder.join(&config).join(&job).join(CONFIG);
            if !known.contains(id.as_str()) && file.exists() {
                return Err(Error::NoScore {
                    path: summary.to_owned(),
                    id,
                    metric: METRIC,
                    config: file,
                });
            }
        }
    }
    Ok(())
}

/// Names of the entries of a folder with this prefix, sorted.
fn folders(folder: &Path, prefix: &str) -> Result<Vec<String>, Error> {
    let names = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) && entry.path().is_dir() {
                names.push(name);
            }
        }
        names.sort();
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
