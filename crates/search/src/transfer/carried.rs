//! What the procedure finds, and how a journal has it.

use lpzero_proxy::Node;

/// The best formula of a procedure that did not see one ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Number of the ground truth that took no part.
    pub truth: usize,
    /// The formula, larger being better.
    pub formula: Node,
    /// The best formula of counts that the same procedure finds.
    pub counts: Node,
}

/// What the procedure finds: with all ground truths, and without each of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// The formulas, best first.
    pub formulas: Vec<Node>,
    /// The best formula of counts.
    pub counts: Node,
    /// The procedure without one ground truth after the other, where there are several.
    pub left_out: Vec<LeftOut>,
}

/// A line for the counts, two for every ground truth that was left out, then the formulas.
pub(super) fn encode(carried: &Carried) -> String {
    let mut lines = vec![
        carried.left_out.len().to_string(),
        carried.counts.to_string(),
    ];
    for left in &carried.left_out {
        lines.extend([left.formula.to_string(), left.counts.to_string()]);
    }
    lines.extend(carried.formulas.iter().map(ToString::to_string));
    lines.join("\n")
}

pub(super) fn decode(body: &[u8]) -> Option<Carried> {
    let mut lines = std::str::from_utf8(body).ok()?.lines();
    let several: usize = lines.next()?.parse().ok()?;
    let mut formulas = lines.map(|line| lpzero_proxy::parse(line).ok());
    let counts = formulas.next()??;
    let left_out = (0..several).map(|truth| {
        Some(LeftOut {
            truth,
            formula: formulas.next()??,
            counts: formulas.next()??,
        })
    });
    let left_out = left_out.collect::<Option<_>>()?;
    Some(Carried {
        formulas: formulas.collect::<Option<_>>()?,
        counts,
        left_out,
    })
}
