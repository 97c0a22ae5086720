//! A search of architectures.

use serde_json::Value;

use super::csv_table::Csv;
use crate::formula::Formula;
use crate::section::{Part, Section};
use crate::source::Run;
use crate::spec;
use crate::table::{Cell, Format, Table, count};
use crate::value::{at, list, number, text};

const COSTS: [(&str, &str, Format); 6] = [
    ("params", "parameters", Format::Count),
    ("decoder_params", "decoder parameters", Format::Count),
    ("flops", "FLOPs per token", Format::Count),
    ("memory", "bytes of activations", Format::Count),
    ("latency", "seconds", Format::Number),
    ("table", "cost of the table", Format::Number),
];

/// The section of a search of architectures.
pub fn section(run: &Run, id: String) -> Section {
    let document = &run.document;
    let mut section = Section::new(id, format!("Shapes of {}", text(document, "space")));
    section.formula = Some(Formula::new(&text(document, "formula")));
    let cost = text(document, "cost");
    let front = front(&section.id, document);
    section.verdict = verdict(document, &front, &cost);
    let label = COSTS
        .iter()
        .find(|row| row.0 == cost)
        .map_or(&cost[..], |row| row.1)
        .to_owned();
    let all = evaluated(&section.id, run.table.as_deref(), &front).thinned();
    section.parts.push(Part::Figure(Box::new(spec::shapes(
        &all, &front, &cost, &label,
    ))));
    section.hidden.push(all);
    let (choices, table) = choices(&section.id, document);
    if !table.rows.is_empty() {
        section.draw(spec::parallel(&table, &choices), table);
    }
    section.parts.push(Part::Table(front.without_empty()));
    section.files = run.architectures.clone();
    section
}

fn verdict(document: &Value, front: &Table, cost: &str) -> String {
    let evaluated = number(document, "evaluated").unwrap_or_default();
    let combinations = number(document, "combinations").unwrap_or_default();
    let costs = front.numbers(cost);
    let scores = front.numbers("score");
    let ends = |numbers: &[f64]| {
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    };
    let ((cheap, dear), (low, high)) = (ends(&costs), ends(&scores));
    format!(
        "Of {} shapes that were scored, out of {}, {} are on the front, from {cost} {} to {} and from score {} to {}.",
        count(evaluated),
        count(combinations),
        front.rows.len(),
        count(cheap),
        count(dear),
        crate::table::plain(low),
        crate::table::plain(high),
    )
}

fn front(id: &str, document: &Value) -> Table {
    let first = [
        ("id", "architecture", Format::Code),
        ("score", "score", Format::Number),
    ];
    let last = [("choices", "choices", Format::Text)];
    let columns: Vec<_> = first.into_iter().chain(COSTS).chain(last).collect();
    let mut table = Table::new(format!("{id}-front"), "The front, cheapest first", &columns);
    for member in list(document, "front") {
        let choices = at(member, "choices").as_object().into_iter().flatten();
        let choices: Vec<String> = choices
            .map(|(name, _)| format!("{name} {}", label(member, name)))
            .collect();
        let mut row: Vec<Cell> = vec![text(member, "id").into(), number(member, "score").into()];
        row.extend(
            COSTS
                .iter()
                .map(|(name, ..)| Cell::from(number(member, name))),
        );
        row.push(choices.join(", ").into());
        table.push(row);
    }
    table
}

fn label(member: &Value, choice: &str) -> String {
    match at(member, "choices").get(choice) {
        Some(Value::String(label)) => label.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// Everything that was scored; the front alone, where nothing else is known.
fn evaluated(id: &str, text: Option<&str>, front: &Table) -> Table {
    let columns: Vec<_> = [
        ("id", "architecture", Format::Code),
        ("score", "score", Format::Number),
    ]
    .into_iter()
    .chain(COSTS)
    .collect();
    let mut table = Table::new(
        format!("{id}-evaluated"),
        "Everything that was scored",
        &columns,
    );
    match text {
        Some(text) => {
            let csv = Csv::read(text);
            for row in &csv.rows {
                let mut cells: Vec<Cell> =
                    vec![csv.text(row, "id").into(), csv.number(row, "score")];
                cells.extend(COSTS.iter().map(|(name, ..)| csv.number(row, name)));
                table.push(cells);
            }
        }
        None => {
            for row in &front.rows {
                table.push(row[..columns.len()].to_vec());
            }
        }
    }
    table
}

/// Choices of the front for a picture: a row per architecture and choice, with its place among
/// the labels that occur.
fn choices(id: &str, document: &Value) -> (Vec<String>, Table) {
    let mut table = Table::new(
        format!("{id}-choices"),
        "Choices of the front",
        &[
            ("id", "architecture", Format::Code),
            ("choice", "choice", Format::Text),
            ("label", "is", Format::Text),
            ("place", "place", Format::Share),
            ("score", "score", Format::Number),
        ],
    );
    let members = list(document, "front");
    let names = members
        .first()
        .and_then(|member| at(member, "choices").as_object());
    let names: Vec<String> = names
        .into_iter()
        .flat_map(|choices| choices.keys().cloned())
        .collect();
    // What all have in common tells nothing.
    let labels = |name: &String| {
        let mut labels: Vec<String> = members.iter().map(|member| label(member, name)).collect();
        labels.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        });
        labels.dedup();
        labels
    };
    let differ: Vec<(String, Vec<String>)> = names
        .into_iter()
        .map(|name| {
            let l = labels(&name);
            (name, l)
        })
        .filter(|(_, labels)| labels.len() > 1)
        // More do not fit on a page.
        .take(24)
        .collect();
    for member in members {
        for (name, labels) in &differ {
            let own = label(member, name);
            let place = labels
                .iter()
                .position(|label| *label == own)
                .unwrap_or_default();
            table.push([
                text(member, "id").into(),
                name.as_str().into(),
                own.into(),
                Cell::Number(place as f64 / (labels.len() - 1) as f64),
                number(member, "score").into(),
            ]);
        }
    }
    (differ.into_iter().map(|(name, _)| name).collect(), table)
}
