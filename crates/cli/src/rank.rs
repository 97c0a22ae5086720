//! `lpzero rank`: proxies against a ground truth.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use lpzero::arch::Architecture;
use lpzero::language::Evaluator;
use lpzero::language::named::{RANK_PRODUCTS, RankProduct, find_product};
use lpzero::{Contestant, PassScores, Proxy, Seconds, Subjects, Workbench};

use super::arguments::{Rank, RankFormatArgument};
use super::failure::Failure;
use super::output::print_json;
use super::rank_table::RankTable;
use super::session::{Session, columns, failed, proxies, repeats, source};

pub fn run(session: &Session, arguments: &Rank) -> Result<()> {
    let (proxies, products) = chosen(arguments)?;
    let truth = session.truth(&arguments.truth)?;
    let indices: Vec<usize> = match arguments.split {
        Some(split) => {
            lpzero::split(&truth, split.search, split.validation, session.seed)
                .map_err(failed)?
                .test
        }
        None => (0..truth.entries.len()).collect(),
    };
    // Better now than after the work.
    let save = arguments.save.as_deref().map(writable).transpose()?;

    let repeats = repeats(arguments.repeats);
    let mut workbench = session.workbench(&arguments.pass)?;
    let (ids, architectures) = columns(&truth);
    let data_free = session.data_free(&workbench, &ids, &architectures, &proxies)?;
    let mut passes = Vec::new();
    let work = Work {
        session,
        proxies: &proxies,
        exact: arguments.exact,
        source: source(&truth),
        ids: &ids,
        architectures: &architectures,
        indices: &indices,
    };
    for repetition in repeats.passes() {
        workbench.set_repetition(repetition);
        passes.push(work.scores(&workbench)?);
    }
    let mut contestants: Vec<Contestant> = (proxies.iter().zip(data_free))
        .map(|(proxy, data_free)| Contestant::proxy(proxy, data_free))
        .collect();
    for product in products {
        let of = |name: &&str| proxies.iter().position(|proxy| proxy.name == *name);
        let parts: Vec<usize> = product.parts.iter().filter_map(of).collect();
        for pass in &mut passes {
            pass.add_product(&parts).map_err(failed)?;
        }
        let parts: Vec<&Contestant> = parts.iter().map(|&part| &contestants[part]).collect();
        contestants.push(Contestant::product(product, &parts));
    }

    let bar = session.report.bar("ranking", contestants.len() as u64);
    let progress = |done| bar.set_position(done as u64);
    let subjects = Subjects::new(&truth, &indices);
    let passes = (&passes[..], repeats);
    let rows = lpzero::rank_passes(&contestants, passes, &subjects, session.seed, progress);
    bar.finish_and_clear();
    let rows = rows.map_err(failed)?;

    let document = serde_json::json!({
        "truth": truth.name,
        "n": indices.len(),
        "reading": truth.reading.map(|reading| reading.to_string()),
        "exact": arguments.exact,
        "rows": rows,
    });
    if let (Some(mut file), Some(path)) = (save, &arguments.save) {
        let text = serde_json::to_string_pretty(&document)?;
        let written = file.set_len(0).and_then(|()| writeln!(file, "{text}"));
        written.with_context(|| format!("--save {}", path.display()))?;
    }
    let table = RankTable::new(&rows);
    let out = &mut std::io::stdout().lock();
    match arguments.format {
        _ if session.json => print_json(&document)?,
        RankFormatArgument::Json => print_json(&document)?,
        RankFormatArgument::Csv => table.write_csv(out)?,
        RankFormatArgument::Markdown => table.write_markdown(out)?,
        RankFormatArgument::Table => {
            session.report.note(format_args!(
                "{}: {} architectures against {}{}",
                truth.name,
                indices.len(),
                truth.metric,
                if truth.lower_is_better {
                    ", turned so that larger is better"
                } else {
                    ""
                }
            ));
            table.write_text(out)?;
        }
    }
    for row in rows.iter().filter(|row| row.undefined > 0) {
        session.report.warn(format_args!(
            "{}: not a finite number on {} architectures, so not ranked",
            row.proxy, row.undefined
        ));
    }
    Ok(())
}

