//! `lpzero ablate`: what each part of a search is worth.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::Result;
use lpzero::ablation::{AXES, Axis, Outcome, Setup, Summary, Variant, summaries};
use lpzero::language::Node;
use lpzero::search::budget::{Budget, Control};
use lpzero::search::{Method, Settings};
use lpzero::stats::Split;
use lpzero::trace::Trace;
use lpzero::train::{Journal, JournalKind};
use lpzero::truth::GroundTruth;
use lpzero::{Finder, Ground, Proxy, Withheld, Workbench};
use lpzero_plot::{Axis as PlotAxis, BLACK, BLUE, Chart, Layer, Mark, RED, Scale};
use serde::{Deserialize, Serialize};

use super::arguments::{Ablate, AblateOptions};
use super::failure::Failure;
use super::folder::Folder;
use super::output::{align_numbers, print_json, table};
use super::rank_table::{interval, number};
use super::session::{Session, absolute_pass, absolute_truth, columns, failed, source};

const JOURNAL: &str = "journal";
const REPORT: &str = "report.json";

/// The journal of an ablation.
const SEARCHES: JournalKind = JournalKind {
    format: "lpzero-ablation",
    version: 1,
    work: "ablation",
};

/// Everything that an ablation is a function of, as kept in its folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    seed: u64,
    axes: Vec<String>,
    options: AblateOptions,
}

pub fn run(session: &Session, arguments: Ablate) -> Result<()> {
    let (configuration, folder) = match &arguments.resume {
        Some(path) => {
            let (configuration, folder) = Folder::open::<Configuration>(path, "an ablation")?;
            (configuration, Some(folder))
        }
        None => {
            let mut options = arguments.options;
            options.truth.truth = options.truth.truth.map(absolute_truth);
            options.pass = absolute_pass(options.pass);
            let axes = match &arguments.axes[..] {
                [] => AXES.iter().map(|axis| axis.name.to_owned()).collect(),
                axes => axes.to_vec(),
            };
            let configuration = Configuration {
                seed: session.seed,
                axes,
                options,
            };
            let folder = (arguments.out.as_deref())
                .map(|path| Folder::create(path, &configuration))
                .transpose()?;
            (configuration, folder)
        }
    };
    let path = folder.as_ref().map(|folder| folder.path().to_owned());
    let outcome = ablate(session, &configuration, folder.as_ref());
    let is_new = arguments.resume.is_none();
    outcome.map_err(|error| match (error.downcast::<Failure>(), path) {
        (Ok(Failure::Interrupted { message, .. }), Some(path)) => {
            let next = format!(
                "`lpzero ablate --resume {}{}` continues",
                path.display(),
                session.cache_options
            );
            Failure::Interrupted { message, next }.into()
        }
        (Ok(failure), _) => {
            if let Some(folder) = folder.filter(|_| is_new) {
                folder.discard(&[JOURNAL]);
            }
            failure.into()
        }
        (Err(error), _) => error,
    })
}

