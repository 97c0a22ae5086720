//! Rules that discard formulas before they cost much, and the counters of what they discard.

use std::collections::BTreeMap;

use serde::Serialize;

/// Why a formula was not evaluated to the end: a rule of the operator table
/// ([`lpzero_proxy::Rule`]) or one of the predictions below.
pub type Rule = &'static str;

/// The scores are not all finite: on the first [`PROBE`] architectures, or later.
pub const NOT_FINITE: Rule = "not_finite";
/// The scores are all equal: on the first [`PROBE`] architectures, or later.
pub const CONSTANT: Rule = "constant";
/// The best that the full correlation can plausibly become is below what the
/// population already has.
pub const UPPER_BOUND: Rule = "upper_bound";
/// Ranks the first architectures as a member of the population does that is as simple
/// and does no worse on them.
pub const LIKE_MEMBER: Rule = "like_a_member";
/// Equal, up to algebra or a monotone outermost function, to a formula already met.
pub const DUPLICATE: Rule = "duplicate";
/// Ranks the search split exactly as a formula already kept.
pub const SAME_RANKS: Rule = "same_ranks";
/// Larger, in canonical form, than the limits of the search.
pub const TOO_LARGE: Rule = "too_large";
/// The evaluator could not evaluate it on these traces.
pub const UNDEFINED: Rule = "undefined";

/// The rules that discard a formula while it is evaluated.
pub(crate) const MEASURED: [Rule; 5] = [NOT_FINITE, CONSTANT, UPPER_BOUND, LIKE_MEMBER, UNDEFINED];

/// Architectures on which a formula must be finite and not constant.
pub const PROBE: usize = 8;

/// Standard errors between a correlation on some architectures and what it can
/// plausibly be on all: with a normal error, a formula that is just as good as
/// what is wanted is given up about once in forty times.
pub const CONFIDENCE: f64 = 2.0;

/// Counters of one search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Formulas that were drawn or bred.
    pub generated: u64,
    /// Formulas that differ from all earlier ones by more than algebra.
    pub canonical: u64,
    /// How many each rule discarded. Duplicates are counted here as well.
    pub pruned: BTreeMap<Rule, u64>,
    /// Formulas that were evaluated on the whole search split.
    pub evaluated: u64,
}

impl Counts {
    /// Counts one formula that a rule discarded.
    pub(crate) fn prune(&mut self, rule: Rule) {
        *self.pruned.entry(rule).or_default() += 1;
    }
}

/// Upper confidence bound of a full correlation, given the correlation on the
/// first `seen` of `all` architectures: [`CONFIDENCE`] standard errors of
/// Fisher's z above it, sqrt(1.06 / (m - 3)) being the standard error for
/// Spearman's rho (Fieller, Hartley and Pearson 1957), shrunk because the
/// sample is drawn from the very architectures that the full correlation is
/// over. The other fitnesses vary less, so for them the bound is on the safe side.
pub fn upper_bound(correlation: f64, seen: usize, all: usize) -> f64 {
    if seen <= 3 || seen >= all {
        return if seen >= all { correlation } else { 1.0 };
    }
    let (seen, all) = (seen as f64, all as f64);
    let finite_population = (1.0 - seen / all).sqrt();
    let error = (1.06 / (seen - 3.0)).sqrt() * finite_population;
    (fisher(correlation) + CONFIDENCE * error).tanh()
}

/// Fisher's z of a correlation, which is finite for perfect ones too.
pub(crate) fn fisher(correlation: f64) -> f64 {
    correlation.clamp(-1.0 + 1e-9, 1.0 - 1e-9).atanh()
}
