//! `lpzero proxies`: what formulas there are, and what one means.

use std::io::Write;

use anyhow::Result;
use lpzero::Proxy;
use lpzero::language::named::{self, NAMED, RANK_PRODUCTS, RankProduct};
use lpzero::language::{
    PartialVisitor, Symbol, canonical_for_ranking, reference, sum_over_sites, to_latex,
};

use super::arguments::Proxies;
use super::failure::failed;
use super::output::print_json;
use super::plain::{Table, stdout};
use super::sees;
use super::session::Session;

pub fn run(session: &Session, arguments: &Proxies) -> Result<()> {
    if arguments.reference {
        std::io::stdout().write_all(reference().as_bytes())?;
        return Ok(());
    }
    match &arguments.name {
        Some(name) if arguments.sees => sees::run(session, name),
        Some(name) => match named::find_product(name) {
            Some(product) => explain_product(session, product),
            None => explain(session, name),
        },
        None => list(session),
    }
}

fn list(session: &Session) -> Result<()> {
    if session.json {
        let rows: Vec<_> = NAMED
            .iter()
            .map(|proxy| {
                serde_json::json!({
                    "proxy": proxy.name,
                    "formula": proxy.formula,
                    "sign": proxy.sign,
                    "definition": proxy.definition,
                    "source": proxy.source,
                    "note": proxy.note,
                })
            })
            .collect();
        return print_json(&serde_json::json!({ "proxies": rows }));
    }
    let out = &mut stdout();
    let mut table = Table::new();
    table.set_header(["proxy", "formula", "definition"]);
    for proxy in NAMED {
        table.add_row([proxy.name, proxy.formula, proxy.definition]);
    }
    for product in RANK_PRODUCTS {
        table.add_row([product.name, &product.text(), product.definition]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn explain_product(session: &Session, product: &RankProduct) -> Result<()> {
    if session.json {
        return print_json(&serde_json::json!({
            "proxy": product.name,
            "ranks_of": product.parts,
            "definition": product.definition,
            "source": product.source,
            "note": product.note,
        }));
    }
    let out = &mut stdout();
    writeln!(out, "{}: {}", product.name, product.definition)?;
    writeln!(out, "source      {}", product.source)?;
    writeln!(out, "our reading {}", product.note)?;
    writeln!(out, "is the      {}", product.text())?;
    writeln!(
        out,
        "ranks only  it says nothing of one architecture: `lpzero rank --proxy {}`",
        product.name
    )?;
    Ok(())
}

fn explain(session: &Session, name: &str) -> Result<()> {
    let proxy = Proxy::parse(name).map_err(failed)?;
    let named = named::find(name);
    let canonical = canonical_for_ranking(&proxy.formula).node.to_string();
    let latex = to_latex(&proxy.formula);
    let complexity = proxy.formula.complexity();
    if session.json {
        return print_json(&serde_json::json!({
            "proxy": proxy.name,
            "formula": proxy.formula.to_string(),
            "canonical": canonical,
            "complexity": complexity,
            "latex": latex,
            "needs_network": proxy.needs_network(),
            "sign": proxy.sign,
            "definition": named.map(|named| named.definition),
            "source": named.map(|named| named.source),
            "note": named.map(|named| named.note),
            "of_sub_networks": of_sub_networks(&proxy),
            "reads": proxy.formula.symbols().iter().map(|symbol| format!("{symbol:?}")).collect::<Vec<_>>(),
        }));
    }
    let out = &mut stdout();
    if let Some(named) = named {
        writeln!(out, "{}: {}", named.name, named.definition)?;
        writeln!(out, "source      {}", named.source)?;
        if !named.note.is_empty() {
            writeln!(out, "our reading {}", named.note)?;
        }
    }
    writeln!(out, "formula     {}", proxy.formula)?;
    writeln!(out, "ranks like  {canonical}")?;
    writeln!(out, "complexity  {complexity}")?;
    writeln!(out, "latex       {latex}")?;
    writeln!(
        out,
        "reads       {}",
        if !proxy.needs_network() {
            "the architecture alone"
        } else {
            "one forward and backward pass"
        }
    )?;
    for symbol in proxy.formula.symbols() {
        writeln!(out, "            {symbol:?}: {}", symbol.meaning())?;
    }
    let sign = match proxy.sign {
        1 => "larger is better",
        _ => "smaller is better",
    };
    writeln!(out, "sign        {sign}")?;
    writeln!(out, "sub-nets    {}", of_sub_networks(&proxy))?;
    if proxy.formula.needs_whole_tensors() {
        writeln!(
            out,
            "exact only  scored on whole tensors; `search` does not offer it"
        )?;
    }
    writeln!(
        out,
        "\n`lpzero proxies --reference` explains every operator, symbol and role."
    )?;
    Ok(())
}

/// Ways to score the sub-networks of one network by a proxy, in words.
fn of_sub_networks(proxy: &Proxy) -> String {
    let formula = &proxy.formula;
    if !proxy.needs_network() {
        return "counted for each".into();
    }
    if let Err(reason) = PartialVisitor::new(std::slice::from_ref(formula), Vec::new()) {
        return format!("scored one by one: {reason}");
    }
    let weights_alone = formula.symbols().iter().all(|symbol| *symbol == Symbol::W);
    let restricted = match weights_alone {
        true => "exact from one pass",
        false => "approximate from one pass",
    };
    let solved = match sum_over_sites(formula) {
        Some(_) => "adds over sites, so that the best is solved for",
        None => "does not add over sites, so that the best is searched for",
    };
    format!("{restricted}; {solved}")
}
