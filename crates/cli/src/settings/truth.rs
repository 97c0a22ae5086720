//! Which ground truths are meant, and where published ones are looked for.

use std::path::Path;

use anyhow::Result;
use lpzero::language::closest;
use lpzero::truth::{EMBEDDED, GroundTruth, KNOWN, TableOptions, TruthSource};

use super::paths::absolute;
use crate::arguments::{LayoutArguments, TruthArguments, TruthsArguments};
use crate::failure::{Failure, failed};
use crate::output::Reporter;
use crate::places::data_folders;

/// The ground truth that commands use where none is named.
pub const DEFAULT_TRUTH: &str = lpzero::DEFAULT_SEARCH.truth;

/// The ground truth that options name, or the one that is built in.
pub fn truth_source(arguments: &TruthArguments) -> TruthSource {
    source(arguments.truth.as_deref(), &arguments.layout)
}

/// The ground truths that options name; the built-in one where they name none.
pub fn truth_sources(arguments: &TruthsArguments) -> Vec<TruthSource> {
    let layout = &arguments.layout;
    match &arguments.truths[..] {
        [] => vec![source(None, layout)],
        truths => truths
            .iter()
            .map(|path| source(Some(path), layout))
            .collect(),
    }
}

/// The ground truth of this name or path.
pub fn named_source(path: &Path, layout: &LayoutArguments) -> TruthSource {
    source(Some(path), layout)
}

fn source(path: Option<&Path>, layout: &LayoutArguments) -> TruthSource {
    TruthSource {
        name: path.unwrap_or(Path::new(DEFAULT_TRUTH)).to_owned(),
        reading: layout.reading.into(),
        table: TableOptions {
            score_column: layout.score_column.clone(),
            lower_is_better: layout.lower_is_better,
            skip_missing: layout.skip_missing,
        },
        up_to: layout.up_to,
    }
}

/// Makes the path of a ground truth absolute, so that it means the same in any working folder. A
/// published name stays a name where no data folder has it.
pub fn absolute_source(source: TruthSource) -> TruthSource {
    if source.embedded().is_some() {
        return source;
    }
    let path = source.path(&data_folders());
    let is_name = || path.to_str().and_then(lpzero::truth::known).is_some();
    if !path.exists() && is_name() {
        return source;
    }
    source.at(absolute(path))
}

/// Reads a ground truth and tells what was left out, or where to get a published one that is
/// not here.
pub fn read_truth(source: &TruthSource, report: Reporter) -> Result<GroundTruth> {
    let truth = read(source)?;
    truth.remarks.iter().for_each(|remark| report.warn(remark));
    Ok(truth)
}

fn read(source: &TruthSource) -> Result<GroundTruth> {
    source.read(&data_folders()).map_err(|error| match error {
        lpzero::truth::Error::NotHere { known } => {
            let download = match known.is_pinned() {
                true => format!("`lpzero truth fetch {}` downloads it, or ", known.name),
                false => String::new(),
            };
            Failure::input(format_args!(
                "--truth {}: known, but not on this machine; {download}give its path, or set LPZERO_DATA to the folder that has it as {} ({}, published at {})",
                known.name, known.location, known.layout, known.published
            ))
        }
        error => match guess(&source.name) {
            Some(name) => Failure::typed(format_args!(
                "--truth {}: not there; did you mean `--truth {name}`? `lpzero truth list` has all",
                source.name.display()
            )),
            None if source.name.is_file() => Failure::with_example(
                failed(lpzero::Error::from(error)),
                "lpzero new truth mine.csv",
            ),
            None => failed(lpzero::Error::from(error)),
        },
    })
}

/// The ground truth that a name without a file was probably meant to be.
fn guess(name: &Path) -> Option<String> {
    if name.exists() {
        return None;
    }
    let known = EMBEDDED
        .iter()
        .map(|truth| truth.name)
        .chain(KNOWN.iter().map(|truth| truth.name));
    let name = name.to_str()?;
    closest(name, known).filter(|found| found != name)
}
