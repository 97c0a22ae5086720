//! `lpzero proxies NAME --sees`: how a score answers to each dimension of a shape.

use std::io::Write;

use anyhow::Result;
use lpzero::arch::Space;
use lpzero::nas::Cost;
use lpzero::sees::{INVISIBLE, Seen, Sight};
use lpzero::{Pass, Proxy, Workbench};

use super::failure::failed;
use super::output::print_json;
use super::plain::{Table, stdout};
use super::session::Session;

/// Prints what a proxy sees around two small decoders.
pub fn run(session: &Session, name: &str) -> Result<()> {
    let proxy = Proxy::parse(name).map_err(failed)?;
    let sights = look(session, &proxy, Pass::default())?;
    match session.json {
        true => print_json(&document(&proxy, &sights)),
        false => write_table(&proxy, &sights, &mut stdout()),
    }
}

/// What a proxy sees around two small decoders, for the page of a run; `None` where it cannot
/// be scored there. One short sequence tells as much, and nobody waits for it.
pub fn kept(session: &Session, formula: &str) -> Option<serde_json::Value> {
    let proxy = Proxy::parse(formula).ok()?;
    let pass = Pass {
        batch: 1,
        positions: 32,
        ..Pass::default()
    };
    let sights = look(session, &proxy, pass).ok()?;
    Some(document(&proxy, &sights))
}

fn look(session: &Session, proxy: &Proxy, pass: Pass) -> Result<Vec<Sight>> {
    let workbench = Workbench::new(session.threads()).map_err(failed)?;
    let workbench = workbench.with_seed(session.seed).with_pass(pass);
    let workbench = workbench.with_watch(session.watch.clone());
    workbench.sees(proxy).map_err(failed)
}

fn document(proxy: &Proxy, sights: &[Sight]) -> serde_json::Value {
    serde_json::json!({
        "proxy": proxy.name,
        "formula": proxy.formula.to_string(),
        "sign": proxy.sign,
        "shapes": sights,
    })
}

/// Says what of a space a proxy does not see, and what it takes without end, as far as none
/// of the `limited` costs grows.
pub fn warn(
    session: &Session,
    workbench: &Workbench,
    (space, proxy): (&Space, &Proxy),
    limited: &[Cost],
) {
    if session.report.is_quiet() {
        return;
    }
    // What stops this stops the work that follows, too.
    let Ok(sight) = workbench.sees_in(space, proxy) else {
        return;
    };
    let (unseen, unpaid) = (sight.unseen(), sight.unpaid(limited));
    let proxy = &proxy.name;
    if !unseen.is_empty() {
        session.report.warn(format_args!(
            "{proxy} does not see {}: what a search chooses of it says nothing",
            unseen.join(", ")
        ));
    }
    if !unpaid.is_empty() {
        session.report.warn(format_args!(
            "{proxy} pays for {}, which costs nothing here: a search takes the most of it",
            unpaid.join(", ")
        ));
    }
}

fn write_table(proxy: &Proxy, sights: &[Sight], out: &mut impl Write) -> Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for seen in sights.iter().flat_map(|sight| &sight.dimensions) {
        if !names.contains(&&*seen.dimension) {
            names.push(&seen.dimension);
        }
    }
    let mut table = Table::new();
    let shapes = sights.iter().flat_map(|sight| [sight.shape.as_str(), ""]);
    table.set_header(std::iter::once(proxy.name.as_str()).chain(shapes));
    for name in names {
        let cells = sights.iter().flat_map(|sight| {
            let mut dimensions = sight.dimensions.iter();
            cells(dimensions.find(|seen| seen.dimension == name))
        });
        table.add_row(std::iter::once(name.to_owned()).chain(cells));
    }
    table.align_numbers(1);
    for (number, _) in sights.iter().enumerate() {
        table.align_text(2 * number + 2);
    }
    writeln!(out, "{table}\n")?;
    writeln!(
        out,
        "By how many percent the score grows where a dimension grows by one; invisible below \
         {INVISIBLE}, - where a score is not positive."
    )?;
    Ok(())
}

/// Elasticity and word; both empty where the shape has no such dimension.
fn cells(seen: Option<&Seen>) -> [String; 2] {
    match seen.map(|seen| (seen.elasticity, seen.effect)) {
        Some((Some(elasticity), Some(effect))) => {
            [format!("{elasticity:+.2}"), effect.word().to_owned()]
        }
        Some(_) => ["-".to_owned(), String::new()],
        None => [String::new(), String::new()],
    }
}