/// What the options name: proxies, and products of ranks together with what they
/// are made of.
fn chosen(arguments: &Rank) -> Result<(Vec<Proxy>, Vec<&'static RankProduct>)> {
    match (&arguments.proxies[..], arguments.all) {
        ([], true) => Ok((Proxy::all_named(), RANK_PRODUCTS.iter().collect())),
        ([], false) => {
            let cheap = |proxy: &Proxy| !proxy.formula.needs_whole_tensors();
            let proxies = Proxy::all_named().into_iter().filter(cheap).collect();
            Ok((proxies, Vec::new()))
        }
        (texts, _) => {
            let is_product = |text: &&String| find_product(text).is_some();
            let (products, texts): (Vec<&String>, Vec<&String>) =
                texts.iter().partition(is_product);
            let products: Vec<_> = (products.iter())
                .filter_map(|name| find_product(name))
                .collect();
            let texts: Vec<String> = texts.into_iter().cloned().collect();
            let mut proxies = proxies(&texts)?;
            for part in products.iter().flat_map(|product| product.parts) {
                if !proxies.iter().any(|proxy| proxy.name == *part) {
                    proxies.push(Proxy::parse(part).map_err(failed)?);
                }
            }
            Ok((proxies, products))
        }
    }
}

/// A file that the user chose, ready to be written; what it holds is kept until
/// there is something to put in its place.
fn writable(path: &Path) -> Result<File> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    file.map_err(|error| {
        Failure::input(format_args!(
            "--save {}: cannot be written to: {error}",
            path.display()
        ))
    })
}

/// What every pass has to score.
struct Work<'a> {
    session: &'a Session,
    proxies: &'a [Proxy],
    /// Whether whole tensors are asked for where traces would do.
    exact: bool,
    source: String,
    ids: &'a [String],
    architectures: &'a [Architecture],
    indices: &'a [usize],
}

impl Work<'_> {
    /// The scores of every proxy in one pass: from traces, and in a second go over
    /// the networks those that no trace gives, each charged an equal share of its
    /// time, and timed alone.
    fn scores(&self, workbench: &Workbench) -> Result<PassScores> {
        let is_whole = |proxy: &Proxy| {
            proxy.formula.needs_whole_tensors() || (self.exact && proxy.needs_network())
        };
        let (whole, traced): (Vec<Proxy>, Vec<Proxy>) =
            self.proxies.iter().cloned().partition(is_whole);

        let mut exact = Vec::new();
        let mut seconds = Vec::new();
        if !whole.is_empty() {
            let architectures: Vec<Architecture> = (self.indices.iter())
                .map(|&i| self.architectures[i].clone())
                .collect();
            let ids: Vec<String> = self.indices.iter().map(|&i| self.ids[i].clone()).collect();
            let start = Instant::now();
            exact = (self.session).exact_scores(workbench, &ids, &architectures, &whole)?;
            let total = start.elapsed().as_secs_f64() / whole.len() as f64;
            let alone = self.alone(workbench, &ids, &architectures, &whole)?;
            seconds = alone
                .into_iter()
                .map(|each| Seconds { total, each })
                .collect();
        }
        let mut exact = exact.into_iter().zip(seconds);
        let traces = match traced.is_empty() {
            true => Vec::new(),
            false => self.session.traces(
                workbench,
                &self.source,
                self.ids,
                self.architectures,
                &traced,
            )?,
        };
        let evaluator = Evaluator::new(&traces);
        let mut pass = PassScores::default();
        for proxy in self.proxies {
            match is_whole(proxy).then(|| exact.next()).flatten() {
                Some((scores, seconds)) => pass.add(proxy, scores, seconds),
                None => pass
                    .add_traced(proxy, &evaluator, self.indices)
                    .map_err(failed)?,
            }
        }
        Ok(pass)
    }

    /// The seconds that each proxy takes by itself on the architecture of median
    /// size.
    fn alone(
        &self,
        workbench: &Workbench,
        ids: &[String],
        architectures: &[Architecture],
        proxies: &[Proxy],
    ) -> Result<Vec<f64>> {
        let mut order: Vec<usize> = (0..architectures.len()).collect();
        order.sort_by_key(|&i| architectures[i].parameters().total());
        let Some(&median) = order.get(order.len() / 2) else {
            return Ok(Vec::new());
        };
        let (ids, architectures) = (&ids[median..=median], &architectures[median..=median]);
        let bar = self.session.report.bar("timing", proxies.len() as u64);
        let time = |proxy: &Proxy| {
            let (proxy, cancel) = (std::slice::from_ref(proxy), &self.session.cancel);
            let start = Instant::now();
            (workbench.exact_scores(ids, architectures, proxy, &|_| (), cancel)).map_err(failed)?;
            bar.inc(1);
            Ok(start.elapsed().as_secs_f64())
        };
        let times = proxies.iter().map(time).collect();
        bar.finish_and_clear();
        times
    }
}
