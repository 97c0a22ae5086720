//! `lpzero rank`: proxies against a ground truth.

use std::io::Write;

use anyhow::Result;
use lpzero::language::named::{RANK_PRODUCTS, RankProduct, find_product};
use lpzero::points::Points;
use lpzero::truth::GroundTruth;
use lpzero::{Proxy, RankOptions, Ranking, Study};
use serde::Serialize;

use super::arguments::{ColumnsArgument, Rank, RankFormatArgument};
use super::failure::failed;
use super::output::print_json;
use super::plain::{sentences, stdout};
use super::provenance::Provenance;
use super::rank_table::{self, RankTable};
use super::save::Save;
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
    let mut save = arguments.save.as_deref().map(Save::begin).transpose()?;

    let networks = truth.entries.iter().map(|entry| &entry.architecture);
    let workbench = session.workbench(&arguments.pass, networks)?;
    let workbench = workbench.with_patience(arguments.patience.patience);
    let study = Study::new(vec![truth], workbench);
    let mut rankings = study.rank_with(&options).map_err(failed)?;
    for ranking in &mut rankings {
        rank_table::sort(&mut ranking.rows, arguments.sort);
    }
    for (truth, ranking) in study.truths().iter().zip(&rankings) {
        // What cannot be saved can still be read.
        let saved = save.take().map(|save| {
            save.finish(&Kept {
                ranking,
                points: &ranking.points,
                provenance: session.provenance(),
            })
        });
        let printed = print(session, arguments, truth, ranking);
        saved.transpose()?;
        printed?;
    }
    Ok(())
}

fn print(
    session: &Session,
    arguments: &Rank,
    truth: &GroundTruth,
    ranking: &Ranking,
) -> Result<()> {
    let table = RankTable::new(&ranking.rows);
    let out = &mut stdout();
    match arguments.format {
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
            table.write_text(out, arguments.columns == ColumnsArgument::All)?;
            let document = serde_json::to_value(ranking)?;
            let verdict = lpzero_report::verdict_of_ranking(&document);
            writeln!(out, "\n{}", sentences(verdict))?;
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

/// What a file keeps of a ranking: its document, the networks as the best proxy places them, and
/// who made it.
#[derive(Serialize)]
struct Kept<'a> {
    #[serde(flatten)]
    ranking: &'a Ranking,
    points: &'a Option<Points>,
    provenance: Provenance,
}