fn ablate(session: &Session, configuration: &Configuration, folder: Option<&Folder>) -> Result<()> {
    let Configuration {
        seed,
        axes,
        options,
    } = configuration;
    let truth = session.truth(&options.truth)?;
    let n = truth.entries.len();
    let (searched, selected) = match options.split {
        Some(split) => (split.search, split.validation),
        None => ((2 * n / 5).min(100), (n / 5).min(50)),
    };
    let splits = (0..options.seeds).map(|number| {
        let split = lpzero::split(&truth, searched, selected, seed.wrapping_add(number));
        split.map_err(failed)
    });
    let splits: Vec<Split> = splits.collect::<Result<_>>()?;
    let settings = Settings {
        budget: options
            .budget
            .map_or_else(Budget::default, Budget::Evaluations),
        ..Settings::default()
    };
    let base = Setup::new(settings, searched);
    let mut all: Vec<(&Axis, Vec<Variant>)> = Vec::new();
    for name in axes {
        let axis = Axis::named(name).ok_or_else(|| {
            Failure::input(format_args!(
                "axis {name}: unknown; see lpzero ablate --help"
            ))
        })?;
        if !all.iter().any(|(known, _)| known.name == axis.name) {
            all.push((axis, axis.variants(&base)));
        }
    }
    let mut done = Done::open(session, folder, configuration)?;

    let workbench = session.workbench_seeded(&options.pass, *seed)?;
    let (ids, architectures) = columns(&truth);
    let traces = session.traces(&workbench, &source(&truth), &ids, &architectures, &[])?;
    let work = Work {
        session,
        workbench: &workbench,
        truth: &truth,
        traces: &traces,
    };
    let variants: usize = all.iter().map(|(_, variants)| variants.len()).sum();
    let total = variants as u64 * options.seeds;
    let bar = session.report.bar("searching", total);
    // Seed by seed, so that what is interrupted has something to say of all.
    for (number, split) in (0..).zip(&splits) {
        let seed = seed.wrapping_add(number);
        for (axis, variants) in &all {
            for variant in variants {
                bar.inc(1);
                if done.knows(axis.name, &variant.name, seed) {
                    continue;
                }
                bar.set_message(format!("{} {}, seed {seed}", axis.name, variant.name));
                let outcome = work.search(axis, variant, split, seed)?;
                if session.cancel.load(Ordering::Relaxed) {
                    bar.finish_and_clear();
                    let message = format!(
                        "interrupted after {} of {total} searches",
                        done.outcomes.len()
                    );
                    return Err(Failure::interrupted(message));
                }
                done.append(outcome)?;
            }
        }
    }
    bar.finish_and_clear();

    let rows: Vec<(&Axis, Vec<Summary>)> = (all.iter())
        .map(|(axis, variants)| (*axis, summaries(axis.name, variants, &done.outcomes)))
        .collect();
    let document = serde_json::json!({
        "truth": truth.name,
        "reading": truth.reading.map(|reading| reading.to_string()),
        "n": n,
        "split": [searched, selected],
        "seed": seed,
        "seeds": options.seeds,
        "rows": rows.iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>(),
        "searches": done.outcomes,
    });
    if let Some(folder) = folder {
        folder.write(REPORT, &document)?;
        for (axis, rows) in &rows {
            write_axis(folder.path(), &truth, axis, rows)?;
        }
        (session.report).note(format_args!(
            "tables and pictures in {}",
            folder.path().display()
        ));
    }
    if session.json {
        return print_json(&document);
    }
    let out = &mut std::io::stdout().lock();
    for (axis, rows) in &rows {
        print(axis, rows, out)?;
    }
    Ok(())
}

/// What every search of an ablation shares.
struct Work<'a> {
    session: &'a Session,
    workbench: &'a Workbench,
    truth: &'a GroundTruth,
    traces: &'a [Trace],
}

impl Work<'_> {
    fn search(&self, axis: &Axis, variant: &Variant, split: &Split, seed: u64) -> Result<Outcome> {
        let setup = &variant.setup;
        let split = setup.split(split);
        let settings = Settings {
            seed,
            ..setup.settings.clone()
        };
        let finder = Finder {
            grounds: &[Ground {
                truth: self.truth,
                traces: self.traces,
                split: &split,
            }],
            seeds: &lpzero::unfitted_proxies(),
            settings: &settings,
            withheld: Withheld {
                symbols: &setup.symbols,
                scalars: setup.scalars,
            },
        };
        let start = Instant::now();
        let mut control = Control {
            pool: self.workbench.pool(),
            cancel: &self.session.cancel,
            progress: &mut |_| (),
            journal: None,
        };
        let (ids, architectures) = columns(self.truth);
        let mut exact = |_: usize, formulas: &[Node]| {
            let proxies: Vec<Proxy> = formulas.iter().cloned().map(Proxy::from).collect();
            let cancel = &self.session.cancel;
            (self.workbench).exact_scores(&ids, &architectures, &proxies, &|_| (), cancel)
        };
        let report = (finder.find(Method::Genetic, &mut control, &mut exact)).map_err(failed)?;
        Ok(Outcome {
            axis: axis.name.to_owned(),
            variant: variant.name.clone(),
            seed,
            formula: report.best.formula,
            search_tau: report.verdict.search.tau,
            test_tau: report.verdict.test.tau,
            test_rho: report.verdict.test.rho,
            evaluated: report.counts.evaluated,
            pruned: report.counts.pruned.values().sum(),
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}

/// The searches that are done, and where they are kept, if anywhere.
struct Done {
    outcomes: Vec<Outcome>,
    journal: Option<Journal<Outcome>>,
}

impl Done {
    fn open(
        session: &Session,
        folder: Option<&Folder>,
        configuration: &Configuration,
    ) -> Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self {
                outcomes: Vec::new(),
                journal: None,
            });
        };
        let path = folder.path().join(JOURNAL);
        let inputs = serde_json::to_string(configuration)?;
        let inputs = blake3::hash(inputs.as_bytes()).to_hex()[..32].to_owned();
        let opened = Journal::open(&path, SEARCHES, &inputs);
        let (journal, torn) = opened.map_err(|error| failed(error.into()))?;
        if torn > 0 {
            session.report.warn(format_args!(
                "{}: the last line was not written to its end; its search is done again",
                path.display()
            ));
        }
        let outcomes = journal.records().to_vec();
        if !outcomes.is_empty() {
            let done = outcomes.len();
            (session.report).note(format_args!("continuing after {done} searches"));
        }
        Ok(Self {
            outcomes,
            journal: Some(journal),
        })
    }

    fn knows(&self, axis: &str, variant: &str, seed: u64) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|o| o.axis == axis && o.variant == variant && o.seed == seed)
    }

    fn append(&mut self, outcome: Outcome) -> Result<()> {
        if let Some(journal) = &mut self.journal {
            let appended = journal.append(outcome.clone());
            appended.map_err(|error| failed(error.into()))?;
        }
        self.outcomes.push(outcome);
        Ok(())
    }
}

