//! A training.

use super::csv_table::Csv;
use crate::section::Section;
use crate::source::Run;
use crate::spec;
use crate::table::{Cell, Format, Table, count};
use crate::value::number;

/// The section of a training.
pub fn section(run: &Run, id: String) -> Section {
    let document = &run.document;
    let mut section = Section::new(id, format!("Training {}", run.name));
    let params = number(document, "parameters").unwrap_or_default();
    let tokens = number(document, "tokens").unwrap_or_default();
    let loss = number(document, "validation_loss").or_else(|| number(document, "loss"));
    section.verdict = format!(
        "{} parameters learned {} tokens in {:.0} updates",
        count(params),
        count(tokens),
        number(document, "steps").unwrap_or_default()
    );
    if let Some(loss) = loss {
        section.verdict += &format!(", to a loss of {loss:.3} nats per token");
    }
    let floor = number(document, "entropy_floor");
    if let Some(floor) = floor {
        section.verdict += &format!("; none can go below {floor:.3}");
    }
    section.verdict.push('.');
    if let Some(text) = &run.table {
        let csv = Csv::read(text);
        let mut table = Table::new(
            format!("{}-curve", section.id),
            "Losses",
            &[
                ("step", "update", Format::Count),
                ("tokens", "tokens", Format::Count),
                ("learning_rate", "learning rate", Format::Number),
                ("gradient_norm", "norm of the gradient", Format::Number),
                ("loss", "training loss", Format::Number),
                ("validation_loss", "validation loss", Format::Number),
                ("floor", "no decoder goes below", Format::Number),
            ],
        );
        for row in &csv.rows {
            let read = [
                "step",
                "tokens",
                "learning_rate",
                "gradient_norm",
                "loss",
                "validation_loss",
            ];
            let cells = read.iter().map(|name| csv.number(row, name));
            table.push(cells.chain([floor.map_or(Cell::Missing, Cell::Number)]));
        }
        let table = table.thinned();
        let known = |name: &&str| table.numbers(name).iter().any(|x| x.is_finite());
        let series: Vec<&str> = ["loss", "validation_loss", "floor"]
            .into_iter()
            .filter(|name| known(name))
            .collect();
        let mut losses = spec::lines(&table, "Losses", "step", &series, "nats per token", false);
        losses.caption =
            "Training loss of each update, and validation loss where it was measured.".to_owned();
        let mut norms = spec::lines(
            &table,
            "Norm of the gradient",
            "step",
            &["gradient_norm"],
            "before it is clipped",
            false,
        );
        norms.id += "-norm";
        section
            .parts
            .push(crate::section::Part::Figure(Box::new(losses)));
        section.draw(norms, table);
    }
    section
}
