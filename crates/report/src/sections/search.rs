//! A search for a formula.

use serde_json::Value;

use super::estimates::{estimates, push_estimate};
use super::networks;
use crate::formula::Formula;
use crate::section::{Part, Section};
use crate::source::Run;
use crate::spec;
use crate::table::{Cell, Format, Table};
use crate::value::{at, interval, list, number, percent, percents, text};

/// The section of a search.
pub fn section(run: &Run, id: String) -> Section {
    let document = &run.document;
    let mut section = Section::new(id, format!("Search on {}", text(document, "truth")));
    section.verdict = verdict(document);
    section.formula = Some(Formula::new(&text(document, "best.formula")));
    let counts = counts(&section.id, document);
    if !counts.rows.is_empty() {
        section.parts.push(Part::Table(counts));
    }
    benchmarks(&mut section, document);
    networks::add(&mut section, run.points.as_ref());
    hall_of_fame(&mut section, document);
    history(&mut section, run.history.as_ref());
    groups(&mut section, at(document, "test"));
    sees(&mut section, run.sees.as_ref());
    stability(&mut section, document);
    effort(&mut section, document);
    section
}

/// How good the formula is on networks that took no part, beside the best count.
fn verdict(document: &Value) -> String {
    let held_out = list(document, "held_out");
    let (of, name) = match held_out.first() {
        Some(first) => (first, text(first, "truth")),
        None => (at(document, "test"), "the test split".to_owned()),
    };
    let Some(own) = number(of, "same_size") else {
        return match (number(of, "tau"), interval(of, "tau_ci")) {
            (Some(tau), Some([low, high])) => format!(
                "On {name}, which took no part, the formula ranks with Kendall's tau {tau:.2} (95 % interval {low:.2} to {high:.2})."
            ),
            _ => {
                "No network was left out of the search, so this says nothing of others.".to_owned()
            }
        };
    };
    let mut sentence = format!(
        "On {name}, which took no part, the formula orders {} of {} of like size right {}",
        percent(own),
        match number(of, "same_size_pairs") {
            Some(pairs) => format!("{pairs:.0} pairs"),
            None => "the pairs".to_owned(),
        },
        percents(interval(of, "same_size_ci"))
    );
    let best = list(of, "baselines")
        .iter()
        .filter_map(|row| Some((row, number(row, "same_size")?)));
    let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
    let best = best.map(|(row, share)| {
        (
            format!("the best count, {},", text(row, "name")),
            row,
            share,
        )
    });
    let searched = number(of, "counts.same_size");
    let searched = searched.map(|share| {
        (
            "the best formula of counts".to_owned(),
            at(of, "counts"),
            share,
        )
    });
    let best = match (best, searched) {
        (Some(a), Some(b)) => Some(if a.2 >= b.2 { a } else { b }),
        (a, b) => a.or(b),
    };
    if let Some((count, row, share)) = best {
        let separate = match (interval(of, "same_size_ci"), interval(row, "same_size_ci")) {
            (Some([low, _]), Some([_, high])) if low > high => "the intervals do not meet",
            (Some([_, high]), Some([low, _])) if high < low => "the count is better beyond doubt",
            (Some(_), Some(_)) => "the intervals overlap, so that is no proof",
            _ => "that is no proof",
        };
        sentence += &format!(
            "; {count} orders {} {}: {separate}",
            percent(share),
            percents(interval(row, "same_size_ci"))
        );
    }
    sentence + "."
}

/// The formula and the counts that it must justify itself against, on the same split.
fn counts(id: &str, document: &Value) -> Table {
    let test = at(document, "test");
    let mut table = Table::new(
        format!("{id}-counts"),
        "The formula beside counts, on the test split",
        &[
            ("name", "score", Format::Text),
            ("same_size", "pairs of like size", Format::Share),
            ("same_size_ci", "95 % interval", Format::Share),
            ("tau", "tau", Format::Share),
            ("rho", "rho", Format::Share),
            ("difference", "tau of the formula minus this", Format::Share),
            ("difference_ci", "95 % interval ", Format::Share),
        ],
    );
    let mut row = |name: String, of: &Value| {
        table.push([
            name.into(),
            number(of, "same_size").into(),
            interval(of, "same_size_ci").into(),
            number(of, "tau").into(),
            number(of, "rho").into(),
            number(of, "difference").into(),
            interval(of, "difference_ci").into(),
        ]);
    };
    if number(test, "tau").is_some() || number(test, "same_size").is_some() {
        row("the formula".to_owned(), test);
        list(test, "baselines")
            .iter()
            .for_each(|of| row(text(of, "name"), of));
    }
    table.without_empty()
}

