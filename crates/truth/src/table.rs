//! A user's own table: CSV with a header, or JSON Lines with one object per row.
//!
//! One column holds the architecture (`architecture`, `config` or `path`): a
//! description in any dialect that is known, inline as JSON, or the path of a
//! file of one, relative to the table. `id` may name the rows; without it they
//! are named by their line. Any other column of numbers may be the score.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use lpzero_arch::document::MAX_FILE_BYTES;
use lpzero_arch::{
    Architecture, Document, Family, Node, Place, Problem, Reading, read_architecture_and_family,
    read_value,
};

use crate::error::Error;
use crate::truth::{Entry, GroundTruth};

/// Names that the column of architectures may have.
const ARCHITECTURE: [&str; 3] = ["architecture", "config", "path"];
const ID: &str = "id";
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
}

/// Whether a file is a table, by its name.
pub(crate) fn is_table(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| ["csv", "jsonl", "ndjson"].contains(&extension))
}

/// Names of the columns and the rows, each with its line and one cell per column.
struct Table {
    columns: Vec<String>,
    rows: Vec<(u64, Vec<Node>)>,
}

/// Reads a table from its text.
pub(crate) fn read(
    path: &Path,
    text: &str,
    reading: Reading,
    options: &TableOptions,
) -> Result<GroundTruth, Error> {
    let table = match path.extension().is_some_and(|extension| extension == "csv") {
        true => parse_csv(path, text)?,
        false => parse_lines(path, text)?,
    };
    let names = &table.columns;
    let find = |name: &str| names.iter().position(|column| column == name);
    let Some(architecture) = ARCHITECTURE.iter().find_map(|name| find(name)) else {
        return Err(Error::Column {
            path: path.to_owned(),
            what: format!(
                "no column of architectures, expected {}",
                listed(&ARCHITECTURE)
            ),
            columns: listed(names),
        });
    };
    let id = find(ID);
    let score = score_column(path, &table, [Some(architecture), id], options)?;

    let mut families = Vec::new();
    let mut entries = Vec::with_capacity(table.rows.len());
    for (line, cells) in &table.rows {
        let at = |column: usize| place(path, *line, &names[column]);
        let found = number(&cells[score]).ok_or_else(|| {
            at(score).error(Problem::unexpected("a finite number", &cells[score]))
        })?;
        let id = match id.map(|column| (&cells[column], column)) {
            None => line.to_string(),
            Some((Node::Text(text), _)) if !text.is_empty() => text.clone(),
            Some((Node::Integer(number), _)) => number.to_string(),
            Some((cell, column)) => {
                let problem = Problem::unexpected("a name or a whole number", cell);
                return Err(at(column).error(problem).into());
            }
        };
        let (read, family) = read_cell(
            path,
            *line,
            &at(architecture),
            &cells[architecture],
            reading,
        )?;
        families.push(family);
        entries.push(Entry {
            id,
            architecture: read,
            score: if options.lower_is_better {
                -found
            } else {
                found
            },
            trainings: Vec::new(),
        });
    }
    let family = match families.first() {
        Some(first) if families.iter().all(|family| family == first) => *first,
        _ => Family::General,
    };
    let stem = path.file_stem().unwrap_or_default();
    Ok(GroundTruth {
        name: stem.to_string_lossy().into_owned(),
        path: path.to_owned(),
        metric: names[score].clone(),
        lower_is_better: options.lower_is_better,
        reading: families.contains(&Family::Flexibert).then_some(reading),
        family,
        provenance: None,
        entries,
    })
}

/// The column that holds the scores: the one that was asked for, else the only
/// one that can be it.
fn score_column(
    path: &Path,
    table: &Table,
    taken: [Option<usize>; 2],
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
    let Some((_, first)) = table.rows.first() else {
        return Err(Error::Empty {
            path: path.to_owned(),
        });
    };
    let free = (0..first.len()).filter(|column| !taken.contains(&Some(*column)));
    let numbers: Vec<usize> = free
        .filter(|&column| number(&first[column]).is_some())
        .collect();
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
    line: u64,
    place: &Place,
    cell: &Node,
    reading: Reading,
) -> Result<(Architecture, Family), Error> {
    let in_row = |source: lpzero_arch::Error| Error::Row {
        path: path.to_owned(),
        line,
        source: Box::new(source),
    };
    let inline = |document: &Document| {
        let root = document.root().as_record(format!("line {line}"));
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
            read_architecture_and_family(&file, reading).map_err(in_row)
        }
        other => {
            let problem = Problem::unexpected("a path or an architecture in JSON", other);
            Err(place.clone().error(problem).into())
        }
    }
}

fn number(cell: &Node) -> Option<f64> {
    let number = match cell {
        Node::Integer(number) => *number as f64,
        Node::Real(number) => *number,
        Node::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

fn place(path: &Path, line: u64, column: &str) -> Place {
    Place {
        file: path.to_owned(),
        record: Some(format!("line {line}")),
        key: column.to_owned(),
    }
}

fn parse_csv(path: &Path, text: &str) -> Result<Table, Error> {
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                format!("{len} columns, expected {expected_len} as in the header")
            }
            _ => error.to_string(),
        };
        place(path, line, "").error(Problem::Malformed(problem))
    };
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(wrong)?.clone();
    let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    twice(path, &columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = record.iter().map(|cell| Node::Text(cell.to_owned()));
        rows.push((line, cells.collect()));
    }
    Ok(Table { columns, rows })
}

fn parse_lines(path: &Path, text: &str) -> Result<Table, Error> {
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (line, text) in (1u64..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let malformed = |problem: String| place(path, line, "").error(Problem::Malformed(problem));
        let document = match Document::parse_json(path, text) {
            Ok(document) => document,
            Err(lpzero_arch::Error::Syntax {
                message, column, ..
            }) => {
                let problem = format!("column {column}: not valid JSON: {message}");
                return Err(malformed(problem).into());
            }
            Err(other) => return Err(other.into()),
        };
        let root = document.root().as_record(format!("line {line}"));
        let cells = root.entries()?;
        if rows.is_empty() {
            columns = cells.iter().map(|(name, _)| (*name).to_owned()).collect();
        }
        let mut row = Vec::with_capacity(columns.len());
        for column in &columns {
            row.push(
                root.get(column, "the column of the first row")?
                    .node()
                    .clone(),
            );
        }
        if let Some((name, _)) = cells
            .iter()
            .find(|(name, _)| !columns.iter().any(|c| c == name))
        {
            let problem = format!("the key {name:?} is not in the first row");
            return Err(malformed(problem).into());
        }
        rows.push((line, row));
    }
    Ok(Table { columns, rows })
}

fn twice(path: &Path, columns: &[String]) -> Result<(), Error> {
    let doubled = (1..columns.len()).find(|&i| columns[..i].contains(&columns[i]));
    match doubled {
        None => Ok(()),
        Some(i) => Err(Error::Column {
            path: path.to_owned(),
            what: format!("two columns {:?}", columns[i]),
            columns: listed(columns),
        }),
    }
}

/// Text of a table, within the limit of all files.
pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    let cannot_read = |source| lpzero_arch::Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(cannot_read)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(cannot_read)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(lpzero_arch::Error::TooLarge {
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        }
        .into());
    }
    Ok(text)
}

/// Names, as many as a message can hold.
fn listed(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 20;
    let mut shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    if names.len() > MOST {
        shown.push("...");
    }
    shown.join(", ")
}
