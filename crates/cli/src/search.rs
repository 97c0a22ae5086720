//! `lpzero search`: find a proxy, and say honestly how good it is.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use lpzero::language::Node;
use lpzero::search::budget::{Budget, Control};
use lpzero::search::exhaustive::Space;
use lpzero::search::generate::Grammar;
use lpzero::search::template::Template;
use lpzero::search::{Method, Optimism, Report, Settings, Verdict};
use lpzero::stats::{Correlation, Split};
use lpzero::trace::Progress;
use lpzero::truth::GroundTruth;
use lpzero::{Finder, Ground, Proxy, Withheld};
use serde::Serialize;

use super::arguments::{
    BudgetArgument, FitnessArgument, GrammarArgument, MethodArgument, Search, SplitArgument,
};
use super::failure::Failure;
use super::front::Front;
use super::output::{align_numbers, print_json, table};
use super::rank_table::{interval, number};
use super::run_folder::{Configuration, RunFolder};
use super::session::{Session, columns, failed, proxies, source};

/// The JSON document of a search.
#[derive(Serialize)]
struct Document<'a> {
    truth: &'a str,
    reading: Option<String>,
    n: usize,
    #[serde(flatten)]
    report: &'a Report,
    seconds: Seconds,
}

/// Where the time went.
#[derive(Clone, Copy, Serialize)]
struct Seconds {
    trace: f64,
    search: f64,
    total: f64,
    /// Of a search of the whole space.
    #[serde(skip_serializing_if = "Option::is_none")]
    formulas_per_second: Option<f64>,
}

pub fn run(session: &Session, arguments: Search) -> Result<()> {
    let (configuration, folder) = match &arguments.resume {
        Some(path) => {
            let (configuration, folder) = RunFolder::open(path)?;
            if folder.is_finished() {
                return Err(Failure::input(format_args!(
                    "--resume {}: this run is finished; its report is report.json",
                    path.display()
                )));
            }
            (configuration, Some(folder))
        }
        None => {
            if let Some((option, reason)) = arguments.idle_option() {
                return Err(Failure::input(format_args!("{option}: {reason}")));
            }
            let configuration = Configuration::of(session.seed, &arguments)?;
            let folder = arguments.out.as_deref().map(|path| {
                // Reading the ground truth first would be nicer to the user's
                // disk, but a run that cannot be kept should not start.
                RunFolder::create(path, &configuration)
            });
            (configuration, folder.transpose()?)
        }
    };
    let outcome = search(session, &configuration, folder.as_ref());
    let Some(folder) = folder else { return outcome };
    let next = format!(
        "`lpzero search --resume {}{}` continues",
        folder.path().display(),
        session.cache_options
    );
    outcome.map_err(|error| match error.downcast::<Failure>() {
        Ok(Failure::Interrupted { message, .. }) => Failure::Interrupted { message, next }.into(),
        Ok(wrong) => {
            if arguments.resume.is_none() {
                folder.discard();
            }
            wrong.into()
        }
        Err(error) if folder.is_finished() => error,
        Err(error) => {
            let message = format!("{error:#}");
            Failure::Stopped { message, next }.into()
        }
    })
}

