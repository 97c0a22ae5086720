//! The reference of the language, written from its tables.

use std::fmt::Write;

use lpzero_trace::{NetworkScalar, Role, Symbol};

use crate::named::{ABSENT, NAMED, RANK_PRODUCTS};
use crate::print::symbol_name;
use crate::{
    Class, Direction, Fixity, Kind, MAX_DEPTH, MAX_LENGTH, OPERATORS, Operator, ROLE_GROUPS, Rule,
};

/// What the reference says about operators of each kind, in its order.
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
    section(
        &mut out,
        "Symbols",
        "The last five take further passes, which are run only where a formula reads them: `score` and `rank` do, `search` does not offer them.",
    );
    rows(
        &mut out,
        &["symbol", "is", "class"],
        Symbol::ALL.iter().chain(&Symbol::LATER).map(|symbol| {
            let class = Class::of(*symbol).to_string();
            vec![
                format!("`{}`", symbol_name(*symbol)),
                symbol.meaning().to_owned(),
                class,
            ]
        }),
    );
    section(
        &mut out,
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
        rows(&mut out, &header, of_kind.map(operator_row));
    }
    section(&mut out, "Scalars", "One number per architecture.");
    rows(
        &mut out,
        &["scalar", "is"],
        NetworkScalar::ALL
            .iter()
            .map(|row| vec![format!("`{}`", row.name), row.description.to_owned()]),
    );
    section(
        &mut out,
        "Roles",
        "A filter names roles or groups of them; without one, every site but the norms takes part.",
    );
    rows(
        &mut out,
        &["group", "roles"],
        ROLE_GROUPS.iter().map(|(name, set)| {
            let roles: Vec<String> = set.iter().map(|role| format!("`{role}`")).collect();
            vec![format!("`{name}`"), roles.join(" ")]
        }),
    );
    let all: Vec<String> = Role::ALL
        .iter()
        .map(|(_, name)| format!("`{name}`"))
        .collect();
    let _ = write!(out, "\nAll roles: {}.\n", all.join(" "));
    section(&mut out, "Named proxies", "Formulas may use these names.");
    rows(
        &mut out,
        &["name", "formula", "is", "source", "our reading"],
        NAMED.iter().map(|proxy| {
            vec![
                format!("`{}`", proxy.name),
                format!("`{}`", proxy.formula),
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
        &mut out,
        &["name", "ranks of", "is", "source", "our reading"],
        RANK_PRODUCTS.iter().map(|product| {
            vec![
                format!("`{}`", product.name),
                product
                    .parts
                    .iter()
                    .map(|part| format!("`{part}`"))
                    .collect::<Vec<_>>()
                    .join(" "),
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
    section(
        &mut out,
        "Pruning rules",
        "What search discards unevaluated, by the key of its counter.",
    );
    rows(
        &mut out,
        &["rule", "because"],
        Rule::ALL
            .iter()
            .map(|rule| vec![format!("`{}`", rule.key()), rule.to_string()]),
    );
    out
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
        Fixity::Call => format!("`{}`", row.name),
        Fixity::Prefix(sign) => format!("`{sign}x` (`{}`)", row.name),
        Fixity::Left(sign, _) | Fixity::Right(sign, _) => format!("`a {sign} b` (`{}`)", row.name),
    };
    let aliases: Vec<String> = row.aliases.iter().map(|name| format!("`{name}`")).collect();
    let order = row.monotone.map_or(String::new(), |(direction, domain)| {
        let direction = match direction {
            Direction::Increasing => "increasing",
            Direction::Decreasing => "decreasing",
        };
        format!("{direction} for {domain}")
    });
    vec![
        written,
        aliases.join(" "),
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
        .map(|group| {
            let signs: Vec<String> = group.iter().map(|(_, sign)| format!("`{sign}`")).collect();
            signs.join(" ")
        })
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
