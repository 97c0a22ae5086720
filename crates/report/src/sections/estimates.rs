//! How many pairs of like size were ordered right, with intervals.

use serde_json::Value;

use crate::table::{Cell, Format, Table};
use crate::value::{interval, number};

/// A table of how many pairs of like size are ordered right, as a forest of intervals draws it;
/// `first` names its rows, and a further column may stand behind what they are.
pub(super) fn estimates(
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
pub(super) fn push_estimate(
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
