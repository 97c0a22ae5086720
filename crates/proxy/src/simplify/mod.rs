//! Canonical form: formulas that are equal up to algebra become the same tree.
//!
//! Every rewriting keeps the value wherever the original has one, up to
//! rounding, and keeps it undefined where it is undefined; where that depends
//! on a sign, the rewriting waits for the [signs](crate::sign) to be known.
//! Constant differences and quotients (`x - x`, `x / x`) are therefore not
//! folded: they are undefined where x is, and [`check`](crate::check) prunes
//! them.

mod normal;
mod order;
mod rewrite;

use crate::operator::known;
use crate::sign::signs;
use crate::{Direction, Domain, MAX_DEPTH, Node, Type, type_of, without_disconnected};
use normal::{Terms, split_coefficient};
use rewrite::rewrite;

/// The canonical form of a well-typed formula.
///
/// - Sums and products are flattened, like terms and factors combined, the
///   rest sorted; constants are folded.
/// - What has no effect goes: `no_op`, disconnected branches, double negation,
///   idempotent operators applied twice, `abs` of what cannot be negative.
/// - Inverse operators cancel where the inner one is defined.
/// - Constant factors, and factors that are numbers, move out of reductions
///   and aggregates that are linear, so that these can be exact.
///
/// The form has the type of the original and is never deeper than
/// [`MAX_DEPTH`]; a formula whose form would be is returned as it is.
///
/// ```
/// use lpzero_proxy::{parse, simplify};
///
/// let form = |source| simplify(&parse(source).unwrap()).to_string();
/// assert_eq!(form("sum(sum(abs(G * W)))"), "sum(sum(abs(W * G)))");
/// assert_eq!(form("sum(mean(2 * sqrt(square(W))))"), "2 * sum(l1(W))");
/// assert_eq!(form("layers * width * layers"), "width * square(layers)");
/// ```
pub fn simplify(node: &Node) -> Node {
    let Some(connected) = without_disconnected(node) else {
        return node.clone();
    };
    // One pass from the leaves up nearly always suffices; the bound is there
    // because nothing else proves that rewritings end.
    let mut form = pass(&connected);
    for _ in 0..4 {
        let next = pass(&form);
        if next == form {
            break;
        }
        form = next;
    }
    if form.depth() <= MAX_DEPTH {
        form
    } else {
        node.clone()
    }
}

/// A formula that ranks networks as another one does.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The formula.
    pub node: Node,
    /// Whether it ranks them in reverse.
    pub flipped: bool,
}

/// The canonical form up to what cannot change a ranking: strictly monotone
/// outermost functions, constant factors and constant terms are stripped.
///
/// Equal rankings are meant in exact arithmetic: where a stripped function
/// overflowed or rounded two scores to one, the form may still tell them apart.
///
/// ```
/// use lpzero_proxy::{canonical_for_ranking, parse};
///
/// let ranking = canonical_for_ranking(&parse("1 - 2 * log(params) / 3").unwrap());
/// assert_eq!(ranking.node.to_string(), "params");
/// assert!(ranking.flipped);
/// ```
pub fn canonical_for_ranking(node: &Node) -> Ranking {
    let mut ranking = Ranking {
        node: simplify(node),
        flipped: false,
    };
    if !matches!(type_of(&ranking.node), Ok(Type::Network)) {
        return ranking;
    }
    while let Some((inner, reverses)) = strip(&ranking.node) {
        ranking.node = simplify(&inner);
        ranking.flipped ^= reverses;
    }
    ranking
}

/// Removes one outermost function that keeps (or reverses) the order.
fn strip(node: &Node) -> Option<(Node, bool)> {
    let terms = Terms::of(node);
    if terms.constant != 0.0 && !terms.terms.is_empty() {
        let without = Terms {
            constant: 0.0,
            ..terms
        };
        return Some((without.build(), false));
    }
    let (coefficient, inner) = split_coefficient(node);
    if coefficient != 1.0 && coefficient != 0.0 {
        return Some((inner?, coefficient < 0.0));
    }
    let Node::Apply(operator, arguments) = node else {
        return None;
    };
    if let (known::POW, [base, Node::Number(exponent)]) = (*operator, &arguments[..]) {
        let domain = if *exponent > 0.0 {
            Domain::NonNegative
        } else {
            Domain::Positive
        };
        let strict = *exponent != 0.0 && signs(base).are_in(domain);
        return strict.then(|| (base.clone(), *exponent < 0.0));
    }
    let ([argument], Some((direction, domain))) = (&arguments[..], operator.row().monotone) else {
        return None;
    };
    signs(argument)
        .are_in(domain)
        .then(|| (argument.clone(), direction == Direction::Decreasing))
}

