//! The compact tables that are built in: numbers under names, remarks after `#`.

/// A table of numbers; a cell without one is NaN.
pub(crate) struct Columns<'a> {
    /// Names of the columns.
    pub(crate) names: Vec<&'a str>,
    /// The rows, as many cells as names each.
    pub(crate) rows: Vec<Vec<f64>>,
}

impl<'a> Columns<'a> {
    /// Parses a table that is part of this crate, which tests read whole.
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let row = |line: &str| {
            let cells = line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN));
            let mut cells: Vec<f64> = cells.collect();
            cells.resize(names.len(), f64::NAN);
            cells
        };
        Self {
            rows: lines.map(row).collect(),
            names,
        }
    }

    /// A cell of a row; NaN where there is no such column.
    pub(crate) fn get(&self, row: &[f64], name: &str) -> f64 {
        let column = self.names.iter().position(|column| *column == name);
        column
            .and_then(|column| row.get(column).copied())
            .unwrap_or(f64::NAN)
    }
}
