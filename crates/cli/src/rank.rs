//! `lpzero rank`: proxies against a ground truth.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use lpzero::language::named::{RANK_PRODUCTS, RankProduct, find_product};
use lpzero::truth::GroundTruth;
use lpzero::{Proxy, RankOptions, Ranking, Study};

use super::arguments::{Rank, RankFormatArgument};
use super::failure::{Failure, failed};
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
        like: arguments.like.into(),
        seed: session.seed,
        ..RankOptions::new(proxies)
    };
    if let Some(sizes) = options.split {
        sizes.draw(&truth, options.seed).map_err(failed)?;
    }
    // Better now than after the work.
    let save = arguments.save.as_deref().map(writable).transpose()?;

    let networks = truth.entries.iter().map(|entry| &entry.architecture);
    let workbench = session.workbench(&arguments.pass, networks)?;
    let study = Study::new(vec![truth], workbench);
    let rankings = study.rank_with(&options).map_err(failed)?;
    for (truth, ranking) in study.truths().iter().zip(&rankings) {
        if let (Some(mut file), Some(path)) = (save.as_ref(), &arguments.save) {
            let text = serde_json::to_string_pretty(ranking)?;
            let written = file.set_len(0).and_then(|()| writeln!(file, "{text}"));
            written.with_context(|| format!("--save {}", path.display()))?;
        }
        print(session, arguments.format, truth, ranking)?;
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
            "{}: not a finite number on {} architectures, so not ranked",
            row.proxy, row.undefined
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