/// Simplifies from the leaves up.
fn pass(node: &Node) -> Node {
    let children: Vec<Node> = node.children().iter().map(pass).collect();
    if children.is_empty() {
        return node.clone();
    }
    rewrite(node.with_children(children))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{parse, parse_expression};

    fn form(source: &str) -> String {
        simplify(&parse_expression(source).unwrap()).to_string()
    }

    #[test]
    fn equal_formulas_have_one_form() {
        for (left, right) in [
            ("W + G + W", "G + 2 * W"),
            ("W * G * W", "square(W) * G"),
            ("-(-W)", "W"),
            ("abs(abs(W))", "abs(-W)"),
            ("abs(square(W))", "square(W)"),
            ("sqrt(square(W))", "abs(W)"),
            ("log(exp(W))", "W"),
            ("square(sqrt(S))", "S"),
            ("W ^ 1", "no_op(W)"),
            ("W ^ 2", "square(abs(W))"),
            ("revert(revert(revert(W)))", "-W"),
            ("W + disconnect(G)", "W"),
            ("mean(3 * W)", "3 * mean(W)"),
            ("std(-2 * W)", "2 * std(W)"),
            ("min(-W)", "-max(W)"),
            ("mean(abs(W))", "l1(W)"),
            ("l1(square(W))", "mean(square(W))"),
            ("sqrt(sum(square(W)))", "l2(W)"),
            ("square(W) * square(G)", "square(G * W)"),
            ("abs(W) * abs(G)", "abs(W * G)"),
            ("W / G / W", "W / (G * W)"),
            ("W * reciprocal(G)", "W / G"),
            ("1 / (1 / W)", "W"),
            ("maximum(W, maximum(G, W))", "maximum(G, W)"),
            ("2 + 3 * 4 + W", "W + 14"),
            ("square(W - G)", "square(G - W)"),
            ("sum(layers * l2(W))", "layers * sum(l2(W))"),
            ("sum(mean(W / l2(G)))", "sum(mean(W) / l2(G))"),
            ("sum[embed, attn, ffn, output, other](l2(W))", "sum(l2(W))"),
            ("square(-3 * W)", "9 * square(W)"),
            ("sqrt(layers) * sqrt(layers)", "layers"),
            ("layers ^ 3 / layers", "square(layers)"),
        ] {
            assert_eq!(form(left), form(right), "{left} and {right}");
        }
    }

    #[test]
    fn rewritings_that_would_define_the_undefined_are_not_made() {
        for source in [
            "square(sqrt(W))",
            "exp(log(W))",
            "W - W",
            "W / W",
            "sqrt(W) * sqrt(G)",
            "(W ^ 3) ^ 0.5",
            "relu(-W)",
        ] {
            let kept = parse_expression(source).unwrap();
            let simplified = simplify(&kept);
            assert_ne!(simplified, Node::Symbol(crate::Symbol::W), "{source}");
            assert_eq!(type_of(&simplified), type_of(&kept), "{source}");
        }
        assert_eq!(form("std(abs(W))"), "std(abs(W))");
        assert_eq!(form("square(sqrt(W))"), "square(sqrt(W))");
        assert_eq!(form("exp(log(W))"), "exp(log(W))");
    }

    #[test]
    fn rankings_forget_what_does_not_matter() {
        for (source, expected, flipped) in [
            ("log(params)", "params", false),
            ("-sqrt(params) + 7", "params", true),
            ("1 / sum(l2(G))", "1 / sum(l2(G))", false),
            ("2 / params", "params", true),
            ("exp(sum(mean(W)))", "sum(mean(W))", false),
            ("square(sum(l2(W)))", "sum(l2(W))", false),
            ("square(sum(mean(W)))", "square(sum(mean(W)))", false),
            ("(layers * width) ^ 0.5 * 3", "layers * width", false),
            ("sum(mean(W)) / -2", "sum(mean(W))", true),
        ] {
            let ranking = canonical_for_ranking(&parse(source).unwrap());
            let expected = simplify(&parse(expected).unwrap());
            assert_eq!(
                (ranking.node, ranking.flipped),
                (expected, flipped),
                "{source}"
            );
        }
    }

    #[test]
    fn long_chains_stay_within_the_greatest_depth() {
        let mut chain = String::from("params");
        for term in 0..90 {
            chain = format!("({chain} + log(layers + {term}))");
        }
        let node = parse(&chain).unwrap();
        assert!(simplify(&node).depth() <= MAX_DEPTH);
    }
}