fn search(
    session: &Session,
    configuration: &Configuration,
    folder: Option<&RunFolder>,
) -> Result<()> {
    let start = Instant::now();
    let truths = configuration.truth.each();
    let truths = truths.iter().map(|arguments| session.truth(arguments));
    let truths = truths.collect::<Result<Vec<_>>>()?;
    let splits = splits(&truths, configuration)?;
    let seeds = match &configuration.from[..] {
        [] => lpzero::unfitted_proxies(),
        texts => {
            let proxies = proxies(texts)?.into_iter();
            proxies.map(|proxy| proxy.formula).collect()
        }
    };

    let workbench = session.workbench_seeded(&configuration.pass, configuration.seed)?;
    let mut traces = Vec::with_capacity(truths.len());
    for truth in &truths {
        let (ids, architectures) = columns(truth);
        traces.push(session.traces(&workbench, &source(truth), &ids, &architectures, &[])?);
    }
    let traced = start.elapsed();

    let template = configuration.template.as_deref();
    let template = template.map(|text| Template::parse(text).map_err(|error| failed(error.into())));
    let settings = Settings {
        seed: configuration.seed,
        budget: match configuration.budget {
            Some(BudgetArgument::Evaluations(evaluations)) => Budget::Evaluations(evaluations),
            Some(BudgetArgument::Seconds(seconds)) => {
                Budget::Time(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
            }
            None => Budget::default(),
        },
        fitness: match configuration.fitness {
            FitnessArgument::SomersD => Correlation::SomersD,
            FitnessArgument::Kendall => Correlation::Kendall,
            FitnessArgument::Spearman => Correlation::Spearman,
        },
        grammar: match (configuration.grammar, configuration.method) {
            (GrammarArgument::Paper, _) | (_, MethodArgument::Exhaustive) => Grammar::Paper {
                unary: configuration.n_unary.into(),
            },
            (GrammarArgument::Aggregates, _) => Grammar::Aggregates,
        },
        aggregates: configuration.aggregates.clone(),
        template: template.transpose()?,
        rules: configuration.rules,
        prediction: configuration.prediction,
        powers: configuration.powers,
        ..Settings::default()
    };
    let method = match configuration.method {
        MethodArgument::Gp => Method::Genetic,
        MethodArgument::Random => Method::Random,
        MethodArgument::Exhaustive => Method::Exhaustive,
        MethodArgument::Powers => Method::Powers,
    };
    let bar = session.report.bar("searching", 1000);
    let mut front = Front::new(folder);
    let mut progress = |progress: lpzero::search::budget::Progress<'_>| {
        front.update(progress.archive);
        bar.set_position((progress.spent * 1000.0) as u64);
        let formula = progress
            .formula
            .map(ToString::to_string)
            .unwrap_or_default();
        let formula: String = formula.chars().take(60).collect();
        bar.set_message(format!(
            "{} formulas, best fitness {:.3}  {}{formula}",
            progress.evaluated, progress.best, progress.part
        ));
    };
    let journal = folder.map(|folder| folder.journal(session.report));
    let mut journal = journal.transpose()?;
    let mut control = Control {
        pool: workbench.pool(),
        cancel: &session.cancel,
        progress: &mut progress,
        journal: journal.as_mut(),
    };
    let grounds = truths.iter().zip(&traces).zip(&splits);
    let grounds = grounds.map(|((truth, traces), split)| Ground {
        truth,
        traces,
        split,
    });
    let finder = Finder {
        grounds: &grounds.collect::<Vec<_>>(),
        seeds: &seeds,
        settings: &settings,
        withheld: Withheld::default(),
    };
    let mut exact = |ground: usize, formulas: &[Node]| {
        let (ids, architectures) = columns(&truths[ground]);
        bar.finish_and_clear();
        let bar = session
            .report
            .bar("scoring the best on whole tensors", 1000);
        let progress = |progress: Progress| bar.set_position((progress.work * 1000.0) as u64);
        let proxies: Vec<Proxy> = formulas.iter().cloned().map(Proxy::from).collect();
        let columns =
            workbench.exact_scores(&ids, &architectures, &proxies, &progress, &session.cancel);
        bar.finish_and_clear();
        columns
    };
    let report = finder.find(method, &mut control, &mut exact);
    bar.finish_and_clear();
    if let Err(error @ lpzero::Error::Search(lpzero::search::Error::Journal(_))) = report {
        return Err(failed(error));
    }
    let front = front.write();
    if session.cancel.load(Ordering::Relaxed) {
        // Said here and not as a report: the test split is looked at once, for
        // the formula of a search that ran to its end.
        return Err(Failure::interrupted(match &report {
            Ok(report) => {
                let space = report.space.as_ref();
                if let Some(space) = space.filter(|_| folder.is_none()) {
                    print_partly(session, report, space)?;
                }
                let share =
                    space.map(|space| format!(" ({:.1} % of the space)", 100.0 * space.done));
                format!(
                    "interrupted after {} formulas{}, the best so far is {}",
                    report.counts.evaluated,
                    share.unwrap_or_default(),
                    report.best.formula
                )
            }
            Err(_) => "interrupted".to_owned(),
        }));
    }
    let report = report.map_err(failed)?;

    let total = start.elapsed();
    let names: Vec<&str> = truths.iter().map(|truth| &truth.name[..]).collect();
    let mut readings = truths.iter().filter_map(|truth| truth.reading);
    let document = Document {
        truth: &names.join(" + "),
        reading: readings.next().map(|reading| reading.to_string()),
        n: truths.iter().map(|truth| truth.entries.len()).sum(),
        report: &report,
        seconds: Seconds {
            trace: traced.as_secs_f64(),
            search: (total - traced).as_secs_f64(),
            total: total.as_secs_f64(),
            formulas_per_second: report
                .space
                .as_ref()
                .map(|space| (space.measured as f64 / (total - traced).as_secs_f64()).round()),
        },
    };
    if let Some(folder) = folder {
        front?;
        // Before anything is printed: whoever reads may have gone.
        folder.finish(&document)?;
        session
            .report
            .note(format_args!("report in {}", folder.path().display()));
    }
    if session.json {
        print_json(&document)?;
    } else {
        print(&document, &mut std::io::stdout().lock())?;
    }
    Ok(())
}

