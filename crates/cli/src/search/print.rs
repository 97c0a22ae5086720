//! Tables and texts of a search.

use std::io::Write;

use anyhow::Result;
use lpzero::SearchReport;
use lpzero::search::exhaustive::Census;
use lpzero::search::{Criterion, LeftOutReport, Optimism, Report, StabilityOn, Test, Verdict};

use crate::output::print_json;
use crate::plain::{Table, line, sentences, stdout};
use crate::rank_table::{interval, number, unstable};
use crate::session::Session;

/// The report of a search that ran to its end.
pub fn print(document: &SearchReport, out: &mut impl Write) -> Result<()> {
    let report = &document.report;
    writeln!(out, "best formula  {}", report.best.formula)?;
    writeln!(out, "ranks like    {}", report.best.canonical)?;
    writeln!(out, "complexity    {}\n", report.best.complexity)?;

    if report.verdicts.is_empty() {
        print_verdict(&report.verdict, out)?;
    }
    for named in &report.verdicts {
        writeln!(out, "{}, {} architectures", line(&named.truth), named.n)?;
        print_verdict(&named.verdict, out)?;
        writeln!(out)?;
    }

    print_stability(&report.best.stability, out)?;
    print_left_out(
        "found without it, on the ground truth left out",
        &report.leave_one_out,
        out,
    )?;
    print_left_out("on ground truths held out", &document.held_out, out)?;
    if let Some(counts) = &report.counts.best {
        writeln!(out, "\nbest of counts  {counts}")?;
    }
    print_front(report, out)?;

    if let Some(space) = &report.space {
        print_space(space, out)?;
    }

    let counts = &report.counts;
    let pruned = counts.pruned.iter();
    let pruned: Vec<String> = pruned
        .map(|(rule, count)| format!("{rule} {count}"))
        .collect();
    let effort = format!(
        "{} formulas generated, {} canonical, {} evaluated; pruned: {}",
        counts.generated,
        counts.canonical,
        counts.evaluated,
        match pruned.is_empty() {
            true => "none".to_owned(),
            false => pruned.join(", "),
        }
    );
    writeln!(out, "\n{}", sentences(effort))?;
    writeln!(
        out,
        "{:.1} s for traces, {:.1} s for the search",
        document.seconds.trace, document.seconds.search
    )?;
    Ok(())
}

/// Formulas on ground truths that had no part in finding them, beside formulas of counts.
fn print_left_out(title: &str, rows: &[LeftOutReport], out: &mut impl Write) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    let mut table = Table::new();
    table.set_header([
        "truth",
        "n",
        "same size",
        "95 % interval",
        "pairs",
        "of counts",
        "tau",
        "of counts",
        "formula",
    ]);
    for row in rows {
        let counts = row.counts.as_ref().map(|counts| counts.on);
        table.add_row([
            line(&row.truth).to_string(),
            row.test.n.to_string(),
            number(row.test.same_size),
            interval(row.test.same_size_ci),
            row.test.same_size_pairs.to_string(),
            number(counts.and_then(|counts| counts.same_size)),
            number(row.test.tau),
            number(counts.and_then(|counts| counts.tau)),
            row.formula.clone(),
        ]);
    }
    table.spare(&[4, 1, 7]);
    writeln!(out, "{table}")?;
    Ok(())
}

