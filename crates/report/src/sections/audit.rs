//! What a ground truth can tell.

use serde_json::Value;

use crate::section::{Part, Section};
use crate::source::Run;
use crate::spec;
use crate::table::{Format, Table};
use crate::value::{interval, list, number, text};

/// The section of an audit.
pub fn section(run: &Run, id: String) -> Section {
    let document = &run.document;
    let mut section = Section::new(id, format!("Audit of {}", text(document, "truth")));
    let findings: Vec<String> = list(document, "findings")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    section.verdict = findings
        .first()
        .cloned()
        .unwrap_or_else(|| "Nothing stands out.".to_owned());
    if findings.len() > 1 {
        section.parts.push(Part::Notes {
            title: "Findings".to_owned(),
            lines: findings,
        });
    }
    let mut table = Table::new(
        format!("{}-responses", section.id),
        "What the scores respond to, each beyond all others",
        &[
            ("name", "variable", Format::Text),
            ("value", "share of the variance", Format::Share),
            ("p", "p, corrected by Holm", Format::Number),
            ("verdict", "verdict", Format::Text),
        ],
    );
    for row in list(document, "responses") {
        let inside = text(row, "inside");
        let name = text(row, "variable");
        table.push([
            match inside.is_empty() {
                true => name,
                false => format!("{name}, inside {inside}"),
            }
            .into(),
            number(row, "scores.share").into(),
            number(row, "p_holm").into(),
            text(row, "verdict").replace('-', " ").into(),
        ]);
    }
    let figure = spec::bars(
        &table,
        "What the scores respond to",
        "share of the variance, beyond all others",
    );
    section.show(figure, table);
    let mut table = Table::new(
        format!("{}-predictors", section.id),
        "Predictors that need no network",
        &[
            ("name", "predictor", Format::Text),
            ("kind", "what", Format::Text),
            ("estimate", "tau", Format::Share),
            ("interval", "95 % interval", Format::Share),
            ("rho", "rho", Format::Share),
            ("within", "tau within groups", Format::Share),
        ],
    );
    let mut row = |name: String, kind: &str, of: &Value| {
        table.push([
            name.into(),
            kind.into(),
            number(of, "tau").into(),
            interval(of, "tau_ci").into(),
            number(of, "rho").into(),
            number(of, "tau_within_groups").into(),
        ]);
    };
    for of in list(document, "baselines") {
        row(text(of, "baseline"), "count", of);
    }
    if let Some(ceiling) = document.get("ceiling") {
        for (key, name) in [
            ("regression", "regression on all variables"),
            ("regression_on_ranks", "regression on ranks"),
        ] {
            if let Some(of) = ceiling.get(key).filter(|of| number(of, "tau").is_some()) {
                row(name.to_owned(), "ceiling", of);
            }
        }
    }
    let figure = spec::forest(
        &table,
        "How well scores can be predicted",
        "Kendall's tau",
        None,
    );
    section.show(figure, table.without_empty());
    let mut table = Table::new(
        format!("{}-suspects", section.id),
        "Records to look at",
        &[
            ("id", "network", Format::Text),
            ("score", "score", Format::Number),
            ("expected", "expected", Format::Number),
            ("z", "deviations", Format::Number),
        ],
    );
    for of in list(document, "suspects.outliers") {
        table.push([
            text(of, "id").into(),
            number(of, "score").into(),
            number(of, "expected").into(),
            number(of, "robust_z").into(),
        ]);
    }
    if !table.rows.is_empty() {
        section.parts.push(Part::Table(table));
    }
    section
}
