//! What a page says of each kind of run.

mod ablate;
mod audit;
mod csv_table;
mod estimates;
mod nas;
mod networks;
mod rank;
mod search;
mod train;

pub use rank::{FEWEST_PAIRS, verdict as verdict_of_ranking};

use estimates::{estimates, push_estimate};
use serde_json::Value;

use crate::section::Section;
use crate::source::{Kind, Run};
use crate::table::{Format, Table};
use crate::value::{at, number, text};

/// The section of a run; `number` tells it from others of the page.
pub fn section(run: &Run, number: usize) -> Section {
    let id = format!("run{number}");
    let mut section = match run.kind {
        Kind::Search => search::section(run, id),
        Kind::Rank => rank::section(run, id),
        Kind::Nas => nas::section(run, id),
        Kind::Train => train::section(run, id),
        Kind::Ablate => ablate::section(run, id),
        Kind::Audit => audit::section(run, id),
        Kind::Build => networks::build(run, id),
    };
    section.provenance = provenance(run);
    section
}

/// How the runs of a page compare: an interval for each that has one.
pub fn side_by_side(runs: &[Run]) -> Option<Table> {
    let mut table = estimates(
        "side-by-side",
        "Runs side by side",
        ("run", Some(("formula", "formula", Format::Code))),
    );
    let mut row = |name: String, kind: &str, formula: String, document: &Value, of: &Value| {
        let networks = number(of, "n").or_else(|| number(document, "n"));
        push_estimate(&mut table, (name, kind), Some(formula), networks, of);
    };
    for run in runs {
        let document = &run.document;
        match run.kind {
            Kind::Search => {
                let formula = text(document, "best.formula");
                let name = format!("{}: {}", run.name, text(document, "truth"));
                row(name, "found", formula, document, at(document, "test"));
            }
            Kind::Rank => {
                let name = format!("{}: {}", run.name, text(document, "truth"));
                let (best, count) = rank::best(document);
                // Where no proxy beats it, the best count stands alone.
                let proxy = best.filter(|best| count != Some(*best));
                for (kind, found) in [("best proxy", proxy), ("best count", count)] {
                    if let Some(found) = found {
                        row(name.clone(), kind, text(found, "proxy"), document, found);
                    }
                }
            }
            _ => (),
        }
    }
    (runs.len() > 1 && table.rows.len() > 1).then_some(table)
}

/// Pairs of what is said of a run and its value.
fn provenance(run: &Run) -> Vec<(String, String)> {
    let mut rows = vec![("kind".to_owned(), format!("lpzero {}", run.kind.command()))];
    if let Some(provenance) = &run.provenance {
        for (key, value) in provenance.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            rows.push((key.replace('_', " "), value));
        }
    }
    if !rows.iter().any(|(key, _)| key == "seed")
        && let Some(seed) = at(&run.document, "seed").as_u64()
    {
        rows.push(("seed".to_owned(), seed.to_string()));
    }
    rows.push(("BLAKE3 of the document".to_owned(), run.hash.clone()));
    if let Some(settings) = &run.settings {
        rows.push(("settings".to_owned(), settings.to_string()));
    }
    rows
}
