//! The reference of the language, written from its tables.

use std::fmt::{Display, Write};

use lpzero_trace::{NetworkScalar, Role, Symbol};

use crate::named::{ABSENT, NAMED, RANK_PRODUCTS};
use crate::print::symbol_name;
use crate::{
    Class, Direction, Fixity, Kind, MAX_DEPTH, MAX_LENGTH, OPERATORS, Operator, ROLE_GROUPS, Rule,
};

/// Headings of the operators of each kind, and a word about them, in order.
const KINDS: &[(&str, &[Kind], &str)] = &[
    (
        "Elementwise",
        &[Kind::Elementwise, Kind::Disconnect],
        "One argument of any type; each number on its own.",
    ),
    (
        "Over tensors",
        &[Kind::Tensorwise, Kind::Fibre],
        "A tensor to a tensor of the same class; those along dimension 0 not over matrix products.",
    ),
    (
        "Reductions",
        &[Kind::Reduction, Kind::SymbolReduction],
        "A tensor to one number per site. `confidence` and `code_agreement` take a bare symbol.",
    ),
    (
        "Reductions of whole tensors",
        &[Kind::Decomposition],
        "A tensor to one number per site, by a decomposition that a sample cannot give: `score` and `rank` evaluate them on whole tensors, `search` does not offer them.",
    ),
    (
        "Aggregators",
        &[Kind::Aggregator],
        "One number per site to one per architecture, over the roles of a filter (`sum[ffn, query](...)`); with `by layer` to one per layer, to be aggregated once more.",
    ),
    (
        "Binary",
        &[Kind::Binary, Kind::Power, Kind::Product],
        "Two arguments, the one with fewer numbers broadcast to the other. Exponents are constant; a matrix product takes two tensors of one class.",
    ),
];

/// The reference of the language in Markdown: symbols, operators, scalars,
/// roles, named proxies and pruning rules, each from the table that the code
/// itself reads.
pub fn reference() -> String {
    let mut out = String::from("# The proxy language\n\n");
    out.push_str(
        "A proxy is a formula with one number per architecture. Reductions turn the tensors of a site into a number, aggregates turn the numbers of many sites into one.\n",
    );
    section(
        &mut out,
        "Types",
        "From many numbers to one: a tensor at every site (of a class), one number per site or per layer, one per architecture, a constant. Tensors of two classes do not combine, nor do numbers per site and numbers per layer.",
    );
    symbols(&mut out);
    operators(&mut out);
    scalars(&mut out);
    roles(&mut out);
    named_proxies(&mut out);
    rules(&mut out);
    out
}

fn symbols(out: &mut String) {
    section(
        out,
        "Symbols",
        "The last five take further passes, which are run only where a formula reads them: `score` and `rank` do, `search` does not offer them.",
    );
    rows(
        out,
        &["symbol", "is", "class"],
        Symbol::ALL.iter().chain(&Symbol::LATER).map(|symbol| {
            let class = Class::of(*symbol).to_string();
            vec![
                code(symbol_name(*symbol)),
                symbol.meaning().to_owned(),
                class,
            ]
        }),
    );
}

fn operators(out: &mut String) {
    section(
        out,
        "Operators",
        &format!(
            "Infix operators from loosest to tightest: {}; a minus sign in front binds between `*` and `^`. A formula is at most {MAX_DEPTH} deep and {MAX_LENGTH} bytes long.",
            infix_by_precedence()
        ),
    );
    for (title, kinds, text) in KINDS {
        let _ = write!(out, "\n### {title}\n\n{text}\n\n");
        let header = [
            "operator", "also", "computes", "domain", "order", "LPZero", "weight",
        ];
        let of_kind = OPERATORS.iter().filter(|row| kinds.contains(&row.kind));
        rows(out, &header, of_kind.map(operator_row));
    }
}

fn scalars(out: &mut String) {
    section(out, "Scalars", "One number per architecture.");
    rows(
        out,
        &["scalar", "is"],
        NetworkScalar::ALL
            .iter()
            .map(|row| vec![code(row.name), row.description.to_owned()]),
    );
}

fn roles(out: &mut String) {
    section(
        out,
        "Roles",
        "A filter names roles or groups of them; without one, every site but the norms takes part.",
    );
    rows(
        out,
        &["group", "roles"],
        ROLE_GROUPS
            .iter()
            .map(|(name, set)| vec![code(name), codes(set.iter())]),
    );
    let all = codes(Role::ALL.iter().map(|(_, name)| name));
    let _ = write!(out, "\nAll roles: {all}.\n");
}

