//! Tables of text that fit the terminal.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::plain::{Style, line, terminal_width};

/// Columns that a text is not cut below.
const NARROWEST: usize = 16;

/// A table in the house style: no box, so that it pastes into anything. In a terminal no line
/// wraps: columns that can be spared are left out, and then the longest text is cut.
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns from which on cells stand at the right, but for these.
    numbers_from: usize,
    texts: Vec<usize>,
    /// Columns that can be spared, the first of them first.
    spare: Vec<usize>,
    width: Option<usize>,
}

impl Table {
    /// An empty one.
    pub fn new() -> Self {
        Self::within(terminal_width())
    }

    /// An empty one for so many columns, or any number.
    pub fn within(width: Option<usize>) -> Self {
        Self {
            header: Vec::new(),
            rows: Vec::new(),
            numbers_from: usize::MAX,
            texts: Vec::new(),
            spare: Vec::new(),
            width,
        }
    }

    /// Names the columns.
    pub fn set_header<T: AsRef<str>>(&mut self, names: impl IntoIterator<Item = T>) {
        self.header = cells(names);
    }

    /// Adds a row, a line each.
    pub fn add_row<T: AsRef<str>>(&mut self, row: impl IntoIterator<Item = T>) {
        self.rows.push(cells(row));
    }

    /// Right-aligns every column from `first` on.
    pub fn align_numbers(&mut self, first: usize) {
        self.numbers_from = first;
    }

    /// Left-aligns a column again.
    pub fn align_text(&mut self, column: usize) {
        self.texts.push(column);
    }

    /// Columns that are left out where a terminal is too narrow, the first of them first.
    pub fn spare(&mut self, columns: &[usize]) {
        self.spare = columns.to_vec();
    }

    /// The lines of the header, then one a row.
    pub fn lines(&self) -> (usize, Vec<String>) {
        let lines = self.to_string().lines().map(str::to_owned).collect();
        (usize::from(!self.header.is_empty()), lines)
    }

    /// Writes the table, rows in styles; further rows are as usual.
    pub fn write_styled<W: std::io::Write>(
        &self,
        out: &mut super::plain::Plain<W>,
        styles: &[Style],
    ) -> std::io::Result<()> {
        let (header, lines) = self.lines();
        for (number, line) in lines.iter().enumerate() {
            let row = number.checked_sub(header);
            let style = row.and_then(|row| styles.get(row)).copied();
            out.styled(style.unwrap_or_default(), line)?;
        }
        Ok(())
    }

    fn is_text(&self, column: usize) -> bool {
        column < self.numbers_from || self.texts.contains(&column)
    }

    fn columns(&self) -> usize {
        let rows = self.rows.iter().map(Vec::len).max();
        self.header.len().max(rows.unwrap_or(0))
    }

    fn natural(&self, column: usize) -> usize {
        let rows = std::iter::once(&self.header).chain(&self.rows);
        let cells = rows.filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    /// Columns that are shown, and the one that is cut, to how many characters.
    fn fitted(&self) -> (Vec<usize>, Option<(usize, usize)>) {
        let mut shown: Vec<usize> = (0..self.columns()).collect();
        let Some(width) = self.width else {
            return (shown, None);
        };
        // A space stands at either side of a cell.
        let needed = |shown: &[usize]| -> usize {
            shown.iter().map(|&column| self.natural(column) + 2).sum()
        };
        for spare in &self.spare {
            if needed(&shown) <= width {
                break;
            }
            shown.retain(|column| column != spare);
        }
        let excess = needed(&shown).saturating_sub(width);
        if excess == 0 {
            return (shown, None);
        }
        let longest = shown.iter().copied().filter(|&column| self.is_text(column));
        let longest = longest.max_by_key(|&column| self.natural(column));
        let cut = longest.map(|column| {
            (
                column,
                self.natural(column).saturating_sub(excess).max(NARROWEST),
            )
        });
        (shown, cut)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        let (shown, cut) = self.fitted();
        let row = |row: &[String]| -> Vec<String> {
            let cell = |&column: &usize| {
                let text = row.get(column).cloned().unwrap_or_default();
                match cut {
                    Some((narrow, width)) if narrow == column => shortened(text, width),
                    _ => text,
                }
            };
            shown.iter().map(cell).collect()
        };
        if !self.header.is_empty() {
            table.set_header(row(&self.header));
        }
        for cells in &self.rows {
            table.add_row(row(cells));
        }
        for (place, &column) in shown.iter().enumerate() {
            if let (false, Some(column)) = (self.is_text(column), table.column_mut(place)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        // Spaces at the end of a line would wrap it, and are nothing to see.
        match self.width {
            None => table.fmt(f),
            Some(_) => {
                let text = table.to_string();
                let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

fn shortened(text: String, width: usize) -> String {
    match text.chars().count() > width {
        true => text
            .chars()
            .take(width.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => text,
    }
}

fn cells<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> Vec<String> {
    let cells = cells.into_iter();
    cells.map(|cell| line(cell.as_ref()).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> Table {
        let mut table = Table::within(width);
        table.set_header(["name", "one", "two", "formula"]);
        table.add_row(["a", "0.123", "0.456", &"x".repeat(60)]);
        table.align_numbers(1);
        table.align_text(3);
        table.spare(&[2]);
        table
    }

    fn widest(table: &Table) -> usize {
        let lines = table.to_string();
        lines
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 80, 100] {
            let table = table(Some(width));
            assert!(widest(&table) <= width, "{table}");
        }
        let narrow = table(Some(50)).to_string();
        assert!(
            !narrow.contains("two") && narrow.contains("one") && narrow.contains('…'),
            "{narrow}"
        );
        let wide = table(Some(200)).to_string();
        assert!(wide.contains("two") && !wide.contains('…'), "{wide}");
    }

    #[test]
    fn a_file_gets_everything() {
        let all = table(None).to_string();
        assert!(all.contains("two") && all.contains(&"x".repeat(60)));
    }
}
