//! Formulas as text: what parses, what it prints as, and what is said about
//! text that does not parse.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;

use common::{Random, score};
use lpzero_proxy::{
    FormulaId, Interner, MAX_DEPTH, Node, OperatorId, ParseErrorKind, Type, named, parse,
    parse_expression, simplify, to_latex, type_of,
};

fn printed(source: &str) -> String {
    parse_expression(source).unwrap().to_string()
}

/// The message and the column at fault.
fn complaint(source: &str) -> (String, usize) {
    let error = parse(source).unwrap_err();
    (error.kind.to_string(), error.column)
}

#[test]
fn every_random_formula_survives_printing_and_parsing() {
    let mut random = Random(1);
    for depth in (4..12).cycle().take(5_000) {
        let formula = score(&mut random, depth);
        let text = formula.to_string();
        let read = parse(&text).unwrap_or_else(|error| panic!("{}", error.render(&text)));
        assert_eq!(read, formula, "{text}");
    }
}

#[test]
fn formulas_are_equal_exactly_if_their_texts_and_their_ids_are() {
    let mut random = Random(3);
    let mut formulas = Interner::default();
    let mut met: Vec<Node> = Vec::new();
    let mut ids: HashMap<String, FormulaId> = HashMap::new();
    let mut again = 0;
    for depth in (3..9).cycle().take(6_000) {
        let drawn = score(&mut random, depth);
        for formula in [simplify(&drawn), drawn] {
            let new = !ids.contains_key(&formula.to_string());
            assert_eq!(formulas.get(&formula).is_none(), new, "{formula}");
            let id = formulas.intern(&formula);
            if new {
                assert_eq!(id.index(), met.len());
                ids.insert(formula.to_string(), id);
                met.push(formula);
            } else {
                again += 1;
                assert_eq!(ids[&formula.to_string()], id);
                assert_eq!(met[id.index()], formula);
            }
        }
    }
    assert_eq!(formulas.len(), met.len());
    assert!(again > 1_000 && met.len() > 1_000, "{again} {}", met.len());
    for (index, formula) in met.iter().enumerate().take(2_000) {
        assert!(
            met[..index].iter().all(|other| other != formula),
            "{formula}"
        );
    }
}

#[test]
fn precedence_is_power_then_minus_then_product_then_sum() {
    for (source, brackets) in [
        ("-W ^ 2 * G + W", "((-(W ^ 2)) * G) + W"),
        ("W - G - W", "(W - G) - W"),
        ("2 ^ 3 ^ 2", "2 ^ (3 ^ 2)"),
        ("W / G * W", "(W / G) * W"),
        ("W ^ -2", "W ^ (-2)"),
        ("-2 * W", "(-2) * W"),
        ("W @ G + W @ G", "(W @ G) + (W @ G)"),
    ] {
        let plain = parse_expression(source).unwrap();
        assert_eq!(plain, parse_expression(brackets).unwrap(), "{source}");
        assert_eq!(plain.to_string(), source);
    }
}

#[test]
fn only_needed_brackets_are_printed() {
    assert_eq!(printed("((W)) + ((G * W))"), "W + G * W");
    assert_eq!(printed("W - (G - W)"), "W - (G - W)");
    assert_eq!(printed("(-2) ^ 2"), "(-2) ^ 2");
    assert_eq!(printed("-(2)"), "neg(2)");
    assert_eq!(printed("-(W+G)"), "-(W + G)");
}

#[test]
fn numbers_read_in_every_usual_form() {
    for (source, value) in [
        ("1e-5", 1e-5),
        (".5", 0.5),
        ("2.", 2.0),
        ("1E+3", 1e3),
        ("-1.5", -1.5),
    ] {
        assert_eq!(parse_expression(source).unwrap(), Node::Number(value));
    }
}

#[test]
fn the_names_of_the_paper_are_understood() {
    for (paper, ours) in [
        ("frobenius_norm(W)", "l2(W)"),
        ("normalized_sum(W)", "mean(W)"),
        ("to_mean_scalar(W)", "mean(W)"),
        ("to_std_scalar(W)", "std(W)"),
        ("l1_norm(W)", "l1(W)"),
        ("revert(W)", "-W"),
        ("invert(W)", "reciprocal(W)"),
        ("sum(W, G)", "W + G"),
        ("difference(W, G)", "W - G"),
        ("product(W, G)", "W * G"),
        ("max(W, G)", "maximum(W, G)"),
    ] {
        assert_eq!(printed(paper), ours);
    }
}