fn named_proxies(out: &mut String) {
    section(out, "Named proxies", "Formulas may use these names.");
    rows(
        out,
        &["name", "formula", "is", "source", "our reading"],
        NAMED.iter().map(|proxy| {
            vec![
                code(proxy.name),
                code(proxy.formula),
                proxy.definition.to_owned(),
                proxy.source.to_owned(),
                proxy.note.to_owned(),
            ]
        }),
    );
    out.push_str(
        "\nProducts of ranks are statements about a set of architectures; `rank` knows them.\n\n",
    );
    rows(
        out,
        &["name", "ranks of", "is", "source", "our reading"],
        RANK_PRODUCTS.iter().map(|product| {
            vec![
                code(product.name),
                codes(product.parts.iter()),
                product.definition.to_owned(),
                product.source.to_owned(),
                product.note.to_owned(),
            ]
        }),
    );
    out.push_str("\nNot in the table:\n\n");
    for (name, reason) in ABSENT {
        let _ = writeln!(out, "- {name}. {reason}");
    }
}

fn rules(out: &mut String) {
    section(
        out,
        "Pruning rules",
        "What search discards unevaluated, by the key of its counter.",
    );
    rows(
        out,
        &["rule", "because"],
        Rule::ALL
            .iter()
            .map(|rule| vec![code(rule.key()), rule.to_string()]),
    );
}

/// A name as code.
fn code(name: impl Display) -> String {
    format!("`{name}`")
}

/// Names as code, side by side.
fn codes(names: impl Iterator<Item = impl Display>) -> String {
    names.map(code).collect::<Vec<_>>().join(" ")
}

fn section(out: &mut String, title: &str, text: &str) {
    let _ = write!(out, "\n## {title}\n\n");
    if !text.is_empty() {
        let _ = write!(out, "{text}\n\n");
    }
}

fn rows(out: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut line = |cells: &[String]| {
        // A bar inside a cell would end it.
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    };
    line(
        &header
            .iter()
            .map(|cell| (*cell).to_owned())
            .collect::<Vec<_>>(),
    );
    line(&vec!["---".to_owned(); header.len()]);
    rows.for_each(|row| line(&row));
}

fn operator_row(row: &Operator) -> Vec<String> {
    let written = match row.fixity {
        Fixity::Call => code(row.name),
        Fixity::Prefix(sign) => format!("`{sign}x` (`{}`)", row.name),
        Fixity::Left(sign, _) | Fixity::Right(sign, _) => format!("`a {sign} b` (`{}`)", row.name),
    };
    let order = row.monotone.map_or(String::new(), |(direction, domain)| {
        let direction = match direction {
            Direction::Increasing => "increasing",
            Direction::Decreasing => "decreasing",
        };
        format!("{direction} for {domain}")
    });
    vec![
        written,
        codes(row.aliases.iter()),
        row.doc.to_owned(),
        row.domain.to_string(),
        order,
        if row.paper { "yes" } else { "" }.to_owned(),
        row.weight.to_string(),
    ]
}

fn infix_by_precedence() -> String {
    let mut infix: Vec<(u8, &str)> = OPERATORS
        .iter()
        .filter_map(|row| match row.fixity {
            Fixity::Left(sign, precedence) | Fixity::Right(sign, precedence) => {
                Some((precedence, sign))
            }
            _ => None,
        })
        .collect();
    infix.sort_by_key(|(precedence, _)| *precedence);
    let groups: Vec<String> = infix
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| codes(group.iter().map(|(_, sign)| sign)))
        .collect();
    groups.join(", then ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_a_row_for_everything() {
        let text = reference();
        for row in OPERATORS {
            assert!(text.contains(&row.doc.replace('|', "\\|")), "{}", row.name);
        }
        for proxy in NAMED {
            assert!(text.contains(proxy.formula), "{}", proxy.name);
        }
        for (name, _) in ROLE_GROUPS {
            assert!(text.contains(&format!("`{name}`")), "{name}");
        }
        assert!(text.contains("`+` `-`, then `*` `/` `@`, then `^`"));
    }

    #[test]
    fn every_table_is_rectangular() {
        let text = reference();
        let tables = text.split("\n\n").filter(|block| block.starts_with('|'));
        for table in tables {
            let columns = |line: &str| line.replace("\\|", "").matches('|').count();
            let first = table.lines().next().map_or(0, columns);
            assert!(table.lines().all(|line| columns(line) == first), "{table}");
        }
    }
}
