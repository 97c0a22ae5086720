//! `lpzero truth audit`: what a ground truth can and cannot tell.

use std::collections::HashSet;
use std::io::Write;

use anyhow::Result;
use lpzero::arch::Reading;
use lpzero::audit::{Audit, AuditSettings, Regression, Response, Verdict, audit};
use lpzero::stats::regression::NestedTest;

use super::arguments::{Audit as Arguments, LayoutArguments, ReadingArgument, TruthArguments};
use super::failure::failed;
use super::output::print_json;
use super::plain::{Table, line, sentences, stdout};
use super::rank_table::{interval, number};
use super::save::Save;
use super::session::Session;

/// Suspicious records that are printed, the most suspicious first.
const SHOWN: usize = 10;

pub fn run(session: &Session, arguments: &Arguments) -> Result<()> {
    let arguments_of_truth = TruthArguments {
        truth: (arguments.path.clone()).or_else(|| arguments.truth.truth.clone()),
        ..arguments.truth.clone()
    };
    let truth = session.truth(&arguments_of_truth)?;
    let declared = match truth.reading {
        Some(Reading::Declared) | None => truth.clone(),
        Some(_) => {
            // Another reading has other sizes, but the networks are to be the same.
            let mut declared = session.truth(&TruthArguments {
                layout: LayoutArguments {
                    reading: ReadingArgument::Declared,
                    up_to: None,
                    ..arguments_of_truth.layout.clone()
                },
                ..arguments_of_truth
            })?;
            let ids: HashSet<&str> = truth.entries.iter().map(|entry| &entry.id[..]).collect();
            let entries = &mut declared.entries;
            entries.retain(|entry| ids.contains(&entry.id[..]));
            declared
        }
    };
    let save = arguments.save.as_deref().map(Save::begin).transpose()?;
    let settings = AuditSettings {
        permutations: arguments.permutations as usize,
        seed: session.seed,
    };
    let pool = session.pool()?;
    let found = audit(&truth, &declared, settings, &pool, &session.cancel).map_err(failed)?;
    // What cannot be saved can still be read.
    let saved = save.map(|save| save.finish(&found));
    match session.json {
        true => print_json(&found)?,
        false => print(&found, settings)?,
    }
    saved.unwrap_or(Ok(()))
}

fn print(audit: &Audit, settings: AuditSettings) -> Result<()> {
    let out = &mut stdout();
    let reading = audit
        .reading
        .as_ref()
        .map(|reading| format!(", read {reading}"));
    writeln!(
        out,
        "{}: {} architectures ({} different networks{}), {}\n",
        line(&audit.truth),
        audit.n,
        audit.different_networks,
        reading.unwrap_or_default(),
        line(&audit.metric)
    )?;
    for finding in &audit.findings {
        writeln!(out, "{}", sentences(format_args!("* {}", line(finding))))?;
    }
    print_responses(out, audit, settings)?;
    print_predictors(out, audit)?;
    if !audit.correlated.is_empty() {
        writeln!(out, "\npredictors that move together")?;
        let mut rows = Table::new();
        for pair in audit.correlated.iter().take(SHOWN) {
            rows.add_row([
                pair.first.clone(),
                pair.second.clone(),
                format!("rho {:.2}", pair.rho),
            ]);
        }
        writeln!(out, "{rows}")?;
    }
    suspects(out, audit)
}

fn print_responses(out: &mut impl Write, audit: &Audit, settings: AuditSettings) -> Result<()> {
    writeln!(out, "\nwhat the scores respond to, each beyond all others")?;
    let whole = audit.responses.iter().filter(|row| row.inside.is_none());
    writeln!(out, "{}", responses(whole))?;
    let inside = || audit.responses.iter().filter(|row| row.inside.is_some());
    if inside().next().is_some() {
        writeln!(out, "\nthe same inside a part of the blocks")?;
        writeln!(out, "{}", responses(inside()))?;
    }
    writeln!(
        out,
        "{} tests, each on scores and on their ranks: {} p-values, Holm's correction over all. Permutations: {}.",
        audit.responses.len(),
        audit.p_values,
        settings.permutations
    )?;
    let constant = audit.variables.iter().filter(|v| v.untested.is_some());
    let constant: Vec<&str> = constant.map(|variable| variable.name.as_str()).collect();
    if !constant.is_empty() {
        writeln!(out, "Constant, so not tested: {}.", constant.join(", "))?;
    }
    if !audit.interactions {
        writeln!(
            out,
            "Too few architectures for slopes that differ by depth and width."
        )?;
    }
    Ok(())
}