/// Intervals over ground truths, those that were held out marked.
fn benchmarks(section: &mut Section, document: &Value) {
    let id = format!("{}-forest", section.id);
    let mut table = estimates(id, "Over ground truths", ("ground truth", None));
    let mut row = |name: &str, kind: &str, of: &Value| {
        let networks = number(of, "n");
        push_estimate(&mut table, (name.to_owned(), kind), None, networks, of);
    };
    let best_count = |of: &Value| {
        let rows = list(of, "baselines").iter();
        let known = rows
            .filter(|row| number(row, "same_size").is_some())
            .cloned();
        known.max_by(|a, b| {
            let share = |row: &Value| number(row, "same_size").unwrap_or(0.0);
            share(a).total_cmp(&share(b))
        })
    };
    let truths = list(document, "truths");
    let single = [document.clone()];
    let tested = if truths.is_empty() {
        &single[..]
    } else {
        truths
    };
    for truth in tested {
        let (name, test) = (text(truth, "truth"), at(truth, "test"));
        row(&name, "formula", test);
        if let Some(count) = best_count(test) {
            row(&name, "best count", &count);
        }
    }
    for left in list(document, "leave_one_out") {
        let name = format!("{} (left out)", text(left, "truth"));
        row(&name, "formula of the others", left);
        row(&name, "counts", at(left, "counts"));
    }
    for held in list(document, "held_out") {
        let name = format!("{} (held out)", text(held, "truth"));
        row(&name, "formula", held);
        match number(held, "counts.same_size") {
            Some(_) => row(&name, "best count", at(held, "counts")),
            None => {
                if let Some(count) = best_count(held) {
                    row(&name, "best count", &count);
                }
            }
        }
    }
    if !table.rows.is_empty() {
        let table = table.without_empty();
        let figure = spec::forest(
            &table,
            "Over ground truths",
            "pairs of like size ordered right",
            Some(0.5),
        );
        section.show(figure, table);
    }
}

/// The front, simplest first.
fn hall_of_fame(section: &mut Section, document: &Value) {
    let measure = match text(document, "fitness").as_str() {
        "same-size" => "same_size",
        "kendall" => "tau",
        _ => "rho",
    };
    let mut table = Table::new(
        format!("{}-front", section.id),
        "Hall of fame",
        &[
            ("complexity", "complexity", Format::Count),
            ("search", "search split", Format::Share),
            ("validation", "validation split", Format::Share),
            ("same_size", "pairs of like size, search", Format::Share),
            ("formula", "formula", Format::Code),
            ("unstable", "moves with", Format::Text),
        ],
    );
    for member in list(document, "front") {
        let unstable: Vec<&str> = list(member, "unstable")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        table.push([
            number(member, "complexity").into(),
            number(member, &format!("search.{measure}")).into(),
            number(member, &format!("validation.{measure}")).into(),
            number(member, "search.same_size").into(),
            text(member, "formula").into(),
            match unstable.is_empty() {
                true => Cell::Missing,
                false => unstable.join(", ").into(),
            },
        ]);
    }
    if !table.rows.is_empty() {
        let table = table.without_empty();
        let label = match measure {
            "same_size" => "pairs of like size ordered right",
            "tau" => "Kendall's tau",
            _ => "Spearman's rho",
        };
        section.show(spec::front(&table, label), table);
    }
}

/// The best fitness over evaluations.
fn history(section: &mut Section, history: Option<&Value>) {
    let mut table = Table::new(
        format!("{}-history", section.id),
        "Best fitness over evaluations",
        &[
            ("evaluated", "formulas evaluated", Format::Count),
            ("best", "best fitness", Format::Share),
        ],
    );
    for point in history.and_then(Value::as_array).into_iter().flatten() {
        let place = |index: usize| point.get(index).and_then(Value::as_f64);
        table.push([place(0).into(), place(1).into()]);
    }
    if table.rows.len() > 1 {
        let table = table.thinned();
        let mut figure = spec::lines(
            &table,
            "Evolution",
            "evaluated",
            &["best"],
            "fitness on the search split",
            true,
        );
        figure.caption =
            "The best fitness on the search split after so many evaluations.".to_owned();
        section.draw(figure, table);
    }
}

