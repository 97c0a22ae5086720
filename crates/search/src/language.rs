//! Canonical forms and rules of the proxy language, as search asks for them.

use lpzero_proxy::{Node, canonical_for_ranking, check};

use crate::pruning::Rule;

/// The one formula that stands for all that rank alike by algebra. It may rank
/// in reverse; searches learn signs from the data.
pub(crate) fn canonical(formula: &Node) -> Node {
    canonical_for_ranking(formula).node
}

/// The rule that discards the formula as it was generated, if one does.
pub(crate) fn violated(formula: &Node) -> Option<Rule> {
    check(formula).err().map(|rule| rule.key())
}
