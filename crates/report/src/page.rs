//! The page.

use askama::Template;
use serde_json::{Map, Value, json};

use crate::assets::{SCRIPT, STYLE, VENDORED, Vendored, policy};
use crate::section::{Part, Section};
use crate::source::Run;
use crate::spec::{self, Figure};
use crate::table::{Cell, Column, Format, Table};
use crate::{sections, value};

/// A page about one or several runs.
#[derive(Clone, Debug)]
pub struct Page {
    /// Title of the page.
    pub title: String,
    /// A section per run.
    pub sections: Vec<Section>,
    /// How the runs compare, where there are several.
    pub together: Option<(Box<Figure>, Table)>,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Html<'a> {
    page: &'a Page,
    policy: String,
    style: &'static str,
    vendored: [Vendored; 3],
    script: &'static str,
    data: String,
    version: &'static str,
}

impl Page {
    /// The page of these runs, in their order.
    pub fn new(runs: &[Run]) -> Self {
        let sections: Vec<Section> = (runs.iter().enumerate())
            .map(|(number, run)| sections::section(run, number + 1))
            .collect();
        let together = sections::side_by_side(runs).map(|table| {
            let title = "Runs side by side";
            let figure = spec::forest(&table, title, "pairs of like size ordered right", Some(0.5));
            (Box::new(figure), table)
        });
        let title = match (&sections[..], runs) {
            ([section], [run]) => format!("{} – {}", section.title, run.name),
            _ => format!("{} runs", runs.len()),
        };
        Self {
            title,
            sections,
            together,
        }
    }

    /// The whole file.
    pub fn to_html(&self) -> String {
        let html = Html {
            page: self,
            policy: policy(),
            style: STYLE,
            vendored: VENDORED,
            script: SCRIPT,
            data: self.data(),
            version: env!("CARGO_PKG_VERSION"),
        };
        // Writing to a string cannot fail.
        html.render().unwrap_or_default()
    }

    /// Specifications of the pictures with their data, each by itself: what a notebook shows.
    pub fn specifications(&self) -> Vec<(String, Value)> {
        let tables: Vec<&Table> = self.tables().collect();
        let of = |figure: &Figure| {
            let mut spec = figure.spec.clone();
            let mut datasets = Map::new();
            for table in tables
                .iter()
                .filter(|table| figure.tables.contains(&table.id))
            {
                datasets.insert(table.id.clone(), records(&table.data()));
            }
            spec["datasets"] = Value::Object(datasets);
            (figure.title.clone(), spec)
        };
        self.figures().map(of).collect()
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        let together = self.together.iter().map(|(_, table)| table);
        together.chain(self.sections.iter().flat_map(Section::tables))
    }

    fn figures(&self) -> impl Iterator<Item = &Figure> {
        let together = self.together.iter().map(|(figure, _)| &**figure);
        together.chain(self.sections.iter().flat_map(Section::figures))
    }

    /// Tables, specifications and files, as JSON that may stand in a page.
    fn data(&self) -> String {
        let tables: Map<String, Value> = self
            .tables()
            .map(|table| (table.id.clone(), table.data()))
            .collect();
        let figures: Vec<Value> = self.figures().map(|figure| {
            json!({"id": figure.id, "kind": figure.kind, "tables": figure.tables, "spec": figure.spec})
        }).collect();
        let files = self.sections.iter().flat_map(|section| &section.files);
        let files: Map<String, Value> = files.cloned().collect();
        let data = json!({"tables": tables, "figures": figures, "files": files}).to_string();
        // What would end the element, or begin a comment.
        data.replace('<', "\\u003c")
    }
}

/// Rows as objects by the names of their columns, and the number of each.
fn records(data: &Value) -> Value {
    let names: Vec<String> = value::list(data, "columns")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let rows = value::list(data, "rows")
        .iter()
        .enumerate()
        .map(|(number, row)| {
            let cells = row.as_array().into_iter().flatten().cloned();
            let mut record: Map<String, Value> = names.iter().cloned().zip(cells).collect();
            record.insert("row".into(), json!(number));
            Value::Object(record)
        });
    rows.collect()
}

/// A cell as the page shows it.
struct Shown {
    /// Class of its column.
    class: &'static str,
    /// What the table is sorted by.
    key: String,
    text: String,
    is_code: bool,
}

impl Table {
    /// Cells of a row, in order.
    fn shown(&self, row: &[Cell]) -> Vec<Shown> {
        let cells = self.columns.iter().zip(row);
        let cells = cells.map(|(column, cell)| Shown {
            class: column.class(),
            key: cell.key(),
            text: cell.text(column.format),
            is_code: column.format == Format::Code,
        });
        cells.collect()
    }
}

impl Figure {
    /// Whether networks of it can be selected.
    fn selects(&self) -> bool {
        self.kind == "points"
    }
}

impl Column {
    /// Class of its cells.
    fn class(&self) -> &'static str {
        match self.format {
            Format::Text => "text",
            Format::Code => "code",
            _ => "number",
        }
    }
}