fn print_predictors(out: &mut impl Write, audit: &Audit) -> Result<()> {
    writeln!(out, "\npredictors that need no network")?;
    let mut rows = Table::new();
    rows.set_header([
        "",
        "tau",
        "95 % interval",
        "rho",
        "95 % interval",
        "tau inside depth x width",
    ]);
    for row in &audit.baselines {
        rows.add_row([
            row.baseline.clone(),
            number(row.tau),
            interval(row.tau_ci),
            number(row.rho),
            interval(row.rho_ci),
            number(row.tau_within_groups),
        ]);
    }
    let by = |name: &str, found: &Option<Regression>| {
        found.as_ref().map(|found| {
            [
                format!("regression, {}-fold, {name}", found.folds),
                number(found.tau),
                interval(found.tau_ci),
                number(found.rho),
                interval(found.rho_ci),
                String::new(),
            ]
        })
    };
    let ceiling = &audit.ceiling;
    for row in [
        by("scores", &ceiling.regression),
        by("ranks", &ceiling.regression_on_ranks),
    ] {
        rows.add_row(row.unwrap_or_default());
    }
    if let Some(twins) = &ceiling.twins {
        rows.add_row([
            "another training of the network".to_owned(),
            number(twins.tau),
            String::new(),
            number(twins.rho),
        ]);
    }
    rows.align_numbers(1);
    writeln!(out, "{rows}")?;
    if let Some(twins) = &ceiling.twins {
        writeln!(
            out,
            "{} networks were trained more than once ({} records): their scores differ by a standard deviation of {:.3}, all of these by {:.3}; reliability {:.3}.",
            twins.networks, twins.records, twins.noise, twins.spread, twins.reliability
        )?;
    }
    Ok(())
}

fn suspects(out: &mut impl Write, audit: &Audit) -> Result<()> {
    let suspects = &audit.suspects;
    writeln!(out, "\nrecords to look at")?;
    match &suspects.counts {
        Some(wrong) if wrong.is_empty() => {
            writeln!(
                out,
                "Parameters equal the published count in all {} records.",
                audit.n
            )?;
        }
        Some(wrong) => {
            writeln!(
                out,
                "{} networks contradict their published number of parameters:",
                wrong.len()
            )?;
            for row in wrong.iter().take(SHOWN) {
                writeln!(
                    out,
                    "  {}  counted {}, published {}",
                    line(&row.id),
                    row.counted,
                    row.published
                )?;
            }
        }
        None => writeln!(out, "No parameters are published beside the scores.")?,
    }
    writeln!(
        out,
        "{} scores stand more than 5 robust standard deviations from what the variables say{}",
        suspects.outliers.len(),
        colon(suspects.outliers.len())
    )?;
    let mut rows = Table::new();
    for row in suspects.outliers.iter().take(SHOWN) {
        rows.add_row([
            format!("  {}", row.id),
            format!("score {:.3}", row.score),
            format!("expected {:.3}", row.expected),
            format!("robust z {:.1}", row.robust_z),
            format!("studentised {:.1}", row.studentised),
        ]);
    }
    if !suspects.outliers.is_empty() {
        writeln!(out, "{rows}")?;
    }
    writeln!(
        out,
        "{} networks have two scores far apart{}",
        suspects.conflicts.len(),
        colon(suspects.conflicts.len())
    )?;
    for row in suspects.conflicts.iter().take(SHOWN) {
        let ([first, second], [low, high]) = (&row.ids, row.scores);
        let (first, second) = (line(first), line(second));
        writeln!(out, "  {first} and {second}: {low:.3} and {high:.3}")?;
    }
    Ok(())
}

fn colon(count: usize) -> String {
    match count {
        0 => ".".to_owned(),
        few if few <= SHOWN => ":".to_owned(),
        _ => format!(", the first {SHOWN}:"),
    }
}

fn responses<'a>(responses: impl Iterator<Item = &'a Response>) -> Table {
    let mut rows = Table::new();
    rows.set_header([
        "variable",
        "F",
        "df",
        "p",
        "p permuted",
        "p of ranks",
        "p Holm",
        "share",
        "at most",
        "",
    ]);
    for response in responses {
        let name = match &response.inside {
            None => response.variable.clone(),
            Some(inside) => format!(
                "{} | {} = {}",
                response.variable, inside.variable, inside.value
            ),
        };
        let NestedTest {
            f,
            freedom,
            residual_freedom,
            ..
        } = response.scores;
        rows.add_row([
            name,
            format!("{f:.2}"),
            format!("{freedom}, {residual_freedom}"),
            p(response.scores.p),
            p(response.scores.p_permutation),
            p(response.ranks.p),
            p(response.p_holm),
            percent(response.scores.share),
            percent(response.scores.share_bound),
            match response.verdict {
                Verdict::Responds => "responds",
                Verdict::NoResponse => "no response",
                Verdict::Undecided => "undecided",
            }
            .to_owned(),
        ]);
    }
    rows.align_numbers(1);
    rows
}

fn p(value: f64) -> String {
    match value < 0.0005 {
        true => format!("{value:.0e}"),
        false => format!("{value:.3}"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}
