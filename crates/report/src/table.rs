//! Tables of a page: what a reader sees, what pictures are drawn from, and what is downloaded.

use serde_json::{Map, Value, json};

/// Rows of a table that pictures are drawn from; of more, every second, third ... is kept.
pub const MOST_ROWS: usize = 5000;

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name that pictures and downloads know it by: letters, digits and dashes.
    pub id: String,
    /// Subject, as a heading.
    pub title: String,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that were left out of the page.
    pub left_out: usize,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name in pictures and in downloads.
    pub name: String,
    /// Heading for a reader.
    pub label: String,
    /// How its cells look.
    pub format: Format,
}

/// How the cells of a column look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Words.
    Text,
    /// A formula or a name, in letters of one width.
    Code,
    /// A number between -1 and 1, to three digits.
    Share,
    /// A number of things, or a size.
    Count,
    /// Any other number.
    Number,
}

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number, perhaps not finite.
    Number(f64),
    /// An interval: low, high.
    Interval([f64; 2]),
    /// Nothing is known.
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Cell::Missing, Cell::Number)
    }
}

impl From<Option<[f64; 2]>> for Cell {
    fn from(interval: Option<[f64; 2]>) -> Self {
        interval.map_or(Cell::Missing, Cell::Interval)
    }
}

impl Cell {
    /// What a reader sees.
    pub fn text(&self, format: Format) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => shown(*number, format),
            Cell::Interval([low, high]) => {
                format!("{} to {}", shown(*low, format), shown(*high, format))
            }
            Cell::Missing => "–".to_owned(),
        }
    }

    /// What the table is sorted by; an interval by its lower end.
    pub fn key(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Number(number) | Cell::Interval([number, _]) => number.to_string(),
            Cell::Missing => String::new(),
        }
    }
}

fn shown(number: f64, format: Format) -> String {
    match format {
        _ if !number.is_finite() => "–".to_owned(),
        Format::Count => count(number),
        Format::Share | Format::Text | Format::Code => format!("{number:.3}").replace('-', "−"),
        Format::Number => plain(number).replace('-', "−"),
    }
}

/// A number of things or a size: `134.5M`, `6.74B`, `12`.
pub fn count(number: f64) -> String {
    let size = number.abs();
    for (unit, letter) in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")] {
        if size >= unit {
            let scaled = number / unit;
            return match scaled.abs() {
                s if s >= 100.0 => format!("{scaled:.1}{letter}"),
                _ => format!("{scaled:.2}{letter}"),
            };
        }
    }
    match number.fract() == 0.0 {
        true => format!("{number:.0}"),
        false => format!("{number:.2}"),
    }
}