fn print(document: &Document<'_>, out: &mut impl Write) -> Result<()> {
    let report = document.report;
    writeln!(out, "best formula  {}", report.best.formula)?;
    writeln!(out, "ranks like    {}", report.best.canonical)?;
    writeln!(out, "complexity    {}\n", report.best.complexity)?;

    if report.verdicts.is_empty() {
        print_verdict(&report.verdict, out)?;
    }
    for named in &report.verdicts {
        writeln!(out, "{}, {} architectures", named.truth, named.n)?;
        print_verdict(&named.verdict, out)?;
        writeln!(out)?;
    }

    print_front(report, out)?;

    if let Some(space) = &report.space {
        print_space(space, out)?;
    }

    let counts = &report.counts;
    writeln!(
        out,
        "\n{} formulas generated, {} canonical, {} evaluated; pruned: {}",
        counts.generated,
        counts.canonical,
        counts.evaluated,
        counts
            .pruned
            .iter()
            .map(|(rule, count)| format!("{rule} {count}"))
            .collect::<Vec<_>>()
            .join(", ")
    )?;
    writeln!(
        out,
        "{:.1} s for traces, {:.1} s for the search",
        document.seconds.trace, document.seconds.search
    )?;
    Ok(())
}

fn print_front(report: &Report, out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "\nfront: the fittest on the search split for its complexity"
    )?;
    let mut front = table();
    front.set_header(["complexity", "search tau", "validation tau", "formula"]);
    for entry in &report.front {
        front.add_row([
            entry.complexity.to_string(),
            number(entry.search.tau),
            number(entry.validation.tau),
            entry.formula.clone(),
        ]);
    }
    writeln!(out, "{front}")?;
    Ok(())
}

/// One formula on the three splits of a ground truth.
fn print_verdict(verdict: &Verdict, out: &mut impl Write) -> Result<()> {
    let mut splits = table();
    splits.set_header(["split", "n", "tau", "95 % interval", "rho", "95 % interval"]);
    for (name, on) in [
        ("search", &verdict.search),
        ("validation", &verdict.validation),
    ] {
        let dash = || "-".to_owned();
        splits.add_row([
            name.to_owned(),
            on.n.to_string(),
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
        number(test.tau),
        interval(test.tau_ci),
        number(test.rho),
        interval(test.rho_ci),
    ]);
    align_numbers(&mut splits, 1);
    writeln!(out, "{splits}")?;
    let Optimism { tau, rho } = verdict.optimism;
    writeln!(
        out,
        "optimism (search - test): tau {}, rho {}",
        number(tau),
        number(rho)
    )?;

    if !test.baselines.is_empty() {
        writeln!(out, "\ntest split, baselines that need no network")?;
        let mut baselines = table();
        baselines.set_header([
            "baseline",
            "tau",
            "rho",
            "tau of best - tau",
            "95 % interval",
        ]);
        for row in &test.baselines {
            baselines.add_row([
                row.name.clone(),
                number(row.tau),
                number(row.rho),
                number(row.difference),
                interval(row.difference_ci),
            ]);
        }
        align_numbers(&mut baselines, 1);
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

/// A split of every ground truth, as asked for or of sensible size.
fn splits(truths: &[GroundTruth], configuration: &Configuration) -> Result<Vec<Split>> {
    let asked = &configuration.splits[..];
    if asked.len() > 1 && asked.len() != truths.len() {
        return Err(Failure::input(format_args!(
            "--split: given {} times; expected once, or once for each of {} ground truths",
            asked.len(),
            truths.len()
        )));
    }
    let split = |(index, truth): (usize, &GroundTruth)| {
        let n = truth.entries.len();
        let small = SplitArgument {
            search: (2 * n / 5).min(100),
            validation: (n / 5).min(50),
        };
        let of = asked.get(index).or(asked.first()).unwrap_or(&small);
        let drawn = lpzero::split(truth, of.search, of.validation, configuration.seed);
        drawn.map_err(failed)
    };
    truths.iter().enumerate().map(split).collect()
}

/// What a search of a whole space had found when it was stopped: no more than
/// the search and validation splits say.
fn print_partly(session: &Session, report: &Report, space: &Space) -> Result<()> {
    if session.json {
        return print_json(&serde_json::json!({
            "method": report.method,
            "interrupted": true,
            "space": space,
            "front": report.front,
        }));
    }
    let out = &mut std::io::stdout().lock();
    print_front(report, out)?;
    print_space(space, out)
}

fn print_space(space: &Space, out: &mut impl Write) -> Result<()> {
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
    let mut histogram = table();
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
    align_numbers(&mut histogram, 1);
    writeln!(out, "{histogram}")?;
    Ok(())
}
