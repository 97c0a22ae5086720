//! Networks as points: under a formula, and as they were trained.

use serde_json::Value;

use crate::section::{Part, Section};
use crate::source::Run;
use crate::spec;
use crate::table::{Cell, Format, Table};
use crate::value::{list, number, text};

/// Adds a picture for each ground truth whose networks are known.
pub fn add(section: &mut Section, points: Option<&Value>) {
    let tables: &[Value] = match points {
        Some(Value::Array(tables)) => tables,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    for (place, points) in tables.iter().enumerate() {
        let truth = text(points, "truth");
        let mut table = Table::new(
            format!("{}-points{place}", section.id),
            format!("Networks of {truth}"),
            &[
                ("id", "network", Format::Text),
                ("part", "part", Format::Text),
                ("size", "size", Format::Count),
                ("trained", "trained score, larger is better", Format::Number),
                ("score", "score of the formula", Format::Number),
            ],
        );
        for row in list(points, "rows") {
            table.push([
                text(row, "id").into(),
                text(row, "part").into(),
                number(row, "size").into(),
                number(row, "trained").into(),
                number(row, "score").into(),
            ]);
        }
        let table = table.thinned();
        let tolerance = number(points, "tolerance").unwrap_or(0.05);
        let title = format!("Predicted and trained: {truth}");
        section.draw(spec::points(&table, &title, tolerance), table);
    }
}

/// A ground truth that was built.
pub fn build(run: &Run, id: String) -> Section {
    let document = &run.document;
    let name = text(document, "name");
    let mut section = Section::new(id, format!("Ground truth {name}"));
    let metric = text(document, "metric");
    let mut table = Table::new(
        format!("{}-trained", section.id),
        "Networks",
        &[
            ("id", "network", Format::Text),
            ("size", "parameters", Format::Count),
            ("trained", &metric, Format::Number),
            ("spread", "spread over trainings", Format::Number),
            ("seconds", "seconds", Format::Number),
        ],
    );
    let entries = run.truth.as_ref().map_or(&[][..], |truth| &truth.entries);
    let lower_is_better = run
        .truth
        .as_ref()
        .is_some_and(|truth| truth.lower_is_better);
    for entry in entries {
        let count = entry.trainings.len();
        let mean = entry.trainings.iter().map(|t| t.metric).sum::<f64>() / count.max(1) as f64;
        let seconds: f64 = entry.trainings.iter().map(|t| t.seconds).sum();
        let score = if lower_is_better {
            -entry.score
        } else {
            entry.score
        };
        table.push([
            entry.id.as_str().into(),
            Cell::Number(entry.architecture.parameters().total() as f64),
            Cell::Number(if count > 0 { mean } else { score }),
            entry.spread().into(),
            (count > 0).then_some(seconds).into(),
        ]);
    }
    let values: Vec<f64> = table
        .numbers("trained")
        .into_iter()
        .filter(|v| v.is_finite())
        .collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    section.verdict = format!(
        "{} networks were trained; their {metric} lies between {low:.3} and {high:.3}.",
        entries.len()
    );
    let table = table.without_empty().thinned();
    if table.columns.iter().any(|column| column.name == "size") {
        section.show(
            spec::trained(&table, "Size and what became of it", &metric),
            table,
        );
    } else {
        section.parts.push(Part::Table(table));
    }
    section
}