/// A number to four digits.
pub fn plain(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e6).contains(&size) => format!("{number:.3e}"),
        size if size >= 1e3 => format!("{number:.0}"),
        size => {
            let digits = (3.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{number:.digits$}")
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(
        id: impl Into<String>,
        title: impl Into<String>,
        columns: &[(&str, &str, Format)],
    ) -> Self {
        let column = |&(name, label, format): &(&str, &str, Format)| Column {
            name: name.to_owned(),
            label: label.to_owned(),
            format,
        };
        Self {
            id: id.into(),
            title: title.into(),
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
            left_out: 0,
        }
    }

    /// Adds a row.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Leaves columns out in which nothing is known.
    #[must_use]
    pub fn without_empty(mut self) -> Self {
        let known: Vec<bool> = (0..self.columns.len())
            .map(|column| self.rows.iter().any(|row| row[column] != Cell::Missing))
            .collect();
        let mut keep = known.iter();
        self.columns
            .retain(|_| keep.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut keep = known.iter();
            row.retain(|_| keep.next().copied().unwrap_or(true));
        }
        self
    }

    /// Keeps every second, third ... row of a table that is too long for a page.
    #[must_use]
    pub fn thinned(mut self) -> Self {
        let all = self.rows.len();
        let step = all.div_ceil(MOST_ROWS).max(1);
        let mut number = 0;
        self.rows.retain(|_| {
            number += 1;
            (number - 1) % step == 0
        });
        self.left_out = all - self.rows.len();
        self
    }

    /// Numbers of a column.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let column = self.columns.iter().position(|column| column.name == name);
        let number = |row: &Vec<Cell>| match column.and_then(|column| row.get(column)) {
            Some(Cell::Number(number)) => *number,
            _ => f64::NAN,
        };
        self.rows.iter().map(number).collect()
    }

    /// Texts of a column.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let column = self.columns.iter().position(|column| column.name == name);
        let text = |row: &Vec<Cell>| match column.and_then(|column| row.get(column)) {
            Some(cell) => cell.key(),
            None => String::new(),
        };
        self.rows.iter().map(text).collect()
    }

    /// Names of the columns as pictures and downloads have them: an interval is two.
    fn names(&self) -> Vec<String> {
        let names = self
            .columns
            .iter()
            .enumerate()
            .flat_map(|(number, column)| {
                let name = &column.name;
                match self.is_interval(number) {
                    true => vec![format!("{name}_low"), format!("{name}_high")],
                    false => vec![name.clone()],
                }
            });
        names.collect()
    }

    fn is_interval(&self, column: usize) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| matches!(row.get(column), Some(Cell::Interval(_))))
    }

    /// The rows for a script: names of the columns, and a list for each row.
    pub fn data(&self) -> Value {
        let intervals: Vec<bool> = (0..self.columns.len())
            .map(|i| self.is_interval(i))
            .collect();
        let row = |row: &Vec<Cell>| -> Value {
            let cells = row
                .iter()
                .zip(&intervals)
                .flat_map(|(cell, interval)| match cell {
                    Cell::Interval([low, high]) => vec![rounded(*low), rounded(*high)],
                    Cell::Number(number) => vec![rounded(*number)],
                    Cell::Text(text) => vec![json!(text)],
                    Cell::Missing if *interval => vec![Value::Null, Value::Null],
                    Cell::Missing => vec![Value::Null],
                });
            cells.collect()
        };
        let mut data = Map::new();
        data.insert("title".into(), json!(self.title));
        data.insert("columns".into(), json!(self.names()));
        data.insert("rows".into(), self.rows.iter().map(row).collect());
        Value::Object(data)
    }
}

/// A number to seven digits: a page is looked at, `report.json` has them all.
fn rounded(number: f64) -> Value {
    match format!("{number:.6e}").parse::<f64>() {
        Ok(short) if short.is_finite() && short.fract() == 0.0 && short.abs() < 9e15 => {
            json!(short as i64)
        }
        Ok(short) if short.is_finite() => json!(short),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        let counts = [134.515e6, 6.738e9, 12.0, 999.0, 1500.0, 0.5].map(count);
        assert_eq!(counts, ["134.5M", "6.74B", "12", "999", "1.50k", "0.50"]);
        assert_eq!(
            [0.0, 0.0123456, 12.3456, 123_456.7].map(plain),
            ["0", "0.01235", "12.35", "123457"]
        );
        assert_eq!([1.5e-7, 2e9].map(plain), ["1.500e-7", "2.000e9"]);
    }

    #[test]
    fn an_interval_is_two_columns_of_data() {
        let columns = [
            ("name", "name", Format::Text),
            ("tau_ci", "interval", Format::Share),
        ];
        let mut table = Table::new("t", "title", &columns);
        table.push(["a".into(), Some([0.25, 0.5]).into()]);
        table.push(["b".into(), Cell::Missing]);
        let data = table.data();
        assert_eq!(
            data["columns"],
            json!(["name", "tau_ci_low", "tau_ci_high"])
        );
        assert_eq!(data["rows"], json!([["a", 0.25, 0.5], ["b", null, null]]));
        assert_eq!(table.rows[0][1].text(Format::Share), "0.250 to 0.500");
    }

    #[test]
    fn a_long_table_is_thinned_and_says_so() {
        let mut table = Table::new("t", "", &[("x", "x", Format::Number)]);
        (0..12_001).for_each(|x| table.push([Cell::Number(f64::from(x))]));
        let table = table.thinned();
        assert_eq!((table.rows.len(), table.left_out), (4001, 8000));
        assert_eq!(table.rows[1], [Cell::Number(3.0)]);
    }
}