#[test]
fn a_name_means_a_reduction_over_tensors_and_an_aggregate_over_sites() {
    let site = parse_expression("sum(W)").unwrap();
    assert_eq!(type_of(&site), Ok(Type::Site));
    let network = parse_expression("sum(sum(W))").unwrap();
    assert_eq!(type_of(&network), Ok(Type::Network));
}

#[test]
fn filters_take_roles_groups_and_grouping_by_layer() {
    assert_eq!(printed("sum[ffn-in,ffn](l2(G))"), "sum[ffn](l2(G))");
    assert_eq!(
        printed("sum[ query , by  layer ](l2(G))"),
        "sum[query, by layer](l2(G))"
    );
    assert_eq!(
        printed("sum(mean[by layer](std(A)))"),
        "sum(mean[by layer](std(A)))"
    );
    assert_eq!(printed("sum[attn, ffn](l2(G))"), "sum[block](l2(G))");
}

#[test]
fn named_proxies_are_formulas_in_formulas() {
    assert_eq!(printed("snip / layers"), "sum(sum(abs(W * G))) / layers");
}

#[test]
fn a_typo_is_pointed_at_with_a_suggestion() {
    assert_eq!(
        complaint("sum(sum(squrae(W)))"),
        (
            "unknown operator `squrae` (did you mean `square`?)".into(),
            9
        )
    );
    assert_eq!(
        complaint("layer ^ 2"),
        ("unknown name `layer` (did you mean `layers`?)".into(), 1)
    );
    assert_eq!(
        complaint("sum[fnn](l2(W))"),
        ("unknown role `fnn` (did you mean `ffn`?)".into(), 5)
    );
    assert_eq!(
        complaint("sum(l2(w))"),
        ("unknown name `w` (did you mean `W`?)".into(), 8)
    );
    assert_eq!(complaint("sum(l2(qqq))").0, "unknown name `qqq`");
}

#[test]
fn a_syntax_error_says_what_was_expected_where() {
    for (source, message, column) in [
        ("", "the formula is empty", 1),
        (
            "sum(l2(W)",
            "expected an operator, `,` or `)`, found the end of the formula",
            10,
        ),
        (
            "layers +",
            "expected a number, a name or `(`, found the end of the formula",
            9,
        ),
        (
            "layers layers",
            "expected an operator or the end of the formula, found `layers`",
            8,
        ),
        (
            "layers $ 2",
            "expected an operator or the end of the formula, found `$`",
            8,
        ),
        (
            "sum[ffn(l2(W))",
            "expected `]` after the roles of the filter, found the end of the formula",
            15,
        ),
        (
            "abs + 1",
            "`abs` is an operator and needs its argument(s) in parentheses",
            1,
        ),
        (
            "abs[ffn](layers)",
            "`abs` takes no filter in brackets; only aggregates over sites do",
            1,
        ),
        ("abs(layers, 2)", "`abs` takes 1 argument(s), not 2", 1),
        ("1e999", "`1e999` is not a finite number", 1),
        ("sum(l2(W))\n  + é", "unknown name `é`", 5),
    ] {
        assert_eq!(complaint(source), (message.to_owned(), column), "{source}");
    }
}

#[test]
fn a_type_error_names_both_types_and_the_column() {
    for (source, message, column) in [
        (
            "sum(sum(W * A))",
            "`*` cannot combine a tensor of parameters (W, G) with a tensor of outputs (A, D, H, J)",
            11,
        ),
        (
            "sum(mean[by layer](l2(G)) + l2(G))",
            "`+` cannot combine one number per layer with one number per site",
            27,
        ),
        (
            "sum[ffn](W)",
            "`sum` takes one number per site or per layer, but its argument is a tensor of parameters (W, G)",
            10,
        ),
        (
            "sum(softmax(l2(W)))",
            "`softmax` takes a tensor that is not a matrix product, but its argument is one number per site",
            13,
        ),
        (
            "sum(confidence(abs(A)))",
            "`confidence` takes a bare symbol such as A, not an expression over one, since it is not read from a sample",
            16,
        ),
        (
            "layers ^ width",
            "the exponent of `^` must be a constant, but it is one number per architecture",
            10,
        ),
        (
            "l2(W)",
            "a proxy must be one number per architecture, but this formula is one number per site",
            1,
        ),
        (
            "sum[ffn](mean[by layer](l2(W)))",
            "`sum` aggregates layers here, which a filter or `by layer` cannot apply to; put it on the inner aggregate",
            1,
        ),
    ] {
        assert_eq!(complaint(source), (message.to_owned(), column), "{source}");
    }
}

