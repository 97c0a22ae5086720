//! `lpzero truth`: what trained networks are known.

use std::io::Write;

use anyhow::Result;
use lpzero::Size;
use lpzero::search::select::Correlations;
use lpzero::stats::TOLERANCE;
use lpzero::truth::{EMBEDDED, GroundTruth, KNOWN, Known, embedded};

use super::arguments::{Truth, TruthAction, TruthArguments};
use super::failure::failed;
use super::output::print_json;
use super::plain::{Table, line, stdout};
use super::rank_table::{interval, number};
use super::session::Session;
use super::{audit, build, fetch};

pub fn run(session: &Session, arguments: &Truth) -> Result<()> {
    match &arguments.action {
        None | Some(TruthAction::List) => list(session),
        Some(TruthAction::Show { truth }) => show(session, truth),
        Some(TruthAction::Audit(arguments)) => audit::run(session, arguments),
        Some(TruthAction::Fetch(arguments)) => fetch::run(session, arguments),
        Some(TruthAction::Build(arguments)) => build::run(session, arguments),
    }
}

fn list(session: &Session) -> Result<()> {
    if session.json {
        let built_in = EMBEDDED.iter().map(|embedded| {
            serde_json::json!({
                "name": embedded.name,
                "n": embedded.entries,
                "metric": embedded.metric,
                "description": embedded.description,
                "command": embedded.command,
            })
        });
        let unknown = |known: &&Known| embedded(known.name).is_none();
        let published = KNOWN.iter().filter(unknown).map(|known| {
            serde_json::json!({
                "name": known.name,
                "n": known.entries,
                "metric": known.metric,
                "description": known.description,
                "licence": known.licence,
                "layout": known.layout,
                "published": known.published,
                "pinned": known.is_pinned(),
            })
        });
        let rows: Vec<_> = built_in.chain(published).collect();
        return print_json(&serde_json::json!({ "truths": rows }));
    }
    let out = &mut stdout();
    for embedded in &EMBEDDED {
        writeln!(out, "{}: {}", embedded.name, embedded.description)?;
        writeln!(out, "  architectures  {}", embedded.entries)?;
        writeln!(out, "  metric         {}", embedded.metric)?;
        match embedded.command {
            Some(command) => writeln!(out, "  built in       by `{command}`\n")?,
            None => writeln!(out, "  built in       as published\n")?,
        }
    }
    for known in KNOWN.iter().filter(|known| embedded(known.name).is_none()) {
        writeln!(out, "{}: {}", known.name, known.description)?;
        writeln!(out, "  architectures  {}", known.entries)?;
        writeln!(out, "  metric         {}", known.metric)?;
        writeln!(out, "  layout         {}", known.layout)?;
        writeln!(out, "  published      {}", known.published)?;
        writeln!(out, "  licence        {}", known.licence)?;
        if !known.is_pinned() {
            writeln!(out, "  to download    by hand, into {}", known.location)?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "`lpzero truth fetch NAME` downloads one that is pinned; --truth then takes its name, or \
         any path."
    )?;
    Ok(())
}

fn show(session: &Session, arguments: &TruthArguments) -> Result<()> {
    let truth = session.truth(arguments)?;
    let scores: Vec<f64> = truth.entries.iter().map(|entry| entry.score).collect();
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let groups = groups(&truth);
    let mut different = lpzero::kinds(&truth);
    different.sort_unstable();
    different.dedup();
    let mut baselines = Vec::new();
    let sizes = truth.entries.iter();
    let sizes: Vec<f64> = sizes
        .map(|entry| Size::Params.of(&entry.architecture))
        .collect();
    for baseline in lpzero::baselines(&truth).map_err(failed)? {
        let like = (&sizes[..], TOLERANCE);
        let on = Correlations::with_interval(&baseline.scores, &scores, like, session.seed);
        let on = on.map_err(|error| failed(lpzero::Error::from(error)))?;
        baselines.push((baseline.name, on));
    }
    let shown = Shown {
        truth: &truth,
        different: different.len(),
        scores: [lowest, highest],
        groups,
        baselines,
    };
    match session.json {
        true => print_json(&shown.to_json()),
        false => shown.print(&mut stdout()),
    }
}

/// A ground truth in detail.
struct Shown<'a> {
    truth: &'a GroundTruth,
    /// Networks that are not equal to another.
    different: usize,
    /// The lowest score and the highest.
    scores: [f64; 2],
    groups: Vec<(String, usize)>,
    baselines: Vec<(String, Correlations)>,
}

impl Shown<'_> {
    fn to_json(&self) -> serde_json::Value {
        let Self { truth, .. } = self;
        let [lowest, highest] = self.scores;
        let baselines: Vec<_> = (self.baselines.iter())
            .map(|(name, on)| {
                serde_json::json!({
                    "baseline": name,
                    "tau": on.tau,
                    "rho": on.rho,
                    "same_size": on.same_size,
                    "same_size_ci": on.same_size_ci,
                    "same_size_pairs": on.same_size_pairs,
                })
            })
            .collect();
        let groups: serde_json::Map<_, _> = (self.groups.iter())
            .map(|(group, n)| (group.clone(), (*n).into()))
            .collect();
        serde_json::json!({
            "truth": truth.name,
            "path": truth.path,
            "n": truth.entries.len(),
            "different_networks": self.different,
            "metric": truth.metric,
            "lower_is_better": truth.lower_is_better,
            "reading": truth.reading.map(|reading| reading.to_string()),
            "fingerprint": truth.fingerprint(),
            "score": { "min": lowest, "max": highest },
            "groups": groups,
            "baselines": baselines,
        })
    }

    fn print(&self, out: &mut impl Write) -> Result<()> {
        let Self { truth, .. } = self;
        let [lowest, highest] = self.scores;
        let path = truth.path.display().to_string();
        writeln!(out, "{} ({})", line(&truth.name), line(&path))?;
        writeln!(
            out,
            "  architectures  {} ({} different networks)",
            truth.entries.len(),
            self.different
        )?;
        if let Some(reading) = truth.reading {
            writeln!(out, "  reading        {reading}")?;
        }
        writeln!(
            out,
            "  metric         {}{}",
            line(&truth.metric),
            if truth.lower_is_better {
                ", lower is better; scores below are turned"
            } else {
                ""
            }
        )?;
        writeln!(out, "  scores         {lowest:.4} to {highest:.4}")?;
        writeln!(out, "  fingerprint    {}", truth.fingerprint())?;
        writeln!(out, "\ndepth x width: architectures")?;
        for (group, n) in &self.groups {
            writeln!(out, "  {group:<12} {n}")?;
        }
        writeln!(out, "\nbaselines that need no network")?;
        let mut table = Table::new();
        table.set_header(["", "tau", "rho", "same size", "95 % interval"]);
        for (name, on) in &self.baselines {
            table.add_row([
                name.clone(),
                number(on.tau),
                number(on.rho),
                number(on.same_size),
                interval(on.same_size_ci),
            ]);
        }
        table.align_numbers(1);
        writeln!(out, "{table}")?;
        Ok(())
    }
}

/// Number of architectures of each depth and width.
fn groups(truth: &GroundTruth) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::new();
    for entry in &truth.entries {
        *counts.entry(entry.group()).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .map(|(group, n)| (group.to_string(), n))
        .collect()
}
