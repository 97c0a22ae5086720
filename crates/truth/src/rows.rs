//! Rows of a table, whatever file they stand in: CSV, JSON Lines or a list of records.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use lpzero_arch::{Cursor, Document, Node, Place, Problem};

use crate::error::Error;

/// Characters that may stand between the cells of a CSV file, the likeliest first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Cells that say that there is nothing, in any case of letters.
const BLANK: [&str; 8] = ["", "nan", "na", "n/a", "<na>", "null", "none", "-"];

/// Columns by name, and rows.
pub(crate) struct Table {
    /// Names of the columns; empty for one without a name.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// Whether a comma may stand in numbers, since none stands between cells.
    decimal_comma: bool,
    numbering: Numbering,
}

/// One row, with the cells that it has.
pub(crate) struct Row {
    /// Line, from 1, or place in a list, from 0.
    pub(crate) number: u64,
    /// Column and cell.
    cells: Vec<(usize, Node)>,
}

/// Names of rows in errors.
#[derive(Clone, Copy)]
enum Numbering {
    Lines,
    Items,
}

impl Numbering {
    fn name(self, number: u64) -> String {
        match self {
            Self::Lines => format!("line {number}"),
            Self::Items => format!("[{number}]"),
        }
    }
}

impl Row {
    /// The cell in a column; null where the row has none.
    pub(crate) fn cell(&self, column: usize) -> &Node {
        let found = self.cells.iter().find(|(index, _)| *index == column);
        found.map_or(&Node::Null, |(_, cell)| cell)
    }
}

impl Table {
    /// The name of a row, for errors.
    pub(crate) fn name(&self, row: &Row) -> String {
        self.numbering.name(row.number)
    }

    /// Where a cell stands.
    pub(crate) fn place(&self, path: &Path, row: &Row, column: usize) -> Place {
        place(path, self.name(row), &self.columns[column])
    }

    /// The first column of a name, in any case of letters.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let same = |column: &String| column.eq_ignore_ascii_case(name);
        self.columns.iter().position(same)
    }

    /// The finite number in a cell.
    pub(crate) fn number(&self, cell: &Node) -> Option<f64> {
        let number = match cell {
            Node::Integer(number) => *number as f64,
            Node::Real(number) => *number,
            Node::Text(text) if self.decimal_comma && !text.contains('.') => {
                text.trim().replacen(',', ".", 1).parse().ok()?
            }
            Node::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Finite numbers and cells that are not blank, by column.
    pub(crate) fn counts(&self) -> Vec<(usize, usize)> {
        let mut counts = vec![(0, 0); self.columns.len()];
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        for (column, cell) in cells.filter(|(_, cell)| !is_blank(cell)) {
            counts[*column].0 += usize::from(self.number(cell).is_some());
            counts[*column].1 += 1;
        }
        counts
    }
}

/// Whether a cell says that there is nothing.
pub(crate) fn is_blank(cell: &Node) -> bool {
    match cell {
        Node::Null => true,
        Node::Text(text) => {
            let text = text.trim();
            BLANK.iter().any(|blank| text.eq_ignore_ascii_case(blank))
        }
        _ => false,
    }
}

fn place(path: &Path, row: String, column: &str) -> Place {
    Place {
        file: path.to_owned(),
        record: Some(row),
        key: column.to_owned(),
    }
}

/// Reads CSV with a header. Lines may end as on any system; what stands between cells is
/// what the header has most of, or what a first line `sep=;` says, as Excel writes it.
pub(crate) fn parse_csv(path: &Path, text: &str) -> Result<Table, Error> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let declared = first
        .strip_prefix("sep=")
        .and_then(|sep| sep.chars().next());
    let (text, delimiter) = match declared {
        Some(delimiter) => (rest, delimiter),
        None => (&*text, delimiter(first)),
    };
    let mut lines = Lines {
        text: text.as_bytes(),
        byte: 0,
        line: 1 + u64::from(declared.is_some()),
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(lines.wrong(path, &error)),
    };
    let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    none_twice(path, &columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| lines.wrong(path, &error))?;
        let cells = record.iter().map(|cell| Node::Text(cell.to_owned()));
        rows.push(Row {
            number: lines.at(record.position()),
            cells: cells.enumerate().collect(),
        });
    }
    Ok(Table {
        columns,
        rows,
        decimal_comma: delimiter != ',',
        numbering: Numbering::Lines,
    })
}