#[test]
fn the_caret_stands_under_the_place() {
    let source = "sum(l2(W))\n + sum(l2(é))";
    assert_eq!(
        parse(source).unwrap_err().render(source),
        "unknown name `é` at column 11\n   + sum(l2(é))\n            ^"
    );
}

#[test]
fn a_formula_nested_10_000_deep_is_one_clear_error() {
    let nested = |open: &str, close: &str| {
        format!("sum(l2({}W{}))", open.repeat(10_000), close.repeat(10_000))
    };
    for source in [
        nested("abs(", ")"),
        nested("(", ")"),
        nested("-", ""),
        nested("2^", ""),
        format!("0{}", "+ 1".repeat(10_000)),
    ] {
        let error = parse(&source).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::TooDeep);
        assert_eq!(error.render(&source).lines().count(), 3);
        assert!(error.render(&source).len() < 400);
    }
    let long = " ".repeat(1 << 20) + "1";
    assert!(matches!(
        parse(&long).unwrap_err().kind,
        ParseErrorKind::TooLong { .. }
    ));
}

#[test]
fn trees_of_the_greatest_depth_are_read() {
    let abs = MAX_DEPTH - 3;
    let source = format!("sum(l2({}W{}))", "abs(".repeat(abs), ")".repeat(abs));
    assert_eq!(parse(&source).unwrap().depth(), MAX_DEPTH);
}

#[test]
fn any_text_gives_a_formula_or_an_error_within_it() {
    let words = [
        "sum", "[", "ffn", "]", "(", ")", "W", "G", "+", "-", "^", "1e", "é", ",", " ", "layers",
        "by layer", "@", "\n", ".", "abs", "\u{0}", "🦀",
    ];
    let mut random = Random(7);
    for _ in 0..20_000 {
        let length = random.below(12);
        let source: String = (0..length).map(|_| random.pick(&words)).collect();
        match parse(&source) {
            Ok(node) => assert_eq!(parse(&node.to_string()), Ok(node)),
            Err(error) => {
                assert!(error.span.end <= source.len());
                assert!(!error.render(&source).is_empty());
            }
        }
    }
}

#[test]
fn every_operator_of_the_table_prints_parses_and_has_tex() {
    for id in OperatorId::all() {
        let row = id.row();
        let argument = || parse_expression("W * G").unwrap();
        let node = match row.kind {
            lpzero_proxy::Kind::Aggregator => {
                Node::aggregate(id, None, parse_expression("l2(G)").unwrap())
            }
            lpzero_proxy::Kind::SymbolReduction => Node::unary(id, parse_expression("A").unwrap()),
            lpzero_proxy::Kind::Power => Node::binary(id, argument(), Node::Number(0.5)),
            _ if row.arity() == 2 => Node::binary(id, argument(), argument()),
            _ => Node::unary(id, argument()),
        };
        type_of(&node).unwrap();
        assert_eq!(parse_expression(&node.to_string()).unwrap(), node);
        for name in std::iter::once(&row.name).chain(row.aliases) {
            assert!(OperatorId::called(name, row.arity()).any(|called| called == id));
        }
        let tex = to_latex(&node);
        assert!(!tex.contains('#'), "{tex}");
        let count = |bracket: &str| tex.matches(bracket).count();
        assert_eq!(count("{"), count("}"), "{tex}");
        assert_eq!(count(r"\left"), count(r"\right"), "{tex}");
        assert!(row.doc.ends_with('.') && row.complexity > 0 && row.weight > 0.0);
    }
}

#[test]
fn tex_brackets_what_would_be_misread() {
    let tex = |source| to_latex(&parse_expression(source).unwrap());
    assert_eq!(tex("square(W + G)"), r"{\left(W + G\right)}^{2}");
    assert_eq!(tex("(W + G) / G"), r"\frac{W + G}{G}");
    assert_eq!(tex("-(W - G) * G"), r"-\left(W - G\right) \cdot G");
    assert_eq!(
        tex("1e-5 * layers ^ 2"),
        r"1 \cdot 10^{-5} \cdot {\text{layers}}^{2}"
    );
    for proxy in named::NAMED {
        assert!(!to_latex(&proxy.node()).is_empty());
    }
}
