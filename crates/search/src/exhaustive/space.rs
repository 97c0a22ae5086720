//! Report on a space that was searched as a whole.

use serde::Serialize;

use super::aggregate::Aggregate;
use super::tally::BINS;

/// Size, rankings and optimum of a whole space, on the search split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Census {
    /// Unary operations per branch.
    pub unary: usize,
    /// Aggregates that make one number of all sites.
    pub aggregates: Vec<Aggregate>,
    /// Trees as the paper counts them, under every aggregate.
    pub trees: u64,
    /// Operands of binary operations that differ by more than algebra and sign:
    /// those that are one number per site, and tensors.
    pub branches: [usize; 2],
    /// Formulas that differ by more than algebra, of symbols that meet where an aggregate
    /// looks.
    pub canonical: u64,
    /// Share of them that was searched; left out where it is all of them.
    #[serde(skip_serializing_if = "is_whole")]
    pub done: f64,
    /// Canonical formulas that are finite and not constant on the search split, and whose branches
    /// differ in value from each other.
    pub measured: u64,
    /// Different rankings of the search split, a ranking and its reverse being one.
    pub rankings: u64,
    /// Relative standard error of that number, where there are too many to be
    /// counted one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rankings_error: Option<f64>,
    /// The best formula of the space.
    pub optimum: Optimum,
    /// How many of the measured formulas have which absolute correlation, in
    /// [`BINS`] equal bins from 0 to 1.
    pub histogram: [u64; BINS],
}

/// The best formula of a space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Optimum {
    /// Formula as enumerated; its correlation may be negative.
    pub formula: String,
    /// Absolute correlation on the search split.
    pub fitness: f64,
}

/// Whether all of a space is done.
fn is_whole(done: &f64) -> bool {
    *done >= 1.0
}
