//! What a page says of each kind of run.

mod ablate;
mod audit;
mod nas;
mod networks;
mod rank;
mod search;
mod train;

use serde_json::Value;

use crate::section::Section;
use crate::source::{Kind, Run};
use crate::table::{Cell, Format, Table};
use crate::value::{at, interval, number, text};

/// The section of a run; `number` tells it from others of the page.
pub fn section(run: &Run, number: usize) -> Section {
    let id = format!("run{number}");
    let mut section = match run.kind {
        Kind::Search => search::section(run, id),
        Kind::Rank => rank::section(run, id),
        Kind::Nas => nas::section(run, id),
        Kind::Train => train::section(run, id),
        Kind::Ablate => ablate::section(run, id),
        Kind::Audit => audit::section(run, id),
        Kind::Build => networks::build(run, id),
    };
    section.provenance = provenance(run);
    section
}

/// The verdict on the document of a ranking, in one sentence: the best proxy and the best count,
/// with their intervals.
pub fn verdict_of_ranking(document: &Value) -> String {
    rank::verdict(document)
}

/// Fewest pairs of like size that rankings are sorted by.
pub const FEWEST_PAIRS: usize = rank::FEWEST_PAIRS;

/// How the runs of a page compare: an interval for each that has one.
pub fn side_by_side(runs: &[Run]) -> Option<Table> {
    let mut table = estimates(
        "side-by-side",
        "Runs side by side",
        ("run", Some(("formula", "formula", Format::Code))),
    );
    let mut row = |name: String, kind: &str, formula: String, document: &Value, of: &Value| {
        let networks = number(of, "n").or_else(|| number(document, "n"));
        push_estimate(&mut table, (name, kind), Some(formula), networks, of);
    };
    for run in runs {
        let document = &run.document;
        match run.kind {
            Kind::Search => {
                let formula = text(document, "best.formula");
                let name = format!("{}: {}", run.name, text(document, "truth"));
                row(name, "found", formula, document, at(document, "test"));
            }
            Kind::Rank => {
                let name = format!("{}: {}", run.name, text(document, "truth"));
                let (best, count) = rank::best(document);
                // Where no proxy beats it, the best count stands alone.
                let proxy = best.filter(|best| count != Some(*best));
                for (kind, found) in [("best proxy", proxy), ("best count", count)] {
                    if let Some(found) = found {
                        row(name.clone(), kind, text(found, "proxy"), document, found);
                    }
                }
            }
            _ => (),
        }
    }
    (runs.len() > 1 && table.rows.len() > 1).then_some(table)
}

/// A table of how many pairs of like size are ordered right, as a forest of intervals draws it;
/// `first` names its rows, and a further column may stand behind what they are.
fn estimates(
    id: impl Into<String>,
    title: &str,
    (first, further): (&'static str, Option<(&'static str, &'static str, Format)>),
) -> Table {
    let share = "pairs of like size ordered right";
    let mut columns = vec![
        ("name", first, Format::Text),
        ("kind", "what", Format::Text),
    ];
    columns.extend(further);
    columns.extend([
        ("networks", "networks", Format::Count),
        ("estimate", share, Format::Share),
        ("interval", "95 % interval", Format::Share),
        ("tau", "tau", Format::Share),
    ]);
    Table::new(id, title, &columns)
}

/// Adds a row, where the share is known.
fn push_estimate(
    table: &mut Table,
    (name, kind): (String, &str),
    further: Option<String>,
    networks: Option<f64>,
    of: &Value,
) {
    if number(of, "same_size").is_some() {
        let mut cells: Vec<Cell> = vec![name.into(), kind.into()];
        cells.extend(further.map(Cell::from));
        cells.extend([
            networks.into(),
            number(of, "same_size").into(),
            interval(of, "same_size_ci").into(),
            number(of, "tau").into(),
        ]);
        table.push(cells);
    }
}

/// Pairs of what is said of a run and its value.
fn provenance(run: &Run) -> Vec<(String, String)> {
    let mut rows = vec![("kind".to_owned(), format!("lpzero {}", run.kind.command()))];
    if let Some(provenance) = &run.provenance {
        for (key, value) in provenance.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            rows.push((key.replace('_', " "), value));
        }
    }
    if !rows.iter().any(|(key, _)| key == "seed")
        && let Some(seed) = at(&run.document, "seed").as_u64()
    {
        rows.push(("seed".to_owned(), seed.to_string()));
    }
    rows.push(("BLAKE3 of the document".to_owned(), run.hash.clone()));
    if let Some(settings) = &run.settings {
        rows.push(("settings".to_owned(), settings.to_string()));
    }
    rows
}

/// Numbers of a table in CSV, by column; fields that are no numbers are NaN.
struct Csv {
    header: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Csv {
    fn read(text: &str) -> Self {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_reader(text.as_bytes());
        let header = reader
            .headers()
            .map(|header| header.iter().map(str::to_owned).collect());
        Self {
            header: header.unwrap_or_default(),
            // A torn last line is no reason to show nothing.
            rows: reader.records().map_while(Result::ok).collect(),
        }
    }

    fn text<'a>(&self, row: &'a csv::StringRecord, name: &str) -> &'a str {
        let column = self.header.iter().position(|column| column == name);
        column.and_then(|column| row.get(column)).unwrap_or("")
    }

    fn number(&self, row: &csv::StringRecord, name: &str) -> Cell {
        self.text(row, name)
            .parse()
            .map_or(Cell::Missing, Cell::Number)
    }
}