/// How the ranking of the smallest networks moves with what must not matter.
fn print_stability(rows: &[StabilityOn], out: &mut impl Write) -> Result<()> {
    let measured = || rows.iter().filter(|row| !row.movements.is_empty());
    let Some(first) = measured().next() else {
        return Ok(());
    };
    writeln!(
        out,
        "\npairs of the smallest networks that change order with what must not matter"
    )?;
    let mut table = Table::new();
    let names = first
        .movements
        .iter()
        .map(|movement| &movement.variation[..]);
    table.set_header(["truth", "n"].into_iter().chain(names).chain(["unstable"]));
    for row in measured() {
        let moved = row.movements.iter();
        let moved = moved.map(|movement| number(Some(movement.reordered)));
        let mut cells = vec![line(&row.truth).to_string(), row.n.to_string()];
        cells.extend(moved);
        cells.push(match unstable(&row.movements) {
            names if names.is_empty() => "-".to_owned(),
            names => names,
        });
        table.add_row(cells);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn print_front(report: &Report, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "\nfront: the fittest on the search split for its complexity"
    )?;
    let mut front = Table::new();
    // What was maximised, as far as a reader knows it.
    let name = match report.fitness {
        Criterion::SameSize => "same size",
        Criterion::Spearman => "rho",
        Criterion::Kendall | Criterion::SomersD => "tau",
    };
    let (search, validation) = (format!("search {name}"), format!("validation {name}"));
    front.set_header(["complexity", &search, &validation, "formula"]);
    for entry in &report.front {
        let mark = match &entry.unstable[..] {
            [] => String::new(),
            names => format!("  (unstable: {})", names.join(", ")),
        };
        let (search, validation) = (&entry.search, &entry.validation);
        let [search, validation] = match report.fitness {
            Criterion::SameSize => [search.same_size, validation.same_size],
            Criterion::Spearman => [search.rho, validation.rho],
            Criterion::Kendall | Criterion::SomersD => [search.tau, validation.tau],
        };
        front.add_row([
            entry.complexity.to_string(),
            number(search),
            number(validation),
            entry.formula.clone() + &mark,
        ]);
    }
    writeln!(out, "{front}")?;
    Ok(())
}

/// One formula on the three splits of a ground truth.
fn print_verdict(verdict: &Verdict, out: &mut impl Write) -> Result<()> {
    let mut splits = Table::new();
    splits.set_header([
        "split",
        "n",
        "same size",
        "95 % interval",
        "tau",
        "95 % interval",
        "rho",
        "95 % interval",
    ]);
    for (name, on) in [
        ("search", &verdict.search),
        ("validation", &verdict.validation),
    ] {
        let dash = || "-".to_owned();
        splits.add_row([
            name.to_owned(),
            on.n.to_string(),
            number(on.same_size),
            dash(),
            number(on.tau),
            dash(),
            number(on.rho),
            dash(),
        ]);
    }
    let test = &verdict.test;
    splits.add_row([
        "test".to_owned(),
        test.n.to_string(),
        number(test.same_size),
        interval(test.same_size_ci),
        number(test.tau),
        interval(test.tau_ci),
        number(test.rho),
        interval(test.rho_ci),
    ]);
    splits.align_numbers(1);
    // Rho says much the same as tau.
    splits.spare(&[7, 6]);
    writeln!(out, "{splits}")?;
    let Optimism { tau, rho } = verdict.optimism;
    writeln!(
        out,
        "optimism (search - test): tau {}, rho {}",
        number(tau),
        number(rho)
    )?;
    print_test(test, out)
}

/// Prints what the test split says beside the formula's figures.
fn print_test(test: &Test, out: &mut impl Write) -> Result<()> {
    if !test.baselines.is_empty() {
        writeln!(out, "\ntest split, baselines that need no network")?;
        let mut baselines = Table::new();
        baselines.set_header([
            "baseline",
            "same size",
            "tau",
            "rho",
            "tau of best - tau",
            "95 % interval",
        ]);
        for row in &test.baselines {
            baselines.add_row([
                row.name.clone(),
                number(row.same_size),
                number(row.tau),
                number(row.rho),
                number(row.difference),
                interval(row.difference_ci),
            ]);
        }
        baselines.align_numbers(1);
        writeln!(out, "{baselines}")?;
    }
    if !test.tau_within_group.is_empty() {
        writeln!(
            out,
            "\ntest split, tau inside groups of equal depth x width"
        )?;
        for (group, tau) in &test.tau_within_group {
            writeln!(out, "  {group:<10} {}", number(*tau))?;
        }
    }
    Ok(())
}

/// Prints how far a stopped search of a whole space had come. It tells no more than the search and
/// validation splits say.
pub fn print_partly(session: &Session, report: &Report, space: &Census) -> Result<()> {
    if session.json {
        return print_json(&serde_json::json!({
            "method": report.method,
            "interrupted": true,
            "space": space,
            "front": report.front,
        }));
    }
    let out = &mut stdout();
    print_front(report, out)?;
    print_space(space, out)
}

fn print_space(space: &Census, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "\nthe {} space, {} unary operations per branch under {}: {} trees, {} formulas by algebra,\n\
         {} of them measured, {}{} different rankings of the search split{}",
        if space.done < 1.0 {
            "searched part of the"
        } else {
            "whole"
        },
        space.unary,
        match &space.aggregates[..] {
            [aggregate] => aggregate.to_string(),
            several => format!("{} aggregates", several.len()),
        },
        space.trees,
        space.canonical,
        space.measured,
        if space.rankings_error.is_some() {
            "about "
        } else {
            ""
        },
        space.rankings,
        space
            .rankings_error
            .map(|error| format!(" (standard error {:.1} %)", 100.0 * error))
            .unwrap_or_default()
    )?;
    writeln!(
        out,
        "its optimum   {}  ({:.4})",
        space.optimum.formula, space.optimum.fitness
    )?;
    writeln!(
        out,
        "\nhow rare is a good proxy? measured formulas by |correlation| on the search split"
    )?;
    let mut histogram = Table::new();
    histogram.set_header(["|correlation|", "formulas", "share", "as good or better"]);
    let share = |count: u64| {
        format!(
            "{:.4} %",
            100.0 * count as f64 / space.measured.max(1) as f64
        )
    };
    let mut better = 0;
    let bins = space.histogram.len() as f64;
    for (bin, &count) in space.histogram.iter().enumerate().rev() {
        better += count;
        if better > 0 {
            let bin = bin as f64;
            histogram.add_row([
                format!("{:.2} to {:.2}", bin / bins, (bin + 1.0) / bins),
                count.to_string(),
                share(count),
                share(better),
            ]);
        }
    }
    histogram.align_numbers(1);
    writeln!(out, "{histogram}")?;
    Ok(())
}
