//! A formula of the proxy language: parsed, printed, simplified and compiled.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lpzero_proxy::{
    Efforts, ExactVisitor, canonical_for_ranking, check, check_score, parse, parse_expression,
    simplify, to_latex,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(node) = parse_expression(text) else {
        return;
    };
    let printed = node.to_string();
    let again = parse_expression(&printed).expect("what is printed parses");
    assert_eq!(again.to_string(), printed);
    let _ = to_latex(&node);
    let _ = check(&node);
    if parse(text).is_ok() && check_score(&node).is_ok() {
        let simple = simplify(&node);
        assert!(check_score(&simple).is_ok(), "{printed} becomes {simple}");
        let _ = canonical_for_ranking(&node);
        let _ = Efforts::of(&node);
        assert!(ExactVisitor::new(std::slice::from_ref(&node)).is_ok());
    }
});
