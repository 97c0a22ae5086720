//! Formulas as text: what [`parse`](crate::parse) reads back to the same tree.

use std::fmt::{self, Write};

use lpzero_trace::Symbol;

use crate::operator::PREFIX_PRECEDENCE;
use crate::{Fixity, Node};

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(self, f)
    }
}

/// Precedence of calls, names and bracketed formulas.
pub(crate) const ATOM: u8 = u8::MAX;

/// How tightly the outermost operator of the printed formula binds.
pub(crate) fn precedence(node: &Node) -> u8 {
    match node {
        // A minus sign in front of a literal binds like any other.
        Node::Number(value) if value.is_sign_negative() => PREFIX_PRECEDENCE,
        Node::Apply(operator, arguments) => match operator.row().fixity {
            Fixity::Call => ATOM,
            // `-2` would read as a negative literal.
            Fixity::Prefix(_) if matches!(arguments[..], [Node::Number(_)]) => ATOM,
            Fixity::Prefix(_) => PREFIX_PRECEDENCE,
            Fixity::Left(_, precedence) | Fixity::Right(_, precedence) => precedence,
        },
        _ => ATOM,
    }
}

fn write_node(node: &Node, f: &mut impl Write) -> fmt::Result {
    match node {
        Node::Number(value) => f.write_str(&number(*value)),
        Node::Scalar(scalar) => f.write_str(scalar.name()),
        Node::Symbol(symbol) => f.write_str(symbol_name(*symbol)),
        Node::Apply(operator, arguments) => {
            let row = operator.row();
            match (row.fixity, &arguments[..]) {
                (Fixity::Prefix(symbol), [argument]) if precedence(node) != ATOM => {
                    f.write_str(symbol)?;
                    write_bracketed(argument, precedence(argument) < PREFIX_PRECEDENCE, f)
                }
                (Fixity::Left(symbol, own), [left, right]) => {
                    write_bracketed(left, precedence(left) < own, f)?;
                    write!(f, " {symbol} ")?;
                    write_bracketed(right, precedence(right) <= own, f)
                }
                (Fixity::Right(symbol, own), [left, right]) => {
                    write_bracketed(left, precedence(left) <= own, f)?;
                    write!(f, " {symbol} ")?;
                    // A prefix operator on the right cannot be misread.
                    let bracketed = precedence(right) < own.min(PREFIX_PRECEDENCE);
                    write_bracketed(right, bracketed, f)
                }
                _ => {
                    write!(f, "{}(", row.name)?;
                    for (index, argument) in arguments.iter().enumerate() {
                        if index > 0 {
                            f.write_str(", ")?;
                        }
                        write_node(argument, f)?;
                    }
                    f.write_char(')')
                }
            }
        }
        Node::Aggregate {
            operator,
            roles,
            by_layer,
            argument,
        } => {
            f.write_str(operator.row().name)?;
            match (roles, by_layer) {
                (None, false) => {}
                (None, true) => f.write_str("[by layer]")?,
                (Some(roles), false) => write!(f, "[{roles}]")?,
                (Some(roles), true) => write!(f, "[{roles}, by layer]")?,
            }
            f.write_char('(')?;
            write_node(argument, f)?;
            f.write_char(')')
        }
    }
}

fn write_bracketed(node: &Node, bracketed: bool, f: &mut impl Write) -> fmt::Result {
    if bracketed {
        f.write_char('(')?;
    }
    write_node(node, f)?;
    if bracketed {
        f.write_char(')')?;
    }
    Ok(())
}

/// The shortest decimal that reads back as the same number.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e15).contains(&magnitude) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// The letter of a symbol.
pub(crate) fn symbol_name(symbol: Symbol) -> &'static str {
    match symbol {
        Symbol::W => "W",
        Symbol::G => "G",
        Symbol::X => "X",
        Symbol::A => "A",
        Symbol::D => "D",
        Symbol::H => "H",
        Symbol::S => "S",
        Symbol::J => "J",
        Symbol::Hg => "Hg",
        Symbol::Gf => "Gf",
        Symbol::Lf => "Lf",
        Symbol::Gr => "Gr",
        Symbol::Jr => "Jr",
    }
}
