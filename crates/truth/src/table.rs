//! A user's own table: CSV with a header, JSON Lines with one object per row, or a JSON
//! list of records.
//!
//! One column holds the architecture (`architecture`, `config` or `path`): a
//! description in any dialect that is known, inline as JSON, or the path of a
//! file of one, relative to the table. `id` may name the rows, or a first column without
//! a name, as pandas writes its index; without either they are named by their line. Any
//! other column of numbers may be the score.

use std::collections::HashSet;
use std::path::Path;

use lpzero_arch::{
    Architecture, Cursor, Document, Family, Node, Place, Problem, Reading,
    read_architecture_and_family, read_value,
};
use lpzero_run::input::{self, Limit};

use crate::error::Error;
use crate::rows::{Row, Table, is_blank, listed, of_list, parse_csv, parse_lines};
use crate::truth::{Entry, GroundTruth};

/// Names that the column of architectures may have.
const ARCHITECTURE: [&str; 3] = ["architecture", "config", "path"];
/// Parts of names of scores that are better when they are smaller.
const SMALLER_IS_BETTER: [&str; 4] = ["loss", "perplexity", "ppl", "error"];
const ID: &str = "id";
/// Names that pandas gives a first column that has none: when it writes, and when it
/// reads again.
const UNNAMED: [&str; 2] = ["", "Unnamed: 0"];
/// A key of FlexiBERT's records, which are a list too.
const FLEXIBERT: &str = "hparams";
/// Size of the largest table.
const LIMIT: Limit = Limit::mebibytes("a table", 256);
/// Longest cell, in bytes: a description is a few thousand.
const LONGEST_CELL: usize = 1 << 20;

/// Options for what a table does not say of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableOptions {
    /// The column of scores; needed where more than one could be it.
    pub score_column: Option<String>,
    /// Whether a smaller value is better; scores then are negated.
    pub lower_is_better: bool,
    /// Whether rows without a score are left out; else they are an error.
    #[serde(default)]
    pub skip_missing: bool,
}

/// Endings of tables, and how they are read.
type Parse = fn(&Path, &str) -> Result<Table, Error>;
const ENDINGS: [(&str, Parse); 4] = [
    ("csv", parse_csv),
    ("tsv", parse_csv),
    ("jsonl", parse_lines),
    ("ndjson", parse_lines),
];

fn parser(path: &Path) -> Option<Parse> {
    let extension = path.extension()?.to_str()?;
    let mut endings = ENDINGS.into_iter();
    let (_, parse) = endings.find(|(ending, _)| extension.eq_ignore_ascii_case(ending))?;
    Some(parse)
}

/// Whether a file is a table, by its name.
pub(crate) fn is_table(path: &Path) -> bool {
    parser(path).is_some()
}

/// Whether a list is one of rows: some record has an architecture, and none is FlexiBERT's.
pub(crate) fn is_list_of_rows(items: &[Cursor<'_>]) -> bool {
    let has = |wanted: &str| {
        let keys = items
            .iter()
            .filter_map(|item| item.entries().ok())
            .flatten();
        keys.into_iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(wanted))
    };
    ARCHITECTURE.iter().any(|key| has(key)) && !has(FLEXIBERT)
}

/// Text of a table, within its limit.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    input::read_text(path, LIMIT).map_err(|source| {
        lpzero_arch::Error::Read {
            path: path.to_owned(),
            source,
        }
        .into()
    })
}

/// Reads a table from its text.
pub(crate) fn read(
    path: &Path,
    text: &str,
    reading: Reading,
    options: &TableOptions,
) -> Result<GroundTruth, Error> {
    let parse = parser(path).unwrap_or(parse_csv);
    of_table(path, &parse(path, text)?, reading, options)
}

