//! Formulas as TeX, from the templates of the table.

use crate::print::{number, precedence, symbol_name};
use crate::{Fixity, Kind, Node, RoleSet};

/// The formula in TeX's math mode.
///
/// ```
/// let snip = lpzero_proxy::parse("sum[ffn](sum(abs(W * G)))").unwrap();
/// assert_eq!(
///     lpzero_proxy::to_latex(&snip),
///     r"\sum_{\text{ffn}} \operatorname{sum}\left(\left|W \cdot G\right|\right)"
/// );
/// ```
pub fn to_latex(node: &Node) -> String {
    match node {
        Node::Number(value) => latex_number(*value),
        Node::Scalar(scalar) => format!(r"\text{{{}}}", scalar.name().replace('_', r"\_")),
        Node::Symbol(symbol) => symbol_name(*symbol).to_owned(),
        Node::Apply(operator, arguments) => {
            let row = operator.row();
            let arguments: Vec<String> = arguments
                .iter()
                .enumerate()
                .map(|(index, argument)| bracketed(argument, needs_brackets(row, index, argument)))
                .collect();
            fill(row.latex, &arguments, "")
        }
        Node::Aggregate {
            operator,
            roles,
            by_layer,
            argument,
        } => {
            let template = operator.row().latex;
            // `\sum x` needs brackets around a looser x, `name(x)` has its own.
            let open = !template.contains(r"\left(#1");
            let loose = open && precedence(argument) <= 10;
            fill(
                template,
                &[bracketed(argument, loose)],
                &index(*roles, *by_layer),
            )
        }
    }
}

/// Whether an argument would be misread in its operator's template.
fn needs_brackets(row: &crate::Operator, index: usize, argument: &Node) -> bool {
    let inner = precedence(argument);
    let enclosed = row.latex.contains(r"\frac") && row.kind != Kind::Elementwise
        || row.latex.contains(r"\left")
        || row.latex.contains(r"\sqrt")
        || row.latex.starts_with(r"\frac");
    if enclosed {
        return false;
    }
    match row.fixity {
        Fixity::Left(..) if index == 0 && row.latex.starts_with('{') => !is_atom(argument),
        Fixity::Left(_, own) => inner < own || (index == 1 && inner <= own),
        Fixity::Right(_, _) => index == 0 && !is_atom(argument),
        Fixity::Prefix(_) => inner <= 10,
        // A postfix such as a square.
        Fixity::Call => row.latex.starts_with('{') && !is_atom(argument),
    }
}

/// Whether TeX shows the node as one letter, word, number or bracket.
fn is_atom(node: &Node) -> bool {
    match node {
        Node::Number(value) => *value >= 0.0,
        Node::Scalar(_) | Node::Symbol(_) => true,
        Node::Apply(operator, _) => operator.row().latex.starts_with(r"\left"),
        Node::Aggregate { .. } => false,
    }
}

fn bracketed(node: &Node, brackets: bool) -> String {
    let inner = to_latex(node);
    if brackets {
        format!(r"\left({inner}\right)")
    } else {
        inner
    }
}

fn fill(template: &str, arguments: &[String], index: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('#') {
        out.push_str(&rest[..at]);
        match rest[at + 1..].chars().next() {
            Some('0') => out.push_str(index),
            Some('1') => out.push_str(arguments.first().map_or("", String::as_str)),
            _ => out.push_str(arguments.get(1).map_or("", String::as_str)),
        }
        rest = rest.get(at + 2..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

/// The subscript that says what an aggregate runs over.
fn index(roles: Option<RoleSet>, by_layer: bool) -> String {
    let mut words: Vec<String> = roles.iter().map(RoleSet::to_string).collect();
    if by_layer {
        words.push("by layer".to_owned());
    }
    if words.is_empty() {
        String::new()
    } else {
        format!(r"_{{\text{{{}}}}}", words.join(", "))
    }
}

fn latex_number(value: f64) -> String {
    match number(value).split_once('e') {
        Some((mantissa, exponent)) => format!(r"{mantissa} \cdot 10^{{{exponent}}}"),
        None => number(value),
    }
}
