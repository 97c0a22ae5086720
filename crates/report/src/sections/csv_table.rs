//! Tables of numbers that runs keep as CSV.

use crate::table::Cell;

/// Numbers of a table in CSV, by column; fields that are no numbers are NaN.
pub(super) struct Csv {
    header: Vec<String>,
    pub(super) rows: Vec<csv::StringRecord>,
}

impl Csv {
    pub(super) fn read(text: &str) -> Self {
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

    pub(super) fn text<'a>(&self, row: &'a csv::StringRecord, name: &str) -> &'a str {
        let column = self.header.iter().position(|column| column == name);
        column.and_then(|column| row.get(column)).unwrap_or("")
    }

    pub(super) fn number(&self, row: &csv::StringRecord, name: &str) -> Cell {
        self.text(row, name)
            .parse()
            .map_or(Cell::Missing, Cell::Number)
    }
}