/// Reads a list of records.
pub(crate) fn read_list(
    path: &Path,
    items: &[Cursor<'_>],
    reading: Reading,
    options: &TableOptions,
) -> Result<GroundTruth, Error> {
    of_table(path, &of_list(items)?, reading, options)
}

fn of_table(
    path: &Path,
    table: &Table,
    reading: Reading,
    options: &TableOptions,
) -> Result<GroundTruth, Error> {
    let found = ARCHITECTURE.iter().filter_map(|name| table.find(name));
    let architectures: Vec<usize> = found.collect();
    if architectures.is_empty() {
        return Err(Error::Column {
            path: path.to_owned(),
            what: format!(
                "no column of architectures, expected {}",
                listed(&ARCHITECTURE)
            ),
            columns: listed(&table.columns),
        });
    }
    let ids = Ids::of(table);
    let score = score_column(path, table, &architectures, &ids, options)?;

    let mut families = Vec::new();
    let mut entries = Vec::with_capacity(table.rows.len());
    let mut without = Vec::new();
    for row in &table.rows {
        if options.skip_missing && is_blank(row.cell(score)) {
            without.push(table.name(row));
            continue;
        }
        let found = score_of(path, table, row, score)?;
        let id = ids.name(path, table, row)?;
        let filled = architectures
            .iter()
            .find(|&&column| !is_blank(row.cell(column)));
        let column = filled.copied().unwrap_or(architectures[0]);
        let at = table.place(path, row, column);
        let (architecture, family) = read_cell(path, &at, row.cell(column), reading)?;
        families.push(family);
        entries.push(Entry {
            id,
            architecture,
            score: match options.lower_is_better {
                true => -found,
                false => found,
            },
            trainings: Vec::new(),
        });
    }
    let metric = table.columns[score].clone();
    let remarks = remarks(path, table, (&metric, options.lower_is_better), &without);
    let family = match families.first() {
        Some(first) if families.iter().all(|family| family == first) => *first,
        _ => Family::General,
    };
    let stem = path.file_stem().unwrap_or_default();
    Ok(GroundTruth {
        name: stem.to_string_lossy().into_owned(),
        path: path.to_owned(),
        metric,
        lower_is_better: options.lower_is_better,
        reading: families.contains(&Family::Flexibert).then_some(reading),
        family,
        provenance: None,
        entries,
        remarks,
    })
}

/// What a reader has to know of a table: rows `without` a score, and a column that is probably
/// meant the other way round.
fn remarks(
    path: &Path,
    table: &Table,
    (metric, lower_is_better): (&str, bool),
    without: &[String],
) -> Vec<String> {
    let mut remarks = Vec::new();
    if !without.is_empty() {
        remarks.push(format!(
            "{}: {} of {} rows have no `{metric}` and are left out: {}",
            path.display(),
            without.len(),
            table.rows.len(),
            listed(without)
        ));
    }
    // Whoever forgets it gets every ranking upside down.
    let lower = metric.to_lowercase();
    if !lower_is_better && SMALLER_IS_BETTER.iter().any(|name| lower.contains(name)) {
        remarks.push(format!(
            "{}: a larger `{metric}` counts as better; --lower-is-better turns that round",
            path.display()
        ));
    }
    remarks
}

fn score_of(path: &Path, table: &Table, row: &Row, column: usize) -> Result<f64, Error> {
    let cell = row.cell(column);
    table.number(cell).ok_or_else(|| {
        let expected = match is_blank(cell) {
            true => "a finite number (--skip-missing leaves such rows out)",
            false => "a finite number",
        };
        let problem = Problem::unexpected(expected, cell);
        table.place(path, row, column).error(problem).into()
    })
}

/// Where the names of rows stand.
enum Ids {
    /// In a column.
    Column(usize),
    /// Nowhere: rows are named by their number.
    Numbers,
}

impl Ids {
    /// The column `id`, else an index without a name that tells all rows apart.
    fn of(table: &Table) -> Self {
        if let Some(column) = table.find(ID) {
            return Self::Column(column);
        }
        let first = table.columns.first();
        let is_index = first.is_some_and(|name| UNNAMED.contains(&name.as_str()));
        let mut seen = HashSet::new();
        let mut names = table.rows.iter().map(|row| id(row.cell(0)));
        match is_index && names.all(|name| name.is_some_and(|name| seen.insert(name))) {
            true => Self::Column(0),
            false => Self::Numbers,
        }
    }

    fn name(&self, path: &Path, table: &Table, row: &Row) -> Result<String, Error> {
        let Self::Column(column) = *self else {
            return Ok(row.number.to_string());
        };
        let cell = row.cell(column);
        id(cell).ok_or_else(|| {
            let problem = Problem::unexpected("a name or a whole number", cell);
            table.place(path, row, column).error(problem).into()
        })
    }
}

/// The name that a cell is.
fn id(cell: &Node) -> Option<String> {
    match cell {
        Node::Text(text) if !text.is_empty() => Some(text.clone()),
        Node::Integer(number) => Some(number.to_string()),
        // What had a gap somewhere is written 2.0 by pandas.
        Node::Real(number) if number.fract() == 0.0 => Some(number.to_string()),
        _ => None,
    }
}

/// The column that holds the scores: the one that was asked for, else the only
/// one that can be it, since at least half of what it holds are numbers.
fn score_column(
    path: &Path,
    table: &Table,
    architectures: &[usize],
    ids: &Ids,
    options: &TableOptions,
) -> Result<usize, Error> {
    let wrong = |what: String| Error::Column {
        path: path.to_owned(),
        what,
        columns: listed(&table.columns),
    };
    if let Some(name) = &options.score_column {
        let found = table.columns.iter().position(|column| column == name);
        return found.ok_or_else(|| wrong(format!("no column {name:?}")));
    }
    if table.rows.is_empty() {
        return Err(Error::Empty {
            path: path.to_owned(),
        });
    }
    let taken = |column: usize| {
        let is_id = matches!(ids, Ids::Column(id) if *id == column);
        let unnamed = UNNAMED.contains(&table.columns[column].as_str());
        is_id || unnamed || architectures.contains(&column)
    };
    let counts = table.counts().into_iter().enumerate();
    let of_numbers = counts.filter(|(_, (numbers, filled))| *numbers > 0 && 2 * numbers >= *filled);
    let free = of_numbers.filter(|(column, _)| !taken(*column));
    let numbers: Vec<usize> = free.map(|(column, _)| column).collect();
    match numbers[..] {
        [only] => Ok(only),
        [] => Err(wrong("no column of scores, expected one of numbers".into())),
        _ => {
            let names: Vec<&str> = numbers.iter().map(|&i| table.columns[i].as_str()).collect();
            Err(wrong(format!(
                "the score may be {}, expected --score-column to say which",
                names.join(" or ")
            )))
        }
    }
}

/// The architecture of a cell: inline, or in a file relative to the table.
fn read_cell(
    path: &Path,
    place: &Place,
    cell: &Node,
    reading: Reading,
) -> Result<(Architecture, Family), Error> {
    let row = place.record.clone().unwrap_or_default();
    let inline = |document: &Document| {
        let root = document.root().as_record(row.clone());
        Ok(read_value(&root, reading)?)
    };
    match cell {
        Node::Map(_) => inline(&Document::of(path, cell.clone())),
        Node::Text(text) if text.len() > LONGEST_CELL => {
            let problem = format!(
                "{} bytes, more than the limit of {LONGEST_CELL}",
                text.len()
            );
            Err(place.clone().error(Problem::Malformed(problem)).into())
        }
        Node::Text(text) if text.trim_start().starts_with('{') => {
            match Document::parse_json(path, text) {
                Ok(document) => inline(&document),
                Err(lpzero_arch::Error::Syntax { message, .. }) => {
                    let problem = Problem::Malformed(format!("not valid JSON: {message}"));
                    Err(place.clone().error(problem).into())
                }
                Err(other) => Err(other.into()),
            }
        }
        Node::Text(text) if !text.trim().is_empty() => {
            let file = path.parent().unwrap_or(Path::new("")).join(text.trim());
            let read = read_architecture_and_family(&file, reading);
            read.map_err(|source| Error::Row {
                path: path.to_owned(),
                row: row.clone(),
                source: Box::new(source),
            })
        }
        other => {
            let problem = Problem::unexpected("a path or an architecture in JSON", other);
            Err(place.clone().error(problem).into())
        }
    }
}