const HEADER: [&str; 10] = [
    "variant",
    "test tau",
    "95 % interval",
    "less the first",
    "95 % interval",
    "test rho",
    "search tau",
    "evaluated",
    "pruned",
    "s",
];

fn cells(row: &Summary) -> [String; 10] {
    [
        row.variant.clone(),
        number(row.test_tau),
        interval(row.test_tau_ci),
        number(row.difference),
        interval(row.difference_ci),
        number(row.test_rho),
        number(row.search_tau),
        format!("{:.0}", row.evaluated),
        format!("{:.0}", row.pruned),
        format!("{:.1}", row.seconds),
    ]
}

fn print(axis: &Axis, rows: &[Summary], out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}: {}", axis.name, axis.about)?;
    let mut lines = table();
    lines.set_header(HEADER);
    for row in rows {
        lines.add_row(cells(row));
    }
    align_numbers(&mut lines, 1);
    writeln!(out, "{lines}\n")?;
    Ok(())
}

/// The table of an axis as CSV and Markdown, and its picture.
fn write_axis(folder: &Path, truth: &GroundTruth, axis: &Axis, rows: &[Summary]) -> Result<()> {
    let path = |ending: &str| folder.join(format!("{}.{ending}", axis.name));
    let mut writer = csv::Writer::from_path(path("csv"))?;
    let headers = "variant,seeds,test_tau,test_tau_low,test_tau_high,difference,difference_low,\
                   difference_high,test_rho,search_tau,evaluated,pruned,seconds";
    writer.write_record(headers.split(','))?;
    let text = |x: Option<f64>| x.map_or_else(String::new, |x| x.to_string());
    for row in rows {
        let low = |ci: Option<[f64; 2]>| text(ci.map(|ci| ci[0]));
        let high = |ci: Option<[f64; 2]>| text(ci.map(|ci| ci[1]));
        writer.write_record([
            row.variant.clone(),
            row.seeds.to_string(),
            text(row.test_tau),
            low(row.test_tau_ci),
            high(row.test_tau_ci),
            text(row.difference),
            low(row.difference_ci),
            high(row.difference_ci),
            text(row.test_rho),
            text(row.search_tau),
            row.evaluated.to_string(),
            row.pruned.to_string(),
            row.seconds.to_string(),
        ])?;
    }
    writer.flush()?;
    let line = |cells: [String; 10]| format!("| {} |\n", cells.join(" | "));
    let mut page = line(HEADER.map(str::to_owned)) + "| ---" + &" | ---:".repeat(9) + " |\n";
    rows.iter().for_each(|row| page += &line(cells(row)));
    fs::write(path("md"), page)?;
    let title = format!("{}: {}", truth.name, axis.about);
    fs::write(path("svg"), picture(&title, rows))?;
    Ok(())
}

/// Test tau of every variant with its interval, from top to bottom; the first, which
/// others are compared with, goes down the picture as a dashed line.
fn picture(title: &str, rows: &[Summary]) -> String {
    let names: Vec<String> = rows.iter().map(|row| row.variant.clone()).collect();
    let layer = |points, mark, colour| Layer {
        points,
        mark,
        colour,
        name: None,
    };
    let mut layers = Vec::new();
    if let Some(tau) = rows.first().and_then(|row| row.test_tau) {
        let last = rows.len() as f64 - 1.0;
        layers.push(layer(vec![(tau, 0.0), (tau, last)], Mark::Dashes, BLACK));
    }
    for (place, row) in rows.iter().enumerate() {
        let place = place as f64;
        if let Some(interval) = row.test_tau_ci {
            let ends = interval.map(|end| (end, place));
            layers.push(layer(ends.to_vec(), Mark::Line, BLUE));
        }
        if let Some(tau) = row.test_tau {
            layers.push(layer(vec![(tau, place)], Mark::Dots(4), RED));
        }
    }
    let chart = Chart {
        title,
        x: PlotAxis::linear("Kendall's tau on the test split, mean and 95 % interval"),
        y: PlotAxis {
            label: "",
            scale: Scale::Names(&names),
        },
        layers,
    };
    chart.to_svg()
}
