//! Proxies against a ground truth.

use serde_json::Value;

use super::{networks, search};
use crate::formula::Formula;
use crate::section::Section;
use crate::source::Run;
use crate::spec;
use crate::table::{Format, Table};
use crate::value::{at, interval, list, number, percent, percents, text};

/// Rows of the picture of intervals.
const PICTURED: usize = 15;

/// The section of a ranking.
pub fn section(run: &Run, id: String) -> Section {
    let document = &run.document;
    let mut section = Section::new(id, format!("Proxies on {}", text(document, "truth")));
    let (best, _) = best(document);
    section.verdict = verdict(document);
    if let Some(best) = best {
        section.formula = Some(Formula::new(&text(best, "formula")));
    }
    networks::add(&mut section, run.points.as_ref());
    intervals(&mut section, document);
    if let Some(best) = best {
        search::groups(&mut section, best);
    }
    section
}

/// Fewer pairs of like size than this say nothing: tau decides.
pub const FEWEST_PAIRS: usize = 20;

/// Share of pairs of like size, where there are enough of them.
fn like_size(row: &Value) -> Option<f64> {
    let pairs = number(row, "same_size_pairs");
    let enough = pairs.is_none_or(|pairs| pairs >= FEWEST_PAIRS as f64);
    number(row, "same_size").filter(|_| enough)
}

/// By what the rows of a ranking are compared: pairs of like size, or tau where these are few.
fn measure(document: &Value) -> fn(&Value) -> Option<f64> {
    match list(document, "rows")
        .iter()
        .any(|row| like_size(row).is_some())
    {
        true => like_size,
        false => |row| number(row, "tau"),
    }
}

/// The best proxy, and the best that looks at no network.
pub fn best(document: &Value) -> (Option<&Value>, Option<&Value>) {
    let measure = measure(document);
    let of = |is_meant: &dyn Fn(&Value) -> bool| {
        let rows = list(document, "rows").iter();
        let known = rows.filter(|row| measure(row).is_some() && is_meant(row));
        // The first of equals.
        known.rev().max_by(|a, b| {
            measure(a)
                .unwrap_or(0.0)
                .total_cmp(&measure(b).unwrap_or(0.0))
        })
    };
    let is_count = |row: &Value| at(row, "needs_network").as_bool() == Some(false);
    (of(&|_| true), of(&is_count))
}

/// The best proxy and the best count, in one sentence.
pub fn verdict(document: &Value) -> String {
    let (best, count) = best(document);
    let n = number(document, "n").unwrap_or_default();
    let Some(best) = best else {
        return format!("No proxy ranks the {n:.0} networks.");
    };
    let name = text(best, "proxy");
    let Some(own) = like_size(best) else {
        let pairs = number(best, "same_size_pairs").unwrap_or_default();
        let few = match pairs as usize {
            0 => "There are no pairs of like size, so Kendall's tau decides".to_owned(),
            1 => "There is one pair of like size, so Kendall's tau decides".to_owned(),
            pairs => format!("There are {pairs} pairs of like size, so Kendall's tau decides"),
        };
        return format!(
            "{few}: {name} ranks the {n:.0} networks best, with {:.2}{}.",
            number(best, "tau").unwrap_or_default(),
            interval(best, "tau_ci").map_or_else(String::new, |[low, high]| format!(
                " (95 % interval {low:.2} to {high:.2})"
            ))
        );
    };
    let found = format!(
        "{} {}, among {:.0} pairs of {n:.0} networks",
        percent(own),
        percents(interval(best, "same_size_ci")),
        number(best, "same_size_pairs").unwrap_or_default(),
    );
    let mut sentence = match list(document, "rows").len() {
        1 => format!("{name} orders pairs of like size right: {found}"),
        several => {
            format!("Of {several} proxies, {name} orders most pairs of like size right: {found}")
        }
    };
    match count {
        Some(count) if text(count, "proxy") == name => {
            let all = list(document, "rows").iter();
            if all
                .into_iter()
                .any(|row| at(row, "needs_network").as_bool() == Some(true))
            {
                sentence += "; it is a count, and nothing that looks at a network beats it";
            }
        }
        Some(count) => {
            let share = number(count, "same_size").unwrap_or_default();
            let separate = match (
                interval(best, "same_size_ci"),
                interval(count, "same_size_ci"),
            ) {
                (Some([low, _]), Some([_, high])) if low > high => "the intervals do not meet",
                _ => "the intervals overlap",
            };
            sentence += &format!(
                "; the best count, {}, {} {}: {separate}",
                text(count, "proxy"),
                percent(share),
                percents(interval(count, "same_size_ci"))
            );
        }
        None => (),
    }
    sentence + "."
}

/// Every proxy, best first, and a picture of the first.
fn intervals(section: &mut Section, document: &Value) {
    let measure = measure(document);
    let mut rows: Vec<&Value> = list(document, "rows").iter().collect();
    let worst = f64::NEG_INFINITY;
    rows.sort_by(|a, b| {
        measure(b)
            .unwrap_or(worst)
            .total_cmp(&measure(a).unwrap_or(worst))
    });
    let mut table = Table::new(
        format!("{}-proxies", section.id),
        "Proxies, best first",
        &[
            ("name", "proxy", Format::Text),
            ("kind", "reads", Format::Text),
            ("estimate", "pairs of like size", Format::Share),
            ("interval", "95 % interval", Format::Share),
            ("tau", "tau", Format::Share),
            ("tau_ci", "95 % interval ", Format::Share),
            ("rho", "rho", Format::Share),
            ("over_params", "tau over params", Format::Share),
            ("top10", "top 10 % found", Format::Share),
            ("seconds", "seconds each", Format::Number),
            ("formula", "formula", Format::Code),
        ],
    );
    for row in rows {
        let reads = match (
            at(row, "needs_network").as_bool(),
            at(row, "data_free").as_bool(),
        ) {
            (Some(false), _) => "counts",
            (_, Some(true)) => "weights",
            _ => "data",
        };
        table.push([
            text(row, "proxy").into(),
            reads.into(),
            number(row, "same_size").into(),
            interval(row, "same_size_ci").into(),
            number(row, "tau").into(),
            interval(row, "tau_ci").into(),
            number(row, "rho").into(),
            interval(row, "over_params.tau_ci").into(),
            number(row, "precision_top10").into(),
            number(row, "seconds_per_architecture").into(),
            text(row, "formula").into(),
        ]);
    }
    let mut first = table.clone();
    first.id = format!("{}-first", section.id);
    first.title = format!("The first {PICTURED}");
    first.rows.truncate(PICTURED);
    let figure = match first.numbers("estimate").iter().any(|x| x.is_finite()) {
        true => spec::forest(
            &first,
            "The best proxies",
            "pairs of like size ordered right",
            Some(0.5),
        ),
        false => {
            rename(&mut first);
            spec::forest(&first, "The best proxies", "Kendall's tau", Some(0.0))
        }
    };
    section.draw(figure, first);
    section
        .parts
        .push(crate::section::Part::Table(table.without_empty()));
}

/// Draws tau where there are no pairs of like size.
fn rename(table: &mut Table) {
    let place =
        |table: &Table, name: &str| table.columns.iter().position(|column| column.name == name);
    for (from, to) in [("tau", "estimate"), ("tau_ci", "interval")] {
        if let (Some(from), Some(to)) = (place(table, from), place(table, to)) {
            table
                .rows
                .iter_mut()
                .for_each(|row| row[to] = row[from].clone());
        }
    }
}
