//! `lpzero rank`: proxies against a ground truth.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use lpzero::language::named::{RANK_PRODUCTS, RankProduct, find_product};
use lpzero::run::Whole;
use lpzero::truth::GroundTruth;
use lpzero::{Proxy, RankOptions, Ranking, Study};

use super::arguments::{Rank, RankFormatArgument};
use super::failure::{failed, system};
use super::output::print_json;
use super::plain::stdout;
use super::rank_table::RankTable;
use super::session::Session;
use super::settings::proxies;

pub fn run(session: &Session, arguments: &Rank) -> Result<()> {
    let (proxies, products) = chosen(arguments)?;
    let truth = session.truth(&arguments.truth)?;
    let options = RankOptions {
        products,
        exact: arguments.exact,
        split: arguments.split.map(Into::into),
        repeats: arguments.repeats.into(),
        vary: arguments.vary,
        like: arguments.like.into(),
        seed: session.seed,
        ..RankOptions::new(proxies)
    };
    if let Some(sizes) = options.split {
        sizes.draw(&truth, options.seed).map_err(failed)?;
    }
    // Better now than after the work.
    let mut save = arguments.save.as_deref().map(Save::begin).transpose()?;

    let networks = truth.entries.iter().map(|entry| &entry.architecture);
    let workbench = session.workbench(&arguments.pass, networks)?;
    let workbench = workbench.with_patience(arguments.patience.patience);
    let study = Study::new(vec![truth], workbench);
    let rankings = study.rank_with(&options).map_err(failed)?;
    for (truth, ranking) in study.truths().iter().zip(&rankings) {
        // What cannot be saved can still be read.
        let saved = save.take().map(|save| save.finish(ranking));
        let printed = print(session, arguments.format, truth, ranking);
        saved.transpose()?;
        printed?;
    }
    Ok(())
}

fn print(
    session: &Session,
    format: RankFormatArgument,
    truth: &GroundTruth,
    ranking: &Ranking,
) -> Result<()> {
    let table = RankTable::new(&ranking.rows);
    let out = &mut stdout();
    match format {
        _ if session.json => print_json(ranking)?,
        RankFormatArgument::Json => print_json(ranking)?,
        RankFormatArgument::Csv => table.write_csv(out)?,
        RankFormatArgument::Markdown => table.write_markdown(out)?,
        RankFormatArgument::Table => {
            session.report.note(format_args!(
                "{}: {} architectures against {}{}",
                truth.name,
                ranking.n,
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
    for row in ranking.rows.iter().filter(|row| row.undefined > 0) {
        session.report.warn(format_args!(
            "{}: not a finite number on {} architectures, so not ranked: {}",
            row.proxy,
            row.undefined,
            row.undefined_why.as_deref().unwrap_or("no reason is known")
        ));
    }
    Ok(())
}

/// Proxies that the options name, and products of ranks together with the proxies that they are
/// made of.
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

/// A file that the user named for the ranking. What it holds is kept until the ranking
/// is on the disk.
struct Save<'a> {
    path: &'a Path,
    file: Whole,
}

impl<'a> Save<'a> {
    fn begin(path: &'a Path) -> Result<Self> {
        let file = Whole::create_named(path).map_err(|error| {
            let place = format!("--save {}: cannot be written to", path.display());
            system(&place, error)
        })?;
        Ok(Self { path, file })
    }

    fn finish(mut self, ranking: &Ranking) -> Result<()> {
        let text = serde_json::to_string_pretty(ranking)?;
        let written = writeln!(self.file, "{text}").and_then(|()| self.file.commit());
        written.with_context(|| format!("--save {}", self.path.display()))
    }
}
