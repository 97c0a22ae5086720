//! What each part of a search is worth.

use serde_json::Value;

use crate::section::Section;
use crate::source::Run;
use crate::spec;
use crate::table::{Format, Table};
use crate::value::{interval, list, number, text};

/// The section of an ablation.
pub fn section(run: &Run, id: String) -> Section {
    let document = &run.document;
    let mut section = Section::new(id, format!("Ablation on {}", text(document, "truth")));
    let rows = list(document, "rows");
    section.verdict = verdict(rows, number(document, "seeds").unwrap_or_default());
    let mut axes: Vec<String> = rows.iter().map(|row| text(row, "axis")).collect();
    axes.dedup();
    for (place, axis) in axes.iter().enumerate() {
        let mut table = Table::new(
            format!("{}-axis{place}", section.id),
            format!("Changed: {}", axis.replace('-', " ")),
            &[
                ("name", "variant", Format::Text),
                ("kind", "what", Format::Text),
                ("estimate", "test tau", Format::Share),
                ("interval", "95 % interval", Format::Share),
                ("difference", "minus the first", Format::Share),
                ("difference_ci", "95 % interval ", Format::Share),
                ("rho", "test rho", Format::Share),
                ("search", "search tau", Format::Share),
                ("evaluated", "evaluated", Format::Count),
                ("pruned", "pruned", Format::Count),
                ("seconds", "seconds", Format::Number),
            ],
        );
        for row in rows.iter().filter(|row| text(row, "axis") == *axis) {
            table.push([
                text(row, "variant").into(),
                "test tau".into(),
                number(row, "test_tau").into(),
                interval(row, "test_tau_ci").into(),
                number(row, "difference").into(),
                interval(row, "difference_ci").into(),
                number(row, "test_rho").into(),
                number(row, "search_tau").into(),
                number(row, "evaluated").into(),
                number(row, "pruned").into(),
                number(row, "seconds").into(),
            ]);
        }
        let title = format!("Changed: {}", axis.replace('-', " "));
        let figure = spec::forest(
            &table,
            &title,
            "test tau",
            table
                .numbers("estimate")
                .first()
                .copied()
                .filter(|x| x.is_finite()),
        );
        section.show(figure, table);
    }
    section
}

/// Which changes matter beyond chance.
fn verdict(rows: &[Value], seeds: f64) -> String {
    let excludes = |row: &&Value| {
        interval(row, "difference_ci").is_some_and(|[low, high]| low > 0.0 || high < 0.0)
    };
    let moved: Vec<String> = rows
        .iter()
        .filter(excludes)
        .map(|row| {
            format!(
                "{} {} ({:+.3})",
                text(row, "axis"),
                text(row, "variant"),
                number(row, "difference").unwrap_or_default()
            )
        })
        .collect();
    match moved.is_empty() {
        true => format!("Over {seeds:.0} seeds, no change moves test tau beyond chance."),
        false => format!(
            "Over {seeds:.0} seeds, these changes move test tau beyond chance: {}.",
            moved.join(", ")
        ),
    }
}