/// Taus inside groups of equal depth and width.
pub fn groups(section: &mut Section, of: &Value) {
    let groups = at(of, "tau_within_group").as_object();
    let mut table = Table::new(
        format!("{}-groups", section.id),
        "Inside groups of equal depth and width",
        &[
            ("name", "depth x width", Format::Text),
            ("value", "tau", Format::Share),
        ],
    );
    for (name, tau) in groups.into_iter().flatten() {
        // A score that is equal inside a group orders nothing there.
        if let Some(tau) = tau.as_f64() {
            table.push([name.as_str().into(), Cell::Number(tau)]);
        }
    }
    if !table.rows.is_empty() {
        let figure = spec::bars(
            &table,
            "Inside groups of equal depth and width",
            "Kendall's tau",
        );
        section.show(figure, table);
    }
}

/// How the score answers to each dimension of a shape.
fn sees(section: &mut Section, sees: Option<&Value>) {
    let mut table = Table::new(
        format!("{}-sees", section.id),
        "What the formula sees",
        &[
            ("name", "dimension", Format::Text),
            ("kind", "around", Format::Text),
            ("value", "percent of score per percent", Format::Share),
            ("effect", "so more of it", Format::Text),
        ],
    );
    for sight in sees.map_or(&[][..], |sees| list(sees, "shapes")) {
        for seen in list(sight, "dimensions") {
            table.push([
                text(seen, "dimension").into(),
                text(sight, "shape").into(),
                number(seen, "elasticity").into(),
                match text(seen, "effect") {
                    effect if effect.is_empty() => Cell::Missing,
                    effect => effect.into(),
                },
            ]);
        }
    }
    if !table.rows.is_empty() {
        let mut figure = spec::bars(
            &table,
            "What the formula sees",
            "percent that the score grows per percent",
        );
        figure.caption =
            "A dimension with no bar is not seen: a search of shapes gives it away.".to_owned();
        section.show(figure, table);
    }
}

/// How the ranking moves with what must not matter.
fn stability(section: &mut Section, document: &Value) {
    let mut table = Table::new(
        format!("{}-stability", section.id),
        "What must not matter",
        &[
            ("truth", "ground truth", Format::Text),
            ("variation", "changed", Format::Text),
            (
                "reordered",
                "share of pairs that change order",
                Format::Share,
            ),
            ("unstable", "more than two seeds do", Format::Text),
        ],
    );
    for on in list(document, "best.stability") {
        for movement in list(on, "movements") {
            let unstable = at(movement, "unstable").as_bool().unwrap_or_default();
            table.push([
                text(on, "truth").into(),
                text(movement, "variation").into(),
                number(movement, "reordered").into(),
                if unstable { "yes" } else { "no" }.into(),
            ]);
        }
    }
    if !table.rows.is_empty() {
        section.parts.push(Part::Table(table));
    }
}

/// What the search did with its budget.
fn effort(section: &mut Section, document: &Value) {
    let mut table = Table::new(
        format!("{}-effort", section.id),
        "What the search did",
        &[
            ("name", "what", Format::Text),
            ("count", "how much", Format::Count),
        ],
    );
    for key in ["generated", "canonical", "evaluated"] {
        if let Some(count) = number(document, &format!("counts.{key}")) {
            table.push([format!("formulas {key}").into(), Cell::Number(count)]);
        }
    }
    for (rule, count) in at(document, "counts.pruned")
        .as_object()
        .into_iter()
        .flatten()
    {
        table.push([
            format!("pruned: {}", rule.replace('_', " ")).into(),
            count.as_f64().into(),
        ]);
    }
    for (name, seconds) in at(document, "seconds").as_object().into_iter().flatten() {
        table.push([
            format!("seconds: {}", name.replace('_', " ")).into(),
            seconds.as_f64().into(),
        ]);
    }
    if !table.rows.is_empty() {
        section.parts.push(Part::Table(table));
    }
}