/// What a header has most of outside quotes; a comma where it has nothing.
fn delimiter(header: &str) -> char {
    let bare: String = header.split('"').step_by(2).collect();
    let count = |delimiter: &char| bare.matches(*delimiter).count();
    let likeliest = DELIMITERS.into_iter().rev().max_by_key(count);
    likeliest.unwrap_or(',')
}

/// Lines of places in a text, which are asked for in their order.
struct Lines<'a> {
    text: &'a [u8],
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a record. Blank lines stand before it, not in it.
    fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(0, |position| position.byte() as usize);
        let start = start.clamp(self.byte, self.text.len());
        let blank = self.text[start..].iter().take_while(|&&byte| byte == b'\n');
        let start = start + blank.count();
        let passed = self.text[self.byte..start].iter();
        self.line += passed.filter(|&&byte| byte == b'\n').count() as u64;
        self.byte = start;
        self.line
    }

    fn wrong(&mut self, path: &Path, error: &csv::Error) -> Error {
        let line = self.at(error.position());
        let problem = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                format!("{len} columns, expected {expected_len} as in the header")
            }
            _ => error.to_string(),
        };
        let place = place(path, Numbering::Lines.name(line), "");
        place.error(Problem::Malformed(problem)).into()
    }
}

fn none_twice(path: &Path, columns: &[String]) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut named = columns.iter().filter(|name| !name.is_empty());
    match named.find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::Column {
            path: path.to_owned(),
            what: format!("two columns {name:?}"),
            columns: listed(columns),
        }),
    }
}

/// Reads JSON Lines: an object a line, which need not have the same keys.
pub(crate) fn parse_lines(path: &Path, text: &str) -> Result<Table, Error> {
    let mut records = Records::new(Numbering::Lines);
    for (line, text) in (1u64..).zip(text.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        match Document::parse_json(path, text) {
            Ok(document) => records.add(line, &document.root())?,
            Err(lpzero_arch::Error::Syntax {
                message, column, ..
            }) => {
                let problem = format!("column {column}: not valid JSON: {message}");
                let place = place(path, Numbering::Lines.name(line), "");
                return Err(place.error(Problem::Malformed(problem)).into());
            }
            Err(other) => return Err(other.into()),
        }
    }
    Ok(records.table)
}

/// Takes the records of a list, which need not have the same keys.
pub(crate) fn of_list(items: &[Cursor<'_>]) -> Result<Table, Error> {
    let mut records = Records::new(Numbering::Items);
    for (number, item) in (0u64..).zip(items) {
        records.add(number, item)?;
    }
    Ok(records.table)
}

/// A table of records under way: its columns are the keys that any of them has.
struct Records {
    table: Table,
    index: HashMap<String, usize>,
}

impl Records {
    fn new(numbering: Numbering) -> Self {
        let table = Table {
            columns: Vec::new(),
            rows: Vec::new(),
            decimal_comma: false,
            numbering,
        };
        let index = HashMap::new();
        Self { table, index }
    }

    fn add(&mut self, number: u64, record: &Cursor<'_>) -> Result<(), Error> {
        let name = self.table.numbering.name(number);
        let mut cells = Vec::new();
        for (key, value) in record.as_record(name).entries()? {
            let next = self.index.len();
            let column = *self.index.entry(key.to_owned()).or_insert(next);
            if column == next {
                self.table.columns.push(key.to_owned());
            }
            cells.push((column, value.node().clone()));
        }
        self.table.rows.push(Row { number, cells });
        Ok(())
    }
}

/// Names, as many as a message can hold, and as much of each.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 20;
    const LONGEST: usize = 60;
    let named = names.iter().map(AsRef::as_ref);
    let named: Vec<&str> = named.filter(|name| !name.is_empty()).collect();
    let short = |name: &&str| match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => (*name).to_owned(),
    };
    let shown: Vec<String> = named.iter().take(MOST).map(short).collect();
    match named.len() {
        0 => "none".to_owned(),
        few if few <= MOST => shown.join(", "),
        _ => shown.join(", ") + ", ...",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_stands_between_cells() {
        let cases = [
            ("a,b", ','),
            ("a;b", ';'),
            ("a\tb", '\t'),
            ("\"a;b;c\",d", ','),
            ("a", ','),
            ("a;\"b,c,d\";e", ';'),
        ];
        for (header, expected) in cases {
            assert_eq!(delimiter(header), expected, "{header}");
        }
    }
}
